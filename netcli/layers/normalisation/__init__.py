"""Layers that shift and scale: by statistics of their input, or by coefficients along some of its axes."""
