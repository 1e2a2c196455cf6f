"""The parts of a batch, computed one after the other in this process, against the whole of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from netcli.distributed.batch_division import divide
from netcli.errors import ConfigError
from netcli.layers.share import WHOLE, Share, common_units, shares
from netcli.net import Net
from netcli.prototxt import NetSource
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb

BATCH = 7

DATA = """layer { name: "data" type: "DummyData" top: "data" top: "label" top: "target" dummy_data_param {
    shape { dim: 7 dim: 3 } shape { dim: 7 } shape { dim: 7 dim: 5 }
    data_filler { type: "gaussian" } data_filler { type: "uniform" max: 4.99 } data_filler { type: "uniform" } } }
layer { name: "whole" type: "Power" bottom: "label" top: "classes" }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
    inner_product_param { num_output: 5 weight_filler { type: "gaussian" std: 1 } } }
"""

LOSSES = {
    "softmax": 'layer { name: "l" type: "SoftmaxWithLoss" bottom: "ip" bottom: "classes" top: "l" }',
    "softmax without ignored items": """layer { name: "l" type: "SoftmaxWithLoss" bottom: "ip" bottom: "classes"
        top: "l" loss_param { ignore_label: 2 } }""",
    "softmax, sum": """layer { name: "l" type: "SoftmaxWithLoss" bottom: "ip" bottom: "classes" top: "l"
        loss_param { normalization: NONE } }""",
    "softmax, targets": 'layer { name: "l" type: "SoftmaxWithLoss" bottom: "ip" bottom: "target" top: "l" }',
    "sigmoid": """layer { name: "l" type: "SigmoidCrossEntropyLoss" bottom: "ip" bottom: "target" top: "l"
        loss_param { normalization: VALID } loss_weight: 0.5 }""",
    "euclidean": 'layer { name: "l" type: "EuclideanLoss" bottom: "ip" bottom: "target" top: "l" }',
    "hinge": 'layer { name: "l" type: "HingeLoss" bottom: "ip" bottom: "classes" top: "l" }',
    "centres": """layer { name: "l" type: "CenterLoss" bottom: "ip" bottom: "classes" top: "l"
        center_loss_param { num_output: 5 center_filler { type: "gaussian" } } }""",
    "dropout": """layer { name: "drop" type: "Dropout" bottom: "ip" top: "dropped" }
        layer { name: "l" type: "EuclideanLoss" bottom: "dropped" bottom: "target" top: "l" }""",
    "mean": """layer { name: "l" type: "Reduction" bottom: "ip" top: "l" loss_weight: 1
        reduction_param { operation: MEAN } }""",
    "sum": """layer { name: "l" type: "Reduction" bottom: "ip" top: "l" loss_weight: 1
        reduction_param { operation: SUMSQ } }""",
    "one for each item": """layer { name: "l" type: "Reduction" bottom: "ip" top: "l" loss_weight: 0.25
        reduction_param { operation: SUMSQ axis: 1 } }""",
    "no part of the batch": """layer { name: "l" type: "EuclideanLoss" bottom: "ip" bottom: "target" top: "l" }
        layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 3 } } }
        layer { name: "q" type: "Power" bottom: "p" top: "q" power_param { shift: 2 } }
        layer { name: "n" type: "Reduction" bottom: "q" top: "n" loss_weight: 1
            reduction_param { operation: SUMSQ } }""",
}


class Sums:
    """Adds up over parts that run one after the other: in each round a sum is that of what the round before had."""

    def __init__(self) -> None:
        self._given: list[np.ndarray] = []
        self._taken: list[list[np.ndarray]] = []

    def begin_round(self) -> None:
        self._given = [np.sum(values, axis=0) for values in zip(*self._taken, strict=True)]
        self._taken = []

    def begin_part(self) -> None:
        self._taken.append([])

    def add(self, array: np.ndarray) -> None:
        index = len(self._taken[-1])
        self._taken[-1].append(array.copy())
        if index < len(self._given):
            array[...] = self._given[index]


BATCH_NORM = """layer { name: "norm" type: "BatchNorm" bottom: "ip" top: "normed" }
layer { name: "l" type: "EuclideanLoss" bottom: "normed" bottom: "target" top: "l" }"""


def computed(net: NetSource, share: Share) -> tuple[float, list[np.ndarray]]:
    """Loss and gradients of the parameters after one pass."""
    built = Net(net, pb.TRAIN, seed=5, share=share)
    labels = built.blobs["label"].values
    built.after_forward.append(
        lambda index: np.floor(labels.read(PLAIN), out=labels.update(PLAIN)) if index == 0 else None
    )
    built.clear_param_diffs()
    loss = built.forward()
    built.backward()
    return loss, [item.blob.gradients.read(PLAIN).copy() for item in built.learnable]


def added_up(net: NetSource, ranks: int, rounds: int, *, joint: bool = False) -> tuple[float, list[np.ndarray]]:
    """The same from the parts of ``ranks`` processes; ``rounds``: one more than sums that depend on each other."""
    sums = Sums()
    for _ in range(rounds):
        sums.begin_round()
        parts = []
        for rank in range(ranks):
            sums.begin_part()
            share = divide(net, rank, ranks, "strong", sums.add, joint_statistics=joint)
            part = computed(net, share)
            if not share.idle:
                parts.append(part)
            else:
                assert part[0] == 0
    gradients = [np.sum(arrays, axis=0) for arrays in zip(*(gradients for _, gradients in parts), strict=True)]
    return sum(loss for loss, _ in parts), gradients


@pytest.mark.parametrize("ranks", [2, 3, 9])
@pytest.mark.parametrize("loss", LOSSES)
def test_parts_add_up_to_the_batch(loss: str, ranks: int) -> None:
    net = NetSource.from_text(DATA + LOSSES[loss])
    whole_loss, whole = computed(net, WHOLE)
    part_loss, parts = added_up(net, ranks, rounds=2)
    assert part_loss == pytest.approx(whole_loss, rel=1e-6)
    assert any(np.abs(gradient).max() > 0 for gradient in whole)
    for gradient, summed in zip(whole, parts, strict=True):
        np.testing.assert_allclose(summed, gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ranks", [2, 9])
def test_batch_norm_can_use_the_statistics_of_the_whole_batch(ranks: int) -> None:
    net = NetSource.from_text(DATA + BATCH_NORM)
    whole_loss, whole = computed(net, WHOLE)
    joint_loss, joint = added_up(net, ranks, rounds=5, joint=True)
    assert joint_loss == pytest.approx(whole_loss, rel=1e-5)
    np.testing.assert_allclose(joint[0], whole[0], rtol=1e-4, atol=1e-5)
    own_loss, _ = added_up(net, ranks, rounds=1)
    assert own_loss != pytest.approx(whole_loss, rel=1e-3)


@pytest.mark.parametrize(("units", "ranks"), [(64, 2), (7, 3), (3, 4), (1, 1)])
def test_every_unit_is_computed_once_and_loads_differ_by_one_at_most(units: int, ranks: int) -> None:
    parts = shares(units, ranks)
    assert [unit for before, mine in parts for unit in range(before, before + mine)] == list(range(units))
    counts = [mine for _, mine in parts]
    assert max(counts) - min(counts) <= 1
    assert counts[0] == max(counts)


@pytest.mark.parametrize(("sizes", "units"), [([64], 64), ([64, 32], 32), ([10, 15], 5), ([], 1)])
def test_batches_of_several_sizes_are_cut_at_the_same_places(sizes: list[int], units: int) -> None:
    assert common_units(sizes) == units


def test_a_process_without_items_stands_in_with_the_first_and_counts_for_nothing() -> None:
    net = NetSource.from_text(DATA)
    parts = [divide(net, rank, 9, "strong", np.sum) for rank in range(9)]
    assert sum(part.fraction for part in parts) == pytest.approx(1)
    assert sum(part.idle for part in parts) == 2
    assert all(part.part(BATCH) == 1 for part in parts)


def test_in_weak_scaling_each_process_has_a_batch() -> None:
    part = divide(NetSource.from_text(DATA), 2, 4, "weak", np.sum)
    assert (part.part(BATCH), part.total(BATCH), part.offset(BATCH), part.fraction) == (7, 28, 14, 0.25)


SPLIT = """layer { name: "cut" type: "Slice" bottom: "data" top: "a" top: "b"
    slice_param { axis: 0 slice_point: 3 } }"""
SEQUENCE = (
    'layer { name: "seq" type: "LSTM" bottom: "data" bottom: "label" top: "h" recurrent_param { num_output: 2 } }'
)


@pytest.mark.parametrize(("layers", "name"), [(SPLIT, "cut"), (SEQUENCE, "seq")])
def test_what_needs_the_whole_batch_is_refused(layers: str, name: str) -> None:
    net = NetSource.from_text(DATA + layers)
    with pytest.raises(ConfigError, match="NC537") as caught:
        divide(net, 0, 2, "strong", np.sum)
    assert [finding.layer for finding in caught.value.findings] == [name]
    assert divide(net, 0, 2, "weak", np.sum).divided


def test_means_over_counted_items_use_the_counts_of_all_parts() -> None:
    def add(array: np.ndarray) -> None:
        array += [9, 0]

    part = Share(0, 1, 4, 4, add=add)
    assert _divisors(part, [3, 0]) == pytest.approx([12 / 4, 1 / 4])
    assert _divisors(WHOLE, [3, 0]) == [3, 1]


def _divisors(share: Share, counts: Sequence[int]) -> list[float]:
    return list(share.mean_divisors(np.array(counts)))
