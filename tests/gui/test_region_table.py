"""The numbers of the table are those of numpy on the same mask; units, summaries, comparison."""

import csv
import io

import numpy as np
import pytest
import xarray as xr
from examples import CORNER, SPACING, drawn, example_dataset

from napari_tesm.gui.models.region_table import RegionTable
from napari_tesm.gui.models.regions import RegionModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.interface import fit
from napari_tesm.regions.shapes import Region, mask_from_region

LEFT = drawn("rectangle", ((0, 0), (6, 0), (6, 12), (0, 12)), "left", "grain")
RIGHT = drawn("polygon", ((9, 0.6), (15.5, 0.6), (15, 11.25), (9.5, 10)), "right", "step")
OVAL = drawn("ellipse", ((8, 1.25), (15, 1.25), (15, 11.25), (8, 11.25)), "oval", "step")
LINE = drawn("line", ((0.5, 0.6), (15, 11.25)), "line", "other", 0.8e-6)
FAR = drawn("rectangle", ((1e3, 1e3), (2e3, 1e3), (2e3, 2e3), (1e3, 2e3)), "far")
ALL = [LEFT, RIGHT, OVAL, LINE, FAR]


@pytest.fixture(scope="module")
def fitted():
    dataset = example_dataset(shape=(12, 16))
    maps = fit(dataset, tip_radius="25 nm", threshold=0.15)
    # The map of a real sample has holes.
    maps["D2"].values[1, 2:5, 11:14] = np.nan
    return dataset, maps


@pytest.fixture
def scan(fitted):
    dataset, maps = fitted
    return Scan("example", dataset, [dataset["topography"]], maps=maps.copy(deep=True), regions=ALL)


@pytest.mark.parametrize("key", ["H", "tau1", "D1", "tau2", "D2", "channel:topography"])
def test_every_row_equals_numpy_on_the_same_mask(scan, key):
    table = RegionTable.of(scan)
    table.choose(key=key, pulse=1)
    source = scan.dataset["topography"].values if ":" in key else scan.maps[key].values[1]
    x, y = scan.dataset["x"].values, scan.dataset["y"].values
    rows = [row for row in table.rows() if row.index >= 0]
    assert [row.name for row in rows] == [region.name for region in ALL]
    for row, region in zip(rows[:-1], ALL, strict=False):
        inside = source[mask_from_region(region, x, y)]
        values = inside[np.isfinite(inside)]
        assert row.pixels == inside.size > 0
        assert row.values.n == values.size
        assert row.values.median == np.median(values)
        assert (row.values.q25, row.values.q75) == tuple(np.percentile(values, [25, 75]))
        assert row.values.mean == pytest.approx(values.mean(), rel=1e-14)
        assert row.values.std == pytest.approx(values.std(ddof=1), rel=1e-12)
    assert rows[-1].pixels == 0
    assert rows[-1].values.n == 0


def test_a_class_counts_pixels_of_overlapping_regions_once(scan):
    table = RegionTable.of(scan)
    table.choose(key="D2", pulse=1)
    steps, others = [row for row in table.rows() if row.index < 0]
    assert others.region_class == "other"
    x, y = scan.dataset["x"].values, scan.dataset["y"].values
    both = mask_from_region(RIGHT, x, y) | mask_from_region(OVAL, x, y)
    values = scan.maps["D2"].values[1][both]
    assert steps.region_class == "step"
    assert steps.pixels == both.sum()
    assert steps.values.n == np.isfinite(values).sum() < both.sum()
    assert steps.values.median == np.nanmedian(values)


def test_steps_are_compared_with_grains_and_else_with_the_rest(scan):
    table = RegionTable.of(scan)
    table.choose(key="D2", pulse=0)
    sentence = table.comparison()
    assert "D2 (+3 V)" in sentence
    assert "grain" in sentence
    x, y = scan.dataset["x"].values, scan.dataset["y"].values
    steps = mask_from_region(RIGHT, x, y) | mask_from_region(OVAL, x, y)
    values = scan.maps["D2"].values[0]
    ratio = np.nanmedian(values[steps]) / np.nanmedian(values[mask_from_region(LEFT, x, y)])
    assert f"{ratio:.3g} times" in sentence
    scan.set_regions([RIGHT])
    assert "rest of the image" in table.comparison()
    scan.set_regions([LEFT])
    assert table.comparison() == ""
    scan.set_regions([Region(FAR.kind, FAR.vertices, "far", "step"), LEFT])
    assert "no pixel of step has a value" in table.comparison().lower()


def test_channels_of_another_grid_are_measured_on_their_own(scan):
    y, x = (
        corner + (np.arange(count) + 0.5) * step
        for corner, count, step in zip(CORNER, (20, 30), (0.15e-6, 0.2e-6), strict=True)
    )
    fine = xr.DataArray(
        np.add.outer(y, 2 * x),
        dims=("y", "x"),
        coords={"y": ("y", y, {"units": "m"}), "x": ("x", x, {"units": "m"})},
        name="fine",
        attrs={"units": "m", "long_name": "Fine"},
    )
    scan.channels.append(fine)
    table = RegionTable.of(scan)
    table.choose(key="channel:fine")
    row = table.rows()[0]
    inside = mask_from_region(LEFT, x, y)
    assert row.pixels == inside.sum() == 12 * 20
    assert row.values.mean == pytest.approx(fine.values[inside].mean(), rel=1e-13)


def test_scans_without_traces_have_a_table_too():
    dataset = example_dataset(shape=(12, 16))
    scan = Scan("images", None, [dataset["topography"]], regions=[LEFT])
    table = RegionTable.of(scan)
    assert (table.quantity.key, table.title_of(table.quantity)) == ("channel:topography", "Topography")
    assert table.rows()[0].values.n == table.rows()[0].pixels > 0


