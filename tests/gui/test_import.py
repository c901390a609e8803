"""Importing a recording in napari: the form without a display, and in a real window."""

import numpy as np
import pytest

pytest.importorskip("nptdms")

from napari_tesm import simulate_dataset
from napari_tesm.gui.models.importing import ImportModel
from napari_tesm.gui.reader import layers_from_paths, napari_get_reader
from napari_tesm.io.acquisition_files import mapping_from_acquisition, save_tdms
from napari_tesm.io.mapping.entries import FileValue, MappingError
from napari_tesm.io.mapping.text import text_from_mapping
from napari_tesm.simulation.acquisition import simulate_acquisition


@pytest.fixture(scope="module")
def truth():
    return simulate_dataset("si-c-step", size=(12, 8), samples=60, seed=3)


@pytest.fixture
def recording(tmp_path, truth):
    """A recording, and the mapping that its owner could write, not beside it."""
    acquisition = simulate_acquisition(truth, seed=1)
    save_tdms(tmp_path / "scan.tdms", acquisition)
    mapping = mapping_from_acquisition(acquisition, width=72e-9, height=48e-9)
    (tmp_path / "mine.yaml").write_text(text_from_mapping(mapping), encoding="utf-8")
    return tmp_path / "scan.tdms"


ANSWERS = {"scan.pixels": "12", "scan.lines": "8", "scan.width": "72 nm", "scan.height": "48 nm",
           "scan.voltages": "+3 V, -3 V"}  # fmt: skip


def test_channels_are_proposed_and_the_rest_is_asked(recording, truth):
    model = ImportModel()
    model.open(recording)
    assert model.is_recording
    assert model.channels["X"] == "Recording/Lock-in X"
    assert model.channels["dc"] == "Recording/dc voltage"
    with pytest.raises(MappingError, match="how many pixels"):
        model.mapping()
    model.texts |= ANSWERS
    model.ways, model.per_way = "trace + retrace", True
    (scan,) = model.scans()
    assert scan.dataset.sizes["x"] == 12
    middle = truth["displacement"].values[:, 3, 5]
    imported = scan.dataset["displacement"].values[:, 3, 5]
    # The record begins where the form leaves it to the program; what is there is what was recorded.
    assert all(value in imported[0] for value in middle[0][5:40])
    assert "192 pulses placed in 16 of 16" in scan.dataset.attrs["recording_report"]
    assert scan.notes == []


def test_a_mapping_fills_the_form(recording, truth):
    model = ImportModel()
    model.open(recording)
    model.load_mapping(recording.with_name("mine.yaml"))
    assert model.texts["scan.pixels"] == "12"
    (scan,) = model.scans()
    assert np.array_equal(scan.dataset["displacement"].values, truth["displacement"].values)


def test_channels_in_pieces_can_be_chosen(tmp_path):
    values = np.random.default_rng(0).standard_normal(1500)
    np.savez(tmp_path / "a.npz", **{f"Line {n}/{name}": values for n in range(3) for name in ("X", "dc")})
    model = ImportModel()
    model.open(tmp_path / "a.npz")
    assert model.channels["X"] == "Line */X"
    assert model.arrays[:3] == ["Line */X", "Line */dc", "Line 0/X"]


def test_what_stands_in_the_file_stays_there_until_somebody_changes_it(recording, tmp_path):
    said = recording.with_name("mine.yaml").read_text(encoding="utf-8")
    said = said.replace("width: 72 nm", "width: {source: size, unit: nm}")
    (tmp_path / "other.yaml").write_text(said, encoding="utf-8")
    model = ImportModel()
    model.open(recording)
    model.load_mapping(tmp_path / "other.yaml")
    assert model.texts["scan.width"] == "from 'size'"
    assert model.mapping().lookups == {"scan.width": FileValue("size", "nm")}
    model.texts["scan.width"] = "72 nm"
    assert model.mapping().lookups == {}
    assert model.mapping().scan.width == pytest.approx(72e-9)


