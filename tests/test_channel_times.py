"""Channels that keep their times beside them, in every format: their times are theirs, not those of X."""

import numpy as np
import pytest
from test_time_bases import MAPPING, assert_truth, recording, tdms

from napari_tesm import open_dataset
from napari_tesm.io.channel_times import TIMES_OF
from napari_tesm.io.detection import content_from_file
from napari_tesm.io.mapping.entries import MappingError
from napari_tesm.io.mapping.proposal import proposal_from_content
from napari_tesm.io.mapping.text import mapping_from_text
from napari_tesm.recording import REPORT

FIRST = {"X": 2, "dc": 20, "line": 7}
"""Sample of the recording with which each channel begins."""
STEP = 1e-4


def channels(every=1, unit=1.0):
    """Return arrays of channels that began at different times, dc and line at a lower rate, and those times."""
    arrays, times = {}, {}
    # All as long as each other: nothing but their times says how they lie.
    for name, values in zip(FIRST, recording(), strict=True):
        each = 1 if name == "X" else every
        own = values[FIRST[name] : values.size - 20 + FIRST[name]][::each]
        arrays[name], times[name] = own, (FIRST[name] + np.arange(own.size) * each) * STEP / unit
    return arrays, times


def npz(folder, arrays):
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def matlab_5(folder, arrays):
    from scipy.io import savemat

    savemat(folder / "a.mat", arrays)
    return folder / "a.mat"


def matlab_7_3(folder, arrays):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "b.mat", "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file[name] = values[:, None].T
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    with (folder / "b.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM")
    return folder / "b.mat"


def hdf5(folder, arrays):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "a.h5", "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return folder / "a.h5"


def zarr_store(folder, arrays):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(folder / "a.zarr", mode="w")
    for name, values in arrays.items():
        group.create_array(name, data=values)
    return folder / "a.zarr"


def csv(folder, arrays):
    rows = np.column_stack(list(arrays.values()))
    lines = [
        ";".join(arrays),
        *(";".join(f"{v:.7g}".replace(".", ",") for v in row) for row in rows.tolist()),
    ]
    (folder / "a.csv").write_text("\n".join(lines))
    return folder / "a.csv"


def tdms_file(folder, arrays):
    return tdms(folder / "a.tdms", {name: (values, {}) for name, values in arrays.items()})


WRITERS = (npz, matlab_5, matlab_7_3, hdf5, zarr_store, csv, tdms_file)
SPELLED = {"t_X": "t_{}", "X time": "{} time", "time (ms)": "{}_time (ms)"}


def mapped(write, time=""):
    return mapping_from_text((MAPPING if write is tdms_file else MAPPING.replace("Rec/", "")) + time)


@pytest.mark.parametrize("write", WRITERS)
def test_channels_are_laid_side_by_side_by_the_times_beside_them(tmp_path, write):
    arrays, times = channels()
    path = write(tmp_path, arrays | {f"t_{name}": own for name, own in times.items()})
    dataset = open_dataset(path, mapping=mapped(write, "time: {interval: 0.1 ms}"))
    # The first pulse began at sample 10, before dc.
    assert_truth(dataset, missing=1)
    assert "laid side by side by the time base of each" in dataset.attrs[REPORT]


@pytest.mark.parametrize("spelled", SPELLED.values())
@pytest.mark.parametrize("time", ["", "time: {unit: ms}", "time: {interval: 0.1 ms}"])
def test_times_are_found_in_several_spellings_and_in_the_unit_that_is_said(tmp_path, spelled, time):
    arrays, times = channels(unit=1e-3)
    path = npz(tmp_path, arrays | {spelled.format(name): own for name, own in times.items()})
    if not time and "(ms)" not in spelled:
        with pytest.raises(
            MappingError, match=r"the times of 'X', 0\.2 to 1438\.1, have no unit: .*\{unit: ms\}"
        ):
            open_dataset(path, mapping=mapped(npz, time))
        return
    assert_truth(open_dataset(path, mapping=mapped(npz, time)), missing=1)


def test_slower_channels_are_in_the_unit_of_the_signal(tmp_path):
    arrays, times = channels(every=5, unit=0.7)
    path = npz(tmp_path, arrays | {f"t_{name}": own for name, own in times.items()})
    assert_truth(open_dataset(path, mapping=mapped(npz, "time: {interval: 0.1 ms}")), missing=1)


