"""What kernels miss on a map: shares known beforehand, noise that has nothing in common, and where it is."""

import noises
import numpy as np
import pytest
from test_kernel_choice_noise import map_of, traces_in, white

from napari_tesm import kernel_choice
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.instrument import sample_of_traces, sampled_pixels
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.model_choice.maps import MISFIT


def with_a_misfit(rng, *, count, share, of):
    """Return exponentials with noise of 1/20 and, in traces `of`, an oscillation of known share; and their heights."""
    traces = noises.exponential_displacement(np.full(count, 2e-3))
    height = np.exp(0.3 * rng.standard_normal((count, 1)))
    # What no exponential follows: an even number of swings in each window.
    curve = np.sqrt(2) * np.sin(2 * np.pi * noises.TIME / 2.5e-3)
    noise = rng.standard_normal(traces.shape)
    missed = height / np.sqrt(np.mean(height**2)) * curve * np.sqrt(share / (1 - share))
    return height * traces + (noise + np.where(of[:, None], missed, 0)) / 20, height[:, 0]


def test_the_share_is_what_was_put_in_and_the_map_says_where():
    rng = np.random.default_rng(3)
    left = np.tile(np.arange(32) < 16, 4)
    traces, height = with_a_misfit(rng, count=128, share=0.4, of=left)
    choice = kernel_choice(map_of(traces), kernels=("exponential", "flux-pulse"))
    votes = choice.together
    assert votes.recommended() == "exponential"
    misfit = choice.maps[MISFIT].values[0]
    # Two thirds of the noise, in half the traces. What all have in common is half as high, and so much of it lies along
    # the residuals of those; the others have none. Fits follow a little of it, so that times tell some of both apart.
    half = np.square(height[left]).sum() / np.square(height).sum()
    assert votes.misfit_share("exponential") == pytest.approx(2 / 3 * half**2 / (1 + 2 / 3 * half), abs=0.025)
    assert not votes.describes
    assert "% of its residuals in common: none of these kernels" in votes.sentence()
    assert misfit[:, :15].mean() == pytest.approx(2 / 3 * half / (1 + 4 / 3 * half), abs=0.03)
    assert abs(misfit[:, 17:].mean()) < 0.02


def test_traces_of_either_sign_miss_the_same():
    rng = np.random.default_rng(6)
    traces, _ = with_a_misfit(rng, count=96, share=0.3, of=np.ones(96, bool))
    shares = []
    for signs in (np.ones(96), np.where(np.arange(96) % 32 < 16, -1.0, 1.0)):
        votes = kernel_choice(map_of(signs[:, None] * traces), kernels=("exponential", "flux-pulse")).together
        assert not votes.describes
        shares.append(votes.misfit_share("exponential"))
    assert shares[1] == pytest.approx(shares[0], abs=0.01)


def test_noise_has_nothing_in_common_in_white_noise_and_behind_a_filter():
    rng = np.random.default_rng(4)
    shares = []
    for noise in (white, noises.pink):
        traces = traces_in(noise, "exponential", seed=int(rng.integers(1000)), snr=30, count=96)
        choice = kernel_choice(map_of(traces), kernels=("exponential", "flux-pulse"))
        assert choice.together.describes
        misfit = choice.maps[MISFIT].values
        assert np.isfinite(misfit).all()
        shares.append(misfit.mean())
        assert choice.together.misfit_share("exponential") == pytest.approx(0, abs=0.02)
        assert choice.together.misfit_share("flux-pulse") > 0.3
    assert np.abs(shares).max() < 0.02


@pytest.mark.parametrize(("shape", "most"), [((7, 5), 1024), ((13, 11), 30), ((3, 200), 40), ((1, 90), 40)])
def test_the_sample_is_where_it_says(shape, most):
    height, width = shape
    numbers = np.arange(height * width, dtype=float)
    traces = np.repeat(numbers[:, None], 40, axis=1).reshape(height, width, 40)
    dataset = dataset_from_traces(
        [traces], time=np.arange(40) * 5e-4, x=np.arange(width) * 5e-9, y=np.arange(height) * 7e-9,
        voltage=[-3.0], direction=[""], unit="V", protocol=PulseProtocol(0.0, 10e-3),
    )  # fmt: skip
    taken = sample_of_traces(Evaluation.of(dataset, Recipe()), 0, most=most)[:, 0]
    np.testing.assert_array_equal(numbers[sampled_pixels(shape, most=most).ravel()], taken)
