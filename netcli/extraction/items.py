"""The items of a set in its own order, each once, with their names: what features are made of.

A set is what the net's data layer reads, or whatever else the user names: then it is read with that layer's transform
and image size. Nothing is shuffled, skipped or mirrored at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netcli.data.builtin import is_builtin
from netcli.data.feed import Feeds
from netcli.data.image_decoding import Colour
from netcli.data.image_feed import known_shape, resized
from netcli.data.image_files import ImageFiles
from netcli.data.image_list import ListedImage, find_root, read_image_list
from netcli.data.image_reader import ImageReader
from netcli.data.item_order import ItemOrder
from netcli.data.layer_files import LayerFiles
from netcli.data.lmdb_feed import locate_database
from netcli.data.lmdb_source import LmdbSource, stored_keys
from netcli.data.stream_feed import StreamFeed
from netcli.data.transform import Transform
from netcli.errors import ConfigError, RunError
from netcli.layers.feeding import Feed
from netcli.prototxt import LayerSource
from netcli.schema import caffe_pb2 as pb

CHUNK = 64
"""Images that a thread decodes at a time."""


@dataclass(frozen=True)
class ImageSet:
    """Images by their paths. ``path`` names the file that lists them, ``root`` stands before each."""

    images: list[ListedImage]
    path: Path
    root: str = ""


@dataclass(frozen=True)
class Pixels:
    """What happens to pixels, where it is not as the data layer says: ``(pixel - mean) * scale``."""

    mean: tuple[float, ...] | None = None
    scale: float | None = None


@dataclass(frozen=True)
class Items:
    """A set to extract from.

    Attributes:
        feed: gives the arrays of each item; closed by whoever has this.
        names: of the items: paths as listed, keys of an LMDB, numbers of rows.
        tops: what the feed gives. label: which of them holds the labels; None without labels.
    """

    feed: Feed
    names: list[str]
    tops: list[str]
    label: int | None


def open_items(
    data: LayerSource,
    anchor: str | None,
    source: str | ImageSet | None = None,
    root: str = "",
    pixels: Pixels | None = None,
) -> Items:
    """Opens the set that ``data`` reads, or ``source`` as ``data`` would read it.

    Args:
        data: a layer of type Input, Data, ImageData or HDF5Data.
        anchor: the prototxt, against whose folder relative paths are tried.
        source: an image list, an LMDB, a built-in set or images; None for the layer's own.
        root: stands before the paths of an image list.
        pixels: mean and scale instead of those of the layer.

    Raises:
        ConfigError: NC556, an Input reads nothing, or takes no images; NC132, items of another shape than the Input.
        RunError: NC2xx, the set cannot be read.
    """
    layer = pb.LayerParameter()
    layer.CopyFrom(data.param)
    _apply(pixels or Pixels(), layer.transform_param)
    if source is None:
        if layer.type == "Input":
            raise ConfigError.of(
                "NC556", "the net reads no set of its own", place=data.place(), layer=layer.name, layer_type="Input",
                hint="pass --source with an image list or an LMDB",
            )  # fmt: skip
        items = _own_items(layer, anchor, root)
    else:
        items = _other_items(layer, anchor, source, root)
    _check_shape(data, items)
    return items


def _own_items(layer: pb.LayerParameter, anchor: str | None, root: str) -> Items:
    files = LayerFiles(layer, anchor)
    if layer.type == "ImageData":
        path = files.find(layer.image_data_param.source)
        listed = read_image_list(path, labelled=False)
        with files.named():
            found = find_root(root or layer.image_data_param.root_folder, listed, files.beside(path))
        return _listed_items(files, ImageSet(listed, path, found))
    if layer.type == "Data":
        return _stored_items(files)
    layer.hdf5_data_param.shuffle = False
    feed = Feeds(anchor).open(layer, pb.TEST)
    assert feed.size is not None
    tops = list(layer.top)
    label = next((index for index, top in enumerate(tops) if top == "label" and feed.shapes[index] in ((), (1,))), None)
    return Items(feed, [str(row) for row in range(feed.size)], tops, label)


def _other_items(layer: pb.LayerParameter, anchor: str | None, source: str | ImageSet, root: str) -> Items:
    """``source`` in place of what ``layer`` reads."""
    if isinstance(source, ImageSet):
        found = find_root(source.root, source.images, [source.path.absolute().parent])
        return _listed_items(
            LayerFiles(_image_layer(layer, anchor), anchor), ImageSet(source.images, source.path, found)
        )
    if layer.type == "HDF5Data":
        layer.hdf5_data_param.source = source
        return _own_items(layer, anchor, root)
    path = Path(source)
    if is_builtin(source) or path.is_dir():
        stored = pb.LayerParameter(name=layer.name, type="Data", top=layer.top)
        stored.transform_param.CopyFrom(layer.transform_param)
        stored.data_param.source = source
        stored.data_param.backend = pb.DataParameter.LMDB
        return _stored_items(LayerFiles(stored, anchor))
    listed = read_image_list(path, labelled=False)
    return _other_items(layer, anchor, ImageSet(listed, path, root), root)


def _listed_items(files: LayerFiles, images: ImageSet) -> Items:
    layer = files.layer
    colour = Colour.COLOUR if layer.image_data_param.is_color else Colour.GRAY
    stored = ImageFiles(
        images.images, images.path, root=images.root, colour=colour, size=resized(layer), shape=known_shape(layer)
    )
    transform = Transform(layer.transform_param, pb.TEST, stored.shape, files.mean(), files.draws("transform"))
    labelled = all(image.label is not None for image in images.images)
    order = ItemOrder(len(stored), 0, "", shuffle=False)
    reader = ImageReader(stored, transform, order, labelled=labelled)
    feed = StreamFeed(reader, batch_size=CHUNK, depth=files.depth)
    tops = [layer.top[0], *(_label_top(layer) if labelled else ())]
    return Items(feed, [image.path for image in images.images], tops, 1 if labelled else None)


def _stored_items(files: LayerFiles) -> Items:
    layer = files.layer
    path = locate_database(files)
    with LmdbSource(path) as database:
        labelled = database.labelled
    tops = [layer.top[0], *(_label_top(layer) if labelled else ())]
    del layer.top[:]
    layer.top.extend(tops)
    layer.data_param.ClearField("rand_skip")
    layer.data_param.batch_size = CHUNK
    feed = Feeds(files.anchor).open(layer, pb.TEST)
    return Items(feed, stored_keys(path), tops, 1 if labelled else None)


def _label_top(layer: pb.LayerParameter) -> tuple[str]:
    return (layer.top[1] if len(layer.top) > 1 else "label",)


def _image_layer(layer: pb.LayerParameter, anchor: str | None) -> pb.LayerParameter:
    """An ImageData with the transform and the image size of ``layer``, as far as it tells one."""
    if layer.type == "ImageData":
        return layer
    made = pb.LayerParameter(name=layer.name, type="ImageData", top=layer.top)
    made.transform_param.CopyFrom(layer.transform_param)
    shape: tuple[int, ...] | None
    if layer.type == "Input":
        shape = tuple(layer.input_param.shape[0].dim[1:]) if layer.input_param.shape else None
    else:
        shapes = Feeds(anchor).shapes(layer)
        shape = shapes[0] if shapes else None
    if shape is None:
        return made
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ConfigError.of(
            "NC556", "the net takes no images", layer=layer.name, layer_type=layer.type,
            expected="1 or 3 channels x height x width", actual=" x ".join(map(str, shape)) or "one number",
        )  # fmt: skip
    made.image_data_param.is_color = shape[0] == 3
    if not layer.transform_param.crop_size:
        made.image_data_param.new_height, made.image_data_param.new_width = shape[1:]
    return made


def _apply(pixels: Pixels, transform: pb.TransformationParameter) -> None:
    if pixels.mean is not None:
        transform.ClearField("mean_file")
        del transform.mean_value[:]
        transform.mean_value.extend(pixels.mean)
    if pixels.scale is not None:
        transform.scale = pixels.scale


def _check_shape(data: LayerSource, items: Items) -> None:
    """Raises RunError NC132 where an Input declares another shape than the items have."""
    param = data.param
    if param.type != "Input" or not param.input_param.shape:
        return
    declared = tuple(param.input_param.shape[0].dim[1:])
    if items.feed.shapes[0] != declared:
        actual = items.feed.shapes[0]
        items.feed.close()
        raise RunError.of(
            "NC132", f"the data for '{param.top[0]}' have another shape than the net", place=data.place(),
            layer=param.name, layer_type=param.type, expected=declared, actual=actual,
        )  # fmt: skip
