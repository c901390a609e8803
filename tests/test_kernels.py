import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import erf, erfc

from napari_tesm.kernels.low_pass import LowPass
from napari_tesm.kernels.named import fitted_curves, fitted_curves_nearly, kernel_from_name
from napari_tesm.kernels.one_parameter import KERNELS, exponential_decay

PULSE = 0.7


def curve(name, time, tau, *, pulse=PULSE):
    """Return g(t; tau), shape (time,)."""
    curves, constant = kernel_from_name(name, pulse=pulse).curves(np.asarray(time, float), np.log([tau]))
    return curves[0] + constant[0]


@settings(deadline=None)
@given(
    st.floats(1e-6, 1e6),
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8, unique=True).map(sorted),
)
def test_the_exponential_is_the_exponential(tau, times):
    time = np.array(times)
    curves, constant = exponential_decay(time, np.array([np.log(tau)]))
    np.testing.assert_allclose(curves[0] + constant[0], np.exp(-time / tau), rtol=1e-10, atol=1e-14)


def test_no_digits_are_lost_where_tau_is_much_longer_than_the_record():
    time = np.array([0.0, 1.0, 2.0])
    for tau in (1e3, 1e8, 1e15, 1e30):
        curves, _ = exponential_decay(time, np.array([np.log(tau)]))
        # Against the series of expm1; exp(-t/tau) - 1 would keep no digit at all at 1e30.
        x = time / tau
        expected = -x + x**2 / 2 - x**3 / 6 + x**4 / 24
        np.testing.assert_allclose(curves[0], expected, rtol=1e-10)


@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel_gives_new_arrays_one_row_per_tau(name):
    kernel = kernel_from_name(name, pulse=PULSE)
    time, log_tau = np.array([0.0, 0.5, 3.0, 10.0]), np.log([0.1, 1.0, 1e6])
    kept = time.copy(), log_tau.copy()
    curves, constant = kernel.curves(time, log_tau)
    assert curves.shape == (3, 4)
    assert constant.shape == (3,)
    curves[:] = constant[:] = 0  # the engine works in them
    np.testing.assert_array_equal(time, kept[0])
    np.testing.assert_array_equal(log_tau, kept[1])
    again, _ = kernel.curves(time, log_tau[1:])
    np.testing.assert_array_equal(again, kernel.curves(time, log_tau)[0][1:])
    assert np.isfinite(again).all()


def test_kernels_are_found_by_name():
    for name, kernel in KERNELS.items():
        assert kernel_from_name(name) is kernel
        assert kernel.name == name
    with pytest.raises(ValueError, match="choose one of exponential"):
        kernel_from_name("parabola")


def test_a_joint_kernel_wants_a_pulse():
    with pytest.raises(ValueError, match="how long the pulse is"):
        kernel_from_name("flux-pulse").curves(np.arange(3.0), np.zeros(1))
    for pulse in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="longer than nothing"):
            kernel_from_name("clamped", pulse=pulse)


@pytest.mark.parametrize("dt", [1e-3, 0.3, 4.0])
def test_erfc_is_the_strain_integral_of_a_thin_source(dt):
    """Half-space, blocked surface: δc = exp(−z²/4Dt − k²Dt)/√(πDt), weighed with exp(−kz); k = 1, tau = 1/D."""
    strain = quad(
        lambda z: np.exp(-(z**2) / (4 * dt) - dt - z) / np.sqrt(np.pi * dt), 0, np.inf, epsabs=1e-13
    )
    assert curve("erfc", [dt], 1.0)[0] == pytest.approx(strain[0], rel=1e-9)


@pytest.mark.parametrize("x", [1e-6, 0.05, 1.0, 30.0])
def test_the_gaussian_source_is_the_hankel_transform_of_erfc(x):
    """R0 = 1, so tau = 1/(4D) and √(Dt) = √x/2."""
    hankel = quad(
        lambda k: k * np.exp(-(k**2) / 4) / 2 * erfc(k * np.sqrt(x) / 2), 0, 40, epsabs=1e-13, limit=200
    )
    assert curve("gaussian-source", [x], 1.0)[0] == pytest.approx(hankel[0], rel=1e-9)


def test_limits_of_the_sources():
    """Short times 1 − √(t/tau) and 1 − 2√(t/(π tau)); late tau/(2t), a power law."""
    assert 1 - curve("gaussian-source", [1e-8], 1.0)[0] == pytest.approx(1e-4, rel=1e-6)
    assert 1 - curve("erfc", [1e-8], 1.0)[0] == pytest.approx(2e-4 / np.sqrt(np.pi), rel=1e-6)
    assert curve("gaussian-source", [1e4], 1.0)[0] == pytest.approx(0.5e-4, rel=1e-3)


