"""``netcli data info``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from netcli.cli import options
from netcli.cli.data import arguments
from netcli.errors import ExitCode

if TYPE_CHECKING:
    from netcli.data.survey import Survey

SCHEMA = 1
MOST_LABELS = 20
MOST_BAD = 20
BAR_WIDTH = 40


@click.command("info")
@arguments.source_argument
@arguments.root_option
@options.json_option
@options.debug_option
@click.pass_context
def command(ctx: click.Context, source: str, root: str, as_json: bool) -> None:
    """Print what is in a data set: shapes, labels, mean, bad entries.

    Every item is read. The exit code is 1 if one of them cannot be.

    \b
    Example:
      netcli data info train_lmdb
      netcli data info train.txt --root /data/faces/ --json
    """
    from netcli.data.stored_images import open_images
    from netcli.data.survey import survey
    from netcli.report.step_line import StepLine

    line = StepLine()
    images = open_images(source, root=root, progress=line.bar(f"drawing {source}"))
    try:
        found = survey(images, line.bar(f"reading {source}"))
    finally:
        images.close()
        line.clear()
    click.echo(json.dumps(_as_json(source, found)) if as_json else _as_text(source, found))
    ctx.exit(ExitCode.RUN_FAILED if found.bad else ExitCode.OK)


def _as_json(source: str, found: Survey) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "source": source,
        "items": found.items,
        "encoded": found.encoded,
        "shapes": [{"shape": list(shape), "items": items} for shape, items in found.shapes.most_common()],
        "labels": {str(label): found.labels[label] for label in sorted(found.labels)},
        "unlabelled": found.unlabelled,
        "mean": found.mean,
        "bad": found.bad,
        "remarks": found.remarks(),
    }


def _as_text(source: str, found: Survey) -> str:
    shapes = [f"{' x '.join(map(str, shape))} ({items:,})" for shape, items in found.shapes.most_common(5)]
    if len(found.shapes) > len(shapes):
        shapes.append(f"and {len(found.shapes) - len(shapes)} more")
    lines = [
        f"{'source':12}{source}",
        f"{'items':12}{found.items:,}" + (f", {found.encoded:,} of them compressed" if found.encoded else ""),
        f"{'shapes':12}{', '.join(shapes) or 'none'}",
        f"{'mean':12}{', '.join(f'{value:.4g}' for value in found.mean) or 'none'}",
        f"{'labels':12}{_labels_in_short(found)}",
        *_histogram(found),
        *(f"{'note':12}{remark}" for remark in found.remarks()),
    ]
    if found.bad:
        lines.append(f"{'bad':12}{len(found.bad):,}")
        lines += [f"  {message}" for message in found.bad[:MOST_BAD]]
        if len(found.bad) > MOST_BAD:
            lines.append(f"  and {len(found.bad) - MOST_BAD:,} more")
    return "\n".join(lines)


def _labels_in_short(found: Survey) -> str:
    if not found.labels:
        return "none"
    counts = found.labels.values()
    least, most = min(counts), max(counts)
    each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{len(counts):,}, from {min(found.labels)} to {max(found.labels)}, {each} items each"


def _histogram(found: Survey) -> list[str]:
    """A bar for each label, as long as they are few."""
    if not 1 < len(found.labels) <= MOST_LABELS:
        return []
    most = max(found.labels.values())
    return [
        f"  {label:>8}  {'#' * round(BAR_WIDTH * items / most):{BAR_WIDTH}}  {items:,}"
        for label, items in sorted(found.labels.items())
    ]
