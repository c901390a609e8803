"""Controls: "no response" with its level, what would have been seen, and ratios whose intervals hold the truth."""

import re
from dataclasses import replace

import numpy as np
import pytest
from noises import behind_lock_in

from napari_tesm import fit, simulate_dataset
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.maps import map_name
from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.instrument import instrument_of
from napari_tesm.evaluation.window_noise import WindowNoise
from napari_tesm.findings.controls import (
    ControlResponse,
    WeakResponse,
    accepted_share,
    compare_with_control,
    response_of_control,
    sentence_about_chance,
    sentence_from_comparison,
    sentences_from_control,
)
from napari_tesm.findings.detectability import (
    detectable_displacement,
    noise_of_displacement,
    noise_of_samples,
)
from napari_tesm.findings.summary import lines_from_summary, summary_from_maps
from napari_tesm.fitting import fit_traces
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.registration.maps import moved_map
from napari_tesm.statistics.ratios import signal_ratio

TIME = np.arange(250) * 1e-4 - 5e-4
PULSE, REST = Window(0.0, 10e-3), Window(10e-3)


def judged(maps, pulse=1):
    here = maps.isel(pulse=pulse)
    status = {n: here[map_name("status", n)].values for n in (1, 2)}
    return response_of_control(here["H"].values, status)


def test_a_wafer_does_not_respond():
    for seed in range(3):
        found = judged(fit(simulate_dataset("silicon-wafer", size=(64, 64), samples=125, seed=seed)))
        assert found.verdict in ("no response", "shift")
        for one in found.shares:
            assert one.pixels == 4096
            assert one.accepted <= 0.001 * one.pixels
            assert one.share <= one.high < 0.003
        assert abs(found.mean) < 4e-4
        assert found.high - found.low < 1e-3


def test_weak_graphite_responds():
    found = judged(fit(simulate_dataset("hopg", size=(40, 30), samples=125)))
    assert found.verdict == "response"
    # Hot pixels, forty times as high, do not count.
    assert found.hot == 3
    assert found.mean == pytest.approx(0.0345, rel=0.15)
    assert found.low > 0.02
    assert "A response (-3 V)" in sentences_from_control(found, unit="V", label="(-3 V)")[0]


def test_limits_of_a_share():
    # The rule of three, and Clopper and Pearson's limits of 5 in 100 as tables have them.
    assert accepted_share(1, 0, 3000).high == pytest.approx(0.001, rel=0.01)
    five = accepted_share(1, 5, 100)
    assert (five.low, five.high) == (pytest.approx(0.0199, abs=2e-4), pytest.approx(0.1023, abs=2e-4))
    assert accepted_share(1, 7, 7).high == 1.0
    with pytest.raises(ValueError, match="cannot have been"):
        accepted_share(1, 3, 2)


def test_the_verdict_needs_more_than_chance():
    height = np.random.default_rng(0).normal(0, 1, (64, 64))
    height -= height.mean()

    def verdict(accepted, shift=0.0):
        status = np.full(height.size, 2)
        status[:accepted] = 0
        return response_of_control(height + shift, {1: status.reshape(height.shape)}).verdict

    assert verdict(0) == verdict(4) == verdict(9) == "no response"
    assert verdict(13) == "response"
    assert verdict(0, shift=0.1) == "shift"


def test_the_mean_of_a_smooth_map_is_less_certain():
    rng = np.random.default_rng(1)
    white = rng.normal(0, 1, (60, 60))
    smooth = sum(np.roll(white, (i, j), (0, 1)) for i in range(6) for j in range(6)) / 6
    status = {1: np.full(white.shape, 2)}
    sharp, blurred = (response_of_control(one, status) for one in (white, smooth))
    assert blurred.high - blurred.low > 3 * (sharp.high - sharp.low)


def test_intervals_of_the_mean_hold_zero():
    status = {1: np.full((20, 20), 2)}
    rng = np.random.default_rng(2)
    held = [
        (one := response_of_control(rng.normal(0, 1, (20, 20)), status)).low < 0 < one.high
        for _ in range(300)
    ]
    assert 0.92 < np.mean(held) < 0.985