@pytest.mark.parametrize(
    ("entry", "text", "words"),
    [
        ("scan.pixels", "twelve", "'pixels' of 'scan' must be a whole number"),
        ("scan.width", "72", "'width' of 'scan'"),
        ("scan.voltages", "3 V, oops", "'voltage' of 'scan'"),
        ("time.interval", "-1 ms", "'interval' of 'time' must be larger"),
        ("protocol.tip radius", "25", "'tip radius' of 'protocol'"),
    ],
)
def test_what_cannot_be_understood_is_said(recording, entry, text, words):
    model = ImportModel()
    model.open(recording)
    model.texts |= ANSWERS | {entry: text}
    with pytest.raises(MappingError, match=words):
        model.mapping()


def test_files_of_others_are_left_to_others(tmp_path, recording):
    text = tmp_path / "notes.txt"
    text.write_text("not a recording at all, but long enough to be looked at")
    assert napari_get_reader(str(text)) is None
    assert napari_get_reader(str(recording)) is layers_from_paths
    assert napari_get_reader([str(recording), str(text)]) is None
    with pytest.raises(ValueError, match=r"notes\.txt"):
        ImportModel().open(text)


def test_a_recording_with_a_mapping_beside_it_opens_at_once(recording):
    recording.with_name("mine.yaml").rename(recording.with_suffix(".yaml"))
    layers = layers_from_paths(str(recording))
    names = [options["name"] for _, options, _ in layers]
    assert "Traces (-3 V)" in names
    assert "H (-3 V)" in names


def test_real_usid_images_open_with_their_sizes(shared_data):
    layers = layers_from_paths(str(shared_data / "hdf5" / "SingFreqPFM_0003_pyUSID.h5"))
    images = [options for _, options, kind in layers if kind == "image"]
    assert len(images) == 4
    assert all(str(image["units"][-1]) in ("µm", "micrometer") for image in images)


@pytest.mark.display
def test_the_form_in_a_window_makes_layers(viewer, qtbot, recording, monkeypatch):
    _, panel = viewer.window.add_plugin_dock_widget("napari-tesm", "Import a t-ESM recording")
    assert not panel.import_button.isEnabled()
    assert panel.open_file(recording)
    assert panel.boxes["X"].currentText() == "Recording/Lock-in X"
    panel.import_button.click()
    assert "how many pixels" in panel.message.text().lower()
    for name, text in ANSWERS.items():
        panel.fields[name].setText(text)
    panel.ways_box.setCurrentText("trace + retrace")
    panel.per_way_box.setChecked(True)
    panel.import_button.click()
    qtbot.waitUntil(lambda: any("Traces" in layer.name for layer in viewer.layers), timeout=20_000)
    assert panel.message.text().startswith("Imported scan")
    assert {"Traces (+3 V)", "Traces (-3 V)"} <= {layer.name for layer in viewer.layers}
    kept = recording.with_name("kept.yaml")
    dialog = "napari_tesm.gui.panels.widgets.QFileDialog.getSaveFileName"
    monkeypatch.setattr(dialog, lambda *_: (str(kept), ""))
    panel.save_button.click()
    assert kept.read_text(encoding="utf-8") == text_from_mapping(panel.model.mapping())
    panel.boxes["dc"].setCurrentIndex(0)
    panel.boxes["pixel trigger"].setCurrentIndex(0)
    assert panel.load_mapping(kept)
    assert panel.boxes["dc"].currentText() == "Recording/dc voltage"
    panel.load_mapping(recording)
    assert "no mapping" in panel.message.text()


@pytest.mark.display
def test_a_dropped_recording_opens_the_form(viewer, qtbot, recording):
    viewer.open(str(recording), plugin="napari-tesm")
    docks = {}

    def form():
        docks.update(
            {name: dock for name, dock in viewer.window._wrapped_dock_widgets.items() if "Import" in name}
        )
        return bool(docks)

    qtbot.waitUntil(form, timeout=10_000)
    panel = next(iter(docks.values())).inner_widget()
    qtbot.waitUntil(lambda: panel.file_label.text() == "scan.tdms", timeout=5_000)
    assert len(viewer.layers) == 0
