"""The one door to matplotlib, which is an extra: figures without a screen, written as PNG, SVG or PDF."""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from netcli.convert.atomic_file import write_atomically
from netcli.errors import RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")


def matplotlib_module() -> ModuleType:
    """matplotlib. Raises RunError NC552 where it is not installed."""
    try:
        import matplotlib
        import matplotlib.figure
    except ImportError:
        raise RunError.of("NC552", "plots need matplotlib", hint='pip install "netcli[plot]"') from None
    return matplotlib


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches, tied to no window. Raises RunError NC552 without matplotlib."""
    figure: Figure = matplotlib_module().figure.Figure(figsize=(width, height), layout="constrained")
    return figure


def check_plot_path(path: Path) -> None:
    """Before the work is done: raises RunError NC552 without matplotlib, or NC553 for a name that is no picture's."""
    matplotlib_module()
    if path.suffix[1:].lower() not in FORMATS:
        raise RunError.of(
            "NC553", f"'{path}' is not the name of a picture", expected="one that ends in .png, .svg or .pdf"
        )


def save_figure(figure: Figure, path: Path, *, dpi: int = 95) -> None:
    """Writes the figure in the format that the name tells; the same figure gives the same bytes.

    Raises:
        RunError: the file cannot be written.
    """
    kind = path.suffix[1:].lower()
    stamp = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    content = io.BytesIO()
    with matplotlib_module().rc_context({"svg.hashsalt": "netcli"}):
        figure.savefig(content, format=kind, dpi=dpi, metadata=stamp)
    write_atomically(path, content.getvalue())
