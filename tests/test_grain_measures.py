"""Boundaries of grains: distances that can be counted by hand, statistics with known truth, and the test's level."""

import re

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom
from simulated_grains import maps_of_grains, simulated_grains

from napari_tesm.grains import (
    Grains,
    boundaries_from_grains,
    curve_from_boundary,
    defect_candidates,
    measures_at_boundaries,
    overrides_from_regions,
    table_of_grains,
)
from napari_tesm.grains.boundaries import default_band_width
from napari_tesm.grains.measures import default_bin_width, measure_at_boundaries, shares_of_classes
from napari_tesm.regions.measures import comparison_of_masks
from napari_tesm.regions.shapes import Region
from napari_tesm.statistics.ranks import comparison_from_values


def halves(shape=(6, 10), column=4, spacing=(3e-9, 2e-9)):
    labels = np.ones(shape, dtype=np.int32)
    labels[:, column:] = 2
    return Grains(labels, spacing)


def test_distance_is_from_the_side_between_two_grains():
    found = boundaries_from_grains(halves(), 6e-9)
    np.testing.assert_allclose(
        found.distance[0], 2e-9 * np.array([3.5, 2.5, 1.5, 0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5])
    )
    np.testing.assert_array_equal(found.mask("boundary").sum(axis=0), [0, 0, 6, 6, 6, 6, 0, 0, 0, 0])
    assert found.length == pytest.approx(6 * 3e-9)


def test_distance_knows_oblong_pixels():
    labels = np.ones((21, 21), dtype=np.int32)
    labels[10, 10] = 2
    found = boundaries_from_grains(Grains(labels, (4e-9, 1e-9)), 3e-9)
    assert found.distance[10, 16] == pytest.approx(5.5e-9)
    assert found.distance[12, 10] == pytest.approx(6e-9)
    # The corner of the pixel lies half a pixel off in both directions.
    assert found.distance[12, 13] == pytest.approx(np.hypot(6e-9, 2.5e-9))


def test_a_band_thinner_than_a_pixel_takes_the_pixels_beside_the_boundary():
    found = boundaries_from_grains(halves(spacing=(2e-9, 2e-9)), 0.1e-9)
    assert found.mask("boundary").sum() == 12
    assert "narrower than a pixel" in found.notes[0]


def test_edges_gaps_and_defects_are_no_boundary_of_grains():
    labels = np.ones((9, 20), dtype=np.int32)
    labels[:, 8:11] = 0
    labels[:, 11:] = 2
    assert not np.isfinite(boundaries_from_grains(Grains(labels, (1e-9, 1e-9)), 2e-9).distance).any()
    labels[:, 8:11] = 3
    beside = Grains(labels, (1e-9, 1e-9), label_classes={3: "defect"})
    found = boundaries_from_grains(beside, 2e-9)
    assert "no boundary" in found.notes[0]
    assert found.mask("defect").sum() == 27
    cluster = boundaries_from_grains(beside.with_class(3, "cluster"), 2e-9)
    assert cluster.mask("cluster").sum() == 27
    np.testing.assert_array_equal(cluster.mask("boundary").sum(axis=0).nonzero()[0], [7, 11])


def test_drawn_clusters_and_defects_override():
    x, y = (np.arange(10) + 0.5) * 2e-9, (np.arange(6) + 0.5) * 3e-9
    box = [(6e-9, 0), (12e-9, 0), (12e-9, 9e-9), (6e-9, 9e-9)]
    regions = [
        Region.from_xy("rectangle", box, name="defect 2"),
        Region.from_xy("rectangle", np.array(box) + 9e-9, name="mine", region_class="cluster"),
        Region.from_xy("rectangle", box, name="a step", region_class="step"),
    ]
    masks = overrides_from_regions(regions, x, y)
    assert set(masks) == {"defect", "cluster"}
    found = boundaries_from_grains(halves(), 6e-9, overrides=masks)
    np.testing.assert_array_equal(found.mask("defect"), masks["defect"])
    assert found.mask("cluster").sum() == masks["cluster"].sum() > 0
    assert sum(shares_of_classes(found).values()) == pytest.approx(1)
    with pytest.raises(ValueError, match="differ in size"):
        boundaries_from_grains(halves(), 6e-9, overrides={"defect": np.zeros((2, 2))})


