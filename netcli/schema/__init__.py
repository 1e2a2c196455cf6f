"""Caffe's messages, compiled from proto/caffe.proto: same names, numbers, types and defaults."""
