import numpy as np
import pytest

from napari_tesm.physics.diffusion import GEOMETRIES, diffusion_from_tau, systematic_error, tau_from_diffusion


@pytest.mark.parametrize(
    ("d", "tau"), [(1e-12, 0.625e-3), (4e-13, 1.5625e-3), (2e-13, 3.125e-3), (1e-14, 62.5e-3)]
)
def test_numbers_of_the_paper(d, tau):
    """L = 25 nm; reference/physics lists these pairs."""
    assert diffusion_from_tau(np.float64(tau), 25e-9) == pytest.approx(d)
    assert tau_from_diffusion(np.float64(d), 25e-9) == pytest.approx(tau)


@pytest.mark.parametrize(
    ("geometry", "factor"),
    [
        ("l2/tau", 1),
        ("l2/2tau", 0.5),
        ("l2/4tau", 0.25),
        ("l2/6tau", 1 / 6),
        ("l2/pi2tau", 0.101321),
        ("4l2/pi2tau", 0.405285),
    ],
)
def test_geometries(geometry, factor):
    assert diffusion_from_tau(np.float64(1.0), 1.0, geometry=geometry) == pytest.approx(factor, rel=1e-5)
    assert geometry in GEOMETRIES


def test_nan_stays_nan():
    assert np.isnan(diffusion_from_tau(np.array([np.nan]), 25e-9))[0]


def test_systematic_error_is_twice_the_relative_error_of_the_length():
    assert systematic_error(25e-9, 5e-9) == pytest.approx(0.4)
    assert systematic_error(25e-9, None) is None


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="choose one of"):
        diffusion_from_tau(np.float64(1.0), 1.0, geometry="l/tau")
    with pytest.raises(ValueError, match="tip radius"):
        diffusion_from_tau(np.float64(1.0), 0.0)
