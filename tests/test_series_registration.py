"""The drift of the scans of a series: to a tenth of a pixel at SNR 5, whatever the texture."""

import re

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift
from series_examples import channel, result, scans

from napari_tesm.registration import shift_between
from napari_tesm.series import aligned_series, series_from_results
from napari_tesm.simulation.scene import drawn_scene

SHAPE = (48, 64)
MARGIN = 30


def texture(kind, rng):
    size = (SHAPE[0] + 2 * MARGIN, SHAPE[1] + 2 * MARGIN)
    if kind == "scan":
        return gaussian_filter(drawn_scene(size[1], size[0], rng).deflection_error, 0.6)
    if kind == "periodic":
        y, x = np.indices(size)
        angle, period = rng.uniform(0, np.pi), rng.uniform(12, 16)
        a, b = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        return np.cos(2 * np.pi * a / period) + np.cos(2 * np.pi * b / period)
    return gaussian_filter(rng.standard_normal(size), float(kind))


def pair(kind, seed, *, snr=5.0, largest=5.0):
    """Return a noisy scan, another of other contrast and offset, and what the second must be moved by."""
    rng = np.random.default_rng(seed)
    image = texture(kind, rng)
    image = image / image.std()
    dy, dx = rng.uniform(-largest, largest, 2)
    cut = tuple(slice(MARGIN, MARGIN + size) for size in SHAPE)
    other = shift(image, (-dy, -dx), order=5)[cut] + rng.standard_normal(SHAPE) / snr
    contrast = rng.uniform(0.3, 3.0)
    return image[cut] + rng.standard_normal(SHAPE) / snr, contrast * other + rng.uniform(-5, 5), (dy, dx)


@pytest.mark.parametrize("kind", ["1", "2", "scan", "periodic"])
def test_drift_is_found_within_a_tenth_of_a_pixel_at_snr_5(kind):
    errors, promised = [], []
    for seed in range(25):
        fixed, moving, true = pair(kind, seed, largest=4.0 if kind == "periodic" else 5.0)
        found = shift_between(fixed, moving)
        errors.append(np.hypot(found.dy - true[0], found.dx - true[1]))
        promised.append(found.error)
        assert found.after > found.before
    assert max(errors) < 0.1
    # The standard error it gives is that of the errors it makes.
    assert 0.5 < np.sqrt(np.mean(np.square(errors))) / np.median(promised) < 1.6


def test_a_surface_that_repeats_itself_is_said_to_and_the_smallest_shift_taken():
    rng = np.random.default_rng(0)
    y, x = np.indices((64, 64))
    image = np.cos(2 * np.pi * x / 8) + np.cos(2 * np.pi * y / 8)
    for dy, dx in ((1.4, -2.3), (-3.1, 0.6)):
        other = np.cos(2 * np.pi * (x + dx) / 8) + np.cos(2 * np.pi * (y + dy) / 8)
        found = shift_between(image + 0.2 * rng.standard_normal(image.shape), other)
        assert (found.dy, found.dx) == (pytest.approx(dy, abs=0.1), pytest.approx(dx, abs=0.1))
        assert found.alternatives
    assert shift_between(*pair("2", 0)[:2]).alternatives == ()


def test_tilt_hot_pixels_dead_lines_and_gaps_do_not_pull_the_drift():
    fixed, moving, true = pair("2", 7)
    moving = moving + np.linspace(0, 8, SHAPE[1])[None, :]
    moving[[5, 17, 30], [8, 40, 22]] = 1e4
    moving[20] = 0.0
    fixed[30:33] = np.nan
    moving[:, 12] = np.nan
    found = shift_between(fixed, moving)
    assert (found.dy, found.dx) == (pytest.approx(true[0], abs=0.1), pytest.approx(true[1], abs=0.1))


def test_images_with_nothing_in_common_are_refused_in_a_sentence():
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(12):
        a, b = (gaussian_filter(rng.standard_normal(SHAPE), 2) for _ in range(2))
        try:
            shift_between(a, b)
        except ValueError:
            refused += 1
    assert refused >= 11
    with pytest.raises(ValueError, match="too little in common"):
        shift_between(rng.standard_normal(SHAPE), rng.standard_normal(SHAPE))
    with pytest.raises(ValueError, match="too few values"):
        shift_between(np.full(SHAPE, np.nan), rng.standard_normal(SHAPE))


