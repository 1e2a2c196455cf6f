"""What ``netcli extract`` and ``netcli verify`` share: the options of an extraction, and how one begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from netcli.cli import options

if TYPE_CHECKING:
    from netcli.extraction.extraction import Extraction
    from netcli.extraction.items import ImageSet

F = TypeVar("F", bound=Callable[..., Any])


class NumbersType(click.ParamType):
    """``A[,B,C]``: numbers, one or one for each channel."""

    name = "V[,V...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a number, or one for each channel, as in 127.5 or 104,117,123", param, ctx)


@dataclass(frozen=True)
class Wish:
    """What the options say.

    Attributes:
        weights: files, comma-separated.
        blob: None for the net's features.
        source: the set; None for the net's own. root: stands before each path of a list.
        mean, scale: instead of those of the net's data layer.
    """

    weights: str
    blob: str | None = None
    source: str | None = None
    root: str = ""
    mean: tuple[float, ...] | None = None
    scale: float | None = None
    flip: bool = False
    batch: int = 64
    threads: int | None = None
    device: str = "cpu"


def extraction_options(function: F) -> F:
    """The options of an extraction, besides --weights and what it is made of."""
    for decorate in reversed(
        (
            click.option("--blob", metavar="NAME", help="The blob.  [default: what the margin layer reads; a deploy "
                         "net's last top]"),
            click.option("--flip", is_flag=True, help="Append the features of the mirrored image to those of the "
                         "image."),
            click.option("--root", default="", metavar="DIR", help="Put before each path of a list."),
            click.option("--mean", type=NumbersType(), metavar="V[,V...]",
                         help="Subtract this from pixels: one value, or one for each channel (blue, green, red).  "
                         "[default: as the net's data layer]"),
            click.option("--scale", type=float, metavar="V",
                         help="Then multiply by this.  [default: as the net's data layer]"),
            click.option("--batch", type=click.IntRange(min=1), default=64, show_default=True, help="Items at a time."),
            options.threads_option,
        )
    ):  # fmt: skip
        function = decorate(function)
    return function


def begin_extraction(file: str, wish: Wish, images: ImageSet | None, verbosity: int) -> Extraction:
    """The extraction that is wished for, of ``images`` or of ``wish.source``.

    Raises:
        ConfigError, RunError: as ``netcli.extraction`` does.
    """
    from netcli.cli.builtin_data import make_builtin_data
    from netcli.cli.errors import print_findings
    from netcli.cli.loading import load_net_of
    from netcli.convert.caffemodel import read_weights
    from netcli.extraction.extraction import extraction
    from netcli.extraction.feature_net import feature_net
    from netcli.extraction.items import Pixels, open_items
    from netcli.report.lines import load_line
    from netcli.runtime.threads import set_threads

    source, _ = load_net_of(file, "TEST")
    if verbosity >= 0:
        print_findings(source.notices)
    weights = [(name, read_weights(name)) for name in wish.weights.split(",") if name]
    wanted = feature_net(source, wish.blob)
    set_threads(wish.threads)
    if wanted.data.param.type == "Data" and wish.source is None and images is None:
        make_builtin_data([source], quiet=verbosity < 0)
    if wanted.data.param.type == "Input" and wish.mean is None and wish.scale is None and verbosity >= 0:
        click.echo("note: pixels go in as they are, 0 to 255: --mean and --scale change that", err=True)
    items = open_items(
        wanted.data, source.file, images or wish.source, wish.root, Pixels(wish.mean, wish.scale)
    )  # fmt: skip
    batch = min(wish.batch, len(items.names))
    try:
        begun = extraction(wanted, items, weights, batch=batch, flip=wish.flip, device=wish.device)
    except BaseException:
        items.feed.close()
        raise
    if verbosity >= 0:
        for report in begun.loaded:
            if verbosity > 0 or report.not_in_file:
                click.echo(load_line(report, names=True), err=True)
    return begun
