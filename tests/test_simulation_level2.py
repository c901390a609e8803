"""Level 2 against level 1 where D is the same everywhere, against itself where it is not, and many places at once."""

import numpy as np
import pytest

from napari_tesm.simulation import (
    BoxGrid,
    TipModel,
    apparent_diffusion,
    band_diffusion,
    map_diffusion,
    record_times,
    traces_at,
    traces_from_diffusion,
)

OUTSIDE, INSIDE = 4e-13, 1e-12
COARSE = BoxGrid(0.25, 1.25, 0.08, 1.25)
MEDIUM = BoxGrid(0.16, 1.16, 0.03, 1.16)


def uniform(value):
    return lambda x, y: np.full(np.shape(x), value)


@pytest.mark.slow
@pytest.mark.parametrize(("boundary", "limit"), [("flux", 2e-3), ("clamped", 6e-3)])
def test_uniform_limit_is_level_1(boundary, limit):
    expected = traces_from_diffusion(OUTSIDE, boundary=boundary, vegard=2.0, drive=3.0)
    model = TipModel(uniform(OUTSIDE), boundary=boundary, vegard=2.0, drive=3.0)
    found = model.trace_at(40e-9, -1e-6)
    np.testing.assert_allclose(found, expected, atol=limit * expected.max(), rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("boundary", ["flux", "clamped"])
def test_error_falls_with_the_square_of_the_box(boundary):
    time = np.array([3e-3, 10e-3])
    expected = traces_from_diffusion(1e-13, time=time, boundary=boundary)
    grids = [BoxGrid(0.24, 1.24, 0.08, 1.24), BoxGrid(0.12, np.sqrt(1.24), 0.04, np.sqrt(1.24))]
    models = [TipModel(uniform(1e-13), time=time, boundary=boundary, grid=grid) for grid in grids]
    errors = [np.abs(model.trace_at(0, 0) - expected) for model in models]
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]), 2.0, atol=0.5)


@pytest.mark.parametrize("boundary", ["flux", "clamped"])
def test_what_crossed_the_surface_is_there(boundary):
    model = TipModel(band_diffusion(INSIDE, OUTSIDE, 12e-9), boundary=boundary, grid=COARSE)
    for x in (0.0, 15e-9):
        assert abs(model.solution_at(x, 0.0)[1]) < 1e-10


@pytest.mark.slow
def test_a_step_looks_the_same_along_every_direction():
    along_x = band_diffusion(INSIDE, OUTSIDE, 30e-9)
    tilted = lambda x, y: along_x((x + y) / np.sqrt(2), 0)  # noqa: E731
    reference = TipModel(along_x, grid=COARSE).trace_at(20e-9, 0)
    turned = TipModel(lambda x, y: along_x(y, x), grid=COARSE).trace_at(0, 20e-9)
    np.testing.assert_allclose(turned, reference, rtol=1e-10, atol=1e-12 * reference.max())
    found = TipModel(tilted, grid=MEDIUM).trace_at(20e-9 / np.sqrt(2), 20e-9 / np.sqrt(2))
    fine = TipModel(along_x, grid=MEDIUM).trace_at(20e-9, 0)
    # Edges are known to a fifth of a cell.
    np.testing.assert_allclose(found, fine, atol=1e-2 * fine.max(), rtol=0)
    uniform_one = TipModel(uniform(OUTSIDE), grid=MEDIUM).trace_at(0, 0)
    assert np.abs(uniform_one - fine).max() > 0.05 * fine.max()


@pytest.mark.slow
def test_grids_agree_on_a_narrow_step():
    places = [(0.0, 0.0), (30e-9, 0.0)]
    found = []
    for grid in (BoxGrid(), MEDIUM):
        model = TipModel(band_diffusion(INSIDE, OUTSIDE, 12e-9), grid=grid)
        found.append(apparent_diffusion(traces_at(model, places, jobs=2), model, expected=5e-13))
    np.testing.assert_allclose(found[0], found[1], rtol=0.03)


