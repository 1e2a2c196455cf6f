"""docs/metrics.md names every key that the files of a run have."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from netcli.report.metrics import metrics_record
from netcli.solver import events

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
RANGE = events.ValueRange(0.0, 1.0, 0.5, 0)
EVENTS: dict[str, events.Event] = {
    "started": events.Started(0, 1, 2, 3, 4, 5),
    "train": events.Train(0, 0.1, 1.0, 1.0, {}, {}, 1, 1, 1.0, 0.0, None),
    "test": events.Test(0, 0, {}, {}, 1, 1, 1.0),
    "snapshot": events.Snapshot(0, Path("w"), None),
    "diverged": events.Diverged(0, 0.1, 1.0, None, None, blobs=(events.BlobSummary("l", "b", RANGE, RANGE),)),
    "finished": events.Finished(0, "max_iter", 1.0),
}


def test_every_key_of_every_event_is_described() -> None:
    metrics, _, _ = PAGE.partition("## manifest.json")
    general, *parts = re.split(r"\n(?=`[a-z]+`: )", metrics)
    sections = {part[1 : part.index("`:")]: part for part in parts}
    assert list(sections) == list(EVENTS)
    for name, event in EVENTS.items():
        record = metrics_record(event)
        assert record is not None
        missing = [key for key in record if f"`{key}`" not in general + sections[name]]
        assert missing == [], name


@pytest.mark.usefixtures("tiny")
def test_every_key_of_the_manifest_is_described(run: Any) -> None:
    assert run("train", "solver.prototxt", "-q", "--max-iter", 1, "--out", "r").exit_code == 0
    manifest = json.loads(Path("r/manifest.json").read_text())
    assert manifest["git"] is None or set(manifest["git"]["files"].values()) == {"untracked"}
    _, _, described = PAGE.partition("## manifest.json")
    assert [key for key in manifest if key != "schema" and f"`{key}`" not in described] == []
