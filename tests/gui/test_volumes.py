"""Electrode volumes in napari: a file to layers, its surfaces on the section that is shown, several states together."""

import time

import numpy as np
import pytest
import tifffile
from electrode_volumes import GREY_AIR, GREY_COLLECTOR, electrode_volume

pytest.importorskip("psygnal")

from napari_tesm.cli import main
from napari_tesm.files.lazy import LazyArray
from napari_tesm.gui.volumes.scene import VolumeScene
from napari_tesm.gui.volumes.state import Greys, VolumeState, save_channels
from napari_tesm.io.volumes import open_volume, save_volume
from napari_tesm.volumes.dataset import volume_from_array
from napari_tesm.volumes.levels import Levels, levels_of
from napari_tesm.volumes.profile import csv_from_profile

VOXEL = (60e-9, 50e-9, 75e-9)
SHAPE = (64, 44, 52)
DOCK = "Electrode volume"


@pytest.fixture(scope="module")
def drawn():
    return electrode_volume(SHAPE, thickness=24.0, spread=3.0, level=0.12, grains=0.25, noise=0.03, seed=7)


@pytest.fixture
def volume(drawn):
    return volume_from_array(drawn.grey, VOXEL)


@pytest.fixture
def stored(tmp_path, volume):
    save_volume(tmp_path / "pristine.zarr", volume)
    return tmp_path / "pristine.zarr"


def found(volume, name="pristine"):
    """A state whose surfaces are found, as the widget's thread finds them."""
    state = VolumeState(name, volume)
    state.set_greys(state.find_greys())
    state.work_surfaces()()
    return state


# The state


def test_what_is_saved_is_what_the_command_writes(tmp_path, stored):
    state = found(open_volume(stored))
    state.work_profile(None, None)()
    save_channels(tmp_path / "a.gwy", list(state.surfaces.data_vars.values()))
    save_channels(tmp_path / "b.gwy", [state.section(500e-9)])
    words = ["volume", "surfaces", str(stored), "-o", str(tmp_path / "c.gwy"), "--quiet"]
    assert main(words) == 0
    words = ["volume", "profile", str(stored), "--csv", str(tmp_path / "d.csv"), "--section", "500nm", "-o",
             str(tmp_path / "d.gwy"), "--quiet"]  # fmt: skip
    assert main(words) == 0
    assert (tmp_path / "a.gwy").read_bytes() == (tmp_path / "c.gwy").read_bytes()
    assert (tmp_path / "b.gwy").read_bytes() == (tmp_path / "d.gwy").read_bytes()
    assert csv_from_profile(state.profile) == (tmp_path / "d.csv").read_text()


def test_reading_into_memory_changes_no_number(stored):
    lazy, read = VolumeState("a", open_volume(stored)), VolumeState("a", open_volume(stored))
    assert not read.is_read
    read.work_reading()()
    assert read.is_read
    assert read.volume.attrs == lazy.volume.attrs
    assert read.find_greys() == lazy.find_greys()


def test_a_grey_value_that_is_not_touched_keeps_its_digits(volume):
    state = found(volume)
    before = state.greys
    texts = {name: state.grey_text(name) for name in ("air", "collector", "electrode")}
    state.edit_greys(texts)
    assert state.greys == before
    assert state.surfaces is not None
    state.edit_greys(texts | {"air": "-30,5"})
    assert state.greys == Greys(Levels(-30.5, before.levels.collector), before.electrode)
    assert state.surfaces is None  # it was another air


@pytest.mark.parametrize(
    ("edited", "words"),
    [
        ({"air": "dark"}, "'dark' is no grey value: air takes a number"),
        ({"collector": "inf"}, "'inf' is no grey value"),
        ({"air": "60"}, "air \\(60\\) is not darker than the collector"),
        ({"electrode": "-40"}, "does not lie between air"),
    ],
)
def test_grey_values_that_cannot_be_are_refused(volume, edited, words):
    state = VolumeState("a", volume)
    state.set_greys(Greys(Levels(GREY_AIR, GREY_COLLECTOR), -20.0))
    texts = {name: state.grey_text(name) for name in ("air", "collector", "electrode")}
    with pytest.raises(ValueError, match=words):
        state.edit_greys(texts | edited)
    assert state.greys.levels.air == GREY_AIR


