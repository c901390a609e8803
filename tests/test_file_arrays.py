"""Arrays as files keep them: in pieces, timed by others, images without a size, settings beside them."""

import numpy as np
import pytest
from test_time_bases import COLUMNS, LINE, PAUSE, ROWS, STEP, TAU1, TAU2, curve, recording

from napari_tesm import fit, open_dataset
from napari_tesm.cli import main
from napari_tesm.io.detection import content_from_file
from napari_tesm.io.mapping.entries import FileValue, MappingError, TimeEntry
from napari_tesm.io.mapping.proposal import proposal_from_content
from napari_tesm.io.mapping.text import mapping_from_text
from napari_tesm.io.registry import open_file
from napari_tesm.recording import REPORT

TIMES = np.arange(-10, 250) * 1e-4
UNEVEN = np.r_[
    np.linspace(-1e-3, -1e-4, 10), np.geomspace(2e-5, 9.9e-3, 60), 10e-3 + np.geomspace(2e-5, 15e-3, 80)
]
PROTOCOL = "protocol: {pulse start: 0 s, pulse duration: 10 ms}\n"
TRACES = "format: t-ESM mapping 1\ntraces:\n- {source: traces, axes: [y, x, time]}\n"


def stack(times, seed=2):
    """Return traces in m over 6 × 8 pixels, larger to the right, with noise that goes on for some samples."""
    rng = np.random.default_rng(seed)
    size = 1 + 0.3 * np.arange(COLUMNS) / COLUMNS
    noise = rng.standard_normal((ROWS, COLUMNS, times.size + 1))
    return size[None, :, None] * curve(times) + 4e-9 * (noise[..., 1:] + 0.6 * noise[..., :-1])


def assert_taus(dataset, rel=0.02):
    maps = fit(dataset, pulse_start="0 s", pulse_duration="10 ms")
    found = [float(np.nanmedian(maps[name])) for name in ("tau1", "tau2")]
    assert found == pytest.approx([TAU1, TAU2], rel=rel)


def hdf5(path, **arrays):
    """Write arrays, or (array, attributes), as an HDF5 file."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, held in arrays.items():
            array, attributes = held if isinstance(held, tuple) else (held, {})
            file[name] = array
            file[name].attrs.update(attributes)
    return path


def with_scale(path, times, key, unit, **arrays):
    """Write traces whose times are a dimension scale with its unit under some name."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["traces"], file["time"] = stack(times), times if unit != "ms" else times * 1e3
        if key:
            file["time"].attrs[key] = unit
        file["time"].make_scale("time")
        file["traces"].dims[2].attach_scale(file["time"])
        for number, label in enumerate(("y", "x", "time")):
            file["traces"].dims[number].label = label
    return path


# The unit of the times


@pytest.mark.parametrize("key", ["units", "UNIT", "Units", "unit_string", "Unit Label", "uom"])
def test_the_unit_of_a_scale_is_read_however_it_is_spelled(tmp_path, key):
    dataset = open_dataset(with_scale(tmp_path / "a.h5", TIMES, key, "ms"))
    assert dataset.attrs["time_origin"] == pytest.approx(-1e-3)
    assert_taus(dataset)


def test_where_the_unit_alone_is_missing_it_alone_is_asked_for(tmp_path, capsys):
    path = with_scale(tmp_path / "a.h5", TIMES, "", "ms")
    assert main(["info", str(path)]) == 0
    assert "the unit of the times of 'traces', -1 to 24.9, as time: {unit: ms}" in capsys.readouterr().out
    assert_taus(open_dataset(path, time_unit="ms"))
    assert_taus(open_dataset(path, mapping=mapping_from_text(TRACES + "time: {unit: ms}")))
    opened = open_file(path, mapping=mapping_from_text(TRACES + "time: {interval: 0.1 ms}"))
    assert_taus(opened.datasets[0])
    assert any("begins at -1 ms" in note for note in opened.notes)


# What a mapping says, and what the file knows


