"""Lateral diffusion taken out in napari: the same numbers and words as the command line, and what the canvas shows."""

import json
import re
import shlex
from html import unescape

import numpy as np
import pytest
from lateral_truth import band_recording

pytest.importorskip("psygnal")
from napari_tesm import save
from napari_tesm.cli import main
from napari_tesm.data.lateral import ATTRIBUTE, Inversion, found_in_maps
from napari_tesm.data.maps import LATERAL, labels_from_maps, map_title
from napari_tesm.evaluation.pipeline import Cancelled
from napari_tesm.gui.models.agreement import recipe_in_short, sentence_about_maps
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.profile import ProfileModel
from napari_tesm.gui.models.scan import Scan, scans_from_path
from napari_tesm.gui.models.spelling import command_from_scan, python_from_scan
from napari_tesm.gwy import contents
from napari_tesm.gwy.reading import read_container
from napari_tesm.regions.shapes import Region


@pytest.fixture(scope="module")
def recording():
    return band_recording()


@pytest.fixture(scope="module")
def path(recording, tmp_path_factory):
    path = tmp_path_factory.mktemp("lateral") / "a scan.gwy"
    save(path, recording)
    return path


def opened(path):
    (scan,) = scans_from_path(path)
    model = FitModel(scan)
    assert model.set(kernel="flux-pulse", noise="white", nuisance="none")
    return model


@pytest.fixture(scope="module")
def fitted(path):
    """Return the model of a scan after a whole fit; nobody changes it."""
    model = opened(path)
    assert model.set_lateral(wanted=True)
    model.scan.set_results(model.fit(jobs=2))
    return model


@pytest.fixture
def scan(fitted):
    """Return a scan with that result, to be changed."""
    return Scan("band", fitted.scan.dataset, [], maps=fitted.scan.maps, recipe=fitted.scan.recipe)


def channels(path):
    """Return values, mask and metadata of every channel of a file by its title."""
    container = read_container(path)
    return {
        contents.title(container, contents.CHANNEL, n): [
            None if key not in container else getattr(container[key], "data", container[key])
            for key in (f"/{n}/data", f"/{n}/mask", f"/{n}/meta")
        ]
        for n in contents.ids(container, contents.CHANNEL)
    }


def test_save_writes_what_the_copied_command_writes_to_the_last_bit(
    path, fitted, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command_from_scan(fitted.scan))
    assert words[:2] == ["tesm", "lateral"]
    assert main(words[1:]) == 0
    of_command = capsys.readouterr().out
    of_napari = fitted.scan.save(tmp_path / "napari.gwy")
    wanted, found = channels(words[words.index("-o") + 1]), channels(of_napari)
    names = [map_title(name, label) for name in LATERAL for label in labels_from_maps(fitted.scan.maps)]
    assert set(names) < set(wanted)
    assert list(wanted) == list(found)
    for title, parts in wanted.items():
        for ours, theirs in zip(found[title], parts, strict=True):
            assert ours == theirs if isinstance(theirs, dict) else np.array_equal(ours, theirs), title
    # The dead corner is the prior's, and masked.
    assert found["D lateral (-3 V)"][1].reshape(6, -1)[:, -4:].all()
    assert not found["D lateral (-3 V)"][1].reshape(6, -1)[:, :40].any()

    pytest.importorskip("qtpy")
    from napari_tesm.gui.panels.fit_outcome import lateral_lines

    for pulse in (0, 1):
        lines = [unescape(re.sub("<[^>]+>", "", line)) for line in lateral_lines(fitted.scan.maps, pulse)]
        assert len(lines) >= 3
        for line in lines:
            assert line in of_command
    assert lateral_lines(fitted.scan.maps, 0) != lateral_lines(fitted.scan.maps, 1)


def test_a_prior_and_one_d_for_all_voltages_reach_every_door(path, tmp_path, monkeypatch):
    pytest.importorskip("qtpy")
    model = opened(path)
    assert model.set_lateral(wanted=True, together=True, prior="0.7:45nm")
    maps = model.fit()
    found = found_in_maps(maps)
    assert found[0]["D0"] == found[1]["D0"]
    assert [entry["prior"] for entry in found] == [{"sd": 0.7, "length": 45e-9, "given": True}] * 2
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command_from_scan(model.scan))[1:]) == 0
    names = {}
    exec(
        compile(python_from_scan(model.scan).replace("save(", "(lambda *_: None)("), "copied", "exec"), names
    )
    (again,) = scans_from_path(tmp_path / "a scan_D.gwy")
    for name in LATERAL:
        if name in maps:
            assert np.array_equal(names["maps"][name].values, maps[name].values, equal_nan=True), name
            assert np.array_equal(again.maps[name].values, maps[name].values, equal_nan=True), name
    from napari_tesm.gui.panels.report_button import gatherer_of

    of_report = gatherer_of([model.scan])(lambda *_: None).scans[0].maps
    assert np.array_equal(of_report["D_lateral"].values, maps["D_lateral"].values, equal_nan=True)
    # Opened again, the form says what made the maps, and a fit would give them.
    assert again.inversion == Inversion((0.7, 45e-9), together=True) == model.scan.inversion
    assert sentence_about_maps(again) == ""


