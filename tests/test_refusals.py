"""Nonsense in, one sentence out: every number that a model, a kernel or a theory takes is attacked in the same ways.

No call may end in a traceback of another kind, a warning, a NaN, or a run that does not end.
"""

import warnings

import numpy as np
import pytest

from napari_tesm.cli import main
from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.kernels.named import kernel_from_name
from napari_tesm.kernels.one_parameter import KERNELS
from napari_tesm.model_choice.null_curve import null_curve
from napari_tesm.physics.bulk_methods import (
    Film,
    compared_methods,
    diffusion_from_impedance,
    diffusion_from_pulse_potential,
    diffusion_from_titration_current,
    impedance,
    pulse_potential,
    titration_current,
)
from napari_tesm.physics.diffusion import diffusion_from_tau, systematic_error, tau_from_diffusion
from napari_tesm.physics.tip import (
    TipContact,
    diffusion_from_response,
    resolution_from_frequency,
    response_from_frequency,
    response_from_time,
)
from napari_tesm.physics.tip_radius import TipRadius
from napari_tesm.quantities.limits import check_count
from napari_tesm.simulation import (
    BoxGrid,
    Host,
    RingGrid,
    Timing,
    TipModel,
    apparent_diffusion,
    band_diffusion,
    drift_trace,
    map_diffusion,
    map_traces,
    record_times,
    simulate,
    step_response,
    traces_at,
    traces_from_diffusion,
    voltage_series,
)

ATTACKS = {"n": np.nan, "i": np.inf, "j": -np.inf, "-": -1.0, "0": 0.0, "h": 1e300, "t": 1e-300, "f": 2.5}
NUMBER = "nijh"
"""What is refused where any sign is meant."""
POSITIVE = NUMBER + "-0t"
COUNT = NUMBER + "-0tf"

TIME = np.arange(60) * 5e-4
RINGS = RingGrid(finest_r=0.2, finest_z=0.1, growth_r=1.3, growth_z=1.3, extent=40.0)
BOXES = BoxGrid(0.25, 1.3, 0.2, 1.3)
CONTACT, FILM = TipContact(4e-13), Film(4e-13)
LATE = np.linspace(0.01, 4, 100)
PULSE_PROTOCOL = PulseProtocol(0.0, 10e-3)


def uniform(D=4e-13):
    return lambda x, y: np.full(np.shape(x), D)


def tip_trace(D=4e-13, x=0.0, y=0.0, times=TIME, **values):
    return TipModel(uniform(D), grid=BOXES, time=times, **values).trace_at(x, y)


def host_trace(**values):
    return drift_trace(-1.0, Host(**values), grid=RINGS, time=TIME[:30])


