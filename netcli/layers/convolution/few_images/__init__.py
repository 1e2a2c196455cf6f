"""Windowed products of a batch that would leave most lanes empty."""
