"""Profiles along the drawn line and values against the distance from a step, without a screen."""

import csv
import io
import re

import numpy as np
import pytest
import xarray as xr
from examples import drawn, example_dataset

from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.gui.models.profile import ProfileModel
from napari_tesm.gui.models.regions import RegionModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.interface import fit
from napari_tesm.regions.profile import profile_along
from napari_tesm.regions.shapes import Region, distance_from_region

TOP, LEFT = -150e-9, 600e-9


def _line(*places, **properties):
    """Return a line through places (x, y) in nm from the corner of the images."""
    return Region.from_xy("line", np.array(places) * 1e-9 + (LEFT, TOP), **properties)


ACROSS = _line((20, 50), (220, 50), name="across", region_class="step", width=30e-9)
ON_SCAN = drawn("line", ((2, 6.25), (14, 6.25)), "across", "step", 1.2e-6)


def _channel(name, values, spacing, *, unit="m"):
    """Return an image whose pixels are `spacing` wide and two thirds as high."""
    y, x = (
        corner + (np.arange(count) + 0.5) * step
        for corner, count, step in zip((TOP, LEFT), values.shape, (spacing * 2 / 3, spacing), strict=True)
    )
    coords = {"y": ("y", y, {"units": "m"}), "x": ("x", x, {"units": "m"})}
    return xr.DataArray(
        values, dims=("y", "x"), coords=coords, name=name, attrs={"units": unit, "long_name": name.title()}
    )


def _strip(width, *, centre=120e-9, spacing=3e-9, shape=(34, 80), seed=0, noise=0.02):
    """Return a raised strip of a Gaussian's profile whose full width at half maximum is known."""
    x = (np.arange(shape[1]) + 0.5) * spacing
    line = np.exp(-4 * np.log(2) * ((x - centre) / width) ** 2)
    return 1e-9 * (line + noise * np.random.default_rng(seed).standard_normal(shape))


@pytest.fixture
def images():
    """Channels alone: topography, deflection error of a step, and phase on a coarser grid."""
    return Scan(
        "images",
        None,
        [
            _channel("topography", _strip(35e-9), 3e-9),
            _channel("deflection_error", _strip(12e-9, seed=1), 3e-9, unit="V"),
            _channel("phase", np.arange(10 * 24.0).reshape(10, 24), 10e-9, unit="deg"),
        ],
    )


@pytest.fixture(scope="module")
def fitted():
    dataset = example_dataset(shape=(12, 16))
    return dataset, fit(dataset, tip_radius="25 nm", threshold=0.0)


@pytest.fixture
def scan(fitted):
    dataset, maps = fitted
    return Scan("example", dataset, [dataset["topography"]], maps=maps.copy(deep=True))


def test_without_a_line_it_says_what_to_do(images):
    view = ProfileModel(images).line_view()
    assert view.curves == []
    assert "Draw a line" in view.message


def test_the_profile_is_that_of_every_channel_on_its_own_grid(images):
    images.set_regions([ACROSS])
    view = ProfileModel(images).line_view()
    assert [[curve.title for curve in group] for group in view.curves] == [
        ["Topography"], ["Deflection_Error"], ["Phase"],
    ]  # fmt: skip
    for (curve,), channel in zip(view.curves, images.channels, strict=True):
        expected = profile_along(
            channel.values, ACROSS.xy(), channel["x"], channel["y"], width=ACROSS.width, step=1e-9
        )
        np.testing.assert_allclose(curve.profile.position, expected.position, rtol=1e-12)
        np.testing.assert_allclose(curve.profile.mean, expected.mean, rtol=1e-9, atol=1e-20)
        np.testing.assert_allclose(curve.profile.std, expected.std, rtol=1e-6, atol=1e-20)


