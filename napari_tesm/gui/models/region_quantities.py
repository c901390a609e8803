"""What can be measured in regions, along lines and in histograms: the maps of the last fit, H, and every channel."""

import re
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary, ref

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.gui.layers.scan_layers import displacement_maps
from napari_tesm.gui.models.display import display_from_axes
from napari_tesm.gui.models.scan import Scan

Array = NDArray[np.float64]

_FITTED: Final = ("H", "tau1", "D1", "tau2", "D2", "tau", "D")
_FAVOURITES: Final = ("D2", "D1", "D", "tau2", "tau1", "tau", "H")
"""What is looked at first, where nobody has chosen: the first of these that is known."""
_TOPOGRAPHY: Final = r"topograph|height|zsensor|^z_"
_DEFLECTION: Final = r"deflection"


@dataclass(frozen=True)
class Quantity:
    """Something known at every pixel of a grid.

    Parameters
    ----------
    key : str
        What it is called in the program: the name of a map, or ``channel:`` and the name of a channel.
    title : str
        What it is called on the screen.
    unit : str
        SI unit.
    by_pulse : bool
        There is one map for each pulse setting.
    many_decades : bool
        Positive and spread over decades, such as D and tau: shown on a logarithmic axis.
    """

    key: str
    title: str
    unit: str
    by_pulse: bool = False
    many_decades: bool = False


@dataclass(frozen=True)
class Field:
    """A quantity on its own grid.

    Parameters
    ----------
    values : ndarray, shape (y, x)
        In the quantity's SI unit; NaN where there is no number.
    x, y : ndarray
        Pixel centres, in the lateral unit of the dataset.
    spacing : (float, float)
        Size of a pixel along y and x.
    """

    values: Array
    x: Array
    y: Array
    spacing: tuple[float, float]

    @property
    def grid(self) -> tuple[bytes, bytes]:
        """What is the same for fields on the same grid."""
        return self.x.tobytes(), self.y.tobytes()


class QuantityBook:
    """The quantities of a scan, and their values as they are now.

    Parameters
    ----------
    scan : Scan
    """

    def __init__(self, scan: Scan) -> None:
        self._scan = ref(scan)
        self._heights: tuple[xr.Dataset | None, xr.Dataset | None] | None = None

    @property
    def scan(self) -> Scan:
        """The scan."""
        scan = self._scan()
        if scan is None:
            raise RuntimeError("the scan of these quantities is gone")
        return scan

    def quantities(self) -> list[Quantity]:
        """Return what is known now: maps, then channels."""
        found = []
        maps = self._maps()
        for name in _FITTED if maps is not None else ():
            if maps is not None and name in maps:
                unit = str(maps[name].attrs.get("units", ""))
                found.append(Quantity(name, name, unit, by_pulse=True, many_decades=name != "H"))
        for channel in self.scan.channels:
            if channel.dtype.kind in "fiu":
                name = str(channel.name)
                title = str(channel.attrs.get("long_name", name))
                found.append(Quantity(f"channel:{name}", title, str(channel.attrs.get("units", ""))))
        return found

    def quantity(self, key: str | None) -> Quantity | None:
        """Return the quantity of this key, or what is looked at first where it is None or not known (any more)."""
        known = {quantity.key: quantity for quantity in self.quantities()}
        wanted = [key or "", *_FAVOURITES, *known]
        return next((known[name] for name in wanted if name in known), None)

    def field(self, quantity: Quantity, pulse: int = 0) -> Field:
        """Return the values of a quantity for a pulse setting.

        Raises
        ------
        ValueError
            If it is not known any more.
        """
        if quantity.by_pulse:
            maps = self._maps()
            if maps is None or quantity.key not in maps:
                raise ValueError(f"{quantity.title} is not known: fit the traces first")
            found = maps[quantity.key].isel(pulse=min(pulse, maps.sizes["pulse"] - 1))
            # Maps that came out of a file may have lost a digit on the way: their grid is that of the traces.
            grid = self.scan.grid
            axes = grid if all(grid.sizes[axis] == found.sizes[axis] for axis in ("y", "x")) else found
        else:
            name = quantity.key.removeprefix("channel:")
            channels = [channel for channel in self.scan.channels if str(channel.name) == name]
            if not channels:
                raise ValueError(f"the channel {quantity.title} is not there any more")
            found = axes = channels[0]
        values = np.asarray(found.transpose("y", "x").values, dtype=np.float64)
        x, y = (np.asarray(axes[axis].values, dtype=np.float64) for axis in ("x", "y"))
        display = display_from_axes(axes["y"], axes["x"])
        spacing = (display.spacing[0] * display.factor, display.spacing[1] * display.factor)
        return Field(np.where(np.isfinite(values), values, np.nan), x, y, spacing)

    def topography(self) -> Quantity | None:
        """Return the channel that holds heights, None without one."""
        return self._channel_like(_TOPOGRAPHY, unit="m") or self._channel_like(_TOPOGRAPHY)

    def deflection_error(self) -> Quantity | None:
        """Return the channel that holds the deflection error, None without one."""
        return self._channel_like(_DEFLECTION)

    def _channel_like(self, pattern: str, *, unit: str | None = None) -> Quantity | None:
        return next(
            (
                quantity
                for quantity in self.quantities()
                if quantity.key.startswith("channel:")
                and re.search(pattern, quantity.key.removeprefix("channel:"))
                and unit in (None, quantity.unit)
            ),
            None,
        )

    def _maps(self) -> xr.Dataset | None:
        """Return the maps of the last fit, or H alone, which needs none."""
        scan = self.scan
        if scan.maps is not None:
            return scan.maps
        if self._heights is None or self._heights[0] is not scan.dataset:
            self._heights = (scan.dataset, displacement_maps(scan))
        return self._heights[1]


_BOOKS: "WeakKeyDictionary[Scan, QuantityBook]" = WeakKeyDictionary()


def quantities_of(scan: Scan) -> QuantityBook:
    """Return the book of a scan, the same for every panel."""
    if scan not in _BOOKS:
        _BOOKS[scan] = QuantityBook(scan)
    return _BOOKS[scan]
