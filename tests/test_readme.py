"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from netcli.cli import main
from netcli.cli.fixed_feeds import FixedFeeds
from netcli.data.feed import Feeds
from netcli.net.graph import build_graph
from netcli.prototxt import load_solver
from netcli.report.net_summary import net_table

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

COMMANDS = ["pip install . && netcli train configs/lenet.prototxt", 'pip install ".[dev]" && pytest']


@pytest.mark.parametrize("command", COMMANDS)
def test_the_two_commands_stand_near_the_top(command: str) -> None:
    assert f"```sh\n{command}\n```" in "\n".join(README.splitlines()[:25])


def test_ci_installs_as_the_readme_says() -> None:
    assert '\npip install ".[dev]"\n' in CI
    assert "\npytest" in CI


def test_the_table_of_show() -> None:
    source = load_solver(ROOT / "configs" / "lenet.prototxt").train_net()
    table = net_table(build_graph(source, feeds=FixedFeeds(Feeds(source.file))), terminal=True)
    assert f"$ netcli show configs/lenet.prototxt\n{table}\n" in README


def test_the_findings_of_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    consolidated = (ROOT / "configs" / "lenet.prototxt").read_text()
    inside = re.search(r"net_param \{\n(.*?)\n\}\n", consolidated, re.DOTALL)
    assert inside is not None
    net = "\n".join(line[2:] for line in inside[1].splitlines())
    Path("net.prototxt").write_text(net.replace('"ReLU"', '"Relu"') + "\n")
    Path("solver.prototxt").write_text(
        'net: "net.prototxt"\nbase_lr: 0.01\nlr_policy: "fixd"\ntest_iter: 20\ntest_interval: 100\nmax_iter: 1000\n'
    )
    result = CliRunner().invoke(main, ["check", "solver.prototxt"])
    assert f"$ netcli check solver.prototxt\n{result.stdout}{result.stderr}```" in README


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of ``page``."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, _, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#([^)]*))?\)", page.read_text(encoding="utf-8")):
        file = page.parent / target if target else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


def test_every_page_can_be_found_from_the_readme() -> None:
    linked = set(re.findall(r"\]\(docs/([\w-]+\.md)\)", README))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - linked == set()
