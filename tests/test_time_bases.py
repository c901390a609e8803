"""Time bases of several channels or arrays: compared, laid side by side, cropped or refused; from files to tau."""

from fractions import Fraction
from itertools import zip_longest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_tesm import fit, open_dataset, open_series
from napari_tesm.cli import main
from napari_tesm.data.time_base import TimeBase, aligned, time_base_from_times
from napari_tesm.io.detection import content_from_file
from napari_tesm.io.mapping.entries import MappingError
from napari_tesm.io.mapping.text import mapping_from_text
from napari_tesm.recording import REPORT

RATE, PERIOD, PULSE, COLUMNS, ROWS, PAUSE = 10_000, 250, 100, 8, 6, 400
LINE = PERIOD * COLUMNS + PAUSE
SAMPLES = ROWS * LINE
TAU1, TAU2 = 2e-3, 4e-3
START = 10
"""Sample of each period at which the pulse begins."""


def curve(t, tau1=TAU1, tau2=TAU2, pulse=10e-3):
    """Return a response of 1 µm with one time constant in the pulse and another after it."""
    t = np.asarray(t, dtype=float)
    risen = 1 - np.exp(-np.clip(t, 0, pulse) / tau1)
    return 1e-6 * np.where(t < 0, 0, risen * np.exp(-np.clip(t - pulse, 0, None) / tau2))


def recording(seed=1):
    """Return X in m, dc in V and a line trigger, 14400 samples each: a pulse every 25 ms, a pause after each line."""
    rng = np.random.default_rng(seed)
    t = (np.arange(PERIOD) - START) / RATE
    pause, marks = np.zeros(PAUSE), np.zeros(LINE)
    marks[:20] = 5.0
    x = np.tile(np.concatenate([np.tile(curve(t), COLUMNS), pause]), ROWS)
    on = np.where((t >= 0) & (t < 10e-3), -3.0, 0.0)
    dc = np.tile(np.concatenate([np.tile(on, COLUMNS), pause]), ROWS)
    correlated = np.convolve(rng.standard_normal(x.size + 4), [0.2, 0.5, 1, 0.5, 0.2], "valid")
    return x + 5e-9 * correlated, dc, np.tile(marks, ROWS)


MAPPING = """format: t-ESM mapping 1
recording: {X: Rec/X, dc: Rec/dc, line trigger: Rec/line, before: 0.5 ms, length: 24 ms}
scan: {pixels: 8, lines: 6, width: 1.6 µm, height: 0.9 µm, ways: [trace], voltages: [-3 V]}
"""


