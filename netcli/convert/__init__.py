"""Weights and solver states in files: Caffe's binary formats and their HDF5 twins."""
