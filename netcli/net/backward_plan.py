"""Which layers run backward and which bottoms get a gradient: Caffe's rules of Net::Init."""

from __future__ import annotations

from netcli.net.step import Step


def plan_backward(steps: list[Step], force_backward: bool) -> None:
    """Fills ``needs_backward``, ``propagate_down`` and the layers' ``trains`` and ``runs_backward`` of every step.

    A layer runs backward if one of its bottoms or parameters wants a gradient and one of its tops leads to
    a loss. ``propagate_down`` in the prototxt and ``lr_mult: 0`` cut gradients off; ``force_backward`` asks
    for all of them but those of labels.
    """
    _plan_forward_dependence(steps)
    _prune_what_no_loss_needs(steps)
    if force_backward:
        for step in steps:
            step.needs_backward = True
            forbidden = step.layer.undifferentiable_bottoms
            step.propagate_down = [
                wanted or position not in forbidden for position, wanted in enumerate(step.propagate_down)
            ]
            step.layer.trains = [True] * len(step.slots)
    for step in steps:
        step.layer.runs_backward = step.needs_backward


def _plan_forward_dependence(steps: list[Step]) -> None:
    """A gradient is of use only behind something that can learn."""
    wants_gradient: dict[str, bool] = {}
    for step in steps:
        asked = list(step.layer.param.propagate_down)
        from_bottoms = [wants_gradient.get(name, False) for name in step.bottoms]
        step.propagate_down = asked or from_bottoms
        step.layer.trains = [slot.root.lr_mult != 0 for slot in step.slots]
        step.needs_backward = any(from_bottoms) or any(step.layer.trains)
        for name in step.tops:
            wants_gradient[name] = step.needs_backward


def _prune_what_no_loss_needs(steps: list[Step]) -> None:
    """From the last layer up: no loss below, or nobody who passes a gradient back, means no backward."""
    under_loss: set[str] = set()
    cut_off: set[str] = set()
    for step in reversed(steps):
        contributes = any(
            weight or name in under_loss for name, weight in zip(step.tops, step.loss_weights, strict=True)
        )
        if step.needs_backward and all(name in cut_off for name in step.tops):
            step.needs_backward = False
            step.propagate_down = [False] * len(step.bottoms)
        if contributes:
            under_loss.update(step.bottoms)
        else:
            step.needs_backward = False
            step.propagate_down = [False] * len(step.bottoms)
        cut_off.update(name for name, wanted in zip(step.bottoms, step.propagate_down, strict=True) if not wanted)
