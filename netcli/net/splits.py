"""Split layers: a blob with several consumers gets a copy for each, so that gradients can be summed.

Follows Caffe's InsertSplits, names included: the blob ``conv1`` made as top 0 of layer ``conv1`` and read
twice becomes ``conv1_conv1_0_split_0`` and ``conv1_conv1_0_split_1``. A top with a loss weight counts as
read once more; its first copy carries the weight.
"""

from __future__ import annotations

from collections import defaultdict

from netcli.prototxt import LayerSource
from netcli.schema import caffe_pb2 as pb

Producer = tuple[int, int]
"""(index of the layer, index of its top)"""


def insert_splits(layers: list[LayerSource], default_loss_weight: dict[str, float]) -> list[LayerSource]:
    """The layers with splits put in after each top that is read more than once.

    Args:
        layers: one phase's layers in order. They are not changed.
        default_loss_weight: loss weight of the first top by layer type, where the message names none.
    """
    readers = _count_readers(layers, default_loss_weight)
    latest: dict[str, Producer] = {}
    copies_taken: dict[Producer, int] = defaultdict(int)
    result: list[LayerSource] = []
    for index, source in enumerate(layers):
        param = pb.LayerParameter()
        param.CopyFrom(source.param)
        for position, bottom in enumerate(param.bottom):
            producer = latest.get(bottom)
            if producer is not None and readers[producer] > 1:
                param.bottom[position] = split_blob_name(
                    layers[producer[0]].param.name, bottom, producer[1], copies_taken[producer]
                )
                copies_taken[producer] += 1
        splits = []
        for position, top in enumerate(param.top):
            producer = (index, position)
            latest[top] = producer
            if readers[producer] > 1:
                weight = _loss_weight(source.param, position, default_loss_weight)
                splits.append(_split_layer(source, top, position, readers[producer], weight))
                if weight:
                    # The split's first copy carries the weight from here on.
                    copies_taken[producer] += 1
                    _clear_loss_weight(param, position)
        result.append(LayerSource(param, source.node))
        result.extend(splits)
    return result


def split_blob_name(layer: str, blob: str, top: int, copy: int) -> str:
    """Caffe's name of one copy."""
    return f"{blob}_{layer}_{top}_split_{copy}"


def _count_readers(layers: list[LayerSource], default_loss_weight: dict[str, float]) -> dict[Producer, int]:
    latest: dict[str, Producer] = {}
    readers: dict[Producer, int] = defaultdict(int)
    for index, source in enumerate(layers):
        for bottom in source.param.bottom:
            if bottom in latest:
                readers[latest[bottom]] += 1
        for position, top in enumerate(source.param.top):
            latest[top] = (index, position)
            if _loss_weight(source.param, position, default_loss_weight):
                readers[index, position] += 1
    return readers


def _loss_weight(param: pb.LayerParameter, top: int, default: dict[str, float]) -> float:
    if top < len(param.loss_weight):
        return param.loss_weight[top]
    return default.get(param.type, 0.0) if top == 0 and not param.loss_weight else 0.0


def _clear_loss_weight(param: pb.LayerParameter, top: int) -> None:
    weights = list(param.loss_weight) or [0.0] * len(param.top)
    weights[top] = 0.0
    del param.loss_weight[:]
    param.loss_weight.extend(weights)


def _split_layer(source: LayerSource, blob: str, top: int, copies: int, loss_weight: float) -> LayerSource:
    layer = source.param.name
    split = pb.LayerParameter(name=f"{blob}_{layer}_{top}_split", type="Split", bottom=[blob])
    split.top.extend(split_blob_name(layer, blob, top, copy) for copy in range(copies))
    if loss_weight:
        split.loss_weight.extend([loss_weight] + [0.0] * (copies - 1))
    return LayerSource(split, source.node)