@pytest.mark.parametrize(("window", "rising"), [(PULSE, True), (REST, False)])
@pytest.mark.parametrize("tau", [1e-3, 8e-3])
def test_what_is_called_detectable_is_detected_in_nine_of_ten_pixels(window, rising, tau):
    from napari_tesm.data.displacement import response_probability
    from napari_tesm.fitting import fit_traces

    noise = 0.01
    height = float(detectable_displacement(noise, TIME, window, tau, rising=rising))
    inside = TIME[window.samples(TIME)] - window.start
    curve = np.exp(-inside / tau)
    if rising:
        curve = (1 - curve) / (1 - np.exp(-10e-3 / tau))
    traces = height * curve + noise * np.random.default_rng(3).standard_normal((1500, inside.size))
    fitted = fit_traces(traces, inside, start=0.0)
    passed = (response_probability(fitted.r2, inside.size) < 0.001).mean()
    assert 0.87 < passed < 0.95
    # Half as much is hardly ever seen, twice as much always.
    weaker = fit_traces(traces - height / 2 * curve, inside, start=0.0)
    assert (response_probability(weaker.r2, inside.size) < 0.001).mean() < 0.35


def test_too_short_a_window_detects_nothing():
    with pytest.raises(ValueError, match="holds 2 samples"):
        detectable_displacement(1.0, TIME, Window(0.0, 2e-4), 1e-3, rising=True)


def test_noise_of_h_is_that_of_its_samples():
    traces = 0.02 * np.random.default_rng(4).standard_normal((40, 50, TIME.size))
    dataset = dataset_from_traces(
        [traces], time=TIME, x=np.arange(50) * 1e-9, y=np.arange(40) * 1e-9, unit="V",
        protocol=PulseProtocol(pulse_start=5e-4, pulse_duration=10e-3),
    )  # fmt: skip
    height = fit(dataset)["H"].values
    noise = noise_of_samples(traces, TIME, PULSE)
    assert noise == pytest.approx(0.02, rel=0.02)
    assert noise_of_displacement(noise, TIME, PULSE) == pytest.approx(height.std(), rel=0.05)


def test_a_ratio_without_an_interval_says_so_in_words():
    rng = np.random.default_rng(3)
    maps = [mean * (1 + 0.1 * rng.standard_normal((30, 44))) for mean in (0.3, 0.06)]
    ratio = replace(signal_ratio(*maps), low=np.nan, high=np.nan)
    for of_noise in (0.1, 0.9):
        words = sentence_from_comparison(WeakResponse(ratio, of_noise), names=("scan", "wafer"))
        assert "nan" not in words
        assert "as one independent region" in words


@pytest.mark.parametrize("reach", [0, pytest.param(3, marks=pytest.mark.slow)])
def test_intervals_of_a_ratio_hold_the_true_one(reach):
    """0.3 against 0.06, as the paper's Si/C against HOPG; grains of several pixels make neighbours alike."""
    rng = np.random.default_rng(5)

    def height(mean):
        grains = rng.normal(0, 1, (30, 40))
        if reach:
            shifts = range(-reach, reach + 1)
            grains = sum(np.roll(grains, (i, j), (0, 1)) for i in shifts for j in shifts) / (2 * reach + 1)
        return mean * (1 + 0.1 * grains) + rng.normal(0, 0.005, grains.shape)

    held = [
        (one := signal_ratio(height(0.3), height(0.06), seed=number)).low < 5 < one.high
        for number in range(300)
    ]
    assert 0.92 <= np.mean(held) <= 0.99


def test_a_ratio_to_noise_is_a_lower_limit():
    rng = np.random.default_rng(6)
    strong, none = 0.3 + rng.normal(0, 0.01, (30, 30)), rng.normal(0, 0.005, (30, 30))
    weak = 0.06 + rng.normal(0, 0.005, (30, 30))
    against_noise = compare_with_control(strong, none, noise=0.005)
    assert against_noise.of_noise == pytest.approx(1, abs=0.1)
    assert "at least" in sentence_from_comparison(against_noise, names=("Si/C", "wafer"))
    against_weak = compare_with_control(strong, weak, noise=0.005)
    assert not against_weak.at_least
    assert against_weak.ratio.low < 5 < against_weak.ratio.high
    assert "5.02 times as strongly as HOPG (95 %: 4.98 to 5.06" in sentence_from_comparison(
        against_weak, names=("Si/C", "HOPG")
    )