CASES = {
    "record": (record_times, {"pulse": 10e-3, "relaxation": 15e-3, "samples": 625},
               {"pulse": POSITIVE, "relaxation": POSITIVE, "samples": COUNT}),
    "level 1": (lambda **k: traces_from_diffusion(**{"time": TIME, **k}),
                {"D": 4e-13, "pulse": 10e-3, "tip_radius": 25e-9, "drive": 1.0, "vegard": 1.0, "poisson_ratio": 0.25},
                {"D": POSITIVE, "pulse": POSITIVE, "tip_radius": POSITIVE, "drive": NUMBER, "vegard": NUMBER,
                 "poisson_ratio": NUMBER + "-"}),
    "level 1, times": (lambda t: traces_from_diffusion(4e-13, time=np.array([0.0, t])), {"t": 1e-3}, {"t": NUMBER}),
    "step response": (lambda d: step_response(np.array([d]), "flux", grid=RINGS), {"d": 1.0}, {"d": NUMBER + "-"}),
    "rings": (RingGrid, {"finest_r": 0.05, "finest_z": 4e-4, "growth_r": 1.05, "growth_z": 1.055, "extent": 600.0,
                         "refinement": 1},
              {"finest_r": POSITIVE, "finest_z": POSITIVE, "growth_r": POSITIVE, "growth_z": POSITIVE,
               "extent": POSITIVE, "refinement": COUNT}),
    "boxes": (BoxGrid, {"finest": 0.12, "growth": 1.12, "finest_z": 0.02, "growth_z": 1.12},
              {"finest": POSITIVE, "growth": POSITIVE, "finest_z": POSITIVE, "growth_z": POSITIVE}),
    "host": (host_trace, {"diffusion": 4e-13, "filling": 0.2, "site_concentration": 5e4, "vegard": 3e-6,
                          "poisson_ratio": 0.25, "charge": 1.0, "temperature": 298.0},
             {"diffusion": POSITIVE, "filling": NUMBER + "-0", "site_concentration": NUMBER + "-0", "vegard": NUMBER,
              "poisson_ratio": NUMBER + "-", "charge": NUMBER + "0", "temperature": POSITIVE}),
    "drift": (lambda voltage, **k: drift_trace(voltage, grid=RINGS, time=TIME[:30], **k),
              {"voltage": -1.0, "pulse": 10e-3, "tip_radius": 25e-9, "coupling": 1.0, "refinement": 1},
              {"voltage": NUMBER, "pulse": POSITIVE, "tip_radius": POSITIVE, "coupling": NUMBER + "-",
               "refinement": COUNT}),
    "drift, times": (lambda t: drift_trace(-1.0, grid=RINGS, time=np.array([1e-3, t])), {"t": 2e-3}, {"t": NUMBER}),
    "voltages": (lambda v: voltage_series([-1.0, v], grid=RINGS, time=TIME[:30]), {"v": -2.0}, {"v": NUMBER}),
    "level 2": (tip_trace, {"D": 4e-13, "pulse": 10e-3, "tip_radius": 25e-9, "drive": 1.0, "vegard": 1.0,
                            "poisson_ratio": 0.25, "x": 0.0, "y": 0.0},
                {"D": POSITIVE, "pulse": POSITIVE, "tip_radius": POSITIVE, "drive": NUMBER, "vegard": NUMBER,
                 "poisson_ratio": NUMBER + "-", "x": NUMBER, "y": NUMBER}),
    "places": (lambda x, jobs: traces_at(TipModel(uniform(), grid=BOXES, time=TIME), [(x, 0.0)], jobs=jobs),
               {"x": 0.0, "jobs": 1}, {"x": NUMBER, "jobs": COUNT}),
    "whole map": (lambda x, y, D, jobs, **k: map_traces([[D]], [x], [y], time=TIME, jobs=jobs, **k),
                  {"x": 0.0, "y": 0.0, "D": 1e-15, "jobs": 1, "pulse": 10e-3, "tip_radius": 25e-9, "drive": 1.0,
                   "vegard": 1.0, "poisson_ratio": 0.25},
                  {"x": NUMBER, "y": NUMBER, "D": POSITIVE, "jobs": COUNT, "pulse": POSITIVE, "tip_radius": POSITIVE,
                   "drive": NUMBER, "vegard": NUMBER, "poisson_ratio": NUMBER + "-"}),
    "band": (lambda inside, outside, width, centre: band_diffusion(inside, outside, width, centre=centre),
             {"inside": 1e-12, "outside": 4e-13, "width": 12e-9, "centre": 0.0},
             {"inside": POSITIVE, "outside": POSITIVE, "width": NUMBER + "-0", "centre": NUMBER}),
    "map": (lambda x, y, D: map_diffusion([x, 1.0], [y, 1.0], [[D, 1e-13], [1e-13, 1e-13]]),
            {"x": 0.5, "y": 0.5, "D": 1e-13}, {"x": NUMBER, "y": NUMBER, "D": POSITIVE}),
    "apparent": (lambda d: apparent_diffusion(traces_from_diffusion(4e-13, time=TIME), TipModel(uniform(), time=TIME),
                                              expected=d), {"d": 4e-13}, {"d": POSITIVE}),
    "scan": (lambda width, samples, seed: simulate(size=(width, 3), samples=samples, seed=seed),
             {"width": 4, "samples": 30, "seed": 0},
             {"width": COUNT, "samples": COUNT, "seed": NUMBER + "-tf"}),
    "timing": (lambda **k: Timing(**k), dict.fromkeys(
        ("turnaround", "jitter", "pause", "dropped", "doubled", "dropped_lines", "doubled_lines", "line_jitter",
         "dc_noise", "idle_noise"), 0.1),
        dict.fromkeys(("turnaround", "jitter", "pause", "dropped", "doubled", "dropped_lines", "doubled_lines",
                       "line_jitter", "dc_noise", "idle_noise"), NUMBER + "-")),
    "pulse of a kernel": (lambda p: kernel_from_name("flux-pulse", pulse=p), {"p": 1e-2}, {"p": "nij-0"}),
    "null curve": (lambda r, d, skip, bound: null_curve(TIME, PULSE_PROTOCOL, r, diffusion=np.array([d, 4e-13]),
                                                        skip=skip, bounds=(bound, 0.1)),
                   {"r": 25e-9, "d": 1e-14, "skip": 0.0, "bound": 1e-5},
                   {"r": POSITIVE, "d": POSITIVE, "skip": NUMBER + "-", "bound": POSITIVE}),
    "null curve, times": (lambda t, p: null_curve(np.append(TIME, t), PulseProtocol(0.0, p), 25e-9),
                          {"t": 60 * 5e-4, "p": 10e-3}, {"t": NUMBER + "-0t", "p": POSITIVE}),
    "tip radius": (lambda r, e, level: TipRadius.normal(r, e).factors(level), {"r": 25e-9, "e": 5e-9, "level": 0.9},
                   {"r": POSITIVE, "e": NUMBER + "-", "level": NUMBER + "-0"}),
    "measured radii": (lambda r: TipRadius.measured(np.array([25e-9, r])), {"r": 30e-9}, {"r": POSITIVE}),
    "interval": (lambda d, e: TipRadius.normal(25e-9, 5e-9).interval(np.array([d]), np.array([e])),
                 {"d": 1e-13, "e": 0.1}, {"d": "ij-0", "e": "ij-h"}),
    "contact": (lambda **k: response_from_time([1e-3], TipContact(**k)),
                {"diffusion": 4e-13, "tip_radius": 25e-9, "surface_rate": 1e-5, "poisson_ratio": 0.25, "vegard": 1.0,
                 "concentration": 1.0},
                {"diffusion": POSITIVE, "tip_radius": POSITIVE, "surface_rate": "nj-0t", "poisson_ratio": NUMBER + "-",
                 "vegard": NUMBER, "concentration": NUMBER}),
    "frequency": (lambda f: response_from_frequency([f], CONTACT), {"f": 1.0}, {"f": NUMBER + "-"}),
    "time": (lambda t, pulse: response_from_time([t], CONTACT, pulse=pulse), {"t": 1e-3, "pulse": 1e-2},
             {"t": NUMBER, "pulse": "njh-0t"}),
    "resolution": (lambda f: resolution_from_frequency(f, CONTACT), {"f": 1.0}, {"f": NUMBER + "-"}),
    "D of a response": (lambda where, value: diffusion_from_response(
        np.append(TIME[1:], where), np.append(response_from_time(TIME[1:], CONTACT), value), CONTACT),
        {"where": 30e-3, "value": 2.6e-8},
        {"where": NUMBER, "value": "nij"}),
    "film": (Film, {"diffusion": 1e-13, "thickness": 1e-6, "area": 1e-4, "potential_slope": -2e-5},
             {"diffusion": POSITIVE, "thickness": POSITIVE, "area": POSITIVE, "potential_slope": NUMBER + "0"}),
    "PITT": (lambda t, step: titration_current([t], FILM, potential_step=step), {"t": 1.0, "step": -1e-2},
             {"t": "nij-0", "step": NUMBER}),
    "D of PITT": (lambda thickness, t: diffusion_from_titration_current(
        np.append(LATE, t), titration_current(np.append(LATE, 4.1), FILM), thickness), {"thickness": 1e-6, "t": 4.1},
        {"thickness": POSITIVE, "t": "nij-0t"}),
    "GITT": (lambda t, pulse, current: pulse_potential([t], FILM, pulse=pulse, current=current),
             {"t": 1.0, "pulse": 0.1, "current": 1e-3}, {"t": "ni", "pulse": POSITIVE, "current": NUMBER}),
    "D of GITT": (lambda thickness, pulse: diffusion_from_pulse_potential(
        LATE, pulse_potential(LATE, FILM, pulse=0.5), thickness, pulse=pulse), {"thickness": 1e-6, "pulse": 0.5},
        {"thickness": POSITIVE, "pulse": POSITIVE}),
    "EIS": (lambda f: impedance([f], FILM), {"f": 1.0}, {"f": "nij-0"}),
    "D of EIS": (lambda thickness, f: diffusion_from_impedance(
        np.append(np.geomspace(1e-2, 1e3, 50), f), impedance(np.geomspace(1e-2, 1e3, 51), FILM), thickness),
        {"thickness": 1e-6, "f": 1e3}, {"thickness": POSITIVE, "f": "nij-0"}),
    "five methods": (lambda pulse, noise, seed: compared_methods(FILM, CONTACT, pulse=pulse, noise=noise, seed=seed),
                     {"pulse": 10e-3, "noise": 0.0, "seed": 0},
                     {"pulse": POSITIVE, "noise": NUMBER + "-", "seed": NUMBER + "-tf"}),
    "D of tau": (lambda tau, length: diffusion_from_tau(np.array([tau]), length), {"tau": 1e-3, "length": 25e-9},
                 {"tau": "-0j", "length": POSITIVE}),
    "tau of D": (lambda d, length: tau_from_diffusion(np.array([d]), length), {"d": 1e-13, "length": 25e-9},
                 {"d": "-0ijht", "length": POSITIVE}),
    "systematic error": (systematic_error, {"length": 25e-9, "length_error": 5e-9},
                         {"length": POSITIVE, "length_error": "nij-"}),
    "protocol": (PulseProtocol, {"pulse_start": 0.0, "pulse_duration": 1e-2, "tip_radius": 25e-9},
                 {"pulse_start": "nij", "pulse_duration": "nij-0", "tip_radius": POSITIVE}),
    "window": (Window, {"start": 0.0, "stop": 1e-2}, {"start": "nijh", "stop": "nij-0"}),
}  # fmt: skip


