"""Which layers of a net run on the GPU, and what they need before each pass.

Nothing of CUDA is imported before a net asks for a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from netcli.layers.layer import Layer
from netcli.runtime.blob import CUDA, Replicas

if TYPE_CHECKING:
    from netcli.layers.cuda_form import CudaForm
    from netcli.runtime.cuda.memory import DeviceArray


class CudaRunners:
    """The forms of a net's layers.

    Attributes:
        forms: by layer name.
        on_cpu: names of the layers that have bottoms and run on the CPU nevertheless, in order: each costs copies.
        gradients: memory that holds the gradients of all parameters, if something has put them side by side.
    """

    def __init__(self) -> None:
        self.gradients: DeviceArray | None = None
        self.forms: dict[str, CudaForm] = {}
        self.on_cpu: list[str] = []

    def runner(self, layer: Layer) -> Layer | CudaForm:
        """What is to run ``layer``, which is set up: its form, or itself."""
        from netcli.layers.cuda_form import form_of

        form = form_of(layer)
        if form is not None:
            self.forms[layer.name] = form
        elif layer.param.bottom:
            self.on_cpu.append(layer.name)
        return form or layer

    def prepare(self) -> None:
        """Sets what changes from pass to pass."""
        for form in self.forms.values():
            form.prepare()

    def seconds(self, action: Callable[[], object]) -> float:
        """How long the device takes for what ``action`` asks of it."""
        from netcli.runtime.cuda.device import current

        return current().seconds(action)

    def clear(self, gradients: Sequence[Replicas]) -> None:
        """Sets the gradients of parameters to zero: of all, in one go, where they stand side by side."""
        for replicas in gradients:
            array = replicas.write(CUDA)
            if self.gradients is None:
                array.fill(0)
        if self.gradients is not None:
            self.gradients.fill(0)


def on_device(device: str) -> CudaRunners | None:
    """Takes the device "cuda" or "cuda:N" into use; None for "cpu". Raises RunError NC510."""
    if device == "cpu":
        return None
    from netcli.runtime.cuda.device import use

    use(int(device.partition(":")[2] or 0))
    return CudaRunners()
