"""``netcli train``."""

from __future__ import annotations

from pathlib import Path

import click

from netcli.cli import options
from netcli.errors import ExitCode


@click.command("train")
@click.argument("file", type=options.PROTOTXT)
@click.option(
    "--weights", metavar="A[,B...]",
    help="Start from these weights (.caffemodel), layer by layer by name; overrides weights of the solver.",
)  # fmt: skip
@click.option("--resume", type=click.Path(), help="Go on from a snapshot (.solverstate).")
@click.option("--max-iter", type=click.IntRange(min=1), help="Iterations to train; overrides max_iter.")
@options.seed_option
@options.threads_option
@options.device_option
@options.set_option
@options.skip_bad_option
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The run folder.  [default: runs/STEM-NNN]")
@click.option("--plain", is_flag=True, help="Print plain lines, also on a terminal.")
@options.verbosity_options
@options.debug_option
@click.pass_context
def command(
    ctx: click.Context,
    file: str,
    weights: str | None,
    resume: str | None,
    max_iter: int | None,
    seed: int | None,
    threads: int | None,
    device: str,
    assignments: tuple[tuple[str, str], ...],
    skip_bad: bool,
    out: Path | None,
    plain: bool,
    verbosity: int,
) -> None:
    """Train the net of a solver.

    FILE is a solver. Its metrics, the config as it was used and a manifest go to the run folder; so do the
    snapshots, unless the solver names a snapshot_prefix. Ctrl-C finishes the iteration, writes a snapshot and
    exits with code 130; a second Ctrl-C quits at once.

    \b
    Example:
      netcli train configs/lenet.prototxt
      netcli train solver.prototxt --weights pretrained.caffemodel --set base_lr=0.001
      netcli train solver.prototxt --resume runs/solver-001/model_iter_5000.solverstate
    """
    from netcli.cli.training import TrainingRun

    if weights and resume:
        raise click.UsageError("--weights and --resume exclude each other: a snapshot brings its own weights")
    if max_iter is not None:
        assignments = (*assignments, ("max_iter", str(max_iter)))
    if weights:
        assignments = (*assignments, *(("weights", name) for name in weights.split(",")))
    run = TrainingRun(
        file,
        assignments,
        resume=resume,
        seed=seed,
        threads=threads,
        skip_bad=skip_bad,
        out=out,
        plain=plain,
        verbosity=verbosity,
    )
    if run.solve() == "interrupted":
        ctx.exit(ExitCode.INTERRUPTED)
