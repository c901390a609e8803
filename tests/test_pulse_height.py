"""How high a pulse lifts the surface against D, from integrals of its own."""

import numpy as np
import pytest
from scipy.integrate import quad

from napari_tesm.physics.pulse_height import height_at_pulse_end

RADIUS, PULSE = 25e-9, 10e-3


@pytest.mark.parametrize(
    ("diffusion", "share"), [(1e-15, 0.834), (1e-14, 0.544), (1e-13, 0.184), (1e-12, 0.036), (1e-11, 0.005)]
)
def test_of_one_dose_fast_pixels_keep_little(diffusion, share):
    """What came in a time s before the end has decayed to 1 − √(s/(s + τ)), τ = R0²/(4D): the mean over the pulse."""
    tau = RADIUS**2 / (4 * diffusion)
    mean = quad(lambda v: 2 * v * (1 - v / np.sqrt(v * v + tau)), 0, np.sqrt(PULSE))[0] / PULSE
    height = height_at_pulse_end("flux-pulse", diffusion, RADIUS, PULSE)
    assert height == pytest.approx(mean, rel=1e-6)
    assert height == pytest.approx(share, abs=6e-4)


@pytest.mark.parametrize("diffusion", [1e-15, 1e-13, 1e-11])
def test_under_a_clamped_tip_slow_pixels_get_less_far(diffusion):
    """The Hankel transform over wave numbers, in place of its closed form."""
    from scipy.special import erf, erfcx

    length = np.sqrt(diffusion * PULSE)

    def part(k):
        s, x = length, k * length
        decay = np.exp(-x * x)
        response = erf(x) / (2 * k) - k * s * s * erfcx(x) * decay + s * decay / np.sqrt(np.pi)
        return response * np.exp(-((k * RADIUS) ** 2) / 4) * k

    places = np.array([1e-3, 1, 10, 40]) / RADIUS
    total = sum(quad(part, low, high, limit=400)[0] for low, high in zip([0, *places], places, strict=False))
    final = quad(lambda k: np.exp(-((k * RADIUS) ** 2) / 4) / 2, 0, 40 / RADIUS)[0]
    assert height_at_pulse_end("clamped", diffusion, RADIUS, PULSE) == pytest.approx(total / final, rel=2e-3)
