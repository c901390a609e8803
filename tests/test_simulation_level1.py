"""Level 1 against the closed forms of diffusion under a Gaussian tip (written out here, apart from the kernels)."""

import numpy as np
import pytest

from napari_tesm.simulation import RingGrid, record_times, step_response, traces_from_diffusion
from napari_tesm.simulation.half_space import modes_from_conductances

R0, PULSE = 25e-9, 10e-3
MANY_D = [1e-15, 1e-14, 1e-13, 4e-13, 1e-12, 3e-12, 1e-11]


def flux_response(x):
    return x - np.sqrt(x * (x + 1)) + np.arcsinh(np.sqrt(x))


def clamped_response(x):
    return 2 / np.pi * (np.arctan(np.sqrt(x)) - x * np.arctan2(1, np.sqrt(x)) + np.sqrt(x))


def closed_form(D, time, boundary, *, poisson_ratio=0.25):
    tau = R0**2 / (4 * D)
    response, scale = {
        "flux": (flux_response, 2 * (1 + poisson_ratio) * tau),
        "clamped": (clamped_response, np.sqrt(np.pi) / 2 * (1 + poisson_ratio) * R0),
    }[boundary]
    on, off = np.maximum(time, 0) / tau, np.maximum(time - PULSE, 0) / tau
    return scale * (response(on) - response(off))


@pytest.mark.slow
@pytest.mark.parametrize("boundary", ["flux", "clamped"])
def test_traces_equal_the_closed_form(boundary):
    time = np.concatenate([[-1e-3], record_times()])
    traces = traces_from_diffusion(MANY_D, time=time, boundary=boundary)
    assert traces.shape == (len(MANY_D), time.size)
    for D, trace in zip(MANY_D, traces, strict=True):
        expected = closed_form(D, time, boundary)
        np.testing.assert_allclose(trace, expected, rtol=2e-3, atol=1e-3 * expected.max())
        assert trace[0] == 0


@pytest.mark.parametrize("boundary", ["flux", "clamped"])
def test_scales_follow_drive_strain_and_poisson_ratio(boundary):
    time = np.array([2e-3, 12e-3])
    plain = traces_from_diffusion(2e-13, time=time, boundary=boundary)
    scaled = traces_from_diffusion(
        2e-13, time=time, boundary=boundary, drive=3.0, vegard=2e-6, poisson_ratio=0.4
    )
    np.testing.assert_allclose(scaled, 6e-6 * 1.4 / 1.25 * plain)


@pytest.mark.parametrize("boundary", ["flux", "clamped"])
def test_error_falls_with_the_square_of_the_cell(boundary):
    x = np.array([0.05, 0.3, 2.0])
    exact = {
        "flux": np.pi / 2 * flux_response(4 * x),
        "clamped": np.pi**1.5 / 2 * clamped_response(4 * x),
    }[boundary]
    coarse = {"finest_r": 0.2, "finest_z": 0.02, "growth_r": 1.12, "growth_z": 1.15, "extent": 2000.0}
    errors = [
        np.abs(step_response(x, boundary, grid=RingGrid(**coarse, refinement=n))[0] / exact - 1)
        for n in (1, 2, 4)
    ]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, 2.0, atol=0.15)


@pytest.mark.parametrize("boundary", ["flux", "clamped"])
def test_mass_is_what_crossed_the_surface(boundary):
    _, mass, inflow = step_response(np.geomspace(1e-5, 1e3, 9), boundary)
    np.testing.assert_allclose(mass, inflow, rtol=1e-10)
    assert (mass > 0).all()


def test_what_crosses_under_a_clamp_is_the_conductance_times_the_lack_of_the_first_layer():
    """The inflow as it is defined, integrated over the time by itself: a check of the sum over the modes."""
    grid = RingGrid()
    rates_r, modes_r = modes_from_conductances(grid.areas, grid.conductances_r)
    rates_z, modes_z = modes_from_conductances(grid.depths, grid.conductances_z, grid.surface_conductance)
    drive = grid.surface_conductance / np.sqrt(grid.depths[0])
    source = np.outer(modes_z[0] * drive, modes_r.T @ (grid.gaussian * np.sqrt(grid.areas)))
    first = np.outer(modes_z[0] / np.sqrt(grid.depths[0]), modes_r.T @ np.sqrt(grid.areas)) * source
    rates = rates_z[:, None] + rates_r
    span = 0.3
    lag = np.vdot(first, span / rates + np.expm1(-rates * span) / rates**2)
    defined = grid.surface_conductance * (grid.gaussian @ grid.areas * span - lag)
    np.testing.assert_allclose(step_response(np.array([span]), "clamped")[2], defined, rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"D": [-1e-13]}, "larger than zero"),
        ({"D": [1e-13, np.nan]}, "larger than zero"),
        ({"D": 1e-22}, "too small"),
        ({"D": 1e-6}, "too large"),
        ({"tip_radius": 0.0}, "tip radius"),
        ({"pulse": -1.0}, "pulse"),
        ({"pulse": np.inf}, "pulse"),
        ({"boundary": "magic"}, "clamped"),
        ({"poisson_ratio": 0.7}, "Poisson"),
        ({"time": np.array([np.nan])}, "finite"),
    ],
)
def test_nonsense_is_refused(changes, word):
    with pytest.raises(ValueError, match=word):
        traces_from_diffusion(**{"D": 1e-13, **changes})


@pytest.mark.parametrize(
    "changes",
    [{"finest_r": 0.5}, {"finest_z": 0.0}, {"growth_z": 2.0}, {"extent": 3.0}, {"refinement": 0},
     {"refinement": 50}],
)  # fmt: skip
def test_coarse_grids_are_refused(changes):
    with pytest.raises(ValueError, match=r"grid|cells|refinement"):
        RingGrid(**changes)
