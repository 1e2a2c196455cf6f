"""What compiles a kernel computes the same bits as what loads it from the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Adam and LRN's backward pass add up products, which LLVM fuses in one order or another; LRN's calls a function from
# within its parallel loop, ``channel_gradients`` after it.
PROGRAM = """
import hashlib
import numpy as np
from netcli.layers.normalisation import cpu as normalisation
from netcli.runtime.pieces import Pieces
from netcli.solver import cpu as solver

rng = np.random.default_rng(0)
def drawn(*shape):
    return np.abs(rng.standard_normal(shape)).astype(np.float32)
def told(kernel, *arrays):
    bits = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
    print(kernel.__name__, bits, sum(kernel.stats.cache_misses.values()))

state = [drawn(20_000) for _ in range(4)]
own = np.array([[5e-4, 0, 0.01]], np.float32)
table = Pieces().table(*([array] for array in state))
numbers = np.array([1, 0.9, 0.1, 0.999, 0.001, 0.3, 1e-8], np.float32)
for kept in (True, False):
    solver.adam(table, own, *numbers, kept, np.float32(0))
told(solver.adam, *state)

x, dy, dx = (drawn(2, 7, 9, 16) for _ in range(3))
ratio = drawn(normalisation.CHUNKS, 9, 16)
normalisation.lrn_across_backward(x, dy, 2, *np.array([1, 0.1, 0.75, 0.15], np.float32), 32, ratio, dx)
told(normalisation.lrn_across_backward, dx)

partial, sums, products = drawn(2, normalisation.CHUNKS, 9), drawn(9), drawn(9)
normalisation.channel_gradients(dy, x, drawn(9), partial, sums, products)
told(normalisation.channel_gradients, sums, products)
"""


def test_bits_do_not_depend_on_who_has_compiled(tmp_path: Path) -> None:
    environment = os.environ | {"NETCLI_CACHE_DIR": str(tmp_path)}

    def run() -> list[list[str]]:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return [line.split() for line in done.stdout.splitlines()]

    compiled, loaded = run(), run()
    assert [misses for _, _, misses in compiled] == ["1"] * 3
    assert [misses for _, _, misses in loaded] == ["0"] * 3
    assert [bits for _, bits, _ in compiled] == [bits for _, bits, _ in loaded]
