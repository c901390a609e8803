"""Several scans in one viewer: one unit of length, and a cursor that is over the right pixel of each."""

import numpy as np
import pytest
from examples import example_dataset

from napari_tesm import fit

pytest.importorskip("psygnal")
from napari_tesm.gui.models.scan import Scan, share_world_unit


def scan_of_size(width, *, unit="m"):
    """Return a scan of 6 × 9 pixels that is `width` wide."""
    dataset = example_dataset(shape=(6, 9))
    step = width / 9
    for axis, count in (("y", 6), ("x", 9)):
        dataset = dataset.assign_coords(
            {axis: (axis, (np.arange(count) + 0.5) * step, {"units": unit, "spacing": step})}
        )
    return Scan("example", dataset, [dataset["topography"]])


def test_scans_opened_together_take_the_finest_unit_of_length_among_them():
    scans = [scan_of_size(10e-6), scan_of_size(400e-9), scan_of_size(9, unit="")]
    assert [scan.display.unit for scan in scans] == ["µm", "nm", "pixel"]
    share_world_unit(scans)
    assert [scan.display.unit for scan in scans] == ["nm", "nm", "pixel"]
    assert scans[0].display.extent()[1] == pytest.approx(10e3)


def test_a_scan_takes_the_unit_of_those_that_are_there_already():
    new, present = scan_of_size(400e-9), scan_of_size(10e-6)
    share_world_unit([new], [scan_of_size(9, unit=""), present])
    assert (new.display.unit, present.display.unit) == ("µm", "µm")
    assert new.display.extent()[1] == pytest.approx(0.4)


def test_a_scan_without_unit_of_length_joins_the_others_when_it_gets_one():
    scan = scan_of_size(9, unit="")
    share_world_unit([scan], [scan_of_size(10e-6)])
    scan.replace_recording(scan_of_size(400e-9))
    assert scan.display.unit == "µm"


def test_cursor_and_slider_read_layers_in_other_units_than_the_world(viewer_model):
    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
    from napari_tesm.gui.layers.session import Session

    coarse = scan_of_size(10e-6)
    for layer in layers_from_scan(coarse):
        add_layer(viewer_model, layer)
    viewer_model.add_image(np.zeros((2, 3, 3)), scale=(1, 1, 1), units=("µs", "nm", "nm"))
    session = Session.of(viewer_model)
    session.choose(coarse)
    assert [str(unit) for unit in viewer_model.layers.units] == ["microsecond", "nanometer", "nanometer"]
    y, x = (1e3 * (coarse.display.origin[i] + n * coarse.display.spacing[i]) for i, n in ((0, 4), (1, 7)))
    assert session.pixel_under((0, y, x)) == (4, 7)
    session.attach()
    viewer_model.dims.set_point(0, 7e3)
    session.detach()
    assert coarse.time == pytest.approx(7e-3, abs=51e-6)


@pytest.mark.display
def test_the_form_asks_once_about_each_scan_and_goes_away_with_it(viewer, qtbot):
    from napari_tesm.data.protocol import PulseProtocol
    from napari_tesm.gui.dock import open_workspace
    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan

    complete = scan_of_size(400e-9)
    lacking = Scan("example", example_dataset(shape=(6, 9), protocol=PulseProtocol()), [])
    for scan in (complete, lacking):
        for layer in layers_from_scan(scan):
            add_layer(viewer, layer)
    workspace = open_workspace(viewer)

    def choose(scan):
        workspace.session.choose(scan)
        qtbot.wait(60)

    choose(complete)
    choose(lacking)
    assert workspace.form.isVisible()
    assert "does not say" in workspace.form.heading.text()
    assert "--" not in workspace.trace.sentence.text()
    choose(complete)
    assert not workspace.form.isVisible()
    workspace.protocol_button.click()
    assert "does not say" not in workspace.form.heading.text()
    workspace.protocol_button.click()
    choose(lacking)
    assert not workspace.form.isVisible()
    assert [workspace.scan_box.itemText(i) for i in range(2)] == ["example", "example [1]"]


def test_a_map_that_is_shown_by_its_eye_hides_what_would_look_like_its_pixels(viewer_model):
    from napari.layers import Image

    from napari_tesm.gui.layers.result_layers import MapsApart, add_result_layers
    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
    from napari_tesm.gui.layers.session import Session

    session = Session.of(viewer_model)
    below, above = scan_of_size(4e-6), scan_of_size(4e-6)
    for scan in (below, above):
        for layer in layers_from_scan(scan):
            add_layer(viewer_model, layer)
        add_result_layers(session, scan, fit(scan.dataset))
    apart = MapsApart(session)
    session.attach()
    session.visible_changed.connect(apart.take_note)

    def seen():
        return {layer for layer in viewer_model.layers if layer.visible and isinstance(layer, Image)}

    of_below, of_above = (session.layers_of(scan, "map") for scan in (below, above))
    of_below[-2].visible = True  # as the eye does
    of_above[-2].visible = True
    assert seen() & {*of_below, *of_above} == {of_above[-2]}
    assert all(str(layer.colormap.name) == "gray" for layer in seen() - {of_above[-2]})
    of_above[-1].visible = True
    assert seen() & {*of_below, *of_above} == {of_above[-1]}
    # What is half transparent is meant to be seen with the others.
    of_above[-2].opacity = 0.5
    of_above[-2].visible = True
    assert seen() & {*of_below, *of_above} == {of_above[-1], of_above[-2]}
    # Another place: nothing shows through.
    of_above[-1].visible = of_above[-2].visible = False
    for layer in of_above:
        layer.translate = np.array(layer.translate) + 1e6
    of_below[-1].visible = True
    of_above[-1].visible = True
    assert seen() & {*of_below, *of_above} == {of_below[-1], of_above[-1]}
    session.visible_changed.disconnect(apart.take_note)
    session.detach()
