"""Steps found in topography and deflection error: proposals of regions, to be looked at, moved and deleted."""

from napari_tesm.steps.proposals import steps_from_images

__all__ = ["steps_from_images"]
