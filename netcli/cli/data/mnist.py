"""``netcli data mnist``."""

from __future__ import annotations

from pathlib import Path

import click

from netcli.cli import options


@click.command("mnist")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--download", is_flag=True, help="Fetch the files that DIR lacks; goes on where it was interrupted.")
@click.option(
    "--url", "urls", multiple=True, metavar="URL",
    help="A folder on the web that holds the four .gz files; may be repeated.  [default: known mirrors]",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace LMDBs that are there already.")
@options.debug_option
def command(directory: Path, download: bool, urls: tuple[str, ...], force: bool) -> None:
    """Make the LMDBs of MNIST that configs/mnist names.

    DIR holds the four IDX files, plain or .gz; DIR/mnist_train_lmdb and DIR/mnist_test_lmdb are written.

    \b
    Example:
      netcli data mnist configs/mnist --download
      netcli data mnist ~/mnist --download --url http://localhost:8000/mnist
    """
    from netcli.data.lmdb_source import LmdbSource
    from netcli.data.mnist import make_mnist_lmdbs
    from netcli.data.mnist_download import DEFAULT_URLS, download_mnist
    from netcli.report.step_line import StepLine

    if urls and not download:
        raise click.UsageError("--url says where to download from; it needs --download")
    line = StepLine()
    if download:
        for file in download_mnist(directory, urls or DEFAULT_URLS, line.of("fetching")):
            line.done(f"fetched {file}")
    for path in make_mnist_lmdbs(directory, force=force, progress=line.of("writing")):
        with LmdbSource(path) as source:
            line.done(f"{path}: {len(source):,} images")
