"""95 % limits on the screen: the probe says what the maps hold, and what was asked for can be spelled."""

import numpy as np
import pytest
from test_intervals import WINDOW, dataset_of_taus

from napari_tesm import fit
from napari_tesm.gui.layers.scan_layers import names_of_maps
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.models.trace import TraceModel
from napari_tesm.plotting.words import sentence_from_limits_of_fit


@pytest.fixture
def scan():
    return Scan("slow", dataset_of_taus([2e-3, 40 * WINDOW]))


def test_the_probe_says_what_the_maps_hold(scan):
    model = FitModel(scan)
    model.set(intervals=True)
    maps = fit(scan.dataset, recipe=scan.recipe)
    scan.set_results(maps)
    model = TraceModel(scan)
    slow = 0
    for row in range(10):
        for column in range(2):
            window = model.fits_of(scan.traces_at((row, column)))[0].windows[2]
            limits = [maps[name].values[0, row, column] for name in ("D2_lower", "D2_upper")]
            np.testing.assert_allclose(
                [window.values["D_lower"], window.values["D_upper"]], limits, rtol=1e-9
            )
            if column == 0:
                assert "…" in sentence_from_limits_of_fit(window)
                assert sentence_from_limits_of_fit(window).startswith("D2 ")
            elif np.isfinite(limits[1]) and np.isnan(limits[0]):
                assert sentence_from_limits_of_fit(window).startswith("D2 below")
                slow += 1
    assert slow > 3
    assert {"D1_lower", "D2_upper", "tau1_upper"} <= set(names_of_maps(maps))


def test_nothing_is_said_where_nobody_asked(scan):
    window = TraceModel(scan).fits_of(scan.traces_at((0, 0)))[0].windows[2]
    assert sentence_from_limits_of_fit(window) == ""


def test_a_map_of_limits_stays_chosen_as_long_as_there_is_one(scan):
    model = FitModel(scan)
    with_limits, without = fit(scan.dataset, intervals=True), fit(scan.dataset)
    model.show("D1_upper", 0)
    assert model.shown_of(with_limits) == ("D1_upper", 0)
    assert model.shown_of(without) == ("log10_D1", 0)


def test_the_panel_says_what_the_tip_radius_does_to_the_median(viewer_model, qapp):
    from examples import example_dataset

    from napari_tesm.gui.panels.fit_outcome import FitOutcome
    from napari_tesm.physics.tip_radius import systematic_intervals

    scan = Scan("example", example_dataset())
    model, outcome = FitModel(scan), FitOutcome()
    scan.set_results(fit(scan.dataset, tip_radius="25 nm ± 5 nm"))
    model.show("log10_D2", 0)
    outcome.show_model(model)
    median = float(np.nanmedian(scan.maps["D2"].values[0]))
    low, high = systematic_intervals(median, 25e-9, 5e-9)["95"]
    assert f"(for the tip radius {low * 1e13:.2g} … {high * 1e13:.2g}, 95 %)" in outcome.reasons.text()
    model.show("tau2", 0)
    outcome.show_model(model)
    assert "tip radius" not in outcome.reasons.text()
    scan.set_results(fit(scan.dataset, tip_radius="25 nm"))
    model.show("D2", 0)
    outcome.show_model(model)
    assert "tip radius" not in outcome.reasons.text()
