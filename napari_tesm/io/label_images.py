"""Label images of other programs: .npy, .tif and .png, and channels of .gwy files."""

import math
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.gwy import contents
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.content import one_line
from napari_tesm.io.numpy_files import content_from_numpy
from napari_tesm.io.registry import is_gwy

_KNOWN: Final = ".npy, .tif, .png or .gwy"
_LARGEST: Final = 1 << 28


def labels_from_file(path: str | PathLike[str], shape: tuple[int, int]) -> NDArray[Any]:
    """Return the label image of a file, shape (y, x).

    Parameters
    ----------
    path : path-like
        .npy, .tif, .png, or a .gwy with a channel called "Grains" (or with one channel alone).
    shape : (int, int)
        Rows and columns that it must have.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, is no label image, or has another size.
    """
    file = Path(path)
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder, not a label image")
    if not file.is_file():
        raise FileNotFoundError(f"{file} is not there: give the label image of the grains")
    values = _read(file)
    if values.ndim == 3 and values.shape[-1] in (3, 4):
        raise ValueError(
            f"{file.name} is a picture in colours: save the labels as numbers, one for each grain"
        )
    values = np.squeeze(values) if values.ndim > 2 else values
    if values.shape != shape:
        size = " × ".join(map(str, values.shape[::-1]))
        raise ValueError(
            f"the labels of {file.name} have {size} pixels and the image {shape[1]} × {shape[0]}"
        )
    return values


def _read(file: Path) -> NDArray[Any]:
    if is_gwy(file):
        container = read_container(file)
        numbers = contents.ids(container, contents.CHANNEL)
        titles = [contents.title(container, contents.CHANNEL, number) for number in numbers]
        number = (
            numbers[titles.index("Grains")]
            if "Grains" in titles
            else (numbers[0] if len(numbers) == 1 else None)
        )
        if number is None:
            raise ValueError(f"{file.name} holds no channel called 'Grains'")
        return contents.image(container, number).values
    suffix = file.suffix.lower()
    try:
        # The size is asked first: a damaged one must not take all memory.
        if suffix == ".npy":
            (source,) = content_from_numpy(file).sources
            _check_size(source.shape)
            return np.asarray(source.array[...])
        if suffix in (".tif", ".tiff"):
            import tifffile  # comes with scikit-image

            with tifffile.TiffFile(file) as tiff:
                _check_size(tiff.series[0].shape)
                return np.asarray(tiff.asarray())
        if suffix == ".png":
            from PIL import Image  # comes with scikit-image

            with Image.open(file) as picture:
                _check_size(picture.size)
                return np.asarray(picture)
    # What can go wrong in a damaged picture has no common type.
    except Exception as error:
        reason = one_line(str(error)) or type(error).__name__
        raise ValueError(f"{file.name} cannot be read as a label image: {reason}") from None
    raise ValueError(f"{file.name} is no label image that is known here: give {_KNOWN}")


def _check_size(shape: tuple[int, ...]) -> None:
    if math.prod(shape) > _LARGEST:
        raise ValueError("it is too large for an image")
