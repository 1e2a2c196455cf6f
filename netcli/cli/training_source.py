"""The solver of a training run, as every process of it reads it."""

from __future__ import annotations

from netcli.cli.builtin_data import make_builtin_data
from netcli.cli.epochs import iterations_of
from netcli.cli.errors import print_findings
from netcli.cli.overrides import with_overrides
from netcli.cli.training_options import TrainingOptions
from netcli.data.feed import Feeds
from netcli.data.skipped import SkippedItems
from netcli.net.weights import Loading
from netcli.prototxt import SolverSource, load_solver
from netcli.solver import Solver
from netcli.solver.ranks import OneRank
from netcli.solver.settings import check_max_iter, check_settings, raise_errors


def load_training(file: str, options: TrainingOptions, ranks: OneRank) -> SolverSource:
    """The solver with its overrides, checked; data that are drawn on first use are made.

    Raises:
        ConfigError: with all findings about the settings. RunError: the data cannot be made or read.
    """
    source = load_solver(file)
    if options.all_assignments:
        source = with_overrides(source, options.all_assignments)
    findings = raise_errors([*source.notices, *check_settings(source)])
    quiet = options.verbosity < 0 or not ranks.leads
    ranks.once_a_machine(lambda: make_builtin_data([source.train_net(), *source.test_nets()], quiet=quiet))
    if options.epochs is not None:
        batches = ranks.count if options.scaling == "weak" else 1
        source = with_overrides(source, [("max_iter", str(iterations_of(source, options.epochs, batches)))])
    raise_errors(check_max_iter(source))
    if not quiet:
        print_findings(findings)
    return source


def solver_for(
    source: SolverSource,
    options: TrainingOptions,
    seed: int,
    ranks: OneRank,
    *,
    skipped: SkippedItems | None,
    default_prefix: str | None = None,
) -> Solver:
    """The solver that trains ``source``, without listeners."""
    return Solver(
        source,
        feeds=lambda net: Feeds(net.file, seed, skipped=skipped, needed=True),
        seed=seed,
        default_prefix=default_prefix,
        on_nan=options.on_nan,
        loading=Loading(options.strict, options.skip_mismatch, options.rename),
        freeze=options.freeze,
        keep_gradients=False,
        device=options.device,
        ranks=ranks,
    )
