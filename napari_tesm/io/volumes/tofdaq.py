"""HDF5 files of Tofwerk's TofDaq from a FIB with a time-of-flight mass spectrometer: counts of ions by write and pixel.

The layout is the one that RosettaSciIO's reader describes (`PeakData/PeakData`: writes, rows, columns, peaks). A write
is read when a slice is asked for, and only what is chosen of its peaks is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray
from napari_tesm.files.sentences import Sentence
from napari_tesm.io.content import ContentError, FileContent, damage_told, one_line
from napari_tesm.io.hdf5.content import hdf5_on_disk
from napari_tesm.io.hdf5.datasets import opened
from napari_tesm.io.volumes.slices import WholeSlices
from napari_tesm.io.volumes.stored import StoredVolume
from napari_tesm.quantities.text import text_from_quantity

PEAK: Final = "peak"
"""Attribute of a volume: which peaks its counts are of."""
_DATA: Final = "PeakData/PeakData"
_TABLE: Final = "PeakData/PeakTable"
_VERSION: Final = "TofDAQ Version"
_EVENTS: Final = "FullSpectra/EventList"
_VIEW_FIELD: Final = "FIBParams/ViewField"
_TOTAL: Final = "total"
_LEAST_FIELD, _MOST_FIELD = 2e-6, 2e-3
"""What an ion microscope sees at once lies between, in m."""
_NEAREST: Final = 0.3
"""Difference in m/z up to which a peak is meant that does not hold the number between its limits."""
_LOOKED_AT: Final = 12
"""Writes of which is seen whether they hold whole counts."""
_WHOLE: Final = 1e-3
_SHOWN: Final = 12
_MOST_PEAKS: Final = 10_000


@dataclass(frozen=True)
class Peak:
    """A peak of the table.

    Parameters
    ----------
    label : str
    mass, low, high : float
        m/z of its middle and of the limits between which it was integrated.
    """

    label: str
    mass: float
    low: float
    high: float


def is_tofdaq(content: FileContent) -> bool:
    """Return whether an HDF5 file was written by TofDaq."""
    return _VERSION in content.attributes


def volume_from_tofdaq(content: FileContent, peak: str | None) -> StoredVolume:
    """Return the counts of chosen peaks: writes, rows, columns.

    Parameters
    ----------
    content : FileContent
    peak : str or None
        A label or a number (m/z), several with commas between them for their sum, and after a stroke what the sum is
        divided by: ``7Li+``, ``6.015,7.016``, ``7Li+/total``. Without it the volume says which peaks there are.

    Raises
    ------
    ContentError
        If the file holds no integrated peaks, contradicts itself, or has no such peak.
    """
    path = content.path
    source = next((source for source in content.sources if source.name == _DATA), None)
    if source is None:
        with damage_told(path, "is not a sound HDF5 file"):
            raw = _EVENTS in opened(hdf5_on_disk(path))
        what = "events that are not integrated" if raw else "no 'PeakData'"
        raise ContentError(f"{path} is a file of TofDaq with {what}: integrate its peaks in TofDaq first.")
    if len(source.shape) != 4 or not isinstance(source.array, LazyArray):
        raise ContentError(f"{path}: '{_DATA}' is {source.shape}, not writes, rows, columns and peaks.")
    peaks = _peaks_of(path, source.shape[3])
    edge, notes = _pixel_of(content, source.shape[2])
    notes = [*(note for note in content.notes if "was cut" in note), *notes]
    notes.append("Depth is counted in writes: the file says no length for it.")
    labels = tuple(f"{peak.label} ({peak.mass:.4g})" for peak in peaks)
    kind = f"HDF5, TofDaq {content.attributes[_VERSION]:.4g}"
    if peak is None:
        shown = ", ".join(labels[:_SHOWN]) + (
            f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
        )
        refusal = Sentence(
            "{path} holds {count} peaks, {shown}: choose with {peak:{first}}",
            path=path, count=len(peaks), shown=shown, first=peaks[0].label,
        )  # fmt: skip
        one = LazyArray(source.shape[:3], source.array.dtype, _refused)
        return StoredVolume(kind, one, (None, edge, edge), tuple(notes), refusal=refusal, peaks=labels)
    above, below = _chosen(peak, peaks, path)
    whole = _are_whole(source.array, above)
    read = _Counts(source.array, above, below, whole)
    dtype = np.dtype(np.float32 if below is not None or not whole else np.uint32)
    if not whole and below is None:
        notes.append("The numbers are not whole: they are no counts, and have no Poisson errors.")
    shape = source.shape[:3]
    array = LazyArray(shape, dtype, WholeSlices(shape, dtype, read, path), check=source.array.check)
    return StoredVolume(
        f"{kind}, {one_line(peak)}",
        array,
        (None, edge, edge),
        tuple(notes),
        {PEAK: one_line(peak)},
        peaks=labels,
    )


@dataclass(frozen=True)
class _Counts:
    """Reads one write and keeps the sum of some of its peaks, or its ratio to the sum of others."""

    array: LazyArray
    above: tuple[int, ...]
    below: tuple[int, ...] | None
    whole: bool

    def __call__(self, number: int) -> NDArray[Any]:
        values = self.array[number]
        total = _sum_of(values, self.above)
        if self.below is not None:
            other = _sum_of(values, self.below)
            ratio = np.full(total.shape, np.nan, np.float32)
            np.divide(total, other, out=ratio, where=other != 0, casting="same_kind")
            return ratio
        if not self.whole:
            return total.astype(np.float32)
        if not _is_whole(total):
            raise ValueError("it holds numbers that are not whole, where others do")
        return np.rint(total).astype(np.uint32)


def _sum_of(values: NDArray[Any], chosen: tuple[int, ...]) -> NDArray[np.float64]:
    if len(chosen) == values.shape[-1]:
        return np.asarray(values.sum(axis=-1, dtype=np.float64))
    total = np.zeros(values.shape[:-1])
    for index in chosen:
        total += values[..., index]
    return total


def _is_whole(values: NDArray[np.float64]) -> bool:
    return bool((values >= 0).all() and (np.abs(values - np.rint(values)) < _WHOLE).all())


def _are_whole(array: LazyArray, chosen: tuple[int, ...]) -> bool:
    """Return whether some writes, the first and the last among them, hold whole numbers."""
    writes = np.unique(np.linspace(0, array.shape[0] - 1, _LOOKED_AT).astype(int))
    return all(_is_whole(_sum_of(array[int(write)], chosen)) for write in writes)


def _peaks_of(path: Path, count: int) -> list[Peak]:
    with damage_told(path, "is not a sound HDF5 file"):
        table = opened(hdf5_on_disk(path)).get(_TABLE)
        names = () if table is None else table.dtype.names or ()
        if (
            table is None
            or table.shape != (count,)
            or count > _MOST_PEAKS
            or not {"label", "mass"} <= set(names)
        ):
            raise ContentError(
                f"{path} is damaged: its table of peaks is not one of the {count} that it holds."
            )
        rows = table[...]
    low, high = (
        rows[name] if (name := f"{side} integration limit") in names else rows["mass"]
        for side in ("lower", "upper")
    )
    return [
        Peak(_label(label), float(mass), float(start), float(stop))
        for label, mass, start, stop in zip(rows["label"], rows["mass"], low, high, strict=True)
    ]


def _label(raw: Any) -> str:
    text = raw.split(b"\0")[0].decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    return one_line(text.strip(), 64)


def _chosen(text: str, peaks: list[Peak], path: Path) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Return which peaks are added, and by the sum of which they are divided."""
    above, stroke, below = text.partition("/")
    return _added(above, peaks, path), _added(below, peaks, path) if stroke else None


