"""V1, the second form of a net: ``layers { type: CONVOLUTION blobs_lr: 1 ... }``, types from an enumeration.

Its parameter messages are those of today; types are text now, and ``param { }`` holds what ``param`` (a name),
``blob_share_mode``, ``blobs_lr`` and ``weight_decay`` held.
"""

from __future__ import annotations

from netcli.prototxt.fields import has_label
from netcli.prototxt.nodes import Node
from netcli.schema import caffe_pb2 as pb

V1_TYPES = {
    "ABSVAL": "AbsVal",
    "ACCURACY": "Accuracy",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "CONCAT": "Concat",
    "CONTRASTIVE_LOSS": "ContrastiveLoss",
    "CONVOLUTION": "Convolution",
    "DATA": "Data",
    "DECONVOLUTION": "Deconvolution",
    "DROPOUT": "Dropout",
    "DUMMY_DATA": "DummyData",
    "ELTWISE": "Eltwise",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "EXP": "Exp",
    "FLATTEN": "Flatten",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "HINGE_LOSS": "HingeLoss",
    "IM2COL": "Im2col",
    "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct",
    "LRN": "LRN",
    "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "MVN": "MVN",
    "POOLING": "Pooling",
    "POWER": "Power",
    "RELU": "ReLU",
    "SIGMOID": "Sigmoid",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SILENCE": "Silence",
    "SLICE": "Slice",
    "SOFTMAX": "Softmax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "SPLIT": "Split",
    "TANH": "TanH",
    "THRESHOLD": "Threshold",
    "WINDOW_DATA": "WindowData",
}
"""V1's name of a layer type and today's."""

_PARAM_FIELDS = {"param": "name", "blob_share_mode": "share_mode", "blobs_lr": "lr_mult", "weight_decay": "decay_mult"}

_DATA_PARAMS = {"DATA": "data_param", "IMAGE_DATA": "image_data_param", "WINDOW_DATA": "window_data_param"}

TRANSFORM_FIELDS = ("scale", "mean_file", "crop_size", "mirror")
"""Fields that stood in the data parameters before there was ``transform_param``."""


def move_transform_fields(layer: pb.V1LayerParameter, node: Node) -> Node | None:
    """Move the transform fields of a V1 data layer from its data parameter to ``transform_param``.

    Changes ``layer``. Returns its new node, None if there was nothing to move.
    """
    home = _DATA_PARAMS.get(pb.V1LayerParameter.LayerType.Name(layer.type))
    if home is None:
        return None
    param = getattr(layer, home)
    moved = [name for name in TRANSFORM_FIELDS if param.HasField(name)]
    if not moved:
        return None
    old = node.find(home)
    data = old
    transform = node.children.get("transform_param", [old.twin()])[0]
    for name in moved:
        setattr(layer.transform_param, name, getattr(param, name))
        param.ClearField(name)
        transform = transform.with_children(name, old.children.get(name, ()))
        data = data.with_children(name, ())
    return node.with_children(home, [data]).with_children("transform_param", [transform])


def upgrade_layer(old: pb.V1LayerParameter, node: Node) -> tuple[pb.LayerParameter, Node]:
    """One V1 layer in today's form, and its node."""
    new = pb.LayerParameter()
    new_node = node.twin()
    for descriptor, value in old.ListFields():
        name = descriptor.name
        if name in _PARAM_FIELDS:
            continue
        if name == "type":
            new.type = V1_TYPES.get(pb.V1LayerParameter.LayerType.Name(value), "")
        elif has_label(descriptor, "repeated"):
            getattr(new, name).extend(value)
        elif descriptor.message_type is not None:
            getattr(new, name).CopyFrom(value)
        else:
            setattr(new, name, value)
        if name in node.children:
            new_node.children[name] = node.children[name]
    _upgrade_params(old, node, new, new_node)
    return new, new_node


def _upgrade_params(old: pb.V1LayerParameter, node: Node, new: pb.LayerParameter, new_node: Node) -> None:
    for old_name, new_name in _PARAM_FIELDS.items():
        occurrences = node.children.get(old_name, [])
        for i, value in enumerate(getattr(old, old_name)):
            if i == len(new.param):
                new.param.add()
                if occurrences:
                    new_node.add("param", occurrences[i].twin())
            setattr(new.param[i], new_name, value)
            if occurrences:
                new_node.children["param"][i].children[new_name] = [occurrences[i]]
