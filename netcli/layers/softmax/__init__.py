"""Softmax over any axis."""
