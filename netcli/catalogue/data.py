"""NC200 to NC299: data sets, lists, images and files of arrays."""

from __future__ import annotations

from netcli.catalogue.entry import WRITE_LMDB, Entry, Example, python

_TAIL = """layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 10 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
_SOLVER = 'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 2 random_seed: 1\n'
_PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\n"
    b"IDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"
)
"""A PNG of one black pixel."""


def _train(data: str, before: tuple[str, ...] = (), **files: str | bytes) -> Example:
    """Two iterations over a data layer."""
    named: dict[str, str | bytes] = {name.replace("_", ".", 1): content for name, content in files.items()}
    return Example(
        {"solver.prototxt": _SOLVER, "net.prototxt": data + _TAIL, **named},
        "train solver.prototxt --out run",
        before,
    )


def _lmdb(source: str, more: str = "") -> str:
    return (
        f'layer {{ name: "data" type: "Data" top: "data" top: "label" {more} '
        f'data_param {{ source: "{source}" batch_size: 2 backend: LMDB }} }}\n'
    )


def _images(source: str, more: str = "") -> str:
    return (
        'layer { name: "data" type: "ImageData" top: "data" top: "label" '
        f'image_data_param {{ source: "{source}" batch_size: 2 is_color: false {more} }} }}\n'
    )


def _hdf5(source: str) -> str:
    return (
        'layer { name: "data" type: "HDF5Data" top: "data" top: "label" '
        f'hdf5_data_param {{ source: "{source}" batch_size: 2 }} }}\n'
    )


def _windows(source: str) -> str:
    return (
        'layer { name: "data" type: "WindowData" top: "data" top: "label" transform_param { crop_size: 4 } '
        f'window_data_param {{ source: "{source}" batch_size: 2 }} }}\n'
    )


_NET = (
    'layer { name: "data" type: "Data" top: "data" top: "label" '
    'data_param { source: "set" batch_size: 2 backend: LMDB } }\n'
)
_IMAGES = b"\0\0\x08\x03\0\0\0\x01\0\0\0\x1c\0\0\0\x1c" + bytes(28 * 28)
_LABELS = b"\0\0\x08\x01\0\0\0\x01"


def _mnist(images: bytes, label: bytes) -> Example:
    """`data mnist` over four files of one image."""
    return Example(
        {
            "files/train-images-idx3-ubyte": images,
            "files/train-labels-idx1-ubyte": _LABELS + label,
            "files/t10k-images-idx3-ubyte": images,
            "files/t10k-labels-idx1-ubyte": _LABELS + label,
        },
        "data mnist files",
    )


ENTRIES: dict[str, Entry] = {
    "NC200": Entry(
        "a data source does not exist",
        "Nothing is at the source's path, nor at any other place where it is looked for.",
        "Correct the path, or make the data: `netcli data make`, `netcli data mnist`.",
        Example({}, "data info train_lmdb"),
    ),
    "NC201": Entry(
        "not an LMDB",
        "The source is a file, or a folder without data.mdb.",
        "Name the folder that holds data.mdb.",
        _train(_lmdb("set"), set="no database"),
    ),
    "NC202": Entry(
        "an empty LMDB",
        "The database has no entries.",
        "Make it again; the program that made it has failed.",
        python(WRITE_LMDB + "write('set', [])\nread()\n", net_prototxt=_NET),
    ),
    "NC203": Entry(
        "a corrupt datum",
        "An entry of the database is no Datum, or holds fewer bytes than its shape needs.",
        "Make the database again, or pass over such items with --skip-bad.",
        python(WRITE_LMDB + "write('set', [datum(), b'\\xff\\xff\\xff', datum()])\nread()\n", net_prototxt=_NET),
    ),
    "NC204": Entry(
        "an item of another shape than the first",
        "The items of a batch stand in one array.",
        "Resize them: `netcli data make --resize`, or new_height and new_width.",
        python(WRITE_LMDB + "write('set', [datum(2), datum(3)])\nread()\n", net_prototxt=_NET),
    ),
    "NC205": Entry(
        "an item without a label",
        "The layer has a top for labels, and the item has none.",
        "Make the database with labels, or remove the second top.",
        python(WRITE_LMDB + "write('set', [datum(), datum(label=None)])\nread()\n", net_prototxt=_NET),
    ),
    "NC206": Entry(
        "image files without OpenCV",
        "OpenCV decodes images, and it is not installed.",
        'pip install "netcli[images]".',
        python(
            "import sys\n"
            "from netcli.pycaffe import io\n"
            "before = sys.modules.pop('cv2', None)\n"
            "sys.modules['cv2'] = None\n"
            "try:\n"
            "    io.load_image('a.png')\n"
            "finally:\n"
            "    del sys.modules['cv2']\n"
            "    sys.modules.update({} if before is None else {'cv2': before})\n"
        ),
    ),
    "NC207": Entry(
        "LevelDB is not supported",
        "No Python package that reads LevelDB is maintained.",
        "Convert the set to LMDB, with Caffe's tools, or from the images with `netcli data make`.",
        Example(
            {
                "solver.prototxt": _SOLVER,
                "net.prototxt": _lmdb("set").replace("LMDB", "LEVELDB") + _TAIL,
                "set/CURRENT": "MANIFEST-000002\n",
            },
            "train solver.prototxt --out run",
        ),
    ),
    "NC208": Entry(
        "unknown built-in source",
        "After builtin: stands the name of a set that netcli makes itself.",
        "Take the one that is proposed.",
        _train(_lmdb("builtin:digit/train")),
    ),
    "NC209": Entry(
        "a data set or a download cannot be written",
        "The system does not let the files be made there.",
        "Choose another folder, or make room.",
        Example({"list.txt": "a.png 0\n", "a.png": _PIXEL, "out": "a file"}, "data make list.txt out/train_lmdb"),
    ),
    "NC210": Entry(
        "a data set exists already",
        "Nothing is overwritten unasked.",
        "Choose another name, or say --force.",
        Example({"list.txt": "a.png 0\n", "a.png": _PIXEL}, "data make list.txt set", ("data make list.txt set",)),
    ),
    "NC211": Entry(
        "a data set without items",
        "Not one item could be written.",
        "See the list and the images.",
        python("from netcli.data.lmdb_writer import LmdbWriter\nwith LmdbWriter('set'):\n    pass\n"),
    ),
    "NC212": Entry(
        "an IDX file is missing",
        "MNIST comes as four files.",
        "Put all four into the folder, or let `netcli data mnist DIR --download` fetch them.",
        Example({"files/readme.txt": ""}, "data mnist files"),
    ),
    "NC213": Entry(
        "a damaged IDX file",
        "The file is cut, or is something else.",
        "Fetch it again.",
        _mnist(_IMAGES[:-1], b"\0"),
    ),
    "NC214": Entry(
        "a label out of range for its storage",
        "A Datum holds labels of 32 bits, a blob those that a float32 can tell apart.",
        "Number the classes from 0.",
        _mnist(_IMAGES, b"\x0b"),
    ),
    "NC215": Entry(
        "a transform that contradicts itself or the items",
        "The crop, the mean or the colours do not fit the items.",
        "Choose a crop within the items, and one way to give the mean.",
        _train(
            _images("list.txt").replace("image_data_param", "transform_param { crop_size: 5 } image_data_param"),
            list_txt="a.png 0\n",
            a_png=_PIXEL,
        ),
    ),
    "NC216": Entry(
        "an unreadable mean file",
        "A mean file holds one image, as a BlobProto or .npy.",
        "Make it with `netcli data mean`.",
        _train(
            _images("list.txt").replace(
                "image_data_param", 'transform_param { mean_file: "mean.binaryproto" } image_data_param'
            ),
            list_txt="a.png 0\n",
            a_png=_PIXEL,
            mean_binaryproto=b"\xff\xff",
        ),
    ),
    "NC217": Entry(
        "a download failed",
        "No address gave the file.",
        "See the network, or fetch the files by hand and call it without --download.",
        Example({}, "data mnist files --download --url http://127.0.0.1:9/"),
    ),
    "NC218": Entry(
        "a file with a wrong checksum",
        "What came is not the original file.",
        "Try again; a proxy may have put a page of its own in its place.",
        python(
            "import functools, http.server, threading\n"
            "from pathlib import Path\n"
            "from netcli.data.mnist_download import download_mnist\n"
            "class Quiet(http.server.SimpleHTTPRequestHandler):\n"
            "    def log_message(self, *arguments):\n"
            "        pass\n"
            "for name in ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte', 't10k-images-idx3-ubyte', "
            "'t10k-labels-idx1-ubyte'):\n"
            "    Path(f'{name}.gz').write_bytes(b'something else')\n"
            "server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Quiet)\n"
            "threading.Thread(target=server.serve_forever, daemon=True).start()\n"
            "try:\n"
            "    download_mnist(Path('into'), [f'http://127.0.0.1:{server.server_port}/'])\n"
            "finally:\n"
            "    server.shutdown()\n"
            "    server.server_close()\n"
        ),
    ),
    "NC219": Entry(
        "the cache folder cannot be written",
        "Built-in data are made once and kept there.",
        "Set NETCLI_CACHE_DIR to a folder that can be written.",
        python(
            "import os\n"
            "from pathlib import Path\n"
            "from netcli.data.builtin import builtin_source\n"
            "Path('file').touch()\n"
            "before = os.environ.get('NETCLI_CACHE_DIR')\n"
            "os.environ['NETCLI_CACHE_DIR'] = os.path.abspath('file')\n"
            "try:\n"
            "    builtin_source('builtin:digits/test')\n"
            "finally:\n"
            "    os.environ.pop('NETCLI_CACHE_DIR')\n"
            "    os.environ.update({} if before is None else {'NETCLI_CACHE_DIR': before})\n"
        ),
    ),
    "NC220": Entry(
        "a truncated LMDB",
        "data.mdb is shorter than its head says, as after an interrupted copy.",
        "Copy it again.",
        python(
            WRITE_LMDB + "write('set', [datum(40) for _ in range(50)])\n"
            "content = Path('set/data.mdb').read_bytes()\n"
            "Path('set/data.mdb').write_bytes(content[: len(content) // 2])\n"
            "read()\n",
            net_prototxt=_NET,
        ),
    ),
    "NC221": Entry(
        "an image that cannot be read",
        "The file is missing, empty, or no image.",
        "Mend it or its line in the list; --skip-bad passes over such images and names them.",
        _train(_images("list.txt"), list_txt="a.png 0\nb.png 1\n", a_png=_PIXEL, b_png=b""),
    ),
    "NC222": Entry(
        "a line of a list that cannot be used",
        "A line is a path, white space and a label.",
        "Mend the line that is named.",
        _train(_images("list.txt"), list_txt="a.png\n", a_png=_PIXEL),
    ),
    "NC223": Entry(
        "a list or a set of files without items",
        "The list is empty, or holds comments only.",
        "Fill it.",
        _train(_images("list.txt"), list_txt="\n"),
    ),
    "NC224": Entry(
        "a file that is no HDF5",
        "The list names files of HDF5; this is another.",
        "Mend the list: it names files, it is not one of them.",
        _train(_hdf5("list.txt"), list_txt="a.h5\n", a_h5="no HDF5"),
    ),
    "NC225": Entry(
        "HDF5 datasets that are missing or do not agree",
        "A file needs a dataset for each top, all with as many rows.",
        "Name the tops as the datasets.",
        python(
            "import h5py\n"
            "from pathlib import Path\n"
            "import netcli.pycaffe as caffe\n"
            "with h5py.File('a.h5', 'w') as file:\n"
            "    file['images'] = [[1.0]]\n"
            "Path('list.txt').write_text('a.h5\\n')\n"
            "caffe.Net('net.prototxt', caffe.TRAIN)\n",
            net_prototxt=_hdf5("list.txt"),
        ),
    ),
    "NC226": Entry(
        "a window file that cannot be used",
        "A window file lists images with their shape and windows, in the form of R-CNN.",
        "Mend the line that is named.",
        _train(_windows("windows.txt"), windows_txt="# 0\na.png\n1\n"),
    ),
    "NC228": Entry(
        "an HDF5 file that cannot be written",
        "An HDF5Output layer cannot make its file, or its batches change their shape.",
        "Choose a folder that can be written.",
        python(
            "import netcli.pycaffe as caffe\nnet = caffe.Net('net.prototxt', caffe.TEST)\nnet.forward()\n",
            net_prototxt='layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param { '
            "shape { dim: 2 dim: 3 } shape { dim: 2 } } }\n"
            'layer { name: "out" type: "HDF5Output" bottom: "data" bottom: "label" '
            'hdf5_output_param { file_name: "no/such/folder/a.h5" } }\n',
        ),
    ),
    "NC229": Entry(
        "not one item of a set can be read",
        "--skip-bad passes over what cannot be read, and nothing was left.",
        "See the first file: most likely the paths are relative to another folder.",
        Example(
            {
                "solver.prototxt": _SOLVER,
                "net.prototxt": _images("list.txt", "new_height: 2 new_width: 2") + _TAIL,
                "list.txt": "a.png 0\nb.png 1\n",
                "a.png": b"",
                "b.png": b"",
            },
            "train solver.prototxt --out run --skip-bad",
        ),
    ),
}
