import numpy as np
import pytest

from napari_tesm.tip_radius import TipRadius


def test_little_uncertainty_is_the_linear_error():
    """Both parts in squares: σ(ln D)² = (2 σ_l/l)² + σ_τ²."""
    low, high = TipRadius.normal(25e-9, 0.25e-9).interval(np.array([4e-13]), np.array([0.03]), level=0.6827)
    assert np.log(high / low)[0] / 2 == pytest.approx(np.hypot(0.02, 0.03), rel=0.01)
    assert np.sqrt(low * high)[0] == pytest.approx(4e-13, rel=1e-3)


@pytest.mark.parametrize("error", [0.01, 0.3, 1.0])
def test_the_interval_holds_95_of_100_draws(error):
    rng = np.random.default_rng(0)
    radii = rng.normal(25e-9, 5e-9, 400_000)
    radii = radii[radii > 0]
    drawn = (radii / 25e-9) ** 2 * np.exp(error * rng.standard_normal(radii.size))
    low, high = TipRadius.normal(25e-9, 5e-9).interval(np.array([1.0]), np.array([error]))
    np.testing.assert_allclose([low[0], high[0]], np.quantile(drawn, [0.025, 0.975]), rtol=0.03)


def test_a_known_radius_leaves_the_error_of_the_fit():
    low, high = TipRadius.normal(25e-9, 0.0).interval(np.array([1e-13, 2e-13]), np.array([0.1, np.nan]))
    assert low[0] == pytest.approx(1e-13 * np.exp(-0.19600), rel=1e-4)
    assert high[0] == pytest.approx(1e-13 * np.exp(0.19600), rel=1e-4)
    assert TipRadius.normal(25e-9, 0.0).factors() == (1.0, 1.0)


def test_measured_radii():
    tip = TipRadius.measured(np.array([30e-9, 20e-9, 25e-9]))
    assert tip.nominal == 25e-9
    assert tip.factors(0.999) == pytest.approx((0.64, 1.44), rel=0.01)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TipRadius.normal(0.0, 1e-9), "tip radius must lie"),
        (lambda: TipRadius.normal(-25e-9, 1e-9), "tip radius must lie"),
        (lambda: TipRadius.normal(25e-9, -1e-9), "must not be negative"),
        (lambda: TipRadius.measured(np.array([])), "at least one"),
        (lambda: TipRadius.measured(np.array([25e-9, -1e-9])), "tip radius must lie"),
        (lambda: TipRadius.normal(25e-9, 1e-9).factors(2.0), "probability"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()
