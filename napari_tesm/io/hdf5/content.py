"""What an HDF5 file holds: every array of numbers, with the axes its structure gives it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Final

from napari_tesm.files.disk import DiskFile
from napari_tesm.files.lazy import LazyArray, UnusableArrayError, numbers_of
from napari_tesm.files.optional import optional_module
from napari_tesm.io.content import (
    Axis,
    Collection,
    ContentError,
    FileContent,
    damage_told,
    disk_content,
    one_line,
    si_from_unit,
)
from napari_tesm.io.hdf5.axes import axes_from_scales
from napari_tesm.io.hdf5.conventions import axes_by_convention, named_scales
from napari_tesm.io.hdf5.datasets import (
    attributes_of,
    opened,
    plain_value,
    text_of,
    whole_array,
    with_cf_scaling,
)
from napari_tesm.io.hdf5.superblock import cut_in_words, superblock_put_right
from napari_tesm.io.hdf5.usid import Grid, grids_from_tables, tables_of
from napari_tesm.io.rehearsal import rehearse
from napari_tesm.io.unit_attributes import unit_from_attributes
from napari_tesm.io.waveforms import axes_with_waveform

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_MOST_ITEMS: Final = 20_000
_DEEPEST: Final = 64
_LONGEST_TEXT: Final = 10_000


def is_hdf5(path: str | PathLike[str], head: bytes) -> bool:
    """Return whether a file starting with the bytes `head` is HDF5, possibly behind a block of the user's."""
    return any(head[start : start + 8] == _SIGNATURE for start in (0, 512, 1024, 2048))


def content_from_hdf5(path: str | PathLike[str]) -> FileContent:
    """Return the arrays of an HDF5 file, whose numbers stay in the file.

    Datasets are known by their structure: with dimension scales (NSID, netCDF), with USID's tables of positions, which
    are reshaped to their grid where it is complete, or without either. Parts of complex numbers and fields of records
    are arrays of their own, ``…/real``, ``…/imag``, ``…/field``. Other files are never opened.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ContentError
        If the file is damaged.
    OSError
        If it cannot be opened.
    MissingPackageError
        If h5py is not installed.
    """
    disk = hdf5_on_disk(path)
    rehearse(path, __name__, "content_from_hdf5")
    return _content(Path(path), disk)


def hdf5_on_disk(path: str | PathLike[str]) -> DiskFile:
    """Return the file, open for reading, once it is sure that h5py is there to read it."""
    disk = disk_content(path)
    optional_module("h5py", path, "an HDF5 file")
    return disk


def _content(path: Path, disk: DiskFile) -> FileContent:
    with damage_told(path, "is not a sound HDF5 file"):
        return _Walk(opened(disk), disk).read(path)


