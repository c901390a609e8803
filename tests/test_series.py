"""Which scans belong together, what is missing, and the histograms of all image points."""

import numpy as np
import pytest
import scipy.stats
from series_examples import channel, point, result, scans

from napari_tesm.series import (
    VERDICT_MEANINGS,
    aligned_series,
    distributions_of_series,
    equality_of_points,
    images_of_pulses,
    point_curves,
    repeats_of_series,
    series_from_results,
    verdict_map,
    voltage_text,
)


def noise_map(level=0.3, *, pulses=1, shape=(20, 30), seed=0):
    return level + 0.01 * np.random.default_rng(seed).standard_normal((pulses, *shape))


def test_polarities_and_directions_are_series_of_their_own_by_increasing_voltage():
    one = result(
        noise_map(pulses=4), [-5.0, 3.0, -3.0, 5.0], direction=["retrace", "trace", "retrace", "trace"]
    )
    more = result(noise_map(), [-4.0], direction=["retrace"])
    negative, positive = series_from_results([one, more], names=["a", "b"])
    assert negative.name == "negative voltages, retrace"
    assert negative.voltages.tolist() == [-3.0, -4.0, -5.0]
    assert [member.source for member in negative.members] == ["a", "b", "a"]
    assert positive.voltages.tolist() == [3.0, 5.0]
    assert negative.labels == ["−3 V", "−4 V", "−5 V"]


def test_repeated_voltages_are_scans_of_their_own_and_one_level():
    series = series_from_results([result(noise_map(pulses=3), [-3.0, -5.0, -3.0])])[0]
    assert series.labels == ["−3 V", "−3 V #2", "−5 V"]
    assert series.levels.tolist() == [-3.0, -5.0]
    curve = point_curves(aligned_series(series), [point(1, 9, 9)])[0]
    assert curve.values.shape == (3, 3)
    assert len(curve.steps) == 1


def test_a_voltage_scanned_twice_shows_what_changed_between_scans():
    maps = noise_map(pulses=3, seed=2)
    maps[2] *= 1.3
    aligned = aligned_series(series_from_results([result(maps, [-3.0, -5.0, -3.0])])[0])
    (found,) = repeats_of_series(aligned)
    assert found.ratio.median == pytest.approx(1.3, rel=0.02)
    assert found.labels == ("−3 V", "−3 V #2")
    assert "between scans" in found.warning
    same = series_from_results([result(noise_map(pulses=2, seed=2), [-3.0, -3.0])])[0]
    assert repeats_of_series(aligned_series(same))[0].warning == ""
    assert repeats_of_series(aligned_series(series_from_results([result(maps, [-3.0, -5.0, -6.0])])[0])) == []


def heights_of_points(levels, *, shape=(20, 30), noise=0.002, seed=3):
    """H of scans in which the right half responds as the second list of levels says, the left as the first."""
    rng = np.random.default_rng(seed)
    maps = np.empty((len(levels[0]), *shape))
    maps[:, :, :15], maps[:, :, 15:] = (np.array(each)[:, None, None] for each in levels)
    return maps + noise * rng.standard_normal(maps.shape)


def test_points_are_equal_at_the_smallest_voltage_or_are_said_not_to_be():
    voltages = [-3.0, -5.0, -6.0]
    for second, equal in (([0.3, 0.5, 0.7], True), ([0.36, 0.5, 0.7], False)):
        series = series_from_results([result(heights_of_points(([0.3, 0.6, 0.9], second)), voltages)])[0]
        curves = point_curves(aligned_series(series), [point(1, 9, 5), point(2, 9, 24)])
        equality = equality_of_points(curves)
        assert equality.voltage == -3.0
        assert equality.points == (1, 2)
        assert equality.degrees == 4
        # Two points: Tukey's test is Student's.
        t_test = scipy.stats.ttest_ind(curves[0].values[0], curves[1].values[0])
        assert equality.p_value == pytest.approx(t_test.pvalue, rel=3e-3)
        assert equality.difference == pytest.approx(abs(np.diff([c.means[0] for c in curves])[0]))
        assert ("are equal" in equality.sentence) is equal
    assert equality_of_points(curves[:1]) is None
    assert equality_of_points([]) is None


