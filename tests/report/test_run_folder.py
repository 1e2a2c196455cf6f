"""Run folders: numbers that no two runs share, and nothing lost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from netcli.errors import RunError
from netcli.report.run_folder import RunFolder


def test_numbers_go_up_from_the_highest(tmp_path: Path) -> None:
    assert RunFolder.numbered(tmp_path / "runs", "lenet").path.name == "lenet-001"
    (tmp_path / "runs" / "lenet-041").mkdir()
    (tmp_path / "runs" / "lenet-x").mkdir()
    (tmp_path / "runs" / "lenet.v2-077").mkdir()
    assert RunFolder.numbered(tmp_path / "runs", "lenet").path.name == "lenet-042"
    (tmp_path / "runs" / "lenet-999").mkdir()
    assert RunFolder.numbered(tmp_path / "runs", "lenet").path.name == "lenet-1000"


def test_runs_that_start_together_do_not_share(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: RunFolder.numbered(tmp_path, "net").path, range(40)))
    assert len(set(folders)) == 40


def test_a_new_run_moves_old_metrics_aside_and_a_resumed_one_does_not(tmp_path: Path) -> None:
    folder = RunFolder.at(tmp_path / "run", resumed=False)
    folder.metrics.write_text("first\n")
    RunFolder.at(folder.path, resumed=True)
    assert folder.metrics.read_text() == "first\n"
    RunFolder.at(folder.path, resumed=False)
    assert folder.metrics.read_text() == ""
    assert (folder.path / "metrics.1.jsonl").read_text() == "first\n"
    folder.metrics.write_text("second\n")
    RunFolder.at(folder.path, resumed=False)
    assert (folder.path / "metrics.2.jsonl").read_text() == "second\n"


def test_discard_takes_away_only_what_is_empty(tmp_path: Path) -> None:
    empty = RunFolder.numbered(tmp_path, "net")
    empty.discard()
    assert not empty.path.exists()
    used = RunFolder.numbered(tmp_path, "net")
    used.metrics.write_text("{}\n")
    used.discard()
    assert used.metrics.exists()
    other = RunFolder.at(tmp_path / "mine", resumed=False)
    (other.path / "notes.txt").write_text("keep")
    other.discard()
    assert (other.path / "notes.txt").exists()


def test_config_and_manifest(tmp_path: Path) -> None:
    folder = RunFolder.at(tmp_path / "a" / "b", resumed=False)
    folder.write_config('type: "SGD"\n')
    folder.write_manifest({"seed": 1})
    assert (folder.path / "config.prototxt").read_text() == 'type: "SGD"\n'
    assert json.loads((folder.path / "manifest.json").read_text()) == {"schema": 1, "seed": 1}
    assert folder.snapshot_prefix == str(tmp_path / "a" / "b" / "model")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for make in (
        lambda: RunFolder.at(tmp_path / "file", resumed=False),
        lambda: RunFolder.at(tmp_path / "file" / "below", resumed=False),
        lambda: RunFolder.numbered(tmp_path / "file", "net"),
    ):
        with pytest.raises(RunError) as caught:
            make()
        assert caught.value.code == "NC513"
