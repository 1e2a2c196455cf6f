"""Layers that users write in Python, against pycaffe's interface."""
