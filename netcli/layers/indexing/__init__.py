"""Layers that pick or place by numbers that come with the data: indices, selectors, labels."""
