"""Distributions over the map, regions and classes, without a screen."""

import csv
import io

import numpy as np
import pytest
from examples import drawn, example_dataset

from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.gui.models.histogram import HistogramModel
from napari_tesm.gui.models.regions import RegionModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.interface import fit
from napari_tesm.model_choice.null_bands import null_bands_from_result
from napari_tesm.regions.shapes import mask_from_region
from napari_tesm.statistics.description import mode_from_values
from napari_tesm.statistics.modes import mode_from_map


def _box(column, *, name, region_class="grain", width=4):
    corners = ((column, 0), (column + width, 0), (column + width, 12), (column, 12))
    return drawn("rectangle", corners, name, region_class)


@pytest.fixture(scope="module")
def fitted():
    dataset = example_dataset(shape=(12, 16), noise=0.002)
    return dataset, fit(dataset, tip_radius="25 nm", threshold=0.0)


@pytest.fixture
def scan(fitted):
    dataset, maps = fitted
    return Scan("example", dataset, [dataset["topography"]], maps=maps.copy(deep=True))


@pytest.fixture
def model(scan):
    return HistogramModel(scan)


def test_without_an_interval_the_words_say_so(model):
    """D is one in the left half of the map and another in the right: one independent region."""
    view = model.view()
    assert not any(mode.has_interval for mode in view.modes)
    assert view.words().count("(as one independent region, without an interval)") == len(view.modes)
    assert "nan" not in view.words()
    assert "mode" in model.csv_text()
    assert "nan" not in model.csv_text().splitlines()[0]


def test_d1_and_d2_of_the_whole_map_come_first(model, scan):
    rng = np.random.default_rng(4)
    for name in ("D1", "D2"):  # every pixel at another place: nothing is alike but by chance
        scan.maps[name].values[:] = rng.permuted(scan.maps[name].values.reshape(2, -1), axis=1).reshape(
            scan.maps[name].shape
        )
    assert model.chosen() == "D1 and D2"
    assert model.present_scale() == "log"
    model.choose(pulse=0)
    view = model.view()
    assert (view.name, view.unit, view.scale) == ("D", "m²/s", "log")
    assert [sample.label for sample in view.samples] == ["D1 (+3 V)", "D2 (+3 V)"]
    for sample, counts, mode, name in zip(view.samples, view.counts, view.modes, ("D1", "D2"), strict=True):
        field = scan.maps[name].values[0]
        values = field[np.isfinite(field)]
        np.testing.assert_array_equal(np.sort(sample.values), np.sort(values))
        np.testing.assert_array_equal(counts, np.histogram(np.log10(values), np.log10(view.edges))[0])
        assert mode == mode_from_map(field, scale="log")
        assert mode.value == mode_from_values(values, scale="log").value
    assert view.words().endswith("× 10⁻¹³ m²/s.")
    for sample, mode in zip(view.samples, view.modes, strict=True):
        low, high = (f"{end / 1e-13:.2f}" for end in (mode.low, mode.high))
        assert f"{sample.label} {mode.value / 1e-13:.2f} ({low}…{high})" in view.words()


def test_linear_bins_are_equally_wide_and_counted_again(model):
    model.choose("D2", scale="linear")
    view = model.view()
    np.testing.assert_allclose(np.diff(view.edges), np.diff(view.edges)[0])
    assert view.counts[0].sum() == view.samples[0].values.size
    assert view.modes[0].value == mode_from_map(view.samples[0].field, scale="linear").value
    assert "linear scale" in view.words()
    model.choose("D1", scale="log")
    steps = np.diff(np.log10(model.view().edges))
    np.testing.assert_allclose(steps, steps[0])


def test_another_quantity_gets_the_scale_that_suits_it(model):
    model.choose("D2", scale="linear")
    model.choose("D1")
    assert model.present_scale() == "log"
    model.choose("channel:topography")
    view = model.view()
    assert (view.scale, view.unit, view.message) == ("linear", "m", "")


def test_logarithmic_bins_leave_out_what_is_not_positive_and_say_so(model, scan):
    model.choose("channel:topography")
    model.choose(scale="log")
    view = model.view()
    negative = int((scan.dataset["topography"].values <= 0).sum())
    assert f"{negative} values" in view.message
    scan.dataset["topography"].values[:] = -np.abs(scan.dataset["topography"].values)
    view = model.view()
    assert view.scale == "linear"
    assert "No value is positive" in view.message


def test_regions_and_classes_are_counted_apart(model, scan):
    scan.set_regions([
        _box(0, name="a"), _box(4, name="b"), _box(8, name="c", region_class="step"),
        _box(1e3, name="far"),
    ])  # fmt: skip
    model.choose("D2", split="regions", pulse=0)
    view = model.view()
    assert [sample.label for sample in view.samples] == ["a", "b", "c"], "what has no pixel is not drawn"
    values = scan.maps["D2"].values[0]
    x, y = scan.dataset["x"].values, scan.dataset["y"].values
    for sample, region in zip(view.samples, scan.regions, strict=False):
        inside = values[mask_from_region(region, x, y)]
        assert sorted(sample.values) == sorted(inside[np.isfinite(inside)])
    assert len({sample.colour for sample in view.samples}) == 3
    model.choose(split="classes")
    view = model.view()
    assert [sample.label for sample in view.samples] == ["grain", "step"]
    both = mask_from_region(scan.regions[0], x, y) | mask_from_region(scan.regions[1], x, y)
    assert view.samples[0].values.size == np.isfinite(values[both]).sum()
    model.choose("D1 and D2")
    assert [s.label for s in model.view().samples] == ["D1, grain", "D2, grain", "D1, step", "D2, step"]


