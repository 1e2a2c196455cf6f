"""The message classes of proto/caffe.proto, built at import from the compiled descriptor beside this file.

A serialized descriptor instead of protoc's Python output, so that one wheel works with every protobuf
runtime that pyproject.toml allows (generated code is tied to one major version). ``caffe_pb2.pyi`` gives
the types. ``python -m netcli.schema.generate`` makes both from the .proto; a test fails when they are stale.

The pool is private: another package that brings its own caffe.proto does not clash with this one.
"""

from __future__ import annotations

import importlib.resources

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import enum_type_wrapper

_files = descriptor_pb2.FileDescriptorSet.FromString(
    importlib.resources.files(__package__).joinpath("caffe.desc").read_bytes()
)
_pool = descriptor_pool.DescriptorPool()
for _file in _files.file:
    _pool.Add(_file)
DESCRIPTOR = _pool.FindFileByName(_files.file[0].name)

for _name, _message in DESCRIPTOR.message_types_by_name.items():
    globals()[_name] = message_factory.GetMessageClass(_message)
for _name, _enum in DESCRIPTOR.enum_types_by_name.items():
    globals()[_name] = enum_type_wrapper.EnumTypeWrapper(_enum)
    for _value in _enum.values:
        globals()[_value.name] = _value.number
