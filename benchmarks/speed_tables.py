"""The results of ``training_speed.py`` as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from speed_rows import QUIET
from speed_worker import LAYOUTS, NETCLI

from netcli.report import units
from netcli.report.tables import Column, aligned

_WIDTHS = (26, 7, 9, 9, 13, 5, 14, 7, 7, 8, 6)
_TITLES = (
    "row", "threads", "netcli ms", "torch ms", "layout", "ratio", "range", "GFLOP/s", "of peak", "images/s", "others",
)  # fmt: skip


def _line(cells: Sequence[str]) -> str:
    first, *others = (
        cell.ljust(width) if width == _WIDTHS[0] else cell.rjust(width)
        for cell, width in zip(cells, _WIDTHS, strict=True)
    )
    return " ".join((first, *others))


ROW_TITLES = _line(_TITLES)


def row_line(row: dict[str, Any]) -> str:
    """A row, printed as soon as it is known."""
    return _line(
        (
            row["row"],
            str(row["threads"]),
            f"{row['ms'][NETCLI]:.2f}",
            f"{row['ms'][row['layout']]:.2f}",
            row["layout"],
            f"{row['ratio']:.2f}",
            f"{row['least_ratio']:.2f} to {row['largest_ratio']:.2f}",
            f"{row['gflops'][NETCLI]:.1f}",
            f"{row['share_of_peak']:.0%}",
            units.count(round(row["images_per_s"])),
            f"{row['foreign_cpu_share']:.0%}",
        )
    )


def quiet_line(rows: Sequence[dict[str, Any]]) -> str:
    """How well the sides kept out of each other's way, and whether the machine was theirs."""
    waiting, foreign = (max(row[key] for row in rows) for key in ("waiting_cpu_share", "foreign_cpu_share"))
    line = f"beside a block: the side that waits used up to {waiting:.1%} of a core, other programs up to {foreign:.0%}"
    return f"{line}, too much for these figures to count" if max(waiting, foreign) > QUIET else line


def peak_line(threads: int, peaks: dict[str, float]) -> str:
    """What the machine can do at best."""
    return f"{threads} threads: peak {peaks['fma']:.0f} GFLOP/s (multiply-add), {peaks['sgemm']:.0f} (NumPy's sgemm)"


def scaling_table(rows: Sequence[dict[str, Any]]) -> str:
    """Each row's time with its least number of threads over that with each number of them."""
    names = list(dict.fromkeys(row["row"] for row in rows))
    lines = []
    for name in names:
        own = sorted((row for row in rows if row["row"] == name), key=lambda row: row["threads"])
        for row in own[1:]:
            speedups = [_best(own[0], side) / _best(row, side) for side in ((NETCLI,), LAYOUTS)]
            lines.append([name, f"{own[0]['threads']} to {row['threads']}", *(f"{value:.2f}" for value in speedups)])
    columns = [Column("row"), Column("threads"), Column("netcli", right=True), Column("pytorch", right=True)]
    return aligned(columns, lines)


def layer_table(result: dict[str, Any]) -> str:
    """A line for each layer, and the sums."""
    columns = [Column("layer"), Column("type")]
    titles = ("forward ms", "torch", "ratio", "backward ms", "torch", "ratio", "GFLOP/s", "of peak")
    columns += [Column(title, right=True) for title in titles]
    rows = [_layer_row(layer) for layer in result["layers"]]
    totals = {
        side: {
            way: sum(layer[side][way] for layer in result["layers"] if layer[side]) for way in ("forward", "backward")
        }
        for side in ("netcli_ms", "pytorch_ms")
    }
    rows.append(_layer_row({"name": "all layers", "type": "", **totals, "gflops": None, "share_of_peak": None}))
    heading = f"{result['row']}, {result['threads']} threads, PyTorch in {result['layout']}"
    return f"{heading}\n{aligned(columns, rows, footer=1)}"


def start_table(results: Sequence[dict[str, Any]]) -> str:
    """Seconds to the end of the first iteration."""
    titles = ("empty cache s", "from the cache s", "torch s")
    rows = [[r["row"], f"{r['empty_cache_s']:.1f}", f"{r['cached_s']:.1f}", f"{r['pytorch_s']:.1f}"] for r in results]
    return aligned([Column("row"), *(Column(title, right=True) for title in titles)], rows)


def memory_table(results: Sequence[dict[str, Any]]) -> str:
    """Peaks of whole processes, what the libraries alone take of them, and what ``netcli show`` says beforehand."""
    keys = ("peak_mib", "before_mib", "forecast_mib")
    rows = [
        [result["row"], side, *(f"{memory[key]:,.0f}" if key in memory else "" for key in keys)]
        for result in results
        for side, memory in result["memory"].items()
    ]
    titles = ("peak MiB", "without a net", "forecast")
    return aligned([Column("row"), Column("side"), *(Column(title, right=True) for title in titles)], rows)


def _best(row: dict[str, Any], variants: Sequence[str]) -> float:
    return min(row["ms"][variant] for variant in variants)


def _layer_row(layer: dict[str, Any]) -> list[str]:
    cells = [layer["name"], layer["type"]]
    for way in ("forward", "backward"):
        ours, theirs = layer["netcli_ms"][way], layer["pytorch_ms"] and layer["pytorch_ms"][way]
        cells += [
            f"{ours:.3f}" if ours else "",
            f"{theirs:.3f}" if theirs else "",
            f"{theirs / ours:.2f}" if theirs and ours else "",
        ]
    gflops, share = layer["gflops"], layer["share_of_peak"]
    return [*cells, f"{gflops:.0f}" if gflops else "", f"{share:.0%}" if share else ""]
