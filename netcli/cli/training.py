"""What ``netcli train`` does: from the arguments to a solver with its listeners, and through its run."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netcli.cli.following import Beginning
from netcli.cli.interrupts import signal_effects
from netcli.cli.recorded_pass import PassOfNet, passes_of_training
from netcli.cli.resuming import Resumption, check_unchanged, find_resumption, folder_to_resume
from netcli.cli.second_compiler import SecondCompiler
from netcli.cli.skipping import print_skipped
from netcli.cli.training_options import RESUME_AUTO, TrainingOptions
from netcli.cli.training_source import load_training, solver_for
from netcli.data.skipped import SkippedItems
from netcli.prototxt import SolverSource
from netcli.report import units
from netcli.report.caffe_lines import CaffeReport
from netcli.report.colours import colours_wanted
from netcli.report.lines import short_path
from netcli.report.load_table import load_table
from netcli.report.machine import machine, versions
from netcli.report.metrics import MetricsFile
from netcli.report.plain import PlainReport
from netcli.report.resolved_config import resolved_config, where_data_are
from netcli.report.run_folder import RunFolder
from netcli.report.tensorboard import TensorBoardReport
from netcli.runs.git_state import git_state
from netcli.runtime.streams import fresh_seed
from netcli.runtime.threads import set_threads
from netcli.solver import Solver, events
from netcli.solver.keeping import KeepBest, KeepLast, Metric, check_metric
from netcli.solver.ranks import ALONE, OneRank

if TYPE_CHECKING:
    from netcli.report.progress import ProgressReport

    Report = PlainReport | ProgressReport | CaffeReport

RUNS = Path("runs")


def _report(options: TrainingOptions, source: SolverSource) -> Report:
    """Lines of the form that is asked for; a live bar below them where there is a terminal to draw it on."""
    if options.log_format == "caffe":
        return CaffeReport(source.train_net().param.name, source.param.lr_policy)
    if options.plain or not sys.stderr.isatty() or not colours_wanted():
        return PlainReport()
    from netcli.report.progress import ProgressReport

    return ProgressReport()


class TrainingRun:
    """One run: everything is read, checked and opened when it is made, so that ``solve`` can only fail by itself.

    Args:
        file: the solver.
        options: what the command line asks for.
        ranks: the processes of the run, which this one leads.

    Raises:
        ConfigError, RunError: before anything is computed; no empty run folder is left behind.
    """

    def __init__(self, file: str, options: TrainingOptions, ranks: OneRank = ALONE) -> None:
        self._options = options
        self._ranks = ranks
        self._skipped = SkippedItems() if options.skip_bad else None
        self._source = load_training(file, options, ranks)
        self._report = _report(options, self._source) if options.verbosity >= 0 else None
        self._reason = ""
        self._threads = set_threads(options.threads)
        self._folder = self._make_folder(file)
        self._compiler = SecondCompiler(self._passes, options.device)
        try:
            resumption = find_resumption(options.resume, self._source, self._folder)
            self._say_all(resumption.notes)
            if resumption.state:
                # The snapshot brings its own weights.
                self._source.param.ClearField("weights")
            self._solver = self._make_solver(resumption)
            self._add_keepers()
            if resumption.state:
                self._say_all(check_unchanged(self._solver, resumption.state, force=options.force))
                self._solver.restore(resumption.state)
            prefix = str(self._solver.prefix.absolute()) if self._source.param.snapshot_prefix else None
            self._folder.write_config(resolved_config(self._source, self._solver.seed, prefix))
            self._folder.write_manifest(self._manifest(file, resumption.state))
            self._metrics = MetricsFile(self._folder.metrics)
            self._add_tensorboard()
        except BaseException:
            self._compiler.close()
            self._folder.discard()
            raise

    def solve(self) -> str:
        """Trains to the end; returns why it ended: "max_iter", "patience" or "interrupted".

        Raises:
            DivergedError, RunError.
        """
        self._introduce()
        options = self._options
        with contextlib.ExitStack() as stack:
            stack.callback(self._compiler.close)
            stack.callback(self._solver.close)
            stack.callback(self._metrics.close)
            if self._tensorboard is not None:
                stack.callback(self._tensorboard.close)
            if self._report is not None:
                stack.callback(self._report.close)
            sigterm = "stop" if self._ranks.count > 1 else None
            stack.enter_context(
                signal_effects(self._solver.request, options.sigint_effect, options.sighup_effect, sigterm)
            )
            stack.callback(print_skipped, self._skipped, *([self._report.say] if self._report else []))
            self._solver.solve()
            if self._skipped is not None:
                self._skipped.add_messages(self._ranks.merged(self._skipped.messages))
        self._say(f"run folder {short_path(self._folder.path)}")
        return self._reason

    def _passes(self) -> list[PassOfNet]:
        """What a second process may compile for; ranks wait for each other as it is."""
        return passes_of_training(self._source) if self._ranks.count == 1 else []

    def _seed(self, resumption: Resumption) -> int:
        """The seed asked for, else the solver's own, else that of the run which goes on, else a fresh one."""
        if self._options.seed is not None:
            return self._options.seed
        if self._source.param.random_seed >= 0:
            return int(self._source.param.random_seed)
        seed = resumption.seed
        return fresh_seed() if seed is None else seed

    def _tell(self, event: events.Event) -> None:
        """The one listener: files first, then the screen."""
        self._metrics(event)
        if isinstance(event, events.Progress):
            # An iteration has been: all kernels are there.
            self._compiler.close()
        if self._report is not None:
            self._report(event)
        if isinstance(event, events.Finished):
            self._reason = event.reason

    def _make_folder(self, file: str) -> RunFolder:
        out, resume, stem = self._options.out, self._options.resume, Path(file).stem
        if out is None and resume == RESUME_AUTO:
            out = folder_to_resume(RUNS, stem)
        if out is not None:
            return RunFolder.at(out, resumed=resume is not None)
        return RunFolder.numbered(RUNS, stem)

    def _make_solver(self, resumption: Resumption) -> Solver:
        beginning = self._ranks.from_leader(lambda: Beginning(self._seed(resumption), resumption.state is not None))
        solver = solver_for(
            self._source, self._options, beginning.seed, self._ranks, skipped=self._skipped,
            default_prefix=self._folder.snapshot_prefix,
        )  # fmt: skip
        solver.listeners.append(self._tell)
        return solver

    def _add_keepers(self) -> None:
        solver, options = self._solver, self._options
        if options.keep_last is not None:
            solver.listeners.append(KeepLast(solver, options.keep_last))
        if options.save_best is not None:
            metric = Metric.parse(options.save_best)
            check_metric(solver, metric)
            solver.listeners.append(KeepBest(solver, metric, options.patience))

    def _add_tensorboard(self) -> None:
        self._tensorboard = None if self._options.tensorboard is None else TensorBoardReport(self._options.tensorboard)
        if self._tensorboard is not None:
            self._solver.listeners.append(self._tensorboard)

    def _manifest(self, file: str, resume: Path | None) -> dict[str, Any]:
        """Versions, machine and input files: what one needs to know to repeat the run."""
        path = Path(file)
        return {
            "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "config": str(path.absolute()),
            "config_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "git": git_state([path, *self._net_files()]),
            "resume": None if resume is None else str(resume.absolute()),
            "seed": self._solver.seed,
            "threads": self._threads,
            "device": self._options.device,
            **self._ranks.description,
            "machine": machine(),
            "packages": versions(),
        }

    def _net_files(self) -> list[Path]:
        """The files that the nets stand in, without the solver's own."""
        nets = [self._source.train_net(), *self._source.test_nets()]
        return list(dict.fromkeys(Path(net.file) for net in nets if net.file and net.file != self._source.file))

    def _introduce(self) -> None:
        if self._options.verbosity > 0:
            for line in where_data_are(self._solver.source):
                self._say(line)
        for report in self._solver.loaded:
            self._say(load_table(report))
        self._say_all(self._ranks.introduction(self._solver.net, self._source.param.iter_size))
        net = self._solver.net
        if net.cuda is not None and net.cuda.on_cpu:
            self._say(f"on the CPU, with copies there and back: {', '.join(net.cuda.on_cpu)}")
        count = sum(item.blob.count for item in net.learnable)
        self._say(
            f"training {net.name or 'the net'}: {units.count(count)} parameters, seed {self._solver.seed}, "
            f"{self._threads} thread{'' if self._threads == 1 else 's'}, run folder {short_path(self._folder.path)}"
        )

    def _say_all(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._say(line)

    def _say(self, line: str) -> None:
        if self._report is not None:
            self._report.say(line)
