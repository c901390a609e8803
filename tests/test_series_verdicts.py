"""Rising, saturating, peaked: right for the paper's points at its noise, and no more often wrong than the level."""

import numpy as np
import pytest
from scipy.stats import binomtest, studentized_range
from scipy.stats import t as student
from series_examples import CURVES, NOISE, VOLTAGES, point, result, scans

from napari_tesm import save
from napari_tesm.gwy.objects import metadata_entries
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.channels import channels_from_container
from napari_tesm.regions.shapes import PinnedPoint
from napari_tesm.series import (
    VERDICT_MEANINGS,
    aligned_series,
    counts_of_verdicts,
    noise_of_series,
    point_curves,
    series_from_results,
    verdict_map,
    verdicts_from_values,
)
from napari_tesm.series.points import adjacent_values
from napari_tesm.series.ranges import family_probability, moderation, range_critical, range_probability
from napari_tesm.series.verdicts import Noise, residual_variances

WORDS = {
    "saturating": ("saturating", -5.0),
    "peaked late": ("peaked", -6.0),
    "peaked early": ("peaked", -5.0),
    "rising": ("rising", np.nan),
    "flat": ("flat", np.nan),
}


def simulated(name, count, *, noise=NOISE, seed=0, voltages=VOLTAGES, texture=0.03):
    """Return points of a curve, shape (point, scan, pixel): pixels differ by themselves, alike at all voltages."""
    rng = np.random.default_rng(seed)
    curve = np.array([CURVES[name][VOLTAGES.index(volts)] for volts in voltages])
    pixels = texture * rng.standard_normal((count, 1, 3))
    return curve[None, :, None] + pixels + noise * rng.standard_normal((count, len(voltages), 3))


def share_right(found, name):
    word, volts = WORDS[name]
    right = found.kind == VERDICT_MEANINGS.index(word)
    if np.isfinite(volts):
        right &= found.voltage == volts
    return right.mean()


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_verdicts_are_right_for_19_of_20_points_at_the_papers_noise(name, factor):
    # Three times the noise of the simulator is 5 % of the displacement at −3 V.
    values = simulated(name, 1500, noise=factor * NOISE, seed=1)
    alone = verdicts_from_values(values, VOLTAGES)
    # Of flat points the level itself is called something.
    least = 0.935 if name == "flat" else 0.95
    assert share_right(alone, name) >= least
    variances, degrees = residual_variances(values, VOLTAGES)
    lent = verdicts_from_values(values, VOLTAGES, noise=Noise(*moderation(variances, degrees)))
    assert share_right(lent, name) >= least


@pytest.mark.parametrize("lent", [False, True])
@pytest.mark.parametrize("count", [3, 5, 6])
def test_points_that_do_not_depend_on_the_voltage_are_called_flat_at_the_level(count, lent):
    rng = np.random.default_rng(count)
    volts = -np.arange(3.0, 3.0 + count)
    values = rng.standard_normal((4000, count, 3)) + rng.standard_normal((4000, 1, 3))
    noise = Noise(*moderation(*residual_variances(values, volts))) if lent else None
    wrong = int(
        (verdicts_from_values(values, volts, noise=noise).kind != VERDICT_MEANINGS.index("flat")).sum()
    )
    assert binomtest(wrong, 4000, 0.05, alternative="greater").pvalue > 1e-3
    assert wrong > 100  # and not because nothing is ever found


def test_a_linear_rise_is_seldom_called_a_saturation():
    rng = np.random.default_rng(0)
    line = -0.1 * np.array(VOLTAGES)
    for noise in (0.02, 0.06, 0.12):
        values = line[None, :, None] + noise * rng.standard_normal((2000, 5, 3))
        wrong = int(
            (verdicts_from_values(values, VOLTAGES).kind == VERDICT_MEANINGS.index("saturating")).sum()
        )
        assert wrong <= 0.05 * 2000