def test_a_map_without_a_single_value_is_a_table_of_blanks(scan):
    scan.maps["D2"].values[:] = np.nan
    table = RegionTable.of(scan)
    table.choose(key="D2")
    assert {row.values.n for row in table.rows()} == {0}
    assert "has a value" in table.comparison()
    assert {text for column in table.table(table.rows()).shown()[6:] for text in column.texts} == {"–"}
    table.separated_text()


def test_the_separated_text_holds_si_numbers_of_every_row(scan):
    scan.set_regions([Region(LEFT.kind, LEFT.vertices, 'a "quoted",\tname', "grain"), LINE])
    table = RegionTable.of(scan)
    table.choose(key="tau2", pulse=1)
    for separator in ("\t", ","):
        head, *lines = list(csv.reader(io.StringIO(table.separated_text(separator)), delimiter=separator))
        assert len(lines) == 2
        first = dict(zip(head, lines[0], strict=True))
        assert first["name"] == 'a "quoted",\\tname'  # a control character moves nobody's cells
        x, y = scan.dataset["x"].values, scan.dataset["y"].values
        values = scan.maps["tau2"].values[1][mask_from_region(LEFT, x, y)]
        wanted = dict(zip(("q25", "median", "q75"), np.nanpercentile(values, [25, 50, 75]), strict=True))
        wanted |= {"mean": np.nanmean(values), "sd": np.nanstd(values, ddof=1)}
        for name, value in wanted.items():
            assert float(first[f"tau2 (-3 V) {name} (s)"]) == pytest.approx(value, rel=1e-8)
        assert wanted["q25"] < wanted["q75"]
        assert float(dict(zip(head, lines[1], strict=True))["width (m)"]) == 0.8e-6


def test_masks_of_shapes_that_are_gone_are_forgotten(scan):
    table = RegionTable.of(scan)
    model = RegionModel.of(scan)
    for shift in range(30):
        model.follow([LEFT.moved(0.1 * shift * SPACING[1], 0), *ALL[1:]])
        table.rows()
    assert len(table._masks) <= len(ALL)


def _ridge(shape=(48, 64), *, seed=0, height=4e-9):
    rows, columns = np.indices(shape)
    rng = np.random.default_rng(seed)
    return height / (1 + np.exp(-(columns - 0.5 * rows - 20.0))) + 0.05e-9 * rng.standard_normal(shape)


def _image(name, values, spacing=(3e-9, 5e-9)):
    y, x = (
        (np.arange(count) + 0.5) * step + corner
        for count, step, corner in zip(values.shape, spacing, CORNER, strict=True)
    )
    coords = {"y": ("y", y, {"units": "m"}), "x": ("x", x, {"units": "m"})}
    return xr.DataArray(
        values, dims=("y", "x"), coords=coords, name=name, attrs={"units": "m", "long_name": name}
    )


def test_steps_are_proposed_as_regions_that_can_be_taken_back():
    scan = Scan("images", None, [_image("topography", _ridge())], regions=[LINE])
    table = RegionTable.of(scan)
    words = table.propose_steps()
    assert "found in topography" in words
    assert scan.regions[0] == LINE
    step = scan.regions[1]
    assert (step.kind, step.region_class) == ("path", "step")
    x, y = ((step.xy() - CORNER[::-1]) / (5e-9, 3e-9)).T - 0.5
    assert np.abs(x - 0.5 * y - 20).max() < 3
    table.propose_steps()
    assert len({region.name for region in scan.regions}) == len(scan.regions)
    table.model.undo()
    table.model.undo()
    assert scan.regions == [LINE]


def test_no_step_and_no_image_are_said():
    flat = Scan("flat", None, [_image("topography", np.zeros((48, 64)))])
    table = RegionTable.of(flat)
    assert "no step stands out in topography" in table.propose_steps()
    assert flat.regions == []
    assert not table.model.history.can_undo
    other = Scan("other", None, [_image("phase", _ridge())])
    with pytest.raises(ValueError, match="neither"):
        RegionTable.of(other).propose_steps()


def test_a_deflection_error_of_another_grid_is_left_out():
    scan = Scan("images", None, [_image("topography", _ridge()), _image("deflection", _ridge((10, 12)))])
    assert "found in topography;" in RegionTable.of(scan).propose_steps()


@pytest.mark.parametrize("name", ["SingFreqPFM_0003.gwy", "PTO_110_Virgin0001.gwy"])
def test_real_scans_of_channels_alone(shared_data, name):
    from napari_tesm.gui.models.histogram import HistogramModel
    from napari_tesm.gui.models.profile import ProfileModel
    from napari_tesm.gui.models.scan import scans_from_path

    (scan,) = scans_from_path(shared_data / "gwy" / name)
    table = RegionTable.of(scan)
    assert "HeightRetrace" in table.propose_steps()
    height, width = (size * scan.display.factor for size in scan.display.extent())
    across = Region(
        "line", ((0.1 * width, 0.2 * height), (0.9 * width, 0.7 * height)), "across", "other", 1e-7
    )
    table.model.add([across])
    for quantity in table.book.quantities():
        table.choose(key=quantity.key)
        channel = next(c for c in scan.channels if f"channel:{c.name}" == quantity.key)
        row = next(row for row in table.rows() if row.name == "across")
        inside = mask_from_region(across, channel["x"].values, channel["y"].values)
        assert row.values.median == np.median(channel.values[inside])
    view = ProfileModel(scan).line_view()
    assert len(view.curves) == 4
    assert all(np.isfinite(curve.profile.mean).all() for (curve,) in view.curves)
    assert HistogramModel(scan).view().counts[0].sum() == channel.size
