"""Mappings: read in sentences, written as they are read, and put to use on arrays of any order."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_tesm.cli import main
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.io.content import Axis, FileContent, Source
from napari_tesm.io.detection import content_from_file
from napari_tesm.io.images import images_from_content, roles_of_axes
from napari_tesm.io.mapping.entries import (
    AfmEntry,
    FileValue,
    ImageEntry,
    Mapping,
    MappingError,
    RecordingEntry,
    ScanEntry,
    TimeEntry,
    TraceEntry,
)
from napari_tesm.io.mapping.proposal import proposal_from_content
from napari_tesm.io.mapping.text import mapping_from_file, mapping_from_text, text_from_mapping
from napari_tesm.io.mapping.traces import opened_from_content
from napari_tesm.io.registry import open_datasets, open_file

TIME = Axis(7, "time", "ms", -1.0, 0.5)
X, Y = Axis(6, "x", "nm", 0.0, 10.0), Axis(5, "y", "nm", 0.0, 10.0)
TRACES = np.random.default_rng(1).standard_normal((5, 6, 7))


def content(*sources):
    return FileContent(Path("scan.h5"), "HDF5", list(sources))


def source(array, *axes, name="scan/X", unit="mV", **options):
    return Source(name, np.asarray(array), axes, unit, **options)


quantities = st.floats(1e-12, 1e3, allow_nan=False).map(lambda value: float(f"{value:.6g}"))
names = st.text("abcXYZ019 /_-", min_size=1, max_size=12).map(str.strip).filter(bool)
maybe = st.none() | quantities
scans = st.builds(
    ScanEntry,
    pixels=st.none() | st.integers(1, 4096),
    lines=st.none() | st.integers(1, 4096),
    width=maybe,
    height=maybe,
    ways=st.sampled_from([("trace",), ("retrace",), ("trace", "retrace")]),
    serpentine=st.booleans(),
    voltages=st.lists(st.sampled_from([-3.0, 3.0, 0.5, -1.25]), max_size=3).map(tuple),
    voltages_per=st.sampled_from(["pixel", "way"]),
    upward=st.booleans(),
    first_line=st.integers(0, 9),
)
traces = st.builds(
    TraceEntry,
    source=names,
    axes=st.sampled_from([(), ("y", "x", "time"), ("time", "pixel"), ("pulse", "skip", "y", "x", "time")]),
    signal=st.sampled_from(["X", "Y", "R", "phase"]),
    voltage=st.none() | st.sampled_from([-3.0, 3.0, 0.0]),
    direction=st.sampled_from(["", "trace", "retrace"]),
    unit=st.sampled_from(["", "mV", "nm"]),
)
recordings = st.builds(
    RecordingEntry,
    signals=st.fixed_dictionaries({"X": names}, optional={"Y": names, "phase": names}),
    dc=names,
    pixel_trigger=names | st.just(""),
    before=maybe,
    length=maybe,
    pulse_delay=maybe,
)
own_times = st.builds(
    TimeEntry,
    interval=maybe,
    start=maybe,
    unit=st.sampled_from(["", "ms", "µs"]),
    override=st.booleans(),
) | st.builds(TimeEntry, source=names, unit=st.sampled_from(["", "ms"]))
times = st.builds(
    lambda entry, channels: replace(entry, channels=channels),
    own_times,
    st.dictionaries(
        st.sampled_from(["X", "dc", "line trigger"]), own_times.filter(lambda own: own != TimeEntry())
    ),
)
mappings = st.builds(
    Mapping,
    traces=st.lists(traces, min_size=1, max_size=3).map(tuple),
    images=st.lists(st.builds(ImageEntry, names, names | st.just("")), max_size=2).map(tuple),
    scan=scans,
    afm=st.builds(
        AfmEntry,
        flip_x=st.booleans(),
        rotate=st.sampled_from([0, 90, 180, 270]),
        offset_y=st.none() | st.sampled_from([-1e-8, 0.0, 2.5e-7]),
        register=names | st.just(""),
    ),
    time=times,
    lookups=st.dictionaries(
        st.sampled_from(["scan.width", "scan.voltages", "time.start", "protocol.pulse duration"]),
        st.builds(FileValue, names, st.sampled_from(["", "nm", "ms"])),
    ),
    protocol=st.builds(
        PulseProtocol,
        pulse_start=maybe,
        pulse_duration=maybe,
        ac_frequency=maybe,
        tip_radius=st.none() | st.floats(1e-9, 1e-7).map(lambda value: float(f"{value:.6g}")),
        contact_radius=st.floats(1e-9, 1e-7).map(lambda value: float(f"{value:.6g}")),
        contact_radius_error=st.none() | st.floats(0, 1e-8).map(lambda value: float(f"{value:.6g}")),
    ),
)


def _said(part):
    return [name.replace("_", " ") for name, value in vars(part).items() if value not in (None, ())]


@given(mapping=mappings | st.builds(Mapping, recording=recordings, scan=scans))
def test_what_is_written_is_read_as_it_was(mapping):
    said = {
        f"{part}.{name}" for part in ("scan", "time", "protocol") for name in _said(getattr(mapping, part))
    }
    mapping = replace(mapping, lookups={key: own for key, own in mapping.lookups.items() if key not in said})
    assert mapping_from_text(text_from_mapping(mapping)) == mapping


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "made of entries"),
        ("[1, 2]", "made of entries"),
        ("a: [", "no YAML in line"),
        ("traces: 3", "'traces' of the mapping must be a list"),
        ("traces: [{axes: [y, x, time]}]", "number 1 of 'traces' must say its 'source'"),
        ("traces: [{source: a, axes: [y, x]}]", "must name time once"),
        ("traces: [{source: a, axes: [y, y, time]}]", "no other axis twice"),
        ("traces: [{source: a, axes: [z, time]}]", "not 'z'"),
        ("traces: [{source: a, voltage: 3}]", "'3' has no unit"),
        ("traces: [{source: a, signal: Z}]", "'signal' of number 1 of 'traces' is 'Z'"),
        (
            "traces: [{source: demod0/LockIn_Y}]",
            "'demod0/LockIn_Y' is by its name the lock-in's Y, no displacement",
        ),
        ("traces: [{source: X}, {source: imaginary part}]", "number 2 .* by its name the lock-in's Y"),
        ("traces: [{source: Phase}]", "signal: phase and name X beside it"),
        ("images: [{source: a}]\nscan: {pixels: 0}", "'pixels' of 'scan' must be a whole number"),
        ("images: [{source: a}]\nscan: {pixels: yes}", "'pixels' of 'scan' must be a whole number"),
        ("images: [{source: a}]\nscan: {width: -1 nm}", "'width' of 'scan' must be larger than zero"),
        ("images: [{source: a}]\nscan: {ways: [up]}", "'ways' of 'scan'"),
        ("images: [{source: a}]\ntime: {interval: 0 s}", "'interval' of 'time' must be larger"),
        ("images: [{source: a}]\ncolour: red", "nobody knows: 'colour'"),
        ("images: [{source: a}]\nprotocol: {pulse duration: 10 nm}", "'pulse duration' of 'protocol'"),
        ("images: [{source: a}]\nprotocol: {tip radius: 1 km}", "tip radius must lie between"),
        ("recording: {dc: a}", "which channel is X"),
        ("recording: {X: a}", "which channel is the dc voltage"),
        ("recording: {X: a, dc: b}\ntraces: [{source: a}]", "not both"),
        ("scan: {pixels: 3}", "names no traces, no recording and no image"),
        ("format: t-ESM mapping 9\nimages: [{source: a}]", "this program knows"),
        ("a: &a [*a]", "line 1 of the mapping repeats"),
        ("recording: {X: a, dc: b, X: c}", "says 'X' twice, again in line 1"),
        ("images: [{source: a}]\nscan: {pixels: 0x" + "f" * 9000 + "}", "more than 40 digits"),
        ("images: [{source: a}]\nscan: {pixels: " + "p" * 9000 + "}", "not 'p{39}…'$"),
        ("images: [{source: a}]\nscan: {width: [1 nm]}", "must be one quantity, not a list"),
        ("traces: [{source: a, axes: [[y], x, time]}]", "not a list"),
        ("!!python/object/apply:os.system ['true']", "no YAML"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(text, words):
    with pytest.raises(MappingError, match=words) as caught:
        mapping_from_text(text)
    assert "\n" not in str(caught.value)


def test_a_name_tells_no_more_than_what_is_said():
    text = "traces: [{source: Y, signal: X}, {source: y_scan/traces}, {source: Yield}]"
    mapping = mapping_from_text(text)
    assert [entry.signal for entry in mapping.traces] == ["X", "X", "X"]
    assert mapping_from_text(text_from_mapping(mapping)) == mapping


BOMB = "a: &a [lol, lol]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefghij", "bcdefghijk", strict=True)
)


@pytest.mark.parametrize(
    "entry", ["scan: {pixels: *k}", "scan: {voltages: *k}", "traces: [{source: x, axes: *k}]", "format: *k"]
)
def test_references_that_stand_for_endless_text_are_not_followed(entry):
    with pytest.raises(MappingError, match="line 2 of the mapping repeats another entry"):
        mapping_from_text(BOMB + entry)


def test_files_that_are_no_mapping_are_named(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MappingError, match=r"a\.yaml is no mapping: it is not text"):
        mapping_from_file(tmp_path / "a.yaml")
    with pytest.raises(IsADirectoryError, match="a folder"):
        mapping_from_file(tmp_path)


@pytest.mark.parametrize(
    ("array", "axes"),
    [
        (TRACES, (Y, X, TIME)),
        (TRACES.transpose(2, 1, 0), (TIME, X, Y)),
        (TRACES[::-1], (Axis(5, "y", "nm", 40.0, -10.0), X, TIME)),
    ],
)
def test_arrays_that_say_what_they_are_need_nobody(array, axes):
    proposal = proposal_from_content(content(source(array, *axes)))
    assert proposal.is_complete
    (dataset,) = opened_from_content(content(source(array, *axes)), proposal.mapping).datasets
    assert np.array_equal(dataset["displacement"].values[0], TRACES * 1e-3)
    assert dataset["displacement"].attrs["units"] == "V"
    assert np.allclose(dataset["x"].values, np.arange(6) * 10e-9, rtol=1e-12, atol=0)
    assert np.allclose(dataset["time"].values, np.arange(7) * 0.5e-3, atol=1e-18)
    assert dataset.attrs["time_origin"] == pytest.approx(-1e-3)
    assert np.isnan(dataset["voltage"].values).all()


def test_what_is_known_nowhere_is_asked_and_then_taken_from_the_mapping():
    lines = source(TRACES.reshape(30, 7), Axis(30, "position", known=False), Axis(7, "samples", known=False))
    proposal = proposal_from_content(content(lines))
    assert len(proposal.questions) == 2
    text = proposal.to_text(content(lines))
    completed = mapping_from_text(
        text + "scan: {pixels: 6, width: 60 nm, height: 50 nm, voltages: [-3 V]}\ntime: {interval: 0.1 ms}\n"
        "protocol: {pulse start: 0.2 ms, pulse duration: 0.3 ms}\n"
    )
    (dataset,) = opened_from_content(content(lines), completed).datasets
    assert np.array_equal(dataset["displacement"].values[0], TRACES * 1e-3)
    assert dataset["voltage"].values.tolist() == [-3.0]
    assert np.allclose(dataset["time"].values, np.arange(7) * 1e-4 - 2e-4, atol=0)
    assert dataset["y"].values[0] == pytest.approx(5e-9)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (Mapping(traces=(TraceEntry("other"),)), "there is no 'other' in scan.h5; it holds 'scan/X'"),
        (Mapping(traces=(TraceEntry("scan/X", ("y", "time")),)), "has 3 axes .*, the mapping names 2"),
        (Mapping(traces=(TraceEntry("scan/X"),), scan=ScanEntry(pixels=7)), "has 6 pixels in a line, 'scan' says 7"),
        (Mapping(traces=(TraceEntry("scan/X", ("skip", "x", "time")),)), "cannot be skipped"),
        (Mapping(traces=(TraceEntry("scan/X", ("pulse", "x", "time")),), scan=ScanEntry(voltages=(3.0,))), "5 pulse"),
        (Mapping(images=(ImageEntry("scan/X"),)), "is no image: its size is 5 × 6 × 7"),
    ],
)  # fmt: skip
def test_a_mapping_that_does_not_fit_is_said_in_a_sentence(mapping, words):
    with pytest.raises(MappingError, match=words):
        opened_from_content(content(source(TRACES, Y, X, TIME)), mapping)


def test_contradicting_units_are_refused():
    timed = content(source(TRACES, Y, X, TIME))
    mapping = Mapping(traces=(TraceEntry("scan/X"),))
    with pytest.raises(MappingError, match="would contradict"):
        opened_from_content(timed, mapping, time_unit="s")
    with pytest.raises(MappingError, match="would contradict"):
        opened_from_content(timed, mapping, lateral_unit="µm")


def test_images_come_along_and_those_of_the_traces_grid_join_them():
    image = source(np.arange(30.0).reshape(5, 6), Y, X, name="scan/height", unit="nm", title="Height")
    other = source(np.ones((3, 4)), Axis(3, "y", "nm"), Axis(4, "x", "nm"), name="other", unit="counts")
    held = content(source(TRACES, Y, X, TIME), image, other)
    proposal = proposal_from_content(held)
    opened = opened_from_content(held, proposal.mapping)
    assert [channel.attrs["long_name"] for channel in opened.channels] == ["Height", "other"]
    (dataset,) = opened.datasets
    assert np.allclose(dataset["height"].values, np.arange(30.0).reshape(5, 6) * 1e-9, atol=0)
    assert "other" not in dataset
    assert opened.channels[1].attrs["units"] == "counts"


def test_pulses_and_signals_become_settings_of_one_dataset():
    both = np.stack([TRACES, TRACES + 1])
    in_phase = source(both, Axis(2, "bias", "V", 3.0, -6.0), Y, X, TIME, name="scan/X")
    quadrature = source(both * 2, Axis(2, "bias", "V", 3.0, -6.0), Y, X, TIME, name="scan/quadrature")
    axes = ("pulse", "y", "x", "time")
    mapping = Mapping(traces=(TraceEntry("scan/X", axes), TraceEntry("scan/quadrature", axes, signal="Y")))
    (dataset,) = opened_from_content(content(in_phase, quadrature), mapping).datasets
    assert dataset["voltage"].values.tolist() == [3.0, -3.0]
    assert np.array_equal(dataset["displacement"].values, both * 1e-3)
    assert np.array_equal(dataset["displacement_quadrature"].values, both * 2 * 1e-3)


@pytest.mark.parametrize(
    "names", [["Traces Y (+3 V)"], ["Lock-in Y"], ["quadrature"], ["phase"], ["Y", "phase"]]
)
def test_a_signal_that_is_no_displacement_is_not_taken_for_one(names):
    held = content(*(source(TRACES, Y, X, TIME, name=name) for name in names))
    proposal = proposal_from_content(held)
    assert not proposal.is_complete
    assert "which array is X" in proposal.questions[0]
    with pytest.raises(MappingError, match="which is no displacement without X"):
        opened_from_content(held, proposal.mapping)
    # Its owner may say that it is X after all.
    told = replace(proposal.mapping, traces=(replace(proposal.mapping.traces[0], signal="X"),))
    assert np.array_equal(
        opened_from_content(held, told).datasets[0]["displacement"].values[0], TRACES * 1e-3
    )


@pytest.mark.parametrize(
    ("names", "signals"),
    [
        (["A: phase", "B: R"], ["displacement", "displacement_phase"]),
        (["amplitude (+3 V)", "amplitude (-3 V)"], ["displacement"]),
        (["Y", "traces X"], ["displacement", "displacement_quadrature"]),
    ],
)
def test_x_or_else_the_amplitude_leads_wherever_it_stands_in_the_file(names, signals):
    held = content(*(source(TRACES + n, Y, X, TIME, name=name) for n, name in enumerate(names)))
    proposal = proposal_from_content(held)
    (dataset,) = opened_from_content(held, proposal.mapping).datasets
    assert [name for name in dataset.data_vars if dataset[name].ndim == 4] == signals
    leading = 0 if "amplitude" in names[0] else 1
    assert np.array_equal(dataset["displacement"].values[0], (TRACES + leading) * 1e-3)


def test_a_recording_is_recognised_by_the_names_of_its_channels():
    time = Axis(5000, "time", "s", 0.0, 1e-4)
    channels = [
        source(np.zeros(5000), time, name=f"Untitled/{name}", unit="V")
        for name in ("Lock-in X", "Lock-in Y", "dc bias", "pixel trigger", "room light")
    ]
    proposal = proposal_from_content(content(*channels))
    assert proposal.mapping.recording == RecordingEntry(
        signals={"X": "Untitled/Lock-in X", "Y": "Untitled/Lock-in Y"},
        dc="Untitled/dc bias",
        pixel_trigger="Untitled/pixel trigger",
    )
    assert proposal.questions == ("the number of pixels and lines, and the size of the image, as scan: {…}",)


def test_channels_without_telling_names_are_asked_for_by_name():
    time = Axis(5000, "time", known=False)
    channels = [source(np.zeros(5000), time, name=f"Dev1/ai{n}", unit="V") for n in range(3)]
    proposal = proposal_from_content(content(*channels))
    questions = " ".join(proposal.questions)
    assert "which channel is X, the displacement: 'Dev1/ai0', 'Dev1/ai1', 'Dev1/ai2'" in questions
    assert "which channel is the dc voltage" in questions
    assert "the sampling rate" in questions
    assert proposal.mapping.recording.signals == {"X": "?"}


def test_a_single_curve_is_no_map():
    curve = source(np.zeros(2000), Axis(2000, "time", "s", 0.0, 1e-4), name="curve")
    assert proposal_from_content(content(curve)) is None


@pytest.mark.parametrize(
    ("axes", "roles"),
    [
        ((Axis(3, "X Position", "m"), Axis(4, "Y Position", "m"), Axis(5, "t", "s")), ["x", "y", "time"]),
        ((Axis(3, "", "m"), Axis(4, "", "m"), Axis(5, "", "ms")), ["y", "x", "time"]),
        ((Axis(3), Axis(1), Axis(5, "", "s")), ["", "skip", "time"]),
        ((Axis(3, "Voltage", "V"), Axis(5, "time", "s")), ["", "time"]),
    ],
)
def test_axes_are_told_by_name_and_unit(axes, roles):
    assert roles_of_axes(axes) == roles


def test_an_array_without_axes_is_asked_for():
    bare = [Axis(size, known=False) for size in TRACES.shape]
    held = content(source(TRACES, *bare, name="tr", unit=""), source(TRACES[..., 0], *bare[:2], name="h"))
    proposal = proposal_from_content(held)
    assert [entry.source for entry in proposal.mapping.traces] == ["tr"]
    assert [entry.source for entry in proposal.mapping.images] == ["h"]
    assert "what the axes of 'tr' (5 × 6 × 7) are" in proposal.questions[0]
    text = proposal.to_text(held)
    with pytest.raises(MappingError, match="the axes of number 1"):  # before it is completed
        mapping_from_text(text)
    completed = text.replace("- '?'\n  - '?'\n  - '?'", "- y\n  - x\n  - time") + "\ntime: {interval: 1 ms}"
    (dataset,) = opened_from_content(held, mapping_from_text(completed)).datasets
    assert np.array_equal(dataset["displacement"].values[0], TRACES)
    picture = np.zeros((60, 80, 3), np.uint8)
    assert (
        proposal_from_content(content(source(picture, *(Axis(n, known=False) for n in picture.shape))))
        is None
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    pipe = tmp_path / "scan.tdms"
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)  # were the pipe read, it would give this
    try:
        os.write(writer, b"TDSm" + bytes(60000))
        for read in (open_file, content_from_file, open_datasets, mapping_from_file):
            with pytest.raises((OSError, MappingError), match="a device or a pipe"):
                read(pipe)
    finally:
        os.close(writer)


@pytest.mark.parametrize("order", [("y", "x"), ("x", "y")])
@pytest.mark.parametrize("backwards", ["", "y", "x", "xy"])
def test_an_image_whose_axes_run_backwards_shows_each_value_at_its_place(order, backwards):
    """A plane, 3 nm higher with each nm down and 2 nm with each to the right, over 3 rows and 4 columns."""
    axes = {"y": Axis(3, "y", "nm", 50.0, 7.0), "x": Axis(4, "x", "nm", -20.0, 10.0)}
    for name in backwards:
        one = axes[name]
        axes[name] = Axis(one.size, name, "nm", one.positions()[-1], -one.step)
    down, right = (axes[name].positions() for name in ("y", "x"))
    plane = 3.0 * down[:, None] + 2.0 * right[None, :]
    source = Source(
        "scan/height", plane if order == ("y", "x") else plane.T, [axes[name] for name in order], "nm"
    )
    (image,) = images_from_content(
        FileContent(Path("scan.h5"), "HDF5", [source]), [ImageEntry("scan/height")]
    )
    np.testing.assert_allclose(image["y"].values, [50e-9, 57e-9, 64e-9])
    np.testing.assert_allclose(image["x"].values, [-20e-9, -10e-9, 0.0, 10e-9], atol=1e-20)
    assert (image["y"].attrs["spacing"], image["x"].attrs["spacing"]) == pytest.approx((7e-9, 10e-9))
    expected = 3.0 * image["y"].values[:, None] + 2.0 * image["x"].values[None, :]
    np.testing.assert_allclose(image.values, expected)
    assert (image.attrs["units"], image.attrs["long_name"]) == ("m", "height")


STATED = {"pulse_start": "0 s", "pulse duration": "1 ms", "voltage": "-3 V", "tip_radius": "25 nm ± 5 nm",
          "contact radius": "5 nm ± 1 nm"}  # fmt: skip


def _stating(**attributes):
    return FileContent(Path("scan.h5"), "HDF5", [source(TRACES, Y, X, TIME)], attributes=attributes)


def test_what_a_file_states_in_the_names_of_the_protocol_needs_no_mapping():
    held = _stating(**STATED, lock_in_time_constant=0.1, operator="M")
    (dataset,) = opened_from_content(held, proposal_from_content(held).mapping).datasets
    assert dataset["voltage"].values.tolist() == [-3.0]
    # A number without a unit is nobody's time constant.
    assert PulseProtocol.from_attributes(dataset.attrs) == PulseProtocol(
        pulse_start=0.0,
        pulse_duration=1e-3,
        tip_radius=25e-9,
        tip_radius_error=5e-9,
        contact_radius=5e-9,
        contact_radius_error=1e-9,
    )
    assert dataset["time"].values[0] == pytest.approx(-1e-3)


@pytest.mark.parametrize("scan", [ScanEntry(), ScanEntry(voltages=(2.0,))])
def test_a_mapping_goes_before_what_the_file_states(scan):
    entry = TraceEntry("scan/X", voltage=None if scan.voltages else 2.0)
    mapping = Mapping((entry,), scan=scan, protocol=PulseProtocol(pulse_start=5e-4, tip_radius=1e-8))
    held = _stating(**STATED | {"voltage": "high", "pulse_start": "0.5 mm"})
    (dataset,) = opened_from_content(held, mapping).datasets
    assert dataset["voltage"].values.tolist() == [2.0]
    assert PulseProtocol.from_attributes(dataset.attrs) == PulseProtocol(
        pulse_start=5e-4, pulse_duration=1e-3, tip_radius=1e-8, contact_radius=5e-9, contact_radius_error=1e-9
    )


def test_the_voltages_of_an_axis_go_before_the_one_that_is_stated():
    several = source(np.stack([TRACES, TRACES]), Axis(2, "pulse", "V", 3.0, -6.0), Y, X, TIME)
    held = FileContent(Path("scan.h5"), "HDF5", [several], attributes=STATED)
    (dataset,) = opened_from_content(held, proposal_from_content(held).mapping).datasets
    assert dataset["voltage"].values.tolist() == [3.0, -3.0]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("voltage", "-3", "'voltage' of the attributes of scan.h5: '-3' has no unit"),
        ("pulse_duration", "10 nm", "'pulse duration' of the attributes of scan.h5"),
        ("pulse_duration", "0 ms", "the attributes of scan.h5: the pulse duration must be larger"),
        ("tip_radius", "sharp", "'tip radius' of the attributes of scan.h5"),
        ("contact_radius", "-5 nm", "the attributes of scan.h5: the contact radius must be larger"),
        ("lock_in_order", "1.5", "'lock-in order' of the attributes of scan.h5"),
    ],
)
def test_what_a_file_states_and_nobody_understands_is_said_in_a_sentence(name, text, words):
    held = _stating(**{name: text})
    with pytest.raises(MappingError, match=words) as caught:
        opened_from_content(held, proposal_from_content(held).mapping)
    assert "\n" not in str(caught.value)
    opened_from_content(held, Mapping(images=()))  # images need no protocol


def test_info_says_what_a_file_states_and_what_a_fit_lacks(tmp_path, capsys):
    import h5py

    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        traces = file.create_dataset("X", data=TRACES)
        for axis, positions in zip((Y, X, TIME), traces.dims, strict=True):
            file[axis.name] = axis.positions()
            file[axis.name].attrs["units"] = axis.unit
            file[axis.name].make_scale(axis.name)
            positions.attach_scale(file[axis.name])
        file.attrs["pulse_start"] = "0 s"
    assert main(["info", str(path)]) == 0
    text = capsys.readouterr().out
    assert (
        "Traces for a fit: X\n  pulse start: 0 s\n  missing: duration of the pulse (--pulse-duration" in text
    )
    path.with_suffix(".yaml").write_text(
        "traces: [{source: X, voltage: -3 V}]\nprotocol: {pulse duration: 1 ms}"
    )
    assert main(["info", str(path)]) == 0
    text = capsys.readouterr().out
    assert "  pulse voltage: -3 V\n  pulse start: 0 s\n  pulse duration: 1 ms\n" in text
    assert "duration of the pulse" not in text
    path.with_suffix(".yaml").unlink()
    with h5py.File(path, "a") as file:
        file.attrs["voltage"] = "high"
    assert main(["info", str(path)]) == 0
    assert "Problem: 'voltage' of the attributes of scan.h5" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_no_gwyddion_file_where_a_mapping_is_given(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        open_file(tmp_path / "none.h5", mapping=mapping_from_text("traces: [{source: x}]"))
