"""Layers of type ImageData: from ``image_data_param`` to a feed over the files of a list."""

from __future__ import annotations

from netcli.data.image_decoding import Colour
from netcli.data.image_files import ImageFiles
from netcli.data.image_list import find_root, read_image_list
from netcli.data.image_reader import ImageReader
from netcli.data.item_feed import ItemFeed
from netcli.data.item_order import ItemOrder
from netcli.data.layer_files import LayerFiles
from netcli.data.stream_feed import StreamFeed
from netcli.data.transform import Transform, transformed_shape
from netcli.errors import ConfigError, NetcliError
from netcli.layers.feeding import ItemShapes
from netcli.schema import caffe_pb2 as pb


def image_shapes(files: LayerFiles) -> ItemShapes | None:
    """Shapes of an item, or None where only absent images could tell: resized or cropped ones need not be there.

    Raises:
        ConfigError: NC215 a crop larger than the images, NC126 one of new_height and new_width without the other.
        RunError: NC2xx, the first image is needed and cannot be read.
    """
    layer = files.layer
    stored = known_shape(layer)
    if stored is None:
        try:
            path = files.find(layer.image_data_param.source)
        except NetcliError:
            return None
        stored = _images(files).shape if path.is_file() else None
        if stored is None:
            return None
    shape = transformed_shape(layer.transform_param, stored)
    return (shape, ()) if len(layer.top) > 1 else (shape,)


def open_image_feed(files: LayerFiles, phase: int) -> StreamFeed | ItemFeed:
    """The feed of a layer with ``image_data_param`` and, perhaps, ``transform_param``.

    With a batch size of 1 and neither resizing nor cropping the images may have any sizes.

    Raises:
        ConfigError: NC001 no such list, NC215 contradictory transform, NC126 half a size.
        RunError: NC2xx, the list or its first image cannot be read.
    """
    layer = files.layer
    images = _images(files)
    transform = Transform(layer.transform_param, phase, images.shape, files.mean(), files.draws("transform"))
    settings = layer.image_data_param
    order = ItemOrder(len(images), files.seed, f"shuffle of {layer.name}", shuffle=settings.shuffle)
    reader = ImageReader(images, transform, order, labelled=len(layer.top) > 1, skipped=files.skipped)
    batch_size, first = max(1, settings.batch_size), files.first(settings.rand_skip)
    if batch_size == 1 and known_shape(layer) is None:
        return ItemFeed(reader, first=first)
    return StreamFeed(reader, batch_size=batch_size, depth=files.depth, first=first)


def known_shape(layer: pb.LayerParameter) -> tuple[int, int, int] | None:
    """(C, H, W) of the images before the transform, as far as the settings tell.

    Of images that are only cropped it is the least size that they may have.
    """
    channels = 3 if layer.image_data_param.is_color else 1
    crop = int(layer.transform_param.crop_size)
    size = resized(layer) or ((crop, crop) if crop and not layer.transform_param.HasField("mean_file") else None)
    return (channels, *size) if size else None


def resized(layer: pb.LayerParameter) -> tuple[int, int] | None:
    """(height, width) to resize to, None for no resizing. Raises ConfigError NC126 where only one is given."""
    height, width = layer.image_data_param.new_height, layer.image_data_param.new_width
    if bool(height) != bool(width):
        raise ConfigError.of(
            "NC126",
            "new_height and new_width belong together",
            expected="both, or neither",
            actual=f"new_height {height}, new_width {width}",
        )
    return (height, width) if height else None


def _images(files: LayerFiles) -> ImageFiles:
    layer = files.layer
    settings = layer.image_data_param
    path = files.find(settings.source)
    listed = read_image_list(path, labelled=len(layer.top) > 1)
    return ImageFiles(
        listed,
        path,
        root=find_root(settings.root_folder, listed, files.beside(path)),
        colour=Colour.COLOUR if settings.is_color else Colour.GRAY,
        size=resized(layer),
        shape=known_shape(layer),
        tolerant=files.skipped is not None,
    )
