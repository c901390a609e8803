"""Files that cannot be opened, and files that vanish or change while they are looked at: a sentence, no traceback."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("napari")
from napari.utils.notifications import notification_manager

from napari_tesm import save
from napari_tesm.gui.layers.time_stack import TimeStack
from napari_tesm.gui.models.scan import scans_from_path
from napari_tesm.gui.reader import layers_from_paths, napari_get_reader


@pytest.fixture
def path(tmp_path):
    save(tmp_path / "scan.gwy", example_dataset(shape=(6, 9)))
    return tmp_path / "scan.gwy"


def broken(folder: Path, path: Path) -> list[Path]:
    content = path.read_bytes()
    files = {"empty": b"", "text": b"hello\n", "cut": content[: len(content) // 2], "magic": b"GWYP"}
    for name, data in files.items():
        (folder / f"{name}.gwy").write_bytes(data)
    return [folder / f"{name}.gwy" for name in files]


def test_without_a_window_a_broken_file_is_an_error_that_says_what_is_wrong(tmp_path, path):
    for file in broken(tmp_path, path):
        read = napari_get_reader(str(file))
        with pytest.raises(ValueError, match=f"{file.name} is "):
            read(str(file))


@pytest.mark.display
def test_in_a_window_a_broken_file_is_one_sentence_and_the_others_open(viewer, tmp_path, path):
    files = broken(tmp_path, path)
    for file in files:
        with notification_manager:
            before = len(notification_manager.records)
            assert viewer.open(str(file), plugin=None) == []
            said = notification_manager.records[before:]
        assert [str(record.severity) for record in said] == ["warning"]
        assert file.name in said[0].message
        assert len(said[0].message.splitlines()) == 1
    assert len(viewer.layers) == 0
    assert len(layers_from_paths([str(files[0]), str(path)])) > 4


@pytest.mark.parametrize("happening", ["removed", "replaced"])
def test_the_slider_of_a_lost_file_shows_nothing_and_says_why_once(path, happening):
    (scan,) = scans_from_path(path)
    stack = TimeStack(scan.dataset["displacement"].isel(pulse=0), 1.0)
    assert np.isfinite(stack[3]).all()
    lose(path, happening)
    before = len(notification_manager.records)
    for time in (4, slice(2, 5)):
        assert np.isnan(stack[time]).all()
    assert stack[4].shape == (6, 9)
    said = notification_manager.records[before:]
    assert len(said) == 1
    assert "scan.gwy" in said[0].message


@pytest.mark.display
@pytest.mark.parametrize("happening", ["removed", "replaced"])
def test_every_tab_survives_the_loss_of_its_file(viewer, qtbot, path, happening):
    from napari_tesm.gui.dock import open_workspace
    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan

    (scan,) = scans_from_path(path)
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    workspace = open_workspace(viewer)
    scan.look_at((1, 1))
    qtbot.wait(60)
    lose(path, happening)
    scan.look_at((2, 2))
    qtbot.wait(60)
    assert "scan.gwy" in workspace.trace.sentence.text()
    scan.pin((3, 3))
    scan.enter(voltage=[1.0, 2.0])
    for index in range(workspace.tabs.count()):
        workspace.tabs.setCurrentIndex(index)
        qtbot.wait(60)
    workspace.trace.export_to(path.with_suffix(".csv"))
    assert not path.with_suffix(".csv").exists()
    assert not workspace.save_to(path.with_name("other.gwy"))
    assert "scan.gwy" in notification_manager.records[-1].message
    assert "Errno" not in notification_manager.records[-1].message


def lose(path: Path, happening: str) -> None:
    if happening == "removed":
        path.unlink()
    else:
        copy = shutil.copy(path, path.with_suffix(".copy"))
        Path(copy).replace(path)