class _Walk(Collection):
    """Goes once through every group and dataset of a file."""

    def __init__(self, file: Any, disk: DiskFile) -> None:
        super().__init__()
        self.file = file
        self.disk = disk
        _, self.missing = superblock_put_right(disk)
        self.datasets: list[tuple[str, Any]] = []
        self.used: set[int] = set()
        """Datasets that describe others: scales and tables."""
        self.kinds: set[str] = set()

    def read(self, path: Path) -> FileContent:
        if self.missing:
            self.note(cut_in_words(self.missing))
        self.visit(self.file, "", {_address(self.file)}, 0)
        tables = {}
        for name, dataset in self.datasets:
            with self.what_is_missing_left_out(name):
                if own_tables := tables_of(dataset):
                    tables[name] = own_tables
                    self.used |= {_address(table) for table in own_tables.values()}
                self.used |= {_address(scale) for dimension in dataset.dims for scale in dimension.values()}
                self.used |= {_address(scale) for scale in named_scales(dataset) if scale is not None}
        for name, dataset in self.datasets:
            with self.what_is_missing_left_out(name):
                if _address(dataset) in self.used:
                    continue
                try:
                    self.dataset(name, dataset, tables.get(name))
                except UnusableArrayError as error:
                    self.leave_out(name, error)
        kind = next((f", {kind}" for kind in ("NSID", "USID", "netCDF") if kind in self.kinds), "")
        return self.content(path, f"HDF5{kind}", self.disk.check)

    def visit(self, group: Any, prefix: str, seen: set[int], depth: int) -> None:
        """Collect what is in a group; links back to where we came from end here."""
        import h5py

        self.attributes |= {f"{prefix}{key}": value for key, value in attributes_of(group).items()}
        for key in group:
            name = f"{prefix}{one_line(key)}"
            link = group.get(key, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                self.note(f"'{name}' is in another file ({link.filename}), which is not opened.")
                continue
            # What a soft link points to is there under its own name.
            if not isinstance(link, h5py.HardLink):
                continue
            with self.what_is_missing_left_out(name):
                item = group[key]
                address = _address(item)
                if address in seen:
                    continue
                seen.add(address)
                if len(seen) > _MOST_ITEMS or depth > _DEEPEST:
                    raise ContentError(f"{self.disk.path} holds too many groups, or nests them too deeply.")
                if isinstance(item, h5py.Group):
                    self.visit(item, f"{name}/", seen, depth + 1)
                elif isinstance(item, h5py.Dataset):
                    self.datasets.append((name, item))

    @contextmanager
    def what_is_missing_left_out(self, name: str) -> Iterator[None]:
        """Leave out, and note, what HDF5 does not find because the file ends too early."""
        try:
            yield
        except ContentError:
            raise
        except Exception:  # it has no common error for that
            if self.missing <= 0:
                raise
            sentence = f"'{name}' is left out: what describes it was in the part that is missing."
            if sentence not in self.notes:
                self.note(sentence)

    def dataset(self, name: str, dataset: Any, tables: dict[str, Any] | None) -> None:
        if dataset.shape == () and dataset.dtype.kind != "V":
            self.scalar(name, dataset)
            return
        attributes = attributes_of(dataset)
        array = whole_array(dataset, self.disk, partial(self.note_of, name))
        unit = unit_from_attributes(attributes)
        title = text_of(attributes, "quantity", "long_name")
        axes: list[Axis] | None = None
        if tables is not None:
            array, axes = self.usid(name, array, tables)
            self.kinds.add("USID")
        if axes is None:
            axes, kinds, notes = axes_from_scales(dataset, self.disk)
            for sentence in notes:
                self.note(sentence)
            axes = axes_by_convention(axes, dataset, self.disk)
            axes = axes_with_waveform(axes, attributes, partial(self.note_of, name))
            if any(kinds):
                attributes["dimension_type"] = kinds
                self.wrong_lengths(name, axes, kinds)
            if {"data_type", "quantity", "units"} <= set(attributes) and any(kinds):
                self.kinds.add("NSID")
            if "_Netcdf4Coordinates" in dataset.attrs or "_Netcdf4Dimid" in dataset.attrs:
                self.kinds.add("netCDF")
        for part, numbers in numbers_of(array, name):
            of_part = part[len(name) :].replace("/", " ")
            called = f"{title or name.rsplit('/', 1)[-1]}{of_part}"
            if numbers.shape != tuple(axis.size for axis in axes):  # of a row, the part that is there
                axes = [axis.cropped(size) for axis, size in zip(axes, numbers.shape, strict=True)]
            self.add(part, with_cf_scaling(numbers, attributes), axes, unit, called, attributes)

    def scalar(self, name: str, dataset: Any) -> None:
        """Keep single numbers and texts as attributes of the file."""
        if dataset.external or dataset.is_virtual:
            raise UnusableArrayError("it is in another file, which is not opened.")
        value = plain_value(dataset[()])
        if value is None or (isinstance(value, str) and len(value) > _LONGEST_TEXT):
            raise UnusableArrayError("it is no number and no short text.")
        self.attributes[name] = value

    def usid(
        self, name: str, array: LazyArray, tables: dict[str, Any]
    ) -> tuple[LazyArray, list[Axis] | None]:
        """Return a USID array in the shape of its grid, and its axes."""
        try:
            rows, columns = grids_from_tables(tables, (array.shape[0], array.shape[1]), self.disk)
        except UnusableArrayError as error:
            self.note(f"'{name}' has no axes: {error}")
            return array, None
        for grid, what in ((rows, "positions"), (columns, "spectroscopic values")):
            if not grid.complete:
                self.note(f"'{name}' stays a list of {what}: they are no complete grid in order.")
        if array.shape[0] == 1 and array.shape[1] > 1:
            self.note(f"'{name}' is a single curve, no map.")
        return _without_single(array.regrouped(rows.sizes, columns.sizes), rows, columns)

    def wrong_lengths(self, name: str, axes: list[Axis], kinds: list[str]) -> None:
        wrong = [
            axis.name
            for axis, kind in zip(axes, kinds, strict=True)
            if kind == "SPATIAL" and axis.unit and si_from_unit(axis.unit)[1] != "m"
        ]
        if wrong:
            units = ", ".join(sorted({axis.unit for axis in axes if axis.name in wrong}))
            self.note(f"'{name}' has places along {', '.join(wrong)} in '{units}', which is no length.")


def _without_single(array: LazyArray, rows: Grid, columns: Grid) -> tuple[LazyArray, list[Axis]]:
    """Leave out dimensions of one place, such as the spectroscopic one of an image; not all of them."""
    axes = [*rows.axes, *columns.axes]
    kept = [number for number, axis in enumerate(axes) if axis.size > 1] or [len(axes) - 1]
    if len(kept) == len(axes):
        return array, axes
    # From the last on, so that the axes before keep their numbers.
    for number in sorted(set(range(len(axes))) - set(kept), reverse=True):
        array = array.at(number, 0)
    return array, [axes[number] for number in kept]


def _address(item: Any) -> int:
    import h5py

    return int(h5py.h5o.get_info(item.id).addr)
