"""Layers that change height and width, each output being a weighted sum of inputs."""
