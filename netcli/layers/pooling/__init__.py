"""Pooling: one value for each window."""
