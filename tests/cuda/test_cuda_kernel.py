"""A kernel of no layer: called with pointers and numbers, types checked, one after the other or together."""

from __future__ import annotations

import numpy as np
import pytest

from netcli.errors import NetcliError

pytestmark = [pytest.mark.cuda_sim, pytest.mark.gpu]


@pytest.fixture(scope="module")
def kernels():
    import kernels_for_tests

    return kernels_for_tests


def test_a_kernel_gets_arrays_parts_of_arrays_and_numbers(kernels):
    from netcli.runtime.cuda.kernel import blocks_for
    from netcli.runtime.cuda.memory import device_array, device_zeros

    x, y = device_array(np.arange(20, dtype=np.float32)), device_zeros(12)
    kernels.scaled(blocks_for(10), x.at(5), y.at(1), 10, 2.5)
    np.testing.assert_array_equal(y.to_host(), [0, *np.arange(5, 15) * 2.5, 0])


def test_threads_of_a_block_work_together(kernels):
    from netcli.runtime.cuda.memory import device_array, device_zeros

    x, y = device_array(np.arange(16, dtype=np.float32)), device_zeros(4)
    kernels.block_totals(4, x, y)
    np.testing.assert_array_equal(y.to_host(), np.arange(16).reshape(4, 4).sum(axis=1))


def test_a_type_that_kernels_do_not_have_is_refused():
    from netcli.runtime.cuda.kernel import cuda_kernel

    with pytest.raises(ValueError, match="f8"):
        cuda_kernel("f4*, f8")


def test_two_kernels_of_one_name_are_refused(kernels):
    from netcli.runtime.cuda.kernel import cuda_kernel

    with pytest.raises(ValueError, match="scaled"):
        cuda_kernel("f4*")(kernels.scaled.function)


def test_parts_of_arrays_stay_inside():
    from netcli.runtime.cuda.memory import device_zeros

    with pytest.raises(ValueError, match="array of 4"):
        device_zeros(4).at(3, 2)


def test_an_array_that_kernels_cannot_count_is_refused():
    from netcli.runtime.cuda.memory import device_zeros

    with pytest.raises(NetcliError, match="NC516") as caught:
        device_zeros(2**31 + 1)
    assert "expected at most 2,147,483,648 elements, actual 2,147,483,649" in str(caught.value)


def test_arrays_are_filled_and_copied():
    from netcli.runtime.cuda.memory import device_zeros

    a, b = device_zeros(5), device_zeros(5)
    a.fill(1.5)
    b.at(1, 3).copy_from(a.at(0, 3))
    np.testing.assert_array_equal(b.to_host(), [0, 1.5, 1.5, 1.5, 0])
    with pytest.raises(ValueError, match="3 elements for 5"):
        b.copy_from(a.at(0, 3))
