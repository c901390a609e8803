"""Simulated acquisitions brought back to the dataset they were made from."""

from dataclasses import replace

import numpy as np
import pytest

from napari_tesm import fit
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.recording import REPORT, dataset_from_recording, find_pulses, places_from_events
from napari_tesm.simulation import Timing, simulate_acquisition, simulate_dataset


def recovered(acquisition, **options):
    before, after = acquisition.record
    return dataset_from_recording(
        acquisition.streams,
        acquisition.rate,
        acquisition.order,
        before=before / acquisition.rate,
        after=after / acquisition.rate,
        **options,
    )


def expected_traces(dataset, acquisition):
    """Return the dataset's traces, NaN where the acquisition lost them."""
    truth = acquisition.truth
    out = np.full(dataset["displacement"].shape, np.nan)
    kept = truth["survives"].values
    place = tuple(truth[name].values[kept] for name in ("pulse", "row", "column"))
    out[place] = dataset["displacement"].values[place]
    return out


CASES = {
    "plain": ({}, Timing()),
    "one percent": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02)),
    "second pulses": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02, second_pulse=True)),
    "no line trigger": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02, line_trigger="")),
    "trigger for each way": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02, line_trigger="way")),
    "bad line triggers": ({}, Timing(dropped=0.01, doubled=0.01, dropped_lines=0.05, doubled_lines=0.05)),
    "unequal turnarounds": ({}, Timing(dropped=0.01, doubled=0.01, turnaround=(1.7, 5.2), line_trigger="")),
    "turnaround of whole pixels": ({}, Timing(dropped=0.01, doubled=0.01, turnaround=2.0, line_trigger="")),
    "turnaround of one pixel": ({}, Timing(dropped=0.01, doubled=0.01, turnaround=1.0, line_trigger="")),
    "turnaround of half a pixel": ({}, Timing(dropped=0.01, doubled=0.01, turnaround=0.5, line_trigger="")),
    "clipped": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02, clip=(0.4, 3.7), line_trigger="")),
    "clipped, triggers": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02, clip=(0.9, 3.7))),
    "starts in a retrace": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02, clip=(7.3, 0.0))),
    "upward": ({"upward": True}, Timing(dropped=0.01, doubled=0.01, jitter=0.01)),
    "both in each pixel": ({"ways": ("trace",)}, Timing(dropped=0.01, doubled=0.01, jitter=0.01)),
    "serpentine": ({"ways": ("trace",), "serpentine": True}, Timing(dropped=0.01, doubled=0.01, jitter=0.01)),
    "a program's pauses": ({}, Timing(dropped=0.01, jitter=0.01, line_jitter=0.7)),
    "many defects": ({}, Timing(dropped=0.1, doubled=0.1, jitter=0.02)),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", CASES)
def test_every_surviving_pixel_is_in_its_place(case, seed):
    options, timing = CASES[case]
    dataset = simulate_dataset(size=(40, 24), samples=50, seed=seed)
    acquisition = simulate_acquisition(dataset, timing=timing, seed=seed, **options)
    cut = recovered(acquisition)
    traces, expected = cut["displacement"].values, expected_traces(dataset, acquisition)
    here = np.isfinite(traces).all(axis=-1)
    np.testing.assert_array_equal(traces[here], dataset["displacement"].values[here])
    if timing.line_jitter:
        # Where lines keep no pace, one that lacks its first or last pulse is left out, and the report says so.
        lost = (np.isfinite(expected).all(axis=-1) & ~here).any(axis=-1)
        assert lost.sum() == cut.attrs[REPORT].count("left out, the lines") <= 4
        expected[lost] = np.nan
    np.testing.assert_array_equal(traces, expected, err_msg=cut.attrs[REPORT])


@pytest.mark.parametrize("second_pulse", [False, True])
def test_the_diffusion_maps_are_those_of_the_dataset(second_pulse):
    dataset = simulate_dataset(size=(48, 32), samples=250, seed=3)
    timing = Timing(dropped=0.01, doubled=0.01, jitter=0.02, second_pulse=second_pulse)
    acquisition = simulate_acquisition(dataset, timing=timing, seed=4)
    size = dataset.sizes["x"] * 6e-9, dataset.sizes["y"] * 6e-9
    cut = recovered(
        acquisition, scan_size=size, protocol=PulseProtocol(tip_radius=25e-9, tip_radius_error=2e-9)
    )
    np.testing.assert_allclose(cut["time"], dataset["time"], atol=1e-15)
    np.testing.assert_allclose(cut["x"], dataset["x"], rtol=1e-12)
    direct, through = fit(dataset), fit(cut)
    missing = np.isnan(cut["displacement"].values).all(axis=-1)
    assert 0.005 < missing.mean() < 0.03
    # The threshold is a part of the map's maximum: it may rest on a pixel that was lost.
    for name in ("H", "tau1", "tau2", "D1", "D2", "D1_stderr", "D2_stderr"):
        a, b = direct[name].values, through[name].values
        assert np.isnan(b[missing]).all()
        both = np.isfinite(a) & np.isfinite(b)
        np.testing.assert_allclose(b[both], a[both], rtol=1e-9)
        assert np.isfinite(b)[~missing].sum() >= 0.995 * np.isfinite(a)[~missing].sum()
    assert (through["status2"].values[~missing] == direct["status2"].values[~missing]).mean() > 0.995


