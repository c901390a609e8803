"""Arrays and attributes of an HDF5 file, as far as they are what they claim."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.disk import DiskBytes, DiskFile
from napari_tesm.files.errors import FileChangedError
from napari_tesm.files.lazy import LazyArray, Part, UnusableArrayError
from napari_tesm.io.content import ContentError, one_line
from napari_tesm.io.cut_arrays import cut_array, padded_array
from napari_tesm.io.hdf5.superblock import CompletedFile, superblock_put_right
from napari_tesm.io.lost_pieces import Pieces, counts_of_pieces, with_pieces_missing

# zlib cannot do better than 1032:1; a file that promises more promises numbers it does not have. The allowance on top
# is for what is reserved and not written yet.
_BEST_COMPRESSION: Final = 1032
_ALLOWANCE: Final = 1 << 28
# HDF5 reads a chunk as a whole to give one number of it.
_LARGEST_CHUNK: Final = 1 << 28
_MOST_CHUNKS: Final = 5_000_000
_LARGEST_ATTRIBUTE: Final = 1 << 16
_LONGEST_ARRAY_ATTRIBUTE: Final = 64
_NUMBERS: Final = "biufc"


def lazy_array(dataset: Any, disk: DiskFile) -> LazyArray:
    """Return a dataset's numbers, read when they are asked for.

    Of a file that ends too early what is whole is returned, a row shorter than it is announced.

    Parameters
    ----------
    dataset : h5py.Dataset
        Of numbers or of records; closing its file ends its use.
    disk : DiskFile
        The same file; where the numbers lie in it as they are, HDF5 is not asked again.

    Raises
    ------
    UnusableArrayError
        If the numbers are in another file, or are more than the file can hold.
    """
    import h5py

    shape, dtype = dataset.shape, dataset.dtype
    if shape is None or 0 in shape:
        raise UnusableArrayError("it is empty.")
    if dataset.external:
        raise UnusableArrayError("its numbers are in other files, which are not opened.")
    if dataset.is_virtual:
        raise UnusableArrayError("it is put together from other files, which are not opened.")
    is_cut = superblock_put_right(disk)[1] > 0
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > _BEST_COMPRESSION * disk.n_bytes + _ALLOWANCE:
        raise UnusableArrayError(f"it claims {n_bytes:.3g} bytes in a file of {disk.n_bytes}.")
    same_bytes = h5py.h5t.py_create(dtype, logical=True) == dataset.id.get_type()
    layout = dataset.id.get_create_plist().get_layout()
    offset = dataset.id.get_offset() if layout == h5py.h5d.CONTIGUOUS else None
    if offset is not None and same_bytes and dtype.kind != "b":
        if offset + n_bytes > disk.n_bytes and is_cut and dtype.kind in "iuf":
            return cut_array(disk, shape, dtype, offset)
        if offset + n_bytes > disk.n_bytes:
            raise UnusableArrayError(
                f"it ends {offset + n_bytes - disk.n_bytes} bytes behind the end of the file."
            )
        return disk.array(shape, dtype, offset)
    if dataset.chunks is not None:
        if math.prod(dataset.chunks) * dtype.itemsize > _LARGEST_CHUNK:
            raise UnusableArrayError(f"its chunks of {dataset.chunks} are too large.")
        # Goes through the whole index of chunks, which a damaged file should not survive later than now.
        dataset.id.get_num_chunks()

    read = _ByHdf5(disk, dataset)
    array = LazyArray(shape, dtype, read, check=disk.check)
    whole = _whole_rows(dataset, disk.n_bytes) if is_cut and dataset.chunks is not None else shape[0]
    if whole == shape[0]:
        return array
    if not whole or dtype.kind not in "iuf":
        raise UnusableArrayError("nothing of it is whole: the file was cut.")
    held = LazyArray((whole, *shape[1:]), dtype, read, check=disk.check)
    return held if len(shape) == 1 else padded_array(held, 0, shape[0])


def whole_array(dataset: Any, disk: DiskFile, note: Callable[[str], None]) -> LazyArray:
    """Return a dataset's numbers as `lazy_array`, NaN in chunks that were never written.

    Parameters
    ----------
    note : callable
        Takes what was done about those, in the words that follow the dataset's name.

    Raises
    ------
    UnusableArrayError
        As of `lazy_array`, or if no chunk is there.
    """
    array = lazy_array(dataset, disk)
    if dataset.chunks is None or superblock_put_right(disk)[1] > 0:
        return array
    counts = counts_of_pieces(dataset.shape, dataset.chunks)
    if dataset.id.get_num_chunks() >= math.prod(counts):
        return array
    there: set[tuple[int, ...]] = set()
    dataset.id.chunk_iter(
        lambda chunk: there.add(
            tuple(first // size for first, size in zip(chunk.chunk_offset, dataset.chunks, strict=True))
        )
    )
    if math.prod(counts) > _MOST_CHUNKS:
        raise UnusableArrayError(f"it has {len(there)} of {math.prod(counts)} chunks.")
    missing = frozenset(place for place in product(*map(range, counts)) if place not in there)
    return with_pieces_missing(array, Pieces(dataset.chunks, counts, missing), dataset.fillvalue, note)


@dataclass(frozen=True)
class _ByHdf5:
    """What HDF5 has to unpack or to convert, read by it; pickled as the dataset's name in its file."""

    disk: DiskFile
    dataset: Any

    def __call__(self, part: Part) -> NDArray[Any]:
        try:
            return np.asarray(self.dataset[part])
        except FileChangedError:
            raise
        # HDF5 finds the damage when it unpacks a chunk, and says so in many ways.
        except Exception as error:
            self.disk.check()
            raise OSError(
                f"{self.disk.path}: '{self.dataset.name}' cannot be read ({one_line(str(error))})."
            ) from None

    def __reduce__(self) -> tuple[Any, ...]:
        return _by_hdf5, (self.disk, self.dataset.name)


