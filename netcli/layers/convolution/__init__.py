"""Layers that multiply the inputs in sliding windows by weights, and what they have in common."""
