"""Layers that put blobs together, side by side or element by element, and that take them apart."""
