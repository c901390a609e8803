"""The whole way of a recording: simulated as a stream, written as TDMS, imported with its mapping, fitted."""

import numpy as np
import pytest

from napari_tesm import fit, open_dataset, save, simulate_dataset
from napari_tesm.cli import main
from napari_tesm.io.acquisition_files import mapping_from_acquisition, save_tdms
from napari_tesm.io.mapping.text import mapping_from_file, mapping_from_text, text_from_mapping
from napari_tesm.simulation.acquisition import simulate_acquisition
from napari_tesm.simulation.timing import Timing

pytest.importorskip("nptdms")


@pytest.fixture(scope="module")
def truth():
    return simulate_dataset("si-c-step", size=(24, 16), samples=100, seed=3)


def written(folder, dataset, **options):
    acquisition = simulate_acquisition(dataset, timing=Timing(**options), seed=1)
    save_tdms(folder / "scan.tdms", acquisition)
    width, height = (float(np.diff(dataset[axis].values)[0] * dataset[axis].size) for axis in ("x", "y"))
    mapping = mapping_from_acquisition(acquisition, width=width, height=height)
    (folder / "scan.yaml").write_text(text_from_mapping(mapping), encoding="utf-8")
    return acquisition


def test_a_recording_with_lost_and_doubled_pulses_becomes_the_dataset_it_was(tmp_path, truth):
    acquisition = written(tmp_path, truth, dropped=0.01, doubled=0.01)
    dataset = open_dataset(tmp_path / "scan.tdms")
    assert dataset.sizes == {name: truth.sizes[name] for name in ("pulse", "y", "x", "time")} | {}
    survives = acquisition.truth["survives"].values
    seen = np.zeros((truth.sizes["pulse"], truth.sizes["y"], truth.sizes["x"]), dtype=bool)
    event = acquisition.truth
    seen[event["pulse"].values[survives], event["row"].values[survives], event["column"].values[survives]] = (
        True
    )
    values = dataset["displacement"].values
    assert 0.9 < seen.mean() < 1
    assert np.array_equal(values[seen], truth["displacement"].values[seen])
    assert np.isnan(values[~seen]).all()
    assert dataset["voltage"].values.tolist() == truth["voltage"].values.tolist()
    assert np.allclose(
        dataset["x"].values - dataset["x"].values[0], truth["x"].values - truth["x"].values[0], atol=0
    )
    maps, expected = fit(dataset, tip_radius="25 nm"), fit(truth, tip_radius="25 nm")
    same = seen & (maps["status2"].values == 0) & (expected["status2"].values == 0)
    assert same.sum() > 0.9 * seen.sum() * (expected["status2"].values[seen] == 0).mean()
    # The times of the samples differ in their last bit.
    assert np.allclose(maps["D2"].values[same], expected["D2"].values[same], rtol=1e-9, atol=0)


def test_one_command_makes_a_file_that_gwyddion_can_open(tmp_path, truth, capsys, gwyddion_check):
    written(tmp_path, truth)
    assert main(["import", str(tmp_path / "scan.tdms"), "-o", str(tmp_path / "scan.gwy")]) == 0
    said = capsys.readouterr().out
    assert "24 × 16 pixels, 100 samples" in said
    assert gwyddion_check(tmp_path / "scan.gwy") == ""
    assert main(["import", str(tmp_path / "scan.tdms"), "-o", str(tmp_path / "scan.zarr"), "--quiet"]) == 0
    traces = [
        open_dataset(tmp_path / name)["displacement"].values
        for name in ("scan.tdms", "scan.gwy", "scan.zarr")
    ]
    assert np.array_equal(traces[0], truth["displacement"].values)
    assert np.array_equal(traces[1], traces[0])
    assert np.array_equal(traces[2], traces[0])


def test_fit_takes_the_recording_itself(tmp_path, truth):
    written(tmp_path, truth)
    out = tmp_path / "maps.gwy"
    words = ["fit", str(tmp_path / "scan.tdms"), "-o", str(out), "--tip-radius", "25nm", "--quiet"]
    assert main(words) == 0
    direct = tmp_path / "direct.gwy"
    save(direct, open_dataset(tmp_path / "scan.tdms"), fit(truth, tip_radius="25 nm"))
    maps = fit(open_dataset(out), tip_radius="25 nm")
    assert np.array_equal(maps["D1"].values, fit(truth, tip_radius="25 nm")["D1"].values, equal_nan=True)