def test_a_small_slope_of_a_plateau_is_a_plateau_however_small_the_noise():
    rng = np.random.default_rng(0)
    curve = np.array([0.3, 0.6, 0.603, 0.606, 0.609])
    values = curve[None, :, None] + 1e-4 * rng.standard_normal((50, 5, 3))
    assert (verdicts_from_values(values, VOLTAGES).kind == VERDICT_MEANINGS.index("saturating")).all()


def test_order_and_repetition_of_the_voltages_do_not_matter():
    values = simulated("saturating", 20, seed=3)
    order = [3, 0, 4, 1, 2]
    plain = verdicts_from_values(values, VOLTAGES)
    mixed = verdicts_from_values(values[:, order], np.array(VOLTAGES)[order])
    assert np.array_equal(plain.kind, mixed.kind)
    assert np.allclose(plain.means, mixed.means, atol=0)
    assert np.allclose(plain.p_value, mixed.p_value, atol=0)
    twice = verdicts_from_values(np.concatenate([values, values], axis=1), VOLTAGES * 2)
    assert np.allclose(twice.means, plain.means, atol=0)
    assert (twice.degrees > plain.degrees).all()
    # The sign of the voltages does not count, their size does.
    assert np.array_equal(verdicts_from_values(values, -np.array(VOLTAGES)).kind, plain.kind)


def test_missing_voltages_are_left_out_of_a_point_and_too_few_are_missing():
    values = simulated("saturating", 6, seed=4)
    values[1, 2] = np.nan
    values[2, 1:4, 0] = np.nan
    values[3, 1:] = np.nan
    values[4] = np.nan
    found = verdicts_from_values(values, VOLTAGES)
    names = [VERDICT_MEANINGS[kind] for kind in found.kind]
    assert names[:2] == ["saturating", "saturating"]
    assert names[2] == "rising"  # two voltages can show no more
    assert names[3:5] == ["untested", "untested"]
    assert np.isnan(found.means[1, 2])
    assert np.isfinite(found.means[3, 0])
    one = verdicts_from_values(values[:, :1], VOLTAGES[:1])
    assert set(one.kind.tolist()) == {VERDICT_MEANINGS.index("untested")}
    assert verdicts_from_values(np.zeros((0, 5, 3)), VOLTAGES).kind.size == 0


def test_what_turns_twice_gets_no_verdict():
    rng = np.random.default_rng(0)
    curve = np.array([0.3, 0.6, 0.3, 0.6, 0.3])
    values = curve[None, :, None] + 0.005 * rng.standard_normal((20, 5, 3))
    assert (verdicts_from_values(values, VOLTAGES).kind == VERDICT_MEANINGS.index("undecided")).all()
    falling = curve[::-1].copy()
    falling[:] = [0.6, 0.5, 0.4, 0.3, 0.2]
    values = falling[None, :, None] + 0.005 * rng.standard_normal((20, 5, 3))
    assert (verdicts_from_values(values, VOLTAGES).kind == VERDICT_MEANINGS.index("falling")).all()


@pytest.mark.parametrize(
    ("values", "volts", "words"),
    [
        (np.zeros((4, 5, 3)), (-3, -5), "shape"),
        (np.zeros((4, 2, 3)), (-3, np.nan), "known and of one sign"),
        (np.zeros((4, 2, 3)), (-3, 5), "known and of one sign"),
    ],
)
def test_what_is_no_series_is_refused_in_a_sentence(values, volts, words):
    with pytest.raises(ValueError, match=words):
        verdicts_from_values(values, volts)