def test_the_step_is_fast_where_each_pixel_by_itself_hides_it(fitted):
    maps = fitted.scan.maps.isel(pulse=0)
    away = np.abs(maps["x"].values - maps["x"].values.mean())
    inside, outside = away < 12e-9, away > 70e-9
    joint, alone = (maps[name].values for name in ("D_lateral", "D"))
    assert np.median(joint[:, inside]) / np.median(joint[:, outside]) > 2
    assert np.median(alone[:, inside]) / np.median(alone[:, outside]) < 1.5
    assert fitted.shown_of(fitted.scan.maps) == ("log10_D_lateral", 1)


def test_maps_of_another_choice_are_named(scan):
    assert scan.inversion == Inversion()
    assert sentence_about_maps(scan) == ""
    assert "lateral diffusion taken out" in recipe_in_short(scan)
    model, heard = FitModel(scan), []
    scan.recipe_changed.connect(heard.append)
    assert model.set_lateral(wanted=False)
    assert len(heard) == 1
    assert "lateral diffusion taken out; the form says left in" in sentence_about_maps(scan)
    assert model.set_lateral(wanted=True, together=True)
    assert "the form says taken out, of all voltages together" in sentence_about_maps(scan)
    assert model.set_lateral(wanted=True)
    assert sentence_about_maps(scan) == ""
    # A kernel that says nothing of the surface leaves it in, and with it the choice comes back.
    assert model.set(kernel="exponential")
    assert scan.inversion is None
    assert "left in" in sentence_about_maps(scan)
    assert model.set(kernel="flux-pulse")
    assert scan.inversion == Inversion()


def test_a_preview_is_of_each_pixel_and_is_not_stale(scan):
    model = FitModel(scan)
    preview = model.preview()
    assert "D_lateral" not in preview
    model.show_preview(preview)
    assert not model.is_stale
    assert model.shown[0] == "log10_D"
    # A whole fit shows what was asked for, whatever the preview showed.
    model.show("log10_D", 0)
    assert model.show_fitted(scan.maps) == ("log10_D_lateral", 0)


def test_what_cannot_be_inverted_is_refused_before_anything_is_fitted(path):
    model = opened(path)
    assert model.lateral_problem == ""
    assert not model.set_lateral(wanted=True, prior="0.5:50")
    assert "0.5:50nm" in model.message
    assert "Fit → Gates → Prior of ln D" in model.message
    assert model.scan.inversion is None
    assert model.set(kernel="exponential")
    assert "does not say what happens at the surface" in model.lateral_problem
    assert model.refusal == ""  # nobody asked for it
    assert model.set(kernel="clamped")
    assert model.set_lateral(wanted=True)
    assert model.refusal == ""
    del model.scan.dataset.attrs["tip_radius"]
    blank = FitModel(Scan("no radius", model.scan.dataset, [], recipe=model.recipe, lateral=Inversion()))
    assert "Fit → Tip radius" in blank.refusal
    assert blank.problem == ""  # tau can still be looked at


def test_who_cancels_does_not_wait_for_a_round(path):
    model = opened(path)
    assert model.set_lateral(wanted=True)
    told = []

    def cancel_in_the_middle(fraction, words):
        told.append((fraction, words))
        if len([words for _, words in told if words == "taking lateral diffusion out"]) > 60:
            raise Cancelled

    with pytest.raises(Cancelled):
        model.fit(progress=cancel_in_the_middle)
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    # Of at most 24 rounds, each of which is told of many times, not half are over for the first pulse setting.
    assert fractions[-1] < 0.4


def test_profiles_across_the_step_show_both_d_with_the_error_of_one(scan):
    width = float(scan.x[-1] - scan.x[0])
    line = Region(
        "line", ((float(scan.x[0]), 3e-8), (float(scan.x[0]) + width, 3e-8)), "across", "other", 24e-9
    )
    scan.set_regions([line])
    model = ProfileModel.of(scan)
    model.choose(pulse=1)
    view = model.line_view()
    (group,) = [group for group in view.curves if group[0].quantity.key == "D"]
    assert [curve.title for curve in group] == ["D (-3 V)", "D lateral (-3 V)"]
    alone, joint = group
    assert alone.log_error is None
    errors = scan.maps["log_D_lateral_stderr"].values[1]
    assert np.nanmin(errors) <= np.nanmin(joint.log_error) <= np.nanmax(joint.log_error) <= np.nanmax(errors)
    assert np.nanmax(joint.profile.mean) > 1.7 * np.nanmedian(joint.profile.mean)
    # Where the map is masked there is neither a value nor an error.
    assert np.array_equal(np.isnan(joint.profile.mean), np.isnan(joint.log_error))
    assert np.isnan(joint.profile.mean).any()
    head, *rows = [
        line.split(",") for line in model.csv_text().splitlines() if not line.startswith(("#", '"#'))
    ]
    column = head.index("ln D lateral (-3 V) standard error")
    saved = [float(row[column]) if row[column] else np.nan for row in rows]
    assert np.allclose(saved, joint.log_error, rtol=1e-6, atol=0, equal_nan=True)


