"""Layers that give the same values another shape or order, or repeat or leave out some; they need no kernels."""