def _added(text: str, peaks: list[Peak], path: Path) -> tuple[int, ...]:
    if text.strip() == _TOTAL:
        return tuple(range(len(peaks)))
    return tuple(dict.fromkeys(_place_of(part.strip(), peaks, path) for part in text.split(",")))


def _place_of(text: str, peaks: list[Peak], path: Path) -> int:
    named = [place for place, peak in enumerate(peaks) if peak.label == text]
    if not named:
        named = [place for place, peak in enumerate(peaks) if _plain(peak.label) == _plain(text) != ""]
    if not named and re.fullmatch(r"\d+(\.\d*)?", text):
        mass = float(text)
        named = [place for place, peak in enumerate(peaks) if peak.low <= mass <= peak.high]
        if not named:
            nearest = min(range(len(peaks)), key=lambda place: abs(peaks[place].mass - mass))
            named = [nearest] if abs(peaks[nearest].mass - mass) <= _NEAREST else []
    if len(named) != 1:
        known = ", ".join(f"{peak.label} ({peak.mass:.4g})" for peak in peaks[:_SHOWN])
        problem = "has no peak" if not named else f"has {len(named)} peaks that are called"
        raise ContentError(
            Sentence(
                "{path} {problem} '{text}', but {known}{more}: choose with {peak:{first}}",
                path=path, problem=problem, text=text, known=known,
                more=" and others" if len(peaks) > _SHOWN else "", first=peaks[0].label,
            )
        )  # fmt: skip
    return named[0]


def _plain(label: str) -> str:
    """Return a label as people write it who leave out brackets and the charge."""
    return re.sub(r"[\[\]()\s]|\+$", "", label).casefold()


def _pixel_of(content: FileContent, columns: int) -> tuple[float | None, list[str]]:
    """Return the distance of pixels in m, None where the field of view does not say it.

    TofDaq writes the field of view in mm; other programs have written m. A number that is a field of an ion microscope
    in one of these units alone is taken in that one.
    """
    said = content.attributes.get(_VIEW_FIELD)
    try:
        number = float(np.asarray(said).ravel()[0])
    except (TypeError, ValueError, IndexError):
        return None, []
    possible = {unit: number * factor for unit, factor in (("mm", 1e-3), ("m", 1.0))}
    possible = {unit: size for unit, size in possible.items() if _LEAST_FIELD <= size <= _MOST_FIELD}
    if len(possible) != 1:
        return None, [
            f"The field of view, {number:g}, may be in mm or in m: the distance of pixels is not known."
        ]
    unit, size = next(iter(possible.items()))
    note = f"The field of view, {number:g}, is taken in {unit}: {text_from_quantity(size, 'm', digits=4)}."
    return size / columns, [note]


def _refused(part: Any) -> NDArray[Any]:
    raise ValueError("no peak was chosen")
