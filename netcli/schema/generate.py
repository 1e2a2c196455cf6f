"""Compile proto/caffe.proto into this package: ``python -m netcli.schema.generate``.

Needs grpcio-tools, which the dev extra brings. Users never run it.
"""

from __future__ import annotations

import sys
from pathlib import Path

PACKAGE = Path(__file__).parent
PROTO = next(path for path in (PACKAGE.parents[1] / "proto" / "caffe.proto", PACKAGE / "caffe.proto") if path.exists())
"""The schema: in the checkout, or the copy that a wheel brings."""


def generate(folder: Path, proto: Path = PROTO) -> None:
    """Write ``caffe.desc`` and ``caffe_pb2.pyi`` (type stubs) to ``folder``.

    The former is a serialized FileDescriptorSet, comments included.

    Raises:
        ImportError: grpcio-tools is not installed.
        RuntimeError: protoc did not accept the schema; it has told why on standard error.
    """
    from grpc_tools import protoc  # type: ignore[import-untyped]  # optional, and slow to import

    status = protoc.main(
        [
            "protoc",
            f"--proto_path={proto.parent}",
            f"--descriptor_set_out={folder / 'caffe.desc'}",
            "--include_source_info",
            f"--pyi_out={folder}",
            proto.name,
        ]
    )
    if status:
        raise RuntimeError(f"protoc failed on {proto} with status {status}")


if __name__ == "__main__":
    generate(PACKAGE)
    sys.stdout.write(f"wrote caffe.desc and caffe_pb2.pyi to {PACKAGE}\n")
