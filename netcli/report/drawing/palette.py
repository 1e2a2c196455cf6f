"""Pale fills on which black text is read easily, by kind of box. What they say the text says as well."""

from __future__ import annotations

FILLS = {"data": "#ededed", "learned": "#d4e6f3", "loss": "#fbe2d3", "other": "#ffffff"}
STROKE = "#555555"
