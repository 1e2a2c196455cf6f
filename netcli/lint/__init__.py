"""Warnings about nets and solvers that are valid and still probably not what was meant.

Each rule is a function from a ``Subject`` to findings NC3xx, without memory, data or a device. A comment in the
prototxt switches one off, see ``suppression``.
"""
