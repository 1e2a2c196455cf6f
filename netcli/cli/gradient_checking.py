"""What ``netcli gradcheck`` does: a net in double precision from a file, checked layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

import click
import numpy as np

from netcli.cli.batch_size import with_batch_size
from netcli.cli.errors import print_findings
from netcli.cli.fixed_feeds import FixedFeeds, ItemShape, fill_memory_layers
from netcli.cli.loading import load_net_of
from netcli.data.feed import Feeds
from netcli.errors import did_you_mean
from netcli.net.gradient_check import LayerResult, Settings, check_net
from netcli.net.net import Net
from netcli.runtime.threads import set_threads


def run_gradient_check(
    file: str,
    settings: Settings,
    layers: Sequence[str],
    *,
    phase: str,
    batch: int | None,
    item_shape: ItemShape | None,
    threads: int | None,
) -> tuple[Net, list[LayerResult]]:
    """The net of FILE and what the check says of each layer, or of ``layers``.

    Raises:
        ConfigError: NC130 if the shape of the data can neither be known nor is given, and all other findings.
        click.BadParameter: one of ``layers`` is not in the net.
    """
    source, wanted = load_net_of(file, phase)
    print_findings(source.notices)
    if batch is not None:
        source = with_batch_size(source, batch)
    set_threads(threads)
    net = Net(source, wanted, feeds=FixedFeeds(Feeds(source.file), item_shape), dtype=np.float64, seed=settings.seed)
    fill_memory_layers(net)
    names = [layer.name for layer in net.layers]
    for name in layers:
        if name not in names:
            hint, _ = did_you_mean(name, names)
            raise click.BadParameter(
                f"the net has no layer '{name}'" + (f": {hint}" if hint else ""), param_hint="--layer"
            )
    return net, list(check_net(net, settings, layers))
