"""Nets to measure, as text: LeNet and SphereFace-20 from configs/, three nets of the literature from their papers.

Each reads ``data`` and ``label`` from Input layers and ends in a softmax loss, so that nothing but the net is measured.

Sources: Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", 2012, in BVLC's variant
with pooling before normalisation (CaffeNet); Szegedy et al., "Going deeper with convolutions", 2015, without the two
auxiliary classifiers; He et al., "Deep residual learning for image recognition", 2016, with the stride in the first
convolution of a block.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from google.protobuf import text_format

from netcli.prototxt import load_net, load_solver
from netcli.schema import caffe_pb2 as pb

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
CLASSES = 1000

NetText = Callable[[int], str]


class _Builder:
    """Appends layers to a net; each method returns the name of the blob that the layer makes."""

    def __init__(self, name: str, batch: int, item: tuple[int, ...]) -> None:
        self.net = pb.NetParameter(name=name)
        _add_inputs(self.net, batch, item)

    def layer(self, type_name: str, name: str, bottoms: list[str], settings: str = "", in_place: bool = False) -> str:
        top = bottoms[0] if in_place else name
        layer = self.net.layer.add(name=name, type=type_name, bottom=bottoms, top=[top])
        text_format.Merge(settings, layer)
        return top

    def convolution(self, name: str, bottom: str, settings: str, filler: str = "msra") -> str:
        text = f'convolution_param {{ weight_filler {{ type: "{filler}" }} {settings} }}'
        return self.layer("Convolution", name, [bottom], text)

    def relu(self, bottom: str) -> str:
        return self.layer("ReLU", f"{bottom}_relu", [bottom], in_place=True)

    def pool(self, name: str, bottom: str, settings: str) -> str:
        return self.layer("Pooling", name, [bottom], f"pooling_param {{ {settings} }}")

    def dense(self, name: str, bottom: str, outputs: int) -> str:
        text = f'inner_product_param {{ num_output: {outputs} weight_filler {{ type: "xavier" }} }}'
        return self.layer("InnerProduct", name, [bottom], text)

    def norm(self, name: str, bottom: str) -> str:
        return self.layer("LRN", name, [bottom], "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")

    def drop(self, bottom: str, ratio: float) -> str:
        settings = f"dropout_param {{ dropout_ratio: {ratio} }}"
        return self.layer("Dropout", f"{bottom}_drop", [bottom], settings, in_place=True)

    def text(self, scores: str) -> str:
        """The net with its loss."""
        self.layer("SoftmaxWithLoss", "loss", [scores, "label"])
        return text_format.MessageToString(self.net)


def lenet(batch: int) -> str:
    """LeNet of configs/lenet.prototxt, 1 x 28 x 28."""
    source = load_solver(CONFIGS / "lenet.prototxt").train_net()
    return _from_config(source.param, batch, (1, 28, 28))


def sphereface20(batch: int) -> str:
    """SphereFace-20 with its margin layer of 10,572 classes, 3 x 112 x 96."""
    source = load_net(CONFIGS / "sphereface" / "sphereface20_model.prototxt")
    return _from_config(source.param, batch, (3, 112, 96))


def caffenet(batch: int) -> str:
    """CaffeNet, 3 x 227 x 227, 1,000 classes."""
    b = _Builder("CaffeNet", batch, (3, 227, 227))
    pool = "kernel_size: 3 stride: 2"
    x = b.norm(
        "norm1",
        b.pool("pool1", b.relu(b.convolution("conv1", "data", "num_output: 96 kernel_size: 11 stride: 4")), pool),
    )
    x = b.relu(b.convolution("conv2", x, "num_output: 256 pad: 2 kernel_size: 5 group: 2"))
    x = b.norm("norm2", b.pool("pool2", x, pool))
    x = b.relu(b.convolution("conv3", x, "num_output: 384 pad: 1 kernel_size: 3"))
    x = b.relu(b.convolution("conv4", x, "num_output: 384 pad: 1 kernel_size: 3 group: 2"))
    x = b.pool("pool5", b.relu(b.convolution("conv5", x, "num_output: 256 pad: 1 kernel_size: 3 group: 2")), pool)
    x = b.drop(b.relu(b.dense("fc6", x, 4096)), 0.5)
    x = b.drop(b.relu(b.dense("fc7", x, 4096)), 0.5)
    return b.text(b.dense("fc8", x, CLASSES))


_INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Outputs of: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection."""


