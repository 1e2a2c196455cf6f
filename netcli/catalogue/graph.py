"""NC100 to NC199: the net's graph, and the layers' shapes and parameters."""

from __future__ import annotations

from netcli.catalogue.entry import (
    DATA,
    DUMMY,
    IP,
    LABEL,
    LOSS,
    SOLVER,
    TRAINABLE,
    WRITE_LMDB,
    Entry,
    Example,
    net,
    python,
    solver,
)

_CONVOLUTION = 'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { %s } }\n'


def _layer(type_name: str, rest: str = "", name: str = "it") -> str:
    return f'layer {{ name: "{name}" type: "{type_name}" bottom: "data" top: "{name}" {rest} }}\n'


ENTRIES: dict[str, Entry] = {
    "NC100": Entry(
        "a layer without a type",
        "The type says what a layer computes.",
        'Add type: "...".',
        net(DATA + 'layer { name: "ip" bottom: "data" top: "ip" }\n'),
    ),
    "NC101": Entry(
        "unknown layer type",
        "No layer has this type; a type of a fork of Caffe is named as such.",
        "Take the type that is proposed; `netcli layers` lists all. A layer of your own is a Python layer.",
        net(DATA + _layer("Relu")),
    ),
    "NC102": Entry(
        "wrong number of bottoms",
        "The type reads another number of blobs.",
        "Give it what it needs; `netcli layers TYPE` says what that is.",
        net(DATA + 'layer { name: "sum" type: "Eltwise" bottom: "data" top: "sum" }\n'),
    ),
    "NC103": Entry(
        "wrong number of tops",
        "The type makes another number of blobs.",
        "Give as many tops as it makes.",
        net(DATA + 'layer { name: "relu" type: "ReLU" bottom: "data" top: "a" top: "b" }\n'),
    ),
    "NC104": Entry(
        "unknown bottom",
        "No layer before this one, in this phase, makes a blob of this name.",
        "Take the name that is proposed; or move the layer behind the one that makes it; or see whether include "
        "rules leave that one out.",
        net(DATA + IP.replace('bottom: "data"', 'bottom: "dato"')),
    ),
    "NC105": Entry(
        "a blob produced twice",
        "Two layers of one phase make a blob of the same name.",
        "Rename one top, and the bottoms that mean it.",
        net(DATA + IP + IP.replace('"ip"', '"ip2"', 1)),
    ),
    "NC106": Entry(
        "layers that wait for each other in a cycle",
        "Each of these layers reads what a later one of them makes.",
        "Break the cycle; a net is computed from its first layer to its last.",
        net(
            DATA + 'layer { name: "a" type: "Eltwise" bottom: "data" bottom: "b" top: "a" }\n'
            'layer { name: "b" type: "ReLU" bottom: "a" top: "b" }\n'
        ),
    ),
    "NC107": Entry(
        "in place where the layer cannot work in place",
        "The top has the name of the bottom, and the layer needs the bottom as it was.",
        "Give the top a name of its own.",
        net(
            DATA
            + _layer("Pooling", "pooling_param { kernel_size: 3 stride: 1 pad: 1 }")
            .replace('"it" }', '"data" }')
            .replace('top: "it"', 'top: "data"')
        ),
    ),
    "NC108": Entry(
        "two layers of one name in one phase",
        "Stored weights are found by the layer's name; the second layer would never get any.",
        "Rename one of them.",
        net(DATA + IP + IP.replace('top: "ip"', 'top: "ip2"')),
    ),
    "NC109": Entry(
        "wrong number of loss weights",
        "loss_weight stands once for each top, or not at all.",
        "Give one for each top.",
        net(DATA + IP.replace('top: "ip"', 'top: "ip" loss_weight: 1 loss_weight: 1')),
    ),
    "NC110": Entry(
        "wrong number of propagate_down values",
        "propagate_down stands once for each bottom, or not at all.",
        "Give one for each bottom.",
        net(DATA + IP.replace('top: "ip"', 'top: "ip" propagate_down: true propagate_down: false')),
    ),
    "NC111": Entry(
        "more param entries than the layer has parameters",
        "The entries are for weights, bias and so on, in this order.",
        "Remove those that are too many; without bias_term there is no second one.",
        net(DATA + IP.replace("num_output: 4", "num_output: 4 bias_term: false")),
    ),
    "NC112": Entry(
        "shared parameters that do not agree",
        "Parameters of one name are one array, so they have one shape and one lr_mult.",
        "Make them alike, or give them different names.",
        net(
            DATA + 'layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" param { name: "w" } '
            "inner_product_param { num_output: 4 bias_term: false } }\n"
            'layer { name: "b" type: "InnerProduct" bottom: "data" top: "b" param { name: "w" } '
            "inner_product_param { num_output: 5 bias_term: false } }\n"
        ),
    ),
    "NC113": Entry(
        "a net without layers",
        "Nothing is left for a phase, perhaps because of include and exclude rules.",
        "Add layers, or see the rules.",
        net('name: "nothing"\n'),
    ),
    "NC114": Entry(
        "a layer that cannot pass gradients back",
        "A layer before it is to learn, and gradients cannot come back through this one.",
        "Set propagate_down: false, or lr_mult: 0 for what is before it, or take the layer out of training.",
        Example(
            {
                "solver.prototxt": SOLVER,
                "net.prototxt": DUMMY + IP + 'layer { name: "step" type: "Threshold" bottom: "ip" top: "step" }\n'
                'layer { name: "loss" type: "EuclideanLoss" bottom: "step" bottom: "ip" top: "loss" }\n',
            },
            "train solver.prototxt --out run",
        ),
    ),
    "NC115": Entry(
        "a net to train without a loss",
        "Without a loss there is no gradient, and nothing would be learned.",
        "Add a loss layer, or a loss_weight to the top that is one.",
        solver(SOLVER, DUMMY + IP + 'layer { name: "quiet" type: "Silence" bottom: "ip" bottom: "label" }\n'),
    ),
    "NC120": Entry(
        "a required field is missing",
        "The layer cannot be set up without this field.",
        "Add it.",
        net(DATA + _CONVOLUTION % "kernel_size: 3"),
    ),
    "NC121": Entry(
        "a field's value is out of range",
        "The value is one that the layer cannot work with, such as a kernel larger than its input.",
        "Choose a value in the range that is named.",
        net(DATA + _CONVOLUTION % "num_output: 4 kernel_size: 11"),
    ),
    "NC122": Entry(
        "a bottom's shape does not suit the layer",
        "The layer needs another number of axes, or other sizes.",
        "See the shape that is named, and the layer that made it.",
        net(LABEL + 'layer { name: "prelu" type: "PReLU" bottom: "label" top: "prelu" }\n'),
    ),
    "NC123": Entry(
        "an axis is out of range",
        "Axes count from 0, or from the last as -1.",
        "Choose an axis that the bottom has.",
        net(DATA + IP.replace("num_output: 4", "num_output: 4 axis: 5")),
    ),
    "NC124": Entry(
        "bottoms whose shapes do not agree",
        "The layer combines its bottoms element by element, or along one axis.",
        "See both shapes and the layers that made them.",
        net(DATA + IP + 'layer { name: "sum" type: "Eltwise" bottom: "data" bottom: "ip" top: "sum" }\n'),
    ),
    "NC125": Entry(
        "labels whose count does not match",
        "A loss needs one label for each prediction: N, or N H W where predictions have positions.",
        "See which of both has the wrong batch size or shape.",
        net(DATA + LABEL.replace("dim: 2", "dim: 3") + IP + LOSS),
    ),
    "NC126": Entry(
        "fields that exclude each other",
        "Both say the same thing in different ways.",
        "Keep one.",
        net(DATA + _CONVOLUTION % "num_output: 4 kernel_size: 3 kernel_h: 3 kernel_w: 3"),
    ),
    "NC127": Entry(
        "an unknown filler",
        "Fillers set the first values of parameters.",
        "Take one that is listed.",
        net(DATA + IP.replace("num_output: 4", 'num_output: 4 weight_filler { type: "xavir" }')),
    ),
    "NC128": Entry(
        "a filler that does not suit the parameter's shape",
        "The bilinear filler is for square kernels of two axes.",
        "Use another filler, or give the layer such a kernel.",
        net(DATA + IP.replace("num_output: 4", 'num_output: 4 weight_filler { type: "bilinear" }')),
    ),
    "NC130": Entry(
        "the shape of the data is not known",
        "A data layer's shape is that of its data, which are not there.",
        "Make the data, or say the shape with --input-shape C,H,W.",
        Example(
            {
                "net.prototxt": 'layer { name: "data" type: "Data" top: "data" top: "label" '
                'data_param { source: "train_lmdb" batch_size: 2 backend: LMDB } }\n' + IP + LOSS
            },
            "show net.prototxt",
        ),
    ),
    "NC131": Entry(
        "a parameter's shape changed after it was filled",
        "The weights belong to inputs of the size with which the net was made.",
        "Keep the sizes that parameters depend on, or make another net.",
        python(
            "import netcli.pycaffe as caffe\n"
            "net = caffe.Net('net.prototxt', caffe.TEST)\n"
            "net.blobs['data'].reshape(2, 3, 9, 9)\n"
            "net.reshape()\n",
            net_prototxt=DATA + IP,
        ),
    ),
    "NC132": Entry(
        "the data have another shape than the net",
        "The source has changed since the net was made from it.",
        "Start again, or restore the source.",
        python(
            WRITE_LMDB + "import shutil\n"
            "write('set', [datum(2)] * 4)\n"
            "net = caffe.Net('net.prototxt', caffe.TRAIN)\n"
            "shutil.rmtree('set')\n"
            "write('set', [datum(3)] * 4)\n"
            "net.forward()\n",
            net_prototxt='layer { name: "data" type: "Data" top: "data" top: "label" '
            'data_param { source: "set" batch_size: 2 backend: LMDB } }\n',
        ),
    ),
    "NC133": Entry(
        "an array from a file has another size than the layer needs",
        "InfogainLoss reads its matrix, classes x classes, from a file.",
        "Write a matrix of the right size.",
        python(
            "from pathlib import Path\n"
            "import numpy as np\n"
            "import netcli.pycaffe as caffe\n"
            "from netcli.pycaffe import io\n"
            "blob = io.array_to_blobproto(np.eye(3, dtype=np.float32).reshape(1, 1, 3, 3))\n"
            "Path('h.binaryproto').write_bytes(blob.SerializeToString())\n"
            "net = caffe.Net('net.prototxt', caffe.TRAIN)\n"
            "net.forward()\n",
            net_prototxt=DATA + LABEL + IP + 'layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }\n'
            'layer { name: "loss" type: "InfogainLoss" bottom: "prob" bottom: "label" top: "loss" '
            'infogain_loss_param { source: "h.binaryproto" } }\n',
        ),
    ),
    "NC135": Entry(
        "shapes that are known only when the code of a Python layer runs",
        "Looking at a file must not run code, so what lies behind the layer was not checked.",
        "Nothing must be done; `train` finds out.",
        net(
            DATA + 'layer { name: "py" type: "Python" bottom: "data" top: "py" '
            'python_param { module: "mine" layer: "Mine" } }\n'
        ),
    ),
    "NC150": Entry(
        "a label is out of range",
        "Classes count from 0; a label of 10 needs 11 outputs.",
        "Raise num_output, or mend the labels: do they start at 1?",
        Example(
            {
                "solver.prototxt": SOLVER,
                "net.prototxt": TRAINABLE.replace(
                    'data_filler { type: "constant" }', 'data_filler { type: "constant" value: 7 }'
                ),
            },
            "train solver.prototxt --out run",
        ),
    ),
    "NC151": Entry(
        "an index is out of range",
        "Embed, BatchReindex and the like take indices that count from 0.",
        "See where the index comes from.",
        Example(
            {
                "solver.prototxt": SOLVER,
                "net.prototxt": 'layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param { '
                "shape { dim: 2 } shape { dim: 2 } "
                'data_filler { type: "constant" value: 9 } data_filler { type: "constant" } } }\n'
                'layer { name: "ip" type: "Embed" bottom: "data" top: "ip" embed_param { num_output: 3 input_dim: 5 '
                "bias_term: false } }\n" + LOSS,
            },
            "train solver.prototxt --out run",
        ),
    ),
}