def test_a_volume_upside_down_can_still_be_given_its_greys(drawn):
    state = VolumeState("a", volume_from_array(drawn.grey[::-1], VOXEL))
    with pytest.raises(ValueError, match="darker"):
        state.find_greys()
    state.edit_greys({"air": "-31", "collector": "", "electrode": ""})
    assert state.greys is None
    state.edit_greys({"air": "-31", "collector": "47", "electrode": ""})
    assert state.greys == Greys(Levels(-31.0, 47.0), None)


def test_voxels_for_three_dimensions_are_means_of_blocks(monkeypatch, drawn, volume):
    monkeypatch.setattr("napari_tesm.gui.volumes.state._MOST_SOLID", 8000)
    values, factor = VolumeState("a", volume).work_solid()
    assert factor == 3
    assert values.shape == (21, 14, 17)
    np.testing.assert_allclose(values[4, 5, 6], drawn.grey[12:15, 15:18, 18:21].mean(), rtol=1e-5)


# The scene


def test_a_volume_lies_where_its_voxels_do_and_is_read_by_sections(viewer_model, drawn):
    read = []

    def part(slices):
        read.append(drawn.grey[slices].size)
        return drawn.grey[slices]

    scene = VolumeScene.of(viewer_model)
    state = VolumeState("a", volume_from_array(LazyArray(SHAPE, drawn.grey.dtype, part), VOXEL))
    scene.add(state)
    layer = viewer_model.layers["a"]
    np.testing.assert_allclose(layer.scale, (0.06, 0.05, 0.075))
    np.testing.assert_allclose(layer.translate, (0.03, 0.025, 0.0375))
    assert {f"{unit:~}" for unit in layer.units} == {"µm"}
    assert layer.axis_labels == ("z", "y", "x")
    assert viewer_model.dims.order == (1, 0, 2)
    assert viewer_model.dims.current_step[1] == SHAPE[1] // 2
    assert viewer_model.scene.camera.orientation2d[0] == "up"  # air is above the collector
    assert max(read) <= max(SHAPE[0], SHAPE[1]) * SHAPE[2]
    scene.show("above")
    assert viewer_model.dims.order == (0, 1, 2)
    assert viewer_model.scene.camera.orientation2d[0] == "down"


def test_maps_are_shown_from_above_and_in_no_upright_section(viewer_model, drawn, volume):
    scene = VolumeScene.of(viewer_model)
    state = found(volume)
    other = VolumeState("other", volume)
    scene.add(state)
    scene.add(other)
    state.changed.emit()
    scene.choose(state)
    thickness = viewer_model.layers["Thickness – pristine"]
    np.testing.assert_allclose(thickness.data, state.surfaces["thickness"].values * 1e6, rtol=1e-6)
    true = ((drawn.z1 - drawn.z0) * 0.06).mean()
    assert thickness.data.mean() == pytest.approx(true, rel=0.03)
    np.testing.assert_allclose(thickness.scale, (0.05, 0.075))

    def visible():
        return {layer.name for layer in viewer_model.layers if layer.visible}

    assert visible() == {"pristine"}
    scene.show("map", "thickness")
    assert visible() == {"Thickness – pristine"}
    scene.show("map", "collector_surface")
    assert visible() == {"Collector surface – pristine"}
    scene.show("y")
    assert visible() == {"pristine"}
    scene.choose(other)
    assert visible() == {"other"}
    scene.show("map", "thickness")
    assert visible() == {"other"}  # there is no map of it yet


