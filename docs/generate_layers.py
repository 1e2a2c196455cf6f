"""Writes docs/layers.md from the layers themselves: ``python docs/generate_layers.py``. A test keeps it fresh."""

from __future__ import annotations

from pathlib import Path

from netcli.layers.registry import layer_types
from netcli.report.layer_reference import layer_text, summary_line

TARGET = Path(__file__).parent / "layers.md"
INTRODUCTION = """# The layer types

Made from the layers' own docstrings and the schema's comments by `python docs/generate_layers.py`; do not edit.
`netcli layers TYPE` prints the same. x is a bottom and y a top, dx and dy are their gradients; shapes are in Caffe's
order (N, C, H, W), and "..." stands for any further axes.

| type | does |
| --- | --- |
"""


def layer_reference() -> str:
    """The whole page."""
    types = layer_types()
    index = "".join(
        f"| [{name}](#{name.lower()}) | {summary_line(layer).replace('|', chr(92) + '|')} |\n"
        for name, layer in types.items()
    )
    sections = (f"\n## {name}\n\n```text\n{layer_text(layer)}\n```\n" for name, layer in types.items())
    return INTRODUCTION + index + "".join(sections)


if __name__ == "__main__":
    TARGET.write_text(layer_reference(), encoding="utf-8")
