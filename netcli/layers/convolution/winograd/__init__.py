"""Winograd's algorithm for convolutions of 3 x 3 windows at stride 1."""
