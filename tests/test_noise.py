"""Noise as it is: processes against simulated noise, errors and gates against noise that the package has not made."""

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
    pink,
)  # fmt: skip

from napari_tesm import fit
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.instrument import instrument_of
from napari_tesm.evaluation.pipeline import run
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.findings.instrument import instrument_summary, noise_in_words
from napari_tesm.noise.correlation import NoiseModel, Residuals, noise_from_residuals, nonnegative_weights
from napari_tesm.noise.errors import factors_from_tangents
from napari_tesm.noise.gate import NullDistribution
from napari_tesm.noise.level import NoiseLevel
from napari_tesm.noise.misfit import without_misfit
from napari_tesm.noise.processes import Process
from napari_tesm.quantities.status import OK

WIDTH = 48


def dataset_of(traces, *, lock_in=None):
    """Return a scan of traces, shape (n, time), pixels wider than high."""
    protocol = PulseProtocol(
        pulse_start=0.0, pulse_duration=PULSE, tip_radius=RADIUS,
        lock_in_time_constant=lock_in and lock_in[0], lock_in_order=lock_in and lock_in[1],
    )  # fmt: skip
    rows = len(traces) // WIDTH
    return dataset_from_traces(
        [traces[: rows * WIDTH].reshape(rows, WIDTH, -1)], time=TIME, x=2e-6 + np.arange(WIDTH) * 0.4e-6,
        y=np.arange(rows) * 0.25e-6, voltage=[-3.0], direction=["retrace"], unit="V", protocol=protocol,
    )  # fmt: skip


def noise_of(name, rng, count):
    """Return noise of variance 1 by its name, and the filter that the file tells of."""
    white = rng.standard_normal((count, TIME.size))
    if name.startswith("lock-in"):
        _, time_constant, order = name.split(":")
        lock_in = (float(time_constant), int(order))
        return behind_lock_in(rng, count, *lock_in), lock_in
    if name == "white + 1/f":
        return (white + pink(rng, count)) / np.sqrt(2), None
    if name == "1/f":
        return pink(rng, count), None
    if name == "white + mains":
        return white + mains(rng, count), None
    if name == "white + drift":
        return white + 2 * rng.standard_normal((count, 1)) * TIME / TIME[-1], None
    return white, None


NOISES = (
    "white",
    "lock-in:1e-4:1",
    "lock-in:1e-4:4",
    "lock-in:3e-4:4",
    "white + 1/f",
    "1/f",
    "white + mains",
)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_correlation_behind_a_filter_is_that_of_filtered_noise(order):
    rng = np.random.default_rng(order)
    noise = behind_lock_in(rng, 4000, 2e-4, order)
    lags = np.array([0, 1, 3, 8, 20])
    measured = [(noise[:, : 400 - lag] * noise[:, lag:400]).mean() for lag in lags]
    np.testing.assert_allclose(
        Process("lock-in", 2e-4, order).autocorrelation(lags * 5e-5), measured, atol=0.012
    )


@pytest.mark.parametrize("kind", ["lock-in", "slow", "mains"])
def test_samples_have_one_covariance_even_or_not(kind):
    process = Process(kind, 50.0 if kind == "mains" else 7e-4, 2 if kind == "lock-in" else 1)
    whole = process.covariance(TIME[:90])
    kept = np.r_[0:40, 55:90]
    # Uneven times are compared pair by pair, even ones by their distance.
    np.testing.assert_allclose(process.covariance(TIME[kept]), whole[np.ix_(kept, kept)], rtol=0, atol=1e-12)
    np.testing.assert_allclose(whole, whole.T, rtol=0, atol=0)
    assert whole[0, 20] == pytest.approx(process.autocorrelation(np.array([1e-3]))[0], abs=1e-12)


