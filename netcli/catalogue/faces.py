"""NC554 to NC569: features, verification, and the preparation of faces."""

from __future__ import annotations

from netcli.catalogue.entry import SOLVER, TRAINABLE, Entry, Example

_FILES: dict[str, str | bytes] = {"solver.prototxt": SOLVER, "net.prototxt": TRAINABLE}
_TRAINED = ("train solver.prototxt --out run -q",)
_WEIGHTS = "--weights run/model_iter_2.caffemodel"
_DEPLOY = """layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 4 } }
"""
_ROWS = """layer { name: "data" type: "HDF5Data" top: "data" hdf5_data_param { source: "files.txt" batch_size: 2 } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 4 } }
layer { name: "sum" type: "Reduction" bottom: "ip" top: "sum" }
"""
_MAKE_ROWS = """from pathlib import Path
import h5py, numpy as np
from netcli.cli.extracting import Wish, begin_extraction
from click.testing import CliRunner
from netcli.cli import main
with h5py.File('rows.h5', 'w') as file:
    file['data'] = np.ones((4, 3), np.float32)
Path('files.txt').write_text('rows.h5\\n')
CliRunner().invoke(main, 'train solver.prototxt --out run -q'.split())
"""


def _extract(options: str) -> Example:
    files = {**_FILES, "deploy.prototxt": _DEPLOY}
    return Example(files, f"extract deploy.prototxt {_WEIGHTS} {options}", _TRAINED)


def _rows(wish: str) -> Example:
    """An extraction of rows in HDF5."""
    code = f"begin_extraction('rows.prototxt', Wish('run/model_iter_2.caffemodel', {wish}), None, -1)\n"
    return Example({**_FILES, "rows.prototxt": _ROWS}, python=_MAKE_ROWS + code)


ENTRIES: dict[str, Entry] = {
    "NC554": Entry(
        "no such blob to extract",
        "The net has no blob of that name; or none is named, and it is not clear which holds the features.",
        "Name one with --blob: `netcli show` lists them.",
        _extract("--out f.npz --blob fc5"),
    ),
    "NC555": Entry(
        "a blob without a row for each item",
        "Features belong to items: the blob's first axis must be that of the batch.",
        "Take a blob before whatever sums or rearranges the batch.",
        _rows("blob='sum'"),
    ),
    "NC556": Entry(
        "no set to extract from",
        "The blob must come from one layer that reads images, and the set must be named where the net names none.",
        "Pass --source with an image list or an LMDB.",
        _extract("--out f.npz"),
    ),
    "NC557": Entry(
        "a name that is not that of a file of features",
        "The ending says how they are stored.",
        "Take .npz, or .h5.",
        _extract("--out features.txt"),
    ),
    "NC558": Entry(
        "a file that holds no features",
        "It is damaged, or lacks the arrays features and names, with a row for each name.",
        "Make it with `netcli extract`.",
        Example(
            {"f.npz": "not an archive"},
            python="from pathlib import Path\n"
            "from netcli.extraction.feature_file import read_features\n"
            "read_features(Path('f.npz'))\n",
        ),
    ),
    "NC567": Entry(
        "something to mirror that is no image",
        "--flip gives each image a second time, mirrored; items of other shapes have no left and right.",
        "Leave --flip out.",
        _rows("blob='ip', flip=True"),
    ),
}
