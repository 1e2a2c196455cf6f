"""NC580 to NC599: the pycaffe face."""

from __future__ import annotations

from netcli.catalogue.entry import DATA, IP, Entry, Example, python

_IMPORT = "import numpy as np\nimport netcli.pycaffe as caffe\n"
_NET = "net = caffe.Net('net.prototxt', caffe.TEST)\n"


def _net(text: str, prototxt: str = DATA + IP) -> Example:
    return python(_IMPORT + _NET + text, net_prototxt=prototxt)


ENTRIES: dict[str, Entry] = {
    "NC580": Entry(
        "no GPU and no second solver through the pycaffe face",
        "This face computes on the CPU, with one solver.",
        "Call set_mode_cpu(), or leave the call out.",
        python(_IMPORT + "caffe.set_mode_gpu()\n"),
    ),
    "NC581": Entry(
        "a blob with more axes than num, channels, height and width",
        "The old names mean the first four axes.",
        "Use shape.",
        _net("net.blobs['data'].reshape(1, 1, 1, 1, 1)\nnet.blobs['data'].num\n"),
    ),
    "NC582": Entry(
        "a blob with a negative size",
        "Sizes are at least 0.",
        "See the arguments of reshape.",
        _net("net.blobs['data'].reshape(-1, 3)\n"),
    ),
    "NC583": Entry(
        "a phase that is neither TRAIN nor TEST",
        "A net is made for one of both.",
        "Pass caffe.TRAIN or caffe.TEST.",
        python(_IMPORT + "caffe.Net('net.prototxt', 7)\n", net_prototxt=DATA),
    ),
    "NC584": Entry(
        "the net has no layer or blob of this name",
        "Names are those of the prototxt, without layers of the other phase.",
        "Take the name that is proposed.",
        _net("net.forward(end='ipp')\n"),
    ),
    "NC585": Entry(
        "arguments that are not the net's inputs or outputs",
        "forward takes an array for each input, backward one for each output.",
        "Pass those that are named.",
        _net("net.forward(image=np.zeros((2, 3, 8, 8)))\n"),
    ),
    "NC586": Entry(
        "an array that does not fit its blob",
        "An input has the blob's shape, its first axis being the batch.",
        "Reshape the blob first, or the array.",
        _net("net.forward(data=np.zeros((2, 3, 9, 9)))\n"),
    ),
    "NC587": Entry(
        "set_input_arrays without MemoryData",
        "It gives its arrays to a MemoryData layer.",
        "Use such a layer, or assign to net.blobs['data'].data.",
        _net("net.set_input_arrays(np.zeros((2, 3, 8, 8), np.float32), np.zeros(2, np.float32))\n"),
    ),
    "NC588": Entry(
        "arrays that cannot be cut into batches",
        "forward_all takes arrays with as many items each.",
        "Pass at least one item for each input.",
        _net("net.forward_all(data=np.zeros((0, 3, 8, 8)))\n"),
    ),
    "NC589": Entry(
        "an image or drawing that cannot be read or made",
        "The file is no image, or the program that draws is missing.",
        "See the message.",
        python(_IMPORT + "caffe.io.load_image('a.png')\n", a_png="no image"),
    ),
    "NC590": Entry(
        "tops, layers or parameters that do not make a net specification",
        "NetSpec writes prototxt, so fields and values must be Caffe's.",
        "Take the field that is proposed.",
        python(
            _IMPORT + "from netcli.pycaffe import layers as L\nn = caffe.NetSpec()\n"
            "n.data = L.Input(shape=dict(dim=[1, 3]))\nn.ip = L.InnerProduct(n.data, num_outputs=2)\nn.to_proto()\n"
        ),
    ),
    "NC591": Entry(
        "a Transformer setting that does not fit its input",
        "Mean, channel order and so on are for inputs of the shapes that it was made with.",
        "See the shapes.",
        python(_IMPORT + "caffe.io.Transformer({'data': (1, 3, 8, 8)}).set_mean('image', np.zeros(3))\n"),
    ),
    "NC592": Entry(
        "tops whose coordinates cannot be mapped to each other",
        "The mapping follows spatial layers from both tops to a common blob.",
        "See which layers lie between them.",
        python(
            _IMPORT + "from netcli.pycaffe import layers as L\nfrom netcli.pycaffe.coord_map import coord_map_from_to\n"
            "n = caffe.NetSpec()\nn.data = L.Input(shape=dict(dim=[1, 3, 8, 8]))\n"
            "n.a = L.InnerProduct(n.data, num_output=2)\ncoord_map_from_to(n.a, n.data)\n"
        ),
    ),
}
