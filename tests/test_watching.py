"""Scans that grow while they are watched: lines that are whole, and nothing else; the fit of all at the end."""

import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from examples import example_dataset

from napari_tesm.cli import main
from napari_tesm.evaluation import pipeline
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.pipeline import run
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.io import rehearsal
from napari_tesm.io.mapping.text import mapping_from_text
from napari_tesm.io.registry import open_dataset
from napari_tesm.quantities.status import INVALID
from napari_tesm.watching.growing import GrowingScan
from napari_tesm.watching.lines import WholeLines, lines_alone
from napari_tesm.watching.waiting import IDLE, SETTLED, Watch

SHAPE = (6, 5)
SAMPLES = 120
DATASET = example_dataset(shape=SHAPE, samples=SAMPLES)
TRACES = DATASET["displacement"].values.astype(np.float32)
STEP = float(np.diff(DATASET["time"].values[:2])[0])
MAPPING = f"""
format: t-ESM mapping 1
traces: [{{source: scan/X, axes: [pulse, y, x, time], signal: X, unit: V}}]
scan: {{width: 50 nm, height: 60 nm, voltages: [3 V, -3 V]}}
time: {{interval: {STEP} s, start: {float(DATASET["time"].values[0])} s}}
protocol: {{pulse start: 0 s, pulse duration: 10 ms, tip radius: 25 nm}}
"""
WRITER = """
import sys, time, numpy as np, h5py
traces = np.load(sys.argv[2])
file = h5py.File(sys.argv[1], "w")
stored = file.create_dataset("scan/X", traces.shape, "f4")
for row in range(traces.shape[1]):
    for half in (slice(0, 2), slice(2, None)):
        stored[:, row, half] = traces[:, row, half]
        file.flush()
        time.sleep(0.2)
import os
os._exit(1)  # it dies, and closes nothing
"""


@pytest.fixture
def unrehearsed(monkeypatch):
    """Open files without another process that opens them before."""
    monkeypatch.setattr(rehearsal, "_rehearsing", True)


def dataset_with(traces):
    return DATASET.assign(displacement=DATASET["displacement"].copy(data=traces))


