"""A solver's state as a file: Caffe's ``.solverstate`` and its HDF5 twin ``.solverstate.h5``.

What Caffe does not keep (``Record``) stands in the files where Caffe does not look: in the binary form as field
1000 of SolverState, in HDF5 as the dataset ``netcli``; in both as JSON, with a checksum over the whole state.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.unknown_fields import UnknownFieldSet

from netcli.convert.atomic_file import write_atomically
from netcli.convert.hdf5 import h5py_module, is_hdf5, open_hdf5
from netcli.errors import RunError
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import array_to_blob, blob_to_array, varint
from netcli.schema.binary import read_file, read_message
from netcli.solver.record import Record, checksum_of

KIND = "a solver's state (.solverstate or .solverstate.h5)"

_RECORD_FIELD = 1000
_RECORD_NAME = "netcli"


@dataclass(frozen=True)
class State:
    """A solver's state as a file holds it; ``record`` is None in files that Caffe wrote."""

    iteration: int
    learned_net: str
    history: Sequence[np.ndarray]
    current_step: int = 0
    record: Record | None = None


def write_state(state: State, path: Path) -> None:
    """Writes a state atomically: as HDF5 if ``path`` ends in ``.h5``, else in the binary form.

    Raises:
        RunError: NC459 the file cannot be written, NC457 HDF5 without h5py.
    """
    if state.record:
        state = replace(state, record=replace(state.record, checksum=_checksum(state)))
    if path.suffix == ".h5":
        write_atomically(path, _state_to_hdf5(state, str(path)))
        return
    message = pb.SolverState(iter=state.iteration, learned_net=state.learned_net, current_step=state.current_step)
    message.history.extend(array_to_blob(array) for array in state.history)
    content = message.SerializeToString()
    if state.record:
        record = state.record.to_json().encode()
        content += varint(_RECORD_FIELD << 3 | 2) + varint(len(record)) + record
    write_atomically(path, content)


def read_state(path: str | os.PathLike[str]) -> State:
    """Reads a state, Caffe's own or netcli's; the format is told from the content.

    Raises:
        RunError: NC451, NC463 and NC471 damaged, NC457 HDF5 without h5py, NC460 no such file, NC461 unreadable, NC462
            empty, NC464 text, NC466 not a state.
    """
    file = os.fspath(path)
    content = read_file(path, KIND)
    if is_hdf5(content):
        return _verified(_state_from_hdf5(content, file), file)
    if ".caffemodel" in os.path.basename(file):
        raise _not_a_state(file)
    message = read_message(content, pb.SolverState, file)
    if not message.HasField("iter"):
        raise _not_a_state(file)
    record = None
    for found in iter(UnknownFieldSet(message)):
        if found.field_number == _RECORD_FIELD or (isinstance(found.data, bytes) and b'"schema"' in found.data):
            record = _parse_record(found.data, file)
    history = [blob_to_array(blob) for blob in message.history]
    return _verified(State(message.iter, message.learned_net, history, message.current_step, record), file)


def stored_seed(path: str | os.PathLike[str]) -> int | None:
    """The seed of the run that wrote a state, for whoever makes feeds before the solver; None if Caffe wrote it."""
    record = read_state(path).record
    return record.seed if record else None


def _parse_record(text: str | bytes, file: str) -> Record:
    try:
        return Record.from_json(text)
    except (ValueError, KeyError, TypeError) as error:
        raise RunError.of("NC463", f"the resume record in '{file}' is corrupt: {error}") from None


def _checksum(state: State) -> str:
    assert state.record
    return checksum_of(state.iteration, state.learned_net, state.history, state.current_step, state.record)


def _verified(state: State, file: str) -> State:
    """``state``. Raises RunError NC471 if it is not what was written."""
    if state.record and state.record.checksum and _checksum(state) != state.record.checksum:
        raise RunError.of(
            "NC471",
            f"'{file}' is damaged: its content is not what was written",
            expected=f"SHA-256 {state.record.checksum[:12]}",
            actual=_checksum(state)[:12],
            hint="go on from an older snapshot, as --resume auto does",
        )
    return state


def _not_a_state(file: str) -> RunError:
    hint = None
    if ".caffemodel" in file:
        hint = f"weights alone cannot be resumed from; give '{file.replace('.caffemodel', '.solverstate')}'"
    return RunError.of("NC466", f"'{file}' is no solver's state", expected=KIND, hint=hint)


def _state_to_hdf5(state: State, path: str) -> memoryview:
    h5py = h5py_module(path)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["iter"] = np.array([state.iteration], np.int32)
        file["current_step"] = np.array([state.current_step], np.int32)
        # One byte more than the text: Caffe reads C strings, which end in a zero.
        file["learned_net"] = _c_string(state.learned_net)
        history = file.create_group("history")
        for index, array in enumerate(state.history):
            history[str(index)] = array
        if state.record:
            file[_RECORD_NAME] = _c_string(state.record.to_json())
    return buffer.getbuffer()


def _state_from_hdf5(content: bytes, path: str) -> State:
    with open_hdf5(content, path) as file:
        if "iter" not in file or "history" not in file:
            raise _not_a_state(path)
        try:
            history = [np.asarray(file[f"history/{index}"][()]) for index in range(len(file["history"]))]
            record = _parse_record(_text(file[_RECORD_NAME]), path) if _RECORD_NAME in file else None
            step = int(file["current_step"][0]) if "current_step" in file else 0
            learned_net = _text(file["learned_net"]) if "learned_net" in file else ""
            return State(int(file["iter"][0]), learned_net, history, step, record)
        except (KeyError, OSError, ValueError) as error:
            raise RunError.of("NC463", f"the state '{path}' is corrupt: {error}", expected=KIND) from None


def _c_string(text: str) -> np.ndarray:
    encoded = text.encode()
    return np.array(encoded, f"S{len(encoded) + 1}")


def _text(dataset: Any) -> str:
    value = dataset[()]
    return (value if isinstance(value, bytes) else bytes(value)).rstrip(b"\0").decode()