def test_words_give_the_interval_from_its_lower_end_in_the_unit_of_all_three():
    found = ControlResponse(900, 1.5e-3, 1.2e-3, 1.8e-3, 640.0, ())
    assert (
        "the mean H of all 900 is 1.5 mV (95 %: 1.2 to 1.8 mV), which is not zero"
        in (sentences_from_control(found, unit="V")[0])
    )
    contracts = ControlResponse(900, -15e-12, -18e-12, -12e-12, 640.0, ())
    assert "is -15 pm (95 %: -18 to -12 pm)" in sentences_from_control(contracts, unit="m")[0]


def test_words_of_a_ratio_count_the_pixels_of_either_in_their_order():
    rng = np.random.default_rng(9)
    many, few = 0.3 + rng.normal(0, 0.01, (30, 40)), 0.1 + rng.normal(0, 0.005, (11, 17))
    words = sentence_from_comparison(compare_with_control(many, few, noise=0.005), names=("Si/C", "HOPG"))
    assert words.startswith("Si/C responds 2.99 times as strongly as HOPG")
    counts = re.search(r"over (\d+) and (\d+) pixels that count as (\d+) and (\d+) independent", words)
    pixels = [int(count) for count in counts.groups()]
    assert pixels[:2] == [1200, 187]
    # Noise that is white: nearly all of them.
    assert 0.75 * 1200 < pixels[2] <= 1200
    assert 0.75 * 187 < pixels[3] <= 187


def test_words_give_the_level():
    height = moved_map(np.random.default_rng(7).normal(0, 1e-3, (64, 64)), 0, 0)
    height -= height.mean()
    status = {1: np.full((64, 64), 2), 2: np.full((64, 64), 2)}
    words = " ".join(sentences_from_control(response_of_control(height, status), unit="V", label="(-3 V)"))
    assert words.startswith("No response (-3 V): the mean H of 4096 pixels")
    assert "0 of 4096 pixels (at most 0.073 %" in words
    assert "wholly masked" in words


def test_nothing_to_judge_is_refused():
    with pytest.raises(ValueError, match="nothing to judge"):
        response_of_control(np.full((2, 2), np.nan), {1: np.zeros((2, 2), int)})
    with pytest.raises(ValueError, match="differ in size"):
        response_of_control(np.zeros((2, 2)), {1: np.zeros((3, 2), int)})


def wafer_behind_a_lock_in(seed, *, shape=(64, 64), samples=260, noise=5e-3):
    """Return noise behind 0.1 ms × 4 at 20 kHz and nothing else, with the filter in the metadata."""
    time = np.arange(samples) * 5e-5 - 1e-3
    protocol = PulseProtocol(
        pulse_start=0.0, pulse_duration=7e-3, tip_radius=25e-9, lock_in_time_constant=1e-4, lock_in_order=4
    )
    rng = np.random.default_rng(seed)
    # In parts, for the sake of memory.
    parts = [behind_lock_in(rng, shape[1], 1e-4, 4, samples=samples) for _ in range(shape[0])]
    return dataset_from_traces(
        [noise * np.stack(parts)], time=time, x=3e-6 + np.arange(shape[1]) * 0.4e-6,
        y=np.arange(shape[0]) * 0.25e-6, voltage=[-3.0], unit="V", protocol=protocol,
    )  # fmt: skip


@pytest.fixture(scope="module")
def wafer():
    return wafer_behind_a_lock_in(1)


def test_a_wafer_behind_a_lock_in_does_not_respond(wafer):
    maps = fit(wafer)
    found = judged(maps, pulse=0)
    assert found.verdict == "no response"
    assert all(share.accepted <= 8 for share in found.shares)
    # The same noise taken for white fakes hundreds of responses: the test could have failed.
    old = judged(fit(wafer, noise="white"), pulse=0)
    assert old.verdict == "response"
    assert all(share.accepted > 100 for share in old.shares)


