"""MATLAB's .mat files, of version 5 (which MATLAB also calls 6 and 7) and 7.3 (which is HDF5)."""

from napari_tesm.io.matlab.content import content_from_matlab, is_matlab

__all__ = ["content_from_matlab", "is_matlab"]
