"""Theory of the tip's response against closed forms, limits, and the D it was made with."""

import numpy as np
import pytest
from scipy.special import i0e, j0

from napari_tesm.physics.tip import (
    Regime,
    TipContact,
    _contrast,
    _spread,
    diffusion_from_response,
    regimes_of_response,
    resolution_from_frequency,
    response_from_frequency,
    response_from_time,
)

D, R0 = 4e-13, 25e-9


def test_step_is_the_closed_form_of_a_clamped_contact():
    contact = TipContact(D, R0, vegard=3e-6, concentration=2e4, poisson_ratio=0.3)
    time = np.concatenate([[-1.0, 0.0], np.geomspace(1e-7, 1.0, 30)])
    x = np.maximum(time, 0) * 4 * D / R0**2
    closed = 2 / np.pi * (np.arctan(np.sqrt(x)) - x * np.arctan2(1, np.sqrt(x)) + np.sqrt(x))
    plateau = np.sqrt(np.pi) / 2 * 1.3 * 3e-6 * 2e4 * R0
    np.testing.assert_allclose(response_from_time(time, contact), plateau * closed, rtol=1e-8)
    pulsed = response_from_time(time, contact, pulse=1e-3)
    np.testing.assert_allclose(pulsed[time < 1e-3], (plateau * closed)[time < 1e-3], rtol=1e-8)
    assert pulsed[-1] < 1e-2 * plateau


def test_constant_then_square_root_then_inverse_of_the_frequency():
    free, slow = TipContact(D, R0), TipContact(D, R0, surface_rate=1e-7)
    low = response_from_frequency([0.0, 1e-4], free)
    np.testing.assert_allclose(low, np.sqrt(np.pi) / 2 * free.scale, rtol=1e-3)
    for contact, slope, angle in ((free, -0.5, -45.0), (slow, -1.0, -90.0)):
        u = response_from_frequency([1e8, 4e8], contact)
        assert np.log(abs(u[1] / u[0])) / np.log(4) == pytest.approx(slope, abs=5e-3)
        assert np.angle(u[1], deg=True) == pytest.approx(angle, abs=0.5)
    # A reaction limits the rate: by k_s/iω times the contact's area integral, whatever D is.
    u = response_from_frequency(1e8, slow)
    assert abs(u) == pytest.approx(slow.scale * slow.surface_rate / R0 * 2 / (2 * np.pi * 1e8), rel=2e-3)


def test_time_and_frequency_are_transforms_of_each_other():
    contact = TipContact(D, R0, surface_rate=5e-6)
    frequency = 300.0
    time = np.linspace(0, 20 / frequency, 8001)
    steps = np.diff(response_from_time(time, contact))
    found = steps @ np.exp(-2j * np.pi * frequency * (time[1:] + time[:-1]) / 2)
    # What is left of the late approach to the plateau swings within its last period.
    assert abs(found / response_from_frequency(frequency, contact) - 1) < 5e-3


@pytest.mark.slow
def test_transfer_function_has_its_two_limits():
    waves = np.array([0.5, 1.0, 2.0, 4.0])
    contact = TipContact(D, R0)
    # Slow ions: exp(−r²) times 1/r smoothed by the detection, in closed form.
    r = np.linspace(0, 6, 20_001)
    point = r * np.exp(-(r**2)) * i0e(r**2 / 2)
    expected = [np.trapezoid(point * j0(w * r), r) / np.trapezoid(point, r) for w in waves]
    np.testing.assert_allclose(_contrast(waves, *_spread(0.0, contact)), expected, atol=1e-7)
    # Fast ones: only what is under the detecting area counts.
    fast = _contrast(waves, *_spread(1e9, contact))
    np.testing.assert_allclose(fast, np.exp(-(waves**2) / 8), atol=5e-3)
    assert _contrast(np.array(1e-3), *_spread(1e3, contact)) == pytest.approx(1, abs=1e-5)


def test_resolution_follows_the_tip_and_gets_a_little_finer_with_frequency():
    sizes = {R: [resolution_from_frequency(f, TipContact(D, R)) for f in (0.0, 1e9)] for R in (5e-9, 25e-9)}
    np.testing.assert_allclose(np.array(sizes[25e-9])[0], 5 * np.array(sizes[5e-9])[0], rtol=1e-9)
    for R, (slow, fast) in sizes.items():
        assert fast == pytest.approx(np.pi / np.sqrt(8 * np.log(2)) * R, rel=0.01)
        assert fast < slow < 1.3 * fast
    assert max(sizes[5e-9]) < 10e-9 < min(sizes[25e-9])


