"""Rules about single layers whose settings are seldom what was meant."""

from __future__ import annotations

from collections.abc import Iterator

from netcli.errors import ConfigError, Finding
from netcli.layers.registry import layer_types
from netcli.lint.subject import PlannedNet, Subject, warning
from netcli.prototxt import LayerSource
from netcli.schema import caffe_pb2 as pb

_WITH_BIAS = {
    "Convolution": "convolution_param",
    "Deconvolution": "convolution_param",
    "InnerProduct": "inner_product_param",
}


def batch_norm_without_scale(subject: Subject) -> Iterator[Finding]:
    """NC302: Caffe's BatchNorm only normalises; a scale and a shift are learned by a Scale layer behind it."""
    for net in subject.nets:
        for index, source in net.of_type("BatchNorm"):
            if not source.param.top:
                continue
            top = source.param.top[0]
            readers = [net.layers[reader].param.type for reader in net.wiring.readers_of_made(top, index)]
            if "Scale" not in readers:
                yield warning(
                    "NC302", "no Scale layer follows: BatchNorm itself learns no scale and no shift", source, "type",
                    hint=f'add a layer of type "Scale" on "{top}", with scale_param {{ bias_term: true }}',
                )  # fmt: skip


def decayed_biases(subject: Subject) -> Iterator[Finding]:
    """NC303: weight decay pulls biases to 0 too, which seldom helps; one finding a net, since it is a habit."""
    solver = subject.solver
    if solver is None or solver.param.weight_decay == 0:
        return
    for net in subject.in_phase(pb.TRAIN):
        decayed = [source for source in net.layers if _bias_is_decayed(net, source)]
        if decayed:
            others = f" and of {len(decayed) - 1} more" if len(decayed) > 1 else ""
            yield warning(
                "NC303",
                f"weight_decay also decays the bias of this layer{others}",
                decayed[0],
                *(("param", 1) if len(decayed[0].param.param) > 1 else ()),
                hint="add decay_mult: 0 to the second param { } of each",
            )


def _bias_is_decayed(net: PlannedNet, source: LayerSource) -> bool:
    field = _WITH_BIAS.get(source.param.type)
    planned = net.planned.get(source.param.name)
    if field is None or planned is None or len(planned.declarations) < 2:
        return False
    specs = source.param.param
    return len(specs) < 2 or (specs[1].decay_mult != 0 and specs[1].lr_mult != 0)


def global_stats_in_training(subject: Subject) -> Iterator[Finding]:
    """NC304: with stored statistics a BatchNorm in TRAIN never sees those of the batch, and never updates its own."""
    for net in subject.in_phase(pb.TRAIN):
        for _, source in net.of_type("BatchNorm"):
            settings = source.param.batch_norm_param
            if settings.HasField("use_global_stats") and settings.use_global_stats:
                yield warning(
                    "NC304", "use_global_stats: true in TRAIN: the statistics stay what they were", source,
                    "batch_norm_param", "use_global_stats", hint="leave it out: the phase decides",
                )  # fmt: skip


def dropout_in_test_only(subject: Subject) -> Iterator[Finding]:
    """NC313: Dropout does nothing in TEST, so a Dropout that only exists there never does anything."""
    training = subject.in_phase(pb.TRAIN)
    if not training:
        return
    trained = {source.param.name for net in training for _, source in net.of_type("Dropout")}
    for net in subject.in_phase(pb.TEST):
        for _, source in net.of_type("Dropout"):
            if source.param.name not in trained:
                yield warning(
                    "NC313", "this Dropout exists in TEST only, where it does nothing", source, "include",
                    hint="take its include rule out, or the layer",
                )  # fmt: skip


def pooling_by_rounding(subject: Subject) -> Iterator[Finding]:
    """NC318, a note: Caffe rounds pooled sizes up, most other frameworks down; here that makes a difference."""
    for net in subject.nets:
        for _, source in net.of_type("Pooling"):
            bottom, top = net.shape(source.param.bottom[0]), net.shape(source.param.top[0])
            settings = source.param.pooling_param
            if bottom is None or top is None or settings.global_pooling:
                continue
            other = pb.LayerParameter()
            other.CopyFrom(source.param)
            up = settings.ceil_mode if settings.HasField("ceil_mode") else settings.round_mode == settings.CEIL
            other.pooling_param.ceil_mode = not up
            layer = layer_types()["Pooling"](LayerSource(other, source.node), net.graph.context)
            try:
                rounded = layer.setup([bottom])[0]
            except ConfigError:
                continue  # rounded down, not one window fits
            if rounded[2:] != top[2:]:
                sizes = " and ".join("x".join(map(str, shape[2:])) for shape in (top, rounded))
                yield Finding(
                    "NC318",
                    f"the output is {sizes.replace(' and ', ' here, ')} if sizes were rounded {'down' if up else 'up'}",
                    "note",
                    place=source.place("pooling_param"),
                    layer=source.param.name,
                    layer_type="Pooling",
                    hint="tools that round the other way need ceil_mode or padding to match",
                )


RULES = (
    batch_norm_without_scale,
    decayed_biases,
    global_stats_in_training,
    dropout_in_test_only,
    pooling_by_rounding,
)
