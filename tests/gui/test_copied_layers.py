"""Layers that napari copies or converts keep the role of the original: only one of them may play it."""

import pytest
from examples import drawn, example_dataset, world

pytest.importorskip("napari")
from napari.layers import _layer_actions as actions

from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.writer import write_layers

BOX = drawn("rectangle", ((2, 2), (6, 2), (6, 5), (2, 5)), "step 1", "step")


@pytest.fixture
def shown(viewer_model):
    """Viewer, session, and a scan with one region whose layer has been copied."""
    dataset = example_dataset(shape=(6, 9))
    scan = Scan("example", dataset, [dataset["topography"]], regions=[BOX])
    for layer in layers_from_scan(scan):
        add_layer(viewer_model, layer)
    copy(viewer_model, "Regions")
    return viewer_model, Session.of(viewer_model), scan


def copy(viewer, name):
    viewer.layers.selection = {viewer.layers[name]}
    actions._duplicate_layer(viewer.layers)


def test_only_the_original_plays_its_role_and_a_copy_steps_in_when_it_goes(shown):
    viewer, session, scan = shown
    assert [layer.name for layer in session.layers_of(scan, "regions")] == ["Regions"]
    viewer.layers.move(viewer.layers.index("Regions copy"), 0)
    assert [layer.name for layer in session.layers_of(scan, "regions")] == ["Regions"]
    viewer.layers.remove("Regions")
    assert [layer.name for layer in session.layers_of(scan, "regions")] == ["Regions copy"]


def test_regions_converted_to_labels_are_no_regions_layer(shown):
    viewer, session, scan = shown
    viewer.layers.selection = {viewer.layers["Regions"]}
    actions._convert_to_labels(viewer.layers)
    viewer.layers.remove("Regions copy")
    viewer.layers.remove("Regions")
    assert any("tesm" in layer.metadata and layer.name.startswith("Regions") for layer in viewer.layers)
    assert session.layers_of(scan, "regions") == []


def test_napari_s_save_takes_the_original_not_its_copy(shown, tmp_path):
    viewer, session, scan = shown
    session.layers_of(scan, "regions")
    viewer.layers.move(viewer.layers.index("Regions copy"), 0)
    viewer.layers["Regions"].add(world((0, 0), (0, 3), (2.5, 3), (2.5, 0)), shape_type="rectangle")
    write_layers(str(tmp_path / "out.gwy"), [layer.as_layer_data_tuple() for layer in viewer.layers])
    assert len(scan.regions) == 2


def test_a_copy_of_the_traces_reads_the_same_file(shown):
    viewer, _, _ = shown
    copy(viewer, "Traces (-3 V)")
    assert viewer.layers["Traces (-3 V) copy"].data is viewer.layers["Traces (-3 V)"].data


@pytest.mark.display
@pytest.mark.parametrize("not_watched", [False, True])
def test_saving_from_the_workspace_keeps_the_newest_regions_beside_a_copy(
    viewer, qtbot, tmp_path, not_watched
):
    from napari_tesm.gui.dock import open_workspace
    from napari_tesm.gui.models.scan import scans_from_path

    dataset = example_dataset(shape=(6, 9))
    scan = Scan("example", dataset, [dataset["topography"]], regions=[BOX])
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    workspace = open_workspace(viewer)
    qtbot.wait(60)
    workspace.tabs.setCurrentWidget(workspace.panels["Regions"])
    qtbot.wait(60)
    copy(viewer, "Regions")
    actions._convert_to_labels(viewer.layers)
    if not_watched:
        workspace.tabs.setCurrentWidget(workspace.panels["Fit"])
        qtbot.wait(60)
    scan.set_regions([BOX, BOX.moved(0.4e-6, 0.0)])
    qtbot.wait(60)
    assert workspace.save_to(tmp_path / "out.gwy")
    assert len(scan.regions) == 2
    assert len(scans_from_path(tmp_path / "out.gwy")[0].regions) == 2
