"""One scan through command line, Python, report, napari and Gwyddion: the same number for the same question.

The scan has oblong pixels in µm, an origin elsewhere than zero, two pulses, noise that is not white, and pixels that
deserve no number.
"""

import csv
import json

import numpy as np
import pytest
from examples import example_dataset

from gwyddion.comparing import channels
from gwyddion.modulehost import Host
from napari_tesm import fit, open_dataset, save
from napari_tesm.cli import main
from napari_tesm.gwy import metadata_entries, read_container
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.regions.shapes import Region

pytest.importorskip("psygnal")
pytestmark = pytest.mark.gwyddion

QUANTITIES = ("H", "tau1", "D1", "tau2", "D2")
PULSES = ("(+3 V)", "(-3 V)")
NUMBERS = ("n", "median", "q25", "q75", "mean", "std")
PARTS = {"the step": (0, 5, "step"), "a grain": (9, 22, "grain")}


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """Return a file with two regions and without results."""
    dataset = example_dataset(shape=(14, 22), samples=60)
    axes = {"y": -2e-6 + 0.25e-6 * np.arange(14), "x": 5e-6 + 0.4e-6 * np.arange(22)}
    dataset = dataset.assign_coords({name: (name, values, {"units": "m"}) for name, values in axes.items()})
    traces = dataset["displacement"]
    values = traces.values + np.cumsum(np.random.default_rng(8).normal(0, 1.5e-3, traces.shape), axis=-1)
    values[:, 5, 3:14] *= 0.02
    dataset["displacement"] = traces.copy(data=values)
    regions = [
        Region.from_xy("rectangle", np.array([(a, 0), (b, 0), (b, 14), (a, 14)]) * (0.4e-6, 0.25e-6)
                       + (4.8e-6, -2.125e-6), name=name, region_class=kind)
        for name, (a, b, kind) in PARTS.items()
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("doors") / "scan.gwy"
    save(path, dataset, regions=regions)
    return path


@pytest.fixture(scope="module")
def by_command(scan):
    """Return the folder of what the command line has made of it."""
    out = scan.with_name("command.gwy")
    pixels = ["--csv", str(scan.with_name("pixels.csv"))]
    assert main(["fit", str(scan), "-o", str(out), "--quiet", *pixels]) == 0
    assert main(["regions", str(out), "--json", str(scan.with_name("regions.json")), "--quiet"]) == 0
    return scan.parent


@pytest.fixture(scope="module")
def by_gwyddion(scan, module, host_program):
    """Return the file that Gwyddion's menus have made of it: maps, then the statistics of its regions."""
    host = Host(host_program, module, scan.parent / "gwyddion")
    host.folder.mkdir()
    out = scan.with_name("gwyddion.gwy")
    run = host("proc", "tesm_diffusion_maps,tesm_region_statistics", 0, scan, out)
    assert run.log == []
    return out


@pytest.fixture(scope="module")
def by_napari(scan):
    """Return the scan as the workspace has it when its fit is done."""
    from napari_tesm.gui.models.fit import FitModel
    from napari_tesm.gui.models.scan import scans_from_path

    (opened,) = scans_from_path(scan)
    opened.maps = FitModel(opened).fit()
    return opened


def test_every_pixel_has_the_same_numbers(scan, by_command, by_gwyddion, by_napari):
    maps = fit(open_dataset(scan))
    with (by_command / "pixels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    in_gwyddion = read_container(by_gwyddion)
    at = channels(in_gwyddion)
    of_command, of_gwyddion = (
        maps_from_container(read_container(by_command / "command.gwy")),
        maps_from_container(in_gwyddion),
    )
    missing = np.isnan(maps["D2"].values)
    assert 20 < missing.sum() < 200  # and that is the same by every door, too
    for name in (*QUANTITIES, "status1", "status2", "D2_stderr"):
        for pulse, label in enumerate(PULSES):
            title = f"{name} {label}"
            values = maps[name].values[pulse]
            column = [float(row[name] or "nan") for row in rows if row["pulse"] == str(pulse + 1)]
            np.testing.assert_array_equal(np.reshape(column, values.shape), values)
            for door in (of_command, of_gwyddion, by_napari.maps):
                np.testing.assert_array_equal(door[name].values[pulse], values)
            if (
                title in at and "status" not in title
            ):  # as Gwyddion's own tools read it, without our reader's masks
                raw = np.asarray(in_gwyddion[f"/{at[title]}/data"]["data"]).reshape(values.shape)
                np.testing.assert_array_equal(raw[~np.isnan(values)], values[~np.isnan(values)])


def test_every_region_has_the_same_numbers(by_command, by_napari):
    from napari_tesm.gui.models.region_table import RegionTable
    from napari_tesm.report.assembling import report_from_data
    from napari_tesm.report.gathering import report_data_from_files
    from napari_tesm.report.sections import section_functions

    parts = json.loads((by_command / "regions.json").read_text())["parts"]
    data = report_data_from_files([by_command / "command.gwy"])
    section = section_functions()["regions"]
    (report,) = report_from_data(data, sections={"regions": section}, strict=True).sections
    table, asked, checked = RegionTable.of(by_napari), 0, set()
    for part in parts:
        for entry in part["statistics"] if part["name"] in PARTS else ():
            measures = next(
                measure["parts"][part["name"]]
                for measure in report.numbers["measures"]
                if (measure["quantity"], measure["pulse"]) == (entry["quantity"], PULSES[entry["pulse"] - 1])
            )
            table.choose(key=entry["quantity"], pulse=entry["pulse"] - 1)
            shown = next(row.values for row in table.rows() if row.name == part["name"])
            for name in NUMBERS:
                assert measures[name] == getattr(shown, name) == entry[name]
            # numpy's own word, of the pixels as they are; where none was too slow or too fast to be told.
            left, right, _ = PARTS[part["name"]]
            values = by_napari.maps[entry["quantity"]].values[entry["pulse"] - 1][:, left:right]
            assert entry["n"] == np.isfinite(values).sum()
            if not measures["n_below"] + measures["n_above"]:
                assert entry["median"] == pytest.approx(np.nanmedian(values), rel=1e-12)
                checked.add(entry["quantity"])
            asked += 1
    assert asked == 2 * len(QUANTITIES) * 2
    assert checked >= {"H", "tau1", "D1"}


def test_gwyddions_table_is_that_of_the_command_line(by_command, by_gwyddion, capsys):
    assert main(["regions", str(by_command / "command.gwy"), "--channel", "0"]) == 0
    said = capsys.readouterr().out.strip()
    text = metadata_entries(read_container(by_gwyddion)["/0/meta"])["Region statistics"]
    # But for the name of the file in the first line.
    assert text.partition("\n")[2].strip() == said.partition("\n")[2].strip()
    assert "D2 (-3 V) in step" in text