def test_a_straight_rise_is_told_from_a_bent_one():
    voltages = [-3.0, -5.0, -6.0, -8.0]
    straight, bent = [0.3, 0.5, 0.6, 0.8], [0.3, 0.6, 0.7, 0.8]
    series = series_from_results([result(heights_of_points((straight, bent)), voltages)])[0]
    first, second = point_curves(aligned_series(series), [point(1, 9, 5), point(2, 9, 24)])
    assert (first.verdict, first.linear_to) == ("rising", -8.0)
    assert first.p_linear > 0.05
    assert second.p_linear < 0.001
    assert "linear up to −8 V" in first.sentence
    assert "not linear" in second.sentence
    # Beyond a peak nothing is asked of the line.
    peaked = [0.3, 0.5, 0.6, 0.45]
    series = series_from_results([result(heights_of_points((peaked, straight)), voltages)])[0]
    curve = point_curves(aligned_series(series), [point(1, 9, 5)])[0]
    assert (curve.verdict, curve.linear_to) == ("peaked", -6.0)
    assert curve.p_linear > 0.05


def test_a_point_beside_the_scan_is_missing():
    series = series_from_results([result(noise_map(pulses=2), [-3.0, -5.0])])[0]
    inside, beside = point_curves(aligned_series(series), [point(1, 0, 0), point(2, 1, 160)])
    assert np.isfinite(inside.means).all()
    assert np.isnan(beside.means).all()
    assert beside.verdict == "untested"


def test_what_is_missing_is_said_and_the_rest_goes_on():
    unknown = result(noise_map(pulses=3), [np.nan, 0.0, -3.0])
    empty = result(np.full((1, 20, 30), np.nan), [-5.0])
    (series,) = series_from_results([unknown, empty], names=["a", "b"])
    assert series.labels == ["−3 V", "−5 V"]
    words = " ".join(series.missing)
    assert "voltage of pulse setting 1 of a is not known" in words
    assert "Pulse setting 2 of a has no voltage (0 V)" in words
    assert "H at −5 V has no value in any pixel" in words
    aligned = aligned_series(series)
    assert point_curves(aligned, [point(1, 9, 9)])[0].verdict == "untested"
    assert set(verdict_map(aligned)["verdict"].values.ravel().tolist()) == {
        VERDICT_MEANINGS.index("untested")
    }
    assert distributions_of_series(series).sentences == []
    assert series_from_results([result(noise_map(), [np.nan])]) == []


def test_scans_of_unlike_size_are_said_with_width_and_height():
    (series,) = series_from_results(
        [result(np.ones((1, 20, 30)), [-3.0]), result(np.ones((1, 22, 31)), [-5.0])]
    )
    assert "(30 × 20, 31 × 22 pixels)" in " ".join(series.missing)


def test_one_voltage_is_a_series_that_cannot_be_judged():
    (series,) = series_from_results([result(noise_map(), [-3.0])])
    assert any("one voltage only (−3 V)" in sentence for sentence in series.missing)
    aligned = aligned_series(series)
    curve = point_curves(aligned, [point(1, 9, 9)])[0]
    assert curve.verdict == "untested"
    assert np.isfinite(curve.means).all()
    assert curve.first_step == ""
    assert aligned.colour_limits()[0] < aligned.colour_limits()[1]


def test_nothing_but_missing_values_has_limits_and_distributions_all_the_same():
    (series,) = series_from_results([result(np.full((2, 8, 9), np.nan), [-3.0, -5.0])])
    aligned = aligned_series(series)
    assert aligned.colour_limits() == (0.0, 1.0)
    found = distributions_of_series(series)
    assert [one.n for one in found.each] == [0, 0]
    assert verdict_map(aligned)["verdict"].shape == (8, 9)


