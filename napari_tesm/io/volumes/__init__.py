"""Files of volumes: told by their content, opened without reading them, and written as OME-Zarr."""

from napari_tesm.io.volumes.registry import describe_volume, open_volume
from napari_tesm.io.volumes.saving import save_volume

__all__ = ["describe_volume", "open_volume", "save_volume"]
