"""The lock-in's low-pass in every kernel: against quadrature, in its limits, and end to end."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.signal import lfilter

from napari_tesm.cli.entry import main
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.fitting import fit_traces
from napari_tesm.gwy.reading import read_container
from napari_tesm.interface import fit, save
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.io.registry import open_dataset
from napari_tesm.kernels.low_pass import LowPass, order_from_text
from napari_tesm.kernels.named import ALL_KERNELS, kernel_from_name
from napari_tesm.kernels.two_parameters import ShapeKernel
from napari_tesm.model_choice.evidence import model_choice
from napari_tesm.model_choice.null_curve import null_curve
from napari_tesm.quantities.status import OK

PULSE = 10e-3
TIME = np.arange(500) * 5e-5
RADIUS = 25e-9
SECOND = {"stretched": 0.6, "biexponential": 4e-3, "power": 1.5}


def curve(name, time, tau, low_pass=None):
    """Return g at tau, shape (time,), of the first curve of a kernel."""
    kernel = kernel_from_name(name, pulse=PULSE, low_pass=low_pass)
    if isinstance(kernel, ShapeKernel):
        curves, constants = kernel.unit_curves(
            time, kernel.points(*(np.array([v]) for v in (tau, SECOND[name])))
        )
        return curves[0, 0] + constants[0, 0]
    curves, constant = kernel.curves(time, np.log([tau]))
    return curves[0] + constant[0]


@pytest.mark.parametrize("order", [1, 4, 8])
@pytest.mark.parametrize("name", ALL_KERNELS)
def test_filtered_curves_are_the_convolution(name, order):
    """Adaptive quadrature of h(s)·g(t − s), g having stood at g(0) before, from much faster to much slower than tau."""
    low_pass = LowPass(3e-4, order)
    for tau in (5e-5, 7e-4, 2e-2):
        filtered = curve(name, TIME, tau, low_pass)
        first = curve(name, np.zeros(1), tau)[0]
        for sample in (1, 8, 40, 205, 420):
            t = TIME[sample]

            def integrand(s, t=t, tau=tau, first=first):
                return float(low_pass.impulse(np.array(s))) * (
                    curve(name, np.array([0.0, t - s]), tau)[1] - first
                )

            marks = [t - 10 * tau, t - tau, t - tau / 30, *(k * 3e-4 for k in (1, 3, 8, 20, 40))]
            if name in ("flux-pulse", "clamped"):
                marks += [t - PULSE, t - PULSE - tau]
            marks = sorted(mark for mark in marks if 0 < mark < t)
            expected = quad(integrand, 0, t, points=marks, limit=300, epsabs=1e-9)[0]
            assert filtered[sample] - first == pytest.approx(expected, abs=4e-7)


def test_the_impulse_response_is_that_of_cascaded_stages():
    """One stage after the other, y' = (x − y)/τc; area one, mean n·τc; and the step is its integral."""
    fine = np.arange(200_000) * 1e-7
    decay = np.exp(-1e-7 / 2e-4)
    step = np.ones(fine.size)
    for order in range(1, 9):
        step = lfilter([1 - decay], [1, -decay], step)
        low_pass = LowPass(2e-4, order)
        np.testing.assert_allclose(low_pass.step(fine), step, atol=3e-3)
        assert low_pass.impulse(fine).sum() * 1e-7 == pytest.approx(1, rel=1e-3)
        assert (fine * low_pass.impulse(fine)).sum() * 1e-7 == pytest.approx(order * 2e-4, rel=1e-3)
    assert LowPass(2e-4, 3).impulse(np.array([-1e-5])) == 0


@pytest.mark.parametrize("name", ALL_KERNELS)
def test_a_fast_filter_changes_nothing(name):
    plain = curve(name, TIME, 1e-3)
    for time_constant in (1e-10, 1e-320):
        filtered = curve(name, TIME, 1e-3, LowPass(time_constant, 4))
        np.testing.assert_allclose(filtered[1:], plain[1:], atol=2e-5)


def test_filters_in_a_row_are_one_of_higher_order():
    """The curve after two stages, filtered twice more, is that after four."""
    four = curve("exponential", TIME, 1e-3, LowPass(3e-4, 4))
    two = LowPass(3e-4, 2)
    again = two.filtered(lambda grid: curve("exponential", grid, 1e-3, two)[None] - 1, TIME)[0] + 1
    np.testing.assert_allclose(again, four, atol=1e-6)


def recorded(clean, time_constant, order):
    """Return what a lock-in makes of a curve given as a function of time; stage by stage, on a fine grid."""
    step = 1e-6
    fine = np.arange(-2000, int(TIME[-1] / step) + 1) * step
    values = clean(fine)
    decay = np.exp(-step / time_constant)
    for _ in range(order):
        # The stage's response to the mean of two fine samples between them: right to the second order of the step.
        values = values[0] + lfilter([(1 - decay) / 2] * 2, [1, -decay], values - values[0])
    return values[2000 :: int(5e-5 / step)][: TIME.size]


