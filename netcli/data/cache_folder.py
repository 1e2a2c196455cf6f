"""Where netcli keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder for netcli; it need not exist yet.

    ``NETCLI_CACHE_DIR`` if set, else ``XDG_CACHE_HOME/netcli``, else ``~/.cache/netcli``.
    """
    own = os.environ.get("NETCLI_CACHE_DIR")
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "netcli"
