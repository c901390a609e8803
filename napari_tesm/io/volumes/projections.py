"""Files of raw projections: Data Exchange, NXtomo and Zeiss say what is what; of any other stack somebody has to.

The formats: De Carlo et al. 2014, *Scientific data exchange: a schema for HDF5-based storage of raw and analyzed data*,
J. Synchrotron Rad. 21, 1224, and https://manual.nexusformat.org/classes/applications/NXtomo.html.
"""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray
from napari_tesm.files.sentences import Sentence
from napari_tesm.io.content import ContentError, FileContent, Source, damage_told
from napari_tesm.io.detection import beginning_of_file
from napari_tesm.io.hdf5 import content_from_hdf5, is_hdf5
from napari_tesm.io.hdf5.content import hdf5_on_disk
from napari_tesm.io.hdf5.datasets import attributes_of, opened, text_of
from napari_tesm.io.volumes.arrays import chosen_source
from napari_tesm.io.volumes.registry import stored_volume
from napari_tesm.io.volumes.stored import metres_from
from napari_tesm.io.volumes.tiff import is_tiff, volume_from_tiff
from napari_tesm.io.volumes.zeiss import ZeissFile, is_zeiss
from napari_tesm.volumes.dataset import shape_in_words
from napari_tesm.volumes.projections import Projections

_ANGLES: Final = ("theta", "rotation_angle")
_PROJECTION, _WHITE, _DARK = 0, 1, 2
"""Values of NXtomo's image_key."""
_DETECTOR: Final = "measurement/instrument/detector"
_PIXELS: Final = (
    (f"{_DETECTOR}/actual_pixel_size_y", f"{_DETECTOR}/actual_pixel_size_x"),
    ("measurement/instrument/detection_system/objective/resolution",) * 2,
)
"""Where Data Exchange has the distance of pixels at the sample, rows and columns; that on the detector is another."""
_AT_ONCE: Final = 16
_MOST_PIXELS: Final = 1 << 27
_MOST_ANGLES: Final = 100_000
_NEARLY_A_TURN: Final = 2.1 * math.pi

Frames = str | PathLike[str] | float


def projections_from_file(
    path: str | PathLike[str],
    *,
    angles: tuple[float, float] | None = None,
    white: Frames | None = None,
    dark: Frames | None = None,
    line_integrals: bool = False,
    array: str | None = None,
    mapping: str | PathLike[str] | None = None,
) -> Projections:
    """Return the raw projections of a file; their counts stay there until they are asked for.

    Parameters
    ----------
    path : path-like
        HDF5, Zeiss TXRM, a stack or a folder of TIFF images, or any other format of `open_volume`: frames, rows,
        columns.
    angles : tuple of float, optional
        Of the first and of the last projection in rad, equal steps between them; in place of what the file says.
    white, dark : path-like or float, optional
        Frames without a sample, and without a beam, or one number for all pixels; in place of what the file says.
    line_integrals : bool
        The numbers are −ln of the transmission already.
    array : str, optional
        Which array of an HDF5 file.
    mapping : path-like, optional
        What bare numbers are.

    Raises
    ------
    ContentError
        If the file is damaged, contradicts itself, or does not say what has to be known.
    OSError
        If it cannot be read.
    """
    path = Path(path)
    if mapping is None and path.is_file() and is_hdf5(path, beginning_of_file(path)):
        found = _of_hdf5(path, array, angles_wanted=angles is None)
    elif mapping is None and path.is_file() and is_zeiss(path, beginning_of_file(path)):
        found = _of_zeiss(path)
    else:
        stored = stored_volume(path, array, mapping)
        found = Projections(stored.array, np.empty(0), pixel=stored.voxel[1:], notes=stored.notes)
    count = found.counts.shape[0] if found.frames is None else len(found.frames)
    if not count or math.prod(found.counts.shape[1:]) > _MOST_PIXELS or count > _MOST_ANGLES:
        raise ContentError(
            f"{path} holds {shape_in_words(found.counts.shape)} values, no projections of one sample."
        )
    notes = list(found.notes)
    if angles is not None:
        taken = np.linspace(*angles, count)
    elif found.angles.size:
        taken = found.angles
    else:
        raise ContentError(
            Sentence(
                "{path} does not say the angles of its {count} projections: give {angles:0:180}, the first and the "
                "last in degrees",
                path=path, count=count,
            )
        )  # fmt: skip
    if len(taken) != count or not np.isfinite(taken).all():
        raise ContentError(
            Sentence(
                "{path} says {said} angles for {count} projections, or some that are no numbers: give {angles:0:180}",
                path=path, said=len(taken), count=count,
            )
        )  # fmt: skip
    fields = [
        own if given is None else _frame_given(given, name, found.counts.shape[1:])
        for name, given, own in (("white", white, found.white), ("dark", dark, found.dark))
    ]
    if line_integrals:
        fields = [None, None]
    elif fields[0] is None:
        raise ContentError(
            Sentence(
                "{path} holds no white field, what the detector counts without a sample: give {white}, or "
                "{line_integrals} where the numbers are line integrals already",
                path=path,
            )
        )
    elif fields[1] is None:
        notes.append("There is no dark field: what the detector counts without a beam is taken for 0.")
    return Projections(found.counts, taken, fields[0], fields[1], found.frames, found.pixel, tuple(notes))


