"""Numbers in words: counts, bytes and durations as people read them."""

from __future__ import annotations


def count(value: int) -> str:
    """``431,080``."""
    return f"{value:,}"


def size(value: int) -> str:
    """Bytes in binary units: ``1.2 MiB``."""
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def duration(seconds: float) -> str:
    """``0.8 s``, ``42 s``, ``3 min 05 s`` or ``2 h 07 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def shape(sizes: tuple[int, ...]) -> str:
    """``64x20x24x24``; a scalar is ``()``."""
    return "x".join(map(str, sizes)) if sizes else "()"
