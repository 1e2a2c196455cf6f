"""NVIDIA's libraries: what is asked of them, and what is said where they are missing. They run on a GPU only."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from netcli.errors import RunError
from netcli.layers.windows import Windows

simulated = pytest.mark.cuda_sim
on_a_gpu = pytest.mark.gpu


@pytest.fixture
def engine():
    from netcli.runtime.cuda import engine

    yield engine
    choose("own")


def choose(name, **settings):
    from netcli.runtime.cuda import engines

    engines.choose(name, **settings)


@simulated
def test_own_kernels_are_the_choice_until_another_is_made(engine):
    assert engine.chosen() == engine.Choice(engine.Engine.OWN, tf32=False)


@simulated
def test_own_kernels_have_no_tf32(engine):
    with pytest.raises(RunError, match="NC510") as caught:
        choose("own", tf32=True)
    assert "cublas or cudnn" in str(caught.value)
    assert not engine.chosen().tf32


@simulated
@pytest.mark.parametrize("name", ["cublas", "cudnn"])
def test_libraries_need_a_gpu(engine, name):
    with pytest.raises(RunError, match="there is no GPU in the simulator"):
        choose(name)
    assert engine.chosen().engine is engine.Engine.OWN


@pytest.mark.cuda_compile
def test_a_library_that_is_not_installed_is_named_with_its_package(monkeypatch):
    from cuda import pathfinder

    from netcli.runtime.cuda.libraries import Library

    def missing(name):
        raise pathfinder.DynamicLibNotFoundError(name)

    monkeypatch.setattr(pathfinder, "load_nvidia_dynamic_lib", missing)
    with pytest.raises(RunError, match="NC510") as caught:
        Library("cublas", "cuBLAS", ("nvidia-cublas", "nvidia-cublas-cu12"), "cublasGetStatusString")
    assert "pip install nvidia-cublas " in str(caught.value)


@simulated
def test_a_convolution_has_two_axes_for_cudnn():
    from netcli.layers.convolution.cuda.dnn import convolution_shape

    shape = convolution_shape(Windows((7,), (3,), (3,), (2,), (0,), (1,)), 4, 6, 2, images=5)
    assert (shape.x, shape.weights, shape.y) == ((5, 4, 1, 7), (6, 2, 1, 3), (5, 6, 1, 3))
    assert (shape.pad, shape.stride, shape.dilation, shape.groups) == ((0, 0), (1, 2), (1, 1), 2)


@simulated
def test_the_first_algorithm_that_suits_is_taken():
    from netcli.runtime.cuda.cudnn import Performance, suitable

    assert ctypes.sizeof(Performance) == 48
    fma, tensor = 3, 1
    offers = [
        Performance(algorithm=0, status=1, determinism=1, math=fma),
        Performance(algorithm=1, memory=2**40, determinism=1, math=fma),
        Performance(algorithm=2, determinism=0, math=fma),
        Performance(algorithm=3, determinism=1, math=tensor),
        Performance(algorithm=4, determinism=1, math=fma),
    ]
    assert suitable(offers, tf32=False).algorithm == 4
    assert suitable(offers, tf32=True).algorithm == 3
    assert suitable(offers[:3], tf32=True) is None


@on_a_gpu
@pytest.mark.parametrize("name", ["cublas", "cudnn"])
@pytest.mark.parametrize("tf32", [False, True])
def test_a_layer_is_the_same_by_a_library(engine, name, tf32):
    from layer_table import CASES
    from test_table_on_cuda import OnCuda

    try:
        choose(name, tf32=tf32)
    except RunError as error:
        pytest.skip(str(error))
    for case in (case for case in CASES if case.type in ("Convolution", "Deconvolution", "InnerProduct")):
        bottoms = case.make_bottoms()
        mine = OnCuda(case)
        got = mine.forward(bottoms)
        gradients = [np.ones_like(top) for top in got]
        got += [array for arrays in mine.backward(gradients) for array in arrays]
        choose("own")
        own = OnCuda(case)
        expected = own.forward(bottoms)
        expected += [array for arrays in own.backward(gradients) for array in arrays]
        choose(name, tf32=tf32)
        for left, right in zip(got, expected, strict=True):
            tolerance = 5e-3 if tf32 else 1e-4
            np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance, err_msg=case.id)
