"""NC570 to NC579: what `time` and `test` say beyond their figures."""

from __future__ import annotations

from netcli.catalogue.entry import TRAINABLE, Entry, Example, python

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
}
