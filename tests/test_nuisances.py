"""Drift, steps and mains beside a curve: against least squares on all columns at once, and against traces with them."""

import numpy as np
import pytest
from noises import (
    PULSE,
    RADIUS,
    TIME,
    behind_lock_in,
    exponential_displacement,
    flux_displacement,
    mains,
)  # fmt: skip
from scipy.optimize import minimize_scalar
from scipy.signal import lfilter
from test_noise import dataset_of

from napari_tesm import fit
from napari_tesm.findings.instrument import instrument_in_short, instrument_lines, instrument_summary
from napari_tesm.fitting import fit_traces
from napari_tesm.fitting.nuisances import NuisanceColumns
from napari_tesm.kernels.named import kernel_from_name
from napari_tesm.kernels.nuisances import Nuisances

ALL = Nuisances(drift=True, step=True, mains=50.0)


def columns_of(nuisances):
    return NuisanceColumns.of(nuisances.names, nuisances.columns(TIME, (0.0, PULSE), None))


def disturbed(rng, diffusion, *, step=0.3, drift=0.1, hum=0.1, snr=20):
    """Return traces of flux diffusion with an edge step, a drift and mains, all in parts of H."""
    traces = flux_displacement(np.unique(diffusion)).repeat(
        len(diffusion) // np.unique(diffusion).size, axis=0
    )
    on = (TIME < PULSE - 1e-9).astype(float)
    noise = rng.standard_normal(traces.shape) / snr
    return traces + noise + step * on + drift * TIME / TIME[-1] + hum * mains(rng, len(traces)) / np.sqrt(2)


def test_the_fit_is_least_squares_on_all_columns():
    rng = np.random.default_rng(1)
    traces = disturbed(rng, np.full(12, 4e-13))
    traces[3, 40:60] = np.nan
    fitted = fit_traces(traces, TIME, kernel="flux-pulse", pulse=PULSE, start=0.0, nuisances=columns_of(ALL))
    kernel = kernel_from_name("flux-pulse", pulse=PULSE)
    columns = ALL.columns(TIME, (0.0, PULSE), None)
    for row in (0, 5, 11):

        def solved(u, row=row):
            curve, constant = kernel.curves(TIME, np.array([u]))
            design = np.column_stack([curve[0] + constant[0], np.ones(TIME.size), columns])
            numbers, left, *_ = np.linalg.lstsq(design, traces[row], rcond=None)
            return left[0], numbers

        best = minimize_scalar(
            lambda u: solved(u)[0], bounds=(np.log(fitted.tau[row]) - 0.5, np.log(fitted.tau[row]) + 0.5),
            method="bounded", options={"xatol": 1e-9},
        )  # fmt: skip
        left, numbers = solved(best.x)
        assert np.log(fitted.tau[row]) == pytest.approx(best.x, abs=2e-5)
        assert fitted.a[row] == pytest.approx(numbers[0], rel=1e-4)
        assert fitted.rms[row] == pytest.approx(np.sqrt(left / TIME.size), rel=1e-6)
        for name, number in zip(ALL.names, numbers[2:], strict=True):
            assert fitted.extra[name][row] == pytest.approx(number, rel=1e-3, abs=1e-5)
        # The linearised covariance of the whole design, with the curve's derivative by ln tau.
        ahead, behind = (kernel.curves(TIME, np.array([best.x + h]))[0][0] for h in (1e-4, -1e-4))
        curve = kernel.curves(TIME, np.array([best.x]))[0][0]
        design = np.column_stack([numbers[0] * (ahead - behind) / 2e-4, curve, np.ones(TIME.size), columns])
        covariance = np.linalg.inv(design.T @ design) * left / (TIME.size - design.shape[1])
        errors = np.sqrt(np.diag(covariance))
        assert fitted.log_tau_stderr[row] == pytest.approx(errors[0], rel=1e-3)
        assert fitted.extra["step_stderr"][row] == pytest.approx(errors[4], rel=1e-2)
    assert abs(np.log(fitted.tau[3] / np.median(fitted.tau))) < 1


