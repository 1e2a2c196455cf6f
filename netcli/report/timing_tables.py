"""What ``netcli time`` prints of its object: the layers, the whole net, numbers of threads."""

from __future__ import annotations

from typing import Any

from netcli.report import units
from netcli.report.tables import Column, table

PASSES = {
    "forward_ms": "forward",
    "backward_ms": "backward",
    "forward_backward_ms": "forward and backward",
    "training_iteration_ms": "training iteration",
}
"""key -> what people call it"""

UNSTEADY = 0.1
"""Share of the median that the interquartile range exceeds only on a machine that is busy with something else."""

_LAYERS = (
    Column("layer"),
    Column("type"),
    Column("forward ms", right=True),
    Column("iqr", right=True),
    Column("min", right=True),
    Column("backward ms", right=True),
    Column("iqr", right=True),
    Column("min", right=True),
    Column("share", right=True),
    Column("GFLOP/s", right=True),
    Column("of peak", right=True),
)

_SWEEP = (
    Column("threads", right=True),
    Column("forward ms", right=True),
    Column("backward ms", right=True),
    Column("iteration ms", right=True),
    Column("iqr", right=True),
    Column("min", right=True),
    Column("images/s", right=True),
    Column("speed-up", right=True),
    Column("GFLOP/s", right=True),
    Column("of peak", right=True),
)

_COMPARISON = (
    Column("what"),
    Column("pass"),
    Column("old ms", right=True),
    Column("new ms", right=True),
    Column("change", right=True),
    Column("verdict"),
)


def layer_table(result: dict[str, Any], *, terminal: bool) -> str:
    """One row for each layer, and one for what they do not account for."""
    rows = [
        [
            layer["name"],
            layer["type"],
            *_spread(layer["forward_ms"]),
            *_spread(layer["backward_ms"]),
            _share(layer["share"]),
            _rate(layer["gflops"]),
            _share(layer["of_peak"]),
        ]
        for layer in result["layers"]
    ]
    rest, whole = result["unattributed_ms"], whole_ms(result)
    rows.append(["unattributed", "", f"{rest:.3f}", *[""] * 5, _share(rest / whole if whole else None), "", ""])
    return table(_LAYERS, rows, terminal=terminal)


def sweep_table(result: dict[str, Any], *, terminal: bool) -> str:
    """One row for each number of threads."""
    slowest = result["sweep"][0]["images_per_s"]
    rows = []
    for step in result["sweep"]:
        iteration = iteration_of(step)
        rate = step["images_per_s"]
        rows.append(
            [
                str(step["threads"]),
                f"{step['forward_ms']['median']:.3f}",
                f"{step['backward_ms']['median']:.3f}" if step["backward_ms"] else "",
                *_spread(iteration),
                f"{rate:,.1f}" if rate else "",
                f"{rate / slowest:.2f}" if rate and slowest else "",
                _rate(step["gflops"]),
                _share(step["of_peak"]),
            ]
        )
    return table(_SWEEP, rows, terminal=terminal)


def comparison_table(comparison: dict[str, Any], *, terminal: bool) -> str:
    """One row for each pass of the whole net, then of each layer."""
    rows = [["whole net", row["name"], *_change(row)] for row in comparison["passes"]]
    rows += [[row["name"], row["pass"], *_change(row)] for row in comparison["layers"]]
    return table(_COMPARISON, rows, terminal=terminal)


def comparison_lines(comparison: dict[str, Any]) -> str:
    """By what rule it was compared, and what cannot be."""
    lines = [
        f"compared with {comparison['file']}: slower means that median and least time are both more than "
        f"{100 * comparison['tolerance']:g}% above the old ones; only the whole net's passes decide"
    ]
    for key, where in (("only_old", comparison["file"]), ("only_new", "this net")):
        if comparison[key]:
            lines.append(f"layers only in {where}: {', '.join(comparison[key])}")
    if comparison["other_cpu"]:
        lines.append(f"measured on another CPU: {comparison['other_cpu']}")
    return "\n".join(lines)


def summary(result: dict[str, Any]) -> str:
    """The whole net, its data, and how it was measured."""
    lines = []
    for key, title in PASSES.items():
        if result.get(key):
            lines.append(_line(title, _in_words(result[key])))
    lines += _data_lines(result["data"])
    rate = (
        "" if result["gflops"] is None else f"forward {result['gflops']:.1f} GFLOP/s, {result['of_peak']:.1%} of the "
    )
    lines += [
        _line("images", f"{units.count(round(result['images_per_s'] or 0))} a second"),
        _line("rate", f"{rate}measured peak {result['peak_gflops']:.1f} GFLOP/s (sgemm)"),
        _line("first iteration", f"{units.duration(result['compile_s'])}, compiling included; not counted"),
        _line("warm-up", f"{units.duration(result['warm_up_s'])}; not counted"),
        f"phase {result['phase']}, batch {result['batch']}, threads {result['threads']}, "
        f"medians of {result['iterations']} iterations",
    ]
    spread = iteration_of(result)
    if spread["iqr"] > UNSTEADY * spread["median"]:
        lines.append("the iterations vary by more than a tenth: the machine has other things to do")
    return "\n".join(lines)


def whole_ms(result: dict[str, Any]) -> float:
    """Median of all passes of the net: what the shares are shares of."""
    median: float = (result["forward_backward_ms"] or result["forward_ms"])["median"]
    return median


def iteration_of(result: dict[str, Any]) -> dict[str, float]:
    """Spread of the most that was timed as one."""
    found: dict[str, float] = (
        result.get("training_iteration_ms") or result["forward_backward_ms"] or result["forward_ms"]
    )
    return found


def _data_lines(data: dict[str, Any]) -> list[str]:
    if data["source"] == "none":
        return []
    if data["source"] == "generated":
        return [_line("data", f"generated data: {data['reason']}")]
    return [
        _line("with its own data", _in_words(data["iteration_ms"])),
        _line("waiting for data", f"{data['wait_share']:.1%} of that"),
    ]


def _line(title: str, text: str) -> str:
    return f"{title:21} {text}"


def _in_words(spread: dict[str, float]) -> str:
    return f"{spread['median']:.3f} ms, min {spread['min']:.3f}, iqr {spread['iqr']:.3f}"


def _spread(spread: dict[str, float] | None) -> list[str]:
    return ["", "", ""] if spread is None else [f"{spread[key]:.3f}" for key in ("median", "iqr", "min")]


def _change(row: dict[str, Any]) -> list[str]:
    change = "" if row["change"] is None else f"{row['change']:+.1%}"
    return [f"{row['old_ms']:.3f}", f"{row['new_ms']:.3f}", change, row["verdict"]]


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _rate(gflops: float | None) -> str:
    return "" if gflops is None else f"{gflops:.2f}"