def test_without_a_mapping_it_is_said_what_is_missing(tmp_path, truth, capsys):
    written(tmp_path, truth)
    (tmp_path / "scan.yaml").unlink()
    assert (
        main(["fit", str(tmp_path / "scan.tdms"), "-o", str(tmp_path / "o.gwy"), "--tip-radius", "25nm"]) == 1
    )
    said = capsys.readouterr().err
    assert "the number of pixels and lines" in said
    assert "tesm info --mapping" in said
    assert main(["info", "--mapping", str(tmp_path / "scan.tdms")]) == 0
    proposed = capsys.readouterr().out
    assert "X: Recording/Lock-in X" in proposed
    assert "dc: Recording/dc voltage" in proposed
    assert "pixel trigger: Recording/Pixel trigger" in proposed
    assert "line trigger: Recording/Line trigger" in proposed
    assert not (tmp_path / "o.gwy").exists()
    # What was proposed, completed by what only the user knows, is enough.
    (tmp_path / "scan.yaml").write_text(
        proposed
        + "scan: {pixels: 24, lines: 16, ways: [trace, retrace], voltages: [+3 V, -3 V], voltages per: way}\n",
        encoding="utf-8",
    )
    opened = open_dataset(tmp_path / "scan.tdms")
    assert opened.sizes["x"] == 24


def test_several_recordings_become_one_voltage_series(tmp_path, capsys, gwyddion_check):
    names = []
    for seed in (1, 2):
        name = str(tmp_path / f"scan{seed}.tdms")
        assert main(["simulate", "-o", name, "--size", "8x6", "--samples", "60", "--seed", str(seed)]) == 0
        names.append(name)
    said = capsys.readouterr().out
    assert "scan1.tdms" in said
    assert "scan1.yaml" in said
    assert "scan1_afm.gwy" in said
    out = tmp_path / "series.gwy"
    assert main(["import", *names, "--scan", str(tmp_path / "scan1_afm.gwy"), "-o", str(out), "--quiet"]) == 0
    series = open_dataset(out)
    assert series.sizes["pulse"] == 4
    parts = [open_dataset(name)["displacement"].values for name in names]
    assert np.array_equal(series["displacement"].values, np.concatenate(parts))
    assert series["x"].attrs["units"] == "m"
    for name in ("scan1.tdms", "scan2.tdms"):  # what each recording lacked is said, and stays with the data
        assert f"{name}: 8×6 pixels" in series.attrs["recording_report"]
    assert mapping_from_text(series.attrs["mapping"]) == mapping_from_file(tmp_path / "scan1.yaml")
    assert gwyddion_check(out) == ""
    capsys.readouterr()
    assert main(["import", *names, "-o", str(out), "--overwrite"]) == 0
    assert capsys.readouterr().out.count("96 pulses placed in 12 of 12 passes") == 2
    assert main(["simulate", "-o", names[0], "--size", "8x6"]) == 1
    assert "exists" in capsys.readouterr().err


def test_all_files_of_an_acquisition_are_written_or_none(tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError("no space left on the disk")

    monkeypatch.setattr("napari_tesm.io.acquisition_files.save_tdms", full)
    assert main(["simulate", "-o", str(tmp_path / "scan.tdms"), "--size", "8x6", "--samples", "60"]) == 1
    assert "no space left" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("entry", "words"), [("dc", "both X and dc"), ("pixel trigger", "both X and pixel trigger")]
)
def test_a_channel_has_one_part_in_a_recording(tmp_path, truth, capsys, entry, words):
    written(tmp_path, truth)
    mapping = tmp_path / "scan.yaml"
    lines = mapping.read_text(encoding="utf-8").splitlines()
    lines = [f"  {entry}: Recording/Lock-in X" if line.startswith(f"  {entry}:") else line for line in lines]
    mapping.write_text("\n".join(lines), encoding="utf-8")
    assert main(["import", str(tmp_path / "scan.tdms"), "-o", str(tmp_path / "scan.gwy")]) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "scan.gwy").exists()
