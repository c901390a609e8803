"""What can be measured in regions, along lines and in histograms: the maps of the last fit, H, and every channel."""

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from psygnal import Signal

from napari_tesm.data.maps import MAP_KINDS, limited_values
from napari_tesm.gui.models.companion import ScanModel
from napari_tesm.gui.models.heights import displacement_maps
from napari_tesm.gui.models.scan import Scan
from napari_tesm.quantities.axes import axis_spacing

Array = NDArray[np.float64]

_FITTED: Final = ("H", "tau1", "D1", "tau2", "D2", "tau", "D", "D_lateral")
_FAVOURITES: Final = ("D_lateral", "D2", "D1", "D", "tau2", "tau1", "tau", "H")
"""What is looked at first, where nobody has chosen: the first of these that is known."""
_LOG_ERRORS: Final = {"D_lateral": "log_D_lateral_stderr"}
"""Maps of the standard error of ln of another one."""
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
    limited : ndarray, shape (y, x)
        With infinities where a pixel is too slow or too fast to tell (`napari_tesm.data.maps.limited_values`).
    """

    values: Array
    x: Array
    y: Array
    spacing: tuple[float, float]
    limited: Array

    @property
    def grid(self) -> tuple[bytes, bytes]:
        """What is the same for fields on the same grid."""
        return self.x.tobytes(), self.y.tobytes()


class QuantityBook(ScanModel):
    """The quantities of a scan, and their values as they are now.

    Parameters
    ----------
    scan : Scan
    """

    def __init__(self, scan: Scan) -> None:
        super().__init__(scan)
        self._heights: tuple[xr.Dataset | None, xr.Dataset | None] | None = None

    def quantities(self) -> list[Quantity]:
        """Return what is known now: maps, then channels."""
        quantities = []
        maps = self.maps()
        for name in _FITTED:
            if maps is not None and name in maps:
                unit = str(maps[name].attrs.get("units", ""))
                title = MAP_KINDS[name].title
                quantities.append(Quantity(name, title, unit, by_pulse=True, many_decades=name != "H"))
        for channel in self.scan.channels:
            if channel.dtype.kind in "fiu":
                name = str(channel.name)
                title = str(channel.attrs.get("long_name", name))
                quantities.append(Quantity(f"channel:{name}", title, str(channel.attrs.get("units", ""))))
        return quantities

    def quantity(self, key: str | None) -> Quantity | None:
        """Return the quantity of this key, or what is looked at first where it is None or not known (any more)."""
        by_key = {quantity.key: quantity for quantity in self.quantities()}
        wanted = [key or "", *_FAVOURITES, *by_key]
        return next((by_key[name] for name in wanted if name in by_key), None)

    def field(self, quantity: Quantity, pulse: int = 0) -> Field:
        """Return the values of a quantity for a pulse setting.

        Raises
        ------
        ValueError
            If it is not known any more.
        """
        if quantity.by_pulse:
            maps = self.maps()
            if maps is None or quantity.key not in maps:
                raise ValueError(f"{quantity.title} is not known: fit the traces first")
            return self._field_of_map(maps, quantity.key, min(pulse, maps.sizes["pulse"] - 1))
        name = quantity.key.removeprefix("channel:")
        channels = [channel for channel in self.scan.channels if str(channel.name) == name]
        if not channels:
            raise ValueError(f"the channel {quantity.title} is not there any more")
        limited = np.array(channels[0].transpose("y", "x").values, dtype=np.float64)
        limited[~np.isfinite(limited)] = np.nan
        return _field_on(channels[0], limited)

    def error_of_log(self, quantity: Quantity, pulse: int = 0) -> Field | None:
        """Return the standard error of the natural logarithm of a quantity, None where no map of it is known."""
        maps, name = self.maps(), _LOG_ERRORS.get(quantity.key)
        if maps is None or name is None or name not in maps:
            return None
        return self._field_of_map(maps, name, min(pulse, maps.sizes["pulse"] - 1))

    def _field_of_map(self, maps: xr.Dataset, name: str, pulse: int) -> Field:
        image = maps[name].isel(pulse=pulse)
        # Maps that came out of a file may have lost a digit on the way: their grid is that of the traces.
        grid = self.scan.grid
        axes = grid if all(grid.sizes[axis] == image.sizes[axis] for axis in ("y", "x")) else image
        return _field_on(axes, limited_values(maps, name, pulse))

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

    def maps(self) -> xr.Dataset | None:
        """Return the maps of the last fit, or H alone, which needs none; None where that is not known, either."""
        return self.heights() if self.scan.maps is None else self.scan.maps

    def heights(self) -> xr.Dataset | None:
        """Return H of the traces, None where it is not known; computed once."""
        dataset = self.scan.dataset
        if self._heights is None or self._heights[0] is not dataset:
            self._heights = (dataset, displacement_maps(self.scan))
        return self._heights[1]


def _field_on(axes: xr.DataArray | xr.Dataset, limited: Array) -> Field:
    """Return values, some of which may be infinite, on the grid of an image."""
    x, y = (np.asarray(axes[axis].values, dtype=np.float64) for axis in ("x", "y"))
    spacing = (axis_spacing(axes["y"]), axis_spacing(axes["x"]))
    return Field(np.where(np.isfinite(limited), limited, np.nan), x, y, spacing, limited)


class QuantityModel(ScanModel):
    """Base of the models that look at quantities of a scan, for one of its pulse settings."""

    changed = Signal()
    """Something else is looked at."""

    def __init__(self, scan: Scan) -> None:
        super().__init__(scan)
        self.book = QuantityBook.of(scan)
        self.pulse = max(0, len(scan.labels) - 1)

    def choose(self, **choices: Any) -> None:
        """Look at something else; what is None stays as it is."""
        new = {name: value for name, value in choices.items() if value not in (None, getattr(self, name))}
        for name, value in new.items():
            setattr(self, name, value)
        if new:
            self.changed.emit()

    def title_of(self, quantity: Quantity) -> str:
        """Return what a quantity is called with the pulse setting: ``D2 (-3 V)``."""
        labels = self.scan.labels
        label = labels[self.pulse] if quantity.by_pulse and self.pulse < len(labels) else ""
        return f"{quantity.title} {label}".rstrip()
