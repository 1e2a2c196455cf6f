"""NC570 to NC579: what `time` and `test` say beyond their figures."""

from __future__ import annotations

from netcli.catalogue.entry import DUMMY, IP, SOLVER, TRAINABLE, Entry, Example, python


def _test(options: str, net: str = TRAINABLE) -> Example:
    """``netcli test`` of ``net``, with weights that a first command trains."""
    files: dict[str, str | bytes] = {"solver.prototxt": SOLVER, "net.prototxt": TRAINABLE, "tested.prototxt": net}
    command = f"test tested.prototxt --weights run/model_iter_2.caffemodel --iterations 1 {options}"
    return Example(files, command, ("train solver.prototxt --out run -q",))


ENTRIES: dict[str, Entry] = {
    "NC570": Entry(
        "slower than before",
        "A pass of the whole net takes longer than in the measurements that it is compared with, by more than the "
        "tolerance, in the median and at best.",
        "Measure again while nothing else runs; if it stays, look which layers have become slower.",
        python(
            "from pathlib import Path\n"
            "from netcli.cli.time_comparison import compared, raise_regression\n"
            "def measured(milliseconds):\n"
            "    spread = {'median': milliseconds, 'min': milliseconds, 'iqr': 0.0}\n"
            "    return {'forward_ms': spread, 'layers': [], 'cpu': 'any'}\n"
            "raise_regression(compared(measured(10.0), measured(12.5), Path('old.json'), tolerance=0.1))\n"
        ),
    ),
    "NC571": Entry(
        "measurements that cannot be compared",
        "The file is not what `netcli time --json` prints, or was measured with other settings.",
        "Measure both alike, and keep what --json prints.",
        Example(
            {"net.prototxt": TRAINABLE, "old.json": "no measurements\n"},
            "time net.prototxt --compare old.json",
        ),
    ),
    "NC572": Entry(
        "no scores of classes to look into",
        "Predictions, confusions and the like need a blob with one row of scores for each item.",
        "Name the blob by --scores.",
        _test("--per-class --scores loss"),
    ),
    "NC573": Entry(
        "no labels to compare predictions with",
        "What is right or wrong is known only where an Accuracy or a loss reads a label for each item.",
        "Give the net an Accuracy layer; --predictions does without.",
        _test("--per-class", DUMMY + IP + 'layer { name: "p" type: "Softmax" bottom: "ip" top: "p" }\n'),
    ),
    "NC574": Entry(
        "no images to show",
        "A sheet of the worst images needs a layer that reads images.",
        "Leave --worst out; --predictions lists the items.",
        _test("--worst worst.png"),
    ),
}
