"""A dataset from a Zarr folder, its traces read when they are asked for."""

from __future__ import annotations

import itertools
import json
from os import PathLike
from pathlib import Path
from typing import Any, Final

import xarray as xr

from napari_tesm.data.dataset import violations
from napari_tesm.files.lazy import LazyArray, UnusableArrayError
from napari_tesm.files.variables import stored_variable
from napari_tesm.io.content import ContentError, damage_told, one_line
from napari_tesm.io.zarr_store.arrays import (
    MARK,
    OTHER_CHANNELS,
    dimension_names,
    lazy_array,
    members,
    opened_group,
    stored_bytes,
)

# What is smaller is read at once.
_SMALL: Final = 1 << 20


def is_dataset_store(path: str | PathLike[str]) -> bool:
    """Return whether a folder is a dataset that `save_zarr` wrote."""
    try:
        attributes = json.loads((Path(path) / ".zattrs").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(attributes, dict) and attributes.get("tesm_format") == MARK


def dataset_from_zarr(path: str | PathLike[str]) -> xr.Dataset:
    """Return the dataset of a Zarr folder that `save_zarr` or xarray wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    xarray.Dataset
        Traces stay in the folder until they are asked for. A piece that is missing or damaged is an OSError then.

    Raises
    ------
    ContentError
        If the folder is damaged, or holds no t-ESM dataset.
    OSError
        If it is not there.
    MissingPackageError
        If zarr is not installed.
    """
    path = Path(path)
    with damage_told(path, "is no sound Zarr store"):
        return _read_dataset(path, opened_group(path))


def _read_dataset(path: Path, root: Any) -> xr.Dataset:
    n_stored = stored_bytes(path)
    groups: dict[str, Any] = {}
    arrays: dict[str, list[tuple[str, Any]]] = {}
    for name, item in members(root, path):
        if hasattr(item, "members"):
            groups[name] = item
        else:
            group, _, own = name.rpartition("/")
            arrays.setdefault(group, []).append((own, item))
    dataset = _dataset(path, groups.get("", root), arrays.get("", []), n_stored)
    if faults := violations(dataset):
        raise ContentError(f"{path} is not a t-ESM dataset: {one_line('; '.join(faults), 400)}")
    dataset.attrs.pop("tesm_format", None)
    others = []
    for number in itertools.count():
        name = f"{OTHER_CHANNELS}/{number}"
        if name not in groups:
            break
        image = _dataset(path, groups[name], arrays.get(name, []), n_stored)
        if "image" not in image or not isinstance(image.attrs.get("name"), str):
            raise ContentError(f"{path} is damaged: '{name}' holds no image.")
        others.append(image["image"].rename(image.attrs["name"]))
    dataset.encoding = {"origin": str(path.absolute())}
    if others:
        dataset.encoding[OTHER_CHANNELS] = others
    return dataset


def _dataset(path: Path, group: Any, arrays: list[tuple[str, Any]], n_stored: int) -> xr.Dataset:
    """Return the arrays of one group as a dataset."""
    attributes = dict(group.attrs)
    coordinates = set(str(attributes.pop("coordinates", "")).split())
    variables: dict[str, xr.Variable] = {}
    for name, item in arrays:
        of_array = dict(item.attrs)
        of_array.pop("_ARRAY_DIMENSIONS", None)
        # xarray lists coordinates with each variable.
        coordinates |= set(str(of_array.pop("coordinates", "")).split())
        try:
            variables[name] = _variable(
                dimension_names(item), lazy_array(item, name, path, n_stored), of_array
            )
        except (UnusableArrayError, ValueError) as error:
            raise ContentError(f"{path}: '{one_line(name)}' cannot be read: {one_line(str(error))}") from None
    dataset = xr.Dataset(variables, attrs=attributes)
    return dataset.set_coords([name for name in coordinates if name in dataset])


def _variable(dims: list[str], array: LazyArray, attributes: dict[str, Any]) -> xr.Variable:
    if array.size * array.dtype.itemsize <= _SMALL:
        return xr.Variable(dims, array[...], attributes)
    return stored_variable(dims, array, attributes)
