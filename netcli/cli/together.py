"""``netcli train`` under a launcher: one run by several processes, which fail together, with one message."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace

import click

from netcli.cli import errors
from netcli.cli.following import FollowingRun
from netcli.cli.training import TrainingRun
from netcli.cli.training_options import TrainingOptions
from netcli.distributed.launcher import launched_rank
from netcli.distributed.ranks import MpiRanks
from netcli.distributed.setup import OthersFailed
from netcli.distributed.world import World
from netcli.errors import ExitCode, NetcliError, RunError

_ON_ITS_WAY = 0.3
"""Seconds for which a message is on its way through the launcher, which forgets it if all processes end at once."""

_FIRST_WORD = 1.0
"""Seconds for which the other ranks leave the word to rank 0: what befalls all of them it tells once."""


def train_together(ctx: click.Context, file: str, options: TrainingOptions, launched: int) -> str:
    """Trains with the ``launched`` processes; returns why training ended.

    An error before training begins is agreed on: rank 0 tells it, and all exit with its code. An error later is told
    by the rank that has it, which then ends all processes.
    """
    if options.sync_batchnorm and options.device != "cpu":
        raise click.UsageError("--sync-batchnorm is for the CPU only")
    ranks = MpiRanks(_world(ctx, launched), options.scaling, joint_statistics=options.sync_batchnorm)
    with _failing_together(ctx, ranks):
        own = replace(
            options, threads=options.threads or ranks.world.cores, device=_own_device(options.device, ranks.world)
        )
        run: TrainingRun | FollowingRun
        run = TrainingRun(file, own, ranks) if ranks.leads else FollowingRun(file, own, ranks)
        ranks.setup.finish()
        return run.solve()


def _own_device(device: str, world: World) -> str:
    """One GPU a rank, in the order of the ranks on a machine; a GPU that is named is that of all ranks."""
    if device != "cuda":
        return device
    from netcli.runtime.cuda.device import devices

    return f"cuda:{world.local_rank % max(1, len(devices()))}"


def _world(ctx: click.Context, launched: int) -> World:
    try:
        return World(launched)
    except RunError as error:
        if launched_rank() > 0:
            ctx.exit(error.exit_code)
        raise


@contextlib.contextmanager
def _failing_together(ctx: click.Context, ranks: MpiRanks) -> Iterator[None]:
    try:
        yield
    except OthersFailed as failure:
        if ranks.leads:
            for line in failure.lines:
                click.echo(line, err=True)
        ctx.exit(failure.code)
    except (NetcliError, OSError) as error:
        known = error if isinstance(error, NetcliError) else errors.refused(error)
        if not ranks.setup.finished:
            _agree_on_failure(ctx, ranks, known)
        _end_all(ctx, ranks, _with_rank(known, ranks))
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except BaseException as error:
        _end_all(ctx, ranks, error)


def _agree_on_failure(ctx: click.Context, ranks: MpiRanks, error: NetcliError) -> None:
    """Waits for the others at the next meeting; rank 0 tells what has befallen whom."""
    try:
        ranks.setup.fail([errors.finding_line(finding) for finding in error.findings], int(error.exit_code))
    except OthersFailed as failure:
        if ranks.leads:
            for line in failure.lines:
                click.echo(line, err=True)
        ctx.exit(failure.code)


def _with_rank(error: NetcliError, ranks: MpiRanks) -> NetcliError:
    if ranks.leads:
        return error
    return type(error)([replace(f, message=f"on rank {ranks.rank}: {f.message}") for f in error.findings])


def _end_all(ctx: click.Context, ranks: MpiRanks, error: BaseException) -> None:
    """Tells the error and ends every process with its exit code."""
    if not ranks.leads and not isinstance(error, KeyboardInterrupt):
        time.sleep(_FIRST_WORD)
    code = int(ExitCode.RUN_FAILED)
    try:
        with errors.reported(ctx):
            raise error
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    finally:
        time.sleep(_ON_ITS_WAY)
        ranks.world.abort(code)
