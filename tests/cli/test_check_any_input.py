"""Whatever bytes come in, ``check`` ends with findings or success, and never says fine where ``train`` refuses.

The long runs of the same are benchmarks/check_fuzz.py and benchmarks/check_agreement.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from netcli.catalogue import CATALOGUE
from netcli.cli.checking import check_file
from netcli.errors import ConfigError
from netcli.prototxt import load_solver
from netcli.solver import Solver

ROOT = Path(__file__).resolve().parents[2]
LENET = (ROOT / "tests/data/nets/lenet_train.prototxt").read_text(encoding="utf-8").replace("dim: 64", "dim: 2")
TEXTS = [
    LENET,
    (ROOT / "tests/data/nets/lenet_solver.prototxt").read_text(encoding="utf-8"),
    (ROOT / "configs/sphereface/sphereface4_model.prototxt").read_text(encoding="utf-8"),
]
SOLVER = 'net: "net.prototxt"\nbase_lr: 0.01\nlr_policy: "fixed"\nmax_iter: 1\nsnapshot_prefix: "lenet"\n'
TOKEN = re.compile(r"\w+|\s+|.", re.DOTALL)
NUMBERS = ["0", "-1", "07", "1e30", "nan", "inf", "2147483648", "99999999999999999999"]
WORDS = st.sampled_from(["", "{", "}", '"', ":", "#", "layer", "é", *NUMBERS])
FILE_SETTINGS = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def changed(draw: st.DrawFn, texts: list[str] = TEXTS, most: int = 6) -> bytes:
    """A text with some of its words replaced, by others of its own or by what no one would write."""
    tokens = TOKEN.findall(draw(st.sampled_from(texts)))
    places = st.integers(0, len(tokens) - 1)
    for at in draw(st.lists(places, min_size=1, max_size=most)):
        tokens[at] = draw(st.one_of(WORDS, places.map(tokens.__getitem__)))
    return "".join(tokens).encode()


@FILE_SETTINGS
@example(b"\xff\xfe\0\0layer {")
@example(LENET.replace("layer {", "layer { " * 400).encode())
@given(content=st.one_of(changed(), st.binary(max_size=200)))
def test_any_input_ends_with_findings_or_success(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "net.prototxt"
    file.write_bytes(content)
    findings = check_file(str(file))
    assert {finding.code for finding in findings} <= set(CATALOGUE)
    assert all(finding.place is not None for finding in findings)


@settings(FILE_SETTINGS, max_examples=40)
@given(content=changed([LENET], most=1))
def test_check_and_train_agree(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.prototxt").write_bytes(content)
    solver = tmp_path / "solver.prototxt"
    solver.write_text(SOLVER)
    errors = [finding for finding in check_file(str(solver)) if finding.severity == "error"]
    if errors:
        with pytest.raises(ConfigError):
            train(solver)
    else:
        train(solver)


def train(solver: Path) -> None:
    """One iteration, as ``train`` would."""
    made = Solver(load_solver(solver), seed=1)
    try:
        made.step(1)
    finally:
        made.close()