def test_an_interval_of_the_mapping_leaves_the_start_of_the_file(tmp_path):
    path = with_scale(tmp_path / "a.h5", TIMES, "units", "s")
    opened = open_file(path, mapping=mapping_from_text(TRACES + "time: {interval: 0.1 ms}"))
    assert opened.notes == []
    assert_taus(opened.datasets[0])
    assert_taus(
        open_dataset(path, mapping=mapping_from_text(TRACES + "time: {interval: 100 µs, start: -1 ms}"))
    )
    with pytest.raises(MappingError, match=r"of 0\.2 ms|of 200 µs"):
        open_dataset(path, mapping=mapping_from_text(TRACES + "time: {interval: 0.2 ms}"))
    twice = open_dataset(path, mapping=mapping_from_text(TRACES + "time: {interval: 0.2 ms, override: yes}"))
    assert float(np.ptp(twice["time"].values)) == pytest.approx(2 * float(np.ptp(TIMES)))
    moved = open_file(path, mapping=mapping_from_text(TRACES + "time: {start: 3 ms}"))
    assert moved.datasets[0].attrs["time_origin"] == pytest.approx(3e-3)
    assert any(
        "begins at 3 ms, as the mapping says, where the file says -1 ms" in note for note in moved.notes
    )


@pytest.mark.parametrize(("width", "keeps"), [("1.6 µm", True), ("1.601 µm", True), ("2.4 µm", False)])
def test_a_size_of_the_mapping_moves_and_turns_nothing(tmp_path, width, keeps):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["traces"], file["height"] = stack(TIMES), np.arange(48.0).reshape(ROWS, COLUMNS)
        scales = {"y": (3 + 0.15 * np.arange(ROWS)[::-1], "µm"), "x": (5 + 0.2 * np.arange(COLUMNS), "µm")}
        for number, (name, (values, unit)) in enumerate((scales | {"time": (TIMES, "s")}).items()):
            file[name] = values
            file[name].attrs["units"] = unit
            file[name].make_scale(name)
            file["traces"].dims[number].attach_scale(file[name])
    text = TRACES + f"images: [{{source: height}}]\nscan: {{width: {width}, height: 0.9 µm}}"
    opened = open_file(tmp_path / "a.h5", mapping=mapping_from_text(text))
    (dataset,) = opened.datasets
    first = 5e-6 if keeps else 0.15e-6
    assert float(dataset["x"][0]) == pytest.approx(first)
    assert float(dataset["y"][0]) == pytest.approx(3e-6)
    assert np.array_equal(dataset["displacement"].values[0], stack(TIMES)[::-1])
    assert float(dataset["height"][0, 0]) == 40.0
    said = "gets the width of the mapping, 2.4 µm, where the file says 1.6 µm"
    assert any(said in note for note in opened.notes) is not keeps


def test_a_protocol_that_differs_from_the_file_is_noted(tmp_path):
    path = with_scale(tmp_path / "a.h5", TIMES, "units", "s")
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "a") as file:
        file.attrs["pulse_duration"] = "10 ms"
    for said, notes in (("10 ms", 0), ("8 ms", 1)):
        text = TRACES + f"protocol: {{pulse duration: {said}}}"
        assert len(open_file(path, mapping=mapping_from_text(text)).notes) == notes


# Times, size and voltages in other arrays


def test_times_of_another_array_are_named_in_a_mapping(tmp_path):
    np.savez(tmp_path / "a.npz", traces=stack(UNEVEN), t_axis=UNEVEN * 1e3)
    with pytest.raises(MappingError, match="'t_axis' has no unit in the file: say it"):
        open_dataset(tmp_path / "a.npz", mapping=mapping_from_text(TRACES + "time: {source: t_axis}"))
    text = TRACES + "time: {source: t_axis, unit: ms}"
    dataset = open_dataset(tmp_path / "a.npz", mapping=mapping_from_text(text))
    assert np.allclose(dataset["time"].values + dataset.attrs["time_origin"], UNEVEN, rtol=0, atol=1e-15)
    assert_taus(dataset)
    np.savez(tmp_path / "b.npz", traces=stack(UNEVEN), t_axis=UNEVEN[1:])
    with pytest.raises(MappingError, match="'t_axis' has 149 times where 'traces' has 150 samples"):
        open_dataset(tmp_path / "b.npz", mapping=mapping_from_text(text))


