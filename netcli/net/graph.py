"""From a net's message to a graph: who reads what, every shape, every parameter, who runs backward.

Nothing here needs memory, data or a device, so that ``check`` and ``show`` work on any net at once. All
that is wrong is reported together: a layer whose bottoms could not be inferred is passed over in silence,
since the cause has been named already.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from netcli.errors import ConfigError, Finding, did_you_mean
from netcli.layers.feeding import FeedSource, NoFeeds
from netcli.layers.layer import EQUAL_TO_BOTTOMS, CountRule, Layer, LayerContext, ShapesKnownAtRunTime
from netcli.layers.registry import layer_types
from netcli.net.backward_plan import plan_backward
from netcli.net.parameters import ParameterTable
from netcli.net.splits import insert_splits
from netcli.net.step import ParameterSlot, Step
from netcli.net.wiring import Wiring
from netcli.prototxt import LayerSource, NetSource, filtered
from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb

_ABOUT_SHAPES = ("NC121", "NC122", "NC123", "NC124", "NC125", "NC128")


@dataclass
class Graph:
    """A planned net.

    Attributes:
        steps: the layers in order, splits included; without those whose shapes only a net that runs could tell.
        shapes: blob name -> shape, splits included.
        inputs: tops of Input layers; outputs: blobs that nobody reads, sorted by name as Caffe does.
        split_copies: names of blobs that splits made.
        notices: what is worth knowing but not wrong.
    """

    name: str
    context: LayerContext
    steps: list[Step] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    split_copies: set[str] = field(default_factory=set)
    notices: list[Finding] = field(default_factory=list)
    debug_info: bool = False

    @property
    def slots(self) -> list[ParameterSlot]:
        """All parameter slots in the order of the layers."""
        return [slot for step in self.steps for slot in step.slots]

    def macs(self, step: Step) -> int:
        """Multiply-accumulates of one forward pass of ``step``."""
        return step.layer.macs([self.shapes[b] for b in step.bottoms], [self.shapes[t] for t in step.tops])


def build_graph(
    source: NetSource,
    phase: int | None = None,
    *,
    level: int | None = None,
    stages: Sequence[str] = (),
    feeds: FeedSource | None = None,
    context: LayerContext | None = None,
) -> Graph:
    """Plans the net of ``source`` for one phase.

    Args:
        phase, level, stages: the state that include and exclude rules are matched with; what is not given
            is taken from the net's own ``state`` (phase TEST there by default, as in Caffe).
        feeds: gives data layers their shapes.
        context: for ``Net``; by default one is made from phase and feeds.

    Raises:
        ConfigError: with one finding for each thing that is wrong.
    """
    state = pb.NetState()
    state.CopyFrom(source.param.state)
    if phase is not None:
        state.MergeFrom(pb.NetState(phase=pb.Phase.Name(phase)))
    if level is not None:
        state.level = level
    state.stage.extend(stage for stage in stages if stage not in state.stage)
    context = context or LayerContext(phase=state.phase, feeds=feeds or NoFeeds())
    context.phase = state.phase
    return _GraphBuilder(filtered(source, state), context).build()


class _GraphBuilder:
    """Walks the layers once, collecting findings."""

    def __init__(self, source: NetSource, context: LayerContext) -> None:
        self.source = source
        self.context = context
        self.graph = Graph(source.param.name, context, debug_info=source.param.debug_info)
        self.findings: list[Finding] = []
        self.types = layer_types()
        self.producer: dict[str, str] = {}
        self.unknown_shape: set[str] = set()
        self.unread: dict[str, None] = {}
        self.parameters = ParameterTable()
        self.wiring = Wiring([])
        self.position: dict[str, int] = {}

    def build(self) -> Graph:
        layers = self.source.layers()
        if not layers:
            phase = pb.Phase.Name(self.context.phase)
            raise ConfigError.of(
                "NC113",
                f"the net has no layers in phase {phase}",
                place=self.source.node.place if self.source.node else None,
                hint="look at the include and exclude rules",
            )
        self._check_names(layers)
        self.wiring = Wiring(layers)
        self.position = {source.param.name: index for index, source in enumerate(layers)}
        default_weights = {name: 1.0 for name, layer in self.types.items() if layer.is_loss}
        for source in insert_splits(layers, default_weights):
            self._add(source)
        if self.findings:
            raise ConfigError(self.findings)
        self.graph.outputs = sorted(self.unread)
        plan_backward(self.graph.steps, self.source.param.force_backward)
        return self.graph

    def _check_names(self, layers: list[LayerSource]) -> None:
        seen: dict[str, LayerSource] = {}
        for source in layers:
            name = source.param.name
            if name and name in seen and source.param.type != "Input":
                first = seen[name].place("name")
                self.findings.append(
                    Finding(
                        "NC108",
                        "another layer of this phase has the same name",
                        place=source.place("name"),
                        layer=name,
                        layer_type=source.param.type,
                        hint=f"the first one stands at {first}; weights are loaded by layer name" if first else None,
                    )
                )
            seen.setdefault(name, source)

    def _add(self, source: LayerSource) -> None:
        """One layer: type, bottoms, tops, shapes, parameters."""
        try:
            layer = self._make(source)
        except ConfigError as error:
            self.findings.extend(error.findings)
            self._forget_tops(source)
            return
        known = self._connect_bottoms(layer)
        tops = self._name_tops(layer)
        if not known or tops is None:
            self._forget_tops(source)
            return
        bottoms = list(source.param.bottom)
        try:
            shapes = layer.setup([self.graph.shapes[name] for name in bottoms])
            weights = self._loss_weights(layer, len(tops))
            self._check_propagate_down(layer)
            slots = self.parameters.slots_of(layer)
        except ConfigError as error:
            self.findings.extend(self._with_shapes(finding, bottoms) for finding in error.findings)
            self._forget_tops(source)
            return
        except ShapesKnownAtRunTime:
            self._pass_over(layer)
            return
        for top, shape in zip(tops, shapes, strict=True):
            self._add_top(layer, top, shape)
        self.graph.steps.append(Step(layer, bottoms, tops, weights, slots))

    def _with_shapes(self, finding: Finding, bottoms: Sequence[str]) -> Finding:
        """A finding about shapes also names the bottoms, their shapes and the layers that made them."""
        if finding.code not in _ABOUT_SHAPES or not bottoms:
            return finding
        named = [
            f"'{name}' {self.graph.shapes[name]} from layer '{self._maker(name)}'" for name in dict.fromkeys(bottoms)
        ]
        hint = f"{finding.hint}; " if finding.hint else ""
        return dataclasses.replace(finding, hint=f"{hint}bottom {', '.join(named)}")

    def _maker(self, blob: str) -> str:
        """The layer whose top ``blob`` is; for a split's copy, the layer whose top was split."""
        if blob in self.graph.split_copies:
            split = next(step.layer for step in reversed(self.graph.steps) if step.layer.name == self.producer[blob])
            return self.producer[split.param.bottom[0]]
        return self.producer[blob]

    def _make(self, source: LayerSource) -> Layer:
        wanted = source.param.type
        if wanted in self.types:
            return self.types[wanted](source, self.context)
        if not wanted:
            code, message, hint, suggestion = "NC100", "the layer has no type", None, None
        else:
            code, message = "NC101", f"unknown layer type '{wanted}'"
            hint, suggestion = did_you_mean(wanted, self.types)
        raise ConfigError.of(
            code,
            message,
            place=source.place("type"),
            layer=source.param.name,
            hint=hint or "`netcli layers` lists the types",
            suggestion=suggestion,
        )

    def _connect_bottoms(self, layer: Layer) -> bool:
        """Checks count and existence of the bottoms; False if the layer cannot be planned further."""
        names = list(layer.param.bottom)
        fine = self._check_count(layer, "bottom", len(names), layer.bottoms)
        for position, name in enumerate(names):
            if name not in self.producer:
                self.findings.extend(self._unknown_bottom(layer, position, name).findings)
                fine = False
            else:
                self.unread.pop(name, None)
        return fine and not any(name in self.unknown_shape for name in names)

    def _unknown_bottom(self, layer: Layer, position: int, name: str) -> ConfigError:
        index = self.position[layer.name]
        makers = self.wiring.makers(name)
        if makers and makers[-1] >= index:
            own = name in layer.param.top
            cycle = own or self.wiring.depends_on(name, index)
            hint = "the layers wait for each other" if cycle else "move the layer that makes it up: order counts"
            unread = [blob for blob in self.wiring.unread_before(index) if blob in self.producer]
            return layer.error(
                "NC106" if cycle else "NC104",
                f"bottom '{name}' is produced only " + ("by the layer itself" if own else "further down"),
                "bottom",
                position,
                hint=f"{hint}; or was '{unread[0]}' meant, which nothing reads?" if unread else hint,
                suggestion=unread[0] if unread else None,
            )
        candidates = [known for known in self.producer if known not in self.graph.split_copies]
        advised, suggestion = self.wiring.for_unknown_bottom(index, name, candidates)
        return layer.error("NC104", f"unknown bottom '{name}'", "bottom", position, hint=advised, suggestion=suggestion)

    def _name_tops(self, layer: Layer) -> list[str] | None:
        """Names of the tops, automatic ones included; None if they are wrong."""
        names = list(layer.param.top)
        if layer.is_loss and not names:
            names = [layer.name if layer.name not in self.producer else "(automatic)"]
        fine = self._check_count(layer, "top", len(names), layer.tops)
        bottoms = list(layer.param.bottom)
        for position, name in enumerate(names):
            same = position < len(bottoms) and bottoms[position] == name
            if same and name in self.producer and not layer.in_place:
                error = layer.error(
                    "NC107",
                    f"top '{name}' is also the bottom, but {layer.type_name} cannot work in place",
                    "top",
                    position,
                    hint="give the top a name of its own",
                )
            elif name in names[:position] or (name in self.producer and not same):
                made_by = layer.name if name in names[:position] else self.producer[name]
                hint, suggestion = self.wiring.for_duplicate_top(self.position[layer.name], name)
                error = layer.error(
                    "NC105", f"top '{name}' is already made by layer '{made_by}'", "top", position,
                    hint=hint, suggestion=suggestion,
                )  # fmt: skip
                if suggestion is not None:
                    self.producer.setdefault(suggestion, layer.name)
                    self.unknown_shape.add(suggestion)
            else:
                continue
            self.findings.extend(error.findings)
            fine = False
        return names if fine else None

    def _check_count(self, layer: Layer, kind: str, count: int, rule: CountRule | str) -> bool:
        if isinstance(rule, str):
            assert rule == EQUAL_TO_BOTTOMS
            rule = len(layer.param.bottom)
        least, most = (rule, rule) if isinstance(rule, int) else rule
        if count >= least and (most is None or count <= most):
            return True
        expected = f"{least}" if least == most else f"at least {least}" if most is None else f"{least} to {most}"
        names = ", ".join(getattr(layer.param, kind))
        code = "NC102" if kind == "bottom" else "NC103"
        hint = suggestion = None
        where: tuple[str | int, ...] = ()
        if most is not None and count > most:
            where = (kind, most)
            hint = f"take '{getattr(layer.param, kind)[most]}' out"
        elif kind == "bottom":
            label = 1 if 1 in layer.undifferentiable_bottoms else None
            hint, suggestion = self.wiring.for_missing_bottoms(self.position[layer.name], label)
        error = layer.error(
            code, f"wrong number of {kind}s", *where, expected=expected,
            actual=f"{count}" + (f" ({names})" if names else ""), hint=hint, suggestion=suggestion,
        )  # fmt: skip
        self.findings.extend(error.findings)
        return False

    def _loss_weights(self, layer: Layer, tops: int) -> list[float]:
        given = list(layer.param.loss_weight)
        if len(given) > tops or (given and len(given) < tops):
            raise layer.error(
                "NC109", "loss_weight must be given for every top or for none", "loss_weight", 0,
                expected=tops, actual=len(given),
            )  # fmt: skip
        if given:
            return given
        return [1.0 if layer.is_loss and top == 0 else 0.0 for top in range(tops)]

    def _check_propagate_down(self, layer: Layer) -> None:
        given, bottoms = len(layer.param.propagate_down), len(layer.param.bottom)
        if given not in (0, bottoms):
            raise layer.error(
                "NC110", "propagate_down must be given for every bottom or for none", "propagate_down", 0,
                expected=bottoms, actual=given,
            )  # fmt: skip
        for position in layer.undifferentiable_bottoms:
            if position < given and layer.param.propagate_down[position]:
                raise layer.error(
                    "NC114", "this bottom cannot get a gradient", "propagate_down", position,
                    expected="false", actual="true",
                )  # fmt: skip

    def _add_top(self, layer: Layer, name: str, shape: Shape) -> None:
        if any(size < 0 for size in shape) or math.prod(shape) > 2**31 - 1:
            error = layer.error("NC122", f"top '{name}' would have shape {shape}", expected="at most 2147483647 values")
            self.findings.extend(error.findings)
        self.graph.shapes[name] = shape
        self.producer[name] = layer.name
        self.unread[name] = None
        if layer.type_name == "Input":
            self.graph.inputs.append(name)
        if layer.type_name == "Split" and layer.name.endswith("_split"):
            self.graph.split_copies.add(name)

    def _pass_over(self, layer: Layer) -> None:
        """Leaves out a layer whose tops only a net that runs could tell, and with it whatever is behind it."""
        note = Finding(
            "NC135",
            "the shapes of its tops are known only when its code runs; the layers behind it are left out",
            severity="note",
            place=layer.source.place(),
            layer=layer.name,
            layer_type=layer.type_name,
        )
        self.graph.notices.append(note)
        self._forget_tops(layer.source)

    def _forget_tops(self, source: LayerSource) -> None:
        for name in source.param.top:
            self.producer.setdefault(name, source.param.name)
            self.unknown_shape.add(name)