@pytest.mark.parametrize("size", [1.0, 1e5])
def test_tau_knows_nothing_of_what_is_fitted_beside_it(size):
    rng = np.random.default_rng(8)
    traces = disturbed(rng, np.full(24, 4e-13), snr=40)
    further = size * rng.standard_normal((24, 4)) @ ALL.columns(TIME, (0.0, PULSE), None).T
    options = {"kernel": "flux-pulse", "pulse": PULSE, "start": 0.0, "nuisances": columns_of(ALL)}
    fitted, beside = (fit_traces(part, TIME, **options) for part in (traces, traces + further))
    np.testing.assert_allclose(beside.tau, fitted.tau, rtol=1e-5)
    np.testing.assert_allclose(beside.tau_stderr, fitted.tau_stderr, rtol=1e-5)
    np.testing.assert_allclose(beside.r2, fitted.r2, rtol=1e-5)


@pytest.mark.parametrize("diffusion", [1e-13, 4e-13])
def test_d_is_right_where_all_three_disturb(diffusion):
    rng = np.random.default_rng(2)
    traces = disturbed(rng, np.full(960, diffusion))
    tau = RADIUS**2 / 4 / diffusion
    options = {"kernel": "flux-pulse", "pulse": PULSE, "start": 0.0}
    wrong = fit_traces(traces, TIME, **options)
    assert np.median(tau / wrong.tau) > 2.5
    fitted = fit_traces(traces, TIME, **options, nuisances=columns_of(ALL))
    pull = np.log(fitted.tau / tau) / fitted.log_tau_stderr
    assert np.median(tau / fitted.tau) == pytest.approx(1, abs=0.03)
    assert 0.9 < np.diff(np.percentile(pull, [15.87, 84.13]))[0] / 2 < 1.1


def test_what_is_there_is_found_by_name_and_fitted():
    rng = np.random.default_rng(3)
    diffusion = np.exp(rng.uniform(np.log(1e-13), np.log(1e-12), 60)).repeat(16)
    dataset = dataset_of(disturbed(rng, np.sort(diffusion), step=0.3, drift=0.0, hum=0.0))
    maps = fit(dataset, kernel="flux-pulse")
    summary = instrument_summary(maps)
    assert summary["fitted"] == "step"
    (test,) = (entry for entry in summary["nuisances"] if entry["text"] == "step")
    assert test["significance"] > 5
    assert float(np.nanmedian(maps["step"].values)) == pytest.approx(0.3, abs=0.02)
    true = np.sort(diffusion).reshape(maps["D"].values[0].shape)
    assert np.nanmedian(maps["D"].values[0] / true) == pytest.approx(1, abs=0.04)
    assert np.nanmedian(fit(dataset, kernel="flux-pulse", nuisance="none")["D"].values[0] / true) > 2
    words = " ".join(instrument_lines(maps, [""]))
    assert "Found and fitted beside the curve: a step with the voltage" in words
    assert "The price: standard errors of tau" in words


def test_intervals_go_with_what_is_fitted_beside_the_curve():
    """Taken from the likelihood of the curve alone they hold the truth in 0 % beside a step."""
    rng = np.random.default_rng(13)
    traces = disturbed(rng, np.full(480, 4e-13), step=0.3, drift=0.0, hum=0.0, snr=10)
    maps = fit(dataset_of(traces), kernel="flux-pulse", nuisance="step", intervals=True)
    assert np.nanmedian(maps["D_stderr"] / maps["D"]) > 0.15
    inside = (maps["D_lower"] <= 4e-13) & (maps["D_upper"] >= 4e-13)
    assert 0.91 < float(inside.mean()) < 0.985


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_where_nothing_is(seed):
    rng = np.random.default_rng(seed)
    diffusion = np.sort(np.exp(rng.uniform(np.log(1e-13), np.log(1e-12), 60)).repeat(16))
    dataset = dataset_of(disturbed(rng, diffusion, step=0.0, drift=0.0, hum=0.0))
    maps = fit(dataset, kernel="flux-pulse")
    assert instrument_summary(maps)["fitted"] == "none"
    np.testing.assert_array_equal(
        maps["tau"].values, fit(dataset, kernel="flux-pulse", nuisance="none")["tau"].values
    )