def test_times_beside_the_traces_are_proposed_and_pointed_to(tmp_path):
    stated = hdf5(tmp_path / "a.h5", traces=stack(UNEVEN), time=(UNEVEN, {"UNIT": "s"}))
    proposal = proposal_from_content(content_from_file(stated))
    assert proposal.is_complete
    assert proposal.mapping.time == TimeEntry(source="time")
    assert proposal.mapping.traces[0].axes == ("y", "x", "time")
    assert_taus(open_dataset(stated))
    with pytest.raises(MappingError, match="are those in 'time': say it in a mapping"):
        open_dataset(stated, mapping=mapping_from_text(TRACES))
    bare = tmp_path / "b.npz"
    np.savez(bare, traces=stack(UNEVEN), time=UNEVEN)
    proposal = proposal_from_content(content_from_file(bare))
    assert proposal.questions == ("the unit of the times in 'time', as time: {source: time, unit: ms}",)
    assert_taus(open_dataset(bare, time_unit="s"))
    assert "the times of the traces are taken from 'time'" in open_file(stated).notes
    two = tmp_path / "two.npz"
    np.savez(two, traces=stack(UNEVEN), t=UNEVEN, time=UNEVEN)
    (question,) = proposal_from_content(content_from_file(two)).questions
    assert question == "which of 't', 'time' holds the times, as time: {source: …}"
    named = tmp_path / "c.npz"
    np.savez(named, **{"traces": stack(UNEVEN), "time (ms)": UNEVEN * 1e3})
    assert_taus(open_dataset(named))
    # What the refusal says, and nothing else, is then understood.
    assert_taus(open_dataset(named, mapping=mapping_from_text(f"{TRACES}time: {{source: time (ms)}}\n")))
    inside = tmp_path / "e.npz"
    np.savez(inside, **{"scan.traces": stack(UNEVEN), "scan.t": UNEVEN})
    (question,) = proposal_from_content(content_from_file(inside)).questions
    assert question == "the unit of the times in 'scan.t', as time: {source: scan.t, unit: ms}"
    beside = tmp_path / "d.npz"
    np.savez(beside, traces=stack(UNEVEN), time=UNEVEN * 1e6, time_units="us")
    assert_taus(open_dataset(beside))


def test_size_voltage_and_protocol_may_stand_in_the_file(tmp_path):
    path = hdf5(
        tmp_path / "a.h5",
        traces=(stack(TIMES), {"dt": 0.1}),
        size=(np.array([1.6]), {"units": "µm"}),
        ys=(np.linspace(-0.4, 0.35, ROWS), {"Unit": "um"}),
        bias=(np.array([-3000.0]), {"unit": "mV"}),
        length=np.array([0.01]),
    )
    text = (
        TRACES
        + "scan: {width: {source: size}, height: {source: ys}, voltages: {source: bias}}\n"
        + "time: {interval: {source: traces/dt, unit: ms}, start: -1 ms}\n"
        + "protocol: {pulse start: 0 s, pulse duration: {source: length, unit: s}}\n"
    )
    dataset = open_dataset(path, mapping=mapping_from_text(text))
    assert np.allclose(dataset["x"].values, (np.arange(COLUMNS) + 0.5) * 0.2e-6, rtol=1e-9, atol=0)
    assert np.allclose(dataset["y"].values, (np.arange(ROWS) + 0.5) * 0.15e-6, rtol=1e-9, atol=0)
    assert dataset["voltage"].values.tolist() == [-3.0]
    assert dataset.attrs["pulse_duration"] == pytest.approx(10e-3)
    assert_taus(dataset)
    assert mapping_from_text(text).lookups["scan.width"] == FileValue("size")
    for wrong, words in (
        ("scan: {width: {source: size, unit: nm}, height: 1 µm}", "'size' is in µm: nm would contradict"),
        ("scan: {width: {source: bias}, height: 1 µm}", "'bias' is in mV, not in m"),
        (
            "protocol: {pulse duration: {source: length}}",
            "say it, pulse duration: {source: length, unit: ms}",
        ),
        ("scan: {width: {source: nothing}, height: 1 µm}", "there is no 'nothing' in a.h5"),
    ):
        with pytest.raises(MappingError, match=words):
            open_dataset(path, mapping=mapping_from_text(TRACES + "time: {interval: 0.1 ms}\n" + wrong))