def test_noise_is_measured_behind_fits_of_many_shapes():
    rng = np.random.default_rng(9)
    noise = behind_lock_in(rng, 1200, 2e-4, 2, samples=200)
    group = np.arange(1200) % 6
    tangents = [
        np.column_stack([np.exp(-TIME[:200] / tau), TIME[:200] * np.exp(-TIME[:200] / tau), np.ones(200)])
        for tau in np.geomspace(3e-4, 1e-2, 6)
    ]
    for number, columns in enumerate(tangents):
        rows = group == number
        noise[rows] -= noise[rows] @ np.linalg.pinv(columns).T @ columns.T
    measured = noise_from_residuals(
        [Residuals(TIME[:200], noise, group, tangents)],
        [Process("white"), Process("lock-in", 2e-4, 2), Process("slow", 3e-3)],
    )
    assert measured.shares["lock-in"] > 0.94


def test_a_drift_has_the_variance_one_over_its_record():
    drift = Process("drift", TIME[-1]).covariance(TIME)
    assert np.trace(drift) / TIME.size == pytest.approx(1, rel=0.01)
    part = Process("drift", TIME[-1]).covariance(TIME[:100])
    assert np.trace(part) / 100 == pytest.approx(0.04, rel=0.03)


def test_factors_are_those_of_least_squares_repeated():
    rng = np.random.default_rng(3)
    time = TIME[:200]
    tangents = np.column_stack([np.exp(-time / 2e-3), time * np.exp(-time / 2e-3), np.ones(200)])
    noise = behind_lock_in(rng, 20000, 3e-4, 2, samples=200)
    covariance = NoiseModel({Process("lock-in", 3e-4, 2): 1.0}).covariance(time)
    fitted = noise @ np.linalg.pinv(tangents).T
    left = noise - fitted @ tangents.T
    variance = np.vecdot(left, left).mean() / (200 - 3)
    as_white = np.sqrt(variance * np.diag(np.linalg.inv(tangents.T @ tangents)))
    factors = factors_from_tangents(tangents, covariance)
    np.testing.assert_allclose(factors.errors * as_white, fitted.std(axis=0), rtol=0.02)
    assert factors.variance * variance == pytest.approx(1, rel=0.02)
    # A χ² of ν degrees of freedom scatters by √(2/ν) of its mean.
    square = np.vecdot(left, left)
    assert factors.freedom == pytest.approx(2 * (square.mean() / square.std()) ** 2, rel=0.05)


def test_white_noise_changes_nothing():
    tangents = np.column_stack([np.exp(-TIME / 2e-3), np.ones(TIME.size)])
    factors = factors_from_tangents(tangents, np.eye(TIME.size))
    np.testing.assert_allclose([*factors.errors, factors.variance], 1, rtol=1e-12)
    rng = np.random.default_rng(0)
    tau = np.exp(rng.uniform(np.log(1e-3), np.log(5e-3), 960))
    dataset = dataset_of(exponential_displacement(tau) + 0.1 * rng.standard_normal((960, TIME.size)))
    measured, white = fit(dataset), fit(dataset, noise="white")
    assert instrument_summary(measured)["noise"][0]["shares"] == {"white": 1.0}
    for name in white.data_vars:
        np.testing.assert_array_equal(measured[name].values, white[name].values)


def test_the_tail_of_a_null_distribution_is_continued():
    rng = np.random.default_rng(1)
    r2 = 1 - np.exp(-rng.exponential(0.02, 8192))
    null = NullDistribution.of_draws(r2)
    for level in (0.3, 1e-2, 1e-3, 1e-4):
        assert null.probability(1 - np.exp(0.02 * np.log(level))) == pytest.approx(level, rel=0.25)
    assert np.isnan(null.probability(np.array([np.nan])))[0]


def test_what_a_kernel_misses_is_taken_out_and_noise_is_not():
    rng = np.random.default_rng(2)
    missed, height = np.sin(TIME * 500), rng.uniform(1, 3, 400)
    noise = 0.2 * rng.standard_normal((400, TIME.size))
    left, share = without_misfit(height[:, None] * missed + noise, height, np.repeat(np.arange(4), 100))
    assert share == pytest.approx(
        1 - np.mean(noise**2) / np.mean((height[:, None] * missed + noise) ** 2), abs=0.02
    )
    assert np.std(left) == pytest.approx(0.2, rel=0.02)
    # A common curve that comes with either sign is no misfit of a response.
    signs = rng.choice([-1.0, 1.0], 400)
    left, share = without_misfit(signs[:, None] * missed + noise, signs, np.repeat(np.arange(4), 100))
    assert share < 0.1
    # Of responses that are clear it is one, in domains of both signs.
    signs *= 100
    left, share = without_misfit(signs[:, None] * missed / 100 + noise, signs, np.repeat(np.arange(4), 100))
    assert share == pytest.approx(1 - 0.04 / (0.04 + np.mean(missed**2)), abs=0.02)
    assert np.std(left) == pytest.approx(0.2, rel=0.02)


