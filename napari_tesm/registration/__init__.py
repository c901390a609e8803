"""How far is one image from another: shifts between maps, between scans of a series, between a recording and a scan."""

from napari_tesm.registration.shifts import Shift, shift_between

__all__ = ["Shift", "shift_between"]