@pytest.mark.parametrize("width", [0.0, -1.0, np.nan])
def test_a_band_without_a_width_is_refused(width):
    with pytest.raises(ValueError, match="wider than zero"):
        boundaries_from_grains(halves(), width)


@pytest.fixture(scope="module")
def truth():
    return simulated_grains("domes", shape=(96, 96))


@pytest.fixture(scope="module")
def boundaries(truth):
    return boundaries_from_grains(Grains(truth.labels.astype(np.int32), truth.spacing), 25e-9)


@pytest.mark.parametrize(("ratio", "word"), [(1.8, "higher"), (0.6, "lower")])
def test_the_verdict_has_the_sign_and_size_of_the_truth(truth, boundaries, ratio, word):
    found = {
        one.quantity: one for one in measures_at_boundaries(maps_of_grains(truth, ratio=ratio), boundaries)
    }
    d2 = found["D2"]
    assert d2.comparison.ratio_low <= ratio <= d2.comparison.ratio_high
    assert f"D2 (-3 V) is {word} at boundaries by factor" in d2.verdict
    assert f"[{d2.comparison.ratio_low:.3g}, {d2.comparison.ratio_high:.3g}]" in d2.verdict
    # Described by logarithms: the mean at boundaries is that of 4e-13 times the ratio.
    assert d2.values["boundary"].mean == pytest.approx(np.log10(4e-13 * ratio), abs=0.05)
    assert d2.values["cluster"].n == 0
    assert "cannot be told" in found["H"].verdict


def test_the_verdict_names_the_pixels_of_boundaries_first(truth, boundaries):
    """Beside the pixels stand the independent ones, of which boundaries and interiors have their own numbers."""
    pixels = [int(boundaries.mask(name).sum()) for name in ("boundary", "interior")]
    assert pixels[0] != pixels[1]
    white = np.random.default_rng(5).lognormal(0, 0.3, truth.labels.shape)
    found = measure_at_boundaries(white, boundaries, "D2", "m²/s", logarithmic=True)
    words = re.search(r"n = (\d+) and (\d+), as (\d+) and (\d+) independent", found.verdict)
    numbers = [int(number) for number in words.groups()]
    assert numbers[:2] == pixels
    assert numbers[2:] == pytest.approx(pixels, rel=0.3)
    assert (numbers[2] < numbers[3]) == (pixels[0] < pixels[1])


def test_a_contraction_is_compared_by_its_size(truth, boundaries):
    height = -0.1 * np.where(boundaries.mask("boundary"), 2.0, 1.0)
    height = height + np.random.default_rng(0).normal(0, 0.01, height.shape)
    found = measure_at_boundaries(height, boundaries, "H", "V", "(+3 V)")
    assert "|H (+3 V)| is higher at boundaries by factor 2" in found.verdict


def test_a_quantity_that_changes_sign_has_no_factor(truth, boundaries):
    noise = np.random.default_rng(0).standard_normal(truth.labels.shape)
    assert "cannot be told" in measure_at_boundaries(noise, boundaries, "H", "V").verdict
    lower = measure_at_boundaries(noise - 2.0 * boundaries.mask("boundary"), boundaries, "H", "V")
    assert "H is lower at boundaries than in interiors" in lower.verdict


def test_one_grain_has_nothing_to_compare_and_says_so():
    one = boundaries_from_grains(Grains(np.ones((9, 9), dtype=np.int32), (1e-9, 1e-9)), 2e-9)
    found = measure_at_boundaries(np.ones((9, 9)), one, "D2", "m²/s")
    assert found.comparison is None
    assert "no pixel of boundaries" in found.verdict
    assert curve_from_boundary(np.ones((9, 9)), one, bin_width=1e-9).n.size == 0


def shuffled_blocks(rng, shape, block):
    """A map whose blocks lie anywhere: neighbours are alike, boundaries are not what they are alike by."""
    rows, columns = (int(np.ceil(n / block)) + 1 for n in shape)
    coarse = rng.standard_normal((rows, columns)).repeat(block, 0).repeat(block, 1)
    down, right = rng.integers(0, block, 2)
    return coarse[down : down + shape[0], right : right + shape[1]] + 0.5 * rng.standard_normal(shape)


