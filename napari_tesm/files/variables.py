"""Lazy arrays as variables of xarray, read when they are indexed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from napari_tesm.files.lazy import LazyArray


class _StoredArray(BackendArray):
    """A lazy array as xarray takes it."""

    def __init__(self, array: LazyArray) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[Any]:
        basic = indexing.IndexingSupport.BASIC
        values: NDArray[Any] = indexing.explicit_indexing_adapter(
            key, self.shape, basic, self.array.__getitem__
        )
        return values


def stored_variable(dims: Sequence[str], array: LazyArray, attributes: Mapping[str, Any]) -> xr.Variable:
    """Return a variable whose numbers stay where they are until they are asked for."""
    return xr.Variable(dims, indexing.LazilyIndexedArray(_StoredArray(array)), dict(attributes))
