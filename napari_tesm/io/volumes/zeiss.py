"""Zeiss (Xradia) X-ray microscopes: reconstructions (TXM), and the projections they are made of (TXRM, XRM).

The files are compound documents (OLE) with a stream for each image. There is no public description; streams and types
are those that dxchange (De Carlo et al. 2014, J. Synchrotron Rad. 21, 1224) reads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray, Part
from napari_tesm.files.optional import optional_module
from napari_tesm.io.content import ContentError, damage_told, disk_content, one_line
from napari_tesm.io.volumes.stored import StoredVolume, metres_from

_MARK: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TYPES: Final = {3: "<u1", 5: "<u2", 10: "<f4"}
_IN_A_FOLDER: Final = 100
"""Images in each of the folders that hold them."""
_LARGEST_STREAM: Final = 1 << 30
_SAME_ANGLE: Final = 1e-3
_VERDICT: Final = "is no sound file of a Zeiss microscope"


class ZeissFile:
    """A file of a Zeiss X-ray microscope.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    shape : tuple of int
        Images, rows, columns.
    pixel : float or None
        Distance of pixels at the sample in m.
    angles : ndarray, shape (images,)
        Of the sample for each image in rad; empty where none are said.
    is_reconstruction : bool

    Raises
    ------
    ContentError
        If it is damaged, or holds no images.
    MissingPackageError
        If olefile is not installed.
    """

    def __init__(self, path: Path) -> None:
        olefile = optional_module("olefile", path, "a file of a Zeiss microscope", extra="volumes")
        self.path = path
        self.disk = disk_content(path)
        with _damage_told(path):
            self._ole = olefile.OleFileIO(str(path))
        # The library moves one place in the file for all who read.
        self._lock = threading.Lock()
        columns, rows, count = (
            self._number(f"ImageInfo/{name}") for name in ("ImageWidth", "ImageHeight", "NoOfImages")
        )
        kind = self._number("ImageInfo/DataType")
        if min(columns, rows, count) < 1 or kind not in _TYPES:
            raise ContentError(
                f"{path} {_VERDICT}: it claims {count} images of {rows} × {columns}, type {kind}."
            )
        self.shape = (count, rows, columns)
        self.dtype = np.dtype(_TYPES[kind])
        size = self._size(self._image(count - 1))
        if size != rows * columns * self.dtype.itemsize or size != self._size(self._image(0)):
            raise ContentError(
                f"{path} was cut, or is damaged: image {count} has {size} bytes for {rows} × {columns} of {self.dtype}."
            )
        sizes = self._values("ImageInfo/PixelSize", "<f4")
        self.pixel = metres_from(f"{sizes[0]:.6g}", "µm") if sizes.size else None
        self.angles = np.radians(self._values("ImageInfo/Angles", "<f4")[:count].astype(np.float64))
        turned = self.angles.size == count and np.ptp(self.angles) > _SAME_ANGLE
        self.is_reconstruction = self._ole.exists("ReconSettings") or not turned

    @property
    def images(self) -> LazyArray:
        """The images, read when they are asked for."""
        return LazyArray(self.shape, self.dtype, self._read, check=self.disk.check)

    @property
    def reference(self) -> NDArray[np.float32] | None:
        """What the detector counts without a sample, shape (rows, columns); None where the file has no such image."""
        name, rows, columns = "ReferenceData/Image", *self.shape[1:]
        for kind in ("<u2", "<f4"):
            if self._size(name) == rows * columns * np.dtype(kind).itemsize:
                return self._values(name, kind).reshape(rows, columns).astype(np.float32)
        return None

    def _read(self, part: Part) -> NDArray[Any]:
        chosen = range(self.shape[0])[part[0]]
        images = [
            self._values(self._image(number), self.dtype).reshape(self.shape[1:])[part[1:]]
            for number in chosen
        ]
        return np.stack(images)

    def _image(self, number: int) -> str:
        return f"ImageData{number // _IN_A_FOLDER + 1}/Image{number + 1}"

    def _size(self, name: str) -> int:
        with _damage_told(self.path):
            return int(self._ole.get_size(name)) if self._ole.exists(name) else 0

    def _values(self, name: str, kind: Any) -> NDArray[Any]:
        """Return the numbers of a stream, none where it is not there."""
        size = self._size(name)
        if size > min(_LARGEST_STREAM, self.disk.n_bytes):
            raise ContentError(f"{self.path} {_VERDICT}: '{name}' claims {size} bytes.")
        if not size:
            return np.empty(0, kind)
        with _damage_told(self.path), self._lock:
            content = self._ole.openstream(name).read()
        if len(content) < size:
            raise ContentError(f"{self.path} was cut: of '{name}' {size - len(content)} bytes are missing.")
        return np.frombuffer(content[: size // np.dtype(kind).itemsize * np.dtype(kind).itemsize], kind)

    def _number(self, name: str) -> int:
        values = self._values(name, "<i4")
        return int(values[0]) if values.size else -1


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """Turn what olefile raises into sentences; what the disk says, which has a number, is left as it is."""
    with damage_told(path, _VERDICT):
        try:
            yield
        except OSError as error:
            if error.errno is not None:
                raise
            raise ContentError(f"{path} {_VERDICT}: {one_line(str(error))}.") from None


def is_zeiss(path: Path, head: bytes) -> bool:
    """Return whether a file is a compound document: of what reads volumes Zeiss alone writes such."""
    return head.startswith(_MARK)


def volume_from_zeiss(path: Path) -> StoredVolume:
    """Return the volume of a reconstruction (TXM); of projections only what they are.

    Raises
    ------
    ContentError, MissingPackageError
        As `ZeissFile`.
    """
    file = ZeissFile(path)
    pixel = file.pixel
    if file.is_reconstruction:
        return StoredVolume("Zeiss", file.images, (pixel, pixel, pixel))
    return StoredVolume(
        "Zeiss: raw projections, not a volume", file.images, (None, pixel, pixel),
        refusal=f"{path} holds raw projections at {file.shape[0]} angles, not a volume: make one of them with 'tesm "
        "volume reconstruct', or with the microscope's own software",
    )  # fmt: skip
