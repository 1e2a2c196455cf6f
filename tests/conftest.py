"""What all tests share."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

from netcli.runtime import streams
from netcli.runtime.cache import cache_root

# The same examples each time; look for others with --hypothesis-profile=default.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def one_kernel_cache() -> Iterator[None]:
    """Pins the user's cache folder, so that a test which moves HOME does not compile every kernel again.

    Tests run beside each other as it is: no command starts a second process that compiles.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETCLI_COMPILERS", "1")
        if not os.environ.get("NETCLI_CACHE_DIR"):
            patch.setenv("NETCLI_CACHE_DIR", str(cache_root()))
        yield


@pytest.fixture(autouse=True)
def seeds_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that name no seed get 1, 2, ... in each test, so that none passes or fails by chance."""
    drawn = itertools.count(1)
    monkeypatch.setattr(streams, "secrets", SimpleNamespace(randbits=lambda bits: next(drawn) % 2**bits))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded values and other people's nets: NETCLI_SHARED, else ``shared`` beside the checkout."""
    named = os.environ.get("NETCLI_SHARED")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"no shared folder at {folder} (set NETCLI_SHARED)")
    return folder
