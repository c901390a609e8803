"""Mutual information of maps against the closed form of a Gaussian pair, and against chance of smooth maps."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_tesm.registration.information import shared_information


def test_a_gaussian_pair_shares_what_its_correlation_says():
    rng = np.random.default_rng(1)
    first, other = rng.standard_normal((2, 60, 90))
    second = 0.8 * first + 0.6 * other
    shared = shared_information(first, second)
    # −log2(1 − r²)/2 bits of which eighths keep the larger part.
    assert 0.8 * 0.737 < shared.bits < 0.737
    assert shared.p_value == 1 / 40
    # Order is all that counts, and a relation need not be straight.
    assert shared_information(first, np.exp(second)).bits == pytest.approx(shared.bits)
    assert abs(np.corrcoef(first.ravel(), (first**2).ravel())[0, 1]) < 0.1
    assert shared_information(first, first**2).bits > 1.0


def test_smooth_maps_share_nothing_beyond_chance():
    rng = np.random.default_rng(2)
    found = [
        shared_information(*(gaussian_filter(rng.standard_normal((40, 50)), 3) for _ in range(2)))
        for _ in range(20)
    ]
    assert np.mean([each.bits for each in found]) == pytest.approx(0, abs=0.06)
    # 1 of 20 is expected below 0.05; more than 4 come by chance in 1 of 400.
    assert sum(each.p_value < 0.05 for each in found) <= 4


def test_pixels_without_a_value_are_left_out_and_too_few_tell_nothing():
    first = np.arange(120.0).reshape(10, 12)
    second = first.copy()
    second[0] = np.nan
    assert shared_information(first, second).n == 108
    assert np.isnan(shared_information(first[:5], first[:5]).bits)
    assert np.isnan(shared_information(first, np.ones_like(first)).bits)
