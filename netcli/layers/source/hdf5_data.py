"""HDF5Data: rows of the datasets that bear the tops' names, in HDF5 files that a list names.

No bottoms -> for each top (batch_size, *shape of a row), of any number of axes; nothing is transformed. Every file
has one dataset for each top, and those of one file have as many rows. Source: Caffe's hdf5_data_layer.
"""

from __future__ import annotations

from netcli.layers.registry import register
from netcli.layers.source.fed_layer import FedLayer


@register("HDF5Data", v1="HDF5_DATA", param="hdf5_data_param", bottoms=0, tops=(1, None), no_gradient="it makes data")
class HDF5Data(FedLayer):
    """The next rows, file by file; with ``shuffle`` files, and rows within a file, in a new order in each epoch."""
