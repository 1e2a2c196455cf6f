"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from netcli.runtime.cache import cache_root


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


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded values and other people's nets: NETCLI_SHARED, else ``shared`` beside the checkout."""
    named = os.environ.get("NETCLI_SHARED")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"no shared folder at {folder} (set NETCLI_SHARED)")
    return folder