def test_a_line_has_a_drift_along_itself():
    rng = np.random.default_rng(0)
    line = gaussian_filter(rng.standard_normal(200), 2)[None]
    found = shift_between(line[:, 20:160], line[:, 23:163])
    assert found.dy == 0
    assert found.dx == pytest.approx(3, abs=0.05)
    assert np.isnan(found.dy_error)


@pytest.fixture(scope="module")
def drifted():
    drift = [[0, 0], [2.3, -3.1], [-1.7, 2.6], [0.4, 3.3]]
    results, images, truth = scans((-3.0, -5.0, -6.0, -7.0), drift=drift, shape=(60, 64), seed=5)
    return np.array(drift), results, images, truth


def test_scans_are_laid_on_the_first_by_their_surface(drifted):
    drift, results, images, _ = drifted
    aligned = aligned_series(series_from_results(results, images=images)[0])
    assert aligned.reference == 0
    for one, true in zip(aligned.alignments, drift, strict=True):
        assert np.hypot(*(np.add(one.pixels, true))) < 0.1
        assert one.length == pytest.approx(tuple(np.multiply(one.pixels, (8e-9, 6e-9))))
    for one in aligned.alignments[1:]:
        assert one.channel == "deflection error"
        assert one.shift.after > one.shift.before
        assert np.isnan(one.left) or one.left < 0.2
        assert one.warning == ""
        assert "correlation" in one.sentence
        words = re.search(r"\((\S+), (\S+)\) pixels right and down, \((\S+), (\S+)\) nm, ", one.sentence)
        right, down, across, along = (float(number) for number in words.groups())
        assert (right, down) == pytest.approx((one.pixels[1], one.pixels[0]), abs=0.006)
        # Pixels are 6 nm wide and 8 nm high.
        assert (across, along) == pytest.approx((6 * one.pixels[1], 8 * one.pixels[0]), rel=0.01)


def test_maps_are_moved_onto_each_other_and_measured_values_kept(drifted):
    drift, results, images, _ = drifted
    aligned = aligned_series(series_from_results(results, images=images)[0])
    for index in range(1, 4):
        measured = aligned.measured(index)
        own = results[index]["H"].values[0]
        known = measured[np.isfinite(measured)]
        assert np.isin(known, own).all()
        down, right = (int(np.floor(part + 0.5)) for part in drift[index])
        assert measured[20, 20] == own[20 + down, 20 + right]
        moved = aligned.moved(index)
        assert np.isfinite(moved).mean() > 0.85
    # The bands of the scene lie on each other only after the shift: 0.6 V beside 0.75 V.
    first, second = aligned.moved(1), aligned.moved(2)
    both = np.isfinite(first) & np.isfinite(second)
    after = np.corrcoef(first[both], second[both])[0, 1]
    before = np.corrcoef(results[1]["H"].values.ravel(), results[2]["H"].values.ravel())[0, 1]
    assert after > before + 0.02


def test_another_reference_turns_the_shifts_round(drifted):
    drift, results, images, _ = drifted
    aligned = aligned_series(series_from_results(results, images=images)[0], reference=2)
    assert np.hypot(*(np.add(aligned.alignments[0].pixels, drift[0] - drift[2]))) < 0.1
    with pytest.raises(ValueError, match="4 scans and none of number 9"):
        aligned_series(aligned.series, reference=9)


def test_without_a_surface_of_their_own_the_displacement_tells_the_drift():
    drift = [[0, 0], [2, -3]]
    results, images, _ = scans((-5.0, -6.0), drift=drift, shape=(60, 64), seed=2, curves=["rising"])
    for taken in ([], [[images[0][0]], [images[0][0]]]):  # none at all, or one and the same for both
        aligned = aligned_series(series_from_results(results, images=taken)[0])
        assert aligned.alignments[1].channel == "|H|"
        assert np.hypot(*(np.add(aligned.alignments[1].pixels, drift[1]))) < 0.3