@pytest.mark.parametrize(("groups", "degrees"), [(2, 10), (3, 4), (5, 8), (6, 30.5), (8, 1e7)])
def test_the_range_of_means_is_that_of_scipy(groups, degrees):
    t = np.array([0.5, 2.0, 3.0, 4.5])
    expected = studentized_range.sf(t * np.sqrt(2), groups, degrees)
    assert np.allclose(range_probability(t, groups, degrees), expected, rtol=1e-4, atol=1e-7)
    critical = studentized_range.ppf(0.95, groups, degrees) / np.sqrt(2)
    assert range_critical(0.05, groups, degrees) == pytest.approx(critical, rel=1e-4)
    # Far out, where the integral has lost its digits, p still falls, and is never too small.
    p = family_probability([1.0, 3.0, 10.0, 40.0, 160.0], groups, degrees)
    assert np.all(np.diff(p) <= 0)
    assert p[2] >= 0.999 * 2 * student.sf(10.0, degrees)  # of one pair alone


@pytest.mark.parametrize("true", [4.0, 20.0, np.inf])
def test_the_strength_of_neighbours_is_found(true):
    rng = np.random.default_rng(0)
    variances = 2.0 * rng.chisquare(10, 4000) / 10
    if np.isfinite(true):
        variances = variances / (rng.chisquare(true, 4000) / true)
    variance, degrees = moderation(variances, 10)
    assert variance == pytest.approx(2.0, rel=0.05)
    assert degrees == pytest.approx(true, rel=0.25) if np.isfinite(true) else degrees > 200
    assert moderation(variances[:5], 10)[1] == 0


@pytest.fixture(scope="module")
def aligned():
    drift = [[0, 0], [2.3, -1.1], [-1.7, 1.6], [0.4, 1.3], [1.0, -2.0]]
    results, images, truth = scans(drift=drift, shape=(48, 100), seed=5)
    return aligned_series(series_from_results(results, images=images)[0]), truth


@pytest.mark.slow
def test_the_map_of_verdicts_goes_into_a_gwy_file_with_its_meanings(aligned, tmp_path):
    series, _ = aligned
    found = verdict_map(series)
    save(tmp_path / "verdicts.gwy", None, channels=list(found.data_vars.values()))
    container = read_container(tmp_path / "verdicts.gwy")
    channels = {str(one.attrs["long_name"]): one for one in channels_from_container(container)}
    kinds = channels["Verdict"]
    assert np.array_equal(kinds.values, found["verdict"].values)
    assert np.allclose(kinds["x"], found["x"], atol=0)
    assert metadata_entries(container["/0/meta"])["Values"].startswith("0 rising, 1 saturating, 2 peaked")
    volts = channels["Verdict voltage"].values
    known = np.isfinite(found["verdict_voltage"].values)
    assert np.array_equal(volts[known], found["verdict_voltage"].values[known])


def pinned(aligned, row, column, number=1):
    grid = aligned.grid
    return PinnedPoint(number, float(grid["x"][column]), float(grid["y"][row]), colour="#ff0000")


def test_the_map_of_verdicts_knows_every_band(aligned):
    series, truth = aligned
    found = verdict_map(series)
    assert found["verdict"].attrs["flag_meanings"].split() == list(VERDICT_MEANINGS)
    assert sum(counts_of_verdicts(found).values()) == truth.size
    for number, name in enumerate(CURVES):
        columns = slice(
            20 * number + 6, 20 * number + 14
        )  # a drifted band border is neither the one nor the other
        kinds, volts = (found[key].values[4:-4, columns] for key in ("verdict", "verdict_voltage"))
        word, expected = WORDS[name]
        right = kinds == VERDICT_MEANINGS.index(word)
        if np.isfinite(expected):
            right &= volts == expected
        assert right.mean() >= (0.9 if name == "flat" else 0.95), name


def test_points_are_the_mean_and_the_standard_deviation_of_three_measured_pixels(aligned):
    series, _ = aligned
    curve = point_curves(series, [pinned(series, 20, 10)])[0]
    own = series.series.members[0].values("H")[20, 9:12]
    assert curve.means[0] == pytest.approx(own.mean())
    assert curve.stds[0] == pytest.approx(own.std(ddof=1))
    # In a drifted scan the same place, not the same pixel.
    assert np.array_equal(curve.values[1], series.series.members[1].values("H")[22, 8:11])


