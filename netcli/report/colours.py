"""Whether the user wants colours."""

from __future__ import annotations

import os


def colours_wanted() -> bool:
    """False where NO_COLOR is set to anything (https://no-color.org), or the terminal knows no such thing."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
