"""Pure diffusion laid over a trace in napari: the tip's response as `tesm theory` has it, with its D."""

import numpy as np
import pytest

from napari_tesm import simulate_dataset
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.theory import TheoryModel, theory_in_words
from napari_tesm.gui.models.trace import TraceModel
from napari_tesm.physics.tip import TipContact, response_from_time
from napari_tesm.plotting.trace_curves import THEORY_COLOUR


@pytest.fixture(scope="module")
def dataset():
    return simulate_dataset(size=(3, 4), samples=180)


@pytest.mark.parametrize(("diffusion", "radius"), [(2e-13, 25e-9), (1.1e-12, 40e-9)])
def test_the_curve_of_a_tip_is_found_with_its_diffusion_coefficient(dataset, diffusion, radius):
    time = dataset["time"].values
    response = response_from_time(time, TipContact(diffusion, radius), pulse=10e-3)
    traces = np.stack([-0.1 * response / response.max() + 0.003, 0.04 * response / response.max()])
    noise = np.convolve(np.random.default_rng(2).normal(size=182), [0.3, 1, 0.3], "valid")
    evaluation = Evaluation.of(dataset, Recipe(tip_radius=radius, geometry="l2/4tau"))
    exact, noisy = (
        TheoryModel().curves(each, ["a", "b"], evaluation) for each in (traces, traces + 1e-3 * noise)
    )
    for curve, wanted in zip(exact, traces, strict=True):
        assert curve.window.values["D"] == pytest.approx(diffusion, rel=1e-6)
        inside = np.searchsorted(time, curve.window.time)
        np.testing.assert_allclose(curve.window.curve, wanted[inside], atol=1e-9)
    assert noisy[0].window.values["D"] == pytest.approx(diffusion, rel=0.05)
    words = theory_in_words(noisy)
    assert words.startswith("green, pure diffusion from a clamped tip: D ")
    assert words.count("m²/s (") == 2
    assert "(b, R² 0." in words


def test_a_curve_is_shown_where_it_is_asked_for_and_saved_with_the_others(dataset):
    model = TraceModel(Scan("simulated", dataset))
    model.scan.look_at((1, 2))
    (place,) = model.places()
    assert model.theory_of(place) == {}
    assert "pure diffusion" not in model.csv_text()
    model.show_theory(True)
    assert sorted(model.theory_of(place)) == [0, 1]
    lines = model.csv_text().splitlines()
    head = next(line for line in lines if line.startswith("time_s"))
    assert head.count("pure diffusion") == 2
    assert "pixel 1 2 (-3 V) pure diffusion" in head


def test_what_is_missing_for_a_curve_is_said(dataset):
    bare = dataset.copy()
    bare.attrs = {name: value for name, value in dataset.attrs.items() if not name.startswith("tip")}
    model = TraceModel(Scan("simulated", bare))
    model.show_theory(True)
    model.scan.look_at((0, 0))
    with pytest.raises(ValueError, match="needs its radius"):
        model.theory_of(model.places()[0])


def test_the_panel_draws_it_in_green_and_says_its_coefficient(viewer_model, qapp, dataset):
    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
    from napari_tesm.gui.panels.trace import TracePanel

    scan = Scan("simulated", dataset)
    for layer in layers_from_scan(scan):
        add_layer(viewer_model, layer)
    panel = TracePanel(viewer_model)
    panel.show()
    panel.refresh()
    panel.scan.look_at((1, 1))
    panel.theory_button.click()
    panel.refresh()
    assert "green, pure diffusion" in panel.sentence.text()
    lines = [line for axes in panel.canvas.figure.axes for line in axes.lines]
    drawn = [line for line in lines if line.get_color() == THEORY_COLOUR and line.get_visible()]
    assert len(drawn) == 2
    assert min(len(line.get_xdata()) for line in drawn) > 50
    panel.theory_button.click()
    panel.refresh()
    assert "green" not in panel.sentence.text()
    panel.close()
