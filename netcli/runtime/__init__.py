"""Blobs and the machine: memory, lanes, threads, random streams, and how kernels are compiled."""
