"""Which record tells the kernels apart: what is expected against traces of other making, and the advice followed."""

import json

import noises
import numpy as np
import pytest
from test_kernel_choice import dataset_of, traces_of

from napari_tesm import save
from napari_tesm.cli import main
from napari_tesm.data.protocol import Window
from napari_tesm.model_choice.design import candidate_records, design_from_sample, pixels_for_choice
from napari_tesm.model_choice.evidence import model_choice, sample_from_traces
from napari_tesm.model_choice.rivals import Setting
from napari_tesm.model_choice.votes import CLEAR
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.processes import Process

PAIR = ("flux-pulse", "clamped")
DIFFUSION = 4e-13
STEP = 2e-4
LOCK_IN = NoiseModel({Process("slow", 4e-4): 1.0})


def record_of(pulse, *, snr, count, seed, noise="white", after=15e-3):
    """Return traces of a flux that raises the surface by `snr` in 10 ms, and their times."""
    time = np.arange(round((pulse + after) / STEP)) * STEP
    curve = noises.flux_displacement(DIFFUSION, time=time, pulse=pulse)[0]
    at_ten = noises.flux_displacement(DIFFUSION, time=np.array([0.0, 10e-3, 2 * pulse]), pulse=pulse)[0][1]
    rng = np.random.default_rng(seed)
    if noise == "white":
        made = rng.standard_normal((count, time.size))
    else:
        made = noises.behind_lock_in(rng, count, 4e-4, 1, samples=time.size, step=STEP)
    return snr * (curve / at_ten) + made, time


def measured(noise, snr, *, seed=0):
    traces, time = record_of(
        10e-3, snr=snr, count=200, seed=seed, noise="white" if noise.is_white else "filtered"
    )
    return sample_from_traces(traces, time, Window(0.0, 10e-3), "flux-pulse", noise, kernels=PAIR)


@pytest.mark.parametrize("noise", [NoiseModel(), LOCK_IN], ids=["white", "filtered"])
@pytest.mark.parametrize("pulse", [10e-3, 30e-3])
def test_the_expected_difference_is_that_of_traces(pulse, noise):
    snr = 20
    sample = measured(noise, snr)
    assert sample.amplitudes[0] == pytest.approx(
        measured(noise, 10 * snr, seed=1).amplitudes[0] / 10, rel=0.05
    )
    candidates = [
        record
        for record in candidate_records(sample)
        if record.settings == (Setting(pulse, sample.setting.after),)
    ]
    (row,) = design_from_sample(sample, ("clamped",), candidates=candidates).rows
    kind = "white" if noise.is_white else "filtered"
    traces, time = record_of(pulse, snr=snr, count=400, seed=5, noise=kind)
    aicc = model_choice(traces, time, Window(0.0, pulse), kernels=PAIR, noise=noise).aicc
    difference = aicc[1] - aicc[0]
    error = difference.std() / np.sqrt(difference.size)
    expected = row.separations[0].difference
    assert difference.mean() == pytest.approx(expected, abs=4 * error + 0.1 * expected)
    assert expected > 10 * error


def test_with_the_pixels_of_the_advice_the_choice_is_clear_and_without_it_it_is_not():
    snr = 8
    sample = measured(NoiseModel(), snr)
    design = design_from_sample(sample, ("clamped",))
    by_name = {row.candidate.name: row.separations[0].pixels for row in design.rows}
    present, longer = by_name["the present record"], by_name["a pulse of 100 ms"]
    assert longer < present / 3
    clear = {}
    for pulse in (10e-3, 100e-3):
        traces, time = record_of(pulse, snr=snr, count=60 * int(longer), seed=9)
        aicc = model_choice(traces, time, Window(0.0, pulse), kernels=PAIR).aicc
        together = (aicc[1] - aicc[0]).reshape(60, int(longer)).sum(axis=1)
        clear[pulse] = (together >= CLEAR).mean()
    assert clear[100e-3] >= 0.9
    assert clear[10e-3] < 0.5
    assert "where the present record needs" in design.sentence()


def test_pixels_are_those_after_which_a_walk_is_clear():
    rng = np.random.default_rng(2)
    for mean, variance in ((0.5, 2.0), (2.0, 9.0)):
        pixels = pixels_for_choice(mean, variance)
        sums = pixels * mean + np.sqrt(pixels * variance) * rng.standard_normal(20000)
        assert (sums >= CLEAR).mean() == pytest.approx(0.955, abs=0.015)
    assert pixels_for_choice(0.0, 1.0) == np.inf


@pytest.mark.slow
def test_the_command_gives_a_table_a_sentence_and_numbers(tmp_path, capsys):
    scan, out = tmp_path / "scan.gwy", tmp_path / "design.json"
    save(scan, dataset_of(traces_of("flux-pulse", 4e-13, noise=0.1)))
    words = ["kernels", str(scan), "--kernels", "exponential,flux-pulse,clamped", "--design"]
    assert main([*words, "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "Pixels that it takes to tell 'flux-pulse' clearly from its rivals:" in printed
    assert "a second pulse of 30 ms" in printed
    design = json.loads(out.read_text())["pulses"][0]["design"]
    assert design["sentence"].split()[0] in printed
    present, *others = design["records"]
    assert present["name"] == "the present record"
    assert len(others) == 9
    assert {tuple(record["rivals"]) for record in design["records"]} == {("exponential", "clamped")}
    longest = next(record for record in others if record["name"] == "a pulse of 100 ms")
    assert longest["rivals"]["clamped"]["pixels"] < present["rivals"]["clamped"]["pixels"]
    assert main(words[:-1]) == 0
    assert "rivals" not in capsys.readouterr().out
