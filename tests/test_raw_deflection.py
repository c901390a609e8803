"""Raw deflection: the response at the drive's frequency against closed forms, and all the way through a mapping."""

import numpy as np
import pytest
from raw_recordings import RawRecording
from scipy.stats import gamma

from napari_tesm import fit, open_dataset
from napari_tesm.cli import main
from napari_tesm.files.lazy import LazyArray
from napari_tesm.fitting import fit_traces
from napari_tesm.io.mapping.entries import MappingError
from napari_tesm.io.mapping.text import mapping_from_text, text_from_mapping
from napari_tesm.recording import REPORT
from napari_tesm.recording.carrier import Carrier, LockIn, Responses
from napari_tesm.recording.cutting import CutTraces
from napari_tesm.recording.frequency import frequency_of_records
from napari_tesm.recording.raw import RawSignal, traces_from_raw

HOUR = 3600


def turns(number, frequency, rate):
    """Return the part of a turn at which samples lie, in numbers of 64 digits."""
    return ((number * np.longdouble(frequency) / np.longdouble(rate)) % 1).astype(float)


def an_hour(rate, frequency, flips_at=None):
    def read(part):
        number = np.arange(part[0].start, part[0].stop)
        sign = np.where((number // (flips_at or HOUR * rate)) % 2, -1, 1)
        return 3 + sign * np.cos(2 * np.pi * turns(number, frequency, rate) + 0.7)

    return LazyArray((int(HOUR * rate),), np.dtype(float), read)


@pytest.mark.parametrize("ratio", [6.0, 6.5, 7.41, 18.37, 36.63, 80.0, 81.66, 1000.1])
def test_amplitude_and_phase_hold_for_any_ratio_of_rate_to_frequency_and_after_an_hour(ratio):
    rate = 2e6
    carrier = Carrier.of(rate, [rate / ratio], pulse=20_000)
    for first in (0, 7_200_000_123):
        number = first + np.arange(10_000)
        line = 3 + 1e-4 * np.arange(10_000)  # it drifts meanwhile
        samples = line + 0.5 * np.cos(2 * np.pi * turns(number, rate / ratio, rate) + 0.7)
        exact = carrier.response(samples, np.asarray(first))
        np.testing.assert_allclose(np.abs(exact), 0.5, rtol=1e-9)
        np.testing.assert_allclose(np.angle(exact), 0.7, atol=1e-5)
        single = carrier.response(samples.astype(np.float32), np.asarray(first))
        np.testing.assert_allclose(np.abs(single), 0.5, rtol=1e-5 if ratio < 7 else 5e-6)


def test_a_window_divides_the_pulse_where_one_can_and_is_never_shorter_than_a_period():
    for frequency, size in ((25e3, 80), (27.3e3, 125), (61.234e3, 50), (3e5, 10)):
        carrier = Carrier.of(2e6, [frequency], pulse=20_000)
        assert carrier.size == size
        assert carrier.size >= 2e6 / frequency
    assert Carrier.of(2e6, [25e3], pulse=20_000, periods=4).size == 400
    with pytest.raises(ValueError, match=r"5 samples in a period at 1e\+06 samples per second: at least 6"):
        Carrier.of(1e6, [2e5])
    with pytest.raises(ValueError, match=r"too long for a pulse of 0\.001 s"):
        Carrier.of(1e6, [25e3, 25.1e3], pulse=1000)


@pytest.mark.parametrize("frequency", [27.3e3, 31e3, 13e3, 9.1e3, 3.2e3])
def test_tau_is_not_moved_where_windows_are_no_whole_number_of_periods(frequency):
    rate, pulse, tau = 1e6, 10_000, 1.5e-4
    number, phases = np.arange(pulse), np.arange(0, 2 * np.pi, 0.5)[:, None]
    amplitude = 3 - np.exp(-number / rate / tau)
    carrier = Carrier.of(rate, [frequency], pulse=pulse)
    assert pulse % carrier.size == 0
    samples = 20 + amplitude * np.cos(2 * np.pi * turns(number, frequency, rate) + phases)
    response = carrier.response(samples, np.zeros(len(phases), dtype=np.int64)) * np.exp(-1j * phases)
    seconds = (np.arange(response.shape[1]) + 0.5) * carrier.size / rate
    fitted = fit_traces(response.real, seconds, bounds=(1e-5, 0.1))
    np.testing.assert_allclose(fitted.tau, tau, rtol=2e-3)


@pytest.mark.parametrize("ppm", [0, 100, -400])
def test_the_frequency_is_found_over_an_hour_though_the_response_changes_its_sign(ppm):
    rate, stated = 1e6, 25e3
    true = stated * (1 + 1e-6 * ppm)
    start = np.linspace(0.1 * rate, (HOUR - 0.1) * rate, 600).astype(np.int64).reshape(20, 30)
    records = CutTraces(an_hour(rate, true, flips_at=10_007), start, 400, 9600)
    carrier = Carrier.of(rate, [stated])
    found, is_steady = frequency_of_records([records], carrier)
    assert found == pytest.approx(true, rel=1e-11)
    assert is_steady
    traces = Responses(records, Carrier(rate, found, carrier.size), 250)
    for row, column in ((0, 0), (19, 29)):
        response = traces.response(row, np.array([column]))[0]
        # But for the window in which the sign changes.
        assert np.median(np.abs(response)) == pytest.approx(1, rel=1e-9)
        assert np.median(np.abs(response.imag / response.real)) == pytest.approx(np.tan(0.7), rel=1e-2)


@pytest.mark.parametrize("order", [1, 4])
def test_a_lock_in_is_imitated_as_its_formula_says(order):
    rate, frequency, constant = 2e6, 25e3, 2e-4
    lock_in = LockIn(Carrier.of(rate, [frequency]), constant, order)
    lead = lock_in.lead * lock_in.size
    number = np.arange(lead + 8000)
    samples = 5 + (number >= lead) * np.cos(2 * np.pi * turns(number, frequency, rate))
    response = lock_in.response(samples, np.asarray(0))
    seconds = ((np.arange(response.size) + 1) * lock_in.size - 1) / rate
    step = gamma.cdf(seconds, order, scale=constant)
    # What is left of twice the frequency behind one stage is ripple, as of a true one.
    ripple = 1 / (4 * np.pi * frequency * constant) if order == 1 else 0
    np.testing.assert_allclose(response.real, step, atol=1e-3 + ripple)


def recorded(path, recording, raw, *, left_out=()):
    np.savez(path, **{name: values for name, values in recording.channels().items() if name not in left_out})
    text = f"""
format: t-ESM mapping 1
raw: {raw}
recording: {{dc: dc, before: 0.4 ms, length: 11 ms}}
scan: {{pixels: {recording.columns}, lines: {recording.rows}, voltages: [3 V], width: 40 nm, height: 30 nm}}
time: {{interval: {1e6 / recording.rate} us}}
"""
    path.with_suffix(".yaml").write_text(text)
    return text


@pytest.mark.parametrize(
    ("recording", "raw"),
    [
        (RawRecording(frequency=25_002.5), "{deflection: deflection, drive frequency: 25 kHz}"),
        (RawRecording(frequency=27_311.0, phase=0.4), "{deflection: deflection, reference: drive}"),
        (
            RawRecording(tau=5e-4),
            "{deflection: deflection, drive frequency: 25 kHz, time constant: 0.1 ms, order: 4}",
        ),
        (RawRecording(other=(31e3, 0.5)), "{deflection: deflection, drive frequency: [25 kHz, 31 kHz]}"),
    ],
    ids=["100 ppm", "reference", "lock-in", "two carriers"],
)
def test_tau_is_that_of_the_response_all_the_way_from_the_file(recording, raw, tmp_path):
    text = recorded(tmp_path / "scan.npz", recording, raw)
    mapping = mapping_from_text(text)
    assert mapping_from_text(text_from_mapping(mapping)) == mapping
    dataset = open_dataset(tmp_path / "scan.npz")
    assert dataset.attrs["ac_frequency"] == pytest.approx(recording.frequency, rel=1e-7)
    assert ("+100 ppm from what is stated" in dataset.attrs[REPORT]) == (recording.frequency == 25_002.5)
    maps = fit(dataset)
    for name in ("tau1", "tau2"):
        np.testing.assert_allclose(maps[name].values, recording.tau, rtol=1e-3)
    x, y = (dataset[name].values for name in ("displacement", "displacement_quadrature"))
    # The reference leads by 0.3.
    angle = recording.phase - 0.3 if "reference" in raw else 0.0
    np.testing.assert_allclose(np.angle(np.mean(x + 1j * y, axis=-1)), angle, atol=1e-3)


def test_another_carrier_that_nobody_names_disturbs_and_named_does_not(tmp_path):
    off = []
    for frequency in ("25 kHz", "[25 kHz, 31 kHz]"):
        recording = RawRecording(rows=2, other=(31e3, 0.5))
        recorded(
            tmp_path / "scan.npz", recording, f"{{deflection: deflection, drive frequency: {frequency}}}"
        )
        before = open_dataset(tmp_path / "scan.npz")["displacement"].values[..., 0]
        off.append(np.abs(before - 1).max())
    assert off[0] > 0.05
    assert off[1] < 1e-4


def response_of(recording, **raw):
    streams = recording.channels()
    streams = {"X": streams["deflection"]} | ({"reference": streams["drive"]} if not raw else {})
    return streams, lambda: traces_from_raw(
        streams, recording.starts[None], (400, 10600), 5000, 1e6, RawSignal(**raw)
    )


def test_a_stronger_line_elsewhere_is_not_taken_for_the_drive():
    strong = RawRecording(rows=2, other=(31e3, 10.0))
    with pytest.raises(
        ValueError, match=r"the strongest line is at 31 kHz, not at the drive frequency of 25 kHz"
    ):
        response_of(strong, frequencies=(25e3,))[1]()
    named = response_of(strong, frequencies=(25e3, 31e3))[1]()
    assert named.carrier.frequency == pytest.approx(25e3, rel=1e-7)
    off = response_of(RawRecording(rows=2, frequency=25_200.0, other=(31e3, 0.5)), frequencies=(25e3,))[1]()
    assert off.carrier.frequency == pytest.approx(25_200, rel=1e-6)
    with pytest.raises(ValueError, match="has an entry twice"):
        Carrier.of(1e6, [25e3, 25e3])


def test_numbers_that_are_missing_cost_their_window_and_no_other():
    recording = RawRecording(rows=2, frequency=25_002.5)
    streams, traces = response_of(recording, frequencies=(25e3,))
    streams["X"][recording.starts[0, 0] + 3000] = np.nan
    made = traces()
    assert made.carrier.frequency == pytest.approx(25_002.5, rel=1e-7)
    empty = np.isnan(made.traces["X"][0].outer((slice(None),)))
    np.testing.assert_array_equal(np.argwhere(empty), [[0, 0, np.argmin(np.abs(made.time - 3e-3))]])
    streams["X"][:] = np.nan
    with pytest.raises(
        ValueError, match="no record of the deflection, or of the reference, holds finite numbers"
    ):
        traces()


@pytest.mark.parametrize(("drift", "said"), [(1.0, False), (10.0, True)])
def test_a_reference_that_drifts_within_records_is_said(drift, said):
    streams, traces = response_of(RawRecording(rows=8, columns=8))
    seconds = np.arange(streams["X"].size) / 1e6
    streams["reference"] = np.cos(2 * np.pi * (25e3 + 0.5 * drift * seconds) * seconds)
    assert any("reference is not steady" in note for note in traces().notes) == said


def test_images_show_amplitude_and_phase_of_each_carrier(tmp_path):
    recording = RawRecording(rows=2, phase=0.4, other=(31e3, 0.5))
    text = recorded(
        tmp_path / "scan.npz",
        recording,
        "{deflection: deflection, drive frequency: [25 kHz, 31 kHz], images: yes}",
    )
    assert mapping_from_text(text_from_mapping(mapping_from_text(text))) == mapping_from_text(text)
    assert main(["import", str(tmp_path / "scan.npz"), "-o", str(tmp_path / "scan.zarr"), "--quiet"]) == 0
    for name in ("scan.npz", "scan.zarr"):
        dataset = open_dataset(tmp_path / name)
        images = {
            array.attrs["long_name"]: array
            for array in dataset.data_vars.values()
            if array.dims == ("y", "x")
        }
        assert set(images) == {
            f"{kind} at {frequency} kHz (+3 V)" for kind in ("Amplitude", "Phase") for frequency in (25, 31)
        }
        mean = recording.amplitude(dataset["time"].values).mean()
        for title, value in (
            ("Amplitude at 25 kHz (+3 V)", mean), ("Amplitude at 31 kHz (+3 V)", 0.5),
            ("Phase at 25 kHz (+3 V)", np.degrees(0.4)), ("Phase at 31 kHz (+3 V)", np.degrees(1.0)),
        ):  # fmt: skip
            np.testing.assert_allclose(images[title].values, value, rtol=2e-3)
        assert images["Phase at 25 kHz (+3 V)"].attrs["units"] == "deg"


def test_imported_it_gives_the_same_maps(tmp_path):
    recorded(
        tmp_path / "scan.npz", RawRecording(noise=0.1), "{deflection: deflection, drive frequency: 25 kHz}"
    )
    assert main(["import", str(tmp_path / "scan.npz"), "-o", str(tmp_path / "scan.zarr"), "--quiet"]) == 0
    kept, direct = (fit(open_dataset(tmp_path / name)) for name in ("scan.zarr", "scan.npz"))
    for name in direct.data_vars:
        np.testing.assert_array_equal(kept[name].values, direct[name].values)
    # Noise of windows that share no sample is white, and its size is told right.
    error = direct["tau2_stderr"].values
    assert np.std((direct["tau2"].values - 1e-3) / error) == pytest.approx(1, abs=0.5)


@pytest.mark.parametrize(
    ("raw", "recording", "sentence"),
    [
        ("{deflection: d}", "{dc: v}", "must say the 'drive frequency', or which channel is the 'reference'"),
        ("{drive frequency: 25 kHz}", "{dc: v}", "'raw' must say its 'deflection'"),
        ("{deflection: d, drive frequency: 25}", "{dc: v}", "'drive frequency' of 'raw'"),
        ("{deflection: d, drive frequency: 0 Hz}", "{dc: v}", "must be larger than zero"),
        ("{deflection: d, drive frequency: 25 kHz}", "{X: x, dc: v}", "'raw' stands in for"),
        ("{deflection: d, drive frequency: 25 kHz, order: 9}", "{dc: v}", "'order' of 'raw'"),
        ("{deflection: d, drive frequency: 25 kHz, phase: 3}", "{dc: v}", "an entry nobody knows: 'phase'"),
    ],
)
def test_what_is_wrong_in_a_mapping_of_raw_deflection_is_said(raw, recording, sentence):
    with pytest.raises(MappingError, match=sentence):
        mapping_from_text(f"raw: {raw}\nrecording: {recording}\n")
    with pytest.raises(MappingError, match="'raw' needs a 'recording'"):
        mapping_from_text("raw: {deflection: d, drive frequency: 25 kHz}\nimages: [{source: i}]\n")
