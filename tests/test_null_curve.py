import numpy as np
import pytest
from finite_volumes import simulated_trace

from napari_tesm import fit
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.model_choice.null_curve import null_curve

TIME = np.arange(500) * 5e-5
PROTOCOL = PulseProtocol(pulse_start=0.0, pulse_duration=10e-3)
RADIUS = 25e-9


@pytest.mark.parametrize(
    ("kernel", "first", "second"),
    [
        ("flux-pulse", (5.1, 1.44, 0.53, 0.25), (7.4, 1.63, 0.57, 0.27)),
        ("clamped", (19.9, 4.3, 2.26, 2.06), (20.4, 4.25, 2.23, 2.01)),
    ],
)
def test_the_table_of_the_physics(kernel, first, second):
    true = np.array([1e-14, 1e-13, 4e-13, 1e-12])
    curve = null_curve(TIME, PROTOCOL, RADIUS, kernel=kernel, diffusion=true)
    np.testing.assert_allclose(curve.apparent[1] / true, first, rtol=0.02)
    np.testing.assert_allclose(curve.apparent[2] / true, second, rtol=0.02)
    np.testing.assert_allclose(curve.ratio, curve.apparent[2] / curve.apparent[1])


def test_a_flux_squeezes_300_fold_to_six_fold_and_makes_d2_exceed_d1():
    curve = null_curve(TIME, PROTOCOL, RADIUS, diffusion=np.geomspace(1e-14, 3e-12, 60))
    for number in (1, 2):
        assert curve.apparent[number][-1] / curve.apparent[number][0] < 7
    low, high = curve.band
    assert 1.03 < low < 1.1
    assert 1.4 < high < 1.5


def test_the_recipe_itself_lies_on_the_curve():
    """`fit` of simulated traces, with windows and geometry of their own, returns what the curve says."""
    true = np.array([3e-14, 2e-13, 1e-12])
    traces = np.stack([simulated_trace("flux", TIME, d) for d in true])[None]
    traces = traces + 1e-5 * np.random.default_rng(0).standard_normal(traces.shape)
    dataset = dataset_from_traces(
        [traces], time=TIME, x=np.arange(3.0), y=np.zeros(1), voltage=[-3], protocol=PROTOCOL
    )
    windows = {1: Window(1e-3, 9e-3), 2: Window(11e-3)}
    maps = fit(
        dataset, tip_radius="25 nm", geometry="l2/4tau", window1="1ms:9ms", window2="11ms:", threshold=0.0
    )
    curve = null_curve(TIME, PROTOCOL, RADIUS, windows=windows, geometry="l2/4tau", diffusion=true)
    for number in (1, 2):
        np.testing.assert_allclose(maps[f"D{number}"].values[0, 0], curve.apparent[number], rtol=0.01)


def test_the_correction_leads_back_where_it_can():
    curve = null_curve(TIME, PROTOCOL, RADIUS)
    correction = curve.correction(2)
    low, high = correction.valid
    assert (np.diff(correction.apparent) > 0).all()
    true = np.geomspace(correction.diffusion[0], correction.diffusion[-1], 37)[1:-1]
    apparent = null_curve(TIME, PROTOCOL, RADIUS, diffusion=true).apparent[2]
    back, error = correction.apply(apparent, 0.1 * apparent)
    np.testing.assert_allclose(back, true, rtol=0.01)
    # An error grows by the inverse of the slope, which stays above the limit.
    assert (error / back > 0.1).all()
    assert (error / back < 0.1 / 0.149).all()
    outside, _ = correction.apply(np.array([low / 1.01, high * 1.01, np.nan, -1.0, 0.0]))
    assert np.isnan(outside).all()


def test_where_the_recipe_rejects_there_is_no_value():
    curve = null_curve(TIME, PROTOCOL, RADIUS, kernel="clamped", bounds=(1e-3, 2e-3))
    slow = curve.diffusion < 1e-15
    assert np.isnan(curve.apparent[1][slow]).all()
    nothing = null_curve(TIME, PROTOCOL, RADIUS, bounds=(5.0, 6.0))
    assert nothing.band is None
    assert nothing.correction(1).valid is None
    assert np.isnan(nothing.correction(1).apply(np.array([1e-13]))[0]).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kernel": "exponential"}, "whole traces"),
        ({"tip_radius": 0.0}, "tip radius"),
        ({"tip_radius": -1e-9}, "tip radius"),
        ({"diffusion": np.array([-1e-13, 1e-13])}, "positive"),
        ({"diffusion": np.array([1e-12, 1e-13])}, "increase"),
        ({"windows": {1: Window(0.0, 1e-4)}}, "holds 2 samples"),
        ({"protocol": PulseProtocol()}, "when the pulse was on"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(values, words):
    given = {"time": TIME, "protocol": PROTOCOL, "tip_radius": RADIUS} | values
    with pytest.raises(ValueError, match=words):
        null_curve(given.pop("time"), given.pop("protocol"), given.pop("tip_radius"), **given)


def test_a_window_that_is_not_there_cannot_be_corrected():
    curve = null_curve(TIME, PROTOCOL, RADIUS, windows={2: Window(10e-3)})
    assert np.isnan(curve.ratio).all()
    with pytest.raises(ValueError, match="window 1"):
        curve.correction(1)