@pytest.mark.parametrize(
    ("key", "width"), [("channel:topography", 35e-9), ("channel:deflection_error", 12e-9)]
)
def test_the_width_of_the_step_is_found_in_the_channel_that_is_chosen(images, key, width):
    images.set_regions([ACROSS])
    model = ProfileModel(images)
    model.choose(width_key=key)
    view = model.line_view()
    assert view.width.fwhm == pytest.approx(width, rel=0.05)
    assert view.width.left == pytest.approx(100e-9 - width / 2, abs=2e-9)
    assert "FWHM" in view.words
    number, last = re.search(r"FWHM ([\d.]+)\((\d+)\) nm", view.words).groups()
    assert float(number) == pytest.approx(width * 1e9, rel=0.05)
    unit_of_last = 10.0 ** -len(number.partition(".")[2])
    assert int(last) * unit_of_last == pytest.approx(view.width.error * 1e9, rel=0.3)
    assert "averaged over 30 nm" in view.words


def test_maps_of_the_chosen_pulse_are_drawn_with_d1_and_d2_together(scan):
    scan.set_regions([drawn("line", ((1, 5), (15, 6.25)), "l", width=0.8e-6)])
    model = ProfileModel(scan)
    model.choose(pulse=1)
    view = model.line_view()
    assert [[curve.title for curve in group] for group in view.curves] == [
        ["Topography"], ["H (-3 V)"], ["D1 (-3 V)", "D2 (-3 V)"],
    ]  # fmt: skip
    curve = view.curves[2][1]
    x, y = scan.dataset["x"].values, scan.dataset["y"].values
    logs = profile_along(
        np.log10(scan.maps["D2"].values[1]), scan.regions[0].xy(), x, y, width=0.8e-6, step=0.125e-6
    )
    np.testing.assert_allclose(curve.profile.mean, 10**logs.mean, rtol=1e-12)
    assert curve.profile.mean[-5:].min() > 2 * curve.profile.mean[:5].max(), "the right half is faster"


def test_the_selected_line_goes_before_the_last_one(images):
    other = ACROSS.moved(0, 20e-9)
    images.set_regions([ACROSS, other])
    model = ProfileModel(images)
    assert model.regions.line_of_interest == other
    RegionModel.of(images).select([0])
    assert model.regions.line_of_interest == ACROSS


def test_lines_that_show_nothing_are_a_sentence(images, scan):
    images.set_regions([ACROSS.moved(1e-3, 0)])
    assert "outside the image" in ProfileModel(images).line_view().message
    flat = Scan("flat", None, [_channel("topography", np.zeros((34, 80)), 3e-9)], regions=[ACROSS])
    view = ProfileModel(flat).line_view()
    assert view.width is None
    assert "No step stands out" in view.words
    scan.set_regions([ON_SCAN])
    scan.maps["D2"].values[:] = np.nan
    model = ProfileModel(scan)
    model.choose(width_key="D2")
    view = model.line_view()
    assert "No step stands out of the noise in D2" in view.words
    assert view.message == ""
    assert not np.isfinite(view.curves[-1][1].profile.mean).any()


def test_one_pixel_has_a_profile(fitted):
    pixel = Scan("one", example_dataset(shape=(1, 1)))
    pixel.set_regions([drawn("line", ((-0.5, 0.5), (2, 0.5)), "l")])
    view = ProfileModel(pixel).line_view()
    assert view.width is None
    assert view.message == ""


def test_what_is_drawn_can_be_chosen(images):
    images.set_regions([ACROSS])
    model = ProfileModel(images)
    told = []
    model.changed.connect(lambda: told.append(1))
    model.choose(shown=["channel:phase"])
    model.choose(shown=["channel:phase"])
    assert len(told) == 1
    view = model.line_view()
    assert [[curve.title for curve in group] for group in view.curves] == [["Phase"]]
    assert view.width is not None, "the width is still taken from the deflection error"


def test_distances_count_from_the_nearest_step(scan):
    step = drawn("line", ((7.5, 0), (7.5, 12)), "edge", "step")
    far = step.moved(2.4e-6, 0)
    scan.set_regions([step])
    model = ProfileModel(scan)
    model.choose(view="distance", pulse=0)
    view = model.distance_view()
    x, y = scan.dataset["x"].values, scan.dataset["y"].values
    distance = distance_from_region(step, x, y)
    values = scan.maps["D2"].values[0]
    good = np.isfinite(values)
    assert sorted(view.distance) == sorted(distance[good])
    assert view.curve.n.sum() == good.sum()
    for side in (-0.8e-6, 0.8e-6):
        there = np.abs(view.curve.distance - side) < 1e-12
        near = np.abs(distance - side) < 0.16e-6
        assert view.curve.median[there].item() == pytest.approx(np.median(values[near & good]))
    scan.set_regions([step, far])
    view = model.distance_view()
    assert np.abs(view.distance).max() <= 3e-6
    assert "nearest of 2" in view.words
    RegionModel.of(scan).select([1])
    assert "distance from edge" in model.distance_view().words


