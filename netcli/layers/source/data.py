"""Data: batches of images and labels from a database (LMDB) or a built-in set.

No bottoms -> data: (batch_size, C, H, W) after the transform, and on request labels: (batch_size,).
Source: Caffe's data_layer.
"""

from __future__ import annotations

from netcli.layers.registry import register
from netcli.layers.source.fed_layer import FedLayer


@register(
    "Data",
    v1="DATA",
    param="data_param",
    bottoms=0,
    tops=(1, 2),
    no_gradient="it makes data",
    reads=("transform_param",),
)
class Data(FedLayer):
    """The next items of the database, in the order of its keys."""
