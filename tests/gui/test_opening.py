"""Files dropped on a window that is running: read beside it, shown a layer at a turn of its event loop."""

import pytest
from examples import example_dataset

pytest.importorskip("qtpy")
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QTimer

from napari_tesm import save

pytestmark = pytest.mark.display


def test_a_file_dropped_on_a_running_window_comes_a_layer_at_a_turn(viewer, qtbot, tmp_path):
    paths, bad = [tmp_path / "one.gwy", tmp_path / "two.gwy"], tmp_path / "bad.gwy"
    for path in paths:
        save(path, example_dataset(shape=(5, 6)))
    bad.write_bytes(b"GWYP")
    returned, counts = [], []
    viewer.layers.events.inserted.connect(
        lambda: QTimer.singleShot(0, lambda: counts.append(len(viewer.layers)))
    )
    before = len(notification_manager.records)
    QTimer.singleShot(
        0, lambda: returned.extend([viewer.open(str(file), plugin=None) for file in (bad, *paths)])
    )
    qtbot.waitUntil(lambda: "t-ESM workspace (t-ESM)" in viewer.window.dock_widgets, timeout=120_000)
    qtbot.waitUntil(
        lambda: sum(layer.name.startswith("Points") for layer in viewer.layers) == 2, timeout=120_000
    )
    assert returned == [[], [], []]
    names = [layer.metadata["tesm"]["scan"].name for layer in viewer.layers]
    assert names == sorted(names)  # all of the first, then all of the second
    assert {layer.name for layer in viewer.layers} >= {
        f"{title} · two" for title in ("H (-3 V)", "Regions", "Points")
    }
    assert counts[:12] == [*range(1, 13)]
    assert [record.message.split()[:2] for record in notification_manager.records[before:]] == [
        ["Not", "opened:"]
    ]