def test_the_error_of_a_kernel_is_no_noise_where_domains_have_either_sign():
    """A flux seen by an exponential: its misfit was called drift, and no pixel kept its D2."""
    rng = np.random.default_rng(15)
    curves = flux_displacement(np.geomspace(1e-13, 1e-12, 24)).repeat(20, axis=0)
    noise = rng.standard_normal(curves.shape) / 20
    either = np.where(np.arange(480) % WIDTH < WIDTH // 2, -1.0, 1.0)[:, None]
    of_one_sign, of_either = (fit(dataset_of(signs * curves + noise)) for signs in (1.0, either))
    for name in ("D1", "D2"):
        one_error, either_error = (
            float((maps[f"{name}_stderr"] / maps[name]).median()) for maps in (of_one_sign, of_either)
        )
        assert either_error == pytest.approx(one_error, rel=0.1)
    assert float((of_either["status2"] == OK).mean()) > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["exponential", "flux-pulse"])
@pytest.mark.parametrize("name", NOISES)
def test_of_noise_alone_one_pixel_in_a_thousand_responds_at_most(name, kernel):
    noise, lock_in = noise_of(name, np.random.default_rng(7), 4080)
    maps = fit(dataset_of(noise, lock_in=lock_in), kernel=kernel)
    for status in (name for name in maps if name.startswith("status")):
        assert (maps[status].values == 0).mean() <= 1.5e-3
    if name not in ("white", "white + mains"):
        taken_for_white = fit(
            dataset_of(noise, lock_in=lock_in), kernel=kernel, noise="white", nuisance="none"
        )
        accepted = [
            (taken_for_white[s].values == 0).mean() for s in taken_for_white if s.startswith("status")
        ]
        assert max(accepted) > 5e-3, "the noise would not have been a matter"


def variances_of_pixels(rng, own, freedom, count=4000):
    """Return variances as samples show them, where those of the pixels scatter with so many degrees of freedom."""
    true = 0.04 * (own / rng.chisquare(own, count) if np.isfinite(own) else np.ones(count))
    return true, true * rng.chisquare(freedom, count) / freedom


@pytest.mark.parametrize("own", [4.0, 15.0, np.inf])
def test_pixels_lend_each_other_what_they_know_of_their_noise(own):
    freedom = np.full(4000, 12.0)
    true, shown = variances_of_pixels(np.random.default_rng(8), own, freedom)
    level = NoiseLevel.of_pixels(shown, freedom)
    assert level.scatter == pytest.approx(1 / own, abs=0.02)
    assert level.variance == pytest.approx(0.04, rel=0.06)
    known = level.known(shown, freedom)
    # As good as what is known of how pixels scatter allows: the mean of the true variance given the one that is shown.
    best = (own * 0.04 + 12 * shown) / (own + 12) if np.isfinite(own) else 0.04
    usual = shown < 0.1  # beyond, a pixel is a matter of its own
    np.testing.assert_allclose(known[usual], np.broadcast_to(best, 4000)[usual], rtol=0.08)
    assert np.log(known / true).std() <= np.log(shown / true).std()


def test_a_pixel_that_is_a_matter_of_its_own_keeps_its_noise():
    level = NoiseLevel(0.04)
    known = level.known(np.array([0.02, 0.05, 4.0]), np.full(3, 12.0), part=0.5)
    np.testing.assert_allclose(known, [0.02, 0.02, 4.0])
    np.testing.assert_array_equal(NoiseLevel().known(np.array([0.3, 2.0]), np.ones(2)), [0.3, 2.0])


