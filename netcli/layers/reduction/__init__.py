"""Layers that make one or a few values of many."""
