"""What ``netcli train`` does: from the arguments to a solver with its listeners, and through its run."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from netcli.cli.builtin_data import make_builtin_data
from netcli.cli.errors import print_findings
from netcli.cli.interrupts import stop_on_interrupt
from netcli.cli.overrides import with_overrides
from netcli.cli.skipping import print_skipped
from netcli.data.feed import Feeds
from netcli.data.skipped import SkippedItems
from netcli.errors import Finding
from netcli.prototxt import SolverSource, load_solver
from netcli.report import units
from netcli.report.lines import load_line, short_path
from netcli.report.machine import machine, versions
from netcli.report.metrics import MetricsFile
from netcli.report.plain import PlainReport
from netcli.report.resolved_config import resolved_config, where_data_are
from netcli.report.run_folder import RunFolder
from netcli.runtime.streams import fresh_seed
from netcli.runtime.threads import set_threads
from netcli.solver import Solver, events
from netcli.solver.settings import check_max_iter, check_settings, raise_errors
from netcli.solver.state_file import read_state

if TYPE_CHECKING:
    from netcli.report.progress import ProgressReport

RUNS = Path("runs")


def _report(plain: bool) -> PlainReport | ProgressReport:
    """A live bar where there is a terminal to draw it on."""
    if plain or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return PlainReport()
    from netcli.report.progress import ProgressReport

    return ProgressReport()


def _seed(source: SolverSource, given: int | None, resume: str | None) -> int:
    """The seed asked for, else the solver's own, else that of the run which goes on, else a fresh one."""
    if given is not None:
        return given
    if source.param.random_seed >= 0:
        return int(source.param.random_seed)
    record = read_state(resume).record if resume else None
    return record.seed if record else fresh_seed()


class TrainingRun:
    """One run: everything is read, checked and opened when it is made, so that ``solve`` can only fail by itself.

    Args:
        file: the solver.
        assignments: ``--set`` and its kin.
        resume: a snapshot to go on from.
        seed, threads: None for the solver's own seed and for all cores.
        skip_bad: items that cannot be read are passed over and named at the end, and are no errors.
        out: the run folder; None for a numbered one.
        plain: plain lines even on a terminal.
        verbosity: -1 quiet, 0 normal, 1 detailed.

    Raises:
        ConfigError, RunError: before anything is computed; no empty run folder is left behind.
    """

    def __init__(
        self,
        file: str,
        assignments: Sequence[tuple[str, str]],
        *,
        resume: str | None,
        seed: int | None,
        threads: int | None,
        skip_bad: bool,
        out: Path | None,
        plain: bool,
        verbosity: int,
    ) -> None:
        self._verbosity = verbosity
        self._skipped = SkippedItems() if skip_bad else None
        source = load_solver(file)
        if assignments:
            source = with_overrides(source, assignments)
        findings = raise_errors([*source.notices, *check_settings(source), *check_max_iter(source)])
        self._say_findings(findings)
        self._source = source
        self._threads = set_threads(threads)
        self._folder = self._make_folder(file, out, resume)
        try:
            make_builtin_data([source.train_net(), *source.test_nets()], quiet=verbosity < 0)
            self._solver = self._make_solver(_seed(source, seed, resume))
            if resume:
                self._solver.restore(resume)
            prefix = str(self._solver.prefix.absolute())
            self._folder.write_config(resolved_config(source, self._solver.seed, prefix))
            self._folder.write_manifest(self._manifest(file, resume))
            self._metrics = MetricsFile(self._folder.metrics)
        except BaseException:
            self._folder.discard()
            raise
        self._report = _report(plain) if verbosity >= 0 else None
        self._reason = ""

    def solve(self) -> str:
        """Trains to the end; returns why it ended, "max_iter" or "interrupted".

        Raises:
            DivergedError, RunError.
        """
        self._introduce()
        with contextlib.ExitStack() as stack:
            stack.callback(self._solver.close)
            stack.callback(self._metrics.close)
            if self._report is not None:
                stack.callback(self._report.close)
            stack.enter_context(stop_on_interrupt(lambda: self._solver.request(events.Request.STOP)))
            stack.callback(print_skipped, self._skipped)
            self._solver.solve()
        self._say(f"run folder {short_path(self._folder.path)}")
        return self._reason

    def _tell(self, event: events.Event) -> None:
        """The one listener: files first, then the screen."""
        self._metrics(event)
        if self._report is not None:
            self._report(event)
        if isinstance(event, events.Finished):
            self._reason = event.reason

    def _make_folder(self, file: str, out: Path | None, resume: str | None) -> RunFolder:
        if out is not None:
            return RunFolder.at(out, resumed=resume is not None)
        return RunFolder.numbered(RUNS, Path(file).stem)

    def _make_solver(self, seed: int) -> Solver:
        return Solver(
            self._source,
            feeds=lambda net: Feeds(net.file, seed, skipped=self._skipped),
            seed=seed,
            listeners=[self._tell],
            default_prefix=self._folder.snapshot_prefix,
        )

    def _manifest(self, file: str, resume: str | None) -> dict[str, Any]:
        """Versions, machine and input files: what one needs to know to repeat the run."""
        path = Path(file)
        return {
            "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "config": str(path.absolute()),
            "config_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "resume": None if resume is None else str(Path(resume).absolute()),
            "seed": self._solver.seed,
            "threads": self._threads,
            "device": "cpu",
            "machine": machine(),
            "packages": versions(),
        }

    def _introduce(self) -> None:
        if self._verbosity > 0:
            for line in where_data_are(self._solver.source):
                self._say(line)
        for report in self._solver.loaded:
            self._say(load_line(report, names=self._verbosity > 0))
        net = self._solver.net
        count = sum(item.blob.count for item in net.learnable)
        self._say(
            f"training {net.name or 'the net'}: {units.count(count)} parameters, seed {self._solver.seed}, "
            f"{self._threads} thread{'' if self._threads == 1 else 's'}, run folder {short_path(self._folder.path)}"
        )

    def _say_findings(self, findings: Sequence[Finding]) -> None:
        if self._verbosity >= 0:
            print_findings(findings)

    def _say(self, line: str) -> None:
        if self._verbosity >= 0:
            click.echo(line, err=True)