def test_histogram_table_and_grains_begin_with_the_d_that_was_asked_for(scan):
    from napari_tesm.gui.models.grains import GrainModel
    from napari_tesm.gui.models.histogram import HistogramModel
    from napari_tesm.gui.models.region_table import RegionTable

    inside = float(scan.x.mean())
    strip = (
        (inside - 12e-9, -6e-9),
        (inside + 12e-9, -6e-9),
        (inside + 12e-9, 66e-9),
        (inside - 12e-9, 66e-9),
    )
    scan.set_regions([Region("rectangle", strip, "the step", "step")])
    table, histogram = RegionTable.of(scan), HistogramModel.of(scan)
    table.choose(pulse=0)
    (row,) = table.rows()
    values = scan.maps["D_lateral"].values[0][:, np.abs(scan.x - inside) < 12e-9]
    assert row.values.median == pytest.approx(np.median(values), rel=1e-12)
    assert "D lateral (+3 V)" in table.comparison()
    view = histogram.view()
    assert view.name == "D lateral"
    assert view.samples[0].values.size == np.isfinite(scan.maps["D_lateral"].values[1]).sum()
    assert GrainModel(scan).chosen() == "D_lateral"


def test_the_resolution_lies_as_a_bar_beside_the_map_it_belongs_to(viewer_model, scan):
    from napari_tesm.gui.layers.map_legend import show_map_legend
    from napari_tesm.gui.layers.result_layers import add_result_layers, show_one_map
    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
    from napari_tesm.gui.layers.session import Session

    found = found_in_maps(scan.maps)
    # One that the pixels can show, of 12 nm at most, and one that they cannot.
    found[0]["resolution"], found[1]["resolution"] = 31e-9, 9e-9
    scan.maps = scan.maps.assign_attrs({ATTRIBUTE: json.dumps(found)})
    resolutions, words = [31.0, 24.0], ["resolution", "resolution ≤ 2 pixels"]
    for layer in layers_from_scan(scan):
        add_layer(viewer_model, layer)
    session, overlays = Session.of(viewer_model), viewer_model.canvas.overlays

    def bar_beside(name, pulse):
        show_one_map(session, scan, name, pulse)
        show_map_legend(session, scan)
        bar = overlays.get("tesm_resolution")
        return bar.length if bar is not None and bar.visible else None

    assert bar_beside("D", 0) is None
    for pulse, resolution in enumerate(resolutions):
        assert bar_beside("log10_D_lateral", pulse) == pytest.approx(resolution, rel=0.05)
        assert overlays["tesm_resolution_word"].text == words[pulse]
    assert bar_beside("log10_D", 1) is None
    assert overlays["tesm_resolution_word"].visible is False
    assert bar_beside("D_lateral", 0) == pytest.approx(resolutions[0], rel=0.05)
    add_result_layers(session, scan, FitModel(scan).preview())
    show_map_legend(session, scan)
    assert overlays["tesm_resolution"].visible is False


def test_a_wrong_boundary_stands_out_in_bold(path):
    from napari_tesm.gui.panels.fit_outcome import lateral_lines

    model = opened(path)
    assert model.set(kernel="clamped")
    assert model.set_lateral(wanted=True)
    lines = lateral_lines(model.fit(), 0)
    (bold,) = [line for line in lines if line.startswith("<b>")]
    assert "describes the traces better" in bold


def test_a_report_shows_the_d_lateral_that_is_on_the_screen(scan):
    pytest.importorskip("qtpy")
    from napari_tesm.gui.panels.report_button import gatherer_of

    def never(*_):
        raise AssertionError("the maps are there")

    on_screen = scan.maps["D_lateral"].values
    (shown,) = gatherer_of([scan])(never).scans
    assert shown.lateral is shown.maps
    np.testing.assert_array_equal(shown.lateral["D_lateral"].values, on_screen)
    # Fitted anew with another kernel it stays, with the D of pixels by themselves that it was made beside.
    FitModel(scan).set(kernel="exponential", nuisance="none")
    (shown,) = gatherer_of([scan])(lambda *_: None).scans
    assert "D1" in shown.maps
    np.testing.assert_array_equal(shown.lateral["D_lateral"].values, on_screen)
    assert {"D", "status"} <= set(shown.lateral)
