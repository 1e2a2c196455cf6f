"""Images in a terminal."""

from __future__ import annotations

import numpy as np

_SHADES = " .:-=+*#%@"
_RESET = "\x1b[0m"


def as_bytes(pixels: np.ndarray) -> np.ndarray:
    """(1 or 3, H, W) uint8 of (C, H, W): floats are stretched to 0 to 255, of other numbers of channels the first."""
    shown = pixels if pixels.shape[0] in (1, 3) else pixels[:1]
    if shown.dtype == np.uint8:
        return shown
    low, high = float(shown.min()), float(shown.max())
    return ((shown - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)


def blocks(pixels: np.ndarray, columns: int) -> str:
    """Coloured half blocks, two pixels in each character, at most ``columns`` wide.

    Args:
        pixels: (1 or 3, H, W) uint8, colour in the order blue, green, red.
    """
    shrunk = _shrunk(pixels, columns, rows_per_column=1.0)
    colour = np.repeat(shrunk, 3, axis=0) if len(shrunk) == 1 else shrunk[::-1]
    if colour.shape[1] % 2:
        colour = np.concatenate([colour, np.zeros_like(colour[:, :1])], axis=1)
    lines = []
    for y in range(0, colour.shape[1], 2):
        cells = (
            f"\x1b[38;2;{';'.join(map(str, upper))};48;2;{';'.join(map(str, lower))}m▀"
            for upper, lower in zip(colour[:, y].T.tolist(), colour[:, y + 1].T.tolist(), strict=True)
        )
        lines.append("".join(cells) + _RESET)
    return "\n".join(lines)


def shades(pixels: np.ndarray, columns: int) -> str:
    """Characters from blank (dark) to dense (bright), at most ``columns`` wide; each stands for two rows of pixels.

    Args:
        pixels: (C, H, W) uint8.
    """
    grey = _shrunk(pixels, columns, rows_per_column=0.5).mean(axis=0)
    levels = (grey * (len(_SHADES) / 256)).astype(int)
    return "\n".join("".join(_SHADES[level] for level in row).rstrip() for row in levels.tolist())


def _shrunk(pixels: np.ndarray, columns: int, rows_per_column: float) -> np.ndarray:
    """The nearest pixels, so that the width fits."""
    _, height, width = pixels.shape
    across = min(width, columns)
    down = max(1, round(height * across / width * rows_per_column))
    rows, places = np.arange(down) * height // down, np.arange(across) * width // across
    return pixels[:, rows][:, :, places]