@pytest.mark.parametrize("empty", [0.0, np.nan])
def test_a_line_is_whole_when_its_last_sample_is_there_or_the_next_line_is_begun(empty):
    there = np.full(TRACES.shape, empty, np.float32)
    lines = WholeLines()
    there[0, 0] = TRACES[0, 0]
    there[0, 1, :3] = TRACES[0, 1, :3]
    assert lines.of(dataset_with(there)).nonzero()[1].tolist() == [0]
    there[0, 1] = TRACES[0, 1]
    there[0, 1, 4, SAMPLES - 1 :] = empty  # all but one sample, and then all
    there[0, 1, 4, SAMPLES // 2 :] = empty
    assert lines.of(dataset_with(there)).nonzero()[1].tolist() == [0]
    there[0, 1] = TRACES[0, 1]
    assert lines.of(dataset_with(there)).nonzero()[1].tolist() == [0, 1]
    there[0, 2, :4] = TRACES[0, 2, :4]  # the fifth pulse was lost
    assert lines.of(dataset_with(there)).nonzero()[1].tolist() == [0, 1]
    there[0, 3, :1] = TRACES[0, 3, :1]
    assert lines.of(dataset_with(there)).nonzero()[1].tolist() == [0, 1, 2]
    there[0, 5, :1] = TRACES[0, 5, :1]  # all pixels of the fifth line are dead
    assert lines.of(dataset_with(there)).nonzero()[1].tolist() == [0, 1, 2, 3]
    assert np.argwhere(lines.passed).tolist() == [[0, 4]]
    there[1, 5] = TRACES[1, 5]  # the other setting is scanned upward
    assert lines.of(dataset_with(there))[1].nonzero()[0].tolist() == [5]


def test_what_is_not_whole_among_whole_lines_has_no_number():
    whole = np.zeros((2, 6), dtype=bool)
    whole[0, 1:5] = whole[1, 2] = True
    part = lines_alone(DATASET, whole)
    values = part["displacement"].values
    np.testing.assert_array_equal(values[0], DATASET["displacement"].values[0, 1:5])
    np.testing.assert_array_equal(values[1, 1], DATASET["displacement"].values[1, 2])
    assert np.isnan(values[1, [0, 2, 3]]).all()
    np.testing.assert_array_equal(part["displacement"].isel(pulse=1, y=[1, 2], x=3).values[1], np.nan)


def hdf5(path):
    file = h5py.File(path, "w")
    return file.create_dataset("scan/X", TRACES.shape, "f4"), file.flush


def swmr(path):
    file = h5py.File(path, "w", libver="latest")
    stored = file.create_dataset("scan/X", TRACES.shape, "f4", chunks=(1, 2, 5, SAMPLES), fillvalue=np.nan)
    file.swmr_mode = True
    return stored, file.flush


def store(path):
    group = zarr.open_group(path, mode="w", zarr_format=2)
    return group.create_array(
        "scan/X", shape=TRACES.shape, dtype="f4", chunks=(1, 4, 5, SAMPLES)
    ), lambda: None


@pytest.mark.parametrize("recorder", [hdf5, swmr, store])
def test_maps_grow_by_whole_lines_and_the_file_is_let_go_of(recorder, tmp_path, unrehearsed):
    path = tmp_path / ("scan.zarr" if recorder is store else "scan.h5")
    stored, flush = recorder(path)
    scan = GrowingScan(path, mapping=mapping_from_text(MAPPING))
    try:
        maps = scan.look().maps
    except ValueError:  # a store without a piece
        maps = None
    assert maps is None
    stored[:, :3] = TRACES[:, :3]
    stored[:, 3, :2] = TRACES[:, 3, :2]
    flush()
    opened = open_files(path) if recorder is not store else []
    look = scan.look()
    assert look.whole.sum(axis=1).tolist() == [3, 3]
    assert np.isfinite(look.maps["H"].values).all(axis=(0, 2)).tolist() == [True] * 3 + [False] * 3
    assert (look.maps["status1"].values[:, 3:] == INVALID).all()
    assert look.maps.sizes["y"] == 6
    if recorder is not store:
        assert open_files(path) == opened  # the recorder's own
    assert scan.look() is look
    stored[:, 3:] = TRACES[:, 3:]
    flush()
    maps = scan.look().maps
    now = run(Evaluation.of(open_dataset(path, mapping=mapping_from_text(MAPPING)), Recipe()))
    for name in now.data_vars:
        np.testing.assert_array_equal(maps[name].values, now[name].values)


def test_a_look_fits_what_is_new_alone_and_a_scan_begun_anew_is_another(tmp_path, monkeypatch):
    path = tmp_path / "scan.zarr"
    stored, _ = store(path)
    fitted = []
    original = pipeline.maps_from_traces

    def counted(traces, evaluation):
        fitted.append(len(traces))
        return original(traces, evaluation)

    monkeypatch.setattr(pipeline, "maps_from_traces", counted)
    monkeypatch.setattr("napari_tesm.data.dataset.BLOCK_BYTES", 8 * SAMPLES * 5 * 2)  # blocks of two lines
    scan = GrowingScan(path, mapping=mapping_from_text(MAPPING))

    def look():
        fitted.clear()
        maps = scan.look().maps
        return maps, sum(fitted)

    stored[:, :4] = TRACES[:, :4]
    assert look()[1] == 2 * 4 * 5
    stored[:, 4] = TRACES[:, 4]
    assert look()[1] == 2 * 1 * 5
    stored[:, 5] = TRACES[:, 5]
    maps, count = look()
    assert count == 2 * 2 * 5
    whole = run(Evaluation.of(open_dataset(path, mapping=mapping_from_text(MAPPING)), Recipe()))
    for name in whole.data_vars:
        np.testing.assert_array_equal(maps[name].values, whole[name].values)
    stored[:] = 0.0
    stored[:, :2] = TRACES[:, 2:4]
    maps, count = look()
    assert count == 2 * 2 * 5
    assert np.isnan(maps["H"].values[:, 2:]).all()
    np.testing.assert_array_equal(maps["H"].values[:, :2], whole["H"].values[:, 2:4])


def open_files(path):
    links = sorted(Path("/proc/self/fd").iterdir())
    return [str(link) for link in links if link.is_symlink() and link.resolve() == path]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def steps_until_end(watch, clock, longest):
    while not watch.has_ended and clock.now < longest:
        clock.now += 0.25
        watch.step()
    return clock.now


def test_a_scan_has_ended_when_all_its_lines_are_there_or_its_recorder_is_silent(tmp_path):
    path = tmp_path / "scan.zarr"
    clock = Clock()
    watch = Watch(GrowingScan(path, mapping=mapping_from_text(MAPPING)), clock=clock)
    assert steps_until_end(watch, clock, 1000) == 1000  # nothing is there to end
    stored, _ = store(path)
    for row in range(5):
        if row != 2:  # its pixels are dead, which is seen when the next line is there
            stored[:, row] = TRACES[:, row]
        clock.now += 1
        if row == 2:
            assert watch.step() is None
            continue
        assert watch.step().done.sum() == 2 * (row + 1)
        assert watch.words == f"{2 * (row + 1)} of 12 lines"
        assert not watch.has_ended
    last = clock.now
    stored[:, 5, :3] = TRACES[:, 5, :3]
    clock.now += 30
    assert not watch.has_ended
    silent = Watch(watch.scan, clock=clock)
    assert IDLE <= steps_until_end(silent, clock, 2000) - (last + 30) < IDLE + 2
    stored[:, 5] = TRACES[:, 5]
    clock.now += 1
    watch.step()
    assert watch.last.is_all
    assert not watch.has_ended
    start = clock.now
    assert SETTLED <= steps_until_end(watch, clock, 2000) - start < SETTLED + 1


def tesm(*words):
    return main([str(word) for word in words])


def test_at_the_end_stands_what_a_fit_gives_though_the_recorder_died(tmp_path, capfd):
    np.save(tmp_path / "traces.npy", TRACES)
    path = tmp_path / "scan.h5"
    path.with_suffix(".yaml").write_text(MAPPING)
    recorder = subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(tmp_path / "traces.npy")])
    out, figure = tmp_path / "scan_D.gwy", tmp_path / "scan.png"
    assert (
        tesm("watch", path, "-o", out, "--figure", figure, "--progress", "lines", "--idle", "3s", "--quiet")
        == 0
    )
    recorder.wait()
    counts = [line.split()[3] for line in capfd.readouterr().err.splitlines() if " of 12 lines" in line]
    assert len(set(counts)) > 1  # it has grown, and was not there at once
    assert tesm("fit", path, "-o", tmp_path / "E.gwy", "--quiet") == 0
    assert out.read_bytes() == (tmp_path / "E.gwy").read_bytes()
    assert figure.stat().st_size > 20_000
    assert tesm("watch", path, "-o", out) == 1
    assert "exists already" in capfd.readouterr().err


def test_files_that_come_into_a_folder_are_watched_and_one_that_is_none_stops_no_other(
    tmp_path, capfd, monkeypatch, unrehearsed
):
    folder, out = tmp_path / "scans", tmp_path / "maps"
    folder.mkdir()
    (folder / "words.txt").write_text("Remember the milk.\n")
    sleep, until = time.sleep, time.monotonic() + 60

    def slept(seconds):
        sleep(0.05)
        if time.monotonic() > until or (out / "scan.zarr_D.gwy").exists():
            raise KeyboardInterrupt
        if not (folder / "scan.zarr").exists():
            store(folder / "scan.zarr")[0][:] = TRACES
            (folder / "scan.yaml").write_text(MAPPING)

    monkeypatch.setattr("napari_tesm.cli.watch.time.sleep", slept)
    assert tesm("watch", folder, "-o", out, "--idle", "1s", "--quiet", "--progress", "none") == 130
    assert (out / "scan.zarr_D.gwy").exists()
    assert "words.txt failed: " in capfd.readouterr().err
    assert [path.name for path in out.iterdir()] == ["scan.zarr_D.gwy"]
