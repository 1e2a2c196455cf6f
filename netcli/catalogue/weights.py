"""NC450 to NC499: weights and snapshots."""

from __future__ import annotations

from netcli.catalogue.entry import SOLVER, TRAINABLE, Entry, Example

_FILES: dict[str, str | bytes] = {"solver.prototxt": SOLVER, "net.prototxt": TRAINABLE}
_RUN = "train solver.prototxt --out run --set snapshot=1 -q"
_OTHER = TRAINABLE.replace('"ip"', '"fc"').replace("num_output: 4", "num_output: 5")


def _with(command: str, before: tuple[str, ...] = (_RUN,), **files: str | bytes) -> Example:
    named: dict[str, str | bytes] = {name.replace("_", ".", 1): content for name, content in files.items()}
    return Example({**_FILES, **named}, command, before)


def _code(text: str) -> Example:
    """Code over the two files; ``run()`` trains two iterations into the folder "run"."""
    head = (
        "from pathlib import Path\n"
        "import netcli.pycaffe as caffe\n"
        "from netcli.schema import caffe_pb2 as pb\n"
        "net = caffe.Net('net.prototxt', caffe.TRAIN)\n"
    )
    return Example(dict(_FILES), python=head + text)


ENTRIES: dict[str, Entry] = {
    "NC451": Entry(
        "a stored blob is damaged",
        "Its values are not as many as its shape says.",
        "Take another copy of the file.",
        _code(
            "layer = pb.LayerParameter(name='ip')\n"
            "layer.blobs.add(data=[1.0, 2.0]).shape.dim.extend([4, 3])\n"
            "layer.blobs.add(data=[0.0] * 4).shape.dim.extend([4])\n"
            "Path('w.caffemodel').write_bytes(pb.NetParameter(layer=[layer]).SerializeToString())\n"
            "net.copy_from('w.caffemodel')\n"
        ),
    ),
    "NC452": Entry(
        "a stored layer has another number of blobs",
        "The layer had or has a bias that the other lacks, or is of another type.",
        "Make the layers alike, or rename the layer so that it starts fresh.",
        _code(
            "layer = pb.LayerParameter(name='ip')\n"
            "layer.blobs.add(data=[0.0] * 12).shape.dim.extend([4, 3])\n"
            "Path('w.caffemodel').write_bytes(pb.NetParameter(layer=[layer]).SerializeToString())\n"
            "net.copy_from('w.caffemodel')\n"
        ),
    ),
    "NC453": Entry(
        "a stored blob has another shape",
        "The layer has another size than when the weights were stored.",
        "Make the layers alike; or leave the layer fresh with --skip-mismatch, or by renaming it.",
        _with(
            "train other.prototxt --out b --weights run/model_iter_2.caffemodel",
            other_prototxt=SOLVER.replace("net.prototxt", "five.prototxt"),
            five_prototxt=TRAINABLE.replace("num_output: 4", "num_output: 5"),
        ),
    ),
    "NC454": Entry(
        "no stored layer fits the net",
        "Weights are found by layer name, and not one name is in both.",
        "See the names: --rename OLD=NEW, or the right file.",
        _with(
            "train other.prototxt --out b --weights run/model_iter_2.caffemodel",
            other_prototxt=SOLVER.replace("net.prototxt", "five.prototxt"),
            five_prototxt=_OTHER,
        ),
    ),
    "NC455": Entry(
        "nets that share a layer do not agree on its shapes",
        "A solver's test nets use the parameters of its training net.",
        "Give the layer the same size in all nets.",
        _with(
            "train other.prototxt --out b",
            (),
            other_prototxt=SOLVER + 'test_net: "five.prototxt" test_iter: 1 test_interval: 1\n',
            five_prototxt=TRAINABLE.replace("num_output: 4", "num_output: 5"),
        ),
    ),
    "NC456": Entry(
        "not a file of weights",
        "The file is readable, and holds no layers with blobs.",
        "Name the .caffemodel.",
        _with("train solver.prototxt --out b --weights run/model_iter_2.solverstate"),
    ),
    "NC457": Entry(
        "HDF5 without h5py",
        "h5py reads and writes HDF5, and it is not installed.",
        'pip install "netcli[hdf5]".',
        _code(
            "import sys\n"
            "Path('w.caffemodel.h5').write_bytes(b'\\x89HDF\\r\\n\\x1a\\n' + bytes(600))\n"
            "before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition('.')[0] == 'h5py'}\n"
            "sys.modules['h5py'] = None\n"
            "try:\n"
            "    net.copy_from('w.caffemodel.h5')\n"
            "finally:\n"
            "    del sys.modules['h5py']\n"
            "    sys.modules.update(before)\n"
        ),
    ),
    "NC458": Entry(
        "weights that HDF5 cannot hold",
        "HDF5 has no room for a layer of this name.",
        "Rename the layer, or write a .caffemodel.",
        _code(
            "from netcli.convert.caffemodel import write_weights\n"
            "layer = pb.LayerParameter(name='ip/0', type='InnerProduct')\n"
            "layer.blobs.add(data=[0.0]).shape.dim.append(1)\n"
            "outer = pb.LayerParameter(name='ip', type='InnerProduct', blobs=layer.blobs)\n"
            "write_weights(pb.NetParameter(layer=[outer, layer]), 'w.caffemodel.h5')\n"
        ),
    ),
    "NC459": Entry(
        "a file cannot be written",
        "The system does not let it be written: no such folder, no right, or no room.",
        "Choose another place; what was there before is whole.",
        _with("train solver.prototxt --set snapshot_prefix=file/model --out b", (), file="a file"),
    ),
    "NC460": Entry(
        "no such binary file",
        "Nothing is at the path.",
        "Correct it.",
        _with("train solver.prototxt --out b --resume run/model_iter_3.solverstate"),
    ),
    "NC461": Entry(
        "a binary file that cannot be read",
        "The path leads to a folder, or the system does not let it be read.",
        "Name a file, and see that you may read it.",
        _with("train solver.prototxt --out b --resume run"),
    ),
    "NC462": Entry(
        "an empty binary file",
        "The file has no content, as after an interrupted copy.",
        "Take another copy.",
        _with("train solver.prototxt --out b --weights w.caffemodel", (), w_caffemodel=b""),
    ),
    "NC463": Entry(
        "a truncated or corrupt binary file",
        "The bytes are no message of Caffe's.",
        "Take another copy.",
        _with("train solver.prototxt --out b --weights w.caffemodel", (), w_caffemodel=b"\xa2\x06\xff\xff\xff\x0f\x01"),
    ),
    "NC464": Entry(
        "text or HDF5 where a binary file is expected",
        "The content is not what the path stands for.",
        "Name the .caffemodel, not the prototxt.",
        _with("train solver.prototxt --out b --weights net.prototxt", ()),
    ),
    "NC466": Entry(
        "not a solver's state",
        "Weights alone have no history and no iteration.",
        "Name the .solverstate, or start a new run with --weights.",
        _with("train solver.prototxt --out b --resume w.caffemodel", (), w_caffemodel=b"\n\x01a"),
    ),
    "NC467": Entry(
        "a history with another number of blobs",
        "The state is that of another net.",
        "Resume with the net of the state.",
        _with(
            "train other.prototxt --out b --force --resume run/model_iter_2.solverstate",
            other_prototxt=SOLVER.replace("net.prototxt", "less.prototxt"),
            less_prototxt=TRAINABLE.replace("num_output: 4", "num_output: 4 bias_term: false").replace(
                " param { lr_mult: 2 decay_mult: 0 }", ""
            ),
        ),
    ),
    "NC468": Entry(
        "a history blob of another shape",
        "The state is that of another net.",
        "Resume with the net of the state.",
        _with(
            "train other.prototxt --out b --force --resume run/model_iter_2.solverstate",
            other_prototxt=SOLVER.replace("net.prototxt", "five.prototxt"),
            five_prototxt=TRAINABLE.replace("num_output: 4", "num_output: 5"),
        ),
    ),
    "NC469": Entry(
        "the weights of a state are missing",
        "A state names its file of weights, which is neither there nor beside it.",
        "Keep both files together.",
        _code(
            "import os\n"
            "solver = caffe.SGDSolver('solver.prototxt')\n"
            "solver.step(1)\n"
            "solver.snapshot()\n"
            "os.remove('solver_iter_1.caffemodel')\n"
            "solver.restore('solver_iter_1.solverstate')\n"
        ),
    ),
    "NC470": Entry(
        "a state of another solver type",
        "The histories of the types mean different things.",
        "Set type as it was, or start a new run from the weights.",
        _with("train solver.prototxt --out b --force --set type=Adam --resume run/model_iter_2.solverstate"),
    ),
    "NC471": Entry(
        "a file of a snapshot that is not as it was written",
        "The checksum that was written with the snapshot is another.",
        "Go on from an older snapshot, as --resume auto does.",
        Example(
            dict(_FILES),
            python="from pathlib import Path\n"
            "import netcli.pycaffe as caffe\n"
            "solver = caffe.SGDSolver('solver.prototxt')\n"
            "solver.step(1)\n"
            "solver.snapshot()\n"
            "path = 'solver_iter_1.caffemodel'\n"
            "content = bytearray(Path(path).read_bytes())\n"
            "content[-3] ^= 1\n"
            "Path(path).write_bytes(content)\n"
            "solver.restore('solver_iter_1.solverstate')\n",
        ),
    ),
    "NC472": Entry(
        "the config has changed since the snapshot",
        "With other settings this would be another run, not the rest of that one.",
        "See the difference; --force goes on with the present config.",
        _with("train solver.prototxt --out run --resume auto --max-iter 4 --set momentum=0.5"),
    ),
    "NC473": Entry(
        "layers that --strict, --rename or --freeze asks for and that are not there",
        "The option names something that neither the net nor the file has.",
        "See the names that are listed.",
        _with("train solver.prototxt --out b --freeze conv*", ()),
    ),
    "NC474": Entry(
        "a metric that no test net has, or whose better end is not known",
        "--save-best takes an output of a test net.",
        "Take one that is listed; write NAME:max or NAME:min where the name does not tell.",
        _with("train solver.prototxt --out b --save-best score", ()),
    ),
}
