"""The input of a layer that may work in place on a GPU, for its backward; see ``kept_input``."""

from __future__ import annotations

from netcli.layers.cuda_form import CudaForm
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.memory import DeviceArray


def keep_input(form: CudaForm, bottom: Blob, top: Blob) -> DeviceArray:
    """The bottom's values, copied to ``kept_input`` where the top will overwrite them; to be called before that."""
    x = bottom.values.read(CUDA)
    if bottom is not top:
        return x
    kept = kept_input(form, bottom, top)
    kept.copy_from(x)
    return kept


def kept_input(form: CudaForm, bottom: Blob, top: Blob) -> DeviceArray:
    """Where the values that ``forward`` has read stand for ``backward``: memory of the form's own for a layer in place.

    A kernel may put them there by itself as it reads them.
    """
    return bottom.values.read(CUDA) if bottom is not top else form.scratch("kept input", bottom.count)
