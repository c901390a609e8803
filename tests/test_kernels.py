import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tesm.kernels import KERNELS, exponential_decay, kernel_from_name


@settings(deadline=None)
@given(
    st.floats(1e-6, 1e6),
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8, unique=True).map(sorted),
)
def test_the_exponential_is_the_exponential(tau, times):
    time = np.array(times)
    curves, constant = exponential_decay(time, np.array([np.log(tau)]))
    np.testing.assert_allclose(curves[0] + constant[0], np.exp(-time / tau), rtol=1e-10, atol=1e-14)


def test_no_digits_are_lost_where_tau_is_much_longer_than_the_record():
    time = np.array([0.0, 1.0, 2.0])
    for tau in (1e3, 1e8, 1e15, 1e30):
        curves, _ = exponential_decay(time, np.array([np.log(tau)]))
        # Against the series of expm1; exp(-t/tau) - 1 would keep no digit at all at 1e30.
        x = time / tau
        expected = -x + x**2 / 2 - x**3 / 6 + x**4 / 24
        np.testing.assert_allclose(curves[0], expected, rtol=1e-10)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_every_kernel_gives_new_arrays_one_row_per_tau(kernel):
    time, log_tau = np.array([0.0, 0.5, 3.0, 10.0]), np.log([0.1, 1.0, 1e6])
    kept = time.copy(), log_tau.copy()
    curves, constant = kernel.curves(time, log_tau)
    assert curves.shape == (3, 4)
    assert constant.shape == (3,)
    curves[:] = constant[:] = 0  # the engine works in them
    np.testing.assert_array_equal(time, kept[0])
    np.testing.assert_array_equal(log_tau, kept[1])
    again, _ = kernel.curves(time, log_tau[1:])
    np.testing.assert_array_equal(again, kernel.curves(time, log_tau)[0][1:])
    assert np.isfinite(again).all()


def test_kernels_are_found_by_name():
    for name, kernel in KERNELS.items():
        assert kernel_from_name(name) is kernel
        assert kernel.name == name
    with pytest.raises(ValueError, match="exponential"):
        kernel_from_name("stretched")