@pytest.mark.parametrize("convention", ["nexus", "nexus of old", "numbered", "hyperspy", "dims", "emd"])
def test_axes_of_other_conventions_are_read(tmp_path, convention):
    h5py = pytest.importorskip("h5py")
    y, x = np.arange(ROWS) * 0.15, np.arange(COLUMNS) * 0.2
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("entry/scan")
        names = ("dim1", "dim2", "dim3") if convention == "emd" else ("y", "x", "delay")
        data = group.create_dataset("data", data=stack(UNEVEN))
        data.attrs["units"] = "m"
        axes = [(y, "µm", "y"), (x, "µm", "x"), (UNEVEN * 1e3, "ms", "delay")]
        if convention == "hyperspy":
            for number, (values, unit, name) in enumerate(axes):
                axis = group.create_group(f"axis-{number}")
                axis.attrs.update({"name": name, "units": unit, "size": values.size})
                if name == "delay":
                    axis["axis"] = values
                else:
                    axis.attrs.update({"scale": values[1] - values[0], "offset": values[0]})
        else:
            for name, (values, unit, own) in zip(names, axes, strict=True):
                group[name] = values
                group[name].attrs.update({"units": unit, "name": own})
        if convention == "nexus":
            group.attrs.update({"signal": "data", "axes": list(names), "NX_class": "NXdata"})
        elif convention == "nexus of old":
            data.attrs.update({"signal": 1, "axes": "y:x:delay"})
        elif convention == "numbered":
            data.attrs["signal"] = 1
            for number, name in enumerate(names, 1):
                group[name].attrs["axis"] = number
        elif convention == "dims":
            data.attrs["dims"] = list(names)
    dataset = open_dataset(tmp_path / "a.h5")
    assert np.allclose(dataset["x"].values, x * 1e-6, rtol=1e-6, atol=1e-12)
    assert np.allclose(dataset["y"].values, y * 1e-6, rtol=1e-6, atol=1e-12)
    assert_taus(dataset)


# One array for each line or pixel


@pytest.mark.parametrize("pause", [PAUSE, 100])
def test_groups_of_lines_are_joined_in_order(tmp_path, pause):
    nptdms = pytest.importorskip("nptdms")
    x, dc, _ = recording()
    with nptdms.TdmsWriter(tmp_path / "a.tdms") as file:
        for k in range(2, 2 + ROWS):
            # The dc voltage of each line begins 0.3 ms after X, and says so; "Line 10" sorts before "Line 7".
            part = slice((k - 2) * LINE, (k - 2) * LINE + LINE - PAUSE + pause)
            for name, values, late in (("X", x, 0), ("dc", dc, 3)):
                begin = {"wf_start_offset": late * 1e-4}
                file.write_segment(
                    [nptdms.ChannelObject(f"Line {k + 5}", name, values[part][late:], STEP | begin)]
                )
    text = (
        'recording: {X: "Line */X", dc: "Line */dc", before: 0.5 ms, length: 24 ms}\n'
        "scan: {pixels: 8, lines: 6, width: 1.6 µm, height: 0.9 µm, voltages: [-3 V]}\n"
    )
    content = content_from_file(tmp_path / "a.tdms")
    recorded = proposal_from_content(content).mapping.recording
    assert (recorded.signals["X"], recorded.dc) == ("Line */X", "Line */dc")
    dataset = open_dataset(tmp_path / "a.tdms", mapping=mapping_from_text(text))
    assert int(np.isnan(dataset["displacement"].values).any(axis=-1).sum()) == 0
    expected = x.reshape(ROWS, LINE)[:, : LINE - PAUSE].reshape(ROWS, COLUMNS, -1)[..., 5:245]
    assert np.array_equal(dataset["displacement"].values[0], expected)
    assert "48 pulses placed in 6 of 6" in dataset.attrs[REPORT]


def test_groups_of_pixels_keep_their_records_to_themselves(tmp_path):
    h5py = pytest.importorskip("h5py")
    x, dc, _ = recording()
    x, dc = (values.reshape(ROWS, LINE)[:, : LINE - PAUSE].reshape(ROWS * COLUMNS, -1) for values in (x, dc))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in range(ROWS * COLUMNS):
            for name, values, unit in (("X", x, "m"), ("dc", dc, "V")):
                data = file.create_dataset(f"{number}/{name}", data=values[number])
                data.attrs.update({"wf_increment": 1e-4, "units": unit})
    text = 'recording: {X: "*/X", dc: "*/dc"}\nscan: {pixels: 8, lines: 6, voltages: [-3 V]}'
    dataset = open_dataset(tmp_path / "a.h5", mapping=mapping_from_text(text))
    assert (
        dataset.sizes["time"] == 245
    )  # from five samples before the pulse, a fiftieth of the record, to the end
    assert np.array_equal(dataset["displacement"].values[0].reshape(48, -1), x[:, 5:])


