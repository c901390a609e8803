"""Modes of maps: intervals that hold the mode although neighbours are alike, and the width of a distribution."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import binom

from napari_tesm.statistics.description import half_maximum_from_values, mode_from_values
from napari_tesm.statistics.modes import mode_from_map, patchwork_from_map

MODE = 10**-12.5


def smooth_map(seed, *, smooth=1.5, size=48):
    """Return D whose logarithm is normal, spread by 0.2 about its mode."""
    noise = np.random.default_rng(seed).standard_normal((size, size))
    field = gaussian_filter(noise, smooth, mode="wrap") * 2 * np.sqrt(np.pi) * smooth if smooth else noise
    return MODE * 10 ** (0.2 * field)


def test_the_interval_holds_the_mode_where_neighbours_are_alike():
    maps = [smooth_map(seed) for seed in range(60)]
    held = sum(found.low <= MODE <= found.high for found in map(mode_from_map, maps))
    naive = sum(
        found.low <= MODE <= found.high for found in (mode_from_values(field, scale="log") for field in maps)
    )
    # 90.5 % of 200 such maps, where drawing each pixel by itself comes to 73.5 %.
    assert held >= binom.ppf(0.001, 60, 0.9)
    assert naive < binom.ppf(0.05, 60, 0.9)


def test_the_best_value_does_not_depend_on_how_neighbours_are_counted():
    field = smooth_map(1)
    found, naive = mode_from_map(field), mode_from_values(field, scale="log")
    assert found.value == naive.value
    assert found.high / found.low > naive.high / naive.low


def test_independent_pixels_are_drawn_by_themselves():
    field = smooth_map(2, smooth=0)
    assert patchwork_from_map(field).side == 1
    assert mode_from_map(field) == mode_from_values(field, scale="log")


def test_blocks_are_as_large_as_what_is_alike():
    tiles = np.kron(np.random.default_rng(0).lognormal(0, 0.3, (20, 20)), np.ones((5, 5)))
    cut = patchwork_from_map(tiles)
    assert cut.side == pytest.approx(5, abs=1)
    labels = cut.labels((7, 11))
    assert labels.shape == (7, 11)
    assert np.bincount(labels.ravel()).max() == cut.side**2


def test_few_independent_values_make_the_interval_wide():
    """Blocks alone hold the mode of such maps in 79 % of the cases, and are wider than single pixels all the same."""
    field = smooth_map(3, smooth=4, size=32)
    cut = patchwork_from_map(field)
    assert field.size / cut.area < 50
    found, naive = mode_from_map(field), mode_from_values(field, scale="log")
    blocks = mode_from_values(field, blocks=cut.labels(field.shape))
    width, alone, in_blocks = (np.log(mode.high / mode.low) for mode in (found, naive, blocks))
    assert width > 1.15 * in_blocks
    assert width > 2 * alone


def test_a_mask_says_which_pixels_count():
    field = smooth_map(4)
    mask = np.zeros(field.shape, dtype=bool)
    mask[:, :24] = True
    other = np.where(mask, field, 50 * field)
    assert mode_from_map(other, mask=mask, patchwork=patchwork_from_map(field)) == mode_from_map(
        field, mask=mask, patchwork=patchwork_from_map(field)
    )
    assert mode_from_map(field, mask=np.zeros_like(mask)) is None


@pytest.mark.parametrize(
    "values", [np.full((5, 5), np.nan), np.full((5, 5), 2.0), -np.ones((5, 5)), np.ones((1, 1))]
)
def test_maps_that_hold_next_to_nothing_are_defined(values):
    found = mode_from_map(values)
    assert found is None or (found.low, found.value, found.high) == pytest.approx((2.0, 2.0, 2.0))


def test_a_large_map_is_known_by_its_middle_unless_that_is_empty():
    rng = np.random.default_rng(5)
    field = np.kron(rng.lognormal(0, 0.3, (100, 100)), np.ones((3, 3)))
    assert patchwork_from_map(field).area == patchwork_from_map(field[22:278, 22:278]).area
    field[22:278, 22:278] = np.nan
    assert patchwork_from_map(field).area == pytest.approx(9, rel=0.4)


def test_the_width_of_a_normal_distribution():
    values = np.random.default_rng(6).normal(3.0, 0.5, 20000)
    low, high = half_maximum_from_values(values)
    assert high - low == pytest.approx(2.3548 * 0.5, rel=0.06)
    assert (high + low) / 2 == pytest.approx(3.0, abs=0.05)
    ends = half_maximum_from_values(10**values, scale="log")
    assert ends == pytest.approx((10**low, 10**high), abs=0)
    assert half_maximum_from_values(np.arange(9.0)) is None
    assert half_maximum_from_values(np.full(20, 2.0)) == (2.0, 2.0)


def test_the_width_is_that_of_the_peak_the_mode_is_on():
    rng = np.random.default_rng(7)
    values = np.concatenate([rng.normal(0, 0.1, 6000), rng.normal(3, 0.1, 2000)])
    low, high = half_maximum_from_values(values)
    assert -1 < low < 0 < high < 1
