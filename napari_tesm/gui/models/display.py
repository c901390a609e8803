"""Where a scan lies on napari's canvas: one scale, one unit, one pair of axis labels for all its layers.

napari's world is the dataset's own coordinates in nm or µm, never in metres (its sliders overflow there). One layer
without units would take them from all others, so every layer the plugin makes gets them from here.
"""

import contextlib
import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.quantities.text import prefix_for

_LARGEST_IN_NM: Final = 2e-6
"""Scans up to this size, in m, are shown in nm."""


LENGTHS: Final = {"nm": 1e-9, "µm": 1e-6}
"""Units of length of the viewer, in m."""

_UNIT: Final = re.compile(r"({0}[ */·])*{0}".format(r"[^\W\d]{1,20}((\^|\*\*)?-?\d|[²³⁻¹]{1,2})?"))
"""Words with exponents of one digit, one after the other or divided: m^2/s."""


@dataclass(frozen=True)
class Display:
    """How pixels of one grid lie in the world of the viewer.

    Parameters
    ----------
    origin : (float, float)
        World position (y, x) of the centre of the first pixel.
    spacing : (float, float)
        Distance of pixel centres along y and x, in world units.
    shape : (int, int)
        Rows and columns.
    unit : str
        "nm", "µm", or what the file has where that is not a length; "pixel" where it has none.
    factor : float
        Dataset coordinate divided by this is the world coordinate.
    """

    origin: tuple[float, float]
    spacing: tuple[float, float]
    shape: tuple[int, int]
    unit: str
    factor: float

    def layer_options(self) -> dict[str, Any]:
        """Return the keywords of an image layer of dims (y, x)."""
        return {
            "scale": self.spacing,
            "translate": self.origin,
            "units": (self.unit, self.unit),
            "axis_labels": ("y", "x"),
        }

    def drawing_options(self) -> dict[str, Any]:
        """Return the keywords of a shapes or points layer: its data are world coordinates."""
        return self.layer_options() | {"scale": (1.0, 1.0), "translate": (0.0, 0.0)}

    def pixel_from_world(self, position: ArrayLike) -> tuple[int, int] | None:
        """Return the row and column under a world position (…, y, x), None outside the image."""
        y, x = np.asarray(position, dtype=np.float64)[-2:]
        # Half up, not to even: every pixel is equally wide.
        row = int(np.floor((y - self.origin[0]) / self.spacing[0] + 0.5))
        column = int(np.floor((x - self.origin[1]) / self.spacing[1] + 0.5))
        inside = 0 <= row < self.shape[0] and 0 <= column < self.shape[1]
        return (row, column) if inside else None

    def world_from_xy(self, xy: ArrayLike) -> NDArray[np.float64]:
        """Return world positions (y, x) of dataset positions (x, y), both of shape (..., 2)."""
        return np.asarray(xy, dtype=np.float64)[..., ::-1] / self.factor

    def xy_from_world(self, position: ArrayLike) -> NDArray[np.float64]:
        """Return dataset positions (x, y) of world positions (…, y, x)."""
        return np.asarray(position, dtype=np.float64)[..., -2:][..., ::-1] * self.factor

    def extent(self) -> tuple[float, float]:
        """Return the height and width of the image, in world units."""
        return self.shape[0] * self.spacing[0], self.shape[1] * self.spacing[1]


def display_from_axes(y: xr.DataArray, x: xr.DataArray, *, unit: str | None = None) -> Display:
    """Return the display of a grid.

    Parameters
    ----------
    y, x : DataArray
        Pixel centres with their unit; `spacing` in the attributes where there is one pixel only.
    unit : str, optional
        World unit to use, that of the scan's other layers; chosen by the size of the image otherwise.
    """
    steps = {str(axis.name): axis_spacing(axis) for axis in (y, x)}
    extent = max(steps["y"] * y.size, steps["x"] * x.size)
    written = str(x.attrs.get("units", ""))
    if written == "m":
        shown = unit if unit in LENGTHS else ("nm" if extent <= _LARGEST_IN_NM else "µm")
        factor = LENGTHS[shown]
    elif written and _is_known(written):
        # A prefix goes with one word: of a square metre it would be squared, too.
        factor, shown = prefix_for(extent, written) if written.isalpha() else (1.0, written)
        if not _is_known(shown):
            factor, shown = 1.0, written
    else:  # in pixel widths: there is nothing else to say of an axis without unit
        factor, shown = steps["x"], "pixel"
    return Display(
        origin=(float(y.values[0]) / factor, float(x.values[0]) / factor),
        spacing=(steps["y"] / factor, steps["x"] / factor),
        shape=(y.size, x.size),
        unit=shown,
        factor=factor,
    )


def _is_known(unit: str) -> bool:
    """Whether napari's unit registry knows a unit; the text may be anything that stood in a file."""
    # The registry computes what it is given: ``m**(9**9**9)`` never ends.
    if not _UNIT.fullmatch(unit):
        return False
    import pint

    registry: Any = pint.application_registry
    # It takes the text apart as Python does, and raises what that raises.
    with contextlib.suppress(Exception):
        registry.parse_units(unit)
        return True
    return False