def test_selected_regions_come_alone_and_too_many_are_cut(model, scan):
    scan.set_regions([_box(n, name=f"r{n}", width=2) for n in range(9)])
    model.choose("D2", split="regions")
    view = model.view()
    assert len(view.samples) == 6
    assert "first 6 of 9" in view.message
    RegionModel.of(scan).select([7, 8])
    view = model.view()
    assert [sample.label for sample in view.samples] == ["r7", "r8"]
    assert view.message == ""


def test_nothing_to_count_is_a_sentence(model, scan):
    model.choose("D2", split="regions")
    assert "No region is drawn" in model.view().message
    scan.set_regions([_box(1e3, name="far")])
    view = model.view()
    assert view.samples == []
    assert "No pixel" in view.message
    scan.maps["D2"].values[:] = np.nan
    model.choose(split="map")
    assert "No pixel in the map has a value of D2" in model.view().message
    bare = Scan("bare", None, [scan.dataset["topography"] > 0])
    assert "nothing to count" in HistogramModel(bare).view().message


def test_one_pixel_and_equal_values_have_a_histogram(scan):
    pixel = Scan("one", example_dataset(shape=(1, 1)))
    view = HistogramModel(pixel).view()
    assert (view.name, [int(counts.sum()) for counts in view.counts]) == ("H", [1])
    assert "too few values" in view.words()
    scan.maps["D2"].values[:] = 3e-13
    model = HistogramModel(scan)
    model.choose("D2")
    assert model.view().counts[0].sum() == 2 * 96


def test_the_bins_are_exported_in_si_units(model, scan):
    model.choose("D1 and D2", pulse=1)
    view = model.view()
    rows = [row for row in csv.reader(io.StringIO(model.csv_text())) if not row[0].startswith("#")]
    assert rows[0] == ["from (m²/s)", "to (m²/s)", "D1 (-3 V)", "D2 (-3 V)", "recipe"]
    assert {row.pop() for row in rows[1:]} == {Recipe.from_json(scan.maps.attrs["recipe"]).digest}
    table = np.array(rows[1:], dtype=float)
    np.testing.assert_allclose(table[:, 0], view.edges[:-1], rtol=1e-8)
    np.testing.assert_allclose(table[:, 1], view.edges[1:], rtol=1e-8)
    np.testing.assert_array_equal(table[:, 3], view.counts[1])
    np.testing.assert_array_equal(table[:, 2], view.counts[0])
    assert model.csv_text().startswith("# D1 (-3 V),n = ")


def test_it_tells_of_changes_once(model):
    told = []
    model.changed.connect(lambda: told.append(1))
    model.choose(split="classes")
    model.choose(split="classes")
    model.choose("D1 and D2")
    assert len(told) == 1


def test_what_pure_diffusion_shows_stands_beside_d_and_their_ratio(model, scan):
    bands = null_bands_from_result(scan.dataset, scan.maps)
    model.choose("D1 and D2", pulse=0)
    assert model.view().nulls.ranges == bands.apparent_ranges(1, 2)
    model.choose("D1")
    assert model.view().nulls.ranges == bands.apparent_ranges(1)
    model.choose("D2/D1")
    view = model.view()
    first, second = (scan.maps[name].values[0] for name in ("D1", "D2"))
    both = np.isfinite(first) & np.isfinite(second)
    np.testing.assert_allclose(view.samples[0].values, (second / first)[both])
    assert view.nulls.shaded
    assert view.nulls.ranges == bands.among({1: first, 2: second}).ratios
    assert f"found {np.median((second / first)[both]):.2f}, above" in view.nulls.words
    assert "is being tested" in view.nulls.explanation
    work = model.waiting_nulls()
    assert work.drift_of == 0
    model.take_nulls(work, work.compute())
    assert model.waiting_nulls() is None
    assert "does not explain it." in model.view().nulls.explanation
    assert (view.unit, view.scale) == ("", "log")
    model.choose(with_nulls=False)
    assert model.view().nulls.ranges == {}
    model.choose("tau1", with_nulls=True)
    assert model.view().nulls.ranges == {}
    assert not model.has_nulls()


def test_without_the_times_or_the_radius_nothing_is_said_of_diffusion(scan):
    scan.maps.attrs.pop("tip_radius")
    bare = scan.dataset.copy()
    bare.attrs.pop("tip_radius")
    bare.attrs.pop("tip_radius_error")
    scan.maps.attrs["recipe"] = Recipe().to_json()
    other = Scan("other", bare, [], maps=scan.maps)
    nulls = HistogramModel(other).view().nulls
    assert nulls.ranges == {}
    assert "tip radius" in nulls.explanation


def test_a_second_look_costs_no_second_curve(model, monkeypatch):
    model.choose("D2/D1")
    first = model.view().nulls
    assert first.ranges
    monkeypatch.setattr("napari_tesm.gui.models.histogram_nulls.null_bands_from_result", None)
    monkeypatch.setattr("napari_tesm.gui.models.histogram.patchwork_from_map", None)
    assert model.view().nulls == first


def test_a_long_record_waits_for_somebody_to_compute(model, monkeypatch):
    monkeypatch.setattr("napari_tesm.gui.models.histogram_nulls.LONG_RECORD", 10)
    model.choose("D2/D1")
    assert model.view().nulls.ranges == {}
    assert "being computed" in model.view().nulls.explanation
    work = model.waiting_nulls()
    told = []
    model.changed.connect(lambda: told.append(1))
    model.take_nulls(work, work.compute())
    assert told == [1]
    assert model.view().nulls.ranges
    assert model.waiting_nulls().drift_of == model.pulse
    model.take_nulls(work, work.compute())
    assert model.view().nulls.ranges