def test_states_are_side_by_side_on_one_scale(viewer_model, drawn, volume):
    scene = VolumeScene.of(viewer_model)
    darker = volume_from_array(drawn.grey[:, :30] * 2.0 + 11.0, VOXEL)
    states = [VolumeState("a", volume), VolumeState("b", darker)]
    for state in states:
        scene.add(state)
        state.set_greys(Greys(levels_of(state.volume), None))
    scene.set_largest(0.2)
    for layer in viewer_model.layers:
        levels = next(state.greys.levels for state in states if state.name == layer.name)
        np.testing.assert_allclose(levels.normalised(np.asarray(layer.contrast_limits)), (0, 0.2), atol=1e-5)
    scene.put_together(True)
    width = SHAPE[2] * 0.075
    assert viewer_model.layers["a"].translate[2] == pytest.approx(0.0375)
    assert viewer_model.layers["b"].translate[2] > 0.0375 + width
    scene.show("y")  # along y now, with one slider for x
    assert viewer_model.layers["b"].translate[2] == pytest.approx(0.0375)
    assert viewer_model.layers["b"].translate[1] > 0.025 + SHAPE[1] * 0.05
    assert [str(name) for name in viewer_model.layers["Names of states"].features["name"]] == ["a", "b"]
    scene.put_together(False)
    assert viewer_model.layers["b"].translate[1] == pytest.approx(0.025)
    assert "Names of states" not in viewer_model.layers


def test_a_layer_that_is_deleted_takes_its_state_along(viewer_model, volume):
    scene = VolumeScene.of(viewer_model)
    states = [found(volume, "a"), found(volume, "a")]
    for state in states:
        scene.add(state)
        state.changed.emit()
    assert [state.name for state in scene.states] == ["a", "a 2"]
    scene.attach()
    gone = []
    scene.removed.connect(gone.append)
    viewer_model.layers.remove(viewer_model.layers["Thickness – a"])
    assert len(scene.states) == 2
    viewer_model.layers.remove(viewer_model.layers["a"])
    assert gone == [states[0]]
    assert [layer.name for layer in viewer_model.layers if layer.name.endswith("– a")] == []
    assert scene.current is states[1]
    scene.detach()
    viewer_model.layers.clear()  # while nobody listens
    scene.attach()
    assert scene.states == []
    scene.detach()


def test_napari_s_own_buttons_are_followed(viewer_model, volume):
    scene = VolumeScene.of(viewer_model)
    scene.add(VolumeState("a", volume))
    scene.attach()
    viewer_model.dims.order = (2, 0, 1)
    assert scene.view == "y"
    viewer_model.dims.order = (0, 1, 2)
    assert scene.view == "above"
    assert viewer_model.scene.camera.orientation2d[0] == "down"
    viewer_model.dims.ndisplay = 3
    assert scene.view == "solid"
    assert not viewer_model.layers["a"].visible  # all of it would be read
    viewer_model.dims.ndisplay = 2
    assert scene.view == "x"
    assert viewer_model.layers["a"].visible
    scene.detach()


# The window


@pytest.fixture
def panel(viewer):
    return viewer.window.add_plugin_dock_widget("napari-tesm", DOCK)[1]


def idle(qtbot, panel):
    qtbot.waitUntil(lambda: not (panel.work.tasks.running or panel.lines.running), timeout=20_000)


def lines_on_screen(viewer):
    return viewer.layers["Surfaces on the section"].data