def test_structures_keep_data_and_time_and_a_mapping_is_proposed(tmp_path):
    from scipy.io import savemat

    arrays, times = channels()
    savemat(tmp_path / "a.mat", {n: {"data": arrays[n], "time": times[n]} for n in arrays})
    content = content_from_file(tmp_path / "a.mat")
    assert content.source("dc.time").attributes[TIMES_OF] == "dc.data"
    assert "those of 'dc.data' are in 'dc.time'" in content.notes[0]
    proposal = proposal_from_content(content)
    assert proposal.mapping.recording.signals == {"X": "X.data"}
    assert (proposal.mapping.recording.dc, proposal.mapping.recording.line_trigger) == (
        "dc.data",
        "line.data",
    )
    assert proposal.questions[0].startswith("the unit of the times of 'X.data'")
    text = MAPPING.replace("Rec/X", "X.data").replace("Rec/dc", "dc.data").replace("Rec/line", "line.data")
    dataset = open_dataset(tmp_path / "a.mat", mapping=mapping_from_text(text), time_unit="s")
    assert_truth(dataset, missing=1)


@pytest.mark.parametrize("numbers", [{"dt": STEP, "t0": STEP}, {"fs": 1 / STEP, "t0": STEP}])
@pytest.mark.parametrize("write", [npz, matlab_5])
def test_numbers_called_after_channels_say_when_they_began(tmp_path, write, numbers):
    arrays, _ = channels()
    said = {}
    for name in arrays:
        for key, value in numbers.items():
            said[f"{name}_{key}"] = value * (FIRST[name] if key == "t0" else 1)
    dataset = open_dataset(write(tmp_path, arrays | said), mapping=mapped(write, "time: {interval: 0.1 ms}"))
    assert_truth(dataset, missing=1)


@pytest.mark.parametrize("write", [hdf5, zarr_store])
def test_attributes_that_are_numbers_say_when_channels_began(tmp_path, write):
    arrays, _ = channels()
    path = write(tmp_path, arrays)
    if write is hdf5:
        import h5py

        with h5py.File(path, "r+") as file:
            for name in arrays:
                file[name].attrs.update({"dt": 0.1, "t0": FIRST[name] * 0.1})
    else:
        import zarr

        for name in arrays:
            zarr.open_group(path)[name].attrs.update({"dt": 0.1, "t0": FIRST[name] * 0.1})
    assert_truth(open_dataset(path, mapping=mapped(write, "time: {unit: ms}")), missing=1)


def test_moments_count_where_only_the_mapping_knows_the_interval(tmp_path):
    h5py = pytest.importorskip("h5py")
    arrays, _ = channels()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values in arrays.items():
            file[name] = values
            file[name].attrs["start_time"] = f"2026-01-01T08:00:00.{100 * FIRST[name]:06d}"
    dataset = open_dataset(tmp_path / "a.h5", mapping=mapped(hdf5, "time: {interval: 0.1 ms}"))
    assert_truth(dataset, missing=1)


def test_one_row_of_times_is_compared_with_what_a_mapping_says(tmp_path):
    arrays = dict(zip(("X", "dc", "line"), recording(), strict=True))
    t = np.arange(arrays["X"].size) * STEP
    path = npz(tmp_path, arrays | {"t_ms": t * 1e3})
    assert_truth(open_dataset(path, mapping=mapped(npz)))
    with pytest.raises(
        MappingError, match="the mapping says a time between two samples of 200 µs, the file 100 µs"
    ):
        open_dataset(path, mapping=mapped(npz, "time: {interval: 0.2 ms}"))


def test_several_rows_of_times_that_name_no_channel_are_asked_for(tmp_path):
    arrays, times = channels()
    rows = {"time": times["X"], "zeit": times["dc"]}
    path = npz(tmp_path, arrays | rows)
    with pytest.raises(MappingError, match=r"'time' and 'zeit' are times and differ.*\{source: zeit"):
        open_dataset(path, mapping=mapped(npz, "time: {interval: 0.1 ms}"))
    said = "time: {source: time, unit: s, channels: {dc: {source: zeit, unit: s}, line trigger: {start: 0.7 ms}}}"
    assert_truth(open_dataset(path, mapping=mapped(npz, said)), missing=1)


def test_what_does_not_fit_is_no_channels_time_and_is_said(tmp_path):
    arrays, times = channels()
    backwards = times["dc"][::-1]
    path = npz(tmp_path, arrays | {"t_dc": backwards, "t_line": times["line"][:-3], "t_X": times["X"]})
    notes = " ".join(content_from_file(path).notes)
    assert "'t_dc' does not go forwards: it does not hold the times of 'dc'." in notes
    assert f"'t_line' has {times['line'].size - 3} numbers" in notes
