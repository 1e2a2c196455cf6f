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


_PAIRS = """Ann/1.png Ann/2.png 1 1
Bo/1.png Bo/2.png 1 2
Ann/1.png Bo/1.png 0 1
Ann/2.png Bo/2.png 0 2
"""
_VERIFY = """from pathlib import Path
import numpy as np
from netcli.extraction.feature_file import Features
from netcli.verification.pair_features import looked_up
from netcli.verification.pairs import read_pairs
from netcli.verification.report import report
names = ['Ann/1.png', 'Ann/2.png', 'Bo/1.png', %s]
features = Features(np.ones((4, 2)), names, None)
pairs = read_pairs(Path('pairs.txt'))
report(looked_up(pairs, features), pairs)
"""


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
    "NC559": Entry(
        "a line that is no pair of images",
        "LFW's lines are NAME N1 N2 or NAME1 N1 NAME2 N2, below a line with the numbers of folds and pairs; a plain "
        "list has PATH1 PATH2 and 1 or 0.",
        "Mend the line; tabs between the columns let paths hold spaces.",
        Example({"pairs.txt": "Ann/1.png Ann/2.png 1\nAnn/1.png Bo/1.png\n"}, "verify pairs.txt f.npz"),
    ),
    "NC560": Entry(
        "a pair that names something unknown",
        "There are no features under that name, or under several names that end so.",
        "Extract the features of all images that the pairs name; or mend the name.",
        Example({"pairs.txt": _PAIRS}, python=_VERIFY % "'Cy/1.png'"),
    ),
    "NC561": Entry(
        "too few pairs to verify with",
        "A threshold is chosen on some folds and tested on another: there must be two folds at least, or ten pairs of "
        "each kind to make ten folds of.",
        "Add pairs, of the same person and of two; `netcli faces pairs` makes lists.",
        Example({"pairs.txt": "Ann/1.png Ann/2.png 1\nAnn/1.png Bo/1.png 0\n"}, "verify pairs.txt f.npz"),
    ),
    "NC562": Entry(
        "features that cannot be compared",
        "They are not finite, or all alike.",
        "See whether the training diverged, and whether the weights are those of the net.",
        Example({"pairs.txt": _PAIRS}, python=_VERIFY % "'Bo/2.png'"),
    ),
    "NC563": Entry(
        "too few images to make pairs of",
        "Each fold has people of its own, and needs as many pairs of one person and of two as --count says.",
        "Take fewer folds or a smaller count; --all writes every pair once.",
        Example(
            {f"faces/{who}/{number}.jpg": "" for who in ("Ann", "Bo", "Cy", "Di") for number in (1, 2)},
            "faces pairs faces --folds 2 --count 3",
        ),
    ),
    "NC564": Entry(
        "an image without landmarks",
        "Aligning takes five points: x and y of eyes, nose and mouth corners.",
        "Detect them, or leave such images out with --skip-bad.",
        Example({"landmarks.txt": "Ann/1.jpg 30 51\n"}, "faces align landmarks.txt --out aligned"),
    ),
    "NC565": Entry(
        "landmarks that tell no position",
        "All five are one point, so that neither size nor direction of the face is known.",
        "Detect them again, or leave the image out with --skip-bad.",
        Example({"landmarks.txt": "Ann/1.jpg 3 4 3 4 3 4 3 4 3 4\n"}, "faces align landmarks.txt --out aligned"),
    ),
    "NC566": Entry(
        "an aligned image that cannot be kept under its name",
        "Aligned images lie below --out as the others below --root: the path may not lead elsewhere, and must have the "
        "ending of an image.",
        "List paths below one folder, and name that with --root.",
        Example(
            {"landmarks.txt": "../1.jpg 30 51 65 51 48 71 33 92 62 92\n"}, "faces align landmarks.txt --out aligned"
        ),
    ),
    "NC567": Entry(
        "something to mirror that is no image",
        "--flip gives each image a second time, mirrored; items of other shapes have no left and right.",
        "Leave --flip out.",
        _rows("blob='ip', flip=True"),
    ),
}