@pytest.mark.parametrize("tau", [1e-5, 1e-2, 0.3, 5.0, 1e4])
@pytest.mark.parametrize("t", [0.01, 0.5, 0.69, 0.71, 2.0])
def test_a_flux_is_a_train_of_sources(t, tau):
    """What flowed in at s has relaxed for t − s; per pulse length."""
    inflow = quad(
        lambda s: 1 - np.sqrt((t - s) / (t - s + tau)), 0, min(t, PULSE), epsabs=0, epsrel=1e-11, limit=500,
        points=[max(0.0, min(t, PULSE) - tau)],
    )  # fmt: skip
    assert curve("flux-pulse", [t], tau)[0] == pytest.approx(inflow[0] / PULSE, rel=1e-7)


def clamped_mode(k, dt):
    """Displacement of one wave number at a surface held at one from t = 0 on; `dt` is D·t."""
    s = np.sqrt(dt)
    return erf(k * s) / (2 * k) - k * dt * erfc(k * s) + s / np.sqrt(np.pi) * np.exp(-((k * s) ** 2))


@pytest.mark.parametrize("s", [0.1, 1.0, 20.0])
def test_the_clamped_mode_has_the_known_transfer_function(s):
    """Laplace transform of the step response: 1/(s [k + √(k² + s/D)]); D = 1, k = 1.3."""
    transform = quad(lambda t: np.exp(-s * t) * clamped_mode(1.3, t), 0, np.inf, epsabs=1e-12, limit=300)[0]
    assert transform == pytest.approx(1 / (s * (1.3 + np.sqrt(1.3**2 + s))), rel=1e-7)


@pytest.mark.parametrize("tau", [1e-3, 0.3, 5.0])
@pytest.mark.parametrize("t", [0.01, 0.69, 0.71, 2.0])
def test_the_clamped_contact_is_the_hankel_transform_of_its_modes(t, tau):
    """R0 = 1, D = 1/(4 tau), scaled to 1 for ever: ∫ k c0(k) f dk over its limit ∫ c0(k)/2 dk."""

    def held(t):
        dt = t / (4 * tau)
        value = quad(lambda k: k * np.exp(-(k**2) / 4) * clamped_mode(k, dt), 0, 40, epsabs=1e-12, limit=400)
        return value[0] / (np.sqrt(np.pi) / 2)

    expected = held(t) - (held(t - PULSE) if t > PULSE else 0.0)
    assert curve("clamped", [t], tau)[0] == pytest.approx(expected, rel=1e-7)


def test_limits_of_the_pulse_kernels():
    """A slow flux piles up in proportion to t; a slow clamped tip takes up 4√(t/tau)/π; a fast one follows."""
    assert curve("flux-pulse", [0.2], 1e12)[0] == pytest.approx(0.2 / PULSE, rel=1e-5)
    assert curve("clamped", [0.2], 1e8)[0] == pytest.approx(4 / np.pi * np.sqrt(0.2e-8), rel=1e-4)
    assert curve("clamped", [0.2], 1e-12)[0] == pytest.approx(1.0, abs=1e-5)
    assert curve("clamped", [PULSE + 0.2], 1e-12)[0] == pytest.approx(0.0, abs=1e-5)
    # Long after a pulse everything that flowed in acts as one thin source: tau/(2t).
    assert curve("flux-pulse", [1e4], 0.1)[0] == pytest.approx(0.1 / 2e4, rel=1e-3)


@pytest.mark.parametrize("name", ["flux-pulse", "clamped"])
def test_series_and_closed_form_meet(name):
    """Second differences see a step of 1e-9 where the formula changes over, near t/tau = 1e-3 and 1e3."""
    for middle in (1e-3, 1e3):
        time = middle * (1 + 1e-3 * np.arange(-8, 9))
        values = curve(name, time, 1.0, pulse=1e9)
        assert np.abs(np.diff(values, 3)).max() < 1e-8 * np.abs(values).max()


@pytest.mark.parametrize("name", ["exponential", "flux-pulse", "clamped"])
def test_curves_between_a_few_are_those_that_were_asked_for(name):
    rng = np.random.default_rng(4)
    time = np.arange(200) * 1e-4
    pulse = None if name == "exponential" else 10e-3
    kernel = kernel_from_name(name, pulse=pulse, low_pass=LowPass(1e-4, 4))
    values = {
        "tau": np.exp(rng.uniform(np.log(5e-4), np.log(5e-3), 800)), "a": rng.standard_normal(800),
        "c": rng.standard_normal(800),
    }  # fmt: skip
    values["tau"][3], values["a"][7] = np.nan, np.nan
    exact, nearly = (curves(kernel, time, values) for curves in (fitted_curves, fitted_curves_nearly))
    assert np.isnan(nearly[[3, 7]]).all()
    np.testing.assert_allclose(nearly, exact, atol=2e-6)
    assert np.nanmax(np.abs(nearly - exact)) > 0
