"""The schema has Caffe's messages, fields, numbers, labels, types, defaults and enum values, and marks what is new."""

from __future__ import annotations

import csv
import importlib.util
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from netcli.schema import caffe_pb2 as pb
from netcli.schema import generate

TABLE = Path(__file__).parents[1] / "data" / "caffe_schema.csv"
PRIVATE_NUMBERS = {("LayerParameter", "swish_param"): 10147}


def schema_file() -> descriptor_pb2.FileDescriptorProto:
    message = descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(message)
    return message


def rows(kind: str) -> list[dict[str, str]]:
    with TABLE.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] == kind]


def own(name: str) -> str:
    return name.removeprefix("caffe.")


def same_default(ours: str, table: str) -> bool:
    """Whether a default is the table's, which writes numbers and bools as Python does."""
    try:
        return struct.pack("<f", float(ours)) == struct.pack("<f", float(table))
    except ValueError:
        return ours == {"True": "true", "False": "false"}.get(table, table)


def described(field: FieldDescriptorProto) -> dict[str, Any]:
    scalar = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    return {
        "label": FieldDescriptorProto.Label.Name(field.label).removeprefix("LABEL_").lower(),
        "type": "caffe." + field.type_name.removeprefix(".netcli.") if field.type_name else scalar,
        "packed": "packed" if field.options.packed else "",
    }


def test_every_field_is_caffes() -> None:
    messages = {message.name: message for message in schema_file().message_type}
    table = rows("field")
    assert len(table) == 443
    for row in table:
        message, name = own(row["message_or_enum"]), row["name"]
        field = next(field for field in messages[message].field if field.name == name)
        assert field.number == PRIVATE_NUMBERS.get((message, name), int(row["number"])), row
        assert described(field) == {key: row[key] for key in ("label", "type", "packed")}, row
        assert same_default(field.default_value, row["default"]), row


def described_additions() -> dict[tuple[str, str], tuple[int, str]]:
    """Number and comment of every field that the table does not have; a new message's fields are its own."""
    known = {(own(row["message_or_enum"]), row["name"]) for row in rows("field")}
    known_messages = {message for message, _ in known}
    text = generate.PROTO.read_text()
    additions = {}
    for message in schema_file().message_type:
        body = re.search(rf"((?://[^\n]*\n)*)message {message.name} \{{\n(.*?)\n\}}", text, re.DOTALL)
        assert body is not None
        for field in message.field:
            if (message.name, field.name) in known:
                continue
            before, _, after = body[2].rpartition(f" {field.name} = ")
            comment = "".join(before.splitlines()[-2:]) + after.splitlines()[0]
            if message.name not in known_messages:
                comment = body[1]
            additions[message.name, field.name] = (field.number, comment)
    return additions


def test_additions_are_marked_and_out_of_the_way() -> None:
    additions = described_additions()
    known_messages = {own(row["message_or_enum"]) for row in rows("field")}
    assert {("MarginInnerProductParameter", "gradient"), ("PoolingParameter", "ceil_mode")} <= set(additions)
    for (message, field), (number, comment) in additions.items():
        assert "netcli extension" in comment or "fork" in comment, (message, field)
        if "netcli extension" in comment and message in known_messages:
            assert number >= 10000, (message, field)


def enums() -> dict[str, dict[str, int]]:
    file = schema_file()
    found = {enum.name: enum for enum in file.enum_type}
    for message in file.message_type:
        found |= {f"{message.name}.{enum.name}": enum for enum in message.enum_type}
    return {name: {value.name: value.number for value in enum.value} for name, enum in found.items()}


def test_every_enum_value_is_caffes() -> None:
    expected: dict[str, dict[str, int]] = {}
    for row in rows("enum"):
        expected.setdefault(own(row["message_or_enum"]), {})[row["name"]] = int(row["number"])
    known_messages = {own(row["message_or_enum"]) for row in rows("field")}
    added = {"MarginInnerProductParameter.Gradient", "LargeMarginInnerProductParameter.Gradient"}
    for name, values in enums().items():
        if name in expected:
            assert values == expected.pop(name)
        else:
            assert name in added or name.split(".")[0] not in known_messages
    assert expected == {}


def test_every_message_is_described() -> None:
    lines = generate.PROTO.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.startswith(("message ", "enum ")):
            assert lines[number - 1].startswith("// "), line


def test_compiled_schema_is_not_stale(tmp_path: Path) -> None:
    if importlib.util.find_spec("grpc_tools") is None:
        pytest.skip("grpcio-tools is not installed (pip install netcli[dev])")
    generate.generate(tmp_path)
    fresh = descriptor_pb2.FileDescriptorSet.FromString((tmp_path / "caffe.desc").read_bytes())
    kept = descriptor_pb2.FileDescriptorSet.FromString((generate.PACKAGE / "caffe.desc").read_bytes())
    advice = "run python -m netcli.schema.generate"
    assert fresh == kept, advice
    assert (tmp_path / "caffe_pb2.pyi").read_text() == (generate.PACKAGE / "caffe_pb2.pyi").read_text(), advice


def test_a_schema_with_errors_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if importlib.util.find_spec("grpc_tools") is None:
        pytest.skip("grpcio-tools is not installed (pip install netcli[dev])")
    proto = tmp_path / "broken.proto"
    proto.write_text('syntax = "proto2"; message A { optional Unknown b = 1; }')
    with pytest.raises(RuntimeError, match="status 1"):
        generate.generate(tmp_path, proto)
    assert "Unknown" in capfd.readouterr().err