def test_distances_need_a_step_and_values(scan):
    model = ProfileModel(scan)
    assert "Draw a region of class step" in model.distance_view().message
    scan.set_regions([ON_SCAN])
    scan.maps["D2"].values[:] = np.nan
    assert "No pixel has a value of D2" in model.distance_view().message


def test_large_maps_are_thinned_out_for_drawing_only():
    rng = np.random.default_rng(0)
    image = _channel("topography", rng.standard_normal((200, 200)), 3e-9)
    scan = Scan("large", None, [image], regions=[ACROSS])
    view = ProfileModel(scan).distance_view()
    assert view.distance.size <= 4000
    assert view.curve.n.sum() == 40000


def test_the_profile_is_exported_in_si_units(images, scan):
    images.set_regions([ACROSS])
    model = ProfileModel(images)
    rows = list(csv.reader(io.StringIO(model.csv_text())))
    assert rows[0][0].startswith("# Across: 200 nm, 0.0° to the horizontal")
    assert "Strip in Deflection_Error: FWHM" in rows[0][0]
    assert rows[1][:3] == ["position (m)", "Topography (m)", "Topography sd (m)"]
    assert rows[1][-1] == "recipe"
    assert {row[-1] for row in rows[2:]} == {""}  # nothing was fitted
    table = np.array([[float(cell or "nan") for cell in row[:-1]] for row in rows[2:]])
    view = model.line_view()
    np.testing.assert_allclose(table[:, 0], view.curves[0][0].profile.position, rtol=1e-8)
    np.testing.assert_allclose(table[:, 1], view.curves[0][0].profile.mean, rtol=1e-8)
    scan.set_regions([ON_SCAN])
    other = ProfileModel(scan)
    other.choose(view="distance", pulse=0)
    rows = list(csv.reader(io.StringIO(other.csv_text())))
    assert rows[0][:2] == ["distance (m)", "D2 (+3 V) median (m²/s)"]
    values = scan.maps["D2"].values[0]
    assert {row[-1] for row in rows[1:]} == {Recipe.from_json(scan.maps.attrs["recipe"]).digest}
    assert sum(int(row[-2]) for row in rows[1:]) == np.isfinite(values).sum()
    # Bins of the larger side of a pixel, 0.4 µm, one of them about the line.
    away = distance_from_region(ON_SCAN, scan.dataset["x"].values, scan.dataset["y"].values)
    number = np.floor(away / 0.4e-6 + 0.5)
    assert rows[0][2:] == ["D2 (+3 V) mean (m²/s)", "D2 (+3 V) sd (m²/s)", "n", "recipe"]
    for row in rows[1:]:
        distance, median, mean, std, count = (float(cell or "nan") for cell in row[:-1])
        inside = values[(number == round(distance / 0.4e-6)) & np.isfinite(values)]
        assert count == inside.size
        expected = [np.median(inside), inside.mean(), inside.std(ddof=1)]
        assert [median, mean, std] == pytest.approx(expected)
    assert ProfileModel(Scan("n", None, [images.channels[0]])).csv_text().startswith("position (m)")


def test_the_width_along_a_long_line_waits_for_the_end_of_the_drag():
    image = _channel("topography", _strip(35e-9, centre=300e-9, shape=(34, 240)), 3e-9)
    long = _line((2, 50), (715, 50), name="long")
    scan = Scan("long", None, [image], regions=[long])
    model = ProfileModel(scan)
    RegionModel.of(scan).follow([long.moved(0, 1e-9)])
    view = model.line_view()
    assert (view.width, len(view.curves)) == (None, 1)
    RegionModel.of(scan).settle()
    assert model.line_view().width.fwhm == pytest.approx(35e-9, rel=0.05)