def _of_hdf5(path: Path, array: str | None, *, angles_wanted: bool) -> Projections:
    content = content_from_hdf5(path)
    source = chosen_source(content, array)
    if not isinstance(source.array, LazyArray):
        raise ContentError(f"{path}: '{source.name}' cannot be read piece by piece: convert it first.")
    shape = source.shape[1:]
    key = _beside(content, source, "image_key")
    frames = white = dark = None
    if key is not None and key.shape == source.shape[:1]:
        kinds = np.asarray(key.array[...])
        frames = np.flatnonzero(kinds == _PROJECTION)
        white, dark = (
            _mean_of(source.array, np.flatnonzero(kinds == kind), shape, path) for kind in (_WHITE, _DARK)
        )
    else:
        for name in ("white", "dark"):
            field = _beside(content, source, f"data_{name}")
            mean = None if field is None else _mean_of(field.array, None, shape, path)
            white, dark = (mean, dark) if name == "white" else (white, mean)
    notes = list(content.notes)
    angles = np.empty(0)
    if angles_wanted:
        angles = _angles_of(content, source, path)
    elif any(_beside(content, source, name) for name in _ANGLES):
        notes.append("The file says angles; those that were given are taken.")
    if frames is not None and len(angles) == source.shape[0]:
        angles = angles[frames]
    return Projections(source.array, angles, white, dark, frames, _pixel_of(path), tuple(notes))


def _of_zeiss(path: Path) -> Projections:
    file = ZeissFile(path)
    if file.is_reconstruction:
        raise ContentError(f"{path} holds no projections, but the volume that was made of them.")
    return Projections(file.images, file.angles, file.reference, None, pixel=(file.pixel, file.pixel))


def _beside(content: FileContent, source: Source, name: str) -> Source | None:
    """Return the array of that name that is nearest to another: in its group first."""
    group = source.name.rpartition("/")[0]
    found = [other for other in content.sources if other.name.rpartition("/")[2] == name]
    return next(
        (other for other in found if other.name.rpartition("/")[0] == group), found[0] if found else None
    )


def _angles_of(content: FileContent, source: Source, path: Path) -> NDArray[np.float64]:
    """Return the angles in rad, empty where the file says none."""
    found = next(filter(None, (_beside(content, source, name) for name in _ANGLES)), None)
    if found is not None and len(found.shape) == 1 and found.shape[0] <= _MOST_ANGLES:
        values, unit = np.asarray(found.array[...], np.float64), found.unit
    elif source.axes[0].name.rpartition("/")[2] in _ANGLES and source.axes[0].known:
        values, unit = source.axes[0].positions(), source.axes[0].unit
    else:
        return np.empty(0)
    if unit.strip().lower() in ("rad", "radian", "radians"):
        return values
    if not unit and values.size and np.ptp(values) <= _NEARLY_A_TURN:
        raise ContentError(
            Sentence(
                "{path} says angles up to {last:.4g} and no unit, which may be degrees or radians: give {angles:0:180}",
                path=path, last=float(values.max()),
            )
        )  # fmt: skip
    return np.radians(values)


def _mean_of(
    array: Any, chosen: NDArray[np.intp] | None, shape: tuple[int, ...], path: Path
) -> NDArray[np.float32] | None:
    """Return the mean of frames, a few at a time; None where there are none."""
    if len(array.shape) == 2:
        return _checked(np.asarray(array[...], np.float32), shape, path)
    if tuple(array.shape[1:]) != tuple(shape):
        raise ContentError(
            f"{path} has frames of {shape_in_words(array.shape[1:])} without a sample, and of {shape_in_words(shape)} "
            "with it: they are of two detectors, or cut."
        )
    frames = np.arange(array.shape[0]) if chosen is None else chosen
    if not frames.size:
        return None
    total = np.zeros(shape)
    for start in range(0, len(frames), _AT_ONCE):
        part = frames[start : start + _AT_ONCE]
        values = np.asarray(array[int(part[0]) : int(part[-1]) + 1])
        total += values[part - part[0]].sum(axis=0, dtype=np.float64)
    return (total / len(frames)).astype(np.float32)


def _checked(values: NDArray[np.float32], shape: tuple[int, ...], path: Path) -> NDArray[np.float32]:
    if values.shape != tuple(shape):
        raise ContentError(
            f"{path} is {shape_in_words(values.shape)}, the projections {shape_in_words(shape)}: they are of two "
            "detectors, or cut."
        )
    return values


def _frame_given(given: Frames, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a field that was given: the mean of the frames of a file, or one number for all pixels."""
    if isinstance(given, int | float):
        if not math.isfinite(given) or (name == "white" and given <= 0):
            raise ValueError(f"a {name} field of {given:g} is impossible: it is a number of counts")
        return np.full(shape, given, np.float32)
    path = Path(given)
    if path.is_file() and is_tiff(path, beginning_of_file(path)):
        stored = volume_from_tiff(path, single=True)
    else:
        stored = stored_volume(path, None, None)
    mean = _mean_of(stored.array, None, shape, path)
    assert mean is not None
    return mean


def _pixel_of(path: Path) -> tuple[float | None, float | None]:
    """Return the distance of pixels at the sample as Data Exchange says it; a number without a unit is none."""
    with damage_told(path, "is not a sound HDF5 file"):
        file = opened(hdf5_on_disk(path))
        for pair in _PIXELS:
            edges = [_length(file, name) for name in pair]
            if any(edges):
                # Pixels are square where only one edge is said.
                return edges[0] or edges[1], edges[1] or edges[0]
    return None, None


def _length(file: Any, name: str) -> float | None:
    import h5py

    link = file.get(name, getlink=True) if name in file else None
    item = file[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(item, h5py.Dataset) or item.size != 1 or item.dtype.kind not in "iuf" or item.external:
        return None
    unit = text_of(attributes_of(item), "units", "unit")
    return metres_from(np.asarray(item[...]).ravel()[0], unit) if unit else None