def _by_hdf5(disk: DiskFile, name: str) -> _ByHdf5:
    return _ByHdf5(disk, opened(disk)[name])


def opened(disk: DiskFile) -> Any:
    """Return the h5py.File of a file on disk; it closes with the last array that uses it.

    HDF5 gets its bytes from us. Opening a file by its path a second time, it would show what it read the
    first time, even if the file was written anew since.

    Raises
    ------
    ContentError
        If it is none.
    """
    import h5py

    head, missing = superblock_put_right(disk)
    try:
        return h5py.File(CompletedFile(disk, head, missing) if missing else DiskBytes(disk), "r")
    except FileChangedError:
        raise
    except Exception as error:
        raise ContentError(f"{disk.path} is not a sound HDF5 file: {one_line(str(error))}.") from None


def _whole_rows(dataset: Any, n_bytes: int) -> int:
    """Return how many rows of a dataset in chunks lie before the first chunk that the file does not hold whole."""
    whole = int(dataset.shape[0])
    for number in range(dataset.id.get_num_chunks()):
        chunk = dataset.id.get_chunk_info(number)
        if chunk.byte_offset is None or chunk.byte_offset + chunk.size > n_bytes:
            whole = min(whole, int(chunk.chunk_offset[0]))
    return whole


def with_cf_scaling(array: LazyArray, attributes: dict[str, Any]) -> LazyArray:
    """Return the array with netCDF's ``scale_factor`` and ``add_offset`` applied, and NaN for what it calls missing."""
    factor, offset = attributes.get("scale_factor", 1.0), attributes.get("add_offset", 0.0)
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in (factor, offset)):
        factor, offset = 1.0, 0.0
    stated = (attributes.get(name) for name in ("_FillValue", "missing_value"))
    missing = tuple(value for value in stated if isinstance(value, int | float) and math.isfinite(value))
    if (factor, offset) == (1.0, 0.0) and not missing:
        return array
    return array.converted(partial(_scaled, np.float64(factor), np.float64(offset), missing))


def _scaled(
    factor: np.float64, offset: np.float64, missing: tuple[float, ...], values: NDArray[Any]
) -> NDArray[Any]:
    # Numbers of single precision stay such where nothing but gaps is put into them.
    plain = (factor, offset) == (1.0, 0.0) and values.dtype.kind == "f"
    scaled = np.array(values) if plain else np.asarray(values * factor + offset)
    for value in missing:
        scaled[values == value] = np.nan
    return scaled


def small_array(dataset: Any, disk: DiskFile, longest: int) -> NDArray[Any]:
    """Return all numbers of a dataset that describes another.

    Raises
    ------
    UnusableArrayError
        If there are more than `longest`, or it cannot be read.
    """
    array = lazy_array(dataset, disk)
    if array.size > longest:
        raise UnusableArrayError(f"it has {array.size} numbers where at most {longest} are possible.")
    if array.shape != dataset.shape:
        raise UnusableArrayError("it is not whole: the file was cut.")
    return np.asarray(array[...])


def attributes_of(item: Any) -> dict[str, Any]:
    """Return the attributes of a group or dataset that are texts, numbers or short arrays."""
    import h5py

    attributes = {}
    for name in item.attrs:
        attribute = item.attrs.get_id(name)
        # An attribute without a value has no size, which HDF5 takes for an error.
        if attribute.get_space().get_simple_extent_type() == h5py.h5s.NULL:
            continue
        if attribute.get_storage_size() > _LARGEST_ATTRIBUTE:
            continue
        value = plain_value(item.attrs[name])
        if value is not None:
            attributes[str(name)] = value
    return attributes


def text_of(attributes: dict[str, Any], *names: str) -> str:
    """Return the first attribute of these names that is a text; a unit that is a number or a list says nothing."""
    texts = (attributes.get(name) for name in names)
    return next((text for text in texts if isinstance(text, str) and text), "")


def plain_value(value: Any) -> Any:
    """Return a value as text, number, short array of numbers or list of texts; None where it is no such."""
    if isinstance(value, bytes | np.bytes_):
        # Older programs write the µ of a unit as one byte, as Latin-1 has it.
        try:
            return bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            return bytes(value).decode("latin-1")
    if isinstance(value, str):
        return str(value)
    if isinstance(value, np.generic) and value.dtype.kind in _NUMBERS:
        return value.item()
    if not isinstance(value, np.ndarray) or value.size > _LONGEST_ARRAY_ATTRIBUTE:
        return None
    if value.dtype.kind in _NUMBERS:
        return value.reshape(-1)[0].item() if value.size == 1 else value
    if value.dtype.kind in "SUO":
        texts = [plain_value(item) for item in value.reshape(-1).tolist()]
        if all(isinstance(text, str) for text in texts):
            return texts[0] if len(texts) == 1 else texts
    return None
