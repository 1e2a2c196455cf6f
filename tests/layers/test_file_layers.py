"""What the file-backed layers refuse when the net is planned, and that they work in a net."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from google.protobuf import text_format
from oracle_source import counting_feeds

from netcli.data.feed import Feeds
from netcli.errors import ConfigError
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.registry import layer_types
from netcli.net import Net
from netcli.prototxt import LayerSource, NetSource
from netcli.schema import caffe_pb2 as pb

WINDOWS = "type: 'WindowData' top: 'd' top: 'l' "


def made(text: str) -> Layer:
    param = text_format.Parse(f"name: 'x' {text}", pb.LayerParameter())
    return layer_types()[param.type](LayerSource(param, None), LayerContext(feeds=counting_feeds((3, 8, 8))))


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("type: 'HDF5Data' top: 'a' hdf5_data_param { source: 'l' }", "NC120", "batch_size is missing"),
        ("type: 'ImageData' top: 'a' image_data_param { batch_size: 0 }", "NC121", "batch_size is out of range"),
        (WINDOWS + "window_data_param { batch_size: 2 }", "NC120", "crop_size is missing"),
        (WINDOWS + "window_data_param { } transform_param { crop_size: 8 }", "NC120", "batch_size is missing"),
        (
            WINDOWS + "window_data_param { batch_size: 2 crop_mode: 'round' } transform_param { crop_size: 8 }",
            "NC121",
            "unknown crop_mode, expected warp or square, actual round",
        ),
        (
            WINDOWS + "window_data_param { batch_size: 2 fg_fraction: 1.5 } transform_param { crop_size: 8 }",
            "NC121",
            "expected 0 to 1, actual 1.5",
        ),
        (
            WINDOWS + "window_data_param { batch_size: 2 context_pad: 4 } transform_param { crop_size: 8 }",
            "NC121",
            "expected less than 8 / 2, actual 4",
        ),
    ],
)
def test_settings_that_do_not_fit(text: str, code: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(text).setup([])
    assert caught.value.code == code
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "shapes", "code"),
    [("", [(2, 3), (2,)], "NC120"), ("hdf5_output_param { file_name: 'o' }", [(2, 3), (3,)], "NC124")],
)
def test_output_that_does_not_fit(settings: str, shapes: list[tuple[int, ...]], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(f"type: 'HDF5Output' bottom: 'a' bottom: 'b' {settings}").setup(shapes)
    assert caught.value.code == code


def test_rows_go_through_a_net_into_a_file(tmp_path: Path) -> None:
    values, labels = np.random.default_rng(0).random((5, 3), np.float32), np.arange(5, dtype=np.float32)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["data"], file["label"] = values, labels
    (tmp_path / "list.txt").write_text("in.h5\n")
    text = f"""
        layer {{ name: "in" type: "HDF5Data" top: "data" top: "label"
          hdf5_data_param {{ source: "{tmp_path}/list.txt" batch_size: 2 }} }}
        layer {{ name: "double" type: "Power" bottom: "data" top: "double" power_param {{ scale: 2 }} }}
        layer {{ name: "out" type: "HDF5Output" bottom: "double" bottom: "label"
          hdf5_output_param {{ file_name: "{tmp_path}/out.h5" }} }}
    """
    net = Net(NetSource.from_text(text), pb.TEST, feeds=Feeds(), seed=0)
    for _ in range(3):
        net.forward()
    net.close()
    order = np.arange(6) % 5
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["data"].shape == (6, 3, 1, 1)
        np.testing.assert_array_equal(file["data"][:, :, 0, 0], 2 * values[order])
        np.testing.assert_array_equal(file["label"][:, 0, 0, 0], labels[order])