def test_each_point_is_judged_in_a_sentence_with_its_tests(aligned):
    series, _ = aligned
    points = [pinned(series, 24, 20 * number + 10, number + 1) for number in range(5)]
    curves = point_curves(series, points)
    assert [curve.verdict for curve in curves[:4]] == ["saturating", "peaked", "peaked", "rising"]
    assert curves[0].sentence.startswith(
        "Point 1 saturates from −5 V (rise −3 V → −5 V: p < 10⁻⁶; from −5 V to −8 V flat: p"
    )
    assert curves[1].sentence.startswith("Point 2 peaks at −6 V")
    assert curves[2].sentence.startswith("Point 3 peaks at −5 V")
    assert "rises up to −8 V (last step −7 V → −8 V: p" in curves[3].sentence
    for curve in curves[:4]:
        assert "−3 V does not saturate" in curve.first_step
        assert "H(−5 V) > H(−3 V), p < 10⁻⁶" in curve.first_step
    assert "open" in curves[4].first_step


def test_the_three_pixels_at_the_border_and_beyond():
    values = np.arange(20.0).reshape(4, 5)
    assert adjacent_values(values, 1, 0).tolist() == [5, 6, 7]
    assert adjacent_values(values, 1, 4.4).tolist() == [7, 8, 9]
    assert np.isnan(adjacent_values(values, 1, 5.5)).all()
    assert np.isnan(adjacent_values(values, -0.6, 2)).all()
    assert adjacent_values(values[:, :2], 1, 0)[:2].tolist() == [5, 6]


def flat_scans(*, line=0.0, noise=0.01, seed=0, count=4, shape=(60, 60)):
    rng = np.random.default_rng(seed)
    maps = [
        0.3 + noise * rng.standard_normal(shape) + line * rng.standard_normal((shape[0], 1))
        for _ in range(count)
    ]
    return [result(one[None], [-(3.0 + number)]) for number, one in enumerate(maps)]


def test_noise_that_a_line_shares_does_not_make_verdicts():
    for line in (0.0, 0.02):
        aligned = aligned_series(series_from_results(flat_scans(line=line))[0])
        noise = noise_of_series(aligned)
        expected = np.sqrt(1 + line**2 * 3 / 0.01**2)
        assert noise.line == pytest.approx(expected, rel=0.15)
        assert noise.variance == pytest.approx(1e-4, rel=0.1)
        counts = counts_of_verdicts(verdict_map(aligned, noise=noise))
        assert counts["flat"] >= 0.92 * 3600


def test_contraction_is_a_response_as_good_as_expansion():
    results, images, _ = scans(
        shape=(48, 100), seed=5, sign=-1.0, curves=["saturating"], voltages=(3.0, 5.0, 6.0, 7.0)
    )
    series = series_from_results(results, images=images)[0]
    assert series.sign == -1
    curve = point_curves(aligned_series(series), [point(2, 25, 50)])[0]
    assert curve.verdict == "saturating"
    assert curve.voltage == 5.0
    assert curve.means[0] < 0  # shown as measured


def test_diffusion_coefficients_are_followed_too_where_they_have_values():
    rng = np.random.default_rng(0)
    results = []
    for volts, level in ((-3.0, 2e-13), (-5.0, 4e-13), (-6.0, 4e-13), (-7.0, 4e-13)):
        D = level * np.exp(0.05 * rng.standard_normal((1, 20, 30)))
        D[0, 5] = np.nan
        results.append(result(0.3 + 0.01 * rng.standard_normal((1, 20, 30)), [volts], D2=D))
    aligned = aligned_series(series_from_results(results)[0])
    good, bad = point_curves(aligned, [point(1, 10, 15), point(2, 5, 15)], name="D2")
    assert (good.verdict, good.voltage) == ("saturating", -5.0)
    assert good.unit == "m²/s"
    assert good.means[0] == pytest.approx(2e-13, rel=0.1)
    assert bad.verdict == "untested"
    assert "0 of 4 voltages" in bad.sentence