@pytest.mark.slow
def test_a_narrow_step_does_not_show_its_own_coefficient_and_a_wide_one_does():
    model = TipModel(band_diffusion(INSIDE, OUTSIDE, 12e-9), grid=COARSE)
    on, beside, away = apparent_diffusion(
        traces_at(model, [(0, 0), (40e-9, 0), (300e-9, 0)]), model, expected=5e-13
    )
    # Ions that leave quickly along the step come back from there late: on it the trace looks slower than around.
    assert on < OUTSIDE < beside < 0.6 * INSIDE
    # The coarse grid alone takes 4 % of D: compared is with a sample that is all alike, on the same grid.
    alike = {}
    for D in (INSIDE, OUTSIDE):
        plain = TipModel(uniform(D), grid=COARSE)
        alike[D] = float(apparent_diffusion(plain.trace_at(0, 0), plain, expected=5e-13))
    assert away == pytest.approx(alike[OUTSIDE], rel=0.005)
    wide = TipModel(band_diffusion(INSIDE, OUTSIDE, 2e-6), grid=COARSE)
    assert apparent_diffusion(wide.trace_at(0, 0), wide, expected=5e-13) == pytest.approx(
        alike[INSIDE], rel=0.03
    )


@pytest.mark.slow
@pytest.mark.parametrize("boundary", ["flux", "clamped"])
def test_apparent_is_true_where_the_sample_is_uniform(boundary):
    D = np.array([[5e-14, 2e-13], [4e-13, 3e-12]])
    model = TipModel(uniform(1e-13), boundary=boundary)
    traces = 7 * traces_from_diffusion(D, boundary=boundary) + 1e-3
    np.testing.assert_allclose(apparent_diffusion(traces, model, expected=4e-13), D, rtol=1e-4)
    assert np.isnan(apparent_diffusion(traces[0, 0], model, expected=5e-12))


def test_places_come_in_their_order_whatever_the_threads():
    model = TipModel(band_diffusion(INSIDE, OUTSIDE, 12e-9), time=record_times(samples=25), grid=COARSE)
    places, parts = [(0.0, 0.0), (20e-9, 0.0)], []
    whole = traces_at(model, places, jobs=2, progress=lambda part, text: parts.append(part))
    assert parts[0] == 0
    assert parts[-1] == 1
    np.testing.assert_array_equal(whole, [model.trace_at(*place) for place in places])


def test_what_progress_raises_stops_the_work():
    model = TipModel(uniform(OUTSIDE), time=record_times(samples=25), grid=COARSE)
    parts = []

    def stop_after_one(part, text):
        parts.append(part)
        if part > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        traces_at(model, [(0, 0)] * 4, progress=stop_after_one)
    assert parts == [0, 0.25]


def test_maps_are_looked_up_by_their_pixels():
    look = map_diffusion([0.0, 1.0, 2.0], [0.0, 1.0], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    np.testing.assert_array_equal(look(np.array([-9, 0.4, 0.6, 9.0]), np.array([0, 0, 0.7, 9])), [1, 1, 5, 6])


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: band_diffusion(-1e-12, 4e-13, 12e-9), "larger than zero"),
        (lambda: band_diffusion(1e-12, 4e-13, 0.0), "wider"),
        (lambda: map_diffusion([0, 1], [0], [[1.0]]), "shape"),
        (lambda: map_diffusion([0], [0], [[np.nan]]), "larger than zero"),
        (lambda: TipModel(uniform(-1.0)).trace_at(0, 0), "larger than zero"),
        (lambda: TipModel(lambda x, y: np.where(x > 50e-9, 0.0, 1e-13)).trace_at(0, 0), "larger than zero"),
        (lambda: TipModel(uniform(1e-13), tip_radius=0.0), "tip radius"),
        (lambda: TipModel(uniform(1e-13), pulse=-1.0), "pulse"),
        (lambda: TipModel(uniform(1e-13), boundary="magic"), "clamped"),
        (lambda: BoxGrid(finest=0.6), "coarse"),
        (lambda: traces_at(TipModel(uniform(1e-13)), [(0, 0, 0)]), "pairs"),
    ],
)
def test_nonsense_is_refused(call, word):
    with pytest.raises(ValueError, match=word):
        call()
