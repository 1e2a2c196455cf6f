"""``netcli faces pairs``."""

from __future__ import annotations

from pathlib import Path

import click

from netcli.cli import options


@click.command("pairs")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Where to write the list.  [default: standard output]")  # fmt: skip
@click.option(
    "--folds", type=click.IntRange(min=2), default=10, show_default=True, help="Folds without a person in common."
)
@click.option("--count", type=click.IntRange(min=1), default=300, show_default=True,
              help="Pairs of one person in each fold, and as many of two.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the draws.")
@click.option("--all", "every", is_flag=True, help="Write every pair once, without folds, instead.")
@options.debug_option
def command(folder: Path, out: Path | None, folds: int, count: int, seed: int, every: bool) -> None:
    """Make a list of pairs for verify from folders of people.

    DIR has a folder for each person, with the images in it. Each line of the list has two paths below DIR, 1 for one
    person or 0 for two, and the number of the fold, with tabs between.

    \b
    Example:
      netcli faces pairs lfw/ --out pairs.txt
      netcli faces pairs few_people/ --all --out pairs.txt
    """
    from netcli.convert.atomic_file import write_atomically
    from netcli.faces.pair_making import all_pairs, folds_of_pairs, people_in

    people = people_in(folder)
    pairs = list(all_pairs(people)) if every else folds_of_pairs(people, folds, count, seed)
    text = "".join(f"{pair.line()}\n" for pair in pairs)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_atomically(out, text.encode("utf-8", "surrogateescape"))
    same = sum(pair.same for pair in pairs)
    click.echo(f"{len(people):,} people, {same:,} pairs of one, {len(pairs) - same:,} of two", err=True)
