"""NC500 to NC553: the run, the machine, users' Python layers, and figures."""

from __future__ import annotations

from netcli.catalogue.entry import DATA, DUMMY, SOLVER, TRAINABLE, Entry, Example, python

_FILES: dict[str, str | bytes] = {"solver.prototxt": SOLVER, "net.prototxt": TRAINABLE}
_RUN = "train solver.prototxt --out run -q"
_PYTHON_LAYER = """layer { name: "mine" type: "Python" bottom: "data" top: "mine"
        python_param { module: "%s" layer: "Mine" } }
"""


def _command(command: str, before: tuple[str, ...] = (), **files: str | bytes) -> Example:
    named: dict[str, str | bytes] = {name.replace("_", ".", 1): content for name, content in files.items()}
    return Example({**_FILES, **named}, command, before)


ENTRIES: dict[str, Entry] = {
    "NC501": Entry(
        "NETCLI_LANES is not a lane count",
        "The variable forces how many images the kernels work on at once; tests use it.",
        "Unset it, or set it to 4, 8 or 16.",
        python(
            "import os\n"
            "from netcli.runtime.cpu import lane_count\n"
            "before = os.environ.get('NETCLI_LANES')\n"
            "os.environ['NETCLI_LANES'] = '5'\n"
            "try:\n"
            "    lane_count.__wrapped__()\n"
            "finally:\n"
            "    os.environ.pop('NETCLI_LANES')\n"
            "    os.environ.update({} if before is None else {'NETCLI_LANES': before})\n"
        ),
    ),
    "NC502": Entry(
        "thread count out of range",
        "There are fewer threads than that.",
        "Ask for as many as there are, or set NUMBA_NUM_THREADS.",
        _command("train solver.prototxt --out run --threads 100000"),
    ),
    "NC510": Entry(
        "a device that is not available",
        "There is no such device, or what it needs is not installed.",
        "Install what the message names; `netcli doctor` shows packages, driver and devices. Without --device the CPU "
        "computes.",
        python(
            "from netcli.runtime.cuda_packages import check_packages\ncheck_packages(['a_module_that_nobody_has'])\n"
        ),
    ),
    "NC511": Entry(
        "the metrics cannot be written",
        "metrics.jsonl in the run folder cannot be made or grows no more.",
        "Choose another folder with --out, or make room.",
        Example(
            {},
            python="from pathlib import Path\n"
            "from netcli.report.metrics import MetricsFile\n"
            "Path('metrics.jsonl').mkdir()\n"
            "MetricsFile(Path('metrics.jsonl'))\n",
        ),
    ),
    "NC512": Entry(
        "a file exists already",
        "Nothing is overwritten unasked.",
        "Choose another name, or say --force.",
        _command("upgrade net.prototxt --output solver.prototxt"),
    ),
    "NC513": Entry(
        "the run folder cannot be used",
        "It cannot be made, or nothing can be written there.",
        "Choose another with --out.",
        _command("train solver.prototxt --out file/run", file="a file"),
    ),
    "NC514": Entry(
        "no weights to test",
        "`test` measures trained weights.",
        "Say --weights FILE.",
        _command("test solver.prototxt"),
    ),
    "NC515": Entry(
        "nothing to test",
        "The net has no set with an end, so there is no whole of it to count.",
        "Say --iterations N.",
        _command("test solver.prototxt --weights run/model_iter_2.caffemodel", (_RUN,)),
    ),
    "NC516": Entry(
        "the GPU fails",
        "The driver reports an error: the memory is used up, or a kernel failed.",
        "Take a smaller batch_size with a larger iter_size, or compute on the CPU to see whether the net is at fault.",
        python("from netcli.errors import RunError\nraise RunError.of('NC516', 'the GPU reports: out of memory')\n"),
    ),
    "NC517": Entry(
        "the operating system refuses something",
        "What is wrong is not in your files; the message is the system's.",
        "See what it says: disk, rights, memory.",
        Example(
            dict(_FILES),
            python="import errno\n"
            "from click.testing import CliRunner\n"
            "from netcli.cli import main\n"
            "from netcli.cli import checking\n"
            "def refuse(*arguments):\n"
            "    raise OSError(errno.EIO, 'Input/output error')\n"
            "before = checking.read_leniently\n"
            "checking.read_leniently = refuse\n"
            "try:\n"
            "    result = CliRunner().invoke(main, ['check', 'net.prototxt'])\n"
            "finally:\n"
            "    checking.read_leniently = before\n"
            "raise SystemExit(result.stderr)\n",
        ),
    ),
    "NC518": Entry(
        "tensorboardX is not installed",
        "It writes the event files for TensorBoard.",
        'pip install "netcli[tensorboard]".',
        python(
            "import sys\n"
            "from pathlib import Path\n"
            "from netcli.report.tensorboard import TensorBoardReport\n"
            "before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith('tensorboardX')}\n"
            "sys.modules['tensorboardX'] = None\n"
            "try:\n"
            "    TensorBoardReport(Path('events'))\n"
            "finally:\n"
            "    del sys.modules['tensorboardX']\n"
            "    sys.modules.update(before)\n"
        ),
    ),
    "NC519": Entry(
        "something that a GPU cannot do",
        "The CPU can: there, a parameter may be shared in two shapes.",
        "Leave --device out, or give both layers the same shape.",
        python(
            "from netcli.errors import RunError\n"
            "raise RunError.of('NC519', 'a parameter with share_mode PERMISSIVE has another shape here')\n"
        ),
    ),
    "NC520": Entry(
        "a gradient that differences of the forward pass do not confirm",
        "backward of the layer is not the derivative of its forward.",
        "Mend backward of your layer; the message shows both numbers.",
        Example(
            {
                "net.prototxt": DUMMY
                + _PYTHON_LAYER % "wrong"
                + 'layer { name: "loss" type: "Reduction" bottom: "mine" '
                'top: "loss" loss_weight: 1 }\n',
                "wrong.py": "import caffe\n\n\nclass Mine(caffe.Layer):\n"
                "    def setup(self, bottom, top):\n        pass\n\n"
                "    def reshape(self, bottom, top):\n        top[0].reshape(*bottom[0].data.shape)\n\n"
                "    def forward(self, bottom, top):\n        top[0].data[...] = 3 * bottom[0].data\n\n"
                "    def backward(self, top, propagate_down, bottom):\n        bottom[0].diff[...] = 2 * top[0].diff\n",
            },
            "gradcheck net.prototxt",
        ),
    ),
    "NC530": Entry(
        "no run to show",
        "The folder is not there, holds no metrics.jsonl, or the run has told nothing yet.",
        "Name a folder that `train` has made, or the one that such folders lie in.",
        _command("runs nowhere"),
    ),
    "NC531": Entry(
        "a file that is no log of Caffe",
        "It cannot be read, or none of its lines tells of an iteration.",
        "Name what Caffe has written to standard error, or a caffe.INFO file.",
        _command("plot --caffe-log notes.txt", notes_txt="Iterations went well.\n"),
    ),
    "NC532": Entry(
        "an output that no run has",
        "Outputs are the tops of a training or test net that no layer reads, with one value.",
        "Take one of the names that the message lists.",
        _command("plot run --output accuracy", (_RUN + " --set display=1",)),
    ),
    "NC533": Entry(
        "filters that cannot be shown",
        "The file has no weights for that layer, or they are not those of a convolution.",
        "Name a convolution, the first one above all.",
        _command("plot run --filters ip", (_RUN,)),
    ),
    "NC540": Entry(
        "the code of a Python layer cannot be found",
        "There is no such module on PYTHONPATH, in the working directory or beside the prototxt, or no class in it.",
        "Correct module and layer, or PYTHONPATH.",
        Example({"net.prototxt": DATA + _PYTHON_LAYER % "missing"}, "time net.prototxt --iterations 1"),
    ),
    "NC541": Entry(
        "the code of a Python layer failed",
        "An exception came out of it; the message names the line.",
        "Mend the code.",
        Example(
            {
                "net.prototxt": DATA + _PYTHON_LAYER % "failing",
                "failing.py": "import caffe\n\n\nclass Mine(caffe.Layer):\n"
                "    def setup(self, bottom, top):\n        raise ValueError('not today')\n",
            },
            "time net.prototxt --iterations 1",
        ),
    ),
    "NC542": Entry(
        "a MemoryData layer has no data",
        "Its data come from a program.",
        "Call set_input_arrays before the first pass.",
        python(
            "import netcli.pycaffe as caffe\ncaffe.Net('net.prototxt', caffe.TEST).forward()\n",
            net_prototxt='layer { name: "data" type: "MemoryData" top: "data" top: "label" memory_data_param { '
            "batch_size: 2 channels: 1 height: 2 width: 2 } }\n",
        ),
    ),
    "NC550": Entry(
        "a folder that holds no trained run",
        "A run folder has config.prototxt and weights.",
        "Name the folder that `train` has made.",
        Example({"notes/readme.txt": "no run"}, "faces figure notes"),
    ),
    "NC551": Entry(
        "features that cannot be drawn in a plane",
        "The figure shows features of two dimensions.",
        "Train a net of configs/digits_margin.",
        _command("faces figure run", (_RUN,)),
    ),
    "NC552": Entry(
        "matplotlib is not installed",
        "It draws the figures.",
        'pip install "netcli[plot]".',
        python(
            "import sys\n"
            "from netcli.report.plotting import matplotlib_module\n"
            "before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith('matplotlib')}\n"
            "sys.modules['matplotlib'] = None\n"
            "try:\n"
            "    matplotlib_module()\n"
            "finally:\n"
            "    del sys.modules['matplotlib']\n"
            "    sys.modules.update(before)\n"
        ),
    ),
    "NC553": Entry(
        "a name that is not that of a picture",
        "The ending says which form the figure has.",
        "Take .png, .svg or .pdf.",
        _command("faces figure run --out figure.doc"),
    ),
}
