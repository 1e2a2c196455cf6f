"""What a user names as a data set: an LMDB's folder, a built-in set, or an image list."""

from __future__ import annotations

from pathlib import Path

from netcli.data.builtin import Progress, builtin_source, is_builtin
from netcli.data.image_decoding import Colour
from netcli.data.image_files import ImageFiles
from netcli.data.image_list import find_root, read_image_list
from netcli.data.image_reader import Images
from netcli.data.lmdb_images import LmdbImages
from netcli.data.lmdb_source import LmdbSource


def open_images(source: str, *, root: str = "", progress: Progress | None = None) -> Images:
    """Opens a data set as it is stored, even if some of its items cannot be read.

    Args:
        source: a folder with an LMDB, "builtin:digits/train" and its kin, or a list of image files.
        root: stands before each path of a list.
        progress: told how far a built-in set is that has to be made first.

    Raises:
        ConfigError: NC208, no such built-in set.
        RunError: NC200 no such source, NC2xx it cannot be read.
    """
    if is_builtin(source):
        return LmdbImages(LmdbSource(builtin_source(source, progress)))
    path = Path(source)
    if path.is_file():
        listed = read_image_list(path, labelled=False)
        found = find_root(root, listed, [path.absolute().parent])
        return ImageFiles(listed, path, root=found, colour=Colour.STORED, tolerant=True)
    return LmdbImages(LmdbSource(path, tolerant=True))
