"""Layers without bottoms: where data enter the net."""
