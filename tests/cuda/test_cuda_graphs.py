"""Graphs: captured without computing anything, run again with other numbers in memory, refused where they must be."""

from __future__ import annotations

import numpy as np
import pytest

from netcli.runtime.blob import CUDA, PLAIN, Replicas

pytestmark = [pytest.mark.cuda_sim, pytest.mark.gpu]


@pytest.fixture(scope="module")
def kernels():
    import kernels_for_tests

    return kernels_for_tests


def replicas(*values: float) -> Replicas:
    made = Replicas((len(values),), np.dtype(np.float32))
    made.write(PLAIN)[...] = values
    return made


def test_a_capture_computes_nothing_and_a_launch_does(kernels):
    from netcli.runtime.cuda.graphs import Graph
    from netcli.runtime.cuda.memory import device_array, device_zeros

    x, y, z = device_array(np.float32([1, 2])), device_zeros(2), device_zeros(2)

    def run() -> None:
        kernels.scaled(1, x, y, 2, 3)
        z.copy_from(y)
        y.fill(7)

    graph = Graph(run)
    np.testing.assert_array_equal(y.to_host(), [0, 0])
    graph.launch()
    np.testing.assert_array_equal(z.to_host(), [3, 6])
    np.testing.assert_array_equal(y.to_host(), [7, 7])
    x.copy_from_host(np.float32([5, 5]))
    graph.launch()
    np.testing.assert_array_equal(z.to_host(), [15, 15])


@pytest.mark.parametrize("what", ["read", "write", "allocate"])
def test_a_graph_holds_no_copies_and_takes_no_memory(what):
    from netcli.runtime.cuda.graphs import Graph
    from netcli.runtime.cuda.memory import device_zeros
    from netcli.runtime.cuda.recording import NotCapturable

    array = device_zeros(2)
    calls = {
        "read": array.to_host,
        "write": lambda: array.copy_from_host(np.zeros(2, np.float32)),
        "allocate": lambda: device_zeros(3),
    }
    with pytest.raises(NotCapturable):
        Graph(calls[what])
    array.fill(2)
    np.testing.assert_array_equal(array.to_host(), [2, 2])


def doubled(kernels, x: Replicas, y: Replicas):
    return lambda: kernels.scaled(1, x.read(CUDA), y.write(CUDA), 2, 2)


def test_blobs_know_what_a_graph_has_read_and_written(kernels):
    from netcli.net.captured_passes import CapturedPasses

    x, y = replicas(1, 2), replicas(0, 0)
    run = doubled(kernels, x, y)
    run()
    passes = CapturedPasses([x, y], run)
    passes.run()
    np.testing.assert_array_equal(y.read(PLAIN), [2, 4])
    x.write(PLAIN)[...] = [5, 6]
    passes.run()
    np.testing.assert_array_equal(y.read(PLAIN), [10, 12])


def test_a_graph_whose_arrays_have_moved_does_not_run(kernels):
    from netcli.net.captured_passes import CapturedPasses, StaleGraph
    from netcli.runtime.cuda.memory import device_zeros

    x, y = replicas(1, 2), replicas(0, 0)
    run = doubled(kernels, x, y)
    run()
    passes = CapturedPasses([x, y], run)
    x.stand_on(device_zeros(2))
    with pytest.raises(StaleGraph):
        passes.run()


def test_a_capture_that_needs_a_copy_is_refused(kernels):
    from netcli.net.captured_passes import CapturedPasses
    from netcli.runtime.cuda.recording import NotCapturable

    x, y = replicas(1, 2), replicas(0, 0)
    run = doubled(kernels, x, y)
    run()
    x.write(PLAIN)
    with pytest.raises(NotCapturable, match="a copy from the host"):
        CapturedPasses([x, y], run)