def of_many_times(curves, rng, snr):
    """Return traces of curves, shape (n, time), each of them sixteen times, in noise."""
    return curves.repeat(16, axis=0) + rng.standard_normal((16 * len(curves), TIME.size)) / snr


def exponentials(tau):
    """Return traces of another time in pulse and relaxation."""
    return np.where(TIME < PULSE - 1e-12, exponential_displacement(tau), exponential_displacement(0.7 * tau))


def stretched(tau, exponent=0.6):
    rise, decay = (
        np.exp(-((np.maximum(TIME - start, 0) / tau[:, None]) ** exponent)) for start in (0, PULSE)
    )
    end = 1 - np.exp(-((PULSE / tau[:, None]) ** exponent))
    return np.where(TIME < PULSE - 1e-12, (1 - rise) / end, decay)


@pytest.mark.parametrize(
    ("curves", "kernel", "snr"),
    [
        (exponentials, "flux-pulse", 10),
        (exponentials, "clamped", 60),
        (stretched, "flux-pulse", 40),
        (stretched, "clamped", 10),
    ],
)
def test_the_error_of_a_wrong_kernel_is_not_fitted(curves, kernel, snr):
    rng = np.random.default_rng(10)
    tau = np.geomspace(1e-3, 8e-3, 36)
    maps = fit(dataset_of(of_many_times(curves(tau), rng, snr)), kernel=kernel)
    summary = instrument_summary(maps)
    assert summary["fitted"] == "none"
    unclear = [test["text"] for test in summary["nuisances"] if test["unclear"]]
    assert "drift" in unclear
    words = " ".join(instrument_lines(maps, [""]))
    assert "Not fitted, as a wrong kernel looks like this: drift of" in words
    assert "the kernel still misses what all traces of one relaxation time have in common" in words
    assert "Or a wrong kernel: drift" in instrument_in_short(maps, 0, None)


def test_a_kernel_that_needs_no_step_speaks_against_it():
    rng = np.random.default_rng(11)
    curves = flux_displacement(np.geomspace(1e-13, 1e-12, 36))
    # Beside a clamped tip a step takes nearly all that is missing to a flux.
    maps = fit(dataset_of(of_many_times(curves, rng, 6)), kernel="clamped")
    summary = instrument_summary(maps)
    assert summary["fitted"] == "none"
    (step,) = (test for test in summary["nuisances"] if test["text"] == "step")
    assert step["unclear"]
    assert step["rival"] == "flux-pulse"
    assert "the kernel 'flux-pulse' describes the traces as well without" in " ".join(
        instrument_lines(maps, [""])
    )


def test_mains_in_windows_are_fitted_where_errors_are_no_larger_for_it():
    """Taken for noise mains of a standard deviation move ln tau by three times as much as white noise does."""
    rng = np.random.default_rng(17)
    noise = rng.standard_normal((720, TIME.size)) + mains(rng, 720)
    tau = np.geomspace(1.2e-3, 3.5e-3, 60).repeat(12)
    dataset = dataset_of(exponential_displacement(tau) + noise / 30)
    maps, taken_for_noise = fit(dataset), fit(dataset, nuisance="none")
    (test,) = instrument_summary(maps)["nuisances"]
    assert instrument_summary(maps)["fitted"] == test["text"]
    assert float(test["text"].removeprefix("mains:").removesuffix("Hz")) == pytest.approx(50, abs=0.6)
    for number in (1, 2):
        found, error = (maps[f"tau{number}{name}"].values.ravel() for name in ("", "_stderr"))
        pull = np.log(found / tau) / (error / found)
        assert 0.92 < np.nanstd(pull) < 1.1
        assert np.isfinite(pull).mean() > 0.95
    assert np.nanmedian(maps["tau2_stderr"]) < 0.4 * np.nanmedian(taken_for_noise["tau2_stderr"])
    frequency = test["text"].removeprefix("mains:").removesuffix("Hz")
    assert any(f"mains, {frequency} Hz" in line for line in instrument_lines(maps, [""]))
    # The amplitude of what was put in: √2/30.
    assert np.nanmedian(maps["mains2"]) == pytest.approx(np.sqrt(2) / 30, rel=0.1)


