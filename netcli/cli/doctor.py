"""``netcli doctor``."""

from __future__ import annotations

import json

import click

from netcli.cli import options


@click.command("doctor")
@options.json_option
@options.debug_option
def command(as_json: bool) -> None:
    """Report on the installation.

    Versions, CPU, lanes (images that one vector register holds), the threading layer of the kernels, what there is
    for computing on a GPU, and the cache folder. Put the output into bug reports.

    \b
    Example:
      netcli doctor
    """
    from netcli.report import units
    from netcli.report.cuda_facts import cuda_facts, cuda_lines
    from netcli.report.machine import (
        OPTIONAL_PACKAGES,
        cache_usage,
        machine,
        optional_versions,
        threading_layer,
        versions,
    )
    from netcli.runtime.cache import cache_root

    facts = machine() | {"threading_layer": threading_layer()}
    cache_bytes = cache_usage(cache_root())
    cache = {"folder": str(cache_root()), "bytes": cache_bytes}
    cuda = cuda_facts()
    if as_json:
        found = {"schema": 1, "machine": facts, "packages": versions(), "optional": optional_versions()}
        found |= {"cuda": cuda, "cache": cache}
        click.echo(json.dumps(found))
        return
    for name, value in (facts | versions()).items():
        click.echo(f"{name.replace('_', ' '):24}{value}")
    for name, version in optional_versions().items():
        missing = f"not installed: pip install 'netcli[{OPTIONAL_PACKAGES[name]}]'"
        click.echo(f"{name:24}{version or missing}")
    for name, value in cuda_lines(cuda):
        click.echo(f"{name:24}{value}")
    click.echo(f"{'cache folder':24}{cache['folder']} ({units.size(cache_bytes)})")
