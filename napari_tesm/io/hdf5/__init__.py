"""HDF5 files: NSID and USID, known by their structure, and any others."""

from napari_tesm.io.hdf5.content import content_from_hdf5, is_hdf5

__all__ = ["content_from_hdf5", "is_hdf5"]
