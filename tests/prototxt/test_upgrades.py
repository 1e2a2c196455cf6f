"""Old formats become what Caffe's own tools make of them, with positions and notes."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format

from netcli.errors import ConfigError
from netcli.prototxt import NetSource, SolverSource, load, parse_text, to_text, upgrade_text
from netcli.prototxt.upgrade_v0 import _HOMES, _SAME, _TRANSFORM, _TYPES
from netcli.prototxt.upgrade_v1 import V1_TYPES
from netcli.schema import caffe_pb2 as pb

RECORDED = Path(__file__).parents[1] / "data" / "upgrade"
NAMES = sorted(path.stem for path in RECORDED.glob("*.prototxt") if ".upgraded" not in path.name)


def net(text: str) -> NetSource:
    return NetSource.from_text(text, "f")


def only_layer(text: str) -> pb.LayerParameter:
    layers = net(text).param.layer
    assert len(layers) == 1
    return layers[0]


def layer(text: str) -> pb.LayerParameter:
    return text_format.Parse(text, pb.LayerParameter())


def refusals(text: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        net(text)
    return [(finding.code, str(finding.place)) for finding in caught.value.findings]


def test_there_is_something_recorded() -> None:
    assert len(NAMES) == 5


@pytest.mark.parametrize("name", NAMES)
def test_as_recorded_from_caffe(name: str) -> None:
    source = load(RECORDED / f"{name}.prototxt")
    kind = type(source.param)
    expected = text_format.Parse((RECORDED / f"{name}.upgraded.prototxt").read_text(), kind())
    assert source.param == expected
    assert source.notices
    assert {notice.severity for notice in source.notices} == {"note"}
    assert all(notice.place is not None and notice.place.line for notice in source.notices)


@pytest.mark.parametrize("name", NAMES)
def test_the_text_of_an_upgrade_is_modern(name: str) -> None:
    text = upgrade_text(RECORDED / f"{name}.prototxt")
    kind = type(load(RECORDED / f"{name}.prototxt").param)
    message, _, findings = parse_text(text, kind)
    assert findings == []
    assert message == text_format.Parse((RECORDED / f"{name}.upgraded.prototxt").read_text(), kind())


@pytest.mark.parametrize("name", NAMES)
def test_a_modern_file_is_left_as_it_is(name: str) -> None:
    source = load(RECORDED / f"{name}.upgraded.prototxt")
    assert source.notices == []


@pytest.mark.parametrize("name", [name for name in NAMES if "solver" not in name])
def test_binary_nets_are_upgraded_alike(name: str) -> None:
    old = text_format.Parse((RECORDED / f"{name}.prototxt").read_text(), pb.NetParameter())
    before = old.SerializeToString()
    source = NetSource.from_message(pb.NetParameter.FromString(before))
    assert source.param == load(RECORDED / f"{name}.upgraded.prototxt").param
    assert source.node is None
    assert [notice.place for notice in source.notices] == [None] * len(source.notices)
    assert old.SerializeToString() == before


class TestV1:
    def test_every_type_has_todays_name(self) -> None:
        assert set(V1_TYPES) == set(pb.V1LayerParameter.LayerType.keys()) - {"NONE"}
        for old, new in V1_TYPES.items():
            assert only_layer(f"layers {{ type: {old} }}").type == new
        assert not only_layer("layers { name: 'x' }").HasField("type")
        assert only_layer("layers { type: NONE }").type == ""

    def test_every_field_is_carried_over(self) -> None:
        replaced = {"layer", "type", "param", "blob_share_mode", "blobs_lr", "weight_decay"}
        for field in pb.V1LayerParameter.DESCRIPTOR.fields:
            if field.name in replaced:
                continue
            old = pb.V1LayerParameter()
            if field.message_type is not None:
                target = getattr(old, field.name)
                target.add() if hasattr(target, "add") else target.SetInParent()
            elif field.name == "name":
                old.name = "x"
            else:
                getattr(old, field.name).append(1 if field.name == "loss_weight" else "x")
            new = NetSource.from_message(pb.NetParameter(layers=[old])).param.layer[0]
            assert [(descriptor.name, str(value)) for descriptor, value in new.ListFields()] == [
                (descriptor.name, str(value)) for descriptor, value in old.ListFields()
            ]

    def test_params_of_different_lengths(self) -> None:
        old = "layers { param: 'w' blobs_lr: 1 blobs_lr: 2 weight_decay: 0 blob_share_mode: PERMISSIVE }"
        expected = "param { name: 'w' share_mode: PERMISSIVE lr_mult: 1 decay_mult: 0 } param { lr_mult: 2 }"
        assert only_layer(old) == layer(expected)

    def test_positions_of_params(self) -> None:
        source = net("layers {\n blobs_lr: 1\n blobs_lr: 2\n weight_decay: 3\n param: 'w' }")
        one = source.layers()[0]
        found = [
            one.place("param", 0),
            one.place("param", 0, "name"),
            one.place("param", 0, "lr_mult"),
            one.place("param", 0, "decay_mult"),
            one.place("param", 1, "lr_mult"),
            one.place("param", 1, "decay_mult"),
        ]
        assert [str(place) for place in found] == ["f:5:2", "f:5:9", "f:2:12", "f:4:16", "f:3:12", "f:3:2"]

    @pytest.mark.parametrize(
        ("old_type", "param"),
        [("DATA", "data_param"), ("IMAGE_DATA", "image_data_param"), ("WINDOW_DATA", "window_data_param")],
    )
    def test_transform_fields_move(self, old_type: str, param: str) -> None:
        text = f"layers {{ type: {old_type}\n{param} {{ batch_size: 1 scale: 2 crop_size: 3 mirror: true }} }}"
        source = net(text)
        new = source.layers()[0]
        assert new.param.transform_param == pb.TransformationParameter(scale=2, crop_size=3, mirror=True)
        assert [field.name for field, _ in getattr(new.param, param).ListFields()] == ["batch_size"]
        assert [notice.code for notice in source.notices] == ["NC051", "NC052"]
        place = new.place("transform_param", "crop_size")
        assert place is not None
        assert (place.line, text.splitlines()[1][place.column - 1]) == (2, "3")

    def test_transform_fields_join_those_that_are_there(self) -> None:
        text = "layers { type: DATA transform_param { mirror: true } data_param { scale: 2 } }"
        assert only_layer(text).transform_param == pb.TransformationParameter(mirror=True, scale=2)

    def test_other_layers_keep_their_scale(self) -> None:
        source = net("layers { type: RELU data_param { scale: 2 } }")
        assert source.param.layer[0].data_param.scale == 2

    def test_old_and_new_layers_together(self) -> None:
        assert refusals("layer { name: 'a' }\nlayers { name: 'b' }") == [("NC057", "f:2:1")]


class TestV0:
    def test_every_type_has_a_v1_name(self) -> None:
        for old, new in _TYPES.items():
            assert only_layer(f"layers {{ layer {{ type: '{old}' }} }}").type == V1_TYPES[new]

    def test_every_field_has_a_home_or_is_dropped_like_by_caffe(self) -> None:
        known = {"type", *_SAME, *_TRANSFORM, *_HOMES}
        fields = set(pb.V0LayerParameter.DESCRIPTOR.fields_by_name)
        assert fields - known == {"new_num", "new_channels"}

    def test_every_home_exists(self) -> None:
        v1 = pb.V1LayerParameter.DESCRIPTOR.fields_by_name
        for homes in _HOMES.values():
            for v0_type, (param, field) in homes.items():
                assert v0_type in _TYPES
                message = v1[param].message_type
                assert message is not None
                assert field in message.fields_by_name

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (
                "type: 'data' source: 's' batchsize: 4 cropsize: 5 mirror: true scale: 2 meanfile: 'm' rand_skip: 6",
                "type: 'Data' data_param { source: 's' batch_size: 4 rand_skip: 6 } "
                "transform_param { crop_size: 5 mirror: true scale: 2 mean_file: 'm' }",
            ),
            (
                "type: 'images' source: 's' batchsize: 4 shuffle_images: true new_height: 5 new_width: 6",
                "type: 'ImageData' "
                "image_data_param { source: 's' batch_size: 4 shuffle: true new_height: 5 new_width: 6 }",
            ),
            (
                "type: 'window_data' det_fg_threshold: 0.5 det_bg_threshold: 0.25 det_fg_fraction: 0.75 "
                "det_context_pad: 3 det_crop_mode: 'square'",
                "type: 'WindowData' window_data_param { fg_threshold: 0.5 bg_threshold: 0.25 fg_fraction: 0.75 "
                "context_pad: 3 crop_mode: 'square' }",
            ),
            (
                "type: 'lrn' local_size: 3 alpha: 1 beta: 2 k: 3",
                "type: 'LRN' lrn_param { local_size: 3 alpha: 1 beta: 2 k: 3 }",
            ),
            ("type: 'dropout' dropout_ratio: 0.25", "type: 'Dropout' dropout_param { dropout_ratio: 0.25 }"),
            ("type: 'concat' concat_dim: 0", "type: 'Concat' concat_param { concat_dim: 0 }"),
            ("type: 'infogain_loss' source: 'h'", "type: 'InfogainLoss' infogain_loss_param { source: 'h' }"),
            (
                "type: 'pool' pool: AVE pad: 1 kernelsize: 3 stride: 2",
                "type: 'Pooling' pooling_param { pool: AVE pad: 1 kernel_size: 3 stride: 2 }",
            ),
            (
                "type: 'hdf5_output' hdf5_output_param { file_name: 'f' }",
                "type: 'HDF5Output' hdf5_output_param { file_name: 'f' }",
            ),
            (
                "type: 'innerproduct' num_output: 3 biasterm: false blobs_lr: 1 blobs { num: 2 }",
                "type: 'InnerProduct' inner_product_param { num_output: 3 bias_term: false } "
                "param { lr_mult: 1 } blobs { num: 2 }",
            ),
        ],
    )
    def test_fields_find_their_homes(self, old: str, new: str) -> None:
        source = net(f"layers {{ bottom: 'b' top: 't' layer {{ {old} }} }}")
        assert list(source.param.layer) == [layer(f"bottom: 'b' top: 't' {new}")]
        assert [notice.code for notice in source.notices] == ["NC050"]

    def test_fields_that_mean_nothing_are_dropped_with_a_warning(self) -> None:
        source = net("layers { layer { name: 'r' type: 'relu'\n num_output: 3 new_num: 5 } }")
        assert source.param.layer[0] == layer("name: 'r' type: 'ReLU'")
        found = [(notice.code, notice.severity, str(notice.place)) for notice in source.notices]
        assert found == [("NC050", "note", "f:1:1"), ("NC056", "warning", "f:2:14"), ("NC056", "warning", "f:2:25")]

    def test_unknown_types_are_all_told(self) -> None:
        text = "layers { layer { type: 'convo' } }\nlayers { layer { type: 'xyzzy' } }"
        assert refusals(text) == [("NC060", "f:1:24"), ("NC060", "f:2:24")]

    def test_positions_of_what_padding_left(self) -> None:
        text = (
            "layers { layer { type: 'padding'\n pad: 2 }\n bottom: 'a' top: 'b' }\n"
            "layers { layer { type: 'conv' kernelsize: 3 } bottom: 'b' top: 'c' }"
        )
        source = net(text)
        conv = source.layers()[0]
        assert (list(conv.param.bottom), list(conv.param.convolution_param.pad)) == (["a"], [2])
        assert str(conv.place("convolution_param", "pad", 0)) == "f:2:7"
        assert str(conv.place("bottom", 0)) == "f:3:10"
        assert str(conv.place("convolution_param", "kernel_size")) == "f:4:43"
        assert "1 padding layer merged into the next" in source.notices[0].message

    @pytest.mark.parametrize(
        "text",
        [
            "layers { layer { type: 'padding' pad: 1 } bottom: 'a' top: 'b' }\n"
            "layers { layer { type: 'relu' } bottom: 'b' }",
            "layers { layer { type: 'padding' pad: 1 } bottom: 'a' bottom: 'z' top: 'b' }\n"
            "layers { layer { type: 'conv' } bottom: 'b' }",
        ],
        ids=["reader cannot pad", "two bottoms"],
    )
    def test_padding_that_cannot_be_merged(self, text: str) -> None:
        codes = refusals(text)
        assert [code for code, _ in codes] == ["NC061"]
        assert codes[0][1].startswith("f:2:")

    def test_a_blob_written_again_is_no_padding_any_more(self) -> None:
        text = (
            "layers { layer { type: 'padding' pad: 1 } bottom: 'a' top: 'b' }\n"
            "layers { layer { type: 'conv' } bottom: 'b' top: 'b' }\nlayers { layer { type: 'relu' } bottom: 'b' }"
        )
        assert [list(one.bottom) for one in net(text).param.layer] == [["a"], ["b"]]

    def test_v1_layers_beside_v0_layers(self) -> None:
        source = net("layers { layer { type: 'relu' } }\nlayers { type: TANH name: 't' }")
        assert [one.type for one in source.param.layer] == ["ReLU", "TanH"]


class TestInputs:
    def test_dims_in_fours(self) -> None:
        text = "input: 'a'\ninput: 'b'\n" + "".join(f"input_dim: {i}\n" for i in range(1, 9)) + "layer { name: 'x' }"
        source = net(text)
        first = source.layers()[0]
        shapes = "shape { dim: [1, 2, 3, 4] } shape { dim: [5, 6, 7, 8] }"
        assert first.param == layer(f"name: 'input' type: 'Input' top: 'a' top: 'b' input_param {{ {shapes} }}")
        assert str(first.place("input_param", "shape", 1, "dim", 2)) == "f:9:12"
        assert str(first.place("top", 1)) == "f:2:8"
        assert str(source.layers()[1].place()) == "f:11:1"
        assert (len(source.param.input), len(source.param.input_dim)) == (0, 0)

    @pytest.mark.parametrize(
        "text",
        [
            "input: 'a'",
            "input: 'a' input_dim: 1 input_dim: 2",
            "input: 'a' input: 'b' input_shape { dim: 1 }",
            "input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4",
            "input_shape { dim: 1 }",
        ],
    )
    def test_shapes_that_do_not_fit(self, text: str) -> None:
        assert [code for code, _ in refusals(text)] == ["NC059"]

    def test_weights_need_no_shapes(self) -> None:
        source = NetSource.from_message(pb.NetParameter(input=["data"], layer=[pb.LayerParameter(name="x")]))
        assert [one.name for one in source.param.layer] == ["x"]
        assert [(notice.code, notice.severity) for notice in source.notices] == [("NC059", "warning")]


class TestTodaysLayers:
    def test_batch_norm(self) -> None:
        source = net("layer { type: 'BatchNorm' param { name: 'm' lr_mult: 1 } param { } param { lr_mult: 0 } }")
        expected = "param { name: 'm' lr_mult: 0 decay_mult: 0 }" + "param { lr_mult: 0 decay_mult: 0 }" * 2
        assert source.param.layer[0] == layer("type: 'BatchNorm' " + expected)
        assert [notice.code for notice in source.notices] == ["NC054"]

    @pytest.mark.parametrize(
        "text",
        [
            "layer { type: 'BatchNorm' }",
            "layer { type: 'BatchNorm' param { lr_mult: 1 } }",
            "layer { type: 'Scale' param { } param { } param { } }",
            "layer { type: 'BatchNorm' " + "param { lr_mult: 0 decay_mult: 0 } " * 3 + "}",
        ],
    )
    def test_what_is_no_old_batch_norm(self, text: str) -> None:
        source = net(text)
        assert source.notices == []
        assert source.param.layer[0] == text_format.Parse(text, pb.NetParameter()).layer[0]

    def test_ignored_transform_fields_are_warned_of(self) -> None:
        source = net("layer { name: 'd' type: 'Data' data_param {\n scale: 2\n mirror: true } }")
        found = [(notice.code, notice.severity, notice.layer, str(notice.place)) for notice in source.notices]
        assert found == [("NC058", "warning", "d", "f:2:2"), ("NC058", "warning", "d", "f:3:2")]
        assert source.param.layer[0].data_param.scale == 2


class TestSolvers:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            *(("SGD", "SGD"), ("NESTEROV", "Nesterov"), ("ADAGRAD", "AdaGrad"), ("RMSPROP", "RMSProp")),
            *(("ADADELTA", "AdaDelta"), ("ADAM", "Adam"), ("3", "RMSProp")),
        ],
    )
    def test_types(self, old: str, new: str) -> None:
        source = SolverSource.from_text(f"solver_type: {old}")
        assert source.param == pb.SolverParameter(type=new)

    def test_both_types(self) -> None:
        with pytest.raises(ConfigError) as caught:
            SolverSource.from_text('type: "SGD"\nsolver_type: ADAM', "f")
        assert (caught.value.code, str(caught.value.findings[0].place)) == ("NC062", "f:2:14")

    def test_files_stay_and_nets_inside_are_upgraded(self, tmp_path: Path) -> None:
        path = tmp_path / "solver.prototxt"
        path.write_text('train_net: "no/such/file"\ntest_net_param { layers { type: RELU } }\n# gone\n')
        text = upgrade_text(path)
        assert text == 'train_net: "no/such/file"\ntest_net_param {\n  layer {\n    type: "ReLU"\n  }\n}\n'


def test_a_net_is_written_in_the_order_of_the_schema() -> None:
    assert to_text(net("layers { type: RELU } name: 'n'").param) == 'name: "n"\nlayer {\n  type: "ReLU"\n}\n'