def test_mains_may_be_fitted_in_one_window_only():
    rng = np.random.default_rng(18)
    traces = exponential_displacement(np.full(96, 2e-3)) + rng.standard_normal((96, TIME.size)) / 30
    both, second, none = (
        fit(dataset_of(traces), nuisance=text, noise="white")
        for text in ("mains:50Hz", "mains2:50Hz", "none")
    )
    np.testing.assert_array_equal(second["tau1"].values, none["tau1"].values)
    np.testing.assert_array_equal(second["tau2"].values, both["tau2"].values)
    assert "mains1" not in second
    assert Nuisances.from_text("mains2:50Hz").texts == ("mains2:50Hz",)


def test_mains_beside_a_wrong_kernel_are_found():
    rng = np.random.default_rng(12)
    traces = of_many_times(exponentials(np.geomspace(1e-3, 8e-3, 36)), rng, 20)
    maps = fit(dataset_of(traces + 0.1 * mains(rng, len(traces))), kernel="flux-pulse")
    assert instrument_summary(maps)["fitted"].partition(":")[0] == "mains"


@pytest.mark.parametrize("seed", range(2))
def test_few_independent_samples_are_no_step(seed):
    rng = np.random.default_rng(seed)
    lock_in = (1e-4, 4)
    finer = np.arange(50 * TIME.size) * (TIME[1] / 50)
    curves = flux_displacement(np.geomspace(1e-13, 1e-12, 12), time=finer)
    memory = np.exp(-finer[1] / lock_in[0])
    for _ in range(lock_in[1]):
        curves = lfilter([1 - memory], [1, -memory], curves, axis=-1)
    traces = curves[:, ::50].repeat(40, axis=0) + behind_lock_in(rng, 480, *lock_in) / 10
    summary = instrument_summary(fit(dataset_of(traces, lock_in=lock_in), kernel="flux-pulse"))
    assert summary["fitted"] == "none"
    # Errors of ln tau are about 1 here, and the fit is not linear that far.
    (step,) = (test for test in summary["nuisances"] if test["text"] == "step")
    assert step["significance"] < 5


@pytest.mark.parametrize("frequency", [50.0, 60.0])
def test_the_frequency_of_mains_is_found(frequency):
    rng = np.random.default_rng(4)
    traces = flux_displacement([3e-13]).repeat(960, axis=0) + rng.standard_normal((960, TIME.size)) / 20
    maps = fit(dataset_of(traces + 0.1 * mains(rng, 960, frequency=frequency)), kernel="flux-pulse")
    (text,) = (part for part in instrument_summary(maps)["fitted"].split(",") if part.startswith("mains"))
    assert float(text.removeprefix("mains:").removesuffix("Hz")) == pytest.approx(frequency, abs=2)
    assert np.nanmedian(maps["mains"].values) == pytest.approx(0.1 * np.sqrt(2), rel=0.1)


def test_windows_are_not_tested_and_say_so():
    rng = np.random.default_rng(5)
    maps = fit(dataset_of(disturbed(rng, np.full(480, 3e-13), hum=0.0)))
    assert instrument_summary(maps)["nuisances"] == []
    assert "Not tested for drift and steps" in " ".join(instrument_lines(maps, [""]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("drift,hum", "no nuisance 'hum'"),
        ("mains:fast", "frequency in Hz"),
        ("step:3", "no nuisance 'step:3'"),
    ],
)
def test_nonsense_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        Nuisances.from_text(text)


def test_shapes_take_no_nuisances():
    rng = np.random.default_rng(6)
    with pytest.raises(ValueError, match="has a shape of its own"):
        fit(dataset_of(disturbed(rng, np.full(480, 3e-13))), kernel="stretched", nuisance="drift")
