"""A dataset that came from a file and was changed in memory: what is in memory is what is saved."""

import numpy as np
import pytest
from examples import example_dataset

from napari_tesm import fit, open_dataset, save
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.edits import is_edited
from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.regions.shapes import PinnedPoint, Region
from napari_tesm.scan import save_scan, scans_from_file


@pytest.fixture
def path(tmp_path):
    dataset = example_dataset(shape=(7, 11), samples=60)
    region = Region(
        "polygon", np.array([[0.5e-6, 0.3e-6], [2.5e-6, 0.4e-6], [1.5e-6, 1.2e-6]]), "ridge", "step"
    )
    target = tmp_path / "scan.gwy"
    save(target, dataset, regions=[region], points=[PinnedPoint(1, 1e-6, 0.6e-6, 1, "")])
    return target


def turned(dataset):
    dataset["displacement"] *= -1


def without_drift(dataset):
    drift = 1e-3 * dataset["time"].values / dataset["time"].values[-1]
    dataset["displacement"] = dataset["displacement"].copy(data=dataset["displacement"].values - drift)


def levelled(dataset):
    dataset["topography"] = dataset["topography"] - dataset["topography"].mean()


def written_into(dataset):
    dataset["displacement"].values[1, 2, 3, 17] = 0.5


@pytest.mark.parametrize("edit", [turned, without_drift, levelled, written_into])
def test_what_is_in_memory_is_saved(path, tmp_path, edit):
    dataset = open_dataset(path).load()
    edit(dataset)
    save(tmp_path / "edited.gwy", dataset, fit(dataset))
    again = open_dataset(tmp_path / "edited.gwy").load()
    for name in ("displacement", "topography"):
        np.testing.assert_array_equal(again[name].values, dataset[name].values)
    scan = scans_from_file(tmp_path / "edited.gwy")[0]
    assert [region.name for region in scan.regions] == ["ridge"]
    assert [point.number for point in scan.points] == [1]
    assert scan.maps is not None


def test_a_part_is_saved_as_that_part(path, tmp_path):
    part = open_dataset(path).isel(y=slice(1, 6), x=slice(2, 9))
    save(tmp_path / "part.gwy", part, fit(part))
    again = open_dataset(tmp_path / "part.gwy").load()
    np.testing.assert_array_equal(again["displacement"].values, part["displacement"].values)
    np.testing.assert_allclose(again["x"].values, part["x"].values, rtol=1e-12)
    np.testing.assert_allclose(again["y"].values, part["y"].values, rtol=1e-12)


def test_pixels_that_are_binned_or_left_out_are_as_far_apart_as_they_lie(path):
    dataset = open_dataset(path)
    spacing = axis_spacing(dataset["x"])
    binned = dataset[["displacement"]].coarsen(x=2, y=3, boundary="trim").mean()
    assert binned["x"].attrs["spacing"] == spacing  # of the grid that it was
    assert axis_spacing(binned["x"]) == pytest.approx(2 * spacing, rel=1e-9)
    assert axis_spacing(binned["y"]) == pytest.approx(3 * axis_spacing(dataset["y"]), rel=1e-9)
    assert axis_spacing(dataset["x"][::5]) == pytest.approx(5 * spacing, rel=1e-9)
    # What agrees with the centres but for rounding is taken as it is written, and so is that of a single pixel.
    assert axis_spacing(dataset["x"][2:9]) == axis_spacing(dataset["x"][4:5]) == spacing


def test_moved_pixels_are_saved_where_they_are(path, tmp_path):
    dataset = open_dataset(path)
    dataset = dataset.assign_coords(x=dataset["x"].copy(data=dataset["x"].values + 5e-6))
    save(tmp_path / "moved.gwy", dataset)
    np.testing.assert_allclose(
        open_dataset(tmp_path / "moved.gwy")["x"].values, dataset["x"].values, rtol=1e-12
    )


@pytest.mark.parametrize("load", [False, True])
def test_what_was_only_looked_at_stays_bit_equal(path, tmp_path, load):
    dataset = open_dataset(path)
    dataset = dataset.load() if load else dataset
    save(tmp_path / "same.gwy", dataset)
    before, after = (read_container(file) for file in (path, tmp_path / "same.gwy"))
    assert list(before) == list(after)
    assert (tmp_path / "same.gwy").read_bytes() == path.read_bytes()


def test_whether_traces_were_edited_is_asked_once_for_a_save(path, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "napari_tesm.scan.saving.is_edited", lambda dataset: asked.append(dataset) or is_edited(dataset)
    )
    scan = scans_from_file(path)[0]
    save_scan(scan, tmp_path / "same.gwy")
    scan.dataset["displacement"] *= -1
    save_scan(scan, tmp_path / "turned.gwy")
    assert len(asked) == 2
    np.testing.assert_array_equal(
        open_dataset(tmp_path / "turned.gwy")["displacement"].values,
        -open_dataset(tmp_path / "same.gwy")["displacement"].values,
    )
