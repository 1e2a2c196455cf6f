"""The config that a run leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from netcli.prototxt import SolverSource, load_solver
from netcli.report.resolved_config import resolved_config

NET = """
layer {{
  name: "{name}" type: "Data" top: "data"
  transform_param {{ mean_file: "mean.binaryproto" }}
  data_param {{ source: "{source}" batch_size: 1 }}
}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A solver in one folder, its nets and their data in another, the user in a third."""
    for name in ("solver", "nets", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "nets" / "data_lmdb").mkdir()
    (tmp_path / "nets" / "mean.binaryproto").write_bytes(b"")
    for name in ("train", "test"):
        (tmp_path / "nets" / f"{name}.prototxt").write_text(NET.format(name=name, source="data_lmdb"))
    (tmp_path / "solver" / "solver.prototxt").write_text(
        'train_net: "nets/train.prototxt" test_net: "nets/test.prototxt" test_iter: 1 test_interval: 1\n'
        'weights: "nets/mean.binaryproto" base_lr: 1 lr_policy: "fixed" max_iter: 1\n'
    )
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def test_nets_are_inline_and_paths_absolute(folder: Path) -> None:
    source = load_solver(str(folder / "solver" / "solver.prototxt"))
    param = SolverSource.from_text(resolved_config(source, 5, "/runs/x/model")).param
    assert not param.HasField("train_net")
    assert list(param.test_net) == []
    assert param.train_net_param.layer[0].name == "train"
    assert param.test_net_param[0].layer[0].name == "test"
    for net in (param.train_net_param, param.test_net_param[0]):
        assert net.layer[0].data_param.source == str(folder / "nets" / "data_lmdb")
        assert net.layer[0].transform_param.mean_file == str(folder / "nets" / "mean.binaryproto")
    assert list(param.weights) == [str(folder / "nets" / "mean.binaryproto")]
    assert (param.random_seed, param.snapshot_prefix) == (5, "/runs/x/model")
    assert source.param.HasField("train_net"), "the solver itself stays as it is"


def test_built_in_and_missing_data_keep_their_names() -> None:
    text = "net_param {" + NET.format(name="d", source="builtin:digits/train") + NET.format(name="e", source="no") + "}"
    param = SolverSource.from_text(resolved_config(SolverSource.from_text(text), 1, "p")).param
    assert [layer.data_param.source for layer in param.net_param.layer] == ["builtin:digits/train", "no"]


def test_a_prefix_that_nobody_has_set_stays_unset() -> None:
    text = "net_param {" + NET.format(name="d", source="builtin:digits/train") + "}"
    param = SolverSource.from_text(resolved_config(SolverSource.from_text(text), 1, None)).param
    assert not param.HasField("snapshot_prefix")
