"""Traces of whole maps against closed forms where D is the same everywhere and against finite volumes where not."""

import numpy as np
import pytest

from napari_tesm.kernels.named import kernel_from_name
from napari_tesm.simulation import BoxGrid, TipModel, map_diffusion, map_traces
from napari_tesm.simulation.whole_map import count_of_tiles

PULSE, TIP = 8e-3, 20e-9
TIME = np.array([-1e-3, 0.0, 3e-4, 1e-3, 3e-3, 8e-3, 8.5e-3, 12e-3])
X, Y = np.arange(5) * 6e-9 - 2e-7, np.arange(3) * 9e-9 + 1e-7
BOUNDARIES = ("flux", "clamped")


def closed_form(D, boundary, drive):
    """Return traces of a uniform sample with β = 1, ν = 0.3, from the kernels' formulas."""
    time = TIME[TIME >= 0]
    kernel = kernel_from_name("flux-pulse" if boundary == "flux" else "clamped", pulse=PULSE)
    curve = kernel.curves(time, np.log([TIP**2 / (4 * D)]))[0][0]
    # A flux piles up below the tip first, u = 2(1 + ν)βJt; under a clamp c(k, z) becomes c₀(k) exp(−kz) in the end.
    size = PULSE * 2 if boundary == "flux" else np.sqrt(np.pi) / 2 * TIP
    return np.concatenate([np.zeros(TIME.size - time.size), 1.3 * drive * size * curve])


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("D", [1e-15, 3e-14, 4e-13])
def test_a_uniform_map_follows_the_closed_form(D, boundary):
    traces = map_traces(
        lambda x, y: D,
        X,
        Y,
        time=TIME,
        pulse=PULSE,
        tip_radius=TIP,
        boundary=boundary,
        drive=3.0,
        poisson_ratio=0.3,
    )
    expected = closed_form(D, boundary, 3.0)
    assert traces.shape == (3, 5, TIME.size)
    np.testing.assert_allclose(
        traces, np.broadcast_to(expected, traces.shape), atol=2e-3 * expected.max(), rtol=0
    )
    assert (traces[..., :2] == 0).all()


def uneven(x, y):
    """Return D of two grains with a fast step across, steeper than pixels of 6 × 9 nm show."""
    across = (x - X.mean()) * 0.8 + (y - Y.mean()) * 0.6
    return np.where(np.abs(across - 3e-9) < 5e-9, 1.2e-13, np.where(across < 0, 5e-14, 3e-14))


@pytest.mark.slow
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_an_uneven_map_follows_the_finite_volumes(boundary):
    same = {"time": TIME, "pulse": PULSE, "tip_radius": TIP, "boundary": boundary}
    traces = map_traces(uneven, X, Y, **same)
    for row, column in ((1, 2), (0, 0)):
        tip = TipModel(uneven, grid=BoxGrid(0.14, 1.16, 0.03, 1.18), **same)
        expected = tip.trace_at(X[column], Y[row])
        np.testing.assert_allclose(traces[row, column], expected, atol=1e-2 * expected.max(), rtol=0)
    # What neighbours do in the step is much more than that.
    alone = map_traces(lambda x, y: 1.2e-13, X[2:3], Y[1:2], **same)[0, 0]
    assert np.abs(traces[1, 2] - alone).max() > 0.05 * alone.max()


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_map_turned_over_gives_its_traces_turned_over(boundary):
    D = np.geomspace(1e-15, 4e-15, 15).reshape(3, 5)
    same = {"time": TIME, "pulse": PULSE, "boundary": boundary}
    traces = map_traces(D, X, Y, **same)
    np.testing.assert_allclose(map_traces(D.T, Y, X, **same), traces.swapaxes(0, 1), atol=1e-9 * traces.max())
    # Beyond the map the pixels at its edge go on.
    np.testing.assert_array_equal(map_traces(map_diffusion(X, Y, D), X, Y, **same), traces)


def test_tiles_meet_without_a_seam_and_threads_change_nothing():
    x, y = np.arange(0, 31e-8, 1e-8), np.array([0.0, 7e-9])
    ripple = lambda x, y: 1e-14 * np.exp(0.5 * np.sin(x / 15e-9) + 0 * y)  # noqa: E731
    assert count_of_tiles(x, y, 25e-9) == 3
    parts = []
    whole = map_traces(ripple, x, y, time=TIME, progress=lambda part, text: parts.append(part))
    np.testing.assert_allclose(parts, [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_array_equal(map_traces(ripple, x, y, time=TIME, jobs=3), whole)
    # The first seam lies in the middle of what is a single tile here.
    near = slice(6, 16)
    assert count_of_tiles(x[near], y, 25e-9) == 1
    alone = map_traces(ripple, x[near], y, time=TIME)
    np.testing.assert_allclose(whole[:, near], alone, atol=3e-3 * whole.max(), rtol=0)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: map_traces(np.full((2, 3), 1e-14), X, Y), "shape"),
        (lambda: map_traces(lambda x, y: np.where(x > -1.9e-7, 0.0, 1e-14), X, Y), "larger than zero"),
        (lambda: map_traces(lambda x, y: 1e-14, X[::-1], Y), "increase"),
        (lambda: map_traces(lambda x, y: 1e-14, X + 2, Y), "within a metre"),
        (lambda: map_traces(lambda x, y: 1e-8, X, Y), "too large"),
        (lambda: map_traces(lambda x, y: 1e-18, X, Y), "too small"),
    ],
)
def test_what_cannot_be_simulated_is_refused(call, word):
    with pytest.raises(ValueError, match=word):
        call()
