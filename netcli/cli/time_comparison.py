"""``netcli time --compare``: what took how long before, what takes longer now, and whether that counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from netcli.errors import Finding, RunError
from netcli.report.timing_tables import PASSES

SETTINGS = ("batch", "threads", "phase", "device")
"""What must be alike for times to be comparable."""


def read_measurements(path: Path) -> dict[str, Any]:
    """What ``netcli time --json`` has printed into ``path``.

    Raises:
        RunError: NC571, there is no such file or it holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        compared(found, {"cpu": None, **found}, path, tolerance=0)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _unusable(path, "it is none of netcli time's") from error
    return dict(found)


def check_settings_alike(old: dict[str, Any], new: dict[str, Any], path: Path) -> None:
    """Raises RunError NC571 where ``old``, which stood in ``path``, was measured with other settings than ``new``."""
    for key in SETTINGS:
        if key in old and old[key] != new[key]:
            raise RunError.of(
                "NC571", f"'{path}' was measured with another {key}", expected=new[key], actual=old[key],
                hint="measure both alike",
            )  # fmt: skip


def compared(old: dict[str, Any], new: dict[str, Any], path: Path, tolerance: float) -> dict[str, Any]:
    """The object ``compare`` of ``netcli time --json``.

    A time is slower if both its median and its least value exceed the old ones by more than ``tolerance``, a
    share; faster likewise. Two of them must agree because a busy machine moves medians, and luck moves least values.
    """
    passes = [
        {"name": title, **_change(old[key], new[key], tolerance)}
        for key, title in PASSES.items()
        if old.get(key) and new.get(key)
    ]
    before = {layer["name"]: layer for layer in old["layers"]}
    layers = []
    for layer in new["layers"]:
        for key in ("forward_ms", "backward_ms"):
            known = before.get(layer["name"], {}).get(key)
            if known and layer[key]:
                layers.append({"name": layer["name"], "pass": PASSES[key], **_change(known, layer[key], tolerance)})
    names = [layer["name"] for layer in new["layers"]]
    return {
        "file": str(path),
        "tolerance": tolerance,
        "passes": passes,
        "layers": layers,
        "only_old": [name for name in before if name not in names],
        "only_new": [name for name in names if name not in before],
        "other_cpu": old["cpu"] if old.get("cpu") not in (None, new["cpu"]) else None,
        "regression": any(row["verdict"] == "slower" for row in passes),
    }


def raise_regression(comparison: dict[str, Any]) -> None:
    """Raises RunError NC570 that names all passes of the whole net that have become slower."""
    slower = [row for row in comparison["passes"] if row["verdict"] == "slower"]
    if slower:
        raise RunError(
            [
                Finding(
                    "NC570",
                    f"{row['name']} is slower than in '{comparison['file']}'",
                    expected=f"{row['old_ms']:.3f} ms, or up to {100 * comparison['tolerance']:g}% more",
                    actual=f"{row['new_ms']:.3f} ms ({row['change']:+.1%})",
                    hint="measure again on a quiet machine before you believe it",
                )
                for row in slower
            ]
        )


def _change(old: dict[str, float], new: dict[str, float], tolerance: float) -> dict[str, Any]:
    verdict = "same"
    if all(new[key] > old[key] * (1 + tolerance) for key in ("median", "min")):
        verdict = "slower"
    elif all(new[key] * (1 + tolerance) < old[key] for key in ("median", "min")):
        verdict = "faster"
    change = round(new["median"] / old["median"] - 1, 4) if old["median"] else None
    return {"old_ms": old["median"], "new_ms": new["median"], "change": change, "verdict": verdict}


def _unusable(path: Path, reason: str) -> RunError:
    return RunError.of(
        "NC571", f"cannot compare with '{path}': {reason}", hint=f"netcli time FILE --json > {path.name} makes one"
    )
