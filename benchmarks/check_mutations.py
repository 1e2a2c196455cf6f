"""How well ``netcli check`` finds single mistakes: ``python benchmarks/check_mutations.py [--count N] [--seed S]``.

Draws seeded mutations (see ``mutations.py`` for what counts as the right line and the right suggestion) from the nets
in ``../shared/corpus`` (or the folder that NETCLI_SHARED names), without it from those in ``tests/data``, and prints
for each kind the share that is reported as an error at all, the share whose first error stands on a right line,
and the share whose first error names the right answer. The aims are 99%, 97% and 90% over all kinds.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from mutations import KINDS, Mutation, Subject, draw, subject_of

from netcli.cli.checking import check_file
from netcli.errors import Finding

REPOSITORY = Path(__file__).resolve().parents[1]
AIMS = {"reported": 99.0, "line": 97.0, "suggestion": 90.0}


def subjects() -> tuple[str, list[Subject]]:
    """Where the nets come from, in words, and the nets."""
    shared = Path(os.environ.get("NETCLI_SHARED") or REPOSITORY.parent / "shared")
    folder = shared / "corpus"
    if not folder.is_dir():
        folder = REPOSITORY / "tests" / "data"
    made = [subject_of(file.read_text()) for file in sorted(folder.rglob("*.prototxt"))]
    return folder.name, [subject for subject in made if subject is not None and len(subject.layers) > 3]


def first_error(mutation: Mutation, file: Path) -> Finding | None:
    """The first error that ``check`` reports for the text."""
    file.write_text(mutation.text)
    return next((finding for finding in check_file(str(file)) if finding.severity == "error"), None)


def judge(mutation: Mutation, finding: Finding | None) -> dict[str, bool]:
    """Reported at all, on a right line, with a right answer."""
    if finding is None:
        return dict.fromkeys(AIMS, False)
    said = " ".join(
        text for text in (finding.suggestion, finding.hint, finding.expected, finding.message) if text is not None
    )
    return {
        "reported": True,
        "line": finding.place is not None and finding.place.line in mutation.lines,
        "suggestion": any(answer in said for answer in mutation.answers),
    }


def main() -> int:
    """Prints the table; 1 if an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-v", "--verbose", action="store_true", help="print each mutation that is not judged right")
    arguments = parser.parse_args()
    origin, nets = subjects()
    drawn: Counter[str] = Counter()
    right: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.prototxt"
        for _, mutation in draw(nets, arguments.count, arguments.seed):
            finding = first_error(mutation, file)
            verdict = judge(mutation, finding)
            drawn[mutation.kind] += 1
            right.update((mutation.kind, name) for name, fine in verdict.items() if fine)
            if arguments.verbose and not all(verdict.values()):
                print(
                    f"{mutation.kind}: lines {sorted(mutation.lines)[:4]}, {mutation.answers}: {verdict}\n  {finding}"
                )
    print(f"{arguments.count} mutations of {len(nets)} nets from {origin}, seed {arguments.seed}")
    print(f"{'kind':20}{'drawn':>7}" + "".join(f"{name:>12}" for name in AIMS))
    for kind in KINDS:
        shares = "".join(f"{100 * right[kind, name] / max(1, drawn[kind]):>11.1f}%" for name in AIMS)
        print(f"{kind:20}{drawn[kind]:>7}{shares}")
    total = {name: 100 * sum(right[kind, name] for kind in KINDS) / arguments.count for name in AIMS}
    print(f"{'all':20}{arguments.count:>7}" + "".join(f"{total[name]:>11.1f}%" for name in AIMS))
    print(f"{'aim':27}" + "".join(f"{aim:>11.1f}%" for aim in AIMS.values()))
    return int(any(total[name] < aim for name, aim in AIMS.items()))


if __name__ == "__main__":
    sys.exit(main())
