"""``tesm grains``: known truth through files, what Gwyddion sees, labels of other programs, and what is refused."""

import csv
import json
import re

import numpy as np
import pytest
import xarray as xr
from examples import SPACING, drawn, example_dataset, placed
from simulated_grains import simulated_grains
from skimage.metrics import adapted_rand_error

from napari_tesm import fit, open_dataset, save
from napari_tesm.cli import main
from napari_tesm.grains import Grains, boundaries_from_grains, grains_from_labels
from napari_tesm.gwy import contents
from napari_tesm.gwy.objects import Field, metadata_entries
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.channels import channels_from_container
from napari_tesm.io.gwy.grains import grains_from_container, is_grain_channel
from napari_tesm.io.gwy.region_sources import masks_from_container
from napari_tesm.io.gwy.results_reading import maps_from_container

SHAPE = (40, 48)


def tesm(*words):
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def truth():
    return simulated_grains("domes", shape=SHAPE, spacing=SPACING, count=9, seed=1, groove=1.06e-6)


@pytest.fixture(scope="module")
def made(truth, tmp_path_factory):
    """A fitted file whose D2 is twice as large at the boundaries of known grains."""
    dataset = example_dataset(shape=SHAPE, samples=60)
    dataset["topography"].values[:] = truth.topography
    maps = fit(dataset)
    near = boundaries_from_grains(grains_of(truth), 1.4e-6).mask("boundary")
    noise = np.exp(0.1 * np.random.default_rng(0).standard_normal((2, *SHAPE)))
    known = maps["D2"].notnull().values
    maps["D2"].values[:] = np.where(known, 4e-13 * np.where(near, 2.0, 1.0) * noise, np.nan)
    path = tmp_path_factory.mktemp("grains") / "scan_D.gwy"
    save(path, dataset, maps)
    return path


def grains_of(truth):
    return Grains(truth.labels.astype(np.int32), truth.spacing)


def channels(path):
    container = read_container(path)
    return {
        contents.title(container, contents.CHANNEL, n): (n, container)
        for n in contents.ids(container, contents.CHANNEL)
    }


def image(path, title):
    number, container = channels(path)[title]
    return Field.from_object(container[f"/{number}/data"])


def test_grains_and_verdict_of_a_known_surface(made, truth, tmp_path, capsys):
    assert tesm("grains", made, "--json", "--width", "1.4um") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["found"]["count"] == pytest.approx(9, abs=1)
    assert report["boundaries"]["width"] == pytest.approx(1.4e-6)
    d2 = next(one for one in report["quantities"] if one["quantity"] == "D2" and one["pulse"] == 2)
    assert "is higher at boundaries by factor" in d2["verdict"]
    low, high = d2["boundary_against_interior"]["ratio_ci"]
    assert 1.7 < low < high < 2.2
    assert d2["distance"]["median"][0] > 1.7 * d2["distance"]["median"][3]
    assert tesm("grains", made, "--width", "1.4um") == 0
    words = capsys.readouterr().out
    assert "D2 (-3 V) is higher at boundaries by factor" in words
    assert "around their tops" in words
    assert max(map(len, words.splitlines())) <= 100


def test_the_printed_table_and_the_json_are_those_of_numpy(made, capsys):
    assert tesm("grains", made, "--json", "--width", "1.4um") == 0
    report = json.loads(capsys.readouterr().out)
    assert tesm("grains", made, "--width", "1.4um") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("48 × 40 px" in line for line in lines)
    head = next(n for n, line in enumerate(lines) if "diameter" in line)
    assert lines[head].split()[3:7] == ["area", "diameter", "height", "n"]
    assert lines[head + 1].split()[:4] == ["µm²", "µm", "nm", "mV"]
    for line, grain in zip(lines[head + 2 :], report["grains"], strict=False):
        area, diameter, height = re.search(r"(?:grain|\)) +([\d.]+) +([\d.]+) +(-?[\d.]+) ", line).groups()
        assert float(area) == pytest.approx(grain["pixels"] * 0.25 * 0.4, rel=6e-3)
        assert float(diameter) == pytest.approx(2 * np.sqrt(grain["pixels"] * 0.1 / np.pi), rel=6e-3)
        assert float(height) == pytest.approx(1e9 * grain["height"], rel=6e-3)
    for name, power in (("D2 (-3 V)", -13), ("tau2 (-3 V)", -3)):
        start = next(n for n, line in enumerate(lines) if line.startswith(f"{name} in "))
        quantity = next(
            one for one in report["quantities"] if one["quantity"] == name.split()[0] and one["pulse"] == 2
        )
        for part in ("interior", "boundary"):
            numbers = quantity["classes"][part]
            line = next(line for line in lines[start:] if line.startswith(f"{part} "))
            counts, median, low, high = re.search(
                r"(\d+/\d+)\s+([\d.]+)\s+([\d.]+) … ([\d.]+)", line
            ).groups()
            assert counts == f"{numbers['n']}/{numbers['pixels']}"
            wanted = [numbers[key] / 10.0**power for key in ("median", "q25", "q75")]
            assert [float(text) for text in (median, low, high)] == pytest.approx(wanted, rel=6e-3)
            assert numbers["q25"] < numbers["median"] < numbers["q75"]
    # The same from the maps: every pixel beyond the band, or within it, whatever its grain.
    classes = {part: quantity["classes"][part]["pixels"] for part in ("interior", "boundary")}
    assert sum(classes.values()) == 48 * 40
    compared = quantity["boundary_against_interior"]
    assert compared["n"] == [quantity["classes"][part]["n"] for part in ("boundary", "interior")]
    assert len(set(compared["n"])) == 2


