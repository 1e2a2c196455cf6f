"""``caffe.Detector``: class probabilities of windows of images, as R-CNN has them.

A window is (ymin, xmin, ymax, xmax) in pixels. With ``context_pad`` p each window is enlarged, about its centre, so
that after it has been warped to the input's S x S the original window fills all but p pixels on every side: by
S / (S - 2 p). What of it lies outside of the image is filled with the mean, so that it is zero in the net.
Source: Girshick et al., Rich Feature Hierarchies for Accurate Object Detection (R-CNN), section 2 and appendix A.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from netcli.errors import RunError
from netcli.pycaffe.classifier import input_transformer
from netcli.pycaffe.io import load_image, resize_image
from netcli.pycaffe.modes import TEST
from netcli.pycaffe.net import Net, PathName

Window = Sequence[float] | np.ndarray


class Detector(Net):
    """A net for phase TEST with one input, which cuts windows from images itself.

    Args:
        model_file, pretrained_file: the net and its weights.
        mean, input_scale, raw_scale, channel_swap: see ``caffe.io.Transformer``.
        context_pad: pixels of the input that show what is around a window.

    Attributes:
        transformer: from images to the input's arrays.
        crop_dims: (height, width, channels) of a crop.
        crop_mean: the mean as such a crop, before any scaling; zeros without context.
    """

    def __init__(
        self,
        model_file: PathName,
        pretrained_file: PathName,
        mean: np.ndarray | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
        context_pad: int | None = None,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file)
        self.transformer = input_transformer(self, mean, input_scale, raw_scale, channel_swap)
        self.configure_crop(context_pad)

    def configure_crop(self, context_pad: int | None) -> None:
        """Sets how much of what is around a window is shown, and how that is filled beyond the image."""
        name = self.inputs[0]
        channels, height, width = self.blobs[name].shape[1:]
        self.context_pad = context_pad
        self.crop_dims = np.array((height, width, channels))
        self.crop_mean = np.zeros(self.crop_dims, np.float32)
        if context_pad and name in self.transformer.mean:
            # Of an input that is the mean, nothing is left: so it is made from the input 0.
            self.crop_mean += self.transformer.deprocess(name, np.zeros((channels, height, width), np.float32)).reshape(
                self.crop_dims
            )

    def detect_windows(self, images_windows: Iterable[tuple[PathName, Iterable[Window]]]) -> list[dict[str, Any]]:
        """The net's first output for each window.

        Args:
            images_windows: pairs of an image file and its windows.

        Returns:
            A dict for each window, in order: "window", "prediction" and "filename".

        Raises:
            RunError: NC206 without OpenCV, NC589 for an unreadable image or a window outside of it.
        """
        name = self.inputs[0]
        found: list[dict[str, Any]] = []
        crops = []
        for filename, windows in images_windows:
            image = load_image(filename)
            for window in windows:
                crops.append(self.transformer.preprocess(name, self.crop(image, window)))
                found.append({"window": window, "filename": filename})
        if not crops:
            return []
        predictions = self.forward_all(**{name: np.array(crops)})[self.outputs[0]]
        for detection, prediction in zip(found, predictions.reshape(len(crops), -1), strict=True):
            detection["prediction"] = prediction
        return found

    def detect_selective_search(self, image_fnames: Sequence[PathName]) -> list[dict[str, Any]]:
        """``detect_windows`` of what selective search proposes.

        Raises:
            RunError: NC540 without the package selective_search_ijcv_with_python, which needs MATLAB.
        """
        try:
            search = importlib.import_module("selective_search_ijcv_with_python")
        except ImportError:
            raise RunError.of(
                "NC540",
                "detect_selective_search() needs the package selective_search_ijcv_with_python",
                hint="give windows of your own to detect_windows()",
            ) from None
        names = [str(name) for name in image_fnames]
        return self.detect_windows(list(zip(names, search.get_windows(names), strict=True)))

    def crop(self, im: np.ndarray, window: Window) -> np.ndarray:
        """What ``window`` shows of ``im`` (H, W, K); with context, of the size of the input.

        Raises:
            RunError: NC589 for a window outside of the image.
        """
        box = np.round(np.asarray(window, float))
        if not self.context_pad:
            return im[_inside(box, im.shape)]
        size = self.blobs[self.inputs[0]].width
        box = _enlarged(box, size / (size - 2 * self.context_pad))
        scale = size / (box[2:] - box[:2] + 1)
        pad = np.minimum(np.round(np.maximum(0, -box[:2]) * scale).astype(int), size - 1)
        visible = im[_inside(box, im.shape)]
        clipped = np.clip(box, 0, np.tile(im.shape[:2], 2))
        wanted = np.round((clipped[2:] - clipped[:2] + 1) * scale).astype(int)
        height, width = np.clip(wanted, 1, size - pad)
        crop = self.crop_mean.copy()
        crop[pad[0] : pad[0] + height, pad[1] : pad[1] + width] = resize_image(visible, (height, width))
        return crop


def _enlarged(box: np.ndarray, scale: float) -> np.ndarray:
    """``box`` times ``scale`` about its centre, in whole pixels."""
    half = (box[2:] - box[:2] + 1) / 2
    centre = box[:2] + half
    return np.round(np.concatenate([centre - scale * half, centre + scale * half]))


def _inside(box: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The part of ``box`` that is in an image of ``shape``."""
    y0, x0, y1, x1 = np.clip(box, 0, np.tile(shape[:2], 2)).astype(int)
    if y0 >= y1 or x0 >= x1:
        raise RunError.of(
            "NC589", "a window shows nothing of the image",
            expected=f"(ymin, xmin, ymax, xmax) within {shape[:2]}", actual=tuple(box.tolist()),
        )  # fmt: skip
    return slice(y0, y1), slice(x0, x1)
