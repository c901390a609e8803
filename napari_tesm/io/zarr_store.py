"""A dataset as Zarr, xarray's own store: every value, coordinate and attribute comes back as it was, in any size."""

import json
import os
import shutil
import tempfile
import warnings
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from napari_tesm.dataset import TRACE_DIMS, check_dataset
from napari_tesm.io.content import Axis, ContentError, FileContent, Source
from napari_tesm.io.optional import optional_module

_MARK: Final = "t-ESM dataset 1"
_CHUNK_BYTES: Final = 4 << 20
_BLOCK_BYTES: Final = 64 << 20
_IMAGES: Final = "other_channels"
_JSON: Final = ("traces",)


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr store, of version 2 or 3."""
    return path.is_dir() and any((path / name).is_file() for name in (".zgroup", ".zarray", "zarr.json"))


def is_dataset_store(path: Path) -> bool:
    """Whether a folder is a dataset that `save_zarr` wrote."""
    try:
        attributes = json.loads((path / ".zattrs").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(attributes, dict) and attributes.get("tesm_format") == _MARK


def save_zarr(path: str | PathLike[str], dataset: xr.Dataset, *, overwrite: bool = False) -> None:
    """Write a dataset as a Zarr folder, whole or not at all; the traces are read and written in blocks of lines.

    Parameters
    ----------
    overwrite : bool
        Replace a dataset that is there; another folder is never replaced.

    Raises
    ------
    OSError
        If something is there already, or it cannot be written; nothing is left behind then.
    """
    path = Path(path)
    if path.exists() and not (overwrite and is_dataset_store(path)):
        if overwrite:
            raise FileExistsError(f"{path} is there and is no t-ESM dataset: it is not replaced")
        raise FileExistsError(f"{path} exists: choose another name, or --overwrite")
    optional_module("zarr", path, "a Zarr store")
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        _write(folder / path.name, dataset)
        _put_in_place(folder, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(folder: Path, path: Path) -> None:
    replaced = folder / "replaced"
    if path.exists():
        path.rename(replaced)
    try:
        (folder / path.name).rename(path)
    except OSError:
        if replaced.exists():
            replaced.rename(path)
        raise


def _write(folder: Path, dataset: xr.Dataset) -> None:
    import zarr

    traces = [str(name) for name, array in dataset.data_vars.items() if array.dims == TRACE_DIMS]
    small = dataset.drop_vars(traces).assign_attrs({**dataset.attrs, "tesm_format": _MARK})
    options: dict[str, Any] = {"mode": "w", "consolidated": False, "zarr_format": 2}
    _plain(small).to_zarr(folder, **options)
    group = zarr.open_group(folder, mode="r+", zarr_format=2)
    for name in traces:
        variable = dataset[name]
        dtype = np.dtype(variable.dtype).newbyteorder("=")
        lines = max(1, _CHUNK_BYTES // max(1, variable.sizes["x"] * variable.sizes["time"] * dtype.itemsize))
        array = group.create_array(
            name,
            shape=variable.shape,
            chunks=(1, min(lines, variable.sizes["y"]), variable.sizes["x"], variable.sizes["time"]),
            dtype=dtype,
            attributes={"_ARRAY_DIMENSIONS": list(TRACE_DIMS), **_json_attributes(variable.attrs)},
            fill_value=np.nan if dtype.kind == "f" else 0,
        )
        step = lines * max(1, _BLOCK_BYTES // _CHUNK_BYTES)
        for pulse in range(variable.sizes["pulse"]):
            for start in range(0, variable.sizes["y"], step):
                rows = slice(start, min(start + step, variable.sizes["y"]))
                array[pulse, rows] = variable.isel(pulse=pulse, y=rows).values
    for number, channel in enumerate(dataset.encoding.get(_IMAGES, [])):
        image = _plain(channel.to_dataset(name="image").assign_attrs(name=str(channel.name)))
        image.to_zarr(folder, group=f"{_IMAGES}/{number}", **(options | {"mode": "a"}))


def _plain(dataset: xr.Dataset) -> xr.Dataset:
    """Return a dataset without what a source left in its encodings, and with attributes that JSON holds."""
    plain = dataset.drop_encoding()
    plain.attrs = _json_attributes(plain.attrs)
    for variable in plain.variables.values():
        variable.attrs = _json_attributes(variable.attrs)
    return plain


def _json_attributes(attributes: Any) -> dict[str, Any]:
    return {str(name): _json_value(value) for name, value in attributes.items()}


def _json_value(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray | tuple | list):
        return [_json_value(one) for one in list(value)]
    return value


def dataset_from_zarr(path: str | PathLike[str]) -> xr.Dataset:
    """Return a dataset that `save_zarr` wrote; its traces stay in the store until rows of them are asked for.

    Raises
    ------
    ContentError
        If the store is damaged.
    """
    path = Path(path)
    optional_module("zarr", path, "a Zarr store")
    others = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of parts that are no Zarr
            dataset = _opened(path)
            check_dataset(dataset)
            for number in range(_images_in(path)):
                group = _opened(path, group=f"{_IMAGES}/{number}").load()
                others.append(group["image"].rename(group.attrs["name"]))
    except Exception as error:
        raise ContentError(f"{path.name} is a damaged dataset: {_first_line(error)}") from None
    dataset.attrs.pop("tesm_format", None)
    dataset.encoding = {"origin": str(path.absolute())}
    if others:
        dataset.encoding[_IMAGES] = others
    return dataset


def _images_in(path: Path) -> int:
    folder = path / _IMAGES
    return sum(part.is_dir() for part in folder.iterdir()) if folder.is_dir() else 0


def _opened(path: Path, group: str | None = None) -> xr.Dataset:
    opened: xr.Dataset = xr.open_zarr(
        os.fspath(path), group=group, consolidated=False, chunks=None, mask_and_scale=False, decode_times=False,
        zarr_format=2,
    )  # fmt: skip
    for variable in opened.variables.values():
        variable.encoding = {}
        variable.attrs.pop(
            "_FillValue", None
        )  # what Zarr puts where nothing was written; here everything was
    # Strings of one length come back as what xarray makes of them.
    if "direction" in opened.coords:
        direction = opened["direction"]
        opened = opened.assign_coords(
            direction=(direction.dims, np.asarray(direction.values, dtype=np.str_), direction.attrs)
        )
    names = ("x", "y", "time", "voltage")
    return opened.assign_coords({name: opened[name].load() for name in names if name in opened.coords})


def content_from_zarr(path: Path) -> FileContent:
    """Return the arrays of any other Zarr store, with the names of their dimensions where they are written.

    Raises
    ------
    ContentError
        If it is not sound.
    """
    path = Path(path)
    zarr = optional_module("zarr", path, "a Zarr store")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            root = zarr.open(os.fspath(path), mode="r")
            arrays = [("", root)] if isinstance(root, zarr.Array) else _arrays(root, "")
            sources = [_source(name or path.stem, array, dict(arrays)) for name, array in arrays]
    except Exception as error:
        raise ContentError(f"{path.name} is no sound Zarr store: {_first_line(error)}") from None
    return FileContent(path, "Zarr", [one for one in sources if one is not None])


def _arrays(group: Any, prefix: str, depth: int = 0) -> list[tuple[str, Any]]:
    found = []
    for name, member in sorted(group.members()):
        if hasattr(member, "members"):
            found += _arrays(member, f"{prefix}{name}/", depth + 1) if depth < 8 else []
        else:
            found.append((f"{prefix}{name}", member))
    return found


def _source(name: str, array: Any, arrays: dict[str, Any]) -> Source | None:
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        return None
    written = array.attrs.get("_ARRAY_DIMENSIONS") or getattr(array.metadata, "dimension_names", None) or []
    names = [str(one or "") for one in written] if len(written) == array.ndim else [""] * array.ndim
    folder = name.rpartition("/")[0]
    axes = []
    for size, dimension in zip(array.shape, names, strict=True):
        along = arrays.get(f"{folder}/{dimension}".lstrip("/"))
        own = along is not None and along.shape == (size,) and along.dtype.kind in "fiu" and dimension
        axes.append(
            Axis(
                int(size),
                dimension,
                str(along.attrs.get("units", "")),
                values=np.asarray(along[:], dtype=np.float64),
            )
            if own and along is not None
            else Axis(int(size), dimension, known=False)
        )
    unit = str(array.attrs.get("units", ""))
    attributes = {str(key): value for key, value in array.attrs.items() if not str(key).startswith("_")}
    return Source(name, array, axes, unit, str(array.attrs.get("long_name", "")), attributes)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
