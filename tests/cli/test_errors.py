"""From exceptions to messages and exit codes."""

from __future__ import annotations

import errno

import click
import pytest
from click.testing import CliRunner, Result

from netcli.cli import errors
from netcli.errors import ConfigError, DivergedError, RunError, UsageError


def _run(error: BaseException, *, debug: bool = False) -> Result:
    @click.command()
    @click.pass_context
    def command(ctx: click.Context) -> None:
        if debug:
            errors.show_tracebacks(ctx)
        with errors.reported(ctx):
            raise error

    return CliRunner().invoke(command, [])


@pytest.mark.parametrize(("kind", "code"), [(RunError, 1), (UsageError, 2), (ConfigError, 3), (DivergedError, 4)])
def test_an_error_of_netcli_is_one_line_and_its_exit_code(kind: type[RunError], code: int) -> None:
    result = _run(kind.of("NC001", "no such file", actual="x", hint="look again"))
    assert result.exit_code == code
    assert result.stderr == "error: no such file, actual x. hint: look again [NC001]\n"
    assert result.stdout == ""


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_are_for_those_who_want_them(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (finding,) = ConfigError.of("NC001", "no such file").findings
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert errors.finding_line(finding).startswith("\x1b[31m")
    monkeypatch.setenv(name, value)
    assert errors.finding_line(finding) == "error: no such file [NC001]"


def test_all_findings_are_printed() -> None:
    findings = ConfigError.of("NC001", "first").findings + ConfigError.of("NC002", "second").findings
    assert _run(ConfigError(findings)).stderr == "error: first [NC001]\nerror: second [NC002]\n"


def test_a_bug_is_told_as_one() -> None:
    result = _run(ZeroDivisionError("oops"))
    assert result.exit_code == 1
    assert result.stderr == (
        "internal error: ZeroDivisionError: oops\n"
        "This is a bug of netcli: please report it, with the traceback that --debug prints\n"
        "and what `netcli doctor` says.\n"
    )


@pytest.mark.parametrize("error", [ZeroDivisionError("oops"), RunError.of("NC001", "oops")])
def test_debug_shows_the_traceback(error: Exception) -> None:
    assert "Traceback (most recent call last)" in _run(error, debug=True).stderr


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), "'a/b': No space left on device"),
        (OSError(errno.EFBIG, "File too large"), "File too large"),
    ],
)
def test_what_the_system_refuses_is_no_bug(error: OSError, message: str) -> None:
    result = _run(error)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: the system refuses")
    assert message in result.stderr
    assert result.stderr.endswith("[NC517]\n")


def test_interrupt_is_130() -> None:
    result = _run(KeyboardInterrupt())
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def test_a_closed_pipe_is_nobodys_fault() -> None:
    result = _run(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert result.exit_code == 1
    assert result.stderr == ""


def test_usage_errors_stay_clicks() -> None:
    result = _run(click.UsageError("no"))
    assert result.exit_code == 2