@pytest.mark.parametrize("surface_rate", [np.inf, 2e-5])
def test_coefficient_comes_back_from_time_and_frequency(surface_rate):
    rng = np.random.default_rng(2)
    truth, first = (TipContact(one, R0, surface_rate=surface_rate) for one in (D, 7 * D))
    time = np.linspace(1e-4, 25e-3, 120)
    clean = response_from_time(time, truth, pulse=10e-3)
    assert diffusion_from_response(time, 5 * clean, first, pulse=10e-3).value == pytest.approx(D, rel=1e-5)
    noisy = clean + 0.02 * clean.max() * rng.standard_normal(time.size)
    assert diffusion_from_response(time, noisy, first, pulse=10e-3).value == pytest.approx(D, rel=0.1)
    frequency = np.geomspace(1, 1e5, 25)
    spectrum = response_from_frequency(frequency, truth)
    assert diffusion_from_response(frequency, 5 * spectrum, first).value == pytest.approx(D, rel=1e-5)


def test_the_error_of_the_coefficient_is_its_scatter():
    rng = np.random.default_rng(5)
    where = np.geomspace(1, 1e4, 16)
    clean = response_from_frequency(where, TipContact(D, R0))
    pulls = []
    for _ in range(16):
        noise = (rng.standard_normal(where.size) + 1j * rng.standard_normal(where.size)) / np.sqrt(2)
        found = diffusion_from_response(where, clean * (1 + 0.03 * noise), TipContact(2 * D, R0))
        pulls.append(np.log(found.value / D) / (found.error / found.value))
    # Of sixteen pulls of sd 1 the root of the mean square lies within these in 99.9 %.
    assert 0.5 < np.sqrt(np.mean(np.square(pulls))) < 1.6


def test_the_regimes_of_the_amplitude_meet_where_their_closed_forms_do():
    # Constant √π/2 at low frequencies; ∫x e^(−x²/4)/Q dx = 2/Q at high ones, Q = √(2πf R0²/D): they meet at Q = 4/√π.
    crossing = 16 / np.pi * D / R0**2 / (2 * np.pi)
    flat, warburg = regimes_of_response(1e-2, 1e8, TipContact(D, R0))
    assert (flat.exponent, warburg.exponent) == (0.0, -0.5)
    assert (flat.start, warburg.stop) == pytest.approx((1e-2, 1e8))
    assert flat.stop < crossing / 3 < 3 * crossing < warburg.start < 300 * crossing
    # A slow reaction leaves no f^(−1/2): 2/(λQ²) from where Q exceeds the contact's wave numbers, as before.
    slow = regimes_of_response(1e-6, 1e8, TipContact(D, R0, surface_rate=1e-9))
    assert [regime.exponent for regime in slow] == [0.0, -1.0]
    assert 3 * crossing < slow[1].start < 300 * crossing
    assert regimes_of_response(1e6, 1e8, TipContact(D, R0)) == [Regime(-0.5, 1e6, pytest.approx(1e8))]


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: TipContact(-1.0), "larger than zero"),
        (lambda: TipContact(D, 0.0), "tip radius"),
        (lambda: TipContact(D, surface_rate=0.0), "surface rate"),
        (lambda: TipContact(D, poisson_ratio=0.6), "Poisson"),
        (lambda: response_from_frequency(-1.0, TipContact(D)), "zero or larger"),
        (lambda: response_from_time(np.nan, TipContact(D)), "finite"),
        (lambda: response_from_time(1.0, TipContact(D), pulse=-1.0), "pulse"),
        (lambda: resolution_from_frequency(-1.0, TipContact(D)), "zero or larger"),
        (lambda: regimes_of_response(10.0, 1.0, TipContact(D)), "to a larger one"),
        (lambda: regimes_of_response(0.0, 1.0, TipContact(D)), "above zero"),
        (lambda: diffusion_from_response([1.0, 2.0], [1.0, 2.0], TipContact(D)), "three points"),
        (lambda: diffusion_from_response([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], TipContact(D)), "zero"),
        (lambda: diffusion_from_response([1e-9, 2e-9, 3e-9], [1.0, 1.0, 1.0], TipContact(1e-20)), "end of"),
    ],
)
def test_nonsense_is_refused(call, word):
    with pytest.raises(ValueError, match=word):
        call()
