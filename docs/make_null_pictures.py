"""Take the pictures of docs/null_curve.md: the null curve, Fig. 8 of two simulated scans, and napari's histograms.

Run it on a screen of its own::

    xvfb-run -a -s "-screen 0 1280x960x24" .venv/bin/python docs/make_null_pictures.py
"""

from make_screenshots import IMAGES, ROOT, SIZE, take, wait, wait_for  # sets napari's settings apart

# isort: split
import napari
import numpy as np
from matplotlib.figure import Figure

from napari_tesm import compare_histograms, fit, open_dataset
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.gui.dock import open_workspace
from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan
from napari_tesm.gui.models.histogram import HistogramModel
from napari_tesm.gui.models.scan import scans_from_path
from napari_tesm.model_choice.null_bands import null_bands
from napari_tesm.plotting.histogram_comparison import draw_histogram_comparison, draw_ratio_comparison
from napari_tesm.plotting.null_curve import null_figure
from napari_tesm.simulation import simulate

SAMPLE = ROOT / "sample_data" / "si_c_step.gwy"


def draw_null_curve() -> None:
    bands = null_bands(np.arange(500) * 5e-5, PulseProtocol(0.0, 10e-3), 25e-9)
    title = "pulse 10 ms, relaxation 15 ms, 500 samples, tip 25 nm, D = l²/τ"
    null_figure(bands, title).savefig(IMAGES / "null_curve.png", metadata={"Software": None})


def draw_histograms() -> None:
    """Draw Fig. 8 of the shipped sample, made of exponentials, above that of diffusion with one D in each pixel."""
    scans = {
        "two exponentials": open_dataset(SAMPLE),
        "diffusion, fed by a flux": simulate("si-c-step", model="flux-pulse").dataset,
    }
    figure = Figure(figsize=(10, 8.4), layout="constrained", dpi=100)
    rows = figure.subplots(2, 2)
    for (name, dataset), (left, right) in zip(scans.items(), rows, strict=True):
        found = compare_histograms(dataset, fit(dataset, tip_radius="25 nm", jobs=2), pulse=1)
        draw_histogram_comparison(left, found)
        draw_ratio_comparison(right, found)
        left.set_ylabel(f"{name}\n\npixels")
    figure.savefig(IMAGES / "histograms.png", metadata={"Software": None})


def take_histogram_tab() -> None:
    viewer = napari.Viewer(title="napari")
    viewer.window._qt_window.resize(*SIZE)
    viewer.theme = "dark"
    (scan,) = scans_from_path(SAMPLE)
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    workspace = open_workspace(viewer)
    wait(800)
    workspace.panels["Fit"].fit_all()
    wait_for(lambda: scan.maps is not None)
    scan.look_at((36, 44))
    workspace.tabs.setCurrentWidget(workspace.panels["Histogram"])
    HistogramModel.of(scan).choose("D2/D1")
    take(viewer, "napari_histogram.png")
    viewer.close()


if __name__ == "__main__":
    draw_null_curve()
    draw_histograms()
    take_histogram_tab()
