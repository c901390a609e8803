"""A threshold in units of the noise: the same number of standard errors of H in every pixel."""

import numpy as np
import pytest
from examples import PROTOCOL, axes_of, exponential_traces, lock_in_noise
from scipy.stats import norm

from napari_tesm import fit, kernel_choice
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.fits import fits_of_traces
from napari_tesm.evaluation.instrument import instrument_of
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.evaluation.values import recipe_from_values
from napari_tesm.quantities.status import BELOW_THRESHOLD, OK

SHAPE = (40, 60)
TIME = (np.arange(270) - 20) * 1e-4


def dataset_of(amplitude, noise, *, lock_in=0.0, seed=0):
    """Return a dataset whose noise differs from pixel to pixel."""
    tau = np.full(SHAPE, 2e-3)
    traces = exponential_traces(TIME, tau, tau, np.broadcast_to(amplitude, SHAPE))
    noise = np.broadcast_to(noise, SHAPE)[..., None]
    traces = traces + noise * lock_in_noise(np.random.default_rng(seed), traces.shape, samples=lock_in)
    y, x = axes_of(SHAPE)
    return dataset_from_traces([traces], time=TIME, x=x, y=y, voltage=[-3.0], unit="V", protocol=PROTOCOL)


def test_texts_and_back():
    recipe = recipe_from_values(threshold="5sigma")
    assert (recipe.threshold, recipe.threshold_of, recipe.threshold_text) == (5.0, "noise", "5sigma")
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipe_from_values(recipe, threshold="3.5 σ").threshold == 3.5
    back = recipe_from_values(recipe, threshold="20 %")
    assert (back.threshold, back.threshold_of, back.threshold_text) == (0.2, "robust", "20%")
    kept = recipe_from_values(Recipe(threshold_of="p99"), threshold="20 %")
    assert kept.threshold_of == "p99"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"threshold": "sigma"}, "write for example '5sigma'"),
        ({"threshold": "-5sigma"}, "must not be negative"),
        ({"threshold": "5sigma", "threshold_of": "max"}, "one of the noise and of no maximum"),
        ({"threshold": "5"}, "percentage"),
    ],
)
def test_what_makes_no_sense_is_refused(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        recipe_from_values(**values)


def test_without_a_pulse_there_is_no_h_to_hold_against_its_noise():
    dataset = dataset_of(0.1, 0.01)
    for name in ("pulse_start", "pulse_duration"):
        del dataset.attrs[name]
    with pytest.raises(ValueError, match="a threshold of 5sigma is one of H"):
        fit(dataset, threshold="5sigma", window1="none", window2="11 ms:25 ms")


@pytest.mark.parametrize("lock_in", [0.0, 4.0])
def test_the_share_that_passes_is_that_of_a_normal_distribution(lock_in):
    """H of so many standard errors passes a threshold of 5 as often as a normal variable does, loud pixels or quiet."""
    noise = np.where(np.arange(SHAPE[1]) < 30, 0.02, 0.08)
    # The standard error of H by the definition of the noise: means of 20 samples before and of 5 at the end.
    memory = np.exp(-1 / lock_in) if lock_in else 0.0
    weights = np.zeros(TIME.size)
    weights[:20], weights[115:120] = -1 / 20, 1 / 5
    lag = np.abs(np.subtract.outer(np.arange(TIME.size), np.arange(TIME.size)))
    error = noise * np.sqrt(weights @ (memory**lag if lock_in else lag == 0) @ weights)
    end = 1 - np.exp(-TIME[115:120].mean() / 2e-3)
    dataset = dataset_of(5.5 * error / end, noise, lock_in=lock_in)
    maps = fit(dataset, threshold="5sigma", response_level=1.0, nuisance="none")
    passed = maps["status2"].values[0] != BELOW_THRESHOLD
    for part in (passed[:, :30], passed[:, 30:]):
        # Within what 1200 pixels and an error of H that is known to some percent allow.
        assert part.mean() == pytest.approx(norm.sf(-0.5), abs=0.06)


def test_loud_pixels_need_a_larger_h_and_one_trace_is_judged_as_in_the_map():
    noise = np.where(np.arange(SHAPE[1]) < 30, 0.01, 0.1)
    dataset = dataset_of(0.2, noise)
    maps = fit(dataset, threshold="5sigma", response_level=1.0)
    status = maps["status2"].values[0]
    assert (status[:, :30] == OK).mean() > 0.99
    assert (status[:, 30:] == BELOW_THRESHOLD).mean() == pytest.approx(norm.cdf(1.0), abs=0.05)
    share = fit(dataset, threshold="15%", response_level=1.0)["status2"].values[0]
    assert (share[:, 30:] == BELOW_THRESHOLD).mean() < 0.1
    evaluation = Evaluation.of(dataset, recipe_from_values(threshold="5sigma", response_level=1.0))
    for column in (3, 40):
        traces = dataset["displacement"].values[0][:, column]
        fits = fits_of_traces(traces, evaluation, instrument=instrument_of(evaluation), pulses=[0] * SHAPE[0])
        assert [one.windows[2].status for one in fits] == status[:, column].tolist()
    # The median threshold stands for the map.
    assert 0.01 < float(maps["threshold"][0]) < 0.3


def test_votes_for_kernels_go_by_it():
    noise = np.where(np.arange(SHAPE[1]) < 30, 0.01, 0.1)
    dataset = dataset_of(0.2, noise).isel(y=slice(0, 6))
    choice = kernel_choice(dataset, kernels=["exponential", "flux-pulse"], threshold="5sigma")
    voting = choice.maps["voting"].values[0]
    assert (voting[:, :30] == OK).mean() > 0.95
    assert (voting[:, 30:] == BELOW_THRESHOLD).mean() > 0.7
