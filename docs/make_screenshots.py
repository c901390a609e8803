"""Take the pictures of the README from a real napari with the shipped (simulated) sample, and that of lateral D.

Run it on a screen of its own::

    xvfb-run -a -s "-screen 0 1280x960x24" .venv/bin/python docs/make_screenshots.py

Tip positions across the pixels are simulated for the last one, which takes half a minute.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

# Whoever takes the pictures may have another theme and type size.
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QEventLoop, QTimer

from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.models.profile import ProfileModel
from napari_tesm.gui.models.scan import Scan, scans_from_path
from napari_tesm.gui.volumes.state import VolumeState
from napari_tesm.regions.shapes import Region
from napari_tesm.simulation import simulate
from napari_tesm.volumes.simulation import simulate_volume

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
SIZE = (1280, 960)
COLOURS = 256
"""A picture of this many colours is a third as large and looks the same."""


def wait(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def wait_for(condition: Any, longest: int = 20_000) -> None:
    for _ in range(longest // 50):
        wait(50)
        if condition():
            return
    raise RuntimeError("the workspace did not get ready")


def take(viewer: Any, name: str) -> None:
    wait(2500)  # a busy machine lays out and draws late
    picture = viewer.screenshot(canvas_only=False, flash=False)
    image = Image.fromarray(np.asarray(picture)[..., :3])
    image.quantize(COLOURS, kmeans=3, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)


def opened(scan: Scan) -> tuple[Any, Any]:
    """Return a viewer that shows a scan, and its workspace."""
    viewer = napari.Viewer(title="napari")
    viewer.window._qt_window.resize(*SIZE)
    viewer.theme = "dark"
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    workspace = open_workspace(viewer)
    wait(800)
    return viewer, workspace


def take_pictures_of_sample() -> None:
    (scan,) = scans_from_path(ROOT / "sample_data" / "si_c_step.gwy")
    viewer, workspace = opened(scan)
    workspace.panels["Fit"].fit_all()
    wait_for(lambda: scan.maps is not None)
    for pixel in ((14, 37), (30, 12)):
        scan.pin(pixel)
    scan.look_at((36, 44))
    take(viewer, "napari_fit.png")

    workspace.tabs.setCurrentWidget(workspace.panels["Regions"])
    wait(300)
    workspace.panels["Regions"].find_button.click()
    wait_for(lambda: len(scan.regions) > 1)
    grain = Region(
        "rectangle", ((20e-9, 110e-9), (95e-9, 110e-9), (95e-9, 230e-9), (20e-9, 230e-9)), "grain 1", "grain"
    )
    scan.set_regions([*scan.regions, grain])
    take(viewer, "napari_regions.png")

    line = Region("line", ((70e-9, 130e-9), (185e-9, 200e-9)), "profile", "other", 24e-9)
    scan.set_regions([line])
    workspace.tabs.setCurrentWidget(workspace.panels["Profile"])
    viewer.theme = "light"
    take(viewer, "napari_profile.png")

    scan.set_regions([])
    viewer.theme = "dark"
    workspace.tabs.setCurrentWidget(workspace.panels["Compare"])
    workspace.panels["Compare"].side_button.setChecked(True)
    scan.look_at((20, 20))
    take(viewer, "napari_compare.png")
    viewer.close()


def take_picture_of_lateral() -> None:
    dataset = simulate("si-c-step", size=(48, 40), samples=150, model="lateral").dataset
    scan = Scan("simulated", dataset, [dataset["topography"], dataset["deflection_error"]])
    viewer, workspace = opened(scan)
    panel = workspace.panels["Fit"]
    panel.form.kernel.value = "flux-pulse"
    panel.form.lateral.box.value = True
    panel.fit_all()
    wait_for(lambda: scan.maps is not None, 120_000)
    scan.set_regions([Region("line", ((145e-9, 105e-9), (265e-9, 205e-9)), "line 1", "other", 24e-9)])
    ProfileModel.of(scan).choose(shown=["H", "D", "D_lateral"], width_key="D_lateral")
    workspace.tabs.setCurrentWidget(workspace.panels["Profile"])
    viewer.reset_view()
    scan.look_at((25, 34))
    take(viewer, "napari_lateral.png")
    viewer.close()


def take_picture_of_volumes() -> None:
    viewer = napari.Viewer(title="napari")
    viewer.window._qt_window.resize(*SIZE)
    viewer.theme = "dark"
    _, panel = viewer.window.add_plugin_dock_widget("napari-tesm", "Electrode volume")
    wait(800)
    for name, preset, shape in (
        ("pristine", "np-si-pristine", (120, 180, 200)),
        ("1st lithiation", "np-si-2000", (210, 180, 200)),
    ):
        panel.work.add(VolumeState(name, simulate_volume(preset, shape=shape, seed=2)[0]))
    panel.tabs.setCurrentIndex(3)
    wait(800)  # until the buttons know of the states
    panel.states.together.click()
    panel.states.find_button.click()
    wait(500)
    wait_for(lambda: not panel.work.tasks.running, 120_000)
    viewer.reset_view()
    take(viewer, "napari_volume.png")
    viewer.close()


def main() -> None:
    take_pictures_of_sample()
    take_picture_of_lateral()
    take_picture_of_volumes()


if __name__ == "__main__":
    main()
