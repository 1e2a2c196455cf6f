"""``caffe.Classifier``: images in, class probabilities out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.pycaffe.io import Transformer, oversample, resize_image
from netcli.pycaffe.modes import TEST
from netcli.pycaffe.net import Net, PathName


class Classifier(Net):
    """A net for phase TEST with one input, which scales and crops images itself.

    Args:
        model_file, pretrained_file: the net and its weights.
        image_dims: (height, width) that images are resized to before they are cropped; by default the
            input's, so that nothing is cropped.
        mean, input_scale, raw_scale, channel_swap: see ``caffe.io.Transformer``.

    Attributes:
        transformer: from images to the input's arrays.
        crop_dims: (height, width) of the input.
        image_dims: as given.
    """

    def __init__(
        self,
        model_file: PathName,
        pretrained_file: PathName,
        image_dims: Sequence[int] | None = None,
        mean: np.ndarray | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file)
        self.transformer = input_transformer(self, mean, input_scale, raw_scale, channel_swap)
        self.crop_dims = np.array(self.blobs[self.inputs[0]].shape[2:])
        self.image_dims = self.crop_dims if image_dims is None else np.array(image_dims)

    # pycaffe's own name for the switch hides the function here.
    def predict(self, inputs: Sequence[np.ndarray], oversample: bool = True) -> np.ndarray:
        """The net's first output for each image.

        Args:
            inputs: (H, W, K) images, of any sizes.
            oversample: average over ten crops (corners and centre, mirrored too), else take the centre only.

        Returns:
            (images, classes).
        """
        images = np.array([resize_image(image, tuple(self.image_dims)) for image in inputs])
        if oversample:
            images = _ten_crops(images, self.crop_dims)
        else:
            top, left = (int(size) for size in self.image_dims / 2 - self.crop_dims / 2)
            height, width = self.crop_dims
            images = images[:, top : top + height, left : left + width]
        name = self.inputs[0]
        outputs = self.forward_all(**{name: np.array([self.transformer.preprocess(name, image) for image in images])})
        predictions = outputs[self.outputs[0]]
        if oversample:
            predictions = predictions.reshape(len(inputs), 10, -1).mean(axis=1)
        return predictions


def _ten_crops(images: np.ndarray, crop_dims: np.ndarray) -> np.ndarray:
    return oversample(list(images), tuple(crop_dims))


def input_transformer(
    net: Net,
    mean: np.ndarray | None,
    input_scale: float | None,
    raw_scale: float | None,
    channel_swap: Sequence[int] | None,
) -> Transformer:
    """The transformer of (H, W, K) images for the first input of ``net``, with what is not None set."""
    name = net.inputs[0]
    transformer = Transformer({name: net.blobs[name].shape})
    transformer.set_transpose(name, (2, 0, 1))
    if mean is not None:
        transformer.set_mean(name, mean)
    if input_scale is not None:
        transformer.set_input_scale(name, input_scale)
    if raw_scale is not None:
        transformer.set_raw_scale(name, raw_scale)
    if channel_swap is not None:
        transformer.set_channel_swap(name, channel_swap)
    return transformer