def test_the_output_holds_labels_boundaries_and_masked_maps(made, truth, tmp_path):
    out = tmp_path / "out.gwy"
    assert tesm("grains", made, "-o", out, "--width", "1.1um", "--quiet") == 0
    labels, band = image(out, "Grains"), image(out, "Grain boundaries")
    assert adapted_rand_error(truth.labels, labels.values.astype(int))[0] < 0.2
    assert set(np.unique(band.values)) == {0.0, 1.0}
    assert labels.x_real == pytest.approx(48 * 0.4e-6)
    assert labels.y_real == pytest.approx(40 * 0.25e-6)
    number, container = channels(out)["D2 (-3 V) with grain boundaries"]
    mask = Field.from_object(container[f"/{number}/mask"]).values > 0.5
    maps = maps_from_container(container)
    known = maps["D2"].isel(pulse=1).notnull().values
    np.testing.assert_array_equal(mask, (band.values > 0.5) & known)
    np.testing.assert_array_equal(
        Field.from_object(container[f"/{number}/data"]).values[known], maps["D2"].values[1][known]
    )
    # Neither the maps nor the ordinary channels nor the regions are any others than before.
    before = maps_from_container(read_container(made))
    xr.testing.assert_equal(before, maps)
    assert [c.name for c in channels_from_container(container)] == ["topography"]
    y, x = before["y"], before["x"]
    assert masks_from_container(container, y, x, []) == {}
    grains, width = grains_from_container(container, y, x)
    np.testing.assert_array_equal(grains.labels, labels.values)
    assert width == pytest.approx(1.1e-6)
    assert grains.parameters["method"] == "domes"
    assert "grains were found in Topography" in grains.words[0]


def test_a_second_run_takes_the_saved_grains_and_replaces_its_channels(made, tmp_path, capsys):
    first, second = tmp_path / "one.gwy", tmp_path / "two.gwy"
    assert tesm("grains", made, "-o", first, "--quiet") == 0
    assert tesm("grains", first, "-o", second, "--quiet") == 0
    assert list(channels(second)) == list(channels(first))
    np.testing.assert_array_equal(image(first, "Grains").values, image(second, "Grains").values)


def test_a_new_fit_carries_the_grains_over_and_shows_the_new_maps_under_them(made, tmp_path):
    first, second = tmp_path / "one.gwy", tmp_path / "two.gwy"
    assert tesm("grains", made, "-o", first, "--quiet") == 0
    assert tesm("fit", first, "-o", second, "--tip-radius", "50nm", "--quiet") == 0
    np.testing.assert_array_equal(image(first, "Grains").values, image(second, "Grains").values)
    container = read_container(second)
    maps = maps_from_container(container)
    known = maps["D2"].values[1] > 0
    shown = image(second, "D2 (-3 V) with grain boundaries").values
    np.testing.assert_allclose(shown[known], maps["D2"].values[1][known])
    kinds = [
        is_grain_channel(metadata_entries(container.get(f"/{n}/meta")))
        for n in contents.ids(container, contents.CHANNEL)
    ]
    assert sum(kinds) == 2 + 6


@pytest.mark.gwyddion
def test_gwyddion_has_nothing_to_complain_about(made, tmp_path, gwyoracle, gwyddion_check):
    out = tmp_path / "out.gwy"
    assert tesm("grains", made, "-o", out, "--quiet") == 0
    assert gwyoracle(out).problems == []
    assert gwyddion_check(out) == ""


