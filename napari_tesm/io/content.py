"""What an instrument's file holds, in terms that no format owns: named arrays with axes, units and attributes.

The readers of TDMS, HDF5, MATLAB, NumPy and the vendors' formats say what is there. What it means, which array is the
lock-in's X and which the dc voltage, is said by a mapping (`napari_tesm.io.mapping.entries`).
"""

import re
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.time_base import TimeBase, even_step
from napari_tesm.files.disk import DiskFile
from napari_tesm.files.errors import GwyFormatError
from napari_tesm.files.optional import MissingPackageError
from napari_tesm.io.unit_attributes import unit_beside
from napari_tesm.quantities.text import factor_from_unit, plain_text

_SI_UNITS: Final = (
    "m", "s", "V", "A", "Hz", "deg", "rad", "N", "Pa", "m/V", "V/m", "m2/s", "K", "C", "F", "Ohm", "W",
)  # fmt: skip
_MOST_NOTES: Final = 50
_UNKNOWN_CALL: Final = re.compile(
    r"unexpected keyword argument|positional arguments? but|missing \d+ required"
)


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of an array.

    Parameters
    ----------
    size : int
    name : str
        As the file calls it; empty where it does not.
    unit : str
        As the file writes it; empty where it does not.
    start, step : float
        Position of the first sample and distance of two, in `unit`.
    values : ndarray, shape (size,), optional
        Positions that are not equally spaced; they go before start and step.
    known : bool
        False where the step is only counted, because the file says nothing of positions.
    origin : Fraction, optional
        Of a time axis: the moment that `start` counts from, in s by a clock that the whole file shares.
    """

    size: int
    name: str = ""
    unit: str = ""
    start: float = 0.0
    step: float = 1.0
    values: NDArray[np.float64] | None = None
    known: bool = True
    origin: Fraction | None = None

    def positions(self) -> NDArray[np.float64]:
        """Return the position of every sample, in `unit`."""
        if self.values is not None:
            return np.asarray(self.values, dtype=np.float64)
        return self.start + self.step * np.arange(self.size, dtype=np.float64)

    def cropped(self, size: int) -> "Axis":
        """Return the first part of the axis."""
        return replace(self, size=size, values=None if self.values is None else self.values[:size])

    def time_base(self, factor: float = 1.0) -> TimeBase:
        """Return when the samples along a time axis were taken; `factor` is its unit in s."""
        start, origin = self.start * factor, self.origin
        if not self.known:
            return TimeBase(self.size, start, origin=origin)
        if self.values is not None:
            return TimeBase(self.size, start, times=np.asarray(self.values) * factor, origin=origin)
        return TimeBase(self.size, start, self.step * factor, origin=origin)


@dataclass(frozen=True, eq=False)
class Source:
    """One array of a file.

    Parameters
    ----------
    name : str
        Unlike that of any other array in the file, such as ``"Untitled/Dev1/ai0"``: mappings name arrays by it.
    array : array-like
        Has `shape` and `dtype`, and gives a NumPy array when it is indexed with a tuple of slices and integers. Nothing
        is read before that where the format allows it. Values are in `unit`: the file's scaling is applied.
    axes : sequence of Axis
        One for each dimension of `array`.
    unit : str
        As the file writes it; empty where it does not.
    title : str
        What a person calls it; the name's last part by default.
    attributes : dict
        What else the file says of it: texts, numbers, or short arrays.
    """

    name: str
    array: Any
    axes: Sequence[Axis]
    unit: str = ""
    title: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = tuple(axis.size for axis in self.axes)
        if tuple(self.array.shape) != shape:
            raise ValueError(f"'{self.name}' has the shape {tuple(self.array.shape)}, its axes say {shape}")
        if not self.title:
            object.__setattr__(self, "title", self.name.rsplit("/", 1)[-1])

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along each axis."""
        return tuple(axis.size for axis in self.axes)


