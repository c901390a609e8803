"""Maps as small as a thumb, kept with the record of a file and drawn when the colours of all files are known."""

import base64
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import FITS, map_name, map_of
from napari_tesm.quantities.axes import axis_spacing

SIDE: Final = 72
"""Pixels along the longer side, at most."""
_LEVELS: Final = 254
_DECADES: Final = {"D": (-20.0, -7.0), "tau": (-7.0, 2.0)}
"""What the levels of a map of logarithms span, the same for all files."""


@dataclass(frozen=True)
class SmallMap:
    """A map in levels from 1 to 255; 0 is a pixel without a value.

    Parameters
    ----------
    name : str
        As in `napari_tesm.data.maps`; of D and tau the logarithm to base 10 is shown.
    pulse : int
        Number of the pulse setting, from 0.
    low, high : float
        What the levels 1 and 255 stand for, in SI units or decades.
    unit : str
    shape : tuple of int
        Rows and columns.
    aspect : float
        Height over width of the area.
    data : str
        The levels, packed, in letters.
    """

    name: str
    pulse: int
    low: float
    high: float
    unit: str
    shape: tuple[int, int]
    aspect: float
    data: str

    @classmethod
    def from_dict(cls, entries: dict[str, Any]) -> Self:
        """Return what `to_dict` made an entry of."""
        return cls(**entries | {"shape": tuple(entries["shape"])})

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON knows."""
        return asdict(self)

    @property
    def levels(self) -> NDArray[np.uint8]:
        """The levels, shape (rows, columns)."""
        return np.frombuffer(zlib.decompress(base64.b64decode(self.data)), np.uint8).reshape(self.shape)

    @property
    def values(self) -> NDArray[np.float64]:
        """What the levels stand for, NaN where there is no value."""
        levels = self.levels.astype(np.float64)
        return np.where(levels == 0, np.nan, self.low + (levels - 1) / _LEVELS * (self.high - self.low))


def small_maps(maps: xr.Dataset) -> Iterator[SmallMap]:
    """Yield H, and of each fit D or, where no length is known, tau, for every pulse setting."""
    aspect = abs(axis_spacing(maps["y"]) * maps.sizes["y"]) / abs(axis_spacing(maps["x"]) * maps.sizes["x"])
    for pulse in range(maps.sizes["pulse"]):
        if "H" in maps:
            values = _thinned(map_of(maps, "H", pulse).values)
            limit = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
            unit = str(maps["H"].attrs.get("units", ""))
            yield _small_map("H", pulse, values, (-limit, limit), unit, aspect)
        for number in FITS:
            for quantity, span in _DECADES.items():
                name = map_name(quantity, number)
                if name in maps:
                    with np.errstate(invalid="ignore", divide="ignore"):
                        logarithms = np.log10(_thinned(map_of(maps, name, pulse).values))
                    yield _small_map(
                        name, pulse, logarithms, span, str(maps[name].attrs.get("units", "")), aspect
                    )
                    break


def _thinned(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return every n-th pixel of a map: a mean would make values of pixels that have none."""
    step = -(-max(values.shape) // SIDE)
    return values[step // 2 :: step, step // 2 :: step] if step > 1 else values


def _small_map(
    name: str, pulse: int, values: NDArray[np.floating], span: tuple[float, float], unit: str, aspect: float
) -> SmallMap:
    low, high = span
    with np.errstate(invalid="ignore"):
        levels = 1 + np.clip(np.rint((values - low) / (high - low) * _LEVELS), 0, _LEVELS)
    whole = np.where(np.isfinite(values), levels, 0).astype(np.uint8)
    data = base64.b64encode(zlib.compress(whole.tobytes(), 6)).decode("ascii")
    return SmallMap(name, pulse, low, high, unit, (whole.shape[0], whole.shape[1]), aspect, data)
