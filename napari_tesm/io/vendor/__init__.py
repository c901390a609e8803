"""Microscopes' own files, 170 formats, through a converter of Gwyddion's that runs as another process."""

from napari_tesm.io.vendor.content import content_from_vendor, is_vendor
from napari_tesm.io.vendor.signatures import is_marked

__all__ = ["content_from_vendor", "is_marked", "is_vendor"]
