"""A file opened again: results, recipe, regions and points as they were left, and the same file when saved again."""

import numpy as np
import pytest
from examples import drawn, example_dataset, pinned
from gwyfile.objects import GwyContainer

from napari_tesm import fit, open_dataset, save
from napari_tesm.data.maps import exported_maps
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.gwy import contents
from napari_tesm.gwy.graphs import Graph
from napari_tesm.gwy.objects import Field, metadata_entries
from napari_tesm.gwy.parts import put
from napari_tesm.gwy.reading import read_container
from napari_tesm.gwy.writing import write_container
from napari_tesm.io.gwy.point_graphs import add_point_graphs
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.kernels.named import kernel_from_name
from napari_tesm.regions.shapes import PinnedPoint
from napari_tesm.scan import save_scan, scans_from_file

REGIONS = [
    drawn("line", ((0.5, 5), (8, 1.5)), "step 1", "step", 0.48e-6),
    drawn("rectangle", ((1, 1), (5, 1), (5, 3.75), (1, 3.75)), "grain 1", "grain"),
]
POINTS = [pinned(1, (4.5, 2.5), 1, "#3c78d2"), pinned(2, (4.5, 2.5), 3, "#f0781e")]


@pytest.fixture(scope="module")
def recorded():
    dataset = example_dataset(noise=0.02)
    return dataset, fit(dataset, threshold=0.2, tip_radius="20 nm ± 3 nm")


@pytest.fixture
def saved(recorded, tmp_path):
    save(tmp_path / "saved.gwy", *recorded, regions=REGIONS, points=POINTS)
    return tmp_path / "saved.gwy"


def result_keys(container):
    """Return the metadata keys of the result channels by title."""
    return {
        contents.title(container, contents.CHANNEL, number): number
        for number in contents.ids(container, contents.CHANNEL)
        if "t-ESM map" in metadata_entries(container.get(f"/{number}/meta"))
    }


def test_restored_maps_say_all_that_the_new_ones_said(recorded, saved):
    _, maps = recorded
    back = maps_from_container(read_container(saved))
    assert np.isnan(maps["D2"].values).any()
    for name in exported_maps(maps):
        if name in maps:
            np.testing.assert_array_equal(back[name].values, maps[name].values)
            assert back[name].attrs["units"] == maps[name].attrs["units"]
            assert back[name].dtype == maps[name].dtype
    assert {name: back.attrs[name] for name in maps.attrs} == maps.attrs
    assert set(back.coords) == set(maps.coords)
    np.testing.assert_array_equal(back["threshold"].values, maps["threshold"].values)
    assert back["status1"].attrs["flag_meanings"] == maps["status1"].attrs["flag_meanings"]


def test_all_parameters_become_channels_where_they_are_asked_for(recorded, saved, tmp_path):
    dataset, plain = recorded
    maps = fit(dataset, tip_radius="25 nm", all_parameters=True)
    path = tmp_path / "all.gwy"
    save(path, dataset, maps)
    wanted = {
        f"{name} ({volts} V)"
        for volts in ("+3", "-3")
        for n in (1, 2)
        for name in (
            f"a{n}", f"a{n} standard error", f"c{n}", f"c{n} standard error", f"RMS {n}", f"reduced chi2 {n}",
        )
    }  # fmt: skip
    titles = set(result_keys(read_container(path)))
    assert titles - set(result_keys(read_container(saved))) == wanted
    back = maps_from_container(read_container(path))
    for name in ("a1", "c2_stderr", "rms_2", "chi2_1"):
        np.testing.assert_array_equal(back[name].values, maps[name].values)
        assert back[name].attrs["units"] == maps[name].attrs["units"]
    # The numbers of what is written without being asked for stay what they are.
    for name in set(exported_maps(plain)) & set(plain.data_vars):
        np.testing.assert_array_equal(back[name].values, maps[name].values)
    (scan,) = scans_from_file(path)
    save_scan(scan, tmp_path / "again.gwy")
    assert (tmp_path / "again.gwy").read_bytes() == path.read_bytes()


def test_opened_and_saved_again_the_file_is_the_same_byte_for_byte(saved, tmp_path):
    before = saved
    for number in range(2):
        (scan,) = scans_from_file(before)
        after = tmp_path / f"{number}.gwy"
        save_scan(scan, after)
        assert after.read_bytes() == before.read_bytes()
        before = after


