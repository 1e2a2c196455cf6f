"""A kernel runs the same machine code in the process that compiles it as in those that load it from the cache.

numba compiles the body of a ``prange`` loop, and each function that a kernel calls, on its own, and then once more as
a part of the kernel, where it may come out with other fused or reordered operations. What is stored holds the
latter; but in the process that compiles, the linker finds the former first, under the same name. A first run would
then differ from the second one in the last bits, and ranks, one of which compiles for the others, from each other. So
whatever a kernel takes in from elsewhere gets a name that only the kernel sees.
"""

from __future__ import annotations

from numba.core.codegen import JITCodeLibrary, JITCPUCodegen


class SelfContainedCode(JITCodeLibrary):
    """The code of one function and of all that it calls."""

    def _finalize_final_module(self) -> None:
        elsewhere = {
            function.name
            for library in self._linking_libraries
            for function in library._get_module_for_linking().functions
        }
        for function in self._final_module.functions:
            if not function.is_declaration and function.name in elsewhere:
                function.linkage = "internal"
        super()._finalize_final_module()


def use_self_contained_code() -> None:
    """From now on numba makes functions for the CPU in this way."""
    JITCPUCodegen._library_class = SelfContainedCode
