"""Writes the nets and solvers of this folder: ``python configs/sphereface/generate.py``. A test keeps them fresh.

The nets are those of Liu et al., "SphereFace: deep hypersphere embedding for face recognition", CVPR 2017, table 2:
four stages, each of a convolution with stride 2 and some residual units of two convolutions, every convolution with
PReLU behind it; then the features, and their angles to the classes. Layers and blobs bear the names of the authors'
prototxt, so that weights of theirs load. (Their published SphereFace-64 has 7 units in the second stage, not 8.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Architecture:
    """What the nets differ in: residual units and channels of each stage, features, image (C, H, W), classes."""

    name: str
    units: tuple[int, ...]
    channels: tuple[int, ...] = (64, 128, 256, 512)
    feature_count: int = 512
    image: tuple[int, int, int] = (3, 112, 96)
    classes: int = 10572


@dataclass(frozen=True)
class Data:
    """Where the images are listed, and how many go into a batch."""

    source: str
    batch_size: int


PAPER = [
    Architecture("sphereface4", (0, 0, 0, 0)),
    Architecture("sphereface20", (1, 2, 4, 1)),
    Architecture("sphereface36", (2, 4, 8, 2)),
    Architecture("sphereface64", (3, 8, 16, 3)),
]
SMALL = Architecture("small", (0, 1, 1, 0), (16, 32, 64, 128), feature_count=128, image=(1, 56, 46), classes=35)


def convolution(name: str, bottom: str, channels: int, stride: int) -> str:
    """A convolution and its PReLU. Within a residual unit (stride 1) the bias stays 0, and weights start small."""
    bias, filler = ("2", '"xavier"') if stride == 2 else ("0", '"gaussian" std: 0.01')
    return f"""
layer {{
  name: "conv{name}"
  type: "Convolution"
  bottom: "{bottom}"
  top: "conv{name}"
  param {{ lr_mult: 1 decay_mult: 1 }}
  param {{ lr_mult: {bias} decay_mult: 0 }}
  convolution_param {{
    num_output: {channels}
    kernel_size: 3
    stride: {stride}
    pad: 1
    weight_filler {{ type: {filler} }}
    bias_filler {{ type: "constant" value: 0 }}
  }}
}}
layer {{
  name: "relu{name}"
  type: "PReLU"
  bottom: "conv{name}"
  top: "conv{name}"
}}
"""


def residual_sum(name: str, one: str, other: str) -> str:
    return f"""
layer {{
  name: "res{name}"
  type: "Eltwise"
  bottom: "{one}"
  bottom: "{other}"
  top: "res{name}"
  eltwise_param {{ operation: SUM }}
}}
"""


def features(architecture: Architecture, bottom: str) -> str:
    return f"""
layer {{
  name: "fc5"
  type: "InnerProduct"
  bottom: "{bottom}"
  top: "fc5"
  param {{ lr_mult: 1 decay_mult: 1 }}
  param {{ lr_mult: 2 decay_mult: 0 }}
  inner_product_param {{
    num_output: {architecture.feature_count}
    weight_filler {{ type: "xavier" }}
    bias_filler {{ type: "constant" value: 0 }}
  }}
}}
"""


def body(architecture: Architecture) -> Iterator[str]:
    """Everything from ``data`` to ``fc5``."""
    bottom = "data"
    for stage, (units, channels) in enumerate(zip(architecture.units, architecture.channels, strict=True), 1):
        yield convolution(f"{stage}_1", bottom, channels, stride=2)
        bottom = f"conv{stage}_1"
        for unit in range(units):
            first, second = f"{stage}_{2 * unit + 2}", f"{stage}_{2 * unit + 3}"
            yield convolution(first, bottom, channels, stride=1)
            yield convolution(second, f"conv{first}", channels, stride=1)
            yield residual_sum(second, bottom, f"conv{second}")
            bottom = f"res{second}"
    yield features(architecture, bottom)


def data(architecture: Architecture, images: Data) -> str:
    """Images as the authors scale them: (pixel - 127.5) / 128, mirrored at random."""
    channels, height, width = architecture.image
    mean = "\n".join(["    mean_value: 127.5"] * channels)
    colour = "" if channels == 3 else "\n    is_color: false"
    return f"""
layer {{
  name: "data"
  type: "ImageData"
  top: "data"
  top: "label"
  transform_param {{
{mean}
    scale: 0.0078125
    mirror: true
  }}
  image_data_param {{
    source: "{images.source}"
    batch_size: {images.batch_size}
    shuffle: true
    new_height: {height}
    new_width: {width}{colour}
  }}
}}
"""


def margin_head(architecture: Architecture, annealing: str) -> str:
    """A-Softmax with m = 4; the third top is the accuracy that the scores without the margin have."""
    return f"""