def test_the_protocol_and_the_settings_come_from_the_recording():
    dataset = simulate_dataset(size=(16, 12), samples=100)
    acquisition = simulate_acquisition(dataset)
    silent = replace(acquisition.order, voltages=())
    before, after = acquisition.record
    cut = dataset_from_recording(
        acquisition.streams, acquisition.rate, silent, before=before / 4000, after=after / 4000
    )
    assert cut["voltage"].values == pytest.approx([3.0, -3.0], abs=1e-3)
    assert cut["direction"].values.tolist() == ["trace", "retrace"]
    protocol = PulseProtocol.from_attributes(cut.attrs)
    assert protocol.pulse_duration == pytest.approx(10e-3)
    assert protocol.pulse_start == pytest.approx(0.5e-3)
    assert cut["x"].attrs["units"] == "px"
    np.testing.assert_array_equal(cut["displacement"].values, dataset["displacement"].values)


def test_a_record_nobody_set_lies_between_the_pulses():
    dataset = simulate_dataset(size=(16, 12), samples=100)
    acquisition = simulate_acquisition(dataset, timing=Timing(pause=0.1, jitter=0.002))
    cut = dataset_from_recording(acquisition.streams, acquisition.rate, acquisition.order)
    time = cut["time"].values
    assert time[0] < 0 < time[-1]
    assert 0.9 * 27.5e-3 < time[-1] - time[0] < 27.5e-3


def test_triggers_alone_place_the_pixels():
    dataset = simulate_dataset(size=(30, 20), samples=60, seed=2)
    acquisition = simulate_acquisition(
        dataset, timing=Timing(dropped=0.01, doubled=0.01, jitter=0.01), seed=5
    )
    streams = {name: stream for name, stream in acquisition.streams.items() if name != "dc"}
    before, after = acquisition.record
    times = {"before": before / acquisition.rate, "after": after / acquisition.rate}
    cut = dataset_from_recording(streams, acquisition.rate, acquisition.order, pulse_delay=0.0, **times)
    np.testing.assert_array_equal(cut["displacement"].values, expected_traces(dataset, acquisition))
    assert PulseProtocol.from_attributes(cut.attrs).pulse_start == pytest.approx(times["before"])
    unknown = dataset_from_recording(streams, acquisition.rate, acquisition.order, **times)
    assert PulseProtocol.from_attributes(unknown.attrs).pulse_start is None


def test_the_report_tells_every_line_what_it_lacks():
    dataset = simulate_dataset(size=(30, 20), samples=60, seed=2)
    timing = Timing(dropped=0.02, doubled=0.02, second_pulse=True, jitter=0.02)
    acquisition = simulate_acquisition(dataset, timing=timing, seed=8)
    pulses = find_pulses(acquisition.streams["dc"])
    places = places_from_events(
        pulses.start, acquisition.order, acquisition.rate, voltage=pulses.voltage,
        length=pulses.stop - pulses.start, record=acquisition.record,
    )  # fmt: skip
    truth = acquisition.truth
    for number, line in enumerate(places.lines):
        mine = truth["number"].values == number
        columns = {name: truth["column"].values[mine & truth[name].values] for name in ("dropped", "doubled")}
        assert line.dropped == tuple(sorted(columns["dropped"]))
        assert line.doubled == line.spoiled == tuple(sorted(columns["doubled"]))
        assert line.found == 30 - len(line.dropped) - len(line.spoiled)
        assert line.problem == ""
    # The starts are rounded to a sample of the jitter they were given: 2 % of 68 samples.
    period = places.pixel_period * acquisition.rate
    assert places.jitter * acquisition.rate == pytest.approx(0.02 * period, rel=0.1)
    text = "\n".join(places.report())
    assert f"{int(truth['dropped'].sum())} missing, {int(truth['doubled'].sum())} doubled" in text


