"""Arrays of a Zarr folder, read chunk by chunk when they are asked for."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray, Part, UnusableArrayError
from napari_tesm.files.leftovers import put_right
from napari_tesm.files.optional import optional_module
from napari_tesm.io.content import ContentError, one_line
from napari_tesm.io.lost_pieces import Pieces, counts_of_pieces, with_pieces_missing

MARK: Final = "t-ESM dataset 1"
"""Attribute ``tesm_format`` of a store that `save_zarr` wrote."""
OTHER_CHANNELS: Final = "other_channels"
"""Group of the images that lie on other grids; they travel in the encoding of a dataset under this name."""
_NODES: Final = ("zarr.json", ".zgroup", ".zarray")
"""Files that say that a folder is a group or an array."""
_MARKS: Final = (*_NODES, ".zattrs", ".zmetadata")
# What unpacks numbers and nothing else. Zarr knows codecs that load pickled objects, which run what they like.
_SAFE_CODECS: Final = {
    "adler32", "astype", "bitround", "blosc", "bytes", "bz2", "crc32", "crc32c", "delta", "endian", "fixedscaleoffset",
    "fletcher32", "gzip", "jenkins_lookup3", "lz4", "lzma", "packbits", "pcodec", "quantize", "sharding_indexed",
    "shuffle", "transpose", "zfpy", "zlib", "zstd",
}  # fmt: skip
_BEST_COMPRESSION: Final = 1032
_ALLOWANCE: Final = 1 << 28
_LARGEST_CHUNK: Final = 1 << 28
_MOST_MEMBERS: Final = 20_000
_DEEPEST: Final = 32
_MOST_FILES: Final = 5_000_000


def is_zarr(path: str | PathLike[str]) -> bool:
    """Return whether `path` is a folder with a Zarr group or array in it."""
    return Path(path).is_dir() and any((Path(path) / mark).is_file() for mark in _MARKS)


def opened_group(path: str | PathLike[str]) -> Any:
    """Return the zarr.Group of a folder; for the folder of a single array, that zarr.Array.

    Raises
    ------
    OSError
        If there is no such folder.
    ContentError
        If it is no sound Zarr store.
    MissingPackageError
        If zarr is not installed.
    """
    if not (Path(path).exists() or put_right(path)):
        raise FileNotFoundError(f"{path} does not exist.")
    if not is_zarr(path):
        raise ContentError(
            f"{path} is no Zarr folder: it holds neither 'zarr.json' nor '.zgroup' nor '.zarray'."
        )
    zarr = optional_module("zarr", path, "a Zarr folder")
    _check_descriptions(Path(path), "")
    try:
        # Without consolidated metadata: it may name members that are not in the folder.
        return zarr.open_group(str(path), mode="r", use_consolidated=False)
    except Exception as error:
        is_array = isinstance(error, zarr.errors.ContainsArrayError) or (Path(path) / ".zarray").is_file()
        if not is_array:
            raise _not_sound(path, error) from None
    try:
        return zarr.open_array(str(path), mode="r")
    except Exception as error:
        raise _not_sound(path, error) from None


def _not_sound(path: str | PathLike[str], error: Exception) -> ContentError:
    reason = one_line(str(error)) or type(error).__name__
    return ContentError(f"{path} is no sound Zarr store: {reason}.")


def members(group: Any, path: Path) -> Iterator[tuple[str, Any]]:
    """Yield every group and array of a Zarr group with its name, the group itself first under ``""``.

    Raises
    ------
    ContentError
        If there are too many, too deeply nested, or one is damaged.
    """
    waiting = [("", group)]
    n_seen = 0
    while waiting:
        name, item = waiting.pop(0)
        yield name, item
        if not hasattr(item, "members"):
            continue
        if name:
            _check_descriptions(path, name)
        # What is no part of a store, a note or a preview beside the arrays, is none of its business.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inside = sorted(item.members(use_consolidated_for_children=False))
        _check_members(path, name, dict(inside))
        n_seen += len(inside)
        if n_seen > _MOST_MEMBERS or name.count("/") > _DEEPEST:
            raise ContentError(f"{path} holds too many arrays, or nests them too deeply.")
        waiting += [(f"{name}/{key}".strip("/"), member) for key, member in inside]


def _check_descriptions(path: Path, name: str) -> None:
    """Raise a ContentError where a description of a group or its members is no file: Zarr passes over what it means."""
    group = path / name
    with os.scandir(group) as entries:
        folders = [group, *sorted(Path(entry) for entry in entries if entry.is_dir())]
    for place in (folder / mark for folder in folders for mark in _MARKS):
        if place.is_dir():
            where = place.relative_to(path).as_posix()
            raise ContentError(f"{path} is damaged: '{where}' is a folder where a file should be.")


def _check_members(path: Path, name: str, known: Mapping[str, Any]) -> None:
    """Raise a ContentError where something is described that Zarr has passed over, as it does what it cannot read.

    An array whose description it cannot read it may take for an empty group, too.
    """
    with os.scandir(path / name) as entries:
        folders = sorted(entry.name for entry in entries if entry.is_dir())
    for folder in folders:
        wrong = _NODES if folder not in known else (".zarray",) if hasattr(known[folder], "members") else ()
        mark = next((mark for mark in wrong if (path / name / folder / mark).is_file()), None)
        if mark is not None:
            where = (Path(name) / folder / mark).as_posix()
            raise ContentError(f"{path} is no sound Zarr store: '{where}' cannot be understood.")


def stored_bytes(path: Path) -> int:
    """Return the bytes of all files in a folder."""
    total = n_files = 0
    for folder, _, names in os.walk(path):
        n_files += len(names)
        if n_files > _MOST_FILES:
            raise ContentError(f"{path} holds more than {_MOST_FILES} files.")
        total += sum(os.lstat(os.path.join(folder, name)).st_size for name in names)  # noqa: PTH118 - for speed
    return total


def lazy_array(
    array: Any, name: str, path: Path, n_stored: int, *, lost: Callable[[str], None] | None = None
) -> LazyArray:
    """Return a zarr array whose chunks are read when they are asked for.

    Parameters
    ----------
    array : zarr.Array
    name : str
        In messages.
    path : Path
        Folder of the store.
    n_stored : int
        Bytes the store has for all its arrays.
    lost : callable, optional
        Takes what was done about chunks that are not there. Without it to read one that cannot be made up is an error.

    Raises
    ------
    UnusableArrayError
        If its numbers cannot be there, or would be unpacked by what may run a program.
    """
    shape, dtype = tuple(array.shape), np.dtype(array.dtype)
    if dtype.hasobject or dtype.kind not in "biufcUSV":
        raise UnusableArrayError(f"it holds {dtype}, no numbers.")
    strange = sorted(_codecs(array) - _SAFE_CODECS)
    if strange:
        raise UnusableArrayError(f"it is packed by {', '.join(map(repr, strange))}, which is not trusted.")
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > _BEST_COMPRESSION * n_stored + _ALLOWANCE:
        raise UnusableArrayError(f"it claims {n_bytes:.3g} bytes in a store of {n_stored}.")
    chunks = tuple(array.chunks)
    if math.prod(chunks) * dtype.itemsize > _LARGEST_CHUNK:
        raise UnusableArrayError(f"its chunks of {chunks} are too large.")
    if lost is None:
        return LazyArray(shape, dtype, _ByZarr(array, name, path))
    held = LazyArray(shape, dtype, _ByZarr(array, name, path, may_lack=True))
    return with_pieces_missing(held, _pieces_of(array), array.fill_value, lost)


def _pieces_of(array: Any) -> Pieces:
    """Return in which files of their own the numbers of an array are, and which of those are not there."""
    size = tuple(getattr(array, "shards", None) or array.chunks)
    counts = counts_of_pieces(tuple(array.shape), size)
    n_pieces = math.prod(counts)
    if n_pieces > _MOST_FILES:
        raise UnusableArrayError(f"it is cut into {n_pieces} pieces.")
    folder = Path(array.store.root) / array.path
    there = {
        os.path.join(inside, name)[len(str(folder)) + 1 :].replace(os.sep, "/")  # noqa: PTH118 - for speed
        for inside, _, names in os.walk(folder)
        for name in names
    }
    if len(there - set(_MARKS)) >= n_pieces:
        return Pieces(size, counts)
    places = product(*map(range, counts))
    key = array.metadata.encode_chunk_key
    return Pieces(size, counts, frozenset(place for place in places if key(place) not in there))


@dataclass(frozen=True)
class _ByZarr:
    array: Any
    name: str
    path: Path
    may_lack: bool = False
    """Whether what is missing was seen to already."""

    def __call__(self, part: Part) -> NDArray[Any]:
        missing = [] if self.may_lack else missing_chunks(self.array, part)
        if missing:
            raise OSError(f"{self.path}: '{self.name}' is incomplete: its piece '{missing[0]}' is not there.")
        try:
            return np.asarray(self.array[part])
        # Each codec has errors of its own for damaged bytes.
        except Exception as error:
            raise OSError(f"{self.path}: '{self.name}' cannot be read ({one_line(str(error))}).") from None


def missing_chunks(array: Any, part: Part) -> list[str]:
    """Return the names of the chunks of a part that are not there and cannot be made up.

    Zarr takes a missing chunk for one full of the fill value, and for one full of zeros where there is none.
    """
    if array.metadata.zarr_format != 2 or array.fill_value is not None:
        return []
    folder = Path(array.store.root) / array.path
    places = [
        range(along.start // size, -(-along.stop // size)) if along.stop > along.start else range(0)
        for along, size in zip(part, array.chunks, strict=True)
    ]
    separator = array.metadata.dimension_separator
    names = (separator.join(map(str, place)) or "0" for place in product(*places))
    return [name for name in names if not (folder / name).is_file()]


def _codecs(array: Any) -> set[str]:
    """Return the names of everything that turns the bytes of a chunk into numbers."""
    metadata = array.metadata.to_dict()
    if metadata["zarr_format"] == 2:
        codecs = [metadata.get("compressor"), *(metadata.get("filters") or ())]
        return {str(codec.get("id")) for codec in codecs if codec}
    names: set[str] = set()
    waiting = list(metadata.get("codecs") or ())
    while waiting:
        codec = waiting.pop()
        names.add(str(codec.get("name")).removeprefix("numcodecs."))
        inside = codec.get("configuration") or {}
        waiting += [*(inside.get("codecs") or ()), *(inside.get("index_codecs") or ())]
    return names


def dimension_names(array: Any) -> list[str]:
    """Return what the dimensions of an array are called; empty where nothing is said."""
    ndim = len(array.shape)
    names = array.attrs.get("_ARRAY_DIMENSIONS")
    if names is None:
        names = getattr(array.metadata, "dimension_names", None)
    if not isinstance(names, list | tuple) or len(names) != ndim:
        return [""] * ndim
    return [name if isinstance(name, str) else "" for name in names]
