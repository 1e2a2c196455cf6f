"""Tables and numbers in words."""

from __future__ import annotations

import pytest

from netcli.report import units
from netcli.report.tables import Column, table

COLUMNS = (Column("name"), Column("count", right=True))
ROWS = [["a", "1"], ["longer", "1,000"], ["total", "1,001"]]


def test_aligned_on_a_terminal() -> None:
    assert table(COLUMNS, ROWS, terminal=True, footer=1) == (
        "name    count\n"
        "------  -----\n"
        "a           1\n"
        "longer  1,000\n"
        "------  -----\n"
        "total   1,001"
    )  # fmt: skip


def test_tab_separated_otherwise() -> None:
    assert table(COLUMNS, ROWS, terminal=False, footer=1) == "name\tcount\na\t1\nlonger\t1,000"
    assert table(COLUMNS, ROWS, terminal=False).endswith("total\t1,001")


def test_a_table_without_rows() -> None:
    assert table(COLUMNS, [], terminal=True) == "name  count\n----  -----"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 20, "5.0 MiB"), (3 << 30, "3.0 GiB"), (1 << 42, "4.0 TiB")],
)
def test_sizes(value: int, text: str) -> None:
    assert units.size(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (42.4, "42 s"), (59.7, "1 min 00 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


def test_shapes() -> None:
    assert (units.shape((64, 20, 24, 24)), units.shape(())) == ("64x20x24x24", "()")