@pytest.mark.slow
@pytest.mark.parametrize("spread", [1.0, 0.01])
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("white", 0.95, 1.05),
        ("lock-in:1e-4:1", 0.95, 1.05),
        ("lock-in:1e-4:4", 0.94, 1.06),
        ("white + 1/f", 0.94, 1.06),
        ("white + drift", 0.94, 1.06),
    ],
)
def test_errors_are_what_they_claim(name, low, high, spread):
    """Where tau differs from pixel to pixel, and where it is the same in all."""
    rng = np.random.default_rng(5)
    noise, lock_in = noise_of(name, rng, 2880)
    times = 2.2e-3 * np.exp(spread * np.linspace(-1, 1, 96))
    traces = exponential_displacement(times)
    if lock_in is not None:
        traces = filtered(traces, *lock_in)
    which = rng.permutation(2880) % 96
    tau, traces = times[which], traces[which]
    maps = fit(dataset_of(traces + noise / 10, lock_in=lock_in))
    for number in (1, 2):
        good = maps[f"status{number}"].values.ravel() == 0
        error = (maps[f"tau{number}_stderr"] / maps[f"tau{number}"]).values.ravel()
        pull = (np.log(maps[f"tau{number}"].values.ravel() / tau) / error)[good]
        assert low < pull.std() < high
        assert 0.93 < (np.abs(pull) < 1.96).mean() < 0.97


def test_a_drift_that_moves_tau_is_no_misfit():
    """Traces of one tau, sorted by the tau that their drift gave them, have their drift in common."""
    rng = np.random.default_rng(21)
    noise, _ = noise_of("white + drift", rng, 720)
    maps = fit(dataset_of(exponential_displacement(np.full(720, 2.2e-3)) + noise / 30))
    assert instrument_summary(maps)["noise"][0]["shares"]["drift"] > 0.15
    for number in (1, 2):
        tau, error = (maps[f"tau{number}{name}"].values for name in ("", "_stderr"))
        assert 0.91 < (np.log(tau / 2.2e-3) / (error / tau)).std() < 1.09


def filtered(traces, time_constant, order):
    """Return traces behind RC stages, by convolution on a grid fifty times as fine; they are 0 before t = 0."""
    from scipy.signal import lfilter

    fine = np.arange((TIME.size - 1) * 50 + 1) * 1e-6
    curves = np.array([np.interp(fine, TIME, trace) for trace in traces])
    memory = np.exp(-1e-6 / time_constant)
    for _ in range(order):
        curves = lfilter([1 - memory], [1, -memory], curves, axis=-1)
    return curves[:, ::50]


@pytest.mark.slow
def test_intervals_know_the_noise():
    rng = np.random.default_rng(9)
    noise, lock_in = noise_of("lock-in:1e-4:4", rng, 960)
    traces = filtered(exponential_displacement(np.full(960, 5e-3)), *lock_in)
    maps = fit(dataset_of(traces + noise / 10, lock_in=lock_in), intervals=True, window1="none")
    low, high = (maps[f"tau2_{side}"].values for side in ("lower", "upper"))
    answered = np.isfinite(maps["tau2"].values)
    held = (~(low > 5e-3) & ~(high < 5e-3))[answered]
    assert 0.91 < held.mean() < 0.985
    white = fit(
        dataset_of(traces + noise / 10, lock_in=lock_in), intervals=True, window1="none", noise="white"
    )
    held = (~(white["tau2_lower"].values > 5e-3) & ~(white["tau2_upper"].values < 5e-3))[answered]
    assert held.mean() < 0.7


def test_the_noise_is_said_in_parts_and_samples():
    noise, lock_in = noise_of("lock-in:1e-4:4", np.random.default_rng(11), 960)
    traces = flux_displacement(np.full(960, 3e-13)) + noise / 30
    maps = fit(dataset_of(traces, lock_in=lock_in))
    entry = instrument_summary(maps)["noise"][0]
    assert entry["shares"]["lock-in"] > 0.9
    samples, effective = entry["windows"]["1"]
    assert samples == 200
    # A filter of four stages remembers 2·0.1 ms·(sum of its correlation) ≈ 13 samples.
    assert 8 < effective < 25
    words = noise_in_words(entry)
    assert "behind the lock-in's filter" in words
    assert f"200 samples of window 1 count as {effective:.0f}" in words
    assert "take single errors with care" in words