def sentence_of(call):
    """Return what a call is refused with; anything but a ValueError, warnings included, fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError) as caught:
            call()
    return str(caught.value)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "voltages" else name for name in CASES]
)
def test_every_number_is_refused_where_it_makes_no_sense(name):
    function, good, attacks = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        function(**good)
    for parameter, letters in attacks.items():
        for letter in letters:
            bad = ATTACKS[letter]
            said = sentence_of(lambda parameter=parameter, bad=bad: function(**{**good, parameter: bad}))
            # A sentence of ours: short, on one line, and none of numpy's.
            where = f"{parameter} = {bad}: {said}"
            assert 10 < len(said) < 230, where
            assert "\n" not in said, where
            assert not any(word in said for word in ("array", "broadcast", "allowed size", "SVD", "dtype")), (
                where
            )


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_refuse_times_and_taus_that_are_no_numbers(name):
    kernel = kernel_from_name(name, pulse=10e-3)
    for tau in (np.nan, np.inf, -np.inf):
        assert "relaxation times" in sentence_of(lambda tau=tau: kernel.curves(TIME, np.array([0.0, tau])))
    for time in (np.nan, np.inf):
        assert "times must be finite" in sentence_of(
            lambda time=time: kernel.curves(np.append(TIME, time), np.zeros(1))
        )
    if not kernel.joint:
        assert "begins at zero" in sentence_of(lambda: kernel.curves(TIME - 1e-3, np.zeros(1)))


def test_windows_of_two_samples_and_grids_too_coarse_are_refused():
    assert "holds 2 samples" in sentence_of(
        lambda: null_curve(TIME, PULSE_PROTOCOL, 25e-9, windows={1: Window(0.0, 1e-3)})
    )
    assert "too coarse" in sentence_of(lambda: RingGrid(finest_z=0.3))
    assert "too coarse" in sentence_of(lambda: tip_trace(D=1e-16))
    assert "too coarse" in sentence_of(lambda: host_trace(diffusion=1e-20))
    assert "larger one" in sentence_of(lambda: host_trace(diffusion=1e-9))
    assert "larger one" in sentence_of(lambda: step_response(np.array([1e4]), "flux", grid=RINGS))
    assert "too large" in sentence_of(lambda: tip_trace(D=1e-8))
    assert "smaller size" in sentence_of(lambda: simulate(size=(90_000, 90_000), samples=10_000))


def test_a_time_step_of_zero_is_refused():
    twice = np.concatenate([TIME[:5], TIME[4:]])
    assert "do not increase" in sentence_of(lambda: null_curve(twice, PULSE_PROTOCOL, 25e-9))
    assert "increase" in sentence_of(
        lambda: diffusion_from_titration_current(np.full(9, 1.0), np.ones(9), 1e-6)
    )


def test_traces_of_another_length_or_with_gaps_have_no_apparent_d():
    model = TipModel(uniform(), time=TIME)
    traces = traces_from_diffusion([4e-13, 4e-13, 4e-13], time=TIME)
    assert "does not end in 60 samples" in sentence_of(
        lambda: apparent_diffusion(traces[:, 1:], model, expected=4e-13)
    )
    traces[0, 3], traces[1, 4] = np.nan, np.inf
    found = apparent_diffusion(1e200 * traces, model, expected=4e-13)
    assert np.isnan(found[:2]).all()
    assert found[2] == pytest.approx(4e-13, rel=1e-4)


def test_numbers_that_are_counted_are_told_in_full():
    assert "not 1000001" in sentence_of(
        lambda: check_count(1_000_001, "number of samples", fewest=2, most=10**6)
    )


@pytest.mark.parametrize(
    "words",
    [
        ["theory", "--diffusion=1e300m2/s"],
        ["theory", "--diffusion=0m2/s"],
        ["theory", "--diffusion=1e-29m2/s"],
        ["theory", "--tip-radius=1pm"],
        ["theory", "--tip-radius=nan nm"],
        ["theory", "--surface-rate=1e-300m/s"],
        ["theory", "--pulse-duration=1e300s"],
        ["theory", "--pulse-duration=1fs"],
        ["theory", "--thickness=1e300m"],
        ["theory", "--noise=nan%"],
        ["theory", "--poisson-ratio=inf"],
        ["simulate", "-o", "a.gwy", "--model", "magic"],
        ["simulate", "-o", "a.gwy", "--size", "0x0"],
        ["simulate", "-o", "a.gwy", "--size", "99999x99999", "--model", "clamped"],
        ["simulate", "-o", "a.gwy", "--size", "2x1", "--samples", "2", "--model", "flux-pulse"],
        ["simulate", "-o", "a.gwy", "--size", "2x1", "--samples", "2", "--model", "lateral"],
        ["simulate", "-o", "a.gwy", "--size", "2x1", "--samples", "99999999", "--model", "clamped"],
    ],
    ids=lambda words: " ".join(words[-3:]),
)
def test_the_command_line_says_it_in_three_lines_at_most(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(words) == 2
    err = capsys.readouterr().err
    assert err.startswith(("tesm: ", "usage"))
    assert 1 <= len(err.splitlines()) <= 3
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