def tdms(path, channels, segments=1):
    """Write channels, ``{name: (samples, properties)}``, as a TDMS file of some segments."""
    nptdms = pytest.importorskip("nptdms")
    with nptdms.TdmsWriter(path) as file:
        for k in range(segments):
            file.write_segment(
                [
                    nptdms.ChannelObject(
                        "Rec", name, v[len(v) * k // segments : len(v) * (k + 1) // segments], properties
                    )
                    for name, (v, properties) in channels.items()
                ]
            )
    return path


def taus(dataset):
    maps = fit(dataset)
    return [float(np.nanmedian(maps[name])) for name in ("tau1", "tau2")]


def assert_truth(dataset, missing=0):
    """See that tau is the truth's in every pixel that is there, and how many are not."""
    assert int(np.isnan(dataset["displacement"].values).any(axis=-1).sum()) == missing
    assert taus(dataset) == pytest.approx([TAU1, TAU2], rel=0.02)


# Plain time bases


@given(
    start=st.floats(-1, 1),
    interval=st.floats(1e-6, 1.0),
    number=st.floats(-50, 150),
)
def test_time_and_number_are_each_other_turned_round(start, interval, number):
    base = TimeBase(100, start, interval)
    assert float(base.number_at(base.at(number))) == pytest.approx(number, abs=1e-6)


def test_uneven_times_are_kept_and_even_ones_become_an_interval():
    even = time_base_from_times(np.arange(50) * 0.02 + 3)
    assert (even.start, even.interval, even.times) == (3.0, pytest.approx(0.02), None)
    uneven = time_base_from_times(np.geomspace(1e-4, 1, 30))
    assert uneven.interval is None
    assert np.array_equal(uneven.positions(), np.geomspace(1e-4, 1, 30))
    assert float(uneven.number_at(uneven.at(7.25))) == pytest.approx(7.25)
    for wrong in ([0.0, 1.0, 1.0], [0.0, np.nan], [3.0, 2.0], []):
        with pytest.raises(ValueError, match="they "):
            time_base_from_times(wrong)


def test_a_date_keeps_its_microseconds():
    late = Fraction(3_850_000_000) + Fraction(2, 1000) + Fraction(1, 10**7)
    bases = {
        "X": TimeBase(1000, 0.0, 1e-7, origin=Fraction(3_850_000_000)),
        "dc": TimeBase(1000, 0.0, 1e-7, origin=late - Fraction(2, 1000)),
    }
    together = aligned(bases, "X")
    assert together.spans == {"X": (1, 1000), "dc": (0, 999)}


def test_what_has_no_time_in_common_is_refused():
    bases = {"X": TimeBase(100, 0.0, 1e-3), "dc": TimeBase(100, 5.0, 1e-3)}
    with pytest.raises(ValueError, match=r"'Bias' begins 4\.901 s after the end of 'X'"):
        aligned(bases, "X", {"dc": "Bias"})


def test_one_sentence_says_how_channels_lie():
    x = TimeBase(1000, 0.0, 1e-3)
    late = {"dc": TimeBase(1000, 2e-3, 1e-3), "line": TimeBase(1000, 2e-3, 1e-3)}
    assert aligned({"X": x, **late}, "X").sentence == (
        "'dc' and 'line' begin and end 2 ms after 'X': laid side by side by the time base of each, 998 ms of 'X' are "
        "used, 2 of its 1000 samples (0.2 %) are left out."
    )
    other = {"dc": TimeBase(900, 5e-3, 1e-3), "line": TimeBase(1000, 0.0, 1e-3)}
    assert aligned({"X": x, **other}, "X").sentence.startswith(
        "'dc' begins 5 ms after and ends 95 ms before 'X': "
    )
    assert aligned({"X": x, "line": TimeBase(1000, 0.0, 1e-3)}, "X").sentence == ""


def test_a_channel_without_times_is_taken_along_unless_its_length_speaks_against_it():
    known = TimeBase(1000, 0.0, 1e-3)
    together = aligned({"X": known, "line": TimeBase(900)}, "X")
    assert together.spans == {"X": (0, 900), "line": (0, 900)}
    assert "when 'line' began the file does not say" in together.sentence
    with pytest.raises(ValueError, match="'line' has 500 samples and 'X' 1000"):
        aligned({"X": known, "line": TimeBase(500)}, "X")


# Channels of a recording

STEP = {"wf_increment": 1e-4, "unit_string": "m"}
AT = np.datetime64("2026-01-01T08:00:00.000000")


@pytest.mark.parametrize("late", ["dc and line", "X", "each by itself"])
@pytest.mark.parametrize("by", ["wf_start_time", "wf_start_offset"])
def test_channels_that_begin_at_different_times_are_laid_side_by_side(tmp_path, late, by):
    x, dc, line = recording()
    begins = {"dc and line": (0, 20, 20), "X": (37, 0, 0), "each by itself": (3, 0, 11)}[late]
    channels = {}
    for name, values, first in zip(("X", "dc", "line"), (x, dc, line), begins, strict=True):
        own = dict(STEP, wf_start_time=AT + np.timedelta64(100 * first, "us"))
        if by == "wf_start_offset":
            own = dict(STEP, wf_start_offset=first * 1e-4)
        channels[name] = values[first:], own
    dataset = open_dataset(tdms(tmp_path / "a.tdms", channels), mapping=mapping_from_text(MAPPING))
    # The first pulse begins at sample 10, its record at 5.
    assert_truth(dataset, missing=int(max(begins) > 5))
    assert "laid side by side by the time base of each" in dataset.attrs[REPORT]


def test_a_longer_signal_is_cropped_to_what_all_channels_have(tmp_path):
    x, dc, line = recording()
    longer = np.concatenate([x, np.zeros(100)])
    path = tdms(tmp_path / "a.tdms", {"X": (longer, STEP), "dc": (dc, STEP), "line": (line, STEP)})
    dataset = open_dataset(path, mapping=mapping_from_text(MAPPING))
    assert_truth(dataset)
    assert "100 of its 14500 samples (0.69 %) are left out" in dataset.attrs[REPORT]
    shorter = {"X": (x[: 4 * LINE], STEP), "dc": (dc, STEP), "line": (line, STEP)}
    dataset = open_dataset(tdms(tmp_path / "b.tdms", shorter), mapping=mapping_from_text(MAPPING))
    assert_truth(dataset, missing=2 * COLUMNS)


@pytest.mark.parametrize("every", [2, 5, 7, 10])
def test_a_slower_dc_voltage_is_enough_to_find_pulses(tmp_path, every):
    x, dc, line = recording()
    slow = dict(STEP, wf_increment=every * 1e-4)
    channels = {"X": (x, STEP), "dc": (dc[::every], slow), "line": (line[::every], slow)}
    dataset = open_dataset(tdms(tmp_path / "a.tdms", channels), mapping=mapping_from_text(MAPPING))
    assert_truth(dataset)
    every_time = "1 ms" if every == 10 else f"{100 * every} µs"
    assert f"have a sample every {every_time} and 'Rec/X' every 100 µs" in dataset.attrs[REPORT]
    assert f"is known to {every_time} only" in dataset.attrs[REPORT]


@pytest.mark.parametrize("offset", [0, 1])
def test_a_faster_dc_voltage_starts_no_pulse_early(tmp_path, offset):
    x, dc, line = recording()
    slow = dict(STEP, wf_increment=2e-4, wf_start_offset=offset * 1e-4)
    channels = {"X": (x[offset::2], slow), "dc": (dc, STEP), "line": (line, STEP)}
    dataset = open_dataset(tdms(tmp_path / "a.tdms", channels), mapping=mapping_from_text(MAPPING))
    assert_truth(dataset)
    # X rises by 1 - exp(-0.1 ms / 2 ms) of 1 µm within the sample that it lacks; no record has more before its start.
    before = dataset["displacement"].values[0, :, :, dataset["time"].values < -1e-9]
    assert float(np.abs(before).max()) < 0.03e-6


def test_a_dc_voltage_that_is_too_slow_is_refused(tmp_path):
    x, dc, line = recording()
    channels = {"X": (x, STEP), "dc": (dc[::25], dict(STEP, wf_increment=25e-4)), "line": (line, STEP)}
    with pytest.raises(MappingError, match="too slow: it has 4 samples in a pulse"):
        open_dataset(tdms(tmp_path / "a.tdms", channels), mapping=mapping_from_text(MAPPING))


def test_one_mapping_names_the_voltages_of_a_whole_series(tmp_path):
    x, dc, line = recording()
    paths = []
    for n in (1, 2, 3):
        channels = {"X": (x * n / 3, STEP), "dc": (dc * n / 3, STEP), "line": (line, STEP)}
        paths.append(tdms(tmp_path / f"{n}.tdms", channels))
    mapping = mapping_from_text(MAPPING.replace("[-3 V]", "[-1 V, -2 V, -3 V]"))
    series = open_series(paths, mapping=mapping)
    assert series["voltage"].values.tolist() == [-1.0, -2.0, -3.0]
    assert not np.isnan(series["displacement"].values).any()
    assert "Of the voltages -1 V, -2 V, -3 V the recording holds -2 V alone." in series.attrs[REPORT]


def test_a_fit_says_how_the_channels_of_a_recording_lie_and_once(tmp_path, capsys):
    x, dc, line = recording()
    path = tdms(tmp_path / "a.tdms", {"X": (x, STEP), "dc": (dc[:-100], STEP), "line": (line, STEP)})
    (tmp_path / "a.yaml").write_text(MAPPING, encoding="utf-8")
    words = ["--maps-only", "--progress", "none", "-o"]
    assert main(["displacement", str(path), *words, str(tmp_path / "h.gwy")]) == 0
    assert "'Rec/dc' ends 10 ms before 'Rec/X'" in capsys.readouterr().out
    assert main(["import", str(path), "-o", str(tmp_path / "b.gwy"), "--progress", "none"]) == 0
    assert "'Rec/dc' ends 10 ms before 'Rec/X'" in capsys.readouterr().out
    assert main(["displacement", str(tmp_path / "b.gwy"), *words, str(tmp_path / "g.gwy")]) == 0
    assert "Rec/dc" not in capsys.readouterr().out


CHANNELS_OF_A_MAPPING = {
    "start": "time: {interval: 0.1 ms, channels: {dc: {start: 2 ms}, line trigger: {start: 2 ms}}}",
    "times": "time: {source: t, unit: ms, channels: {dc: {source: u, unit: s}, line trigger: {source: u, unit: s}}}",
}


def test_a_pulse_that_is_typed_against_the_file_is_said(tmp_path, capsys):
    """Typed for another file it moved tau1 from 2 to 2.3 ms without a word."""
    x, dc, line = recording()
    path, mapping = tmp_path / "rec.tdms", tmp_path / "m.yaml"
    tdms(path, {name: (v, {"wf_increment": 1 / RATE}) for name, v in (("X", x), ("dc", dc), ("line", line))})
    mapping.write_text(MAPPING)
    words = ["fit", str(path), "--mapping", str(mapping), "-o", str(tmp_path / "D.gwy"), "--overwrite"]
    for typed, notes in (
        ([], 0), (["--pulse-start", "0.5ms"], 0), (["--pulse-start", "0ms"], 1),
        (["--pulse-start", "0ms", "--pulse-duration", "9ms"], 2),
    ):  # fmt: skip
        assert main([*words, *typed]) == 0
        said = capsys.readouterr()
        assert (said.out + said.err).count("as given, where the file says") == notes
    assert "the pulse start is 0 s, as given, where the file says 500 µs" in said.out + said.err


@pytest.mark.parametrize("said", CHANNELS_OF_A_MAPPING)
def test_a_mapping_says_when_the_channels_of_arrays_began(tmp_path, said):
    x, dc, line = recording()
    times = np.arange(SAMPLES) * 1e-4
    np.savez(tmp_path / "a.npz", X=x, dc=dc[20:], line=line[20:], t=times * 1e3, u=times[20:])
    text = MAPPING.replace("Rec/", "") + CHANNELS_OF_A_MAPPING[said]
    assert_truth(open_dataset(tmp_path / "a.npz", mapping=mapping_from_text(text)), missing=1)


def test_arrays_with_times_of_their_own_are_laid_side_by_side(tmp_path):
    h5py = pytest.importorskip("h5py")
    x, dc, line = recording()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values, first in (("X", x, 2), ("dc", dc, 20), ("line", line, 7)):
            data = file.create_dataset(f"Rec/{name}", data=values[first:])
            if name == "dc":
                data.attrs.update(
                    {"sampling_rate": "10 kHz", "start_time": f"2026-01-01T08:00:00.{first:04d}"}
                )
            else:
                data.attrs.update({"dt": "0.1 ms", "start_time": f"2026-01-01 08:00:00.{100 * first:06d}Z"})
    assert_truth(open_dataset(tmp_path / "a.h5", mapping=mapping_from_text(MAPPING)), missing=1)


# Recordings that were not finished


@pytest.mark.parametrize("part", [0.02, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("died", [True, False])
def test_what_was_whole_when_the_recorder_died_is_used(tmp_path, part, died):
    x, dc, line = recording()
    channels = {"X": (x, STEP), "dc": (dc, STEP), "line": (line, STEP)}
    data = bytearray(tdms(tmp_path / "a.tdms", channels, segments=6).read_bytes())
    last = data.rfind(b"TDSm")
    if died:  # the recorder left the length of its last segment open; else the file was cut on its way
        data[last + 12 : last + 20] = b"\xff" * 8
    kept = last + int(part * (len(data) - last))
    (tmp_path / "a.tdms").write_bytes(data[:kept])
    dataset = open_dataset(tmp_path / "a.tdms", mapping=mapping_from_text(MAPPING))
    # X, dc and trigger lie one after the other in a segment: of the trigger there is a part at 90 % alone. A record is
    # over 5 samples before the period is.
    of_trigger = max(0, LINE - (len(data) - kept + 7) // 8)
    pixels = 5 * COLUMNS + (of_trigger + 5) // PERIOD
    assert_truth(dataset, missing=ROWS * COLUMNS - pixels)
    if part > 0.1:
        assert "are left out" in dataset.attrs[REPORT]


# Samples that are not equally apart


def thinned(keep):
    """Return the time, X, dc and line trigger of a recorder that keeps some samples of each period."""
    kept = np.tile(np.concatenate([np.tile(keep, COLUMNS), np.ones(PAUSE, bool)]), ROWS)
    x, dc, line = recording()
    return (np.arange(SAMPLES) / RATE)[kept], x[kept], dc[kept], line[kept]


def uneven_recording(path, t, x, dc, line):
    channels = {"t": t, "X": x, "dc": dc, "line": line}
    units = {"t": "s", "X": "m", "dc": "V", "line": "V"}
    tdms(path, {name: (values, {"unit_string": units[name]}) for name, values in channels.items()})
    return open_dataset(path, mapping=mapping_from_text(MAPPING + "time: {source: Rec/t}\n"))


NUMBER = np.arange(PERIOD)


@pytest.mark.parametrize(
    "keep",
    [
        (NUMBER < 150) | (NUMBER % 3 == 0),  # the end of the relaxation is sampled thrice as coarsely
        (NUMBER % 2 == 0) | (NUMBER > 99),  # the pulse half as densely
        NUMBER < 244,  # it stops between pixels
    ],
)
def test_a_recorder_whose_samples_are_not_equally_apart_is_cut_by_its_times(tmp_path, keep):
    dataset = uneven_recording(tmp_path / "scan.tdms", *thinned(keep))
    number = NUMBER[keep] - START
    number = number[(number >= -5) & (number < 235)]
    np.testing.assert_allclose(dataset["time"].values, number / RATE, atol=1e-9)
    assert dataset.attrs["pulse_duration"] == pytest.approx(10e-3)
    assert dataset.attrs["time_origin"] == pytest.approx(-number[0] / RATE)
    assert_truth(dataset)
    assert "'Rec/X' are not equally apart" in dataset.attrs[REPORT]


def test_times_that_tremble_are_the_middle_ones_and_a_gap_costs_its_pixel(tmp_path):
    t, x, dc, line = thinned(NUMBER >= 0)
    t = t + np.random.default_rng(2).uniform(-0.1, 0.1, t.size) / RATE
    t[LINE + 3 * PERIOD + 60 :] += 0.8 / RATE  # within a record
    dataset = uneven_recording(tmp_path / "scan.tdms", t, x, dc, line)
    np.testing.assert_allclose(dataset["time"].values, (np.arange(240) - 5) / RATE, atol=0.1 / RATE)
    assert_truth(dataset, missing=1)
    assert np.isnan(dataset["displacement"].values[0, 1, 3]).all()
    report = dataset.attrs[REPORT]
    assert "1 pixel left empty: the samples there were taken at other times" in report
    assert "from pixel to pixel; those in the middle are taken" in report


def test_times_without_any_order_are_refused(tmp_path):
    t, x, dc, line = thinned(NUMBER >= 0)
    t = np.cumsum(np.random.default_rng(3).exponential(1.0, t.size)) / RATE
    with pytest.raises(ValueError, match="not equally apart"):
        uneven_recording(tmp_path / "scan.tdms", t, x, dc, line)


def labview_file(path, channels, delta):
    """Write a measurement file of LabVIEW whose channels, (times in s, unit, samples), have X values each."""
    n, names = len(channels), "\t".join(f"X_Value\t{name}" for name in channels)
    lines = ["LabVIEW Measurement\t", "Separator\tTab", "Decimal_Separator\t.", "X_Columns\tMulti"]
    lines += ["***End_of_Header***\t", "", f"Channels\t{n}"]
    for key, values in {
        "Samples": [values.size for _, _, values in channels.values()],
        "Y_Unit_Label": [unit for _, unit, _ in channels.values()],
        "X_Dimension": ["Time"] * n, "X0": ["0.0E+0"] * n, "Delta_X": [f"{delta:.6E}"] * n,
    }.items():  # fmt: skip
        lines.append("\t".join([key, "\t\t".join(map(str, values))]))
    lines += ["***End_of_Header***\t", f"{names}\tComment"]
    columns = [
        [f"{v:.6f}\t{x:.5f}" for v, x in zip(times, values, strict=True)]
        for times, _, values in channels.values()
    ]
    lines += ["\t".join(row) for row in zip_longest(*columns, fillvalue="\t")]
    path.write_text("\n".join(lines))
    return path


def test_x_values_of_labview_that_each_channel_has_for_itself_are_its_times(tmp_path):
    t, x, dc, line = thinned((NUMBER < 150) | (NUMBER % 3 == 0))
    channels = {"X": (t, "nm", x * 1e9), "dc": (t[40:], "Volts", dc[40:]), "line": (t, "V", line)}
    path = labview_file(tmp_path / "scan.lvm", channels, 1 / RATE)
    dataset = open_dataset(path, mapping=mapping_from_text(MAPPING.replace("Rec/", "")))
    number = np.append(np.arange(-5, 140), np.arange(150, 245, 3) - START)
    np.testing.assert_allclose(dataset["time"].values, number[number < 235] / RATE, atol=1e-9)
    assert_truth(dataset, missing=1)  # the first pulse began before dc
    assert "'dc' begins" in dataset.attrs[REPORT]


def test_times_written_with_few_digits_are_as_far_apart_as_they_were(tmp_path):
    # 30 kHz in a file of microseconds: 0.000033, 0.000067, 0.000100.
    t = np.arange(60) / 30e3
    path = labview_file(tmp_path / "scan.lvm", {"X": (t, "nm", t * 1e5), "dc": (t, "V", t)}, 1.0)
    (axis,) = content_from_file(path).source("X").axes
    assert axis.values is None
    assert axis.step == pytest.approx(1 / 30e3, rel=1e-3)
    table = "time (ms);X (nm)\n" + "\n".join(f"{1e3 * v:.3f};{v:.4f}" for v in t)
    (tmp_path / "scan.csv").write_text(table)
    (axis,) = content_from_file(tmp_path / "scan.csv").source("X").axes
    assert axis.step == pytest.approx(1 / 30, rel=1e-3)
