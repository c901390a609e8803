"""NumPy's .npy and .npz files: arrays without a word on what they are; a mapping beside them says it."""

import zipfile
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.io.content import Axis, ContentError, FileContent, Source

_NPY: Final = b"\x93NUMPY"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_LARGEST_MEMBER: Final = 4 << 30
_MOST_MEMBERS: Final = 1000


def is_numpy(path: Path, head: bytes) -> bool:
    """Whether a file is of NumPy, by its first bytes."""
    return head.startswith(_NPY) or (head.startswith(_ZIP) and _holds_arrays(path))


def content_from_numpy(path: Path) -> FileContent:
    """Return the arrays of a .npy or .npz file; a .npy stays in the file, members of .npz are unpacked when asked for.

    Raises
    ------
    ContentError
        If the file is not sound, or holds Python objects, which could run code and are never unpacked.
    OSError
        If it cannot be read.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            single = file.read(len(_NPY)) == _NPY
        sources = [_single(path)] if single else _members(path)
    except (ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, OverflowError) as error:
        if isinstance(error, ContentError):
            raise
        raise ContentError(f"{path.name} is no sound NumPy file: {_first_line(error)}") from None
    return FileContent(path, "NumPy array" if single else "NumPy arrays", sources)


def _single(path: Path) -> Source:
    with path.open("rb") as file:
        shape, dtype, _ = _header(file, path.stem)
        needed = int(np.prod(shape, dtype=object)) * dtype.itemsize + file.tell()
    if needed > path.stat().st_size:
        raise ContentError(
            f"{path.name} is cut: it promises {needed} bytes and has {path.stat().st_size}: copy it anew"
        )
    if 0 in shape:
        return _source(path.stem, np.empty(shape, dtype))
    return _source(path.stem, np.load(path, mmap_mode="r", allow_pickle=False))


def _members(path: Path) -> list[Source]:
    sources = []
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        if not names:
            raise ContentError(f"{path.name} is a zip file without NumPy arrays")
        if len(names) > _MOST_MEMBERS:
            raise ContentError(f"{path.name} holds {len(names)} arrays, more than a recording has")
        for name in names:
            title = name.removesuffix(".npy")
            info = archive.getinfo(name)
            with archive.open(name) as file:
                shape, dtype, header = _header(file, title)
            size = int(np.prod(shape, dtype=object)) * dtype.itemsize
            if size + header != info.file_size:
                raise ContentError(
                    f"'{title}' of {path.name} promises {size} bytes and has {info.file_size - header}"
                )
            if size > _LARGEST_MEMBER:
                raise ContentError(
                    f"'{title}' of {path.name} would take {size / 2**30:.1f} GiB of memory: save it as .npy instead"
                )
            sources.append(_source(title, _Member(path, name, shape, dtype)))
    return sources


class _Member:
    """An array of an archive, unpacked when it is first asked for."""

    def __init__(self, path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self.name, self.shape, self.dtype = path, name, shape, dtype
        self._values: NDArray[Any] | None = None

    def __getitem__(self, key: Any) -> NDArray[Any]:
        if self._values is None:
            try:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.name) as file:
                    self._values = np.lib.format.read_array(file, allow_pickle=False)
            except (ValueError, EOFError, zipfile.BadZipFile) as error:
                raise ContentError(
                    f"'{self.name}' of {self.path.name} is damaged: {_first_line(error)}"
                ) from None
        return np.asarray(self._values[key])


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return shape, type and the length of a header; nothing of the data is read."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ContentError(f"'{name}' holds Python objects, which are not opened: they could run code")
    if dtype.kind not in "fiub":
        raise ContentError(f"'{name}' holds {dtype}, not real numbers: save its parts as arrays of their own")
    return tuple(shape), dtype, file.tell()


def _source(name: str, array: Any) -> Source:
    axes = [Axis(int(size), known=False) for size in array.shape]
    return Source(name, array, axes)


def _holds_arrays(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return path.suffix.lower() == ".npz"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
