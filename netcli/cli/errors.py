"""From an exception to one clear message and the right exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import traceback
from collections.abc import Iterable, Iterator

import click

from netcli.errors import ExitCode, Finding, NetcliError, RunError
from netcli.report.colours import colours_wanted

_DEBUG = "netcli.debug"
_COLORS = {"error": "red", "warning": "yellow", "note": "cyan"}


def show_tracebacks(ctx: click.Context) -> None:
    """From here on an error of this call of the command line is shown with its traceback (``--debug``)."""
    ctx.meta[_DEBUG] = True


def finding_line(finding: Finding) -> str:
    """``error: place: layer 'x' (Type): ...``, with the severity in colour unless NO_COLOR is set."""
    severity = f"{finding.severity}:"
    if colours_wanted():
        severity = click.style(severity, fg=_COLORS.get(finding.severity), bold=True)
    return f"{severity} {finding}"


def print_findings(findings: Iterable[Finding]) -> None:
    """One line each, on standard error."""
    for finding in findings:
        click.echo(finding_line(finding), err=True)


def refused(error: OSError) -> RunError:
    """NC517 for what the operating system refused at a place that had no words of its own for it."""
    what = f" '{os.fsdecode(error.filename)}'" if isinstance(error.filename, str | bytes) else ""
    return RunError.of("NC517", f"the system refuses{what}: {error.strerror or error}")


@contextlib.contextmanager
def reported(ctx: click.Context) -> Iterator[None]:
    """Turns whatever goes wrong inside into a message on standard error and an exit code.

    click's own exceptions (usage errors, ``ctx.exit``) pass through; so does a closed pipe, which click
    answers in silence.
    """
    try:
        yield
    except NetcliError as error:
        _print_traceback_if_wanted(ctx)
        print_findings(error.findings)
        ctx.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        ctx.exit(ExitCode.INTERRUPTED)
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        _print_traceback_if_wanted(ctx)
        print_findings(refused(error).findings)
        ctx.exit(ExitCode.RUN_FAILED)
    except Exception as error:
        if not _print_traceback_if_wanted(ctx):
            click.echo(
                f"internal error: {type(error).__name__}: {error}\n"
                "This is a bug of netcli: please report it, with the traceback that --debug prints\n"
                "and what `netcli doctor` says.",
                err=True,
            )
        ctx.exit(ExitCode.RUN_FAILED)


def _print_traceback_if_wanted(ctx: click.Context) -> bool:
    if ctx.meta.get(_DEBUG):
        click.echo(traceback.format_exc(), err=True, nl=False)
        return True
    return False
