"""Losses over the distances of feature vectors."""
