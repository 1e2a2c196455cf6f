"""NC600 to NC619: other formats for nets and weights."""

from __future__ import annotations

from netcli.catalogue.entry import DATA, DUMMY, IP, LABEL, LOSS, Entry, Example

_TANH = 'layer { name: "tanh" type: "TanH" bottom: "ip" top: "tanh" }\n'
_DRAWN = IP.replace("num_output: 4", 'num_output: 50 weight_filler { type: "xavier" }')
_LSTM = """layer { name: "x" type: "Input" top: "x" top: "cont"
        input_param { shape { dim: 3 dim: 2 dim: 4 } shape { dim: 3 dim: 2 } } }
layer { name: "lstm" type: "LSTM" bottom: "x" bottom: "cont" top: "y" recurrent_param { num_output: 5 } }
"""
_TWO = DATA + IP + IP.replace('top: "ip"', 'top: "ip2"').replace('name: "ip"', 'name: "ip2"')


def _export(text: str, options: str = "--seed 1 -o net.onnx", *also: str) -> Example:
    return Example({"net.prototxt": text}, f"export net.prototxt {options}", also=also)


def _convert(python: str) -> Example:
    """Code in front of a conversion that fails."""
    head = "import numpy as np\nfrom netcli.convert.caffemodel import read_weights, write_weights\n"
    return Example(python=head + python)


def _without(package: str, code: str) -> Example:
    """Code that runs where ``package`` is not installed."""
    return Example(
        {"net.prototxt": DATA + IP},
        python="import sys\n"
        "from click.testing import CliRunner\n"
        f"before = {{n: sys.modules.pop(n) for n in list(sys.modules) if n.partition('.')[0] == '{package}'}}\n"
        f"sys.modules['{package}'] = None\n"
        "try:\n"
        f"    {code}\n"
        "finally:\n"
        f"    del sys.modules['{package}']\n"
        "    sys.modules.update(before)\n",
    )