layer {{
  name: "fc6"
  type: "MarginInnerProduct"
  bottom: "fc5"
  bottom: "label"
  top: "fc6"
  top: "lambda"
  top: "accuracy_no_margin"
  param {{ lr_mult: 1 decay_mult: 1 }}
  margin_inner_product_param {{
    num_output: {architecture.classes}
    type: QUADRUPLE
    weight_filler {{ type: "xavier" }}
    {annealing}
  }}
}}
layer {{
  name: "softmax_loss"
  type: "SoftmaxWithLoss"
  bottom: "fc6"
  bottom: "label"
  top: "softmax_loss"
}}
"""


def plain_head(architecture: Architecture) -> str:
    """Softmax without normalisation or margin, to compare with."""
    return f"""
layer {{
  name: "fc6"
  type: "InnerProduct"
  bottom: "fc5"
  top: "fc6"
  param {{ lr_mult: 1 decay_mult: 1 }}
  inner_product_param {{
    num_output: {architecture.classes}
    bias_term: false
    weight_filler {{ type: "xavier" }}
  }}
}}
layer {{
  name: "accuracy"
  type: "Accuracy"
  bottom: "fc6"
  bottom: "label"
  top: "accuracy"
}}
layer {{
  name: "softmax_loss"
  type: "SoftmaxWithLoss"
  bottom: "fc6"
  bottom: "label"
  top: "softmax_loss"
}}
"""


def image(architecture: Architecture) -> str:
    """One image from outside, for the nets that only make features."""
    shape = " ".join(f"dim: {size}" for size in (1, *architecture.image))
    return f"""
layer {{
  name: "data"
  type: "Input"
  top: "data"
  input_param {{ shape {{ {shape} }} }}
}}
"""


PAPER_SOLVER = Template("""\
# $title on CASIA-WebFace, as in the paper: SGD, the rate divided by 10 after 16,000 and 24,000 iterations.
# netcli schedule shows the rate and lambda together.

net: "${name}_model.prototxt"

base_lr: 0.1
momentum: 0.9
weight_decay: 0.0005
lr_policy: "multistep"
gamma: 0.1
stepvalue: 16000
stepvalue: 24000

display: 100
max_iter: 28000
snapshot: 4000
""")

SMALL_SOLVER = Template("""\
# $title: some minutes on two cores.

net: "${name}_model.prototxt"

base_lr: 0.05
momentum: 0.9
weight_decay: 0.0005
lr_policy: "multistep"
gamma: 0.1
stepvalue: 900
stepvalue: 1200

display: 100
max_iter: 1400
""")

CASIA = Data("casia_webface/train.txt", batch_size=256)
FACES = Data("att_faces/train.txt", batch_size=70)

PAPER_ANNEALING = """# netcli: ignore NC311 (as the authors have it: lambda is at its floor from iteration 1,658 on)
    base: 1000
    gamma: 0.12
    power: 1
    lambda_min: 5"""

SMALL_ANNEALING = """base: 1000
    gamma: 0.2
    power: 1
    lambda_min: 5"""


def files() -> Iterator[tuple[str, str]]:
    """(name, content) of every prototxt in this folder."""
    for architecture in PAPER:
        name, title = architecture.name, architecture.name.replace("sphereface", "SphereFace-")
        about = f"# {title} on faces of 112 x 96 pixels, aligned by the eyes, nose and mouth."
        head = margin_head(architecture, PAPER_ANNEALING)
        yield f"{name}_model.prototxt", net(title, about, [data(architecture, CASIA), *body(architecture), head])
        yield f"{name}_solver.prototxt", PAPER_SOLVER.substitute(name=name, title=title)
        yield f"{name}_deploy.prototxt", net(title, about, [image(architecture), *body(architecture)])
    about = "# A small net of SphereFace's kind for few faces, grey and about as high as wide, such as AT&T's."
    parts = [data(SMALL, FACES), *body(SMALL)]
    margin, plain = margin_head(SMALL, SMALL_ANNEALING), plain_head(SMALL)
    yield "small_model.prototxt", net("small", about + "\n# With A-Softmax.", [*parts, margin])
    yield "small_solver.prototxt", SMALL_SOLVER.substitute(name="small", title="A small net with A-Softmax")
    yield "small_softmax_model.prototxt", net("small-softmax", about + "\n# With plain softmax.", [*parts, plain])
    yield (
        "small_softmax_solver.prototxt",
        SMALL_SOLVER.substitute(name="small_softmax", title="The same net with plain softmax, to compare with"),
    )
    yield "small_deploy.prototxt", net("small", about, [image(SMALL), *body(SMALL)])


def net(name: str, about: str, parts: list[str]) -> str:
    return f'{about}\n# Made by generate.py.\n\nname: "{name}"\n' + "".join(parts)


if __name__ == "__main__":
    for name, content in files():
        (FOLDER / name).write_text(content, encoding="utf-8")