def test_the_summary_of_a_wafer_says_no_response(wafer):
    for noise, silent in (("measured", True), ("white", False)):
        maps = fit(wafer, noise=noise)
        text = "\n".join(lines_from_summary(summary_from_maps(maps), maps))
        assert text.count("No response:") == (2 if silent else 0)
    # 13 of 4096 at 0.1 % have a probability of 3e-4, 4 one of 0.6; 30 at 0.3 % one of 1e-5 (binomial).
    assert sentence_about_chance({"ok": 4, "unresolved_slow": 8, "no_response": 4084}, 0.001)
    assert not sentence_about_chance({"ok": 13, "no_response": 4083}, 0.001)
    assert not sentence_about_chance({"ok": 0, "unresolved_slow": 30, "no_response": 4066}, 0.001)
    assert not sentence_about_chance({"ok": 0, "invalid": 9}, 0.001)


@pytest.mark.parametrize(("number", "rising"), [(1, True), (2, False)])
def test_what_is_detectable_behind_a_lock_in_is_detected_in_nine_of_ten_pixels(wafer, number, rising):
    evaluation = Evaluation.of(wafer)
    instrument = instrument_of(evaluation)
    measured = WindowNoise.of(instrument.noises[0], instrument.evaluation, number)
    time, window, tau, noise = evaluation.time, evaluation.settings.windows[number], 1.5e-3, 5e-3
    height = float(detectable_displacement(noise, time, window, tau, rising=rising, measured=measured))
    # Some three times as much as in white noise.
    assert height > 2 * float(detectable_displacement(noise, time, window, tau, rising=rising))
    inside = time[window.samples(time)] - window.start
    curve = np.exp(-inside / tau)
    if rising:
        curve = (1 - curve) / (1 - np.exp(-7e-3 / tau))
    own = wafer["displacement"].values[0, :24].reshape(-1, time.size)[:, window.samples(time)]
    options = evaluation.settings.fit_options(number, time[window.samples(time)], evaluation.recipe)

    def passed(size):
        fitted = fit_traces(own + size * height * curve, time[window.samples(time)], **options)
        return (measured.null.probability(fitted.r2) < 0.001).mean()

    assert 0.84 < passed(1.0) < 0.96
    assert passed(0.5) < 0.4
    assert passed(0.0) < 0.005


def test_in_white_noise_draws_detect_what_the_noncentral_distribution_says():
    dataset = dataset_from_traces(
        [np.zeros((1, 1, TIME.size))], time=TIME, x=np.zeros(1), y=np.zeros(1),
        protocol=PulseProtocol(pulse_start=0.0, pulse_duration=10e-3),
    )  # fmt: skip
    drawn = WindowNoise.of(NoiseModel(), Evaluation.of(dataset), 2)
    taus = np.array([1e-3, 4e-3, 9e-3])
    closed = detectable_displacement(1.0, TIME, REST, taus, rising=False)
    # The search lets a little more noise pass than the nominal level says.
    assert detectable_displacement(1.0, TIME, REST, taus, rising=False, measured=drawn) == pytest.approx(
        closed, rel=0.08
    )


def test_noise_behind_a_lock_in_is_that_of_its_samples_and_of_h(wafer):
    evaluation = Evaluation.of(wafer)
    model = instrument_of(evaluation).noises[0]
    traces, pulse = wafer["displacement"].values[0], evaluation.pulse
    noise = noise_of_samples(traces, evaluation.time, pulse, model)
    assert noise == pytest.approx(5e-3, rel=0.05)
    assert noise_of_samples(traces, evaluation.time, pulse) < 0.7 * noise
    height = fit(wafer)["H"].values
    assert noise_of_displacement(noise, evaluation.time, pulse, model) == pytest.approx(
        height.std(), rel=0.07
    )
    assert noise_of_displacement(noise, evaluation.time, pulse) < 0.7 * height.std()