@pytest.mark.display
def test_from_a_file_without_a_voxel_to_thickness(viewer, qtbot, panel, drawn, tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, drawn.grey)
    panel.show_view("y")
    assert "open one first" in panel.words.text()
    panel.opening.look_at_file(path)
    assert "size of a voxel is not known" in panel.opening.words.text()
    assert "Voxel 60nm" in panel.opening.words.text()  # as the form calls it
    panel.opening.add_button.click()
    assert len(viewer.layers) == 0
    panel.opening.voxel.setText("60nm,50nm,75nm")
    panel.opening.add_button.click()
    assert viewer.layers[0].name == "stack"
    idle(qtbot, panel)
    assert panel.surfaces.greys["air"].text().startswith("-3")
    # Lines while nothing was searched in the whole volume yet: on the section that is shown, right, and moving along.
    for step in (22, 31):
        viewer.dims.set_current_step(1, step)
        idle(qtbot, panel)
        bottom, top = lines_on_screen(viewer)
        assert set(bottom[:, 1]) == {step}
        assert np.abs(bottom[:, 0] + 0.5 - drawn.z0[step]).mean() < 0.25
        assert np.median(np.abs(top[:, 0] + 0.5 - drawn.z1[step])) < 1.2
        assert viewer.layers["Surfaces on the section"]._data_view._displayed.all()
    panel.tabs.setCurrentIndex(1)
    panel.profile.section_button.click()
    assert "find them first" in panel.words.text()
    panel.profile.measure_button.click()  # which finds the surfaces before
    idle(qtbot, panel)
    state = panel.scene.current
    assert state.profile is not None
    assert panel.table.item(0, 1).text() == f"{state.thickness.mean * 1e6:.3f}"
    assert state.thickness.mean == pytest.approx((drawn.z1 - drawn.z0).mean() * 60e-9, rel=0.03)
    panel.profile.plot_menu.save_to(tmp_path / "profile.svg", "85mm")
    assert "Distance from the collector" in (tmp_path / "profile.svg").read_text()
    panel.states.plot_menu.save_to(tmp_path / "states.pdf", "180mm")
    assert (tmp_path / "states.pdf").read_bytes().startswith(b"%PDF")
    panel.profile.height.setValue(600)
    qtbot.waitUntil(lambda: "Section – stack" in viewer.layers and not panel.profile.running, timeout=5000)
    np.testing.assert_allclose(viewer.layers["Section – stack"].data, state.section(600e-9).values, rtol=1e-6)
    assert viewer.layers["Section – stack"].visible
    viewer.dims.set_current_step(1, 12)
    panel.view_buttons["x"].click()
    idle(qtbot, panel)
    here = viewer.dims.current_step[1]
    np.testing.assert_allclose(
        lines_on_screen(viewer)[0][:, 0] + 0.5,
        state.surfaces["collector_surface"].values[here] / 60e-9,
        atol=1e-4,
    )


@pytest.mark.display
def test_where_nothing_was_reconstructed_no_line_is_drawn(viewer, qtbot, panel, drawn):
    y, x = np.indices(SHAPE[1:])
    outside = (y - 22) ** 2 / 21**2 + (x - 26) ** 2 / 25**2 > 1
    grey = np.where(outside, np.nan, drawn.grey)
    panel.work.add(VolumeState("a", volume_from_array(grey, VOXEL)))
    idle(qtbot, panel)
    viewer.dims.set_current_step(1, 8)
    for _ in range(2):  # on the section alone, and as found in the whole volume
        idle(qtbot, panel)
        bottom, top = lines_on_screen(viewer)
        np.testing.assert_array_equal(bottom[:, 2], np.flatnonzero(~outside[8]))
        assert np.abs(bottom[:, 0] + 0.5 - drawn.z0[8][~outside[8]]).mean() < 0.4
        assert np.isfinite(top).all()
        panel.surfaces.find()
    idle(qtbot, panel)
    panel.show_view("map")
    low, high = viewer.layers["Thickness – a"].contrast_limits
    assert 0 < low < high
    assert "too many numbers are missing" in "".join(panel.scene.current.numbers())


