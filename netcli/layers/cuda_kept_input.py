"""The input of a layer that may work in place on a GPU, for its backward; see ``kept_input``."""

from __future__ import annotations

from netcli.layers.cuda_form import CudaForm
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.memory import DeviceArray


def keep_input(form: CudaForm, bottom: Blob, top: Blob) -> DeviceArray:
    """The bottom's values, copied where the top will overwrite them; to be called before it is written."""
    x = bottom.values.read(CUDA)
    if bottom is not top:
        return x
    kept = form.scratch("kept input", bottom.count)
    kept.copy_from(x)
    return kept


def kept_input(form: CudaForm, bottom: Blob, top: Blob) -> DeviceArray:
    """The values that ``forward`` has read."""
    return bottom.values.read(CUDA) if bottom is not top else form.scratch("kept input", bottom.count)
