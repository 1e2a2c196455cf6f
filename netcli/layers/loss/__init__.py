"""Losses, and what they share: labels and normalisation."""
