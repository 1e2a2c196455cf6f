"""``netcli train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netcli.cli import options
from netcli.cli.training_options import RESUME_AUTO, TrainingOptions
from netcli.distributed.launcher import launched_ranks
from netcli.errors import ExitCode

_EFFECT = click.Choice(["stop", "snapshot", "none"])


class RenameType(click.ParamType):
    """``old=new``."""

    name = "old=new"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        old, equals, new = value.partition("=")
        if not equals or not old or not new:
            self.fail(f"{value!r} is not of the form old=new, as in fc8=fc8_flowers", param, ctx)
        return old, new


@click.command("train")
@click.argument("file", type=options.PROTOTXT)
@click.option(
    "--weights", metavar="A[,B...]",
    help="Start from these weights (.caffemodel), layer by layer by name; overrides weights of the solver.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Every layer must have weights there, and all of them a layer.")
@click.option("--skip-mismatch", is_flag=True, help="Leave layers fresh whose stored weights have another shape.")
@click.option(
    "--rename", type=RenameType(), multiple=True, metavar="OLD=NEW",
    help="Weights of layer OLD are for layer NEW; may be repeated.",
)  # fmt: skip
@click.option(
    "--freeze", multiple=True, metavar="PATTERN",
    help="Layers that are not to learn, as in --freeze 'conv*' (lr_mult and decay_mult 0); may be repeated.",
)  # fmt: skip
@click.option(
    "--resume", metavar="auto|PATH",
    help="Go on from a snapshot: its state or its weights; auto takes the newest one that is whole, if any.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Resume although the config has changed since the snapshot.")
@click.option("--max-iter", type=click.IntRange(min=1), help="Iterations to train; overrides max_iter.")
@click.option(
    "--epochs", type=click.FloatRange(min=0, min_open=True), metavar="N",
    help="Passes over the training set; overrides max_iter.",
)  # fmt: skip
@click.option("--keep-last", type=click.IntRange(min=1), metavar="N", help="Keep only the newest N snapshots.")
@click.option(
    "--save-best", metavar="METRIC",
    help="Keep the weights of the best test as PREFIX_best.caffemodel: accuracy, loss, or NAME:max, NAME:min.",
)  # fmt: skip
@click.option(
    "--patience", type=click.IntRange(min=1), metavar="N", help="End after N tests without a better --save-best."
)  # fmt: skip
@click.option(
    "--on-nan", type=click.Choice(["stop", "warn", "continue"]), default="stop", show_default=True,
    help="What a loss leads to that is no number, stuck at 87.3365, or exploding.",
)  # fmt: skip
@click.option("--sigint-effect", type=_EFFECT, default="stop", show_default=True, help="What Ctrl-C leads to.")
@click.option("--sighup-effect", type=_EFFECT, default="snapshot", show_default=True, help="What SIGHUP leads to.")
@options.seed_option
@options.threads_option
@options.device_option
@click.option(
    "--scaling", type=click.Choice(["strong", "weak"]), default="strong", show_default=True,
    help="Under mpiexec, batch_size is the batch of all ranks together (strong) or of each, as in Caffe (weak).",
)  # fmt: skip
@click.option(
    "--sync-batchnorm", is_flag=True,
    help="Under mpiexec, BatchNorm normalises by the statistics of all ranks' images, not of each rank's own.",
)  # fmt: skip
@options.set_option
@options.skip_bad_option
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The run folder.  [default: runs/STEM-NNN]")
@click.option("--plain", is_flag=True, help="Print plain lines, also on a terminal.")
@click.option(
    "--log-format", type=click.Choice(["netcli", "caffe"]), default="netcli", show_default=True,
    help="caffe prints lines that Caffe's log parsers accept.",
)  # fmt: skip
@click.option(
    "--tensorboard", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Write event files for TensorBoard there as well; needs the extra tensorboard.",
)  # fmt: skip
@options.verbosity_options
@options.debug_option
@click.pass_context
def command(ctx: click.Context, file: str, device: str, **given: Any) -> None:
    """Train the net of a solver.

    FILE is a solver. Its metrics, the config as it was used and a manifest go to the run folder; so do the
    snapshots, unless the solver names a snapshot_prefix. Ctrl-C finishes the iteration, writes a snapshot and
    exits with code 130; a second Ctrl-C quits at once. A run that goes on from a snapshot ends as one that never
    stopped, bit for bit. Under mpiexec all ranks train one net: see docs/distributed.md.

    \b
    Example:
      netcli train configs/lenet.prototxt
      netcli train solver.prototxt --epochs 20 --keep-last 3 --save-best accuracy --patience 5
      netcli train solver.prototxt --resume auto
      netcli train solver.prototxt --weights pretrained.caffemodel --rename fc8=fc8_flowers --freeze 'conv*'
    """
    from netcli.cli.training import TrainingRun

    if given["weights"] and given["resume"] and given["resume"] != RESUME_AUTO:
        raise click.UsageError("--weights and --resume PATH exclude each other: a snapshot brings its own weights")
    if given["max_iter"] and given["epochs"]:
        raise click.UsageError("--max-iter and --epochs exclude each other")
    if given["strict"] and given["skip_mismatch"]:
        raise click.UsageError("--strict and --skip-mismatch exclude each other")
    if given["patience"] and not given["save_best"]:
        raise click.UsageError("--patience needs --save-best METRIC, which says what has to become better")
    chosen, launched = TrainingOptions(device=device, **given), launched_ranks()
    if launched > 1:
        from netcli.cli.together import train_together

        reason = train_together(ctx, file, chosen, launched)
    else:
        reason = TrainingRun(file, chosen).solve()
    if reason == "interrupted":
        ctx.exit(ExitCode.INTERRUPTED)
