"""A net that runs: blobs and parameters for a graph, forward and backward over a flat list of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set

import numpy as np

from netcli.errors import RunError
from netcli.layers.feeding import FeedSource, NoFeeds
from netcli.layers.fillers import fill
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.share import WHOLE, Share
from netcli.net import debug_info
from netcli.net.batch_parts import loss_factors
from netcli.net.bound_step import BoundStep
from netcli.net.cuda_runners import on_device
from netcli.net.folding import Folding
from netcli.net.fused import Fused, Pooled, pooled_convolutions, summed_convolutions
from netcli.net.gradient_rooms import gradient_rooms
from netcli.net.graph import build_graph
from netcli.net.learnable import Learnable
from netcli.net.step import ParameterSlot
from netcli.prototxt import NetSource
from netcli.runtime.blob import PLAIN, Blob
from netcli.runtime.pieces import Pieces
from netcli.runtime.shared_room import SharedRoom
from netcli.runtime.streams import fresh_seed, stream

LayerCallback = Callable[[int], object]


class Net:
    """A net for one phase.

    Args:
        source: the parsed net.
        phase, level, stages: the state; see ``build_graph``.
        feeds: opens the data layers' files; without it a net may have no data layers.
        dtype: float32, or float64 for gradient checks.
        seed: starts fillers and dropout; None draws one, which ``seed`` then tells.
        share_with: a net whose parameters this one uses, by layer name (a test net and its training net).
        device: "cpu", "cuda" or "cuda:N".
        share: the part of each batch that is computed here.
        keep_gradients: False lets the gradients of blobs take turns in the same memory on the CPU, so that after a
            backward pass only those of the parameters can be looked at, up to their update. Convolutions may then do
            the work of a ReLU or PReLU in place or of a max pooling behind them, too; their own top is computed if
            somebody reads it.
        forward_only: promises that ``backward`` is never called. Layers then keep nothing for it, and on the CPU
            convolutions do what BatchNorm, Scale, Bias, ReLU and PReLU in place, sums and max pooling behind them would
            do, in passes over the whole net, unless a callback or ``debug`` looks. What stands between is computed if
            somebody reads it.

    Attributes:
        keep_gradients: as given.
        cuda: what runs its layers on the GPU; None on the CPU.
        blobs: name -> Blob, in the order in which they are made, split copies included.
        params: layer name -> its parameters, for layers that have any.
        learnable: every owned parameter once, in layer order: Caffe's learnable_params.
        inputs, outputs: names of the blobs that Input layers make and of those that nobody reads.
        before_forward, after_forward, before_backward, after_backward: called around every layer's pass with
            the layer's index.

    Raises:
        ConfigError: with all findings, if the net cannot be planned.
        RunError: NC540, NC541 if the code of a Python layer cannot be loaded or fails; NC510 if there is no such
            device; NC519 if a GPU cannot share a parameter as the net wants.
    """

    def __init__(
        self,
        source: NetSource,
        phase: int | None = None,
        *,
        level: int | None = None,
        stages: Sequence[str] = (),
        feeds: FeedSource | None = None,
        dtype: type = np.float32,
        seed: int | None = None,
        share_with: Net | None = None,
        device: str = "cpu",
        share: Share = WHOLE,
        keep_gradients: bool = True,
        forward_only: bool = False,
    ) -> None:
        self.seed = fresh_seed() if seed is None else seed
        self.keep_gradients = keep_gradients
        self.cuda = on_device(device)
        context = LayerContext(
            feeds=feeds or NoFeeds(), dtype=np.dtype(dtype), device=device, seed=self.seed, load_user_code=True,
            share=share,
        )  # fmt: skip
        self.graph = build_graph(source, phase, level=level, stages=stages, context=context)
        self.context = context
        self.source = source
        self.name = self.graph.name
        self.phase = context.phase
        self.debug: Callable[[str], None] | None = None
        self.before_forward: list[LayerCallback] = []
        self.after_forward: list[LayerCallback] = []
        self.before_backward: list[LayerCallback] = []
        self.after_backward: list[LayerCallback] = []
        self.blobs = {name: Blob(shape, dtype, name) for name, shape in self.graph.shapes.items()}
        self.blobs.update((blob.name, blob) for layer in self.layers for blob in layer.made_tops)
        self.params: dict[str, list[Blob]] = {}
        self.learnable: list[Learnable] = []
        self._gradient_pieces = Pieces()
        self._zero_diffs: list[int | None] = []
        self._make_parameters(share_with)
        self._steps = [
            BoundStep(
                step,
                step.layer if self.cuda is None else self.cuda.runner(step.layer),
                [self.blobs[name] for name in step.bottoms],
                [self.blobs[name] for name in step.tops],
                [self.graph.shapes[name] for name in step.bottoms],
            )
            for step in self.graph.steps
        ]
        for layer in self.layers if forward_only else []:
            layer.runs_backward = False
        self._folding: Folding | None = None
        self._fused: dict[int, Fused] = {}
        self._pooled: list[Pooled] = []
        if self.cuda is None and (forward_only or not keep_gradients):
            self._do_layers_along(forward_only)
        for bound, factors in zip(self._steps, loss_factors(self.graph.steps, share), strict=True):
            weights = bound.plan.loss_weights
            bound.loss_weights = [weight * factor for weight, factor in zip(weights, factors, strict=True)]
            bound.weighted_tops = [pair for pair in zip(bound.tops, bound.loss_weights, strict=True) if pair[1]]
        if not keep_gradients:
            self._share_gradient_memory()
        for bound in self._steps:
            bound.seed_loss_gradients()

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, splits included."""
        return [step.layer for step in self.graph.steps]

    @property
    def inputs(self) -> list[str]:
        return self.graph.inputs

    @property
    def outputs(self) -> list[str]:
        return self.graph.outputs

    def layer(self, name: str) -> Layer:
        """The layer called ``name``. Raises KeyError."""
        for step in self.graph.steps:
            if step.name == name:
                return step.layer
        raise KeyError(name)

    @property
    def weighted_tops(self) -> list[tuple[Blob, float]]:
        """What the loss is the sum of: tops, and the weights of their elements."""
        return [pair for bound in self._steps for pair in bound.weighted_tops]

    def forward(self, first: int = 0, last: int | None = None) -> float:
        """Runs layers ``first`` to ``last`` (inclusive, all by default) and returns the weighted loss."""
        self.run_forward(first, last)
        return self.loss(first, None if last is None else last + 1)

    def run_forward(self, first: int = 0, last: int | None = None, *, sources: bool = True) -> None:
        """As ``forward``, without the loss, which a GPU would have to be waited for.

        Without ``sources`` the layers that have no bottoms are left out: ``run_sources`` has run.
        """
        end = len(self._steps) if last is None else last + 1
        if self.cuda and sources:
            self.cuda.prepare()
        whole = first == 0 and last is None
        done = set(self._fold(whole))
        fused = self._fused if whole and not self._is_looked_at() else {}
        for index, bound in enumerate(self._steps[first:end], first):
            if (sources or bound.bottoms) and index not in done:
                if index in fused and fused[index].forward(self._steps, self.graph.shapes):
                    done |= fused[index].done
                else:
                    self._run_step(index, bound)
        self.context.pass_index += 1

    def run_sources(self) -> None:
        """The layers without bottoms, which bring the data; what a pass on a GPU needs is ready then."""
        if self.cuda:
            self.cuda.prepare()
        for index, bound in enumerate(self._steps):
            if not bound.bottoms:
                self._run_step(index, bound)

    def loss(self, first: int = 0, end: int | None = None) -> float:
        """Sum of loss weight times top over the layers, as of the last forward pass.

        Of a divided batch it is this part's, such that all parts add up to the loss of the batch.
        """
        total = 0.0
        for bound in self._steps[first:end]:
            for top, weight in bound.weighted_tops:
                values = top.values.read(PLAIN)
                total += weight * float(values.item() if values.size == 1 else values.sum())
        return total

    def backward(self, last: int | None = None, first: int = 0) -> None:
        """Runs layers backward from ``last`` down to ``first``. Parameter gradients add up."""
        end = len(self._steps) if last is None else last + 1
        pooled = self._pooled_backward(whole=first == 0 and last is None)
        done = {pair.convolution for pair in pooled.values()}
        for index in reversed(range(first, end)):
            if index in pooled:
                pooled[index].backward(self._steps)
            elif index not in done:
                self._run_step_backward(index, self._steps[index])
        if self.debug and self.learnable:
            self.debug(debug_info.parameter_norms_line(self.learnable))

    def clear_param_diffs(self) -> None:
        """Sets the gradients of all parameters to zero."""
        if self.cuda:
            self.cuda.clear([item.blob.gradients for item in self.learnable])
            return
        stamps = self._diff_stamps()
        if stamps == self._zero_diffs and None not in stamps:
            return
        from netcli.runtime.piece_kernels import clear

        gradients = [item.blob.gradients.write(PLAIN) for item in self.learnable]
        clear(self._gradient_pieces.table(gradients), self.context.dtype.type(0))

    def param_diffs_are_zero(self) -> None:
        """To be called by who has made them so: as long as nobody writes there, they need not be cleared."""
        self._zero_diffs = self._diff_stamps()

    def reshape(self) -> None:
        """Infers all shapes again from those of the inputs, without running anything."""
        for bound in self._steps:
            bound.reshape_if_needed(self.graph.shapes)

    def share_trained_layers_with(self, other: Net) -> None:
        """Uses the parameters of ``other`` wherever layer names agree.

        Raises:
            RunError: NC455 if a layer's parameters have other shapes there.
        """
        for name, params in self.params.items():
            theirs = other.params.get(name)
            if theirs is None:
                continue
            if [p.shape for p in params] != [p.shape for p in theirs]:
                raise RunError.of(
                    "NC455",
                    "the nets share this layer's parameters, but not their shapes",
                    place=self.layer(name).source.place(),
                    layer=name,
                    layer_type=self.layer(name).type_name,
                    expected=[p.shape for p in theirs],
                    actual=[p.shape for p in params],
                )
            for mine, shared in zip(params, theirs, strict=True):
                mine.values = shared.values

    def close(self) -> None:
        """Closes the data layers' files and threads."""
        for step in self.graph.steps:
            step.layer.close()

    def _do_layers_along(self, forward_only: bool) -> None:
        """Finds what convolutions can do beside their own work."""
        steps = self.graph.steps
        self._folding = Folding(steps, forward_only=forward_only)
        found: list[Fused] = [*pooled_convolutions(steps, self._folding.folded if forward_only else frozenset())]
        if forward_only:
            found += summed_convolutions(steps, self._folding.folded)
        self._fused = {fused.convolution: fused for fused in found}
        self._pooled = [fused for fused in found if isinstance(fused, Pooled) and fused.may_go_backward(steps)]

    def _diff_stamps(self) -> list[int | None]:
        """What changes with the gradients of the parameters; None for those that a user may write unseen."""
        gradients = (item.blob.gradients for item in self.learnable)
        return [None if each.handed_out else each.stamp for each in gradients]

    def _is_looked_at(self) -> bool:
        """Whether somebody wants to see each layer's part of a forward pass."""
        return bool(self.before_forward or self.after_forward or self.debug)

    def _fold(self, whole: bool) -> Set[int]:
        """The layers that the next pass leaves out, because those before them do their work."""
        if self._folding is None:
            return frozenset()
        yes = whole and not self._is_looked_at()
        return self._folding.apply(yes)

    def _pooled_backward(self, whole: bool) -> dict[int, Pooled]:
        """By the index of the pooling, those whose convolution takes its gradient as it is in the next pass."""
        if not whole or self.before_backward or self.after_backward or self.debug:
            return {}
        return {fused.pooling: fused for fused in self._pooled if fused.suits_backward(self._steps)}

    def _run_step(self, index: int, bound: BoundStep) -> None:
        for callback in self.before_forward:
            callback(index)
        bound.reshape_if_needed(self.graph.shapes)
        bound.runner.forward(bound.bottoms, bound.tops)
        for callback in self.after_forward:
            callback(index)
        if self.debug:
            for line in debug_info.forward_lines(bound.plan.layer, bound.tops):
                self.debug(line)

    def _run_step_backward(self, index: int, bound: BoundStep) -> None:
        plan = bound.plan
        for callback in self.before_backward:
            callback(index)
        if plan.needs_backward:
            bound.runner.backward(bound.tops, plan.propagate_down, bound.bottoms)
        for callback in self.after_backward:
            callback(index)
        if self.debug and plan.needs_backward:
            for line in debug_info.backward_lines(plan.layer, plan.propagate_down, bound.bottoms):
                self.debug(line)

    def _make_parameters(self, share_with: Net | None) -> None:
        made: dict[int, Blob] = {}
        for step in self.graph.steps:
            blobs = []
            shared = share_with.params.get(step.name) if share_with else None
            for slot in step.slots:
                blob = slot.declaration.blob or Blob(slot.shape, self.context.dtype)
                blob.name = f"{step.name}[{slot.index}]"
                if slot.owner is not None:
                    if self.cuda and slot.shape != slot.owner.shape:
                        raise _shared_in_another_shape(step.layer, slot)
                    _share_memory(blob, made[id(slot.owner)])
                else:
                    if shared is None and slot.declaration.blob is None:
                        self._fill(step.layer, slot, blob)
                    self.learnable.append(Learnable(blob, slot.lr_mult, slot.decay_mult, step.name, slot.index))
                made[id(slot)] = blob
                blobs.append(blob)
            step.layer.params = blobs
            if blobs:
                self.params[step.name] = blobs
        if share_with:
            self.share_trained_layers_with(share_with)
        self.param_diffs_are_zero()  # As fresh memory is.

    def _fill(self, layer: Layer, slot: ParameterSlot, blob: Blob) -> None:
        filler = slot.declaration.filler
        if filler.type == "constant" and not filler.value:
            return  # That is what fresh memory holds.
        generator = stream(self.seed, "filler", slot.layer, slot.index)
        blob.values.write(PLAIN)[...] = fill(filler, slot.shape, generator, self.context.dtype)

    def _share_gradient_memory(self) -> None:
        for names in gradient_rooms(self.graph.steps, self.graph.shapes):
            room = SharedRoom([self.graph.shapes[name] for name in names], self.context.dtype)
            for name in names:
                self.blobs[name].gradients.stand_in(room)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)


def _shared_in_another_shape(layer: Layer, slot: ParameterSlot) -> RunError:
    assert slot.owner is not None
    return layer.run_error(
        "NC519",
        f"a parameter with share_mode PERMISSIVE has another shape here than in '{slot.owner.layer}': a GPU cannot",
        expected=slot.owner.shape,
        actual=slot.shape,
        hint="leave --device out to compute on the CPU",
    )


def _share_memory(blob: Blob, owner: Blob) -> None:
    """Lets a shared parameter stand on its owner's arrays; PERMISSIVE sharing may give it another shape."""
    if blob.shape == owner.shape:
        blob.values, blob.gradients = owner.values, owner.gradients
    else:
        blob.values.view_of(owner.values)
        blob.gradients.view_of(owner.gradients)