def test_serpentine_lines_and_retraces_are_mirrored():
    dataset = simulate_dataset(size=(20, 10), samples=50)
    first = dataset.isel(pulse=[0])
    acquisition = simulate_acquisition(first, ways=("trace",), serpentine=True)
    x = np.asarray(acquisition.streams["X"])
    truth = acquisition.truth
    second = np.flatnonzero(truth["number"].values == 1)
    assert truth["column"].values[second].tolist() == list(range(20))[::-1]
    begin = int(truth["start"].values[second[0]]) - acquisition.record[0]
    np.testing.assert_array_equal(x[begin : begin + 50], first["displacement"].values[0, 1, 19])
    cut = recovered(acquisition)
    np.testing.assert_array_equal(cut["displacement"].values, first["displacement"].values)
    assert cut["direction"].values.tolist() == [""]


HOSTILE = {
    "no dc, no trigger": (lambda s, o: ({"X": s["X"]}, o), "neither a dc voltage nor a pixel trigger"),
    "no X": (lambda s, o: ({"dc": s["dc"]}, o), "no lock-in X"),
    "an unknown stream": (lambda s, o: (s | {"Z": s["X"]}, o), "unknown streams"),
    "constant dc": (lambda s, o: (s | {"dc": np.zeros(s["dc"].shape)}, o), "constant"),
    "noise": (lambda s, o: (s | {"dc": np.random.default_rng(0).normal(size=s["dc"].shape)}, o), "no pulses"),
    "noise as trigger": (
        lambda s, o: ({"X": s["X"], "trigger": np.random.default_rng(0).normal(size=s["dc"].shape)}, o),
        "no clear low and high level",
    ),
    "text": (lambda s, o: (s | {"dc": np.full(s["dc"].shape, "a")}, o), "real numbers"),
    "too few columns": (lambda s, o: (s, replace(o, columns=15)), "have 30 pixels, not 15"),
    "too many columns": (lambda s, o: (s, replace(o, columns=31)), "have 30 pixels, not 31"),
    "too few lines": (lambda s, o: (s, replace(o, lines=5)), "more than the 10 of a scan"),
    "one way": (lambda s, o: (s, replace(o, ways=("trace",), voltages=(3.0,))), "more than the 20 of a scan"),
    "other voltages": (lambda s, o: (s, replace(o, voltages=(30.0, -30.0))), "not of -30 V, 30 V"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_what_does_not_fit_is_refused_in_one_sentence(case):
    change, words = HOSTILE[case]
    acquisition = simulate_acquisition(simulate_dataset(size=(30, 20), samples=60))
    streams, order = change(dict(acquisition.streams), acquisition.order)
    with pytest.raises(ValueError, match=words) as caught:
        dataset_from_recording(streams, acquisition.rate, order)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 260


@pytest.mark.parametrize("times", [{"after": 0.1}, {"after": 1e9}, {"before": 0.03}, {"before": 0.022}])
@pytest.mark.parametrize("missing", ["", "dc"])
def test_records_that_hold_the_pulses_of_other_pixels_are_refused(times, missing):
    acquisition = simulate_acquisition(simulate_dataset(size=(12, 8), samples=60))
    streams = {name: stream for name, stream in acquisition.streams.items() if name != missing}
    whole = {"before": 0.0, "after": 0.025} | times
    if missing and times == {"before": 0.022}:  # triggers alone do not show how long the pulse before lasts
        assert dataset_from_recording(streams, acquisition.rate, acquisition.order, **whole).sizes["x"] == 12
        return
    with pytest.raises(ValueError, match="reaches into the pulses of other pixels"):
        dataset_from_recording(streams, acquisition.rate, acquisition.order, **whole)


def test_a_setting_without_a_pulse_is_named():
    acquisition = simulate_acquisition(simulate_dataset(size=(12, 8), samples=60))
    order = replace(acquisition.order, voltages_per="pixel")
    report = dataset_from_recording(acquisition.streams, acquisition.rate, order).attrs[REPORT]
    assert "No pulse of the trace at -3 V could be placed" in report
    assert "No pulse of the retrace at +3 V could be placed" in report
    assert "trace at +3 V could" not in report.replace("retrace at +3 V could", "")


def test_swapped_ways_are_noticed():
    acquisition = simulate_acquisition(simulate_dataset(size=(30, 20), samples=60))
    swapped = replace(acquisition.order, voltages=(-3.0, 3.0))
    # The first pass has the voltage of a retrace: it is taken for one, and then a pass too many follows.
    with pytest.raises(ValueError, match="when it starts in pass 1"):
        dataset_from_recording(acquisition.streams, acquisition.rate, swapped)
