import numpy as np
import pytest
from finite_volumes import simulated_trace
from scipy.stats import chi2

from napari_tesm.data.protocol import Window
from napari_tesm.model_choice.evidence import model_choice, whiteness_of_residuals

TIME = np.arange(250) * 1e-4
PULSE = Window(0.0, 10e-3)
KERNELS = ("exponential", "stretched", "flux-pulse", "clamped")


def exponentials(tau1=1.5e-3, tau2=2e-3):
    rise = 1 - np.exp(-np.clip(TIME, 0, 10e-3) / tau1)
    return rise * np.exp(-np.clip(TIME - 10e-3, 0, None) / tau2)


def noisy(trace, *, snr=50, count=300, seed=0):
    return trace + np.random.default_rng(seed).standard_normal((count, trace.size)) / snr


@pytest.mark.parametrize(
    ("trace", "kernel"),
    [
        (exponentials(), "exponential"),
        (simulated_trace("flux", TIME, 4e-13), "flux-pulse"),
        (simulated_trace("clamped", TIME, 4e-13), "clamped"),
    ],
)
def test_what_made_the_traces_is_recommended(trace, kernel):
    choice = model_choice(noisy(trace), TIME, PULSE, kernels=KERNELS)
    assert choice.votes().recommended() == kernel
    assert choice.votes().share(kernel) > 0.8  # two needless parameters win by chance in 13 %
    assert np.median(choice.weight[KERNELS.index(kernel)]) > 0.7
    # White where it is right: at a level of 1 % some 1 % fail.
    assert (choice.whiteness[KERNELS.index(kernel)] >= 0.01).mean() > 0.95
    assert choice.votes().sentence().startswith(f"The data support '{kernel}'")
    np.testing.assert_allclose(choice.weight.sum(axis=0), 1)
    assert (choice.evidence >= 0).all()


def test_the_paper_s_recipe_leaves_structure_in_diffusion():
    choice = model_choice(
        noisy(simulated_trace("flux", TIME, 4e-13)), TIME, PULSE, kernels=("exponential", "erfc")
    )
    assert "none of these kernels describes the data" in choice.votes().sentence()


def test_aicc_is_the_formula_for_the_residuals_of_least_squares():
    from napari_tesm.fitting import fit_traces

    traces = noisy(exponentials(), count=3)
    choice = model_choice(traces, TIME, PULSE, kernels=("exponential", "flux-pulse"))
    assert choice.parameters == (7, 4)
    fits = [fit_traces(traces[:, part], TIME[part]) for part in (slice(0, 100), slice(100, None))]
    rss = 100 * fits[0].rms ** 2 + 150 * fits[1].rms ** 2
    expected = 250 * np.log(rss / 250) + 14 + 2 * 7 * 8 / (250 - 8)
    np.testing.assert_allclose(choice.aicc[0], expected, rtol=1e-7)


def test_whiteness_is_uniform_for_noise_and_small_for_walks():
    rng = np.random.default_rng(4)
    noise = rng.standard_normal((4000, 250))
    probability = whiteness_of_residuals(noise)
    for level in (0.01, 0.1, 0.5):
        assert (probability < level).mean() == pytest.approx(level, abs=0.03)
    assert (whiteness_of_residuals(np.cumsum(noise[:50], axis=1)) < 1e-6).all()
    # One trace by hand.
    x = noise[0] - noise[0].mean()
    rho = np.array([x[k:] @ x[:-k] / (x @ x) for k in range(1, 11)])
    q = 250 * 252 * (rho**2 / (250 - np.arange(1, 11))).sum()
    assert probability[0] == pytest.approx(chi2.sf(q, 10), rel=1e-9)


def test_traces_that_cannot_be_judged_stay_apart():
    traces = noisy(exponentials(), count=6).reshape(2, 3, 250)
    expected = model_choice(traces, TIME, PULSE, kernels=KERNELS)
    traces[0, 1], traces[1, 2] = np.nan, 3.0
    traces[1, 0, 40] = np.nan
    choice = model_choice(traces, TIME, PULSE, kernels=KERNELS)
    assert choice.best.tolist()[0][1] == choice.best.tolist()[1][2] == -1
    assert np.isnan(choice.weight[:, 0, 1]).all()
    assert np.isfinite(choice.aicc[:, 1, 0]).all()
    np.testing.assert_allclose(choice.aicc[:, 0, 0], expected.aicc[:, 0, 0])
    nothing = model_choice(np.full((2, 250), np.nan), TIME, PULSE)
    assert nothing.votes().recommended() is None
    assert nothing.votes().sentence().startswith("No trace can be judged")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kernels": ("exponential",)}, "at least two"),
        ({"kernels": ("erfc", "erfc")}, "at least two"),
        ({"kernels": ("erfc", "parabola")}, "unknown kernel"),
        ({"pulse": Window(0.0)}, "when the pulse ends"),
        ({"pulse": Window(0.0, 3e-4)}, "the pulse holds 3 samples"),
        ({"pulse": Window(0.0, 24.8e-3)}, "the relaxation holds 2 samples"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(values, words):
    pulse = values.pop("pulse", PULSE)
    with pytest.raises(ValueError, match=words):
        model_choice(np.zeros((2, 250)), TIME, pulse, **values)