def test_a_record_that_would_reach_into_the_next_line_is_left_empty(tmp_path):
    x, dc, _ = recording()
    lines = {"X": x.reshape(ROWS, LINE)[:, : LINE - PAUSE], "dc": dc.reshape(ROWS, LINE)[:, : LINE - PAUSE]}
    np.savez(
        tmp_path / "a.npz", **{f"{n}/{name}": own[n] for name, own in lines.items() for n in range(ROWS)}
    )
    text = (
        'recording: {X: "*/X", dc: "*/dc", before: 0.5 ms, length: 25 ms}\ntime: {interval: 0.1 ms}\n'
        "scan: {pixels: 8, lines: 6, voltages: [-3 V]}"
    )
    dataset = open_dataset(tmp_path / "a.npz", mapping=mapping_from_text(text))
    empty = np.isnan(dataset["displacement"].values[0]).all(axis=-1)
    assert np.array_equal(empty, np.broadcast_to(np.arange(COLUMNS) == COLUMNS - 1, (ROWS, COLUMNS)))
    assert "6 pixels have their pulse within the recording, but not the whole record" in dataset.attrs[REPORT]


@pytest.mark.parametrize("kind", ["pixels", "lines"])
def test_arrays_of_pixels_or_lines_are_stacked_in_order(tmp_path, kind):
    traces = stack(TIMES)
    if kind == "pixels":
        arrays = {f"px{n}": own for n, own in enumerate(traces.reshape(-1, TIMES.size))}
        text = 'traces: [{source: "px*", axes: [pixel, time], unit: m}]\nscan: {pixels: 8}\n'
    else:
        arrays = {f"line{n}": own for n, own in enumerate(traces)}
        text = 'traces: [{source: "line*", axes: [y, x, time], unit: m}]\n'
    np.savez(tmp_path / "a.npz", **arrays)
    dataset = open_dataset(
        tmp_path / "a.npz", mapping=mapping_from_text(text + "time: {interval: 0.1 ms, start: -1 ms}")
    )
    assert np.array_equal(dataset["displacement"].values[0], traces)
    assert np.array_equal(dataset["displacement"][0, 3, 1:6:2, ::7].values, traces[3, 1:6:2, ::7])


# Scans that were not finished


@pytest.mark.parametrize("file", ["npz", "h5", "mat"])
@pytest.mark.parametrize("kind", ["pixels", "lines", "serpentine"])
def test_an_unfinished_scan_keeps_its_size_and_says_what_is_missing(tmp_path, file, kind):
    traces, height = stack(TIMES), np.arange(48.0).reshape(ROWS, COLUMNS)
    text = (
        "scan: {pixels: 8, lines: 6, width: 1.6 µm, height: 0.9 µm}\ntime: {interval: 0.1 ms, start: -1 ms}\n"
    )
    expected = traces.copy()
    if kind == "lines":
        held, heights, axes = traces[:4], height[:4], "[y, x, time]"
        expected[4:] = np.nan
    else:
        listed, heights = traces.copy(), height.copy()
        if kind == "serpentine":
            text = text.replace("width", "serpentine: yes, width")
            listed[1::2], heights[1::2] = listed[1::2, ::-1].copy(), heights[1::2, ::-1].copy()
        held, heights, axes = listed.reshape(48, -1)[:29], heights.ravel()[:29], "[pixel, time]"
        expected[4:] = expected[3, 5:] = np.nan
        if kind == "serpentine":
            expected = traces.copy()
            expected[4:] = expected[3, :3] = np.nan
    arrays = {"traces": held, "height": heights}
    if file == "npz":
        np.savez(tmp_path / "a.npz", **arrays)
    elif file == "h5":
        hdf5(tmp_path / "a.h5", **arrays)
    else:
        from scipy.io import savemat

        savemat(tmp_path / "a.mat", arrays)
    text += f"traces: [{{source: traces, axes: {axes}, unit: m}}]\nimages: [{{source: height, unit: nm}}]\n"
    opened = open_file(tmp_path / f"a.{file}", mapping=mapping_from_text(text))
    (dataset,) = opened.datasets
    assert np.array_equal(dataset["displacement"].values[0], expected, equal_nan=True)
    assert np.array_equal(np.isnan(dataset["height"].values), np.isnan(expected[..., 0]))
    assert np.allclose(dataset["height"].values[0], height[0] * 1e-9, rtol=1e-12, atol=0)
    assert np.allclose(dataset["y"].values, (np.arange(ROWS) + 0.5) * 0.15e-6, rtol=1e-9, atol=0)
    missing = "4 of the scan's 6 lines: 33.3 %" if kind == "lines" else "29 of the scan's 48 pixels: 39.6 %"
    assert any(missing in note for note in opened.notes)
    if kind == "pixels":
        maps = fit(dataset, pulse_start="0 s", pulse_duration="10 ms")
        assert int((maps["status1"].values == 0).sum()) == 29