ENTRIES: dict[str, Entry] = {
    "NC600": Entry(
        "a layer that ONNX cannot express",
        "It keeps a state between batches, runs a user's code, needs labels, or has a setting that no operator has.",
        "Export a part of the net with --blob; or replace the layer.",
        _export(_LSTM),
    ),
    "NC601": Entry(
        "a model in ONNX without onnx",
        "onnx writes the file, and it is not installed.",
        'pip install "netcli[onnx]".',
        _without("onnx", "from netcli.convert.onnx.model_parts import onnx_module; onnx_module()"),
    ),
    "NC602": Entry(
        "a layer that works at one batch size",
        "With --dynamic-batch the model must be the same at every batch size, and for this layer it is not.",
        "Leave --dynamic-batch out.",
        _export(
            DATA + 'layer { name: "all" type: "Reshape" bottom: "data" top: "all" reshape_param { shape { dim: 4 '
            "dim: -1 } } }\n",
            "--seed 1 -o net.onnx --dynamic-batch",
        ),
    ),
    "NC603": Entry(
        "more parameters than ONNX holds",
        "A file of ONNX is one message, which has to stay below 2 GiB.",
        "Export a part of the net with --blob, or write safetensors.",
        Example(
            {"net.prototxt": DATA + IP.replace("num_output: 4", "num_output: 3000000")},
            python="import numpy as np\n"
            "from netcli.convert.onnx.export import to_onnx\n"
            "from netcli.net import build_graph\n"
            "from netcli.prototxt import load_net\n"
            "weights = np.zeros((3000000, 192), np.float32), np.zeros(3000000, np.float32)\n"
            "to_onnx(build_graph(load_net('net.prototxt')), {'ip': weights})\n",
        ),
    ),
    "NC604": Entry(
        "nothing to export",
        "Without losses and labels no layer is left, or the net has no input.",
        "Export a net that computes something of data.",
        _export(DATA + 'layer { name: "quiet" type: "Silence" bottom: "data" }\n'),
    ),
    "NC605": Entry(
        "a part of the net that is left out",
        "The exported net is for use without labels: losses, accuracies and what only they read are not in it.",
        "Nothing is to be done, unless you miss it.",
        _export(DATA + LABEL + IP + LOSS),
    ),
    "NC606": Entry(
        "a layer that becomes another",
        "Data layers become inputs, which get values after the transform; margin layers lose their margin.",
        "Do what the note says of the transform to images before the model gets them.",
        _export(DUMMY + IP, "--seed 1 -o net.onnx", "NC605"),
    ),
    "NC607": Entry(
        "no such blob in the exported net",
        "--blob names one that the net does not have, or that is left out with the losses.",
        "Take one that is listed.",
        _export(DATA + IP, "--seed 1 -o net.onnx --blob fc"),
    ),
    "NC608": Entry(
        "a model in ONNX without onnxruntime",
        "--check runs the model by onnxruntime, which is not installed.",
        'pip install "netcli[onnx]", or leave --check out.',
        _without("onnxruntime", "from netcli.convert.onnx.comparison import run_model; run_model(None, {})"),
    ),
    "NC609": Entry(
        "a name that tells no format",
        "The ending of the file's name says which format to write.",
        "Choose one of the endings.",
        _export(DATA + IP, "--seed 1 -o net.pth"),
    ),
    "NC610": Entry(
        "layers without weights",
        "A net is exported with all its weights, and the files have none for these layers.",
        "Name every file of weights, comma-separated; see that layer names are those of the files.",
        Example(
            {"net.prototxt": DATA + IP, "more.prototxt": _TWO},
            "export more.prototxt --weights w.npz -o more.npz",
            ("export net.prototxt --seed 1 -o w.npz",),
            also=("NC615",),
        ),
    ),
    "NC611": Entry(
        "a tensor that is no blob of a layer",
        "In safetensors and npz a blob is called LAYER.weight, LAYER.bias or LAYER.INDEX, counted from 0 on.",
        "Rename the tensors.",
        _convert("np.savez('w.npz', conv1=np.zeros(3, np.float32))\nread_weights('w.npz')\n"),
    ),
    "NC612": Entry(
        "safetensors without safetensors",
        "The package of this name reads and writes them, and it is not installed.",
        'pip install "netcli[safetensors]".',
        _without(
            "safetensors",
            "from netcli.convert.safetensors import safetensors_module; safetensors_module('w.safetensors')",
        ),
    ),
    "NC613": Entry(
        "layers that names cannot tell apart",
        "Two layers have one name, and the format knows blobs by name.",
        "Write a .caffemodel, or rename a layer.",
        _convert(
            "from netcli.schema import caffe_pb2 as pb\n"
            "net = pb.NetParameter()\n"
            "for _ in range(2):\n"
            "    net.layer.add(name='ip').blobs.add(data=[0.0]).shape.dim.append(1)\n"
            "write_weights(net, 'w.npz')\n"
        ),
    ),
    "NC614": Entry(
        "values that cannot be weights",
        "Weights are floating-point numbers of 16, 32 or 64 bits.",
        "Convert them first.",
        _convert("np.savez('w.npz', **{'conv1.weight': np.zeros(3, np.int8)})\nread_weights('w.npz')\n"),
    ),
    "NC615": Entry(
        "a format that does not keep everything",
        "Values and shapes are kept by all; types and settings of layers, and gradients, only by some.",
        "Nothing is to be done: weights are found by layer name. `netcli export NET` puts a net around them again.",
        _export(DATA + IP, "--seed 1 -o w.npz"),
    ),
    "NC616": Entry(
        "a model that is not the net",
        "--check has run both, and an output differs by more than --tolerance.",
        "Should it be more than rounding: this is a bug of netcli, please report it.",
        _export(DATA + _DRAWN + _TANH, "--seed 1 -o net.onnx --check --tolerance 0"),
    ),
    "NC617": Entry(
        "stored layers that have no place",
        "The file has weights of layers that the exported net does not have.",
        "Nothing is to be done, unless a layer should have got them: then its name is another.",
        Example(
            {"net.prototxt": DATA + IP, "more.prototxt": _TWO},
            "export net.prototxt --weights w.npz -o net.npz",
            ("export more.prototxt --seed 1 -o w.npz",),
            also=("NC615",),
        ),
    ),
    "NC618": Entry(
        "no weights to export",
        "A net is exported with its weights.",
        "Say --weights FILE; or --seed N for the values that fillers draw.",
        _export(DATA + IP, "-o net.npz"),
    ),
}