@pytest.mark.display
def test_a_selected_layer_is_taken_with_its_scale(viewer, panel, drawn):
    viewer.add_image(np.zeros((4, 5)), name="flat")
    panel.opening.layer_button.click()
    assert "no image of three dimensions" in panel.opening.words.text()
    viewer.add_image(drawn.grey, name="pixels")
    panel.opening.layer_button.click()
    assert "enter the size of a voxel" in panel.opening.words.text()
    panel.opening.add_button.click()
    assert panel.scene.states == []
    viewer.add_image(drawn.grey, name="measured", scale=(60, 50, 75), units=("nm",) * 3)
    panel.opening.layer_button.click()
    assert panel.opening.voxel.text() == "60nm,50nm,75nm"
    panel.opening.add_button.click()
    (state,) = panel.scene.states
    np.testing.assert_allclose(state.voxel, VOXEL)
    assert not viewer.layers["measured"].visible


@pytest.mark.display
def test_classes_come_from_strokes_that_are_painted(
    viewer, qtbot, panel, drawn, volume, tmp_path, monkeypatch
):
    panel.work.add(VolumeState("a", volume))
    idle(qtbot, panel)
    panel.classes.find_button.click()
    assert "paint strokes" in panel.words.text()
    panel.classes.paint_button.click()
    strokes = viewer.layers["Strokes – a"]
    assert viewer.layers.selection.active is strokes
    np.testing.assert_allclose(strokes.translate, viewer.layers["a"].translate)
    panel.classes.find_button.click()
    idle(qtbot, panel)
    assert "class" in panel.words.text().lower()  # nothing is painted
    middle = drawn.z0.mean(axis=0)
    for row in (12, 30):
        for column in range(4, 40, 6):
            bottom, top = round(middle[column]), round(drawn.z1[row, column])
            for number, plane in ((1, top + 7), (2, (bottom + top) // 2), (4, bottom - 8)):
                strokes.data[plane, row, column : column + 5] = number
    panel.classes.find_button.click()
    idle(qtbot, panel)
    found = viewer.layers["Classes – a"].data
    planes = np.arange(SHAPE[0])[:, None, None] + 0.5
    assert (found[(planes < drawn.z0 - 2)] == 4).mean() > 0.97
    assert (found[(planes > drawn.z1 + 3)] == 1).mean() > 0.95
    assert (found[(planes > drawn.z0 + 4) & (planes < drawn.z1 - 3)] == 2).mean() > 0.9
    assert panel.classes.words.text().startswith("Class 1: ")
    dialog = "napari_tesm.gui.volumes.classes_tab.QFileDialog.getSaveFileName"
    monkeypatch.setattr(dialog, lambda *_: (str(tmp_path / "classes.zarr"), ""))
    panel.classes.save_button.click()
    np.testing.assert_array_equal(open_volume(tmp_path / "classes.zarr")["intensity"].values, found)


def slow(*_, progress=None, **__):
    for step in range(2000):
        time.sleep(0.005)
        progress(step / 2000, "finding")
    raise AssertionError("nobody stopped it")


@pytest.mark.display
def test_what_is_being_done_can_be_stopped_and_loses_its_state(viewer, qtbot, panel, volume, monkeypatch):
    monkeypatch.setattr("napari_tesm.gui.volumes.state.surfaces_of", slow)
    panel.work.add(VolumeState("a", volume))
    idle(qtbot, panel)
    panel.surfaces.find_button.click()
    qtbot.waitUntil(panel.cancel_button.isVisible, timeout=3000)
    panel.cancel_button.click()
    idle(qtbot, panel)
    assert panel.words.text() == "Stopped finding the surfaces of a."
    panel.surfaces.find_button.click()
    qtbot.waitUntil(panel.cancel_button.isVisible, timeout=3000)
    viewer.layers.remove(viewer.layers["a"])
    idle(qtbot, panel)
    assert panel.words.text().startswith("A was removed") or panel.words.text().startswith("a was removed")
    assert panel.table.rowCount() == 0
    assert len(viewer.layers) == 0
    # A window that closes while something is done: the thread ends by itself.
    panel.work.add(VolumeState("b", volume))
    idle(qtbot, panel)
    panel.surfaces.find_button.click()
    qtbot.waitUntil(panel.cancel_button.isVisible, timeout=3000)
