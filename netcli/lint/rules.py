"""All rules, and all findings of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from netcli.errors import Finding
from netcli.lint import blobs, files, layer_habits, losses, schedules, testing
from netcli.lint.subject import Subject

Rule = Callable[[Subject], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    *blobs.RULES,
    *layer_habits.RULES,
    *losses.RULES,
    *schedules.RULES,
    *testing.RULES,
    *files.RULES,
)


def lint(subject: Subject) -> list[Finding]:
    """What the rules say of nets that can be planned, by rule."""
    return [finding for rule in RULES for finding in rule(subject)]
