"""D averaged over kernels: weights, and the two errors."""

import json

import numpy as np
import pytest
from test_kernel_choice import dataset_of, traces_of

from napari_tesm import save
from napari_tesm.cli import main
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.model_choice.averages import average_over_kernels, summary_of_average
from napari_tesm.model_choice.maps import choice_of_kernels, with_averages


def test_mean_and_both_errors_are_those_of_draws():
    # Draws of a mixture: a kernel by its weight, then ln D of that kernel with its error.
    rng = np.random.default_rng(0)
    weights, diffusion, errors = np.array([0.6, 0.3, 0.1]), np.array([4e-13, 6e-13, 2e-13]), 0.05
    chosen = rng.choice(3, p=weights, size=400_000)
    draws = np.log(diffusion)[chosen] + errors * rng.standard_normal(chosen.size)
    maps = average_over_kernels(diffusion[:, None], errors * diffusion[:, None], weights[:, None])
    average = summary_of_average("D2", ("a", "b", "c"), diffusion[:, None], maps)
    assert np.log(average.diffusion) == pytest.approx(draws.mean(), abs=0.003)
    assert np.hypot(average.noise_error, average.kernel_error) == pytest.approx(draws.std(), rel=0.01)
    assert average.noise_error == pytest.approx(0.05)
    assert average.by_kernel == {"a": 4e-13, "b": 6e-13, "c": 2e-13}


def test_kernels_without_d_or_vote_are_left_out():
    diffusion = np.array([[4e-13, 4e-13, np.nan], [8e-13, np.nan, 8e-13]])
    weights = np.array([[0.5, 0.7, 0.9], [0.5, 0.3, 0.1]])
    maps = average_over_kernels(diffusion, 0.1 * diffusion, weights)
    # The third belongs to a kernel that gives it no D.
    np.testing.assert_array_equal(np.isfinite(maps.diffusion), [True, True, False])
    assert maps.diffusion[0] == pytest.approx(np.sqrt(4e-13 * 8e-13))
    assert maps.kernel_error[0] == pytest.approx(np.log(2) / 2)
    assert summary_of_average("D1", ("a", "b"), diffusion, maps).pixels == 2
    weights[:] = np.nan
    maps = average_over_kernels(diffusion, 0.1 * diffusion, weights)
    assert summary_of_average("D1", ("a", "b"), diffusion, maps) is None


@pytest.mark.slow
def test_of_diffusion_the_average_is_its_d_and_the_kernels_agree_that_it_is(tmp_path, capsys):
    dataset = dataset_of(traces_of("flux-pulse", 4e-13, noise=0.02))
    evaluation = Evaluation.of(dataset, Recipe())
    choice = choice_of_kernels(evaluation, kernels=("exponential", "flux-pulse"))
    assert choice.averages_of(0) == ()
    choice = with_averages(choice, evaluation)
    ((first, second),) = choice.averages
    assert np.median(choice.maps["D_kernels_2"]) == pytest.approx(second.diffusion)
    for average in (first, second):
        assert average.diffusion == pytest.approx(4e-13, rel=0.05)
        assert average.kernel_error < 0.02
        # One exponential for each window sees another D; with its weight of nothing it does no harm.
        assert abs(np.log(average.by_kernel["exponential"] / 4e-13)) > 0.3
    save(tmp_path / "scan.gwy", dataset)
    report = tmp_path / "votes.json"
    kernels = "exponential,flux-pulse"
    assert main(["kernels", str(tmp_path / "scan.gwy"), "--kernels", kernels, "--json", str(report)]) == 0
    written = json.loads(report.read_text())["pulses"][0]["diffusion"]
    assert [entry["name"] for entry in written] == ["D1", "D2"]
    assert written[1]["diffusion"] == pytest.approx(second.diffusion, rel=1e-3)
    assert "D2 over the kernels with their weights" in capsys.readouterr().out