def exponential_trace(t, tau=6e-4):
    """Return rise and relaxation with one tau, at rest before."""
    rise = 1 - np.exp(-np.clip(t, 0, PULSE) / tau)
    return np.where(t < 0, 0.0, rise * np.exp(-np.clip(t - PULSE, 0, None) / tau))


def flux_trace(t, tau=RADIUS**2 / (4 * 4e-13)):
    """Return the flux model with D = 4e-13 m²/s, at rest before."""
    return np.where(t < 0, 0.0, curve("flux-pulse", np.maximum(t, 0.0), tau))


def filtered_dataset(clean, *, noise=0.01, shape=(20, 20), tip_radius=RADIUS, **lock_in):
    trace = recorded(clean, 4e-4, 3)
    rng = np.random.default_rng(7)
    size = np.abs(trace).max()
    stack = trace + noise * size * rng.standard_normal((*shape, TIME.size))
    protocol = PulseProtocol(pulse_start=0.0, pulse_duration=PULSE, tip_radius=tip_radius, **lock_in)
    return dataset_from_traces(
        [stack], time=TIME, x=np.arange(shape[1]) * 1e-8, y=np.arange(shape[0]) * 1e-8, voltage=[-3.0],
        unit="V", protocol=protocol,
    )  # fmt: skip


def assert_unbiased(values, errors, truth):
    known = np.isfinite(values)
    assert known.mean() > 0.98
    pulls = ((values - truth) / errors).values[known]
    assert abs(np.mean(pulls)) < 0.25  # of one standard error of one pixel
    assert 0.85 < np.std(pulls) < 1.15


LOCK_IN = {"lock_in_time_constant": "400 us", "lock_in_order": 3}


def test_tau_comes_back_although_the_filter_is_as_slow():
    """tau = 0.6 ms behind three stages of 0.4 ms: unbiased with the filter known, twice as long without."""
    dataset = filtered_dataset(exponential_trace)
    maps = fit(dataset, **LOCK_IN)
    for number in (1, 2):
        assert_unbiased(maps[f"tau{number}"], maps[f"tau{number}_stderr"], 6e-4)
    np.testing.assert_allclose(np.nanmedian(maps["a2"]), 1.0, rtol=0.01)
    biased = fit(dataset)
    for number in (1, 2):
        off = (biased[f"tau{number}"] - 6e-4) / biased[f"tau{number}_stderr"]
        assert float(off.median()) > 10


def test_d_of_a_joint_kernel_comes_back():
    dataset = filtered_dataset(flux_trace, noise=0.02)
    maps = fit(dataset, kernel="flux-pulse", **LOCK_IN)
    assert_unbiased(maps["D"], maps["D_stderr"], 4e-13)
    biased = fit(dataset, kernel="flux-pulse")
    assert abs(float(np.nanmedian(biased["D"])) / 4e-13 - 1) > 0.3


def test_a_shape_comes_back():
    """One exponential is stretched by one; the filter's round shoulder looks like more."""
    maps = fit(filtered_dataset(exponential_trace, noise=3e-3), kernel="stretched", **LOCK_IN)
    for name, truth in (("tau2", 6e-4), ("beta2", 1.0)):
        assert float(maps[name].median()) == pytest.approx(truth, rel=0.02)
    biased = fit(filtered_dataset(exponential_trace, noise=3e-3), kernel="stretched")
    assert (biased["status2"] != OK).all()  # beta ends at its limit of two


def jumping_trace(t):
    """Return a trace that jumps at the end of the pulse by half its height, as an electrostatic force does."""
    return exponential_trace(t, 2e-3) + 0.5 * ((t >= 0) & (t < PULSE))


def test_what_the_filter_remembers_of_a_jump_is_left_out():
    """A jump at the edge is no part of the kernel: skip (2n + 5)·τc after it."""
    dataset = filtered_dataset(jumping_trace, noise=1e-3)
    kept = fit(dataset, **LOCK_IN)
    assert abs(float(np.nanmedian(kept["tau2"])) / 2e-3 - 1) > 0.1
    skipped = fit(dataset, skip_after_edge="4.4 ms", **LOCK_IN)
    assert float(np.nanmedian(skipped["tau2"])) == pytest.approx(2e-3, rel=0.02)


