"""One error type for the whole program: a code, a place, and what to do about it.

Every message reads ``file:line:col: layer 'x' (Type): what happened, expected E, actual A. hint: H [NC012]``.
The exit codes are a promise to scripts (see docs): 0 fine, 1 the run failed, 2 usage, 3 the config is
invalid, 4 training diverged, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

from netcli.spelling import nearest


class ExitCode(IntEnum):
    """What the process tells its caller."""

    OK = 0
    RUN_FAILED = 1
    USAGE = 2
    CONFIG_INVALID = 3
    DIVERGED = 4
    INTERRUPTED = 130


@dataclass(frozen=True)
class Place:
    """A position in a text file. ``line`` and ``column`` count from 1; 0 means not known."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong (``error``), doubtful (``warning``) or worth knowing (``note``)."""

    code: str
    message: str
    severity: str = "error"
    place: Place | None = None
    layer: str | None = None
    layer_type: str | None = None
    expected: str | None = None
    actual: str | None = None
    hint: str | None = None
    suggestion: str | None = None

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        who = ""
        if self.layer is not None:
            who = f"layer '{self.layer}'" + (f" ({self.layer_type})" if self.layer_type else "") + ": "
        what = self.message
        if self.expected is not None:
            what += f", expected {self.expected}"
        if self.actual is not None:
            what += f", actual {self.actual}"
        hint = f". hint: {self.hint}" if self.hint else ""
        return f"{where}{who}{what}{hint} [{self.code}]"


@dataclass
class NetcliError(Exception):
    """Something the user can act on. Carries one or more findings; the first one is the cause.

    Subclasses fix the exit code. Nothing else in netcli is raised on purpose: any other exception that
    reaches the command line is a bug of netcli.
    """

    findings: list[Finding] = field(default_factory=list)
    exit_code = ExitCode.RUN_FAILED

    @classmethod
    def of(
        cls,
        code: str,
        message: str,
        *,
        place: Place | None = None,
        layer: str | None = None,
        layer_type: str | None = None,
        expected: object = None,
        actual: object = None,
        hint: str | None = None,
        suggestion: str | None = None,
    ) -> Self:
        """An error with one finding; ``expected`` and ``actual`` may be any value and are shown by ``str``."""
        finding = Finding(
            code,
            message,
            place=place,
            layer=layer,
            layer_type=layer_type,
            expected=None if expected is None else str(expected),
            actual=None if actual is None else str(actual),
            hint=hint,
            suggestion=suggestion,
        )
        return cls([finding])

    def __str__(self) -> str:
        return "\n".join(str(f) for f in self.findings)

    @property
    def code(self) -> str:
        """The code of the first finding."""
        return self.findings[0].code


class RunError(NetcliError):
    """The run failed: data, files, weights or the machine (exit code 1)."""


class ConfigError(NetcliError):
    """A prototxt that cannot be used as it stands (exit code 3)."""

    exit_code = ExitCode.CONFIG_INVALID


class UsageError(NetcliError):
    """An option's value that this machine cannot serve (exit code 2)."""

    exit_code = ExitCode.USAGE


class DivergedError(NetcliError):
    """Training diverged (exit code 4)."""

    exit_code = ExitCode.DIVERGED


def did_you_mean(word: str, known: Iterable[str], preferred: Iterable[str] = ()) -> tuple[str | None, str | None]:
    """``(hint, suggestion)`` for a misspelt word: both None when nothing known is near it (see ``nearest``)."""
    suggestion = nearest(word, known, preferred)
    return (f"did you mean '{suggestion}'?" if suggestion else None), suggestion
