"""Traces of the recorder and images of the microscope, joined: turned, moved, registered, nothing interpolated."""

import re

import numpy as np
import pytest
import xarray as xr

from napari_tesm import open_dataset, simulate_dataset
from napari_tesm.cli import main
from napari_tesm.io.acquisition_files import mapping_from_acquisition, save_scan_images, save_tdms
from napari_tesm.io.joining import dataset_with_scan
from napari_tesm.io.mapping.entries import AfmEntry
from napari_tesm.io.mapping.text import text_from_mapping
from napari_tesm.quantities.text import quantity_from_text
from napari_tesm.registration.placement import Placement, placed_image, registration_between
from napari_tesm.simulation.acquisition import simulate_acquisition


def image(values, spacing=(1.0, 1.0), origin=(0.0, 0.0), title="Height"):
    values = np.asarray(values, dtype=float)
    coords = {
        name: (name, start + (np.arange(size) + 0.5) * step, {"units": "m", "spacing": step})
        for name, size, step, start in zip(("y", "x"), values.shape, spacing, origin, strict=True)
    }
    return xr.DataArray(
        values, dims=("y", "x"), coords=coords, name="height", attrs={"units": "m", "long_name": title}
    )


def blobs(height, width, seed=0):
    """A smooth picture, as a function of place."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 1, (12, 2)) * (height, width)
    sizes, heights = rng.uniform(0.04, 0.1, 12) * width, rng.uniform(0.5, 1.5, 12)

    def at(y, x):
        y, x = np.meshgrid(y, x, indexing="ij")
        return sum(
            h * np.exp(-((y - py) ** 2 + (x - px) ** 2) / (2 * s * s))
            for (py, px), s, h in zip(places, sizes, heights, strict=True)
        )

    return at


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True), (True, True)])
def test_a_turned_image_shows_the_same_things_at_their_turned_places(turns, flips):
    source = image(np.arange(12.0).reshape(3, 4), spacing=(2.0, 1.0), origin=(5.0, 7.0))
    placed = placed_image(source, Placement(*flips, quarter_turns=turns, dx=0.5, dy=-1.0))
    expected = np.rot90(source.values, turns)
    expected = expected[:, ::-1] if flips[0] else expected
    expected = expected[::-1] if flips[1] else expected
    assert np.array_equal(placed.values, expected)
    middle = [float(placed[name].values.mean()) for name in ("y", "x")]
    assert middle == pytest.approx([5.0 + 3.0 - 1.0, 7.0 + 2.0 + 0.5])
    assert placed["y"].attrs["spacing"] == (1.0 if turns % 2 else 2.0)
    assert np.allclose(np.diff(placed["x"].values), placed["x"].attrs["spacing"], atol=0)


def test_what_is_turned_round_and_back_is_as_it_was():
    source = image(np.random.default_rng(0).normal(size=(3, 5)), spacing=(2.0, 1.0))
    back = placed_image(placed_image(source, Placement(quarter_turns=1)), Placement(quarter_turns=3))
    assert np.array_equal(back.values, source.values)
    assert np.allclose(back["x"].values, source["x"].values, atol=0)


@pytest.mark.parametrize("fineness", [1.0, 0.5, 1.7])
def test_a_shift_is_found_to_a_tenth_of_a_pixel(fineness):
    rng = np.random.default_rng(2)
    at = blobs(48.0, 64.0)
    y, x = np.arange(48) + 0.5, np.arange(64) + 0.5
    fixed = image(at(y, x) + 0.05 * rng.standard_normal((48, 64)))
    dy, dx = 2.3, -3.6
    fine_y, fine_x = ((np.arange(int(n / fineness)) + 0.5) * fineness for n in (48, 64))
    moving = image(
        at(fine_y + dy, fine_x + dx) + 0.05 * rng.standard_normal((fine_y.size, fine_x.size)),
        spacing=(fineness, fineness),
    )
    shift = registration_between(fixed, moving)
    assert (shift.dy, shift.dx) == (pytest.approx(dy, abs=0.1), pytest.approx(dx, abs=0.1))
    assert shift.residual < 0.1
    assert shift.correlation > 0.9


def test_images_of_different_things_are_not_registered():
    y, x = np.arange(48) + 0.5, np.arange(64) + 0.5
    with pytest.raises(ValueError, match="show different things"):
        registration_between(
            image(np.random.default_rng(0).normal(size=(48, 64))), image(blobs(48.0, 64.0, 5)(y, x))
        )


def test_a_shift_is_found_in_the_unit_of_the_axes_where_pixels_are_not_square():
    rng = np.random.default_rng(4)
    at = blobs(12.0, 40.0, seed=3)
    y, x = (np.arange(48) + 0.5) * 0.25, (np.arange(80) + 0.5) * 0.5
    spacing, origin = (0.25, 0.5), (100.0, -30.0)
    fixed = image(at(y, x) + 0.02 * rng.standard_normal((48, 80)), spacing, origin)
    for axis in ("y", "x"):
        fixed[axis].attrs["units"] = "µm"
    for dy, dx in ((1.3, -4.7), (-2.1, 0.9)):
        moving = image(at(y + dy, x + dx) + 0.02 * rng.standard_normal((48, 80)), spacing, origin)
        # A plane that the scanner draws into both.
        slope = np.linspace(0, 5, 80)[None, :]
        shift = registration_between(fixed + slope, moving + slope)
        assert (shift.dy, shift.dx) == (pytest.approx(dy, abs=0.025), pytest.approx(dx, abs=0.05))
        assert shift.residual < 0.05


@pytest.mark.parametrize("away", [(0.0, 14.0), (4.0, 0.0), (0.0, -25.0), (-5.0, 15.0)])
def test_an_image_of_what_lies_beyond_the_window_is_not_registered(away):
    at = blobs(12.0, 40.0, seed=3)
    y, x = (np.arange(48) + 0.5) * 0.25, (np.arange(80) + 0.5) * 0.5
    slope = np.linspace(0, 5, 80)[None, :]
    fixed, moving = (
        image(at(y + dy, x + dx) + slope, (0.25, 0.5), title="Amplitude") for dy, dx in ((0.0, 0.0), away)
    )
    with pytest.raises(ValueError, match=r"image 'Amplitude' .* no shift within the window fits"):
        registration_between(fixed, moving)


@pytest.fixture(scope="module")
def truth():
    return simulate_dataset("si-c-step", size=(24, 16), samples=60, seed=3)


@pytest.fixture
def files(tmp_path, truth):
    pytest.importorskip("nptdms")
    acquisition = simulate_acquisition(truth, seed=1)
    save_tdms(tmp_path / "scan.tdms", acquisition)
    (tmp_path / "scan.yaml").write_text(
        text_from_mapping(mapping_from_acquisition(acquisition)), encoding="utf-8"
    )
    save_scan_images(tmp_path / "afm.gwy", truth)
    return tmp_path


def test_one_line_joins_recorder_and_microscope(files, truth, capsys):
    out = files / "joined.gwy"
    words = ["import", files / "scan.tdms", "--scan", files / "afm.gwy", "-o", out]
    assert main([str(word) for word in words]) == 0
    said = capsys.readouterr().out
    assert "The scan's size, 144 nm × 96 nm, is that of afm.gwy." in said
    assert "Images: Topography, Deflection error" in said
    assert re.search(r"^24 × 16 pixels, 60 samples from \S+ to \S+ ms", said, re.M)
    joined = open_dataset(out)
    assert np.allclose(joined["topography"].values, truth["topography"].values, atol=0)
    assert np.allclose(joined["x"].values, truth["x"].values, atol=0)
    assert np.array_equal(joined["displacement"].values, truth["displacement"].values)


def test_a_flipped_image_is_turned_back_and_one_of_another_grid_comes_along(files, truth):
    dataset = open_dataset(files / "scan.tdms")
    flipped = truth.isel(y=slice(None, None, -1), x=slice(None, None, -1)).assign_coords(
        y=truth["y"], x=truth["x"]
    )
    save_scan_images(files / "flipped.gwy", flipped)
    joined, _ = dataset_with_scan(dataset, files / "flipped.gwy", AfmEntry(rotate=180))
    assert np.allclose(joined["topography"].values, truth["topography"].values, atol=0)
    coarse = truth.isel(y=slice(None, None, 2), x=slice(None, None, 2))
    save_scan_images(files / "coarse.gwy", coarse)
    sized, _ = dataset_with_scan(dataset, files / "afm.gwy")
    joined, said = dataset_with_scan(sized, files / "coarse.gwy")
    titles = [image.attrs["long_name"] for image in joined.encoding["other_channels"]]
    assert titles == ["Topography", "Deflection error"]
    assert "topography_2" not in joined
    assert said == []


@pytest.mark.parametrize("larger", [False, True])
def test_an_offset_of_the_mapping_moves_to_the_right_and_down(files, truth, larger):
    dataset, _ = dataset_with_scan(open_dataset(files / "scan.tdms"), files / "afm.gwy")
    name = "afm.gwy"
    if larger:  # of another size it keeps its place until it is moved
        wide = truth.isel(y=[*range(16), 15, 15], x=[*range(24), 23, 23, 23])
        step = float(np.diff(truth["x"].values)[0])
        wide = wide.assign_coords(
            {
                axis: (axis, (np.arange(wide.sizes[axis]) + 0.5) * step, truth[axis].attrs)
                for axis in ("y", "x")
            }
        )
        save_scan_images(files / "wide.gwy", wide)
        name = "wide.gwy"
    joined, _ = dataset_with_scan(dataset, files / name, AfmEntry(offset_x=31e-9, offset_y=-17e-9))
    moved = joined.encoding["other_channels"][0]
    assert moved["x"].values[0] == pytest.approx(3e-9 + 31e-9)
    assert moved["y"].values[0] == pytest.approx(3e-9 - 17e-9)


def test_an_image_is_registered_on_what_the_traces_show(files, truth):
    dataset, _ = dataset_with_scan(open_dataset(files / "scan.tdms"), files / "afm.gwy")
    step = float(np.diff(truth["x"].values)[0])
    heights = np.abs(truth["displacement"].isel(time=slice(20, 24)).mean("time")).mean("pulse")
    moved = xr.Dataset(
        {"amplitude": (("y", "x"), heights.values, {"units": "m", "long_name": "Amplitude"})}
    ).assign_coords(
        y=("y", truth["y"].values + 2 * step, truth["y"].attrs),
        x=("x", truth["x"].values - step, truth["x"].attrs),
    )
    # As the microscope would have it: a larger image of which the recorder saw a part.
    padded = moved.pad(y=(4, 4), x=(4, 4), mode="edge").assign_coords(
        y=("y", moved["y"].values[0] + (np.arange(24) - 4) * step, truth["y"].attrs),
        x=("x", moved["x"].values[0] + (np.arange(32) - 4) * step, truth["x"].attrs),
    )
    save_scan_images(files / "wide.gwy", padded)
    joined, said = dataset_with_scan(dataset, files / "wide.gwy", AfmEntry(register="Amplitude"))
    right, down = re.search(
        r"moved by (\S+ .?m) to the right and (\S+ .?m) down; residual", said[-1]
    ).groups()
    # It was put a pixel too far to the left and two too far down.
    assert quantity_from_text(right, "m") == pytest.approx(step, abs=0.1 * step)
    assert quantity_from_text(down, "m") == pytest.approx(-2 * step, abs=0.1 * step)
    (image_of_it,) = joined.encoding["other_channels"]
    assert image_of_it["x"].values[4] == pytest.approx(truth["x"].values[0], abs=0.1 * step)
    # One of the sixteen lines of the scan is dead, and does not count.
    assert image_of_it["y"].values[4] == pytest.approx(truth["y"].values[0], abs=0.15 * step)


def test_what_does_not_go_together_is_said(files):
    dataset = open_dataset(files / "scan.tdms")
    with pytest.raises(ValueError, match=r"there is no image 'Phase' in afm.gwy; it holds 'Topography'"):
        dataset_with_scan(dataset, files / "afm.gwy", AfmEntry(register="Phase"))
    save_tdms(files / "other.tdms", simulate_acquisition(simulate_dataset("hopg", size=(4, 4), samples=60)))
    with pytest.raises(ValueError, match="holds no images"):
        dataset_with_scan(dataset, files / "other.tdms")