def test_gaps_and_samples_left_out_meet_the_same_curve():
    """The exact fit of traces with gaps uses the filtered kernel, too."""
    low_pass = LowPass(4e-4, 3)
    trace = recorded(exponential_trace, 4e-4, 3)[200:]
    traces = trace + 1e-3 * np.random.default_rng(2).standard_normal((6, trace.size))
    traces[:, 5] = np.nan
    traces[0, 40:60] = np.nan
    result = fit_traces(traces, TIME[:300], low_pass=low_pass)
    assert (result.status == OK).all()
    np.testing.assert_allclose(result.tau, 6e-4, rtol=0.03)
    late = fit_traces(traces[1:, 60:], TIME[60:300], start=0.0, low_pass=low_pass)
    assert (np.abs(late.tau / 6e-4 - 1) < 5 * late.log_tau_stderr).all()


def test_the_file_s_metadata_count_and_zero_turns_them_off(tmp_path):
    """Option, recipe, file: as for every other value; and the curve that is drawn is the filtered one."""
    known = filtered_dataset(exponential_trace, lock_in_time_constant=4e-4, lock_in_order=3)
    scan, out = tmp_path / "scan.gwy", tmp_path / "out.gwy"
    save(scan, known)
    reopened = open_dataset(scan)
    assert PulseProtocol.from_attributes(reopened.attrs).low_pass == LowPass(4e-4, 3)
    expected = fit(filtered_dataset(exponential_trace), **LOCK_IN)
    np.testing.assert_array_equal(fit(reopened)["tau2"], expected["tau2"])
    plain = fit(filtered_dataset(exponential_trace))
    np.testing.assert_array_equal(fit(reopened, lock_in_time_constant=0)["tau2"], plain["tau2"])

    unknown = tmp_path / "unknown.gwy"
    save(unknown, filtered_dataset(exponential_trace))
    words = ["--lock-in-time-constant", "400us", "--lock-in-order", "3", "--quiet"]
    assert main(["fit", str(unknown), "-o", str(out), *words]) == 0
    container = read_container(out)
    maps = maps_from_container(container)
    np.testing.assert_array_equal(maps["tau2"], expected["tau2"])
    assert (maps.attrs["lock_in_time_constant"], maps.attrs["lock_in_order"]) == (4e-4, 3)
    metadata = [container[key] for key in container if key.endswith("/meta")]
    assert any(
        one.get("Lock-in time constant") == "400 µs" and one.get("Lock-in order") == "3" for one in metadata
    )
    again = tmp_path / "again.gwy"
    assert main(["fit", str(unknown), "-o", str(again), "--recipe", str(out), "--quiet"]) == 0
    np.testing.assert_array_equal(maps_from_container(read_container(again))["tau2"], expected["tau2"])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lock_in_time_constant": "-1 ms"}, "must not be negative"),
        ({"lock_in_time_constant": "100"}, "has no unit"),
        ({"lock_in_time_constant": "1 ms", "lock_in_order": 9}, "whole number from 1 to 8"),
        ({"lock_in_time_constant": "1 ms", "lock_in_order": 2.5}, "whole number from 1 to 8"),
        ({"lock_in_time_constant": "1 ms", "lock_in_order": "two"}, "whole number from 1 to 8, not 'two'"),
        ({"lock_in_order": 2}, "says nothing without its time constant"),
        ({"lock_in_time_constant": "20 ms"}, "is longer than what is fitted"),
        ({"lock_in_time_constant": "1 s", "kernel": "flux-pulse"}, "what is fitted, from 0 s on: nothing of"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(values, words):
    with pytest.raises(ValueError, match=words):
        fit(filtered_dataset(exponential_trace, shape=(1, 2)), **values)
    with pytest.raises(ValueError, match="whole number"):
        order_from_text("0")


def test_the_choice_of_a_kernel_and_the_null_curve_know_the_filter():
    """Flux traces behind the filter: flux-pulse with it, not without; the null curve hardly moves, as both pass it."""
    trace = recorded(flux_trace, 4e-4, 3)
    traces = trace + 0.01 * np.abs(trace).max() * np.random.default_rng(3).standard_normal((30, trace.size))
    for low_pass, share in ((LowPass(4e-4, 3), 1.0), (None, 0.0)):
        choice = model_choice(traces, TIME, Window(0.0, PULSE), low_pass=low_pass)
        assert choice.votes().share("flux-pulse") == pytest.approx(share, abs=0.15)
        of_flux = choice.whiteness[choice.kernels.index("flux-pulse")]
        assert (of_flux >= 0.01).mean() == pytest.approx(share, abs=0.15)

    d = np.array([1e-14, 1e-13])
    curves = [
        null_curve(
            TIME, PulseProtocol(0.0, PULSE, lock_in_time_constant=tau_c, lock_in_order=3), RADIUS, diffusion=d
        )
        for tau_c in (None, 4e-4)
    ]
    np.testing.assert_allclose(curves[1].apparent[1], curves[0].apparent[1], rtol=0.25)
