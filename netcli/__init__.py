"""netcli trains, tests, times and checks nets that are written as Caffe prototxt."""

__version__ = "0.1.0"