def test_one_colour_scale_holds_all_voltages_and_no_hot_pixel():
    maps = noise_map(pulses=2, seed=1) * np.array([1.0, 3.0])[:, None, None]
    maps[0, 3, 3] = 1e3
    low, high = aligned_series(series_from_results([result(maps, [-3.0, -5.0])])[0]).colour_limits()
    assert 0.25 < low < 0.3
    assert 0.9 < high < 1.0


def test_images_of_a_joined_file_go_to_their_own_pulses():
    image = channel(np.zeros((4, 5)), "Topography")
    titles = {"Topography": image, "Topography (scan2)": image + 1, "Error": image + 2}
    first, other = images_of_pulses(titles, ["scan1: Traces (-3 V)", "scan2: Traces (-5 V)"], 2)
    assert set(first) == {"Topography", "Error"}
    assert other["Topography"] is titles["Topography (scan2)"]
    assert images_of_pulses({"Topography": image}, [], 2) == [{"Topography": image}] * 2


def test_voltages_are_typeset():
    assert [voltage_text(volts) for volts in (-5.0, 3.5)] == ["−5 V", "+3.5 V"]


def test_histograms_broaden_move_and_flatten_as_in_the_paper():
    rng = np.random.default_rng(0)
    maps = [
        level + width * rng.standard_normal((64, 64))
        for level, width in ((0.3, 0.02), (0.5, 0.04), (0.6, 0.07))
    ]
    maps[2][5, 5] = 50.0  # a hot pixel is no displacement
    series = series_from_results(
        [result(one[None], [volts]) for one, volts in zip(maps, (-3.0, -5.0, -6.0), strict=True)]
    )[0]
    found = distributions_of_series(series)
    assert found.histograms.edges[-1] < 1.5
    assert (found.each[2].n, found.each[2].outside) == (4095, 0)
    for one, (level, width) in zip(found.each, ((0.3, 0.02), (0.5, 0.04), (0.6, 0.07)), strict=True):
        assert one.mode.value == pytest.approx(level, abs=0.5 * width)
        assert one.mode.low <= one.mode.value <= one.mode.high
        # The kernel's own width adds to that of the data.
        assert one.width.value == pytest.approx(2.355 * width, rel=0.12)
        assert one.width.low < 2.355 * width < 1.1 * one.width.high
        assert one.iqr == pytest.approx(1.349 * width, rel=0.05)
        assert one.median == pytest.approx(level, abs=0.01)
        counts = found.histograms.counts[one.label]
        assert one.peak.value == pytest.approx(counts.max(), rel=0.25)
        assert counts.sum() == one.n - one.outside
    broad, peak, mode = found.sentences
    assert broad.startswith("The distribution broadens from −3 V to −6 V")
    assert peak.startswith("Its peak falls")
    assert mode.startswith("The most frequent value moves to larger values")
    assert all("at every step" in sentence for sentence in found.sentences)


def test_equal_distributions_are_not_said_to_change():
    changed = 0
    for seed in range(20):
        maps = np.random.default_rng(seed).standard_normal((3, 32, 32))
        found = distributions_of_series(series_from_results([result(maps, [-3.0, -5.0, -6.0])])[0], seed=seed)
        changed += sum("as far as the intervals tell" not in sentence for sentence in found.sentences)
    assert changed <= 7  # of 60, at 5 % each and as unlikely as 1 in 100


def test_smooth_maps_have_wider_intervals_than_their_pixels_say():
    results, _, _ = scans((-3.0, -5.0), shape=(60, 64), curves=["rising"], noise=0.0005)
    (series,) = series_from_results(results)
    one = distributions_of_series(series).each[0]
    shuffled = np.random.default_rng(0).permutation(results[0]["H"].values.ravel()).reshape(1, 60, 64)
    (alone,) = series_from_results([result(shuffled, [-3.0])])
    other = distributions_of_series(alone).each[0]
    assert one.independent < 0.1 * one.n
    assert other.independent > 0.5 * other.n
    for name in ("mode", "width"):
        spans = [getattr(each, name).high - getattr(each, name).low for each in (one, other)]
        assert spans[0] > 2 * spans[1]
