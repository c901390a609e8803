"""`tesm view`, napari's own Save, and the manifest."""

import os
import subprocess
import sys

import numpy as np
import pytest
from examples import example_dataset, placed, world

pytest.importorskip("npe2")
from napari_tesm import fit, save
from napari_tesm.gui.layers.scan_layers import layers_from_maps, layers_from_scan
from napari_tesm.gui.models.scan import Scan, scans_from_path
from napari_tesm.gui.writer import write_layers
from napari_tesm.regions.shapes import Region


def view_in_a_process(*arguments, display=True):
    environment = dict(os.environ)
    if not display:
        environment.pop("DISPLAY", None)
        environment.pop("WAYLAND_DISPLAY", None)
    return subprocess.run(
        [sys.executable, "-m", "napari_tesm.cli", "view", *map(str, arguments)],
        capture_output=True, text=True, env=environment, timeout=60,
    )  # fmt: skip


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
def test_without_a_display_one_line_says_so(tmp_path):
    path = tmp_path / "scan.gwy"
    save(path, example_dataset(shape=(2, 3)))
    done = view_in_a_process(path, display=False)
    assert done.returncode == 1
    assert done.stderr.strip() == "tesm: there is no display to open a window on"


@pytest.mark.display
def test_a_file_that_cannot_be_read_opens_no_window(tmp_path, make_viewer):
    (tmp_path / "broken.gwy").write_bytes(b"GWYPGwyContainer\0\xff\xff")
    for path in (tmp_path / "broken.gwy", tmp_path / "missing.gwy"):
        done = view_in_a_process(path)
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert done.stderr.startswith("tesm: ")


@pytest.mark.display
def test_tesm_view_shows_the_files_with_the_workspace(tmp_path, make_viewer, monkeypatch, qtbot):
    import napari

    from napari_tesm.gui import view as module

    save(tmp_path / "a.gwy", example_dataset(shape=(4, 5)))
    monkeypatch.setattr(napari, "Viewer", lambda **_: make_viewer(show=True))
    viewer = module.view([str(tmp_path / "a.gwy")], block=False)
    qtbot.wait(100)
    assert {"H (-3 V)", "Regions"} <= {layer.name for layer in viewer.layers}
    assert viewer.layers.selection.active.name == "H (-3 V)"  # so that napari says its value under the cursor
    assert viewer.canvas.overlays.scale_bar.visible


@pytest.mark.display
def test_a_file_of_h_alone_is_looked_at_without_a_fit(tmp_path, make_viewer, monkeypatch, qtbot):
    import napari

    from napari_tesm.cli import main
    from napari_tesm.gui import view as module
    from napari_tesm.gui.panels.fit_outcome import FitOutcome

    dataset = example_dataset(shape=(4, 5))
    save(tmp_path / "a.gwy", dataset)
    assert main(["displacement", str(tmp_path / "a.gwy"), "-o", str(tmp_path / "h.gwy"), "--quiet"]) == 0
    monkeypatch.setattr(napari, "Viewer", lambda **_: make_viewer(show=True))
    viewer = module.view([str(tmp_path / "h.gwy")], block=False)
    qtbot.wait(300)
    shown = [layer for layer in viewer.layers if layer.name == "H (-3 V)"]
    assert len(shown) == 1
    factor = shown[0].metadata["tesm"]["factor"]
    np.testing.assert_allclose(shown[0].data * factor, fit(dataset)["H"].values[1], rtol=1e-6)
    for outcome in viewer.window._qt_window.findChildren(FitOutcome):
        assert not outcome.isVisible()


def test_the_manifest_is_valid_and_everything_in_it_can_be_imported():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-tesm")
    manifest.validate_imports()
    assert {reader.command for reader in manifest.contributions.readers} == {"napari-tesm.read"}
    assert len(manifest.contributions.sample_data) == 3


def layer_data(viewer, scan, extra=()):
    from napari_tesm.gui.layers.scan_layers import add_layer

    layers = [add_layer(viewer, layer) for layer in [*layers_from_scan(scan), *extra]]
    return layers, lambda: [layer.as_layer_data_tuple() for layer in layers]


def test_naparis_own_save_writes_everything_also_what_was_just_drawn(viewer_model, tmp_path):
    dataset = example_dataset(shape=(6, 9))
    save(tmp_path / "in.gwy", dataset)
    (scan,) = scans_from_path(tmp_path / "in.gwy")
    scan.maps = fit(scan.dataset, tip_radius="20 nm")
    layers, tuples = layer_data(viewer_model, scan)
    regions = next(layer for layer in layers if layer.name == "Regions")
    regions.add(world((1.2, 1.1), (3.7, 7)), shape_type="line", edge_width=0.3)
    scan.pin((2, 3))
    assert write_layers(str(tmp_path / "out.gwy"), tuples()) == [str(tmp_path / "out.gwy")]
    (again,) = scans_from_path(tmp_path / "out.gwy")
    assert [region.kind for region in again.regions] == ["line"]
    assert np.allclose(again.regions[0].vertices, placed((1.1, 1.2), (7, 3.7)), rtol=1e-6, atol=0)
    assert again.regions[0].width == pytest.approx(0.3e-6)
    assert again.points == scan.points
    assert again.recipe.tip_radius == 20e-9
    assert np.array_equal(again.maps["D2"].values, scan.maps["D2"].values, equal_nan=True)


def test_layers_of_others_and_of_two_scans_are_refused_in_a_sentence(viewer_model, tmp_path):
    from napari.layers import Image

    with pytest.raises(ValueError, match="none of these layers"):
        write_layers(str(tmp_path / "a.gwy"), [Image(np.zeros((3, 3))).as_layer_data_tuple()])
    both = []
    for name in ("one", "two"):
        _, tuples = layer_data(viewer_model, Scan(name, example_dataset(shape=(3, 4)), []))
        both += tuples()
    with pytest.raises(ValueError, match="different scans"):
        write_layers(str(tmp_path / "a.gwy"), both)
    assert list(tmp_path.iterdir()) == []


def test_a_real_image_file_keeps_its_regions(viewer_model, shared_data, tmp_path):
    (scan,) = scans_from_path(shared_data / "gwy" / "SingFreqPFM_0003.gwy")
    scan.regions = [
        Region("rectangle", ((1e-6, 1e-6), (3e-6, 1e-6), (3e-6, 2e-6), (1e-6, 2e-6)), "a", "grain")
    ]
    _, tuples = layer_data(viewer_model, scan)
    write_layers(str(tmp_path / "out.gwy"), tuples())
    (again,) = scans_from_path(tmp_path / "out.gwy")
    assert again.regions == scan.regions
    for before, after in zip(scan.channels, again.channels, strict=True):
        assert np.array_equal(before.values, after.values)


def test_result_layers_are_named_as_agreed(viewer_model):
    dataset = example_dataset(shape=(3, 4))
    names = [options["name"] for _, options, _ in layers_from_maps(Scan("a", dataset, []), fit(dataset))]
    assert names == [
        "H (+3 V)",
        "H (-3 V)",
        "log10 D1 (+3 V)",
        "log10 D1 (-3 V)",
        "log10 D2 (+3 V)",
        "log10 D2 (-3 V)",
    ]