def test_a_scan_that_cannot_be_registered_stays_and_says_why():
    rng = np.random.default_rng(0)
    maps = [result(rng.standard_normal((1, 30, 40)), [-3.0]), result(np.full((1, 30, 40), np.nan), [-5.0])]
    aligned = aligned_series(series_from_results(maps)[0])
    assert aligned.alignments[1].pixels == (0.0, 0.0)
    assert "could not be registered" in aligned.alignments[1].warning
    far = [maps[0], result(rng.standard_normal((1, 30, 40)), [-5.0], offset=(0.0, 1e-6))]
    assert "shares no pixel" in aligned_series(series_from_results(far)[0]).alignments[1].warning


@pytest.mark.parametrize("away", [(0, 40), (25, 0), (-18, -24)])
def test_a_scan_that_drifted_out_of_the_window_stays_and_says_why(away):
    rng = np.random.default_rng(6)
    large = gaussian_filter(rng.standard_normal((200, 220)), 2)
    tilt = np.linspace(0, 10 * large.std(), 64)[None, :]
    pictures = [large[70 + dy : 118 + dy, 80 + dx : 144 + dx] + tilt for dy, dx in ((0, 0), away)]
    maps = [result(np.ones((1, *SHAPE)) * level, [-volts]) for level, volts in ((0.3, 3.0), (0.5, 5.0))]
    images = [[{"Topography": channel(picture, "Topography")}] for picture in pictures]
    alignment = aligned_series(series_from_results(maps, images=images)[0]).alignments[1]
    assert alignment.shift is None
    assert alignment.pixels == (0.0, 0.0)
    assert "could not be registered: no shift within the window fits" in alignment.warning


def test_drift_within_a_scan_is_warned_of():
    rng = np.random.default_rng(3)
    image = gaussian_filter(rng.standard_normal((100, 100)), 1.5)
    image /= image.std()
    rows = np.arange(60) + np.linspace(0, 2.5, 60) + 20  # the lower the line, the farther it has drifted
    from scipy.ndimage import map_coordinates

    columns = np.arange(60) + 20.0
    creeping = map_coordinates(image, np.meshgrid(rows, columns, indexing="ij"), order=3)
    maps = [result(np.ones((1, 60, 60)) * level, [-volts]) for level, volts in ((0.3, 3.0), (0.5, 5.0))]
    images = [
        [{"Topography": channel(one + 0.1 * rng.standard_normal((60, 60)), "Topography")}]
        for one in (image[20:80, 20:80], creeping)
    ]
    found = aligned_series(series_from_results(maps, images=images)[0]).alignments[1]
    assert found.left > 0.5
    assert "drifted while it was scanned" in found.warning


def test_scans_of_other_size_and_pixels_are_compared_where_they_overlap():
    results, images, _ = scans((-3.0, -5.0), drift=[[0, 0], [1.4, -2.2]], shape=(60, 64), seed=4)
    small = results[1].isel(y=slice(5, 50), x=slice(8, 60))
    taken = [
        images[0],
        [{title: image.isel(y=slice(5, 50), x=slice(8, 60)) for title, image in images[1][0].items()}],
    ]
    series = series_from_results([results[0], small], images=taken)[0]
    assert any("differ in size" in sentence for sentence in series.missing)
    aligned = aligned_series(series)
    assert np.hypot(*(np.add(aligned.alignments[1].pixels, (1.4, -2.2)))) < 0.1
    assert aligned.alignments[1].overlap == pytest.approx(45 * 52 / (60 * 64), abs=0.01)
    whole = aligned_series(series_from_results(results, images=images)[0])
    both = np.isfinite(aligned.measured(1))
    assert 0.5 < both.mean() < 0.7
    assert np.array_equal(aligned.measured(1)[both], whole.measured(1)[both])


def test_half_as_many_pixels_of_twice_the_size_are_the_same_area():
    results, images, _ = scans((-3.0, -5.0), shape=(60, 64), seed=4, surface_snr=10)
    coarse = results[1].coarsen(y=2, x=2).mean()
    taken = [images[0], [{t: image.coarsen(y=2, x=2).mean() for t, image in images[1][0].items()}]]
    for maps, pictures in (([results[0], coarse], taken), ([coarse, results[0]], taken[::-1])):
        aligned = aligned_series(series_from_results(maps, images=pictures)[0], reference=0)
        assert np.hypot(*aligned.alignments[1].pixels) < 0.3
        assert np.isfinite(aligned.measured(1)).mean() > 0.9
