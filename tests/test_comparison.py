"""Comparing regions: against scipy where pixels are independent, and at the right level where they are not."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import binom, mannwhitneyu, norm

from napari_tesm.statistics.independence import independent_samples
from napari_tesm.statistics.ranks import comparison_from_values
from napari_tesm.statistics.ratios import paired_ratio, paired_ratio_from_maps


def test_independent_values_give_the_rank_test_of_scipy():
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.2, 0.6):
        a, b = rng.normal(shift, 1, 120), rng.normal(0, 1, 300)
        found = comparison_from_values(a, b)
        expected = mannwhitneyu(a, b, method="asymptotic", use_continuity=False)
        # As deviates: t is used where scipy takes the normal distribution.
        assert norm.isf(found.p_value / 2) == pytest.approx(norm.isf(expected.pvalue / 2), rel=0.02)
        assert found.cliffs_delta == pytest.approx(2 * expected.statistic / (120 * 300) - 1)


def test_ratio_of_medians_and_its_interval_cover_the_truth():
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        a, b = 3 * rng.lognormal(0, 0.3, 60), rng.lognormal(0, 0.3, 90)
        found = comparison_from_values(a, b)
        covered += found.ratio_low <= 3 <= found.ratio_high
    assert 0.90 <= covered / 200 <= 0.99


def step_mask(shape):
    rows, columns = np.indices(shape)
    return np.abs((columns - 0.5 * shape[1]) * 0.8 + (rows - 0.5 * shape[0]) * 0.6) < 3


@pytest.mark.slow
@pytest.mark.parametrize("smooth", [0.0, 1.5, 3.0])
def test_on_maps_without_a_difference_the_test_keeps_its_level(smooth):
    mask = step_mask((64, 64))
    rejected = naive = 0
    for seed in range(200):
        noise = np.random.default_rng(seed).standard_normal((64, 64))
        field = gaussian_filter(noise, smooth, mode="wrap") if smooth else noise
        independent = independent_samples(field, mask, ~mask)
        rejected += comparison_from_values(field[mask], field[~mask], independent=independent).significant
        naive += comparison_from_values(field[mask], field[~mask]).significant
    most = binom.ppf(0.999, 200, 0.05)
    assert rejected <= most
    if smooth:
        assert naive > 2 * most  # what counting every pixel does


def test_a_real_difference_is_found_on_a_smooth_map():
    mask = step_mask((64, 64))
    field = np.exp(
        0.3 * gaussian_filter(np.random.default_rng(1).standard_normal((64, 64)), 1.5) * 5 + 1.1 * mask
    )
    found = comparison_from_values(
        field[mask], field[~mask], independent=independent_samples(field, mask, ~mask)
    )
    assert found.significant
    assert found.ratio_low < np.exp(1.1) < found.ratio_high
    assert found.size_in_words == "large"
    assert "step" in found.sentence_about("D1")
    assert "D1" in found.sentence_about("D1")


def test_independent_pixels_are_all_counted_and_blocks_once():
    rng = np.random.default_rng(2)
    everywhere = np.ones((60, 60), dtype=bool)
    (single,) = independent_samples(rng.standard_normal((60, 60)), everywhere)
    assert single == pytest.approx(3600, rel=0.25)
    (skewed,) = independent_samples(rng.lognormal(0, 1, (60, 60)), everywhere)
    assert skewed == pytest.approx(3600, rel=0.25)
    blocks = np.kron(rng.standard_normal((15, 15)), np.ones((4, 4)))
    (grouped,) = independent_samples(blocks, everywhere)
    assert grouped == pytest.approx(225, rel=0.4)


@pytest.mark.parametrize("values", [np.full((5, 5), 2.0), np.full((5, 5), np.nan), np.zeros((1, 1))])
def test_degenerate_maps_have_a_defined_number(values):
    mask = np.ones(values.shape, dtype=bool)
    (count,) = independent_samples(values, mask)
    assert 0 <= count <= values.size


@pytest.mark.parametrize(
    ("a", "word"), [([], "no pixel"), ([1.0], "only one"), ([np.nan, np.nan], "no pixel")]
)
def test_too_few_values_are_refused_in_a_sentence(a, word):
    with pytest.raises(ValueError, match=word):
        comparison_from_values(np.array(a), np.arange(5.0))


def test_equal_constants_do_not_differ():
    found = comparison_from_values(np.ones(10), np.ones(20))
    assert found.p_value == 1.0
    assert found.cliffs_delta == 0.0
    assert found.hedges_g == 0.0


def test_paired_ratio_sees_each_pixel_beside_itself():
    rng = np.random.default_rng(3)
    first = rng.lognormal(0, 1, 400)
    found = paired_ratio(1.3 * first * rng.lognormal(0, 0.05, 400), first)
    assert found.low < 1.3 < found.high
    assert found.p_value < 1e-6
    assert paired_ratio(first, first).p_value == 1.0
    assert paired_ratio(first[:3], first[:3]) is None


def test_the_test_of_pairs_counts_neighbours_as_far_as_they_are_independent():
    from scipy.stats import t, wilcoxon

    rng = np.random.default_rng(3)
    first = rng.lognormal(0, 1, 400)
    second = 1.02 * first * rng.lognormal(0, 0.2, 400)
    logs = np.log(second) - np.log(first)
    deviate = abs(wilcoxon(logs, method="asymptotic").zstatistic)
    for independent in (400.0, 40.0):
        found = paired_ratio(second, first, independent=independent)
        # What is seen of the variance in a map of n independent values is 1 − 1/n of it.
        expected = 2 * t.sf(deviate * np.sqrt((independent - 1) / 400), independent - 1)
        assert found.p_value == pytest.approx(expected, rel=1e-9)
        assert (found.n, found.independent) == (400, independent)
        assert (found.q25, found.median, found.q75) == pytest.approx(
            tuple(np.exp(np.percentile(logs, [25, 50, 75])))
        )


def test_d2_against_d1_of_smooth_maps_is_less_certain_than_of_as_many_independent_pixels():
    rng = np.random.default_rng(8)
    rough = rng.standard_normal((40, 60))
    smooth = gaussian_filter(rough, 2)
    smooth *= rough.std() / smooth.std()
    white, alike = (
        paired_ratio_from_maps(np.exp(0.02 + 0.2 * field), np.ones((40, 60))) for field in (rough, smooth)
    )
    assert white.independent > 0.7 * 2400
    assert alike.independent < 0.05 * 2400
    assert alike.has_interval
    assert alike.high / alike.low > (white.high / white.low) ** 3
    assert alike.n == white.n == 2400


def test_each_group_widens_the_interval_by_its_own_number():
    rng = np.random.default_rng(1)
    wide, narrow = rng.lognormal(0, 1.0, 400), rng.lognormal(0, 0.01, 400)
    widths = [
        np.log(found.ratio_high / found.ratio_low)
        for independent in ((400.0, 10.0), (10.0, 400.0))
        for found in [comparison_from_values(wide, narrow, independent=independent)]
    ]
    # The spread of the first is that of their ratio.
    assert widths[1] > 4 * widths[0]


def test_the_sentence_gives_each_group_its_own_numbers():
    a, b = np.array([3.0, 4.0, 5.0, np.nan]), np.array([1.0, 2.0, 1.0, 2.0, 1.5])
    found = comparison_from_values(a, b, names=("rim", "core"))
    assert (found.n, found.medians) == ((3, 5), (4.0, 1.5))
    # 4 over 1.5; every value of the first exceeds every one of the second.
    assert "D1 in rim (n = 3) is 2.67 times" in found.sentence_about("D1")
    assert "that in core (n = 5); rank test" in found.sentence_about("D1")
    assert "Cliff's delta 1.00" in found.sentence_about("D1")
    alike = comparison_from_values(a, a[::-1].repeat(2), names=("rim", "core"), independent=(2.0, 4.0))
    words = alike.sentence_about("D1")
    assert "(n = 3)" in words
    assert "in core (n = 6)" in words
    assert words.endswith("; as 2 and 4 independent pixels.")
    signs = comparison_from_values(
        np.array([-1.0, -2.0, 0.5]), np.array([1.0, 2.0, 3.0, 4.0]), names=("rim", "core")
    )
    assert signs.sentence_about("H").startswith("H is lower in rim (n = 3) than in core (n = 4): ")


@pytest.mark.slow
@pytest.mark.parametrize(("length", "radius"), [(2, 3), (6, 6), (3, 3)])
def test_intervals_of_small_regions_hold_the_ratio(length, radius):
    rng = np.random.default_rng(length)
    row, column = np.mgrid[:48, :64]
    disc = np.hypot(row - 22, column - 34) <= radius
    held, said = [], 0
    for _ in range(160):
        wave = np.hypot(*np.meshgrid(*(np.fft.fftfreq(160),) * 2)) * 2 * np.pi
        noise = np.fft.fft2(rng.standard_normal((160, 160))) * np.exp(-((wave * length) ** 2) / 4)
        smooth = np.fft.ifft2(noise).real
        values = np.exp(0.3 * smooth[:48, :64] / smooth.std())
        counts = independent_samples(np.log(values), disc, ~disc)
        compared = comparison_from_values(values[disc], values[~disc], independent=counts)
        if np.isfinite(compared.ratio_low):
            held.append(compared.ratio_low <= 1 <= compared.ratio_high)
        else:
            said += "as one independent region" in compared.sentence_about("D1")
    assert len(held) + said == 160
    assert np.mean(held) >= 0.9
