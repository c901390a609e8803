"""What a reader found: an array of slices, rows and columns, and as much of the voxel's size as the file says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from napari_tesm.files.lazy import LazyArray
from napari_tesm.io.content import ContentError, si_from_unit

_BEST_COMPRESSION: Final = 1032
_ALLOWANCE: Final = 1 << 28
_WORDS: Final = {"micron": "µm", "microns": "µm", "\\u00b5m": "µm", "angstrom": "Å", "angstroms": "Å"}


@dataclass(frozen=True, eq=False)
class StoredVolume:
    """A volume as a file has it.

    Parameters
    ----------
    format : str
        For people: ``"TIFF, ImageJ"``.
    array : LazyArray, shape (slices, rows, columns)
    voxel : tuple of float or None
        Distance of slices, rows and columns in m; None where the file does not say.
    notes : tuple of str
        What is odd and was not refused.
    attributes : dict
        What is kept with the Dataset.
    refusal : str
        Why this is no volume though it looks like one, empty where it is one.
    peaks : tuple of str
        Peaks of a mass spectrometer that can be chosen among.
    """

    format: str
    array: LazyArray
    voxel: tuple[float | None, float | None, float | None] = (None, None, None)
    notes: tuple[str, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    refusal: str = ""
    peaks: tuple[str, ...] = ()


def metres_from(number: Any, unit: str) -> float | None:
    """Return a length of a file in m, None where it is no positive length or has no unit that is one."""
    factor, base = si_from_unit(_WORDS.get(unit.strip().lower(), unit))
    try:
        value = float(number)
    except (TypeError, ValueError):
        return None
    if base != "m" or not math.isfinite(value) or value <= 0:
        return None
    power = round(math.log10(factor))
    # 0.06 µm is the float 6e-08, which 0.06 * 1e-06 is not; where the number has an exponent already it is multiplied.
    text = repr(value)
    return float(f"{text}e{power}") if "e" not in text else value * factor


def check_claim(path: Any, shape: tuple[int, ...], itemsize: int, n_stored: int) -> None:
    """Refuse an array that cannot be in so many bytes, however well it is packed.

    Raises
    ------
    ContentError
        If it cannot.
    """
    n_bytes = math.prod(shape) * itemsize
    if n_bytes > _BEST_COMPRESSION * n_stored + _ALLOWANCE:
        raise ContentError(
            f"{path} is damaged: it claims {n_bytes:.3g} bytes of grey values in a file of {n_stored}."
        )


Reader = Callable[..., StoredVolume]
