import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_tesm.statistics.description import (
    description_from_values,
    histograms_from_values,
    mode_from_values,
    quartiles,
)


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


@pytest.mark.slow
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


def test_a_description_is_that_of_numpy():
    values = np.random.default_rng(0).lognormal(0, 1, (30, 40))
    values[::5, ::3] = np.nan
    finite = values[np.isfinite(values)]
    found = description_from_values(values)
    assert (found.n, found.n_total) == (finite.size, values.size)
    assert found.mean == finite.mean()
    assert found.std == finite.std(ddof=1)
    assert found.median == np.median(finite)
    assert (found.q25, found.q75) == tuple(np.percentile(finite, [25, 75]))
    assert (found.minimum, found.maximum) == (finite.min(), finite.max())


@pytest.mark.parametrize("values", [[], [np.nan, np.inf]])
def test_a_description_of_nothing_holds_no_number(values):
    found = description_from_values(np.array(values))
    assert found.n == 0
    assert np.isnan([found.mean, found.std, found.median, found.q25]).all()


def test_one_value_has_no_spread():
    found = description_from_values(np.array([2.5]))
    assert found.mean == found.median == 2.5
    assert np.isnan(found.std)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_histograms_share_their_bins_and_count_every_value(scale):
    rng = np.random.default_rng(1)
    samples = {"D1": rng.lognormal(-29, 0.4, 900), "D2": 2 * rng.lognormal(-29, 0.4, 700)}
    samples["D1"][:50] = np.nan
    found = histograms_from_values(samples, scale=scale)
    assert found.counts["D1"].sum() == 850
    assert found.counts["D2"].sum() == 700
    assert found.left_out == {"D1": 50, "D2": 0}
    assert np.array_equal(np.histogram(samples["D2"], found.edges)[0], found.counts["D2"])
    steps = np.diff(np.log(found.edges) if scale == "log" else found.edges)
    assert np.allclose(steps, steps[0], atol=0)
    assert "Freedman" in found.rule


def test_logarithmic_histograms_leave_out_what_is_not_positive_and_say_so():
    found = histograms_from_values({"a": np.array([-1.0, 0.0, 1.0, 10.0])}, scale="log", bins=3)
    assert found.left_out == {"a": 2}
    assert found.counts["a"].sum() == 2


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0, 3.0], [np.nan]])
def test_histograms_of_next_to_nothing_are_defined(values):
    for scale in ("linear", "log"):
        found = histograms_from_values({"a": np.array(values)}, scale=scale)
        assert found.counts["a"].sum() == np.isfinite(values).sum()
        assert (np.diff(found.edges) > 0).all()


def test_the_mode_depends_on_the_scale_it_is_looked_for_on():
    values = np.random.default_rng(2).lognormal(0, 0.8, 20000)
    logarithmic, linear = mode_from_values(values, scale="log"), mode_from_values(values, scale="linear")
    assert logarithmic.low <= 1.0 <= logarithmic.high  # the median of ln x
    assert linear.value == pytest.approx(np.exp(-0.64), rel=0.15)  # exp(µ − σ²)


def test_grains_that_differ_do_not_make_their_pixels_alike():
    from napari_tesm.statistics.independence import independent_samples

    shape = (60, 84)
    rng = np.random.default_rng(2)
    grain, step = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    level = np.zeros(shape)
    for number, column in enumerate((2, 23, 44, 65)):
        grain[4:56, column : column + 13] = True
        step[4:56, column + 16 : column + 18] = True
        level[:, column - 2 : column + 19] = number  # grains of a class differ by three standard deviations
    field = 0.3 * gaussian_filter(rng.standard_normal(shape), 1.5) / 0.19
    alike = independent_samples(field, step, grain, apart=True)
    pooled = independent_samples(field + level, step, grain, apart=True)
    assert pooled == pytest.approx(alike, rel=0.3)
    assert min(alike) > 10
    assert max(independent_samples(field + level, step, grain)) < 10
    # One region that slopes has no grains to part it by.
    assert (
        independent_samples(field + np.linspace(0, 3, shape[1]), np.ones(shape, dtype=bool), apart=True)[0]
        < 10
    )
