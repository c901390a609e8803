"""The same files by every door: what is restored, what is missing and what cannot be understood is said alike."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from examples import example_dataset

from napari_tesm import fit, open_dataset, save
from napari_tesm.cli import main
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.grains import Grains, boundaries_from_grains
from napari_tesm.gwy import contents
from napari_tesm.gwy.graphs import Graph
from napari_tesm.gwy.objects import metadata_entries
from napari_tesm.gwy.parts import put
from napari_tesm.gwy.reading import read_container
from napari_tesm.gwy.writing import write_container
from napari_tesm.io.gwy.results import is_result
from napari_tesm.regions.shapes import PinnedPoint, Region
from napari_tesm.report.gathering import report_data_from_files
from napari_tesm.scan import Scan, save_scan, scan_with_traces, scans_from_file

UM = 1e-6
RECIPE = Recipe(tip_radius=25e-9, threshold=0.2)
POINT = PinnedPoint(1, -3.25 * UM, 6.1 * UM, 3)
NO_TRACES = "{} holds no time traces: no volume or curve map with a time axis"
OTHER_TRACES = "the results in the file are those of other traces: they are left out"
OTHER_VERSION = (
    "the recipe in the file cannot be used: the recipe has version 7; this program reads version 1"
)
RESULTS_ALONE = ("maps_only", "without_volume")


def box(left, right, name, region_class):
    """Return a rectangle over rows 1 to 5 of the image."""
    corners = [(left, 5.0), (right, 5.0), (right, 8.6), (left, 8.6)]
    return Region("rectangle", tuple((x * UM, y * UM) for x, y in corners), name, region_class)


STEP, GRAIN = box(-7.0, -4.5, "left", "step"), box(-2.0, 1.2, "right", "grain")
PIXELS = {"left": np.ix_(range(1, 6), range(2)), "right": np.ix_(range(1, 6), range(4, 7))}


def placed_dataset(**options):
    """Return 6 × 9 pixels of 0.8 µm by 1.2 µm, the first corner at x = -7 µm, y = 4 µm."""
    dataset = example_dataset(**options)
    axes = {}
    for axis, start, step in (("y", 4 * UM, 0.8 * UM), ("x", -7 * UM, 1.2 * UM)):
        centres = start + step * (np.arange(dataset.sizes[axis]) + 0.5)
        axes[axis] = (axis, centres, dataset[axis].attrs | {"spacing": step})
    return dataset.assign_coords(axes)


def grains_by_hand():
    labels = np.ones((6, 9), dtype=np.int32)
    labels[:, 5:] = 2
    grains = Grains(labels, (0.8 * UM, 1.2 * UM), source="by hand")
    return grains, boundaries_from_grains(grains, 2.5 * UM)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    dataset = placed_dataset()
    return tmp_path_factory.mktemp("scans"), dataset, fit(dataset, recipe=RECIPE)


@pytest.fixture(scope="module")
def whole(made):
    folder, dataset, maps = made
    save(folder / "whole.gwy", dataset, maps, regions=[STEP, GRAIN], points=[POINT], grains=grains_by_hand())
    return folder / "whole.gwy"


@pytest.fixture(scope="module")
def maps_only(made):
    folder, dataset, maps = made
    save(
        folder / "maps_only.gwy", dataset, maps, maps_only=True, regions=[STEP, GRAIN], points=[POINT],
        grains=grains_by_hand(),
    )  # fmt: skip
    return folder / "maps_only.gwy"


@pytest.fixture(scope="module")
def without_volume(whole):
    return changed(whole, "without_volume.gwy", lambda container: remove_bricks(container, 0, 1))


@pytest.fixture(scope="module")
def half(whole):
    """Return a file whose results are of two pulse settings and whose traces are of one."""
    return changed(whole, "half.gwy", lambda container: remove_bricks(container, 1))


def changed(path, name, change):
    container = read_container(path)
    change(container)
    path.with_name(name).unlink(missing_ok=True)
    write_container(path.with_name(name), container)
    return path.with_name(name)


def remove_bricks(container, *numbers):
    for number in numbers:
        for key in contents.keys_of(container, contents.BRICK, number):
            del container[key]


def of_another_version(container):
    for number in contents.ids(container, contents.CHANNEL):
        metadata = container.get(contents.metadata_key(contents.CHANNEL, number))
        if is_result(metadata_entries(metadata)):
            put(metadata, "Recipe", json.dumps({"version": 7, "wisdom": 1.0}), "s")


def tesm(capsys, *words):
    capsys.readouterr()
    code = main([str(word) for word in words])
    return code, capsys.readouterr()


def report_of(capsys, *words):
    code, said = tesm(capsys, *words, "--json")
    assert (code, said.err) == (0, "")
    return json.loads(said.out)


def statistics(found, part, quantity, pulse):
    lines = next(one for one in found["parts"] if one["name"] == part)["statistics"]
    return next(line for line in lines if (line["quantity"], line["pulse"]) == (quantity, pulse))


# Results alone: a maps-only output, and a result whose volume somebody has deleted in Gwyddion.


@pytest.mark.parametrize("name", RESULTS_ALONE)
def test_results_alone_are_a_scan_with_all_that_was_done(name, made, request):
    _, dataset, maps = made
    path = request.getfixturevalue(name)
    (scan,) = scans_from_file(path)
    assert (scan.dataset, scan.unfinished, scan.notes) == (None, None, [])
    assert str(scan.refusal) == NO_TRACES.format(path.name)
    for quantity in ("H", "tau1", "D2"):
        np.testing.assert_array_equal(scan.maps[quantity].values, maps[quantity].values)
    assert scan.recipe == RECIPE
    assert (scan.regions, scan.points) == ([STEP, GRAIN], [POINT])
    np.testing.assert_array_equal(scan.grains.labels, grains_by_hand()[0].labels)
    assert scan.band_width == pytest.approx(2.5 * UM)
    assert (scan.labels, scan.unit, scan.lateral_unit) == (["(+3 V)", "(-3 V)"], "V", "m")
    np.testing.assert_allclose(scan.x, dataset["x"].values, rtol=1e-12)
    np.testing.assert_allclose(scan.y, dataset["y"].values, rtol=1e-12)
    assert scan.spacing == pytest.approx((0.8 * UM, 1.2 * UM))
    assert list(scan.images) == ([] if name == "maps_only" else ["Topography"])


@pytest.mark.parametrize("name", RESULTS_ALONE)
def test_results_alone_are_measured(name, made, request, capsys):
    _, _, maps = made
    path = request.getfixturevalue(name)
    found = report_of(capsys, "regions", path)
    assert (found["notes"], found["recipe"]["threshold"]) == ([], 0.2)
    for part, pixels in PIXELS.items():
        inside = maps["D2"].values[1][pixels]
        line = statistics(found, part, "D2", 2)
        assert line["n"] == np.isfinite(inside).sum() > 5
        assert line["median"] == pytest.approx(np.nanmedian(inside), rel=1e-12)
    grains = report_of(capsys, "grains", path, "--width", "2.5um")
    assert (grains["found"]["count"], grains["found"]["source"], grains["notes"]) == (2, "by hand", [])
    assert grains["boundaries"]["width"] == pytest.approx(2.5 * UM)
    areas = [row["area"] for row in grains["grains"]]
    assert areas == pytest.approx([30 * 0.96e-12, 24 * 0.96e-12])
    (scan,) = report_data_from_files([path]).scans
    assert scan.maps_from_file
    assert scan.recipe == RECIPE
    assert any(NO_TRACES.format(path.name) in note for note in scan.notes)


@pytest.mark.parametrize("name", RESULTS_ALONE)
@pytest.mark.parametrize("words", ["fit", "displacement", "kernels", "null"])
def test_what_needs_traces_says_that_there_are_none(name, words, request, tmp_path, capsys):
    path = request.getfixturevalue(name)
    more = [] if words == "null" else ["-o", tmp_path / "never.gwy"]
    code, said = tesm(capsys, words, path, *more)
    assert (code, said.out, said.err) == (1, "", f"tesm: {NO_TRACES.format(path.name)}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", RESULTS_ALONE)
def test_results_alone_are_written_as_they_are(name, request, tmp_path):
    path = request.getfixturevalue(name)
    (scan,) = scans_from_file(path)
    save_scan(scan, tmp_path / "same.gwy", kept=("maps",))
    (same,) = scans_from_file(tmp_path / "same.gwy")
    assert (same.regions, same.points, same.recipe) == (scan.regions, scan.points, scan.recipe)
    np.testing.assert_array_equal(same.grains.labels, scan.grains.labels)
    assert same.maps.equals(scan.maps)
    assert same.maps.attrs == scan.maps.attrs


# What cannot be restored is said in the same words by every door.


def notes_of_every_door(path, capsys):
    return {
        "scan": scans_from_file(path)[0].notes,
        "regions": report_of(capsys, "regions", path)["notes"],
        "grains": report_of(capsys, "grains", path)["notes"],
        "report": report_data_from_files([path]).scans[0].notes,
    }


@pytest.mark.parametrize("name", ["whole", *RESULTS_ALONE])
def test_a_recipe_of_another_version_is_said_and_the_maps_are_there(name, made, request, capsys):
    _, _, maps = made
    path = changed(request.getfixturevalue(name), "version.gwy", of_another_version)
    for door, notes in notes_of_every_door(path, capsys).items():
        assert notes.count(OTHER_VERSION) == 1, door
    (scan,) = scans_from_file(path)
    assert scan.recipe == Recipe()
    np.testing.assert_array_equal(scan.maps["D2"].values, maps["D2"].values)
    found = report_of(capsys, "regions", path)
    assert statistics(found, "left", "D2", 2)["median"] == pytest.approx(
        np.nanmedian(maps["D2"].values[1][PIXELS["left"]])
    )


def test_maps_of_another_size_than_the_traces_are_left_out_with_a_word(made, half, capsys):
    _, dataset, _ = made
    for door, notes in notes_of_every_door(half, capsys).items():
        assert notes.count(OTHER_TRACES) == 1, door
    (scan,) = scans_from_file(half)
    assert (scan.maps, scan.recipe, scan.labels) == (None, Recipe(), ["(+3 V)"])
    assert (scan.regions, scan.points, scan.grains.count) == ([STEP, GRAIN], [POINT], 2)
    found = report_of(capsys, "regions", half)
    wanted = fit(dataset.isel(pulse=[0]))["H"].values[0][PIXELS["left"]]
    assert statistics(found, "left", "H", 1)["median"] == pytest.approx(np.median(wanted), rel=1e-9)


def test_results_of_some_of_the_traces_are_measured_with_these(made, tmp_path, capsys):
    _, dataset, maps = made
    save(tmp_path / "raw.gwy", dataset, regions=[STEP])
    out = tmp_path / "out.gwy"
    code, _ = tesm(capsys, "fit", tmp_path / "raw.gwy", "-o", out, "--traces", "1", "--threshold", "20%")
    assert code == 0
    assert scans_from_file(out)[0].notes == [OTHER_TRACES]  # both pulse settings are looked at there
    graphs, table = tmp_path / "graphs.gwy", tmp_path / "table.csv"
    assert tesm(capsys, "regions", out, "-o", graphs, "--csv", table, "--quiet")[0] == 0
    with table.open(newline="") as file:
        rows = {(row["name"], row["quantity"]): row for row in csv.DictReader(file)}
    assert rows["left", "tau2"]["voltage"] == "-3.0"
    assert float(rows["left", "tau2"]["median"]) == pytest.approx(
        np.nanmedian(maps["tau2"].values[1][PIXELS["left"]])
    )
    container = read_container(graphs)
    keys = [contents.object_key(contents.GRAPH, n) for n in contents.ids(container, contents.GRAPH)]
    titles = [Graph.from_object(container[key]).title for key in keys]
    assert sum("mean trace" in title for title in titles) == 1
    assert any(title.startswith("t-ESM mean trace (-3 V)") for title in titles)


def test_results_that_cannot_be_read_do_not_stop_the_rest(whole, capsys):
    def cropped(container):
        for number in contents.ids(container, contents.CHANNEL):
            if contents.title(container, contents.CHANNEL, number) == "H (+3 V)":
                put(container[f"/{number}/data"], "xres", 3, "i")

    path = changed(whole, "odd.gwy", cropped)
    for door, notes in notes_of_every_door(path, capsys).items():
        assert sum("H (+3 V)" in note for note in notes) == 1, door
    assert scans_from_file(path)[0].regions == [STEP, GRAIN]


def test_units_that_an_earlier_fit_was_told_are_known(made, tmp_path, capsys):
    _, dataset, _ = made
    save(tmp_path / "plain.gwy", dataset)

    def without_unit(container):
        for key in ("/brick/0", "/brick/1"):
            del container[key]["si_unit_z"]
            container[key].typecodes.pop("si_unit_z")

    silent = changed(tmp_path / "plain.gwy", "silent.gwy", without_unit)
    (unknown,) = scans_from_file(silent)
    assert unknown.dataset is None
    assert unknown.unfinished.sizes["pulse"] == 2
    with pytest.raises(ValueError, match="has no unit"):
        scan_with_traces([unknown])
    with pytest.raises(ValueError, match="enter it first"):
        save_scan(unknown, tmp_path / "never.gwy")
    out = tmp_path / "out.gwy"
    assert (
        tesm(capsys, "fit", silent, "-o", out, "--time-unit", "s", "--tip-radius", "25nm", "--quiet")[0] == 0
    )
    (scan,) = scans_from_file(out)
    assert scan.unfinished is None
    np.testing.assert_allclose(scan.dataset["time"].values, dataset["time"].values, atol=1e-12)
    assert scan.maps is not None
    # Who fits anew says it anew.
    assert tesm(capsys, "fit", out, "-o", tmp_path / "never.gwy")[0] == 1


# Files of all kinds.


def test_an_image_alone_is_opened_by_every_command(tmp_path, capsys):
    rng = np.random.default_rng(3)
    dataset = placed_dataset(shape=(30, 40))
    y, x = np.indices((30, 40))
    dataset["topography"].values[:] = 40e-9 * np.abs(np.sin(x / 5) * np.sin(y / 4)) + 1e-9 * rng.random(
        (30, 40)
    )
    path = tmp_path / "image.gwy"
    save(path, None, channels=[dataset["topography"]])
    (scan,) = scans_from_file(path)
    assert (list(scan.images), scan.maps, scan.is_empty) == (["Topography"], None, False)
    found = report_of(capsys, "regions", path, "--channel", "Topography")
    assert statistics(found, "whole image", "Topography", None)["n"] == 1200
    assert report_of(capsys, "grains", path)["found"]["source"] == "Topography"
    code, said = tesm(capsys, "regions", path)
    assert (code, NO_TRACES.format(path.name) in said.err, len(said.err.splitlines())) == (1, True, 1)
    with pytest.raises(ValueError, match="no time traces"):
        scan_with_traces([scan])


MICROSCOPES = {
    "ibw/P0089OP0027.ibw": "HeightRetrace",
    "spectra/GaAs_map.mdt": None,
    "bruker/old_bruker.002": None,
    "hdf5/PMN28Pt0001.h5": None,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MICROSCOPES)
def test_a_microscopes_file_is_opened_by_every_command(name, shared_data, tmp_path, capsys):
    path = shared_data / name
    (scan,) = scans_from_file(path)
    title = MICROSCOPES[name] or next(iter(scan.images))
    values = scan.images[title].values
    found = report_of(capsys, "regions", path, "--channel", title)
    line = statistics(found, "whole image", title, None)
    assert (line["n"], line["median"]) == (values.size, pytest.approx(np.median(values), rel=1e-9))
    code, said = tesm(capsys, "grains", path, "--from", title, "-o", tmp_path / "grains.gwy", "--quiet")
    assert code in (0, 1)
    assert len(said.err.splitlines()) == code
    assert "b'" not in said.err
    if code == 0:
        (again,) = scans_from_file(tmp_path / "grains.gwy")
        assert again.grains.labels.shape == values.shape
        np.testing.assert_allclose(again.images[title].values, values)
    assert tesm(capsys, "import", path, "-o", tmp_path / "imported.gwy", "--quiet")[0] == 0
    (imported,) = scans_from_file(tmp_path / "imported.gwy")
    assert len(imported.channels) == len(scan.channels)
    assert imported.images[title].sizes == scan.images[title].sizes
    for words in ("fit", "displacement"):
        code, said = tesm(capsys, words, path, "-o", tmp_path / "never.gwy")
        assert (code, said.err.lower()) == (
            1,
            f"tesm: {path.name} holds images only, no time traces\n".lower(),
        )


@pytest.fixture
def recorded(made, tmp_path):
    """Return an HDF5 file of traces that a mapping beside it explains."""
    h5py = pytest.importorskip("h5py")
    _, dataset, _ = made
    path = tmp_path / "recorded.h5"
    with h5py.File(path, "w") as file:
        file["x"] = dataset["displacement"].values
        file["z"] = dataset["topography"].values * 1e9
    (tmp_path / "explained.yaml").write_text(
        "format: t-ESM mapping 1\n"
        "traces: [{source: x, axes: [pulse, y, x, time], unit: V, signal: X}]\n"
        "images: [{source: z, title: Topography, unit: nm}]\n"
        "time: {interval: 0.1 ms}\n"
        "scan: {width: 10.8 µm, height: 4.8 µm, voltages: [+3 V, -3 V]}\n"
        "protocol: {pulse start: 0 s, pulse duration: 10 ms}\n",
        encoding="utf-8",
    )
    return path


def test_a_recording_with_its_mapping_is_opened_by_every_command(made, recorded, tmp_path, capsys):
    _, dataset, maps = made
    given = ["--mapping", tmp_path / "explained.yaml"]
    found = report_of(capsys, "regions", recorded, *given)
    line = statistics(found, "whole image", "H", 2)
    assert line["n"] == 54
    assert line["median"] == pytest.approx(np.median(maps["H"].values[1]), rel=1e-9)
    grains = report_of(capsys, "grains", recorded, *given, "--labels", labels_of(tmp_path))
    assert [row["area"] for row in grains["grains"]] == pytest.approx([30 * 0.96e-12, 24 * 0.96e-12])
    out = tmp_path / "fitted.gwy"
    assert tesm(capsys, "fit", recorded, *given, "-o", out, "--threshold", "20%", "--quiet")[0] == 0
    (scan,) = scans_from_file(out)
    np.testing.assert_allclose(scan.maps["tau2"].values, maps["tau2"].values, rtol=1e-9)
    # Beside the file the mapping is found by itself; without one, nobody knows of traces.
    code, said = tesm(capsys, "regions", recorded)
    assert (code, len(said.err.splitlines()), "no time traces" in said.err) == (1, 1, True)
    (tmp_path / "explained.yaml").rename(tmp_path / "recorded.yaml")
    (beside,) = scans_from_file(recorded)
    assert beside.dataset.sizes["time"] == dataset.sizes["time"]
    assert [image.name for image in beside.channels] == ["topography"]


def labels_of(folder):
    np.save(folder / "labels.npy", grains_by_hand()[0].labels)
    return folder / "labels.npy"


# The object itself.


def test_a_scan_of_another_kind_holds_the_same(whole):
    (scan,) = scans_from_file(whole)
    again = Scan.of(scan, name="again")
    assert (again.name, again.path, again.maps is scan.maps) == ("again", whole, True)
    again.regions.append(STEP)
    assert scan.regions == [STEP, GRAIN]


def test_groups_of_traces_are_scans_of_their_own(made, tmp_path):
    _, dataset, _ = made

    def slower(container):
        put(container["/brick/1"], "zreal", 2 * container["/brick/1"]["zreal"], "d")

    save(tmp_path / "one.gwy", dataset)
    first, second = scans_from_file(changed(tmp_path / "one.gwy", "two.gwy", slower))
    assert (first.group, second.group) == (0, 1)
    assert [len(scan.channels) for scan in (first, second)] == [1, 1]
    assert first.name != second.name
    with pytest.raises(ValueError, match="choose one group"):
        scan_with_traces([first, second])
    (only,) = scans_from_file(tmp_path / "two.gwy", Recipe(traces=("1",)))
    assert only.labels == ["(-3 V)"]


def test_nothing_is_restored_for_who_fits_anew(whole):
    (scan,) = scans_from_file(whole, restored=False)
    assert (scan.maps, scan.recipe, scan.regions, scan.grains) == (None, Recipe(), [], None)
    assert scan.dataset.sizes == open_dataset(whole).sizes


def test_a_file_is_read_once(whole, monkeypatch):
    reads = []
    for module in ("napari_tesm.scan.opening", "napari_tesm.io.registry", "napari_tesm.scan.saving"):
        monkeypatch.setattr(
            f"{module}.read_container", lambda path: reads.append(path) or read_container(path)
        )
    for restored in (True, False):
        scans_from_file(whole, restored=restored)
        assert len(reads) == 1
        reads.clear()


def test_the_room_needs_no_toolkit():
    code = "import sys, napari_tesm.scan; print('psygnal' in sys.modules, 'napari' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
