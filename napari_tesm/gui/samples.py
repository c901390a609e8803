"""File → Open Sample: the shipped sample's kind of scan, and other simulated ones. All of them are simulated."""

from napari_tesm.gui.layers.label_layers import LayerTuple
from napari_tesm.gui.layers.scan_layers import layers_from_scan
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.opening import open_workspace_later, share_unit_of_viewer
from napari_tesm.simulation import simulate_dataset


def si_c_step() -> list[LayerTuple]:
    """Return a simulated aged Si/C electrode with two fast steps, as the shipped sample."""
    return _layers("si-c-step", "Si/C step (simulated)")


def hopg() -> list[LayerTuple]:
    """Return a simulated weak response, as of lithiated graphite."""
    return _layers("hopg", "HOPG (simulated)")


def silicon_wafer() -> list[LayerTuple]:
    """Return a simulated negative control: noise without response."""
    return _layers("silicon-wafer", "Silicon wafer (simulated)")


def _layers(preset: str, name: str) -> list[LayerTuple]:
    dataset = simulate_dataset(preset)
    channels = [array for array in dataset.data_vars.values() if array.dims == ("y", "x")]
    scan = Scan(name, dataset, channels)
    share_unit_of_viewer([scan])
    open_workspace_later()
    return layers_from_scan(scan)
