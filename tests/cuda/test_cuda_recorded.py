"""LeNet on a GPU has the losses that Caffe recorded."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "solver"))

from test_lenet_losses import AFTER_NEAR_TIES, RECORDED, TOLERANCE, batches_of_the_rule, losses

pytestmark = pytest.mark.gpu


def test_lenet_on_batches_made_by_a_rule() -> None:
    with np.load(RECORDED / "lenet_rule.npz") as recorded:
        expected = recorded["loss"]
    actual = losses(*batches_of_the_rule(), device="cuda")
    np.testing.assert_allclose(actual[:20], expected[:20], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=AFTER_NEAR_TIES)