def googlenet(batch: int) -> str:
    """GoogLeNet without its auxiliary classifiers, 3 x 224 x 224, 1,000 classes."""
    b = _Builder("GoogLeNet", batch, (3, 224, 224))
    down = "kernel_size: 3 stride: 2"
    x = b.relu(b.convolution("conv1", "data", "num_output: 64 pad: 3 kernel_size: 7 stride: 2", "xavier"))
    x = b.norm("norm1", b.pool("pool1", x, down))
    x = b.relu(b.convolution("conv2_reduce", x, "num_output: 64 kernel_size: 1", "xavier"))
    x = b.relu(b.convolution("conv2", x, "num_output: 192 pad: 1 kernel_size: 3", "xavier"))
    x = b.pool("pool2", b.norm("norm2", x), down)
    for name, (one, three_reduce, three, five_reduce, five, projection) in _INCEPTIONS.items():
        if name in ("4a", "5a"):
            x = b.pool(f"pool{name[0]}_in", x, down)

        def product(part: str, bottom: str, outputs: int, kernel: int, name: str = name) -> str:
            settings = f"num_output: {outputs} kernel_size: {kernel} pad: {kernel // 2}"
            return b.relu(b.convolution(f"inception_{name}_{part}", bottom, settings, "xavier"))

        branches = [
            product("1x1", x, one, 1),
            product("3x3", product("3x3_reduce", x, three_reduce, 1), three, 3),
            product("5x5", product("5x5_reduce", x, five_reduce, 1), five, 5),
            product("proj", b.pool(f"inception_{name}_pool", x, "kernel_size: 3 stride: 1 pad: 1"), projection, 1),
        ]
        x = b.layer("Concat", f"inception_{name}", branches)
    x = b.drop(b.pool("pool5", x, "pool: AVE kernel_size: 7 stride: 1"), 0.4)
    return b.text(b.dense("classifier", x, CLASSES))


def resnet50(batch: int) -> str:
    """ResNet-50, 3 x 224 x 224, 1,000 classes; BatchNorm and Scale in place, as in the authors' prototxt."""
    b = _Builder("ResNet-50", batch, (3, 224, 224))

    def product(name: str, bottom: str, outputs: int, kernel: int, stride: int = 1) -> str:
        settings = f"num_output: {outputs} kernel_size: {kernel} stride: {stride} pad: {kernel // 2} bias_term: false"
        top = b.convolution(name, bottom, settings)
        b.layer("BatchNorm", f"bn_{name}", [top], in_place=True)
        return b.layer("Scale", f"scale_{name}", [top], "scale_param { bias_term: true }", in_place=True)

    x = b.pool("pool1", b.relu(product("conv1", "data", 64, 7, 2)), "kernel_size: 3 stride: 2")
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 2):
        for block in range(blocks):
            name = f"res{stage}{chr(ord('a') + block)}"
            stride = 2 if block == 0 and stage > 2 else 1
            shortcut = product(f"{name}_branch1", x, 4 * width, 1, stride) if block == 0 else x
            y = b.relu(product(f"{name}_branch2a", x, width, 1, stride))
            y = b.relu(product(f"{name}_branch2b", y, width, 3))
            y = product(f"{name}_branch2c", y, 4 * width, 1)
            x = b.relu(b.layer("Eltwise", name, [shortcut, y]))
    return b.text(b.dense("fc1000", b.pool("pool5", x, "pool: AVE kernel_size: 7 stride: 1"), CLASSES))


ZOO: dict[str, NetText] = {
    "lenet": lenet,
    "sphereface20": sphereface20,
    "caffenet": caffenet,
    "googlenet": googlenet,
    "resnet50": resnet50,
}


def without_dropout(text: str) -> str:
    """The same net without its Dropout layers, which are in place: two programs never drop alike."""
    net = text_format.Parse(text, pb.NetParameter())
    kept = [layer for layer in net.layer if layer.type != "Dropout"]
    del net.layer[:]
    net.layer.extend(kept)
    return text_format.MessageToString(net)


def for_inference(text: str) -> str:
    """The same net without labels, and without the layers that depend on them: what is run on new images."""
    net = text_format.Parse(text, pb.NetParameter())
    absent, kept = {"label"}, []
    for layer in net.layer:
        if absent.intersection(layer.bottom):
            absent.update(set(layer.top) - set(layer.bottom))
        else:
            kept.append(layer)
    del net.layer[:]
    net.layer.extend(kept)
    inputs = net.layer[0]
    del inputs.top[1:], inputs.input_param.shape[1:]
    return text_format.MessageToString(net)


def _from_config(param: pb.NetParameter, batch: int, item: tuple[int, ...]) -> str:
    """What a config trains, with Input layers for its data layers."""
    net = pb.NetParameter(name=param.name)
    _add_inputs(net, batch, item)
    for layer in param.layer:
        trained = not layer.include or any(rule.phase == pb.TRAIN for rule in layer.include)
        if layer.bottom and trained and layer.type != "Accuracy":
            net.layer.add().CopyFrom(layer)
    return text_format.MessageToString(net)


def _add_inputs(net: pb.NetParameter, batch: int, item: tuple[int, ...]) -> None:
    layer = net.layer.add(name="input", type="Input", top=["data", "label"])
    layer.input_param.shape.add(dim=[batch, *item])
    layer.input_param.shape.add(dim=[batch])