@dataclass(frozen=True, eq=False)
class FileContent:
    """What a reader found in a file.

    Parameters
    ----------
    path : Path
    format : str
        For people: ``"NI TDMS"``, ``"HDF5, NSID"``.
    sources : list of Source
        In the order of the file.
    attributes : dict
        What the file says of itself. Texts with a unit that are named as the protocol's quantities, such as
        ``pulse_start`` or ``voltage``, are used where no mapping says otherwise.
    notes : list of str
        Sentences about what is odd and was not refused: a time base left at its default, a channel left out.
    check : callable, optional
        Raises where the file is no longer what it was when it was opened.
    """

    path: Path
    format: str
    sources: list[Source]
    attributes: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    check: Callable[[], None] | None = None

    def source(self, name: str) -> Source:
        """Return an array by its name, or by its title where only one has it.

        Raises
        ------
        ValueError
            If there is none, or several; the sentence lists what there is.
        """
        exact = [source for source in self.sources if source.name == name]
        candidates = exact or [source for source in self.sources if source.title == name]
        if len(candidates) == 1:
            return candidates[0]
        names = ", ".join(f"'{source.name}'" for source in self.sources[:20]) or "nothing"
        more = f" and {len(self.sources) - 20} more" if len(self.sources) > 20 else ""
        if lost := next(
            (note for note in self.notes if "was cut" in note or f"'{name}' is left out" in note), ""
        ):
            more += f" ({lost.rstrip('.')})"
        reason = "there is no" if not candidates else "there are several"
        raise ValueError(f"{reason} '{name}' in {self.path.name}; it holds {names}{more}")


class ContentError(ValueError):
    """A file that cannot be what it says it is: cut, corrupt or lying. The sentence names the file and the place."""


