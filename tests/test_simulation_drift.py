"""Level 1 with drift and a limited number of sites, against linear theory, equilibrium and itself."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erfc

from napari_tesm.simulation import Host, RingGrid, drift_trace, voltage_series
from napari_tesm.simulation.drift import FARADAY_OVER_GAS, SiteLattice

R0, PULSE = 25e-9, 10e-3
COARSE = RingGrid(finest_r=0.15, finest_z=0.05, growth_r=1.25, growth_z=1.25, extent=60.0)


def linear_response(x):
    """Return the point charge's ``∫ dx' ∫ k e^−k erfc(k √x') dk``, the surface blocked."""
    inner = lambda k: quad(lambda s: erfc(k * np.sqrt(s)), 0, x, limit=200)[0]  # noqa: E731
    return quad(lambda k: k * np.exp(-k) * inner(k), 0, 60, limit=200)[0]


@pytest.mark.slow
def test_a_small_voltage_gives_the_linear_response():
    host = Host(diffusion=1e-13, filling=0.3, poisson_ratio=0.25)
    time = np.array([1e-3, 10e-3, 18e-3])
    voltage = -1e-5
    found = drift_trace(voltage, host, time=time, tip_radius=R0).displacement
    x = host.diffusion * time / R0**2
    after = linear_response(x[2]) - linear_response(x[2] - host.diffusion * PULSE / R0**2)
    shape = np.array([linear_response(x[0]), linear_response(x[1]), after])
    mobile = host.site_concentration * host.filling * (1 - host.filling)
    reduced = FARADAY_OVER_GAS / host.temperature * -voltage
    np.testing.assert_allclose(found, 2 * 1.25 * host.vegard * mobile * reduced * R0 * shape, rtol=4e-3)


@pytest.mark.parametrize("voltage", [-6.0, -0.3, 3.0])
def test_no_ion_is_lost_and_no_site_holds_two(voltage):
    trace = drift_trace(voltage, grid=COARSE)
    assert np.abs(trace.imbalance).max() < 1e-10
    assert trace.occupation.min() >= -1e-12
    assert trace.occupation.max() <= 1 + 1e-12


def test_equilibrium_stands_still():
    grid, energy = COARSE, -10.0
    r, z = ((faces[1:] + faces[:-1]) / 2 for faces in (grid.r_faces, grid.z_faces))
    odds = 0.25 * np.exp(-energy / np.hypot(r, z[:, None] + 1))
    theta = (odds / (1 + odds)).ravel()
    lattice = SiteLattice(grid, 0.2)
    drive = lattice.drive(energy)
    inner, outer = theta[lattice.inner], theta[lattice.outer]
    forth = drive[0] * inner * (1 - outer)
    scale = np.bincount(lattice.outer, forth, theta.size) + np.bincount(lattice.inner, forth, theta.size)
    rate = lattice.filling_rate(theta - 0.2, drive)
    np.testing.assert_allclose(rate * lattice.volumes / scale, 0.0, atol=1e-10)
    assert (
        np.abs(lattice.filling_rate(theta - 0.2, lattice.drive(-9.9)) * lattice.volumes / scale).max() > 1e-3
    )


@pytest.mark.slow
def test_error_falls_with_the_square_of_the_time_step():
    time = np.array([2e-3, 10e-3, 14e-3])
    grid = RingGrid(finest_r=0.25, finest_z=0.15, growth_r=1.3, growth_z=1.3, extent=40.0)
    found = [drift_trace(-1.0, grid=grid, time=time, refinement=n).displacement for n in (1, 2, 4, 8)]
    errors = np.abs(np.diff(found, axis=0))
    assert (np.log2(errors[:-1] / errors[1:]) > 1.6).all()
    assert (errors[0] < 0.01 * np.abs(found[-1])).all()


@pytest.mark.slow
def test_displacement_saturates_with_the_voltage():
    voltages = [-0.01, -1.0, -3.0, -6.0]
    seen = []
    H, traces = voltage_series(voltages, grid=COARSE, progress=lambda part, text: seen.append(part))
    assert traces.shape == (4, 625)
    assert seen[0] == 0
    assert seen[-1] == 1
    gain = H / voltages / (H[0] / voltages[0])
    assert (np.diff(gain) < 0).all()
    assert gain[-1] < 0.25
    positive, _ = voltage_series([0.01, 3.0], grid=COARSE)
    assert positive[0] == pytest.approx(-H[0], rel=0.2)
    # There are fewer ions to take away than free sites to fill.
    assert -positive[1] < H[2] / 2


@pytest.mark.slow
def test_the_number_of_sites_is_what_makes_it_saturate():
    """H per volt falls where sites fill up; with hardly any taken it rises instead, as Boltzmann has it."""
    time = np.array([0.0, PULSE])
    gains, taken = {}, {}
    for filling in (0.2, 1e-6):
        traces = [
            drift_trace(voltage, Host(filling=filling), grid=COARSE, time=time) for voltage in (-0.001, -0.5)
        ]
        gains[filling] = traces[1].displacement[1] / traces[0].displacement[1] / 500
        taken[filling] = drift_trace(-3.0, Host(filling=filling), grid=COARSE, time=time).occupation[0, 0]
    assert gains[0.2] < 0.9
    assert gains[1e-6] > 10
    # At the paper's voltage every site at the surface below the tip is taken, from however few ions.
    assert taken[0.2] > 0.999


@pytest.mark.slow
def test_grids_agree():
    fine = RingGrid(finest_r=0.08, finest_z=0.02, growth_r=1.12, growth_z=1.12, extent=60.0)
    time = np.array([1e-3, 10e-3, 20e-3])
    found = [drift_trace(-3.0, grid=grid, time=time).displacement for grid in (COARSE, fine)]
    np.testing.assert_allclose(found[0], found[1], rtol=0.03)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: Host(diffusion=-1.0), "larger than zero"),
        (lambda: Host(filling=1.0), "filling"),
        (lambda: Host(temperature=0.0), "temperature"),
        (lambda: Host(charge=0.0), "charge"),
        (lambda: drift_trace(np.nan), "voltage"),
        (lambda: drift_trace(-3.0, coupling=2.0), "coupling"),
        (lambda: drift_trace(-3.0, tip_radius=0.0), "tip radius"),
        (lambda: drift_trace(-3.0, pulse=0.0), "pulse"),
        (lambda: drift_trace(-3.0, Host(diffusion=1e-9)), "larger one"),
        (lambda: drift_trace(-3.0, refinement=0), "refinement"),
    ],
)
def test_nonsense_is_refused(call, word):
    with pytest.raises(ValueError, match=word):
        call()
