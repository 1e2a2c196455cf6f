"""LeNet on a GPU has the losses that Caffe recorded, SphereFace-20 the gradients."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "solver"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "net"))

from test_lenet_losses import AFTER_NEAR_TIES, RECORDED, TOLERANCE, batches_of_the_rule, losses
from test_sphereface20 import compare_with_caffe

pytestmark = pytest.mark.gpu


def test_lenet_on_batches_made_by_a_rule() -> None:
    with np.load(RECORDED / "lenet_rule.npz") as recorded:
        expected = recorded["loss"]
    actual = losses(*batches_of_the_rule(), device="cuda")
    np.testing.assert_allclose(actual[:20], expected[:20], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=AFTER_NEAR_TIES)


def test_sphereface20_has_caffes_gradients() -> None:
    compare_with_caffe("cuda", 2e-3)
