"""Whole maps against a fixed value: tests and intervals that hold where pixels are alike as far as the map reaches."""

import numpy as np
import pytest
from maps_of_noise import exponential, gaussian, like_1_over_f, map_of_noise

from napari_tesm.statistics.description import Estimate
from napari_tesm.statistics.independence import independent_samples
from napari_tesm.statistics.long_range import independent_in_map
from napari_tesm.statistics.modes import mode_from_map
from napari_tesm.statistics.ratios import ONE_REGION, interval_of_median, paired_ratio_from_maps

WHITE = np.ones_like


def outcomes(spectrum, count, *, missing=None):
    """Return for maps without a difference: which were tested, which rejected, which intervals hold 1."""
    rng = np.random.default_rng(3)
    tested, rejected, held = [], [], []
    for _ in range(count):
        logs = 0.3 * map_of_noise(rng, spectrum)
        if missing is not None:
            logs[missing] = np.nan
        found = paired_ratio_from_maps(np.exp(logs), np.ones(logs.shape))
        assert found.has_interval == np.isfinite(found.p_value) == (found.independent >= ONE_REGION)
        tested.append(found.has_interval)
        rejected.append(found.p_value < 0.05)
        held.append(found.low <= 1 <= found.high)
    return np.array(tested), np.array(rejected), np.array(held)


@pytest.mark.slow
@pytest.mark.parametrize("power", [1, 2, 3])
def test_paired_maps_that_are_alike_as_far_as_they_reach_are_not_called_different(power):
    """Nothing in such a map says how far the mean of the next one lies: 20 to 30 % were rejected."""
    tested, rejected, held = outcomes(like_1_over_f(power), 70)
    assert rejected.mean() <= 0.08
    assert tested.mean() <= 0.6
    assert (held | ~tested).mean() >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("spectrum", [WHITE, exponential(0.16), gaussian(0.3)])
def test_paired_maps_of_a_finite_range_keep_their_test(spectrum):
    tested, rejected, held = outcomes(spectrum, 50)
    assert tested.all()
    assert rejected.mean() <= 0.12
    assert held.mean() >= 0.9


def test_a_part_that_is_missing_is_no_long_range():
    missing = np.zeros((48, 64), dtype=bool)
    missing[10:34, 20:50] = True
    missing |= np.random.default_rng(1).random(missing.shape) < 0.2
    assert outcomes(WHITE, 6, missing=missing)[0].all()
    assert outcomes(like_1_over_f(2), 8, missing=missing)[0].mean() <= 0.5


def test_large_maps_are_told_by_their_long_waves():
    rng = np.random.default_rng(5)
    far, white, near = (
        map_of_noise(rng, spectrum, shape=(150, 200), wider=3)
        for spectrum in (like_1_over_f(2), WHITE, exponential(0.2))
    )
    assert independent_in_map(far) == 1
    assert independent_in_map(white) == independent_samples(white, np.isfinite(white))[0]
    # The variance of the mean of exp(−r/l) is 2π l² σ² over the area.
    expected = 150 * 0.05 * 200 * 0.08 / (2 * np.pi * 0.2**2)
    assert independent_in_map(near) == pytest.approx(expected, rel=0.5)


def test_a_long_range_is_told_in_any_unit_and_orientation():
    field = map_of_noise(np.random.default_rng(2), like_1_over_f(2))
    assert independent_in_map(field) == independent_in_map(1e-13 * field + 4.0) == 1
    assert independent_in_map(field.T) == 1


@pytest.mark.slow
@pytest.mark.parametrize("power", [2, 3])
def test_the_mode_of_a_map_as_long_ranged_as_itself_is_held_or_has_no_interval(power):
    rng = np.random.default_rng(8)
    maps = [10 ** (-12.5 + 0.2 * map_of_noise(rng, like_1_over_f(power))) for _ in range(50)]
    found = [mode_from_map(values) for values in maps]
    assert all(mode is not None and np.isfinite(mode.value) for mode in found)
    kept = [mode for mode in found if mode.has_interval]
    assert len(kept) < 25
    assert sum(not mode.low <= 10**-12.5 <= mode.high for mode in kept) <= 5


def test_what_is_one_value_has_no_interval():
    assert np.isnan(interval_of_median(np.arange(40.0), 1.1)).all()
    assert np.isfinite(interval_of_median(np.arange(40.0), 1.5)).all()
    assert not Estimate(1.0, float("nan"), float("nan")).has_interval


@pytest.mark.parametrize("values", [np.zeros((20, 30)), np.full((20, 30), np.nan), np.ones((3, 200))])
def test_maps_without_a_spectrum_count_as_before(values):
    assert independent_in_map(values) == independent_samples(values, np.isfinite(values))[0]
