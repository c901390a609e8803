import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tesm.statistics import mode_from_values, quartiles


def test_quartiles_equal_numpy_and_skip_nan():
    values = np.r_[np.random.default_rng(0).normal(size=101), np.nan]
    np.testing.assert_allclose(quartiles(values), np.nanpercentile(values, [25, 50, 75]))
    assert np.isnan(quartiles(np.array([np.nan]))).all()


def test_mode_of_a_skewed_distribution():
    """The mode of a gamma distribution of shape k is k − 1; its mean is k."""
    values = np.random.default_rng(1).gamma(4.0, size=200_000)
    mode = mode_from_values(values)
    assert mode.value == pytest.approx(3.0, abs=0.1)
    assert mode.low <= mode.value <= mode.high
    assert mode.low < 3.0 < mode.high + 0.05
    assert mode.high - mode.low < 0.5


def test_interval_covers_the_mode_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    modes = [mode_from_values(rng.normal(size=500)) for _ in range(100)]
    assert sum(mode.low <= 0 <= mode.high for mode in modes) >= 85


def test_same_values_same_numbers_in_any_order():
    values = np.random.default_rng(3).normal(size=1000)
    assert mode_from_values(values) == mode_from_values(values[::-1])


def test_few_or_equal_values():
    assert mode_from_values(np.arange(9.0)) is None
    equal = mode_from_values(np.full(20, 2.5))
    assert (equal.value, equal.low, equal.high) == (2.5, 2.5, 2.5)


def test_far_outliers_do_not_move_the_mode():
    values = np.random.default_rng(4).normal(size=2000)
    moved = mode_from_values(np.r_[values, 1e6, -1e6])
    assert moved.value == pytest.approx(mode_from_values(values).value, abs=0.15)


@pytest.mark.parametrize(
    "values",
    [
        1 + np.arange(50) * 2.3e-16,
        np.concatenate([np.ones(9), [1 + 2.3e-16]]),
        np.linspace(-1e300, 1e300, 50),
        np.linspace(-1e-300, 1e-300, 50),
        np.arange(20),
    ],
    ids=["last digits", "one last digit", "huge", "tiny", "integers"],
)
def test_no_scale_is_too_fine_or_too_coarse(values):
    mode = mode_from_values(values)
    assert values.min() <= mode.low <= mode.value <= mode.high <= values.max()


def test_half_of_the_values_being_one_number_make_it_the_mode():
    mode = mode_from_values(np.append(np.ones(100), 1e9))
    assert (mode.low, mode.value, mode.high) == (1.0, 1.0, 1.0)


@settings(deadline=None, max_examples=30)
@given(st.floats(1e-12, 1e12), st.floats(-1e3, 1e3))
def test_the_mode_moves_and_stretches_with_the_values(factor, shift):
    values = np.random.default_rng(3).standard_normal(300)
    plain, moved = mode_from_values(values), mode_from_values(factor * (values + shift))
    for name in ("value", "low", "high"):
        assert getattr(moved, name) / factor - shift == pytest.approx(getattr(plain, name), abs=1e-6)