@pytest.mark.parametrize("kernel", ["biexponential", "stretched"])
def test_errors_of_kernels_with_a_shape_grow_as_well(kernel):
    """Also where the two times of a fit are one, and nothing moves with their share."""
    noise, lock_in = noise_of("lock-in:1e-4:4", np.random.default_rng(13), 480)
    dataset = dataset_of(
        filtered(exponential_displacement(np.full(480, 2e-3)), *lock_in) + noise / 40, lock_in=lock_in
    )
    measured, white = (fit(dataset, kernel=kernel, noise=way) for way in ("measured", "white"))
    both = (measured["status2"].values == 0) & (white["status2"].values == 0)
    assert both.sum() > 20
    grown = (measured["tau2_stderr"] / white["tau2_stderr"]).values[both]
    assert 1.5 < np.median(grown) < 6


def test_the_largest_error_is_no_matter_of_the_instrument():
    rng = np.random.default_rng(12)
    lock_in = (1e-4, 4)
    noise = behind_lock_in(rng, 240, *lock_in) / 25
    dataset = dataset_of(exponential_displacement(np.geomspace(1e-3, 8e-3, 240)) + noise, lock_in=lock_in)
    first = Evaluation.of(dataset, Recipe())
    maps = run(first)
    strict = first.updated(Recipe(max_log_tau_error=0.1))
    assert instrument_of(strict).noises is instrument_of(first).noises
    again = run(strict)
    # The errors are those of the noise as it is, and the limit is the one that was asked for last.
    ok = maps["status1"].values == OK
    within = maps["tau1_stderr"].values <= 0.1 * maps["tau1"].values
    assert 0 < within[ok].mean() < 1
    np.testing.assert_array_equal(again["status1"].values == OK, ok & within)


@pytest.mark.parametrize("below_zero", [0.0, 1e-8, 1e-4])
def test_weights_of_processes_that_are_alike_need_no_positive_matrix(below_zero):
    """A Gram matrix of 15 processes of which 6 are told apart, its zeros moved below zero as rounding does."""
    rng = np.random.default_rng(5)
    shapes = rng.standard_normal((40, 6)) @ rng.standard_normal((6, 15))
    wanted = np.zeros(15)
    wanted[[2, 11]] = 0.7, 3.0
    size = np.exp(rng.normal(0, 3, 15))
    shapes *= size
    values, vectors = np.linalg.eigh(shapes.T @ shapes / np.outer(*2 * [np.linalg.norm(shapes, axis=0)]))
    values[:9] = -below_zero
    gram = (vectors * values) @ vectors.T * np.outer(*2 * [np.linalg.norm(shapes, axis=0)])
    weights = nonnegative_weights(gram, shapes.T @ (shapes @ wanted))
    assert (weights >= 0).all()
    # Which of the alike ones get the weight is open; what they make is not.
    made = shapes @ wanted
    np.testing.assert_allclose(shapes @ weights, made, atol=1e-3 * np.abs(made).max())


@pytest.mark.parametrize(("step", "wanted"), [(0.0, ""), (0.3, "step")])
def test_a_fast_sample_is_not_taken_for_a_step(step, wanted):
    """It responds nearly like a step, and the few traces that keep a tau beside one are those that noise has chosen."""
    rng = np.random.default_rng(2)
    time = np.arange(125) * 2e-4 + 1e-4
    curve = flux_displacement(6e-12, time=time)[0] + step * (time < PULSE)
    traces = np.exp(0.25 * rng.standard_normal((14, 20, 1))) * (
        curve + rng.standard_normal((14, 20, 125)) / 50
    )
    dataset = dataset_from_traces(
        [traces], time=time, x=np.arange(20) * 5e-9, y=np.arange(14) * 9e-9, voltage=[-3.0], unit="V",
        protocol=PulseProtocol(0.0, PULSE, tip_radius=RADIUS),
    )  # fmt: skip
    instrument = instrument_of(Evaluation.of(dataset, Recipe(kernel="flux-pulse")))
    assert ",".join(instrument.evaluation.settings.nuisances.texts) == wanted
