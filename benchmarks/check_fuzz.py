"""Whatever comes in, ``check`` ends with findings or success: ``python benchmarks/check_fuzz.py [--count N]``.

Feeds it prototxts with random changes (see ``fuzzing.py``) and prints how many raised an exception, with the first
traceback of each kind, and the longest time that one input took. Exit code 1 if there was an exception.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from fuzzing import fuzzed

from netcli.cli.checking import check_file

REPOSITORY = Path(__file__).resolve().parents[1]
LONGEST = 20_000
"""Characters; longer nets would only make the run slower."""


def texts() -> list[str]:
    """The corpus, the data of the tests and the configs."""
    shared = Path(os.environ.get("NETCLI_SHARED") or REPOSITORY.parent / "shared")
    folders = (shared / "corpus", REPOSITORY / "tests" / "data", REPOSITORY / "configs")
    found = [file.read_text() for folder in folders for file in sorted(folder.rglob("*.prototxt"))]
    return [text for text in found if len(text) < LONGEST]


def main() -> int:
    """Prints the result; 1 if an input raised an exception."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    raised: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    longest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.prototxt"
        for content in fuzzed(texts(), arguments.count, arguments.seed):
            file.write_bytes(content)
            begin = time.perf_counter()
            try:
                codes.update({finding.code for finding in check_file(str(file))})
            except Exception as error:
                kind = f"{type(error).__name__} at {traceback.extract_tb(error.__traceback__)[-1].filename}"
                if kind not in raised:
                    traceback.print_exc()
                    kept = Path(tempfile.gettempdir()) / f"netcli_fuzz_{len(raised)}.prototxt"
                    kept.write_bytes(content)
                    print(f"input kept as {kept}", file=sys.stderr)
                raised[kind] += 1
            longest = max(longest, time.perf_counter() - begin)
    print(f"{arguments.count} inputs, seed {arguments.seed}: {sum(raised.values())} exceptions {dict(raised)}")
    print(f"longest {longest:.2f} s; {len(codes)} different codes")
    return int(bool(raised))


if __name__ == "__main__":
    sys.exit(main())