# Images on the pixels of the traces


@pytest.mark.parametrize("file", ["npz", "mat", "h5"])
def test_images_take_the_size_of_the_scan(tmp_path, file):
    traces, height = stack(TIMES), np.arange(48.0).reshape(ROWS, COLUMNS)
    text = TRACES.replace("[y, x, time]", "[time, x, y]") if file == "mat" else TRACES
    if file == "npz":
        np.savez(
            tmp_path / "a.npz", traces=traces, height=height, listed=height.ravel(), other=np.ones((3, 4))
        )
    elif file == "mat":
        from scipy.io import savemat

        savemat(
            tmp_path / "a.mat",
            {
                "traces": traces.transpose(2, 1, 0),
                "height": height.T,
                "listed": height.ravel(),
                "other": np.ones((3, 4)),
            },
        )
    else:
        hdf5(tmp_path / "a.h5", traces=traces, height=height, listed=height.ravel(), other=np.ones((3, 4)))
    text += (
        "images: [{source: height, unit: nm}, {source: listed}, {source: other}]\n"
        "scan: {width: 1.6 µm, height: 0.9 µm}\ntime: {interval: 0.1 ms, start: -1 ms}\n"
    )
    (dataset,) = open_file(tmp_path / f"a.{file}", mapping=mapping_from_text(text)).datasets
    assert np.allclose(dataset["height"].values, height * 1e-9, rtol=1e-12, atol=0)
    assert np.array_equal(dataset["listed"].values, height)
    assert float(dataset["height"]["x"][-1]) == pytest.approx(1.5e-6)
    assert "other" not in dataset
    alone = open_file(
        tmp_path / f"a.{file}",
        mapping=mapping_from_text("images: [{source: height}]\nscan: {width: 1.6 µm, height: 0.9 µm}"),
    )
    assert alone.channels[0]["y"].attrs["units"] == "m"


# The command that checks


def test_a_mapping_is_proposed_checked_and_refused_by_one_option(tmp_path, capsys):
    stated = str(hdf5(tmp_path / "a.h5", traces=stack(UNEVEN), time=(UNEVEN, {"UNIT": "s"})))
    for words in (["--mapping", stated], [stated, "--mapping"]):
        assert main(["info", *words]) == 0
        proposed = capsys.readouterr().out
        assert mapping_from_text(proposed).time == TimeEntry(source="time")
    (tmp_path / "m.yaml").write_text(proposed + PROTOCOL, encoding="utf-8")
    for words in (
        ["--mapping", str(tmp_path / "m.yaml"), stated],
        [stated, "--mapping", str(tmp_path / "m.yaml")],
    ):
        assert main(["info", *words]) == 0
        said = capsys.readouterr().out
        assert "m.yaml fits a.h5:" in said
        assert "8 × 6 pixels, 150 samples from -1 to 25 ms" in said
        assert "pulse duration: 10 ms" in said
        assert "missing: tip radius" in said
    (tmp_path / "m.yaml").write_text(proposed.replace("source: time", "source: tyme"), encoding="utf-8")
    assert main(["info", stated, "--mapping", str(tmp_path / "m.yaml")]) == 1
    assert "there is no 'tyme' in a.h5" in capsys.readouterr().err
    assert main(["info", "--mapping"]) == 2
