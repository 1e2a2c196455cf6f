"""The most multiply-additions that the CPU can do: float32 vectors in registers, no memory, all threads at once.

What share of it a kernel reaches tells how good the kernel is. The clock is not constant, so it is measured in the same
run as the kernels.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable

import llvmlite.binding as llvm

from netcli.runtime.cpu import cpu_features, cpu_name, lane_count

CHAINS = 12
"""Independent sums: enough for two units of a latency of 4 or 5 cycles, few enough for 16 registers."""
ROUNDS = 50_000_000
REPEATS = 3
FLOPS = 2

_Function = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.POINTER(ctypes.c_float))


def fma_peak_gflops(threads: int, rounds: int = ROUNDS) -> float:
    """Of ``threads`` threads together, the best of a few trials."""
    engine, function = _compiled()
    lanes = lane_count()

    def work() -> None:
        function(rounds, (ctypes.c_float * lanes)())

    best = float("inf")
    for _ in range(REPEATS):
        workers = [threading.Thread(target=work) for _ in range(threads)]
        begin = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = min(best, time.perf_counter() - begin)
    del engine  # the code lives as long as it does
    return threads * rounds * CHAINS * lanes * FLOPS / best / 1e9


def _compiled() -> tuple[llvm.ExecutionEngine, Callable[[int, ctypes.Array], None]]:
    """The loop as a C function; it runs without Python's lock."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(_text(lane_count()))
    machine = llvm.Target.from_default_triple().create_target_machine(cpu=cpu_name(), features=cpu_features(), opt=3)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine, _Function(engine.get_function_address("multiply_add"))


def _text(lanes: int) -> str:
    """LLVM's code of s_i = s_i x + x, ``rounds`` times, for each chain i; the sum of all s_i goes to ``out``."""
    vector = f"<{lanes} x float>"
    phis = "\n".join(f"  %s{i} = phi {vector} [ %start, %entry ], [ %t{i}, %loop ]" for i in range(CHAINS))
    steps = "\n".join(
        f"  %t{i} = call {vector} @llvm.fmuladd.v{lanes}f32({vector} %s{i}, {vector} %x, {vector} %x)"
        for i in range(CHAINS)
    )
    sums = "\n".join(f"  %u{i} = fadd {vector} {'%start' if i == 0 else f'%u{i - 1}'}, %t{i}" for i in range(CHAINS))
    return f"""
declare {vector} @llvm.fmuladd.v{lanes}f32({vector}, {vector}, {vector})
define void @multiply_add(i64 %rounds, {vector}* %out) {{
entry:
  %start = load {vector}, {vector}* %out, align 4
  %half = insertelement {vector} undef, float 0.5, i32 0
  %x = shufflevector {vector} %half, {vector} undef, <{lanes} x i32> zeroinitializer
  br label %loop
loop:
  %n = phi i64 [ 0, %entry ], [ %m, %loop ]
{phis}
{steps}
  %m = add i64 %n, 1
  %more = icmp slt i64 %m, %rounds
  br i1 %more, label %loop, label %done
done:
{sums}
  store {vector} %u{CHAINS - 1}, {vector}* %out, align 4
  ret void
}}
"""
