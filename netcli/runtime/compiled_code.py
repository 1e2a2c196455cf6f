"""How numba turns what it compiles for the CPU into machine code: once, for the kernel as a whole.

numba compiles the body of a ``prange`` loop, two functions around it that share out the work, and each function that a
kernel calls, on their own; then once more as parts of the kernel, where they may come out with other fused or reordered
operations. The cache holds the latter; but in the process that compiles, the linker would find the former first,
under the same name. A first run would then differ from the second one in the last bits, and ranks, one of which
compiles for the others, from each other. So whatever a kernel takes in from elsewhere gets a name that only the
kernel sees. And what is there for a kernel only is neither optimised nor translated on its own, which takes a
sixth of the time to compile.
"""

from __future__ import annotations

from numba.core.codegen import JITCodeLibrary, JITCPUCodegen

_AROUND_A_LOOP = ("parallelgufuncwrapper", "<numba.np.ufunc.wrappers._GufuncWrapper")
"""How the names begin that numba gives to the two functions around a loop's body."""


class SelfContainedCode(JITCodeLibrary):
    """The code of one function and of all that it calls."""

    _waits = False
    """Is it ready to become a part of another function's, but not to run?"""

    def _optimize_final_module(self) -> None:
        if not self.name.startswith(_AROUND_A_LOOP):
            super()._optimize_final_module()

    def _finalize_final_module(self) -> None:
        elsewhere = {
            function.name
            for library in self._linking_libraries
            for function in library._get_module_for_linking().functions
        }
        for function in self._final_module.functions:
            if not function.is_declaration and function.name in elsewhere:
                function.linkage = "internal"
        self._finalized = True
        self._waits = True

    def get_pointer_to_function(self, name: str) -> int:
        """The address of the function ``name``; 0 if it is not here."""
        self._translate()
        address: int = super().get_pointer_to_function(name)
        return address

    def _get_compiled_object(self) -> bytes:
        self._translate()
        machine_code: bytes = super()._get_compiled_object()
        return machine_code

    def _translate(self) -> None:
        self._ensure_finalized()
        if self._waits:
            self._waits = False
            super()._finalize_final_module()


def use_self_contained_code() -> None:
    """From now on numba makes functions for the CPU in this way."""
    JITCPUCodegen._library_class = SelfContainedCode
