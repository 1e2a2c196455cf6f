"""Layers that carry blobs on without computing."""
