"""Data layers against what Caffe gave for the same files, made by its convert_imageset and compute_image_mean."""

from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from netcli.data.feed import Feeds
from netcli.schema import caffe_pb2 as pb

FOLDER = Path(__file__).parents[1] / "data" / "datasets"

# Caffe decoded with another JPEG library, which may differ by one grey level.
TOLERANCE = {"lmdb_encoded": 1.01, "image_data": 1.01 / 128, "image_data_gray": 1.01}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.prototxt")), ids=lambda path: path.stem)
def test_batches_agree_with_caffe(path):
    layer = text_format.Parse(path.read_text(), pb.NetParameter()).layer[0]
    recorded = np.load(path.with_suffix(".npz"))
    tolerance = TOLERANCE.get(path.stem, 1e-4)
    feeds = Feeds(str(path))
    feed = feeds.open(layer, pb.TEST)
    assert feeds.shapes(layer) == feed.shapes
    batch_size = max(layer.data_param.batch_size, layer.hdf5_data_param.batch_size, layer.image_data_param.batch_size)
    data, labels = (np.empty((batch_size, *shape), np.float32) for shape in feed.shapes)
    for i in range(4):
        feed.next_batch([data, labels])
        np.testing.assert_array_equal(labels.ravel(), recorded[f"label/{i}"].ravel())
        if "strided" in recorded:
            rows, columns = recorded["strided"]
            np.testing.assert_allclose(data[:, :, ::rows, ::columns], recorded[f"data/{i}"], atol=tolerance)
            mean_error = (data.sum((2, 3), dtype=np.float64) - recorded[f"data_sum/{i}"]) / data[0, 0].size
            np.testing.assert_allclose(mean_error, 0, atol=tolerance)
        else:
            np.testing.assert_allclose(data, recorded[f"data/{i}"], atol=tolerance)
    feed.close()


def test_all_recordings_are_there():
    assert len(list(FOLDER.glob("*.prototxt"))) == 8
