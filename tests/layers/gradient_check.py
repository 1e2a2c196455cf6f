"""Compares a layer's backward with central differences: every top element against every input element, float64."""

from __future__ import annotations

import numpy as np
from layer_case import LayerCase
from single_layer import SingleLayer

from netcli.runtime.blob import PLAIN

STEP = 1e-4
TOP_GRADIENT = 1.7
"""What stands in the top's gradient: a loss weight that is not 1."""


def check_gradients(case: LayerCase) -> int:
    """Asserts that all entries agree; returns how many there were."""
    single = SingleLayer(case, np.float64)
    bottoms = case.make_bottoms()
    single.forward(bottoms)
    inputs = _inputs(case, single, bottoms)
    analytic = _analytic(case, single, inputs)
    numeric = _numeric(case, single, bottoms, inputs)
    scale = np.maximum(1.0, np.maximum(np.abs(analytic), np.abs(numeric)))
    tolerance = max(case.gradient_tolerance, single.layer.gradient_error)
    wrong = ~(np.abs(analytic - numeric) <= tolerance * scale)
    assert not wrong.any(), _report(analytic, numeric, wrong, case, single, inputs)
    return analytic.size


def _inputs(case: LayerCase, single: SingleLayer, bottoms: list[np.ndarray]) -> list[tuple[str, np.ndarray]]:
    """What the tops are differentiated by, in the order in which ``SingleLayer.backward`` returns gradients."""
    named = [(f"bottom {i}", array) for i, array in enumerate(bottoms) if case.bottoms[i].differentiable]
    named += [(f"param {i}", array) for i, array in enumerate(single.params)]
    return [item for item, reason in zip(named, case.gradient_exceptions.values(), strict=True) if not reason]


def _tops_flat(case: LayerCase, tops: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(tops[i].reshape(-1) for i in case.differentiable_tops if i < len(tops))])


def _analytic(case: LayerCase, single: SingleLayer, inputs: list[tuple[str, np.ndarray]]) -> np.ndarray:
    rows = []
    for top in case.differentiable_tops[: len(single.tops)]:
        for element in range(single.tops[top].count):
            gradients = [np.zeros(blob.shape) for blob in single.tops]
            gradients[top].reshape(-1)[element] = TOP_GRADIENT
            by_bottom, by_param = single.backward(gradients)
            reasons = case.gradient_exceptions.values()
            chosen = [g for g, reason in zip(by_bottom + by_param, reasons, strict=True) if not reason]
            rows.append(np.concatenate([np.zeros(0), *(gradient.reshape(-1) for gradient in chosen)]))
            for declaration, gradient in zip(single.layer.declarations, by_param, strict=True):
                assert declaration.lr_mult or not gradient.any(), "a gradient of what is not learned"
    return np.array(rows).reshape(len(rows), sum(array.size for _, array in inputs))


def _numeric(
    case: LayerCase, single: SingleLayer, bottoms: list[np.ndarray], inputs: list[tuple[str, np.ndarray]]
) -> np.ndarray:
    columns = []
    for _, array in inputs:
        flat = array.reshape(-1)
        assert np.shares_memory(flat, array)
        for element in range(flat.size):
            kept = flat[element]
            flat[element] = kept + STEP
            above = _tops_flat(case, _forward(single, bottoms))
            flat[element] = kept - STEP
            below = _tops_flat(case, _forward(single, bottoms))
            flat[element] = kept
            columns.append(TOP_GRADIENT * (above - below) / (2 * STEP))
    return np.array(columns).T


def _forward(single: SingleLayer, bottoms: list[np.ndarray]) -> list[np.ndarray]:
    """Forward after the parameters have changed under the layer's feet: it may keep packed copies."""
    for param in single.layer.params:
        param.values.update(PLAIN)
    return single.forward(bottoms)


def _report(
    analytic: np.ndarray,
    numeric: np.ndarray,
    wrong: np.ndarray,
    case: LayerCase,
    single: SingleLayer,
    inputs: list[tuple[str, np.ndarray]],
) -> str:
    """Names the elements that disagree, the worst first."""
    rows = [(top, index) for top in case.differentiable_tops for index in np.ndindex(single.tops[top].shape)]
    columns = [(name, index) for name, array in inputs for index in np.ndindex(array.shape)]
    found = sorted(np.argwhere(wrong).tolist(), key=lambda at: -abs(analytic[tuple(at)] - numeric[tuple(at)]))
    lines = [f"{case.id}: {len(found)} of {analytic.size} gradients are wrong"]
    for row, column in found[:8]:
        (top, top_index), (name, index) = rows[row], columns[column]
        lines.append(
            f"  top {top} {top_index} by {name} {index}: "
            f"backward {analytic[row, column]:.8g}, difference {numeric[row, column]:.8g}"
        )
    return "\n".join(lines)
