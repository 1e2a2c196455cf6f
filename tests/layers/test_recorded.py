"""Values recorded from BVLC Caffe (CPU, float32), replayed through nets: see tests/data/layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netcli.layers.registry import layer_types
from netcli.net import Net
from netcli.prototxt import load_net
from netcli.runtime.blob import Blob

RECORDED = Path(__file__).parents[1] / "data" / "layers"
CASES = sorted(RECORDED.glob("*/*.prototxt"))
RTOL, ATOL = 2e-3, 2e-4


def recorded(npz: dict[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    """The arrays of one kind, by what follows in their names."""
    return {name.partition("/")[2]: array for name, array in npz.items() if name.partition("/")[0] == kind}


def assert_recorded(got: np.ndarray, expected: np.ndarray, what: str) -> None:
    assert got.shape == expected.shape, what
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(got, expected, rtol=RTOL, atol=ATOL * scale, err_msg=what)


def test_there_are_recorded_cases() -> None:
    assert {case.parent.name for case in CASES} <= set(layer_types())
    assert len(CASES) >= 38


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.stem}")
def test_values_and_gradients_are_caffes(case: Path) -> None:
    with np.load(case.with_suffix(".npz")) as stored:
        npz = dict(stored)
    net = Net(load_net(case))
    params: list[Blob] = net.params.get("layer", [])
    for name, array in recorded(npz, "bottom").items():
        net.blobs[name].data[...] = array
    for index, array in recorded(npz, "param").items():
        params[int(index)].data[...] = array
    net.forward()
    for name, array in recorded(npz, "top").items():
        assert_recorded(net.blobs[name].data, array, f"top {name}")
    for index, array in recorded(npz, "param_after").items():
        assert_recorded(params[int(index)].data, array, f"param {index} after the pass")
    bottom_gradients, param_gradients = recorded(npz, "bottom_diff"), recorded(npz, "param_diff")
    if not bottom_gradients and not param_gradients:
        return
    for name, array in recorded(npz, "top_diff").items():
        net.blobs[name].diff[...] = array
    net.clear_param_diffs()
    net.backward()
    for name, array in bottom_gradients.items():
        assert_recorded(net.blobs[name].diff, array, f"gradient of bottom {name}")
    for index, array in param_gradients.items():
        assert_recorded(params[int(index)].diff, array, f"gradient of param {index}")