@pytest.mark.parametrize("block", [1, 4, 8])
def test_on_shuffled_maps_the_test_keeps_its_level_for_boundaries_and_for_steps(truth, boundaries, block):
    small = np.s_[:48, :48]
    masks = [boundaries.mask(name)[small] for name in ("boundary", "interior")]
    rows, columns = np.indices(masks[0].shape)
    step = np.abs((columns - 24) * 0.8 + (rows - 24) * 0.6) < 3
    trials, rejected, naive = 100, np.zeros(2, dtype=int), 0
    for seed in range(trials):
        values = np.exp(shuffled_blocks(np.random.default_rng(seed), masks[0].shape, block))
        pairs = (tuple(masks), (step, ~step))
        found = [comparison_of_masks(values, *pair, ("a", "b"), many_decades=True) for pair in pairs]
        rejected += [one.significant for one in found]
        naive += comparison_from_values(values[step], values[~step]).significant
    assert (rejected <= binom.ppf(0.999, trials, 0.05)).all()
    if block == 8:  # counted by pixels, the step would be "significant" again and again
        assert naive > 3 * binom.ppf(0.999, trials, 0.05)


def test_the_curve_falls_from_the_boundary_and_its_intervals_hold_the_truth(truth, boundaries):
    maps = maps_of_grains(truth, ratio=2.0, scatter=0.3)
    curve = curve_from_boundary(maps["D2"].values[0], boundaries, bin_width=5e-9, logarithmic=True)
    np.testing.assert_allclose(curve.distance[:3], [2.5e-9, 7.5e-9, 12.5e-9])
    assert curve.n.sum() == truth.labels.size
    assert curve.median[0] == pytest.approx(8e-13, rel=0.1)
    far = curve.distance > 20e-9
    assert np.nanmedian(curve.median[far]) == pytest.approx(4e-13, rel=0.1)
    known = np.isfinite(curve.low)
    assert (curve.low[known] <= curve.median[known]).all()
    assert (curve.median[known] <= curve.high[known]).all()
    assert (curve.independent <= curve.n).all()
    with pytest.raises(ValueError, match="wider than zero"):
        curve_from_boundary(maps["D2"].values[0], boundaries, bin_width=0.0)


def test_pixels_on_the_border_of_two_bins_belong_to_the_farther_whatever_the_last_bit():
    """Pixels of 0.4 µm lie 0.2, 0.6, 1.0 … µm away, and the bins are 1 µm wide; of a file the size is a difference."""
    x = 3.7e-6 + (np.arange(12) + 0.5) * 0.4e-6
    widths = {0.4e-6, *np.diff(x), (x[-1] - x[0]) / 11, 0.4e-6 * (1 - 2e-16), 0.4e-6 * (1 + 2e-16)}
    assert len(widths) > 3
    for width in widths:
        edge = boundaries_from_grains(halves((6, 12), 6, spacing=(0.25e-6, width)), 1e-6)
        assert curve_from_boundary(np.ones((6, 12)), edge, bin_width=1e-6).n.tolist() == [24, 36, 12]


def test_the_interval_of_a_bin_widens_where_neighbours_are_alike(truth, boundaries):
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(3).standard_normal(truth.labels.shape)
    smooth = gaussian_filter(noise, 3)
    white, alike = (
        curve_from_boundary(image / image.std(), boundaries, bin_width=10e-9) for image in (noise, smooth)
    )
    assert (alike.high - alike.low)[0] > 2 * (white.high - white.low)[0]


