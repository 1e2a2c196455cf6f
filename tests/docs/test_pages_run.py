"""What README and docs mark as an example runs, and prints what stands there; ``doc_pages`` has the marks."""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from doc_pages import PAGES, ROOT, Block, blocks, commands

pty = pytest.importorskip("pty", reason="the pages show what a terminal gets")

RUNNABLE = [page for page in PAGES if "<!-- run" in page.read_text(encoding="utf-8")]
LIMIT = 300
"""Seconds that a command may take on a busy machine."""

_PASSING = ("drew ", "compiling kernels", "kernels ready after", "the iterations vary by more than")
"""Lines that come or not, by the state of the cache or of the machine."""
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?%?")
_WAITING = re.compile(r", \d+% of the time waiting for data$")
_DURATION = re.compile(r"(# (us|ms|s|min|h)\b ?)+")


def plain(line: str) -> str:
    """``line`` without its numbers, its spacing, its histograms, and what is said only when data are slow."""
    line = _WAITING.sub("", line)
    line = re.sub(r"[▁▂▃▄▅▆▇█]+( +[▁▂▃▄▅▆▇█]+)*", "", line)
    line = _DURATION.sub("TIME ", _NUMBER.sub("#", re.sub(r"-{3,}", "--", line)))
    return re.sub(r"#( #)+", "#", re.sub(r"\s+", " ", line)).strip()  # cells of a table may be empty


def differences(shown: list[str], printed: list[str], *, exactly: bool) -> str:
    """A diff of what a page shows and what was printed, "" if they agree; "..." is any number of lines."""
    if exactly:
        shown, printed = ([line.rstrip() for line in lines] for lines in (shown, printed))
        same = shown == printed
    else:
        shown, printed = (
            [plain(line) for line in lines if line.strip() and not line.startswith(_PASSING)]
            for lines in (shown, printed)
        )
        pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in shown)
        same = re.fullmatch(pattern, "".join(f"{line}\n" for line in printed)) is not None
    return "" if same else "\n".join(difflib.unified_diff(shown, printed, "on the page", "printed", lineterm=""))


class Terminal:
    """Runs commands in ``folder`` as a person does at a terminal without colours."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        here = str(Path(sys.executable).parent)
        self._environment = {
            **os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1", "COLUMNS": "120",
            "TERM": "xterm", "MPLBACKEND": "agg",
        }  # fmt: skip

    def run(self, *command: str) -> tuple[int, list[str]]:
        """The exit code, and the lines as they stand there in the end."""
        ours, theirs = os.openpty()
        with subprocess.Popen(
            command, cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
            start_new_session=True,
        ) as process:  # fmt: skip
            os.close(theirs)
            watchdog = threading.Timer(LIMIT, process.kill)
            watchdog.start()
            printed = bytearray()
            while chunk := _read(ours):
                printed += chunk
            os.close(ours)
            code = process.wait()
            watchdog.cancel()
        lines = _ESCAPE.sub("", printed.decode()).replace("\r\n", "\n").removesuffix("\n").split("\n")
        return code, [line.rpartition("\r")[2] for line in lines]

    def shell(self, script: str) -> tuple[int, list[str]]:
        return self.run("bash", "-euo", "pipefail", "-c", script)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # on Linux the end of what is written to a terminal
        return b""


def _check(block: Block, terminal: Terminal, page: str) -> None:
    """Runs ``block``. Raises AssertionError if it fails, or prints something else than the page says."""
    expected = int(block.directive.split()[2]) if block.directive.startswith("run exit") else 0
    if not block.has_prompts:
        python = block.language == "python"
        code, printed = terminal.run("python", "-c", block.text) if python else terminal.shell(block.text)
        assert code == expected, f"{page}:{block.line}: exit code {code}\n" + "\n".join(printed)
        return
    for shown in commands(block):
        code, printed = terminal.shell(shown.command)
        place = f"{page}:{shown.line}: $ {shown.command}"
        assert code == expected, f"{place}: exit code {code}\n" + "\n".join(printed)
        found = differences(shown.output, printed, exactly=block.directive == "run exactly")
        assert not found, f"{place}\n{found}"


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_page(page: Path, tmp_path: Path) -> None:
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    terminal = Terminal(tmp_path)
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.directive == "file":
            (tmp_path / block.argument).write_text(block.text + "\n", encoding="utf-8")
        elif block.directive:
            _check(block, terminal, page.name)


def test_pages_with_examples() -> None:
    """A mark that is spelt wrongly must not switch a page off."""
    names = {page.name for page in RUNNABLE}
    assert {"README.md", "getting-started.md", "caffe-users.md", "looking.md", "export.md", "data.md"} <= names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_comment_is_a_mark(page: Path) -> None:
    assert all(block.line for block in blocks(page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("text", ["<!-- rnu -->\n```sh\nls\n```", "<!-- run -->\nwords", "<!-- run -->\n<!-- run -->"])
def test_comments_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="line"):
        list(blocks(text))


def test_blocks_that_fail(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    _check(Block("sh", "echo 1\ntrue", 1, "run"), terminal, "page")
    _check(Block("console", "$ echo loss 0.25 \\\n    --and more\nloss 0.31 --and more", 1, "run"), terminal, "page")
    for text in ("$ echo one\ntwo", "$ false", "$ echo one\none\ntwo", "false\ntrue"):
        with pytest.raises(AssertionError, match=r"page:1: "):
            _check(Block("console", text, 1, "run"), terminal, "page")
    with pytest.raises(AssertionError, match="page:5"):
        _check(Block("python", "raise SystemExit(1)", 5, "run"), terminal, "page")


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("loss 0.1, 12 s\n", "loss 0.25, 1 min 3 s\n", True),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a\n...\nd\n", "a\nd\n", True),
        ("a\nd\n", "a\nb\nd\n", False),
        ("a\n", "a\nb\n", False),
        ("accuracy 0.5", "loss 0.5", False),
        ("lenet-001   17 s   ▁▂ ▃", "lenet-002 2 s  ▁", True),
        ("a", "compiling kernels (first run only) ...\na", True),
    ],
)
def test_comparison(shown: str, printed: str, same: bool) -> None:
    assert (differences(shown.splitlines(), printed.splitlines(), exactly=False) == "") is same


def test_exact_comparison() -> None:
    assert differences(["1 file: 2 errors "], ["1 file: 2 errors"], exactly=True) == ""
    assert differences(["1 file: 2 errors"], ["1 file: 3 errors"], exactly=True)