def test_labels_of_other_programs(made, truth, tmp_path, capsys):
    import tifffile
    from PIL import Image

    labels = truth.labels.astype(np.uint16)
    np.save(tmp_path / "labels.npy", labels)
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    Image.fromarray(labels.astype(np.uint8)).save(tmp_path / "labels.png")
    tesm("grains", made, "-o", tmp_path / "labels.gwy", "--labels", tmp_path / "labels.npy", "--quiet")
    for name in ("labels.npy", "labels.tif", "labels.png", "labels.gwy"):
        assert tesm("grains", made, "--labels", tmp_path / name, "--json") == 0
        report = json.loads(capsys.readouterr().out)
        assert report["found"]["count"] == 9
        areas = {row["id"]: row["area"] for row in report["grains"]}
        counts = np.bincount(labels.ravel())
        assert areas == pytest.approx({n: counts[n] * 0.25e-6 * 0.4e-6 for n in range(1, 10)})
        assert report["found"]["source"] == name


def test_labels_of_another_size_are_refused_with_width_and_height(made, tmp_path, capsys):
    np.save(tmp_path / "labels.npy", np.ones((7, 11), dtype=np.uint16))
    assert tesm("grains", made, "--labels", tmp_path / "labels.npy") != 0
    said = " ".join(capsys.readouterr().err.split())
    assert "the labels of labels.npy have 11 × 7 pixels and the image 48 × 40" in said


