"""Nets as ONNX: a registry of layer types, one module for each family, and the model that they fill."""
