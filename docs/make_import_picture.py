"""Take the picture of the import form from a real napari with a simulated recording.

Run it on a screen of its own::

    xvfb-run -a -s "-screen 0 1280x960x24" .venv/bin/python docs/make_import_picture.py
"""

import tempfile
from pathlib import Path

from make_screenshots import IMAGES, SIZE, take, wait, wait_for  # sets napari's settings apart

# isort: split
import napari
from PIL import Image

from napari_tesm import simulate_dataset
from napari_tesm.gui.reader import IMPORT
from napari_tesm.io.acquisition_files import save_tdms
from napari_tesm.simulation.acquisition import simulate_acquisition

NAME = "napari_import.png"


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    save_tdms(folder / "electrode.tdms", simulate_acquisition(simulate_dataset("si-c-step", size=(16, 12))))
    viewer = napari.Viewer(title="napari")
    viewer.window._qt_window.resize(*SIZE)
    viewer.theme = "dark"
    _, panel = viewer.window.add_plugin_dock_widget("napari-tesm", IMPORT)
    wait(300)
    panel.open_file(folder / "electrode.tdms")
    wait_for(lambda: bool(panel.fields))
    for name, text in {"scan.pixels": "64", "scan.lines": "48", "scan.voltages": "+3 V, -3 V"}.items():
        panel.fields[name].setText(text)
    panel.ways_box.setCurrentText("trace + retrace")
    panel.per_way_box.setChecked(True)
    take(viewer, NAME)
    viewer.close()
    picture = Image.open(IMAGES / NAME)
    picture.crop((890, 22, SIZE[0], SIZE[1] - 24)).save(IMAGES / NAME, optimize=True)


if __name__ == "__main__":
    main()
