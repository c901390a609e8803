"""MATLAB's .mat format of version 7.3: HDF5 with the classes of MATLAB in attributes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.lazy import UnusableArrayError, numbers_of
from napari_tesm.io.content import ContentError, damage_told, one_line
from napari_tesm.io.hdf5.content import hdf5_on_disk
from napari_tesm.io.hdf5.datasets import lazy_array, opened, plain_value, whole_array
from napari_tesm.io.hdf5.superblock import cut_in_words, superblock_put_right
from napari_tesm.io.matlab.variables import Variables, element_names
from napari_tesm.io.rehearsal import rehearse

_DEEPEST: Final = 32
_MOST_ELEMENTS: Final = 10_000
_LONGEST_TEXT: Final = 1 << 20
_NUMERIC: Final = {
    "double", "single", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "logical",
}  # fmt: skip


def read_version_7_3(path: Path, variables: Variables) -> None:
    """Put the variables of the file into `variables`.

    Raises
    ------
    ContentError
        If the file is damaged.
    """
    hdf5_on_disk(path)
    rehearse(path, "napari_tesm.io.matlab", "content_from_matlab")
    file = opened(variables.disk)
    with damage_told(path, "is not a sound MATLAB file"):
        _Walk(file, variables).group(file, "", 0)


class _Walk:
    def __init__(self, file: Any, variables: Variables) -> None:
        self.file = file
        self.variables = variables
        _, self.missing = superblock_put_right(variables.disk)
        if self.missing:
            variables.note(cut_in_words(self.missing))

    def group(self, group: Any, prefix: str, depth: int) -> None:
        """Put the variables of the file, or the fields of a struct, to the others."""
        import h5py

        for key in group:
            # What cells and structs refer to is variables through them.
            if key.startswith("#"):
                continue
            name = f"{prefix}{one_line(key)}"
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                self.variables.leave_out(name, "it is a link, which MATLAB does not write.")
                continue
            try:
                item = group[key]
            except Exception:  # h5py has no common error for what lies behind the end
                if self.missing <= 0:
                    raise
                self.variables.leave_out(name, "what describes it was in the part that is missing.")
                continue
            self.item(item, name, depth)

    def item(self, item: Any, name: str, depth: int) -> None:
        import h5py

        self.variables.visit()
        if depth > _DEEPEST:
            raise ContentError(f"{self.variables.disk.path} nests variables deeper than {_DEEPEST} levels.")
        kind = str(plain_value(item.attrs.get("MATLAB_class")) or "")
        try:
            if isinstance(item, h5py.Group):
                if "MATLAB_sparse" in item.attrs:
                    raise UnusableArrayError("it is a sparse matrix.")
                self.group(item, f"{name}.", depth + 1)
            elif not isinstance(item, h5py.Dataset):
                return
            elif item.attrs.get("MATLAB_empty"):
                if kind == "char":
                    self.variables.attributes[name] = ""
                else:
                    raise UnusableArrayError("it is empty.")
            elif item.dtype == h5py.ref_dtype:
                # Cells; and a field of an array of structs has no class of its own.
                self.references(item, name, "{{{}}}" if kind == "cell" else "({})", depth)
            elif kind == "char":
                self.variables.attributes[name] = self.characters(item)
            elif kind in _NUMERIC or not kind:
                self.numbers(item, name, kind)
            else:
                raise UnusableArrayError(f"it is of the class {one_line(kind)}.")
        except UnusableArrayError as error:
            self.variables.leave_out(name, str(error))

    def numbers(self, dataset: Any, name: str, kind: str) -> None:
        if dataset.shape == ():
            self.variables.attributes[name] = plain_value(dataset[()])
            return
        note = partial(self.variables.note_of, name)
        for part, array in numbers_of(whole_array(dataset, self.variables.disk, note).transposed(), name):
            self.variables.add_array(part, array.converted(_is_true) if kind == "logical" else array)

    def characters(self, dataset: Any) -> str:
        array = lazy_array(dataset, self.variables.disk)
        if array.size > _LONGEST_TEXT or array.dtype.kind != "u" or array.dtype.itemsize > 4:
            raise UnusableArrayError("it is no text of a usual length.")
        codes = np.atleast_2d(np.asarray(array[...])).T
        rows = codes.reshape(codes.shape[0], -1)
        encoding = {1: "latin-1", 2: "utf-16-le", 4: "utf-32-le"}[array.dtype.itemsize]
        little = rows.astype(rows.dtype.newbyteorder("<"))
        return "\n".join(row.tobytes().decode(encoding, "replace").rstrip("\0 ") for row in little)

    def references(self, dataset: Any, name: str, form: str, depth: int) -> None:
        if dataset.shape is None or dataset.size > _MOST_ELEMENTS:
            raise UnusableArrayError(f"it has more than {_MOST_ELEMENTS} elements.")
        shape = dataset.shape[::-1]
        # A field of an array of structs, s.x, is called s(2).x: the number belongs to what is before the dot.
        owner, dot, field = name.rpartition(".") if form == "({})" else (name, "", "")
        name_of = element_names(owner, shape, form)
        for index, reference in enumerate(dataset[...].reshape(-1)):
            if reference:
                self.item(self.file[reference], f"{name_of(index)}{dot}{field}", depth + 1)


def _is_true(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(values != 0)