class Collection:
    """What a reader has met in a file so far: arrays, attributes and notes."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.attributes: dict[str, Any] = {}
        self.notes: list[str] = []
        self._names: set[str] = set()

    def add(
        self,
        name: str,
        array: Any,
        axes: Sequence[Axis] | None = None,
        unit: str = "",
        title: str = "",
        attributes: dict[str, Any] | None = None,
    ) -> None:
        """Take up an array under a name unlike those before; axes are without positions where none are given."""
        name = distinct_name(name, self._names)
        self._names.add(name)
        if axes is None:
            axes = [Axis(size, known=False) for size in array.shape]
        self.sources.append(Source(name, array, axes, unit, title, attributes or {}))

    def note(self, sentence: str) -> None:
        """Note what is odd."""
        self.notes.append(one_line(sentence, 400))

    def note_of(self, name: str, said: str) -> None:
        """Note what is odd about an array."""
        self.note(f"'{name}': {said}")

    def leave_out(self, name: str, reason: object) -> None:
        """Note that an array is left out."""
        self.note(f"'{name}' is left out: {reason}")

    def content(
        self, path: Path, kind: str, check: Callable[[], None] | None = None, *, noted: str = "notes"
    ) -> FileContent:
        """Return all of it, with notes, `noted` in a word, that are not endlessly many.

        Arrays without a unit get the one that stands beside them: ``time_unit`` of ``time``.
        """
        self.sources = [
            source if source.unit else replace(source, unit=unit_beside(source.name, self.attributes))
            for source in self.sources
        ]
        more = len(self.notes) - _MOST_NOTES
        notes = [*self.notes[:_MOST_NOTES], *([f"{more} more {noted} are left out."] if more > 0 else [])]
        return FileContent(path, kind, self.sources, self.attributes, notes, check)


@contextmanager
def damage_told(path: str | PathLike[str], verdict: str) -> Iterator[None]:
    """Turn what a library raises at a damaged file, which can be anything, into a sentence.

    Parameters
    ----------
    verdict : str
        What the file is then: ``"is not a sound HDF5 file"``.
    """
    try:
        yield
    except (OSError, ContentError, MissingPackageError):
        raise
    except MemoryError:
        raise ContentError(f"{path} {verdict}: it claims more memory than there is.") from None
    except TypeError as error:
        # A call that its library does not know is our mistake, or the library of another age; the file is sound.
        if _UNKNOWN_CALL.search(str(error)):
            raise MissingPackageError(
                f"{path} cannot be read with the packages that are installed ({one_line(str(error))}): "
                "pip install -U 'napari-tesm[instruments]'."
            ) from error
        raise ContentError(f"{path} {verdict}: {one_line(str(error))}.") from None
    except Exception as error:
        raise ContentError(f"{path} {verdict}: {one_line(str(error)) or type(error).__name__}.") from None


def axis_from_positions(positions: NDArray[Any], name: str, unit: str, *, rounded: float = 0.0) -> Axis:
    """Return an axis with start and step where the positions are equally spaced, see `even_step`.

    Parameters
    ----------
    positions : ndarray, shape (size,)
    rounded : float
        By how much they may be off because they were written with few digits.
    """
    values = np.asarray(positions, dtype=np.float64)
    if not np.isfinite(values).all():
        return Axis(values.size, name, unit, known=False)
    if values.size == 1:
        return Axis(1, name, unit, float(values[0]), 1.0)
    digits = np.float32 if positions.dtype == np.float32 else np.float64
    step = even_step(values, digits=digits, rounded=rounded)
    if step is None:
        return Axis(values.size, name, unit, float(values[0]), values=values)
    return Axis(values.size, name, unit, float(values[0]), step)


def disk_content(path: str | PathLike[str]) -> DiskFile:
    """Return a file, open for reading.

    Raises
    ------
    ContentError
        If it is empty.
    OSError
        If it cannot be opened.
    """
    try:
        return DiskFile(path)
    except GwyFormatError as error:
        raise ContentError(str(error)) from None


def one_line(text: str, longest: int = 200) -> str:
    """Return a text of a file as it can stand in a sentence: printable, in one line, not endless."""
    line = "".join(sign if sign.isprintable() else "·" for sign in text[: longest + 1])
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def distinct_name(name: str, taken: Container[str]) -> str:
    """Return a name unlike those in `taken`: the name itself, or with a number.

    Examples
    --------
    >>> distinct_name("X", {"X", "X #2"})
    'X #3'
    """
    distinct, number = name, 1
    while distinct in taken:
        number += 1
        distinct = f"{name} #{number}"
    return distinct


def si_from_unit(written: str) -> tuple[float, str]:
    """Return the factor and the SI unit of a unit as instruments write it; 1 and the text itself where it is no such.

    Examples
    --------
    >>> si_from_unit("nm"), si_from_unit("Volts"), si_from_unit("counts")
    ((1e-09, 'm'), (1.0, 'V'), (1.0, 'counts'))
    """
    text = plain_text(written).strip()
    text = _WORDS.get(text.lower(), text)
    if not text:
        return 1.0, ""
    for unit in _SI_UNITS:
        try:
            return factor_from_unit(text, unit), unit
        except ValueError:
            continue
    return 1.0, text


def unit_is_known(written: str) -> bool:
    """Whether a text is a unit whose SI unit is known."""
    return si_from_unit(written)[1] in _SI_UNITS


_WORDS = {
    "volt": "V", "volts": "V", "v": "V", "millivolt": "mV", "millivolts": "mV", "meter": "m", "meters": "m",
    "metre": "m", "metres": "m", "nanometer": "nm", "nanometers": "nm", "micrometer": "µm", "micrometers": "µm",
    "second": "s", "seconds": "s", "sec": "s", "millisecond": "ms", "milliseconds": "ms", "microseconds": "µs",
    "msec": "ms", "usec": "µs", "µsec": "µs", "nsec": "ns", "secs": "s", "msecs": "ms", "usecs": "µs",
    "microsecond": "µs", "nanosecond": "ns", "nanoseconds": "ns", "sek": "s", "sekunde": "s", "sekunden": "s",
    "millisekunden": "ms", "mikrosekunden": "µs",
    "hertz": "Hz", "amps": "A", "ampere": "A", "amperes": "A", "degree": "deg", "degrees": "deg", "°": "deg",
    "arb": "a.u.", "arb.": "a.u.", "arbitrary": "a.u.", "none": "", "~m": "µm",
}  # fmt: skip
