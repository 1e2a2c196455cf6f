"""ImageData: images from files that a list names, one a line: path, space, label.

No bottoms -> data: (batch_size, C, H, W) after resizing and the transform, labels: (batch_size,); C is 3 (blue,
green, red) or, with ``is_color: false``, 1. Source: Caffe's image_data_layer.
"""

from __future__ import annotations

from netcli.layers.registry import register
from netcli.layers.source.fed_layer import FedLayer


@register(
    "ImageData",
    v1="IMAGE_DATA",
    param="image_data_param",
    bottoms=0,
    tops=(1, 2),
    no_gradient="it makes data",
    reads=("transform_param",),
)
class ImageData(FedLayer):
    """The next images of the list, in its order or, with ``shuffle``, in a new one in each epoch."""