def test_the_table_counts_what_can_be_counted_by_hand():
    grains = halves().with_class(2, "cluster")
    edge = boundaries_from_grains(grains, 4e-9)
    values = np.arange(60, dtype=float).reshape(1, 6, 10)
    values[0, 0, 0] = np.nan
    maps = xr.Dataset(
        {"H": (("pulse", "y", "x"), values, {"units": "V"})},
        coords={"voltage": ("pulse", [-3.0]), "direction": ("pulse", [""])},
    )
    rows = table_of_grains(grains, edge, maps, topography=np.full((6, 10), 5e-9))
    assert [(row.number, row.grain_class, row.pixels, row.at_edge) for row in rows] == [
        (1, "grain", 24, True),
        (2, "cluster", 36, True),
    ]
    assert rows[0].area == pytest.approx(24 * 6e-18)
    assert rows[0].diameter == pytest.approx(2 * np.sqrt(24 * 6e-18 / np.pi))
    assert rows[0].height == pytest.approx(5e-9)
    first = rows[0].values["H", 0]
    inside = values[0, :, :4].ravel()
    assert first.n == 23
    assert first.median == np.nanmedian(inside)
    assert first.iqr == pytest.approx(np.subtract(*np.nanpercentile(inside, [75, 25])))
    at = values[0][:, 3]
    far = values[0][:, :3].ravel()
    assert first.boundary_ratio == pytest.approx(np.median(at) / np.nanmedian(far))
    assert rows[1].values["H", 0].n == 36
    # From the upper left pixel, whose own place is (0, 0).
    assert (rows[0].x, rows[0].y) == pytest.approx((1.5 * 2e-9, 2.5 * 3e-9))
    assert (rows[1].x, rows[1].y) == pytest.approx((6.5 * 2e-9, 2.5 * 3e-9))
    with pytest.raises(ValueError, match=r"\(10 × 6 pixels\) and the map \(3 × 2\) differ in size"):
        table_of_grains(grains, edge, topography=np.zeros((2, 3)))


def test_the_band_without_a_tip_radius_is_four_of_the_longer_sides():
    for spacing in ((3e-9, 2e-9), (2e-9, 3e-9)):
        width, why = default_band_width(None, spacing)
        assert width == pytest.approx(12e-9)
        assert "4 pixels" in why
    assert default_band_width(25e-9, (3e-9, 2e-9))[0] == pytest.approx(50e-9)


def test_particles_and_holes_are_proposed_and_grains_are_not():
    truth = simulated_grains("domes", seed=2)
    image = truth.topography.copy()
    x = y = (np.arange(96) + 0.5) * 5e-9
    assert defect_candidates(image, x, y, spacing=truth.spacing) == []
    image[30:36, 50:56] += 60e-9
    image[70:75, 20:25] -= 60e-9
    found = defect_candidates(image, x, y, spacing=truth.spacing)
    assert sorted(one.kind for one in found) == ["hole", "particle"]
    particle = next(one for one in found if one.kind == "particle")
    assert particle.height == pytest.approx(60e-9, rel=0.3)
    assert particle.mask[30:36, 50:56].all()
    masks = overrides_from_regions([particle.region], x, y)
    assert masks["defect"][31:35, 51:55].all()
    assert masks["defect"].sum() < 150


@pytest.mark.parametrize("spacing", [(3e-9, 8e-9), (8e-9, 3e-9)])
def test_a_defect_covers_its_pixels_and_its_ellipse_one_more_to_each_side(spacing):
    image = 0.2e-9 * np.random.default_rng(2).standard_normal((110, 90))
    image[40:50, 32:38] += 80e-9
    y, x = (
        corner + (np.arange(n) + 0.5) * d
        for corner, n, d in zip((-2e-7, 3e-7), image.shape, spacing, strict=True)
    )
    (found,) = defect_candidates(image, x, y, spacing=spacing)
    rows, columns = np.nonzero(found.mask)
    assert found.area == pytest.approx(rows.size * 24e-18)
    corners = found.region.xy()
    assert corners.min(axis=0) == pytest.approx([x[columns.min() - 1], y[rows.min() - 1]])
    assert corners.max(axis=0) == pytest.approx([x[columns.max() + 1], y[rows.max() + 1]])


def test_bins_are_round_and_two_pixels_wide():
    assert default_bin_width((5e-9, 5e-9)) == pytest.approx(10e-9)
    assert default_bin_width((6e-9, 3e-9)) == pytest.approx(20e-9)
    assert default_bin_width((3e-9, 6e-9)) == pytest.approx(20e-9)
