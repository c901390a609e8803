"""Zarr folders: the lossless store of a dataset, which xarray reads as well, and the arrays of any other."""

from napari_tesm.io.zarr_store.arrays import is_zarr
from napari_tesm.io.zarr_store.content import content_from_zarr
from napari_tesm.io.zarr_store.reading import dataset_from_zarr, is_dataset_store
from napari_tesm.io.zarr_store.saving import save_zarr

__all__ = ["content_from_zarr", "dataset_from_zarr", "is_dataset_store", "is_zarr", "save_zarr"]
