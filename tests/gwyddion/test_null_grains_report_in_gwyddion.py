"""The null curve, grains and the report from Gwyddion's menus: what the engine says, in the open file or beside it."""

import numpy as np
import pytest

from gwyddion.comparing import assert_same_channels, assert_same_graphs, channels, graphs
from gwyddion.test_module_parameters import remember, without_metadata
from gwyddion.test_regions_in_gwyddion import drawn
from napari_tesm.cli import main
from napari_tesm.gwy import Field, metadata_entries, read_container, write_container

pytestmark = pytest.mark.gwyddion

NULL, GRAINS, REPORT = "tesm_null_curve", "tesm_grains", "tesm_report"


@pytest.fixture(scope="module")
def with_maps(sample, tmp_path_factory):
    path = tmp_path_factory.mktemp("fitted") / "scan.gwy"
    assert main(["fit", str(sample), "-o", str(path), "--quiet"]) == 0
    return path


def test_the_null_curve_is_the_engines(host, sample, tmp_path):
    remember(host, NULL, geometry=2, window1="0 ms:5 ms")
    run = host("volume", f"{NULL},{NULL}", 1, sample, tmp_path / "out.gwy")
    assert run.log == []
    words = ["null", str(sample), "--traces", "1", "--geometry", "l2/4tau", "--window1", "0ms:5ms"]
    assert main([*words, "-o", str(tmp_path / "null.gwy")]) == 0
    made, expected = (read_container(tmp_path / name) for name in ("out.gwy", "null.gwy"))
    # A second run changes the graphs that are there.
    assert [graph.title for graph in graphs(made)] == ["t-ESM null curve", "t-ESM null curve: D2/D1"]
    assert_same_graphs(graphs(made), graphs(expected))
    assert channels(made) == channels(read_container(sample))
    assert host.leftovers() == []


def test_grains_are_the_engines_and_a_second_run_replaces_them(host, with_maps, tmp_path, capsys):
    run = host("proc", GRAINS, 0, with_maps, tmp_path / "first.gwy")
    assert run.log == []
    capsys.readouterr()
    assert main(["grains", str(with_maps), "-o", str(tmp_path / "grains.gwy"), "--maps-only"]) == 0
    table, _, last = capsys.readouterr().out.strip().rpartition("\n")
    assert last.startswith("Written: ")
    expected, first = (read_container(tmp_path / name) for name in ("grains.gwy", "first.gwy"))
    shown = {expected[f"/{number}/data/title"] for number in channels(expected).values()
             if expected[f"/{number}/data/visible"]}  # fmt: skip
    assert shown == {"Grains", "D2 (+3 V) with grain boundaries"}
    assert_same_channels(first, expected)
    assert metadata_entries(first["/0/meta"])["Grain statistics"] == table.strip()
    # Labels that somebody has changed in Gwyddion are those of the next run, in the same channels.
    labels = channels(first)["Grains"]
    field = Field.from_object(first[f"/{labels}/data"], "")
    merged = np.where(field.values == 2, 1, field.values)
    assert (merged != field.values).any()
    first[f"/{labels}/data"]["data"] = merged.ravel()
    write_container(tmp_path / "changed.gwy", first)
    run = host("proc", GRAINS, 0, tmp_path / "changed.gwy", tmp_path / "second.gwy")
    assert run.log == []
    second = read_container(tmp_path / "second.gwy")
    assert channels(second) == channels(first)
    assert (
        main(["grains", str(tmp_path / "changed.gwy"), "-o", str(tmp_path / "anew.gwy"), "--maps-only"]) == 0
    )
    assert_same_channels(second, read_container(tmp_path / "anew.gwy"))
    assert (
        np.unique(Field.from_object(second[f"/{labels}/data"], "").values).size < np.unique(field.values).size
    )


def test_grains_are_found_anew_as_the_dialog_says(host, with_maps, tmp_path, display):
    source = drawn(with_maps, tmp_path / "maps.gwy", without=["/brick"])
    environment = {"DISPLAY": display, "HOST_TYPES": "min_area=900 nm|noise_factor=2"}
    run = host("proc", f"ask:{GRAINS}", 0, source, "", environment=environment)
    assert not run.ok
    assert "Smallest grain: '900 nm' is no area (e.g. 500 nm2)." in run.labels
    remember(host, GRAINS, method=1)
    environment["HOST_TYPES"] = "min_area=900 nm²|noise_factor=2"
    run = host("proc", f"ask:{GRAINS}", 0, source, tmp_path / "out.gwy", environment=environment)
    assert (run.log, run.ok) == ([], True)
    words = ["--method", "edges", "--min-area", "900nm2", "--noise-factor", "2"]
    assert main(["grains", str(source), "-o", str(tmp_path / "grains.gwy"), "--maps-only", *words]) == 0
    assert_same_channels(read_container(tmp_path / "out.gwy"), read_container(tmp_path / "grains.gwy"))


def test_the_null_curve_needs_a_radius(host, sample, tmp_path, display):
    silent = without_metadata(sample, tmp_path / "silent.gwy", "Tip radius")
    run = host(
        "volume",
        f"ask:{NULL}",
        1,
        silent,
        tmp_path / "out.gwy",
        environment={"DISPLAY": display, "HOST_TYPES": ""},
    )
    assert not run.ok
    assert "Tip radius: the file does not say it: tick it and set it." in run.labels
    assert not {"Kernel:", "Noise:"} & set(run.labels)


def test_the_report_goes_to_the_folder_that_is_named(host, stress, sample, tmp_path, display):
    lost = {"STRESS_TARGET": str(sample), "DISPLAY": display}

    def run(typed):
        extra = stress.environment("quick", HOST_TYPES=typed, **lost)
        return host("volume", f"ask:{REPORT}", 1, sample, tmp_path / "out.gwy", environment=extra)

    proposed = run("folder=|nuisance=drift,step")
    assert proposed.entries["folder"] == str(sample.with_name("si_c_step_report"))
    assert not proposed.ok
    assert "Folder: it has to be named." in proposed.labels
    assert "Drift, step, mains: 'drift;step' is no list of these" in " ".join(
        run("nuisance=drift;step").labels
    )
    folder = sample.with_name("my report – ü")
    done = run("folder=my report – ü|nuisance=drift, mains2:60Hz")
    assert (done.log, done.ok) == ([], True)
    words = stress.said("words")
    assert (words[0], words[2:4]) == ("report", ["-o", str(folder)])
    assert {"--traces=1", "--nuisance=drift, mains2:60Hz", "--kernel=exponential", "--progress=lines"} <= set(
        words
    )
    assert not {"--maps-only", "--graphs", "--overwrite"} & set(words)
    assert channels(read_container(tmp_path / "out.gwy")) == channels(read_container(sample))
    # What is there is not replaced unless somebody says so.
    assert (
        "Folder: it is there already: name another one, or tick 'Replace'."
        in run("folder=my report – ü").labels
    )
    folder.unlink()
    assert host.leftovers() == []
