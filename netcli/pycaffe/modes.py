"""What pycaffe keeps for the whole process: phases, the device, the list of layer types."""

from __future__ import annotations

from netcli.errors import RunError
from netcli.layers.registry import layer_types
from netcli.schema import caffe_pb2 as pb

TRAIN: int = pb.TRAIN
TEST: int = pb.TEST


def set_mode_cpu() -> None:
    """Computes on the CPU, which is the only device so far."""


def set_mode_gpu() -> None:
    """Raises RunError NC580: there is no GPU yet."""
    raise _no_gpu("set_mode_gpu()")


def set_device(device_id: int) -> None:
    """Chooses a GPU in pycaffe. Raises RunError NC580: there is no GPU yet."""
    raise _no_gpu(f"set_device({device_id})")


def layer_type_list() -> list[str]:
    """The layer types that a prototxt may name, sorted."""
    return list(layer_types())


def _no_gpu(call: str) -> RunError:
    return RunError.of(
        "NC580",
        f"{call}: netcli.pycaffe does not compute on a GPU yet",
        hint="call set_mode_cpu(), or leave the call out",
    )