def test_the_hash_of_the_input_is_that_of_what_was_fitted(saved, tmp_path):
    dataset = open_dataset(saved)
    save(tmp_path / "fitted.gwy", dataset, fit(dataset))
    fitted = maps_from_container(read_container(tmp_path / "fitted.gwy"))
    assert len(fitted.attrs["input_sha256"]) == 64
    again = open_dataset(tmp_path / "fitted.gwy")
    save(tmp_path / "again.gwy", again, fitted)
    save(tmp_path / "anew.gwy", again, fit(again))
    hashes = [
        maps_from_container(read_container(tmp_path / name)).attrs["input_sha256"]
        for name in ("fitted.gwy", "again.gwy", "anew.gwy")
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_maps_recipe_regions_and_points_are_restored(recorded, saved):
    dataset, maps = recorded
    without_traces = saved.with_name("maps.gwy")
    save(without_traces, dataset, maps, regions=REGIONS, points=POINTS, maps_only=True)
    for path in (saved, without_traces):
        (scan,) = scans_from_file(path)
        assert scan.recipe == Recipe.from_json(maps.attrs["recipe"])
        assert scan.maps.sizes == maps.sizes
        assert (scan.regions, scan.points) == (REGIONS, POINTS)
        assert scan.notes == []


def test_nothing_is_restored_where_nothing_is(tmp_path):
    write_container(tmp_path / "empty.gwy", GwyContainer())
    (scan,) = scans_from_file(tmp_path / "empty.gwy")
    assert scan.is_empty
    assert (scan.maps, scan.recipe, scan.regions) == (None, Recipe(), [])
    with pytest.raises(ValueError, match=r"empty\.gwy holds no time traces"):
        _ = scan.grid


def test_results_of_other_traces_are_left_out_with_a_word(recorded, saved):
    container = read_container(saved)
    for key in contents.keys_of(container, contents.BRICK, 1):
        del container[key]
    write_container(saved.with_name("half.gwy"), container)
    (scan,) = scans_from_file(saved.with_name("half.gwy"))
    assert scan.dataset.sizes["pulse"] == 1
    assert (scan.maps, scan.recipe) == (None, Recipe())
    assert scan.notes == ["the results in the file are those of other traces: they are left out"]
    assert scan.regions == REGIONS


def test_what_gwyddion_made_of_the_results_does_not_stop_the_rest(recorded, saved, tmp_path):
    _, maps = recorded
    container = read_container(saved)
    keys = result_keys(container)
    cropped, odd, copied, gone = (
        keys[name] for name in ("H (+3 V)", "R2 1 (-3 V)", "D1 (+3 V)", "D2 (-3 V)")
    )
    put(container, f"/{cropped}/data", Field(np.ones((3, 4)), 4e-8, 2.4e-8).to_object(), "o")
    put(container[f"/{odd}/meta"], "Pulse number", "one", "s")
    number = contents.next_id(container, contents.CHANNEL)
    copy = Field(np.full((6, 9), 7.0), 9e-8, 4.8e-8, unit_xy="m", unit_z="m^2/s")
    put(container, f"/{number}/data", copy.to_object(), "o")
    put(container, f"/{number}/data/title", "D1 (+3 V)", "s")
    put(container, f"/{number}/meta", container[f"/{copied}/meta"], "o")
    for key in contents.keys_of(container, contents.CHANNEL, gone):
        del container[key]
    put(container[f"/{keys['tau1 (+3 V)']}/meta"], "Tip radius", "sharp", "s")
    write_container(tmp_path / "worked_on.gwy", container)
    (scan,) = scans_from_file(tmp_path / "worked_on.gwy")
    assert scan.maps.sizes == maps.sizes
    np.testing.assert_array_equal(scan.maps["D1"].values, maps["D1"].values)
    assert {"H", "r2_1", "D2"}.isdisjoint(scan.maps.data_vars)
    assert {"tau1", "tau2", "D1", "status1"} <= set(scan.maps.data_vars)
    assert len(scan.notes) >= 4
    assert scan.regions == REGIONS


def test_a_status_that_is_none_any_more_is_no_valid_pixel(saved, tmp_path):
    container = read_container(saved)
    number = result_keys(container)["status2 (-3 V)"]
    values = np.array(Field.from_object(container[f"/{number}/data"]).values)
    values[0, :3] = (0.5, np.nan, 300)
    put(container[f"/{number}/data"], "data", values.ravel(), "D")
    write_container(tmp_path / "odd.gwy", container)
    assert (
        maps_from_container(read_container(tmp_path / "odd.gwy"))["status2"].values[1, 0, :3].tolist()
        == [5] * 3
    )


def test_a_broken_recipe_is_said_and_the_maps_are_there(saved, tmp_path):
    container = read_container(saved)
    for number in result_keys(container).values():
        put(container[f"/{number}/meta"], "Recipe", "{", "s")
    write_container(tmp_path / "broken.gwy", container)
    (scan,) = scans_from_file(tmp_path / "broken.gwy")
    assert scan.recipe == Recipe()
    assert scan.maps is not None
    assert len(scan.notes) == 1
    save(tmp_path / "again.gwy", scan.dataset, scan.maps, points=POINTS)
    again = maps_from_container(read_container(tmp_path / "again.gwy"))
    assert again.attrs["recipe"] == "{"
    np.testing.assert_array_equal(again["D2"].values, scan.maps["D2"].values)


def curves_of(container):
    return [
        {
            curve.description: curve
            for curve in Graph.from_object(container[contents.object_key(contents.GRAPH, number)]).curves
        }
        for number in contents.ids(container, contents.GRAPH)
    ]


def test_curves_of_a_pixel_are_those_of_its_maps(recorded):
    dataset, maps = recorded
    container = GwyContainer()
    add_point_graphs(container, dataset, maps, [pinned(1, (4.5, 2.5))])
    (curves,) = curves_of(container)
    time = dataset["time"].values
    seen = 0
    for pulse, label in enumerate(("(+3 V)", "(-3 V)")):
        here = maps.isel(pulse=pulse, y=2, x=4)
        for number, inside in ((1, time < 10e-3 - 1e-9), (2, time >= 10e-3 - 1e-9)):
            if not np.isfinite(here[f"tau{number}"]):
                continue
            seen += 1
            curve = curves[f"fit {number} {label}"]
            np.testing.assert_array_equal(curve.x, time[inside])
            shape, constant = kernel_from_name("exponential").curves(
                curve.x - curve.x[0], np.log([float(here[f"tau{number}"])])
            )
            expected = float(here[f"a{number}"]) * (shape[0] + constant[0]) + float(here[f"c{number}"])
            np.testing.assert_allclose(curve.y, expected, rtol=0, atol=1e-6 * np.ptp(expected))
    assert seen >= 3


def test_curves_of_a_neighbourhood_fit_its_mean(recorded):
    dataset, maps = recorded
    container = GwyContainer()
    add_point_graphs(container, dataset, maps, [pinned(1, (1.5, 2.5), 3)])
    (curves,) = curves_of(container)
    mean = dataset["displacement"].values[1, 1:4, 0:3].reshape(9, -1).mean(axis=0)
    data, fitted = curves["data (-3 V)"], curves["fit 2 (-3 V)"]
    np.testing.assert_allclose(data.y, mean, rtol=1e-12)
    # The noise of a mean of nine, and no more.
    assert np.std(data.y[data.x >= 10e-3 - 1e-9] - fitted.y) == pytest.approx(0.02 / 3, rel=0.3)


def test_samples_that_are_missing_are_left_out_of_the_graph(recorded):
    dataset, maps = recorded
    values = dataset["displacement"].values.copy()
    values[:, 2, 4, 30:40] = np.nan
    values[1, 0, 0] = np.nan
    gappy = dataset.assign(displacement=dataset["displacement"].copy(data=values))
    container = GwyContainer()
    add_point_graphs(
        container,
        gappy,
        maps,
        [pinned(1, (4.5, 2.5)), pinned(2, (0.5, 0.5)), PinnedPoint(3, 1.0, 0.0)],
    )
    single, empty = curves_of(container)
    assert single["data (+3 V)"].x.size == dataset.sizes["time"] - 10
    assert np.isfinite(single["fit 1 (+3 V)"].y).all()
    assert set(empty) <= {"data (+3 V)", "fit 1 (+3 V)", "fit 2 (+3 V)"}


def test_results_of_another_recording_lend_no_curves(recorded):
    dataset, maps = recorded
    container = GwyContainer()
    other = maps.assign_attrs(recipe="")
    for results in (maps.isel(pulse=[0]), maps.isel(x=slice(0, 3)), other, maps.drop_vars(["tau1", "tau2"])):
        add_point_graphs(container, dataset, results, [pinned(1, (4.5, 2.5))])
    for curves in curves_of(container):
        assert set(curves) == {"data (+3 V)", "data (-3 V)"}
