"""What was drawn and painted in napari while no panel was there to notice, taken up by the scan."""

from napari_tesm.gui.layers.grain_layer import take_painted_labels
from napari_tesm.gui.layers.region_layer import RegionLayerLink
from napari_tesm.gui.layers.session import Session


def take_up_drawing(session: Session) -> None:
    """Let the scan that is looked at have the regions and grains of its layers."""
    link = RegionLayerLink.of(session)
    link.attach()
    link.detach()
    if session.scan is not None:
        for layer in session.layers_of(session.scan, "grains")[:1]:
            take_painted_labels(session.scan, layer.data)
