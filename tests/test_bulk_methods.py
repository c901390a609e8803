"""PITT, GITT and EIS of a film against their limits, and five ways to one D."""

import numpy as np
import pytest

from napari_tesm.physics.bulk_methods import (
    FARADAY,
    Film,
    compared_methods,
    diffusion_from_impedance,
    diffusion_from_pulse_potential,
    diffusion_from_titration_current,
    impedance,
    pulse_potential,
    titration_current,
)
from napari_tesm.physics.tip import TipContact

D = 4e-13
FILM = Film(D, thickness=0.8e-6, area=2e-4, potential_slope=-3e-5)
SPAN = FILM.diffusion_time


def test_titration_current_follows_cottrell_and_fills_the_film():
    step = -5e-3
    change = step / FILM.potential_slope
    early = np.geomspace(1e-6, 1e-2, 7) * SPAN
    cottrell = FARADAY * FILM.area * change * np.sqrt(D / (np.pi * early))
    np.testing.assert_allclose(titration_current(early, FILM, potential_step=step), cottrell, rtol=1e-6)
    time = np.geomspace(1e-7, 8, 20_001) * SPAN
    charge = np.trapezoid(titration_current(time, FILM, potential_step=step), time)
    first = 2 * cottrell[0] * np.sqrt(early[0] * time[0])
    assert charge + first == pytest.approx(FARADAY * FILM.area * FILM.thickness * change, rel=1e-5)


def test_pulse_potential_starts_with_the_root_and_ends_with_the_mean_concentration():
    current, pulse = 3e-6, 0.02 * SPAN
    flux = current / (FARADAY * FILM.area)
    time = np.array([0.2 * pulse, pulse, 9 * SPAN])
    found = pulse_potential(time, FILM, pulse=pulse, current=current)
    root = FILM.potential_slope * 2 * flux * np.sqrt(time[:2] / (np.pi * D))
    np.testing.assert_allclose(found[:2], root, rtol=1e-6)
    assert found[2] == pytest.approx(FILM.potential_slope * flux * pulse / FILM.thickness, rel=1e-9)
    # Half-space and film meet without a step.
    edge = np.array([0.999999e-3, 1.000001e-3]) * SPAN
    assert np.diff(pulse_potential(edge, FILM, pulse=SPAN, current=current))[0] / found[1] == pytest.approx(
        0, abs=1e-5
    )


def test_impedance_is_warburgs_line_and_then_a_capacity():
    resistance = abs(FILM.potential_slope) * FILM.thickness / (FARADAY * FILM.area * D)
    high = impedance([1e3 / SPAN], FILM)[0]
    assert np.angle(high, deg=True) == pytest.approx(-45)
    coefficient = abs(FILM.potential_slope) / (np.sqrt(2) * FARADAY * FILM.area * np.sqrt(D))
    assert high.real == pytest.approx(coefficient / np.sqrt(2 * np.pi * 1e3 / SPAN))
    low = impedance([1e-4 / SPAN], FILM)[0]
    assert low.real == pytest.approx(resistance / 3, rel=1e-4)
    capacity = FARADAY * FILM.area * FILM.thickness / abs(FILM.potential_slope)
    assert -1 / (2 * np.pi * 1e-4 / SPAN * low.imag) == pytest.approx(capacity, rel=1e-4)


@pytest.mark.parametrize("diffusion", [1e-15, pytest.param(3e-11, marks=pytest.mark.slow)])
def test_five_methods_give_back_the_one_coefficient(diffusion):
    film, contact = Film(diffusion, 0.3e-6), TipContact(diffusion, 20e-9)
    pulse = 6 * contact.diffusion_time
    for noise, limit in ((0.0, 4e-3), (0.01, 0.1)):
        results = compared_methods(film, contact, pulse=pulse, noise=noise)
        assert len(results) == 5
        for one in results:
            assert one.diffusion == pytest.approx(diffusion, rel=limit), one.name
    assert results[0].seconds < results[2].seconds / 20


def test_the_errors_of_the_bulk_methods_are_their_scatter():
    rng = np.random.default_rng(3)
    late, pulse = np.linspace(0, 1.5 * SPAN, 301)[1:], 0.05 * SPAN
    current, rest = titration_current(late, FILM), np.linspace(0, 2 * SPAN, 801)[1:]
    potential = pulse_potential(rest, FILM, pulse=pulse)
    where = np.geomspace(0.02, 200, 41) / SPAN
    z = impedance(where, FILM)
    pulls = {"PITT": [], "GITT": [], "EIS": []}
    for _ in range(40):
        noise = rng.standard_normal(1200)
        found = {
            "PITT": diffusion_from_titration_current(
                late, current + 0.01 * current.max() * noise[: late.size], FILM.thickness
            ),
            "GITT": diffusion_from_pulse_potential(
                rest,
                potential + 0.01 * np.abs(potential).max() * noise[: rest.size],
                FILM.thickness,
                pulse=pulse,
            ),
            "EIS": diffusion_from_impedance(
                where, z * (1 + 0.02 * (noise[:41] + 1j * noise[41:82])), FILM.thickness
            ),
        }
        for name, one in found.items():
            pulls[name].append(np.log(one.value / D) / (one.error / one.value))
    for name, each in pulls.items():
        # The spread of the Warburg line about 45° counts as scatter, so that EIS is rather too careful.
        assert 0.4 < np.std(each) < 1.4, name


def test_kinetics_that_are_left_out_falsify_the_coefficient():
    # What the comparison knows of the surface is what the record was made with; here it is not.
    from napari_tesm.physics.tip import diffusion_from_response, response_from_time

    time = np.linspace(1e-4, 25e-3, 200)
    slow = TipContact(D, 25e-9, surface_rate=D / 25e-9)
    trace = response_from_time(time, slow, pulse=10e-3)
    found = diffusion_from_response(time, trace, TipContact(D, 25e-9), pulse=10e-3).value
    assert found < 0.6 * D


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: Film(-1.0), "larger than zero"),
        (lambda: Film(D, thickness=0.0), "thickness"),
        (lambda: Film(D, potential_slope=0.0), "slope"),
        (lambda: titration_current([-1.0], FILM), "zero or later"),
        (lambda: impedance([0.0], FILM), "larger than zero"),
        (lambda: pulse_potential([1.0], FILM, pulse=0.0), "pulse"),
        (lambda: diffusion_from_titration_current([1, 2], [2, 1], 1e-6), "five samples"),
        (lambda: diffusion_from_titration_current(np.arange(1, 99), np.ones(98), 1e-6), "decay"),
        (lambda: diffusion_from_pulse_potential(np.arange(9.0), np.ones(9), 1e-6, pulse=20.0), "rest"),
        (lambda: diffusion_from_impedance([1.0, 2.0], [1.0, 1.0], 1e-6), "Warburg"),
        (lambda: compared_methods(Film(1e-13), TipContact(2e-13)), "differ"),
        (lambda: compared_methods(Film(1e-13), TipContact(1e-13), noise=-1), "noise"),
    ],
)
def test_nonsense_is_refused(call, word):
    with pytest.raises(ValueError, match=word):
        call()