def test_a_channel_as_labels(made, truth, tmp_path, capsys):
    dataset = open_dataset(made)
    labels = dataset["topography"].copy(data=truth.labels.astype(float))
    labels.name, labels.attrs["long_name"], labels.attrs["units"] = "mine", "Mine", ""
    bare = dataset.assign(mine=labels)
    bare.encoding.clear()
    save(tmp_path / "with.gwy", bare)
    assert tesm("grains", tmp_path / "with.gwy", "--labels", "Mine", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["found"]["count"] == 9
    assert [one["quantity"] for one in report["quantities"]] == ["H", "H"]
    assert any("only H is known" in note for note in report["notes"])


def test_tables_as_csv(made, truth, tmp_path):
    np.save(tmp_path / "labels.npy", truth.labels)
    folder = tmp_path / "tables"
    assert tesm("grains", made, "--labels", tmp_path / "labels.npy", "--csv", folder, "--quiet") == 0
    with (folder / "grains.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 9
    maps = maps_from_container(read_container(made))
    fourth = next(row for row in rows if row["id"] == "4" and row["voltage"] == "-3.0")
    inside = maps["D2"].values[1][truth.labels == 4]
    assert float(fourth["D2_median"]) == pytest.approx(np.nanmedian(inside))
    found = [float(fourth[f"D2_{key}"]) for key in ("q25", "q75", "iqr")]
    low, high = np.nanpercentile(inside, [25, 75])
    assert found == pytest.approx([low, high, high - low])
    assert int(fourth["D2_n"]) == np.isfinite(inside).sum()
    with (folder / "distances.csv").open(newline="") as file:
        every = list(csv.DictReader(file))
    bins = [row for row in every if row["quantity"] == "H" and row["pulse"] == "1"]
    assert sum(int(row["n"]) for row in bins) == np.isfinite(maps["H"].values[0]).sum()
    away = boundaries_from_grains(grains_from_labels(truth.labels, SPACING), 1e-6).distance
    checked = 0
    for row in (one for one in every if one["quantity"] == "D2" and one["pulse"] == "2"):
        # Of the bins at whose border centres lie, these belong to the farther.
        number = np.floor(away / float(row["bin_width"]) + 1e-6)
        here = number == round(float(row["distance"]) / float(row["bin_width"]) - 0.5)
        inside = maps["D2"].values[1][here & maps["D2"].notnull().values[1]]
        assert int(row["n"]) == inside.size
        quartiles = [float(row[key]) for key in ("q25", "median", "q75")]
        assert quartiles == pytest.approx(10 ** np.percentile(np.log10(inside), [25, 50, 75]))
        # The interval of the median of so many is narrower than the quartiles.
        if float(row["independent"]) > 50:
            assert quartiles[0] < float(row["low"]) < quartiles[1] < float(row["high"]) < quartiles[2]
            checked += 1
    assert checked >= 2
    with (folder / "classes.csv").open(newline="") as file:
        assert {row["class"] for row in csv.DictReader(file)} == {"interior", "boundary", "cluster", "defect"}
    alone = tmp_path / "alone.csv"
    assert tesm("grains", made, "--labels", tmp_path / "labels.npy", "--csv", alone, "--quiet") == 0
    assert alone.read_text() == (folder / "grains.csv").read_text()


def test_drawn_defects_are_a_class_and_particles_are_proposed(made, truth, tmp_path, capsys):
    dataset = open_dataset(made)
    bare = dataset.copy(deep=False)
    bare["topography"] = dataset["topography"].copy(data=truth.topography.copy())
    bare["topography"].values[10:14, 20:24] += 80e-9
    bare.encoding.clear()
    maps = maps_from_container(read_container(made))
    save(tmp_path / "particle.gwy", bare, maps)
    assert tesm("grains", tmp_path / "particle.gwy", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    (candidate,) = found["defect_candidates"]
    assert candidate["kind"] == "particle"
    x, y = placed((22, 12))[0]
    assert (candidate["x"], candidate["y"]) == pytest.approx((x, y), abs=0.25e-6)
    assert tesm("grains", tmp_path / "particle.gwy") == 0
    across, down = re.search(
        r"a particle of .* at x ([-\d.]+), y ([-\d.]+) µm", capsys.readouterr().out
    ).groups()
    assert (float(across), float(down)) == pytest.approx((x * 1e6, y * 1e6), abs=0.3)
    assert found["boundaries"]["shares"]["defect"] == 0
    dirt = drawn("rectangle", ((19, 8.75), (25, 8.75), (25, 15), (19, 15)), "dirt", "defect")
    save(tmp_path / "drawn.gwy", bare, maps, regions=[dirt])
    assert tesm("grains", tmp_path / "drawn.gwy", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["defect_candidates"] == []
    assert found["boundaries"]["shares"]["defect"] > 0
    assert found["quantities"][0]["classes"]["defect"]["n"] > 10


def test_python_saves_grains_with_their_classes_and_takes_them_away(made, truth, tmp_path):
    grains = grains_of(truth).with_class(3, "cluster")
    dataset, maps = open_dataset(made), maps_from_container(read_container(made))
    path = tmp_path / "saved.gwy"
    save(path, dataset, maps, grains=(grains, boundaries_from_grains(grains, 0.7e-6)))
    back, width = grains_from_container(read_container(path), dataset["y"], dataset["x"])
    assert back.label_classes == {3: "cluster"}
    assert width == pytest.approx(0.7e-6)
    nothing = Grains(np.zeros(SHAPE, dtype=np.int32), truth.spacing)
    save(
        tmp_path / "none.gwy",
        open_dataset(path),
        maps,
        grains=(nothing, boundaries_from_grains(nothing, 1e-9)),
    )
    assert grains_from_container(read_container(tmp_path / "none.gwy"), dataset["y"], dataset["x"]) is None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--width", "30"], 2, "unit"),
        (["--width", "0nm"], 1, "wider than zero"),
        (["--smooth=-5nm"], 2, "smoothing width"),
        (["--contrast", "much"], 2, "number"),
        (["--bin", "0nm"], 2, "wider than zero"),
        (["--from", "Nowhere"], 1, "no channel 'Nowhere'"),
        (["--labels", "nothing.npy"], 1, "not there"),
        (["--method", "magic"], 2, "invalid choice"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(made, capsys, words, code, said):
    assert tesm("grains", made, *words) == code
    out = capsys.readouterr()
    assert out.out == ""
    assert said in out.err
    assert len(out.err.strip().splitlines()) <= 3


@pytest.mark.parametrize(
    "name", ["other.npy", "text.png", "colours.png", "fractions.npy", "what.xyz", "objects.npy"]
)
def test_labels_that_are_none_are_refused_and_nothing_is_left(made, tmp_path, capsys, name):
    from PIL import Image

    np.save(tmp_path / "other.npy", np.ones((3, 3), dtype=int))
    np.save(tmp_path / "fractions.npy", np.full(SHAPE, 0.5))
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}]), allow_pickle=True)
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "what.xyz").write_text("1 2 3")
    Image.fromarray(np.zeros((*SHAPE, 3), dtype=np.uint8)).save(tmp_path / "colours.png")
    out = tmp_path / "out.gwy"
    assert tesm("grains", made, "--labels", tmp_path / name, "-o", out) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not out.exists()


def test_labels_of_the_right_size_only(truth):
    with pytest.raises(ValueError, match="no grain"):
        grains_from_labels(np.zeros(SHAPE), truth.spacing)


def test_an_output_is_not_overwritten_and_never_the_input(made, tmp_path, capsys):
    out = tmp_path / "out.gwy"
    out.write_text("mine")
    assert tesm("grains", made, "-o", out) == 1
    assert out.read_text() == "mine"
    assert tesm("grains", made, "-o", made, "--overwrite") == 2
