"""Images of the microscope's own file laid over the traces of the recorder: turned, moved and registered.

Neither traces nor images are interpolated: an image keeps its pixels, and its axes say where they lie.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.registration.shifts import shift_between

Array = NDArray[np.float64]

_SAME_SIZE: Final = 0.02
"""Sizes of one scan in two files agree to this part: recorders round."""
_LEAST_CORRELATION: Final = 0.3


@dataclass(frozen=True)
class Placement:
    """How an image of one file lies over the scan of another.

    Parameters
    ----------
    flip_x, flip_y : bool
        The image is mirrored left and right, or upside down.
    quarter_turns : int
        Turns by 90° counter-clockwise, before the flips.
    dx, dy : float
        How far it is moved to the right and down, in the unit of its axes.
    """

    flip_x: bool = False
    flip_y: bool = False
    quarter_turns: int = 0
    dx: float = 0.0
    dy: float = 0.0


def placed_image(image: xr.DataArray, placement: Placement) -> xr.DataArray:
    """Return an image turned and mirrored about its own middle, then moved; its pixels are copied, never interpolated.

    Parameters
    ----------
    image : DataArray with dims (y, x)
        Its axes increase.
    """
    values = np.rot90(np.asarray(image.values), placement.quarter_turns % 4)
    axes = {name: np.asarray(image[name].values, dtype=np.float64) for name in ("y", "x")}
    steps = {name: axis_spacing(image[name]) for name in ("y", "x")}
    if placement.quarter_turns % 2:
        middle = {name: (axis[0] + axis[-1]) / 2 for name, axis in axes.items()}
        axes = {
            "y": middle["y"] + (np.arange(values.shape[0]) - (values.shape[0] - 1) / 2) * steps["x"],
            "x": middle["x"] + (np.arange(values.shape[1]) - (values.shape[1] - 1) / 2) * steps["y"],
        }
        steps = {"y": steps["x"], "x": steps["y"]}
    if placement.flip_x:
        values = values[:, ::-1]
    if placement.flip_y:
        values = values[::-1]
    moved = {"y": axes["y"] + placement.dy, "x": axes["x"] + placement.dx}
    coords = {name: (name, moved[name], image[name].attrs | {"spacing": steps[name]}) for name in ("y", "x")}
    return xr.DataArray(
        values.copy(), dims=("y", "x"), coords=coords, name=image.name, attrs=dict(image.attrs)
    )


@dataclass(frozen=True)
class Registration:
    """How far an image has to be moved to lie over a map of the traces.

    Parameters
    ----------
    dx, dy : float
        In the unit of the axes.
    residual : float
        What is left when it is measured again after the move, in pixels of the traces' grid.
    correlation : float
        Pearson correlation of the two after the move.
    """

    dx: float
    dy: float
    residual: float
    correlation: float


def registration_between(fixed: xr.DataArray, image: xr.DataArray) -> Registration:
    """Return how far an image has to be moved to lie over a map of the same thing on the traces' grid.

    For this alone the image is interpolated, onto the pixels of the map.

    Parameters
    ----------
    fixed : DataArray with dims (y, x)
        A map of the traces: what the recorder saw of the channel.
    image : DataArray with dims (y, x)
        The microscope's image of it.

    Raises
    ------
    ValueError
        If they do not overlap, have no structure, or are not alike (correlation below 0.3, or no shift fits).
    """
    steps = (axis_spacing(fixed["y"]), axis_spacing(fixed["x"]))
    reference = np.asarray(fixed.values, dtype=np.float64)
    title = image.attrs.get("long_name", image.name)
    dy = dx = 0.0
    start = None
    try:
        # Each pass compares what is nearer, and so more of it: three are enough for a hundredth of a pixel.
        for _ in range(3):
            shift = shift_between(reference, _on_grid(image, fixed, dy, dx), start=start)
            dy, dx = dy + shift.dy * steps[0], dx + shift.dx * steps[1]
            start = (0.0, 0.0)
        last = shift_between(reference, _on_grid(image, fixed, dy, dx), start=start)
    except ValueError as error:
        raise ValueError(
            f"the image '{title}' and the traces show different things or places: {error}"
        ) from error
    if last.before < _LEAST_CORRELATION:
        raise ValueError(
            f"the image '{title}' and the traces show different things: their correlation is {last.before:.2f} at best"
        )
    return Registration(dx, dy, float(np.hypot(last.dy, last.dx)), last.before)


def have_same_size(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether two sizes (height, width) are those of one scan, to 2 %."""
    return all(abs(own - other) <= _SAME_SIZE * max(own, other) for own, other in zip(a, b, strict=True))


def size_of(array: xr.DataArray | xr.Dataset) -> tuple[float, float]:
    """Return height and width of a grid, pixels and not centres, in the unit of its axes."""
    return axis_spacing(array["y"]) * array.sizes["y"], axis_spacing(array["x"]) * array.sizes["x"]


def corner_of(array: xr.DataArray | xr.Dataset) -> tuple[float, float]:
    """Return y and x of the upper left corner of a grid."""
    return tuple(float(array[name].values[0]) - axis_spacing(array[name]) / 2 for name in ("y", "x"))  # type: ignore[return-value]


def _on_grid(image: xr.DataArray, fixed: xr.DataArray, dy: float, dx: float) -> Array:
    """Return an image, moved, at the pixels of another grid; NaN where it does not reach."""
    values = np.asarray(image.values, dtype=np.float64)
    for name, move in (("x", dx), ("y", dy)):
        own = np.asarray(image[name].values, dtype=np.float64) + move
        at = np.asarray(fixed[name].values, dtype=np.float64)
        # A coarser grid sees the mean of what it covers; an odd number of pixels, so that the mean lies in the middle.
        share = 2 * (round(axis_spacing(fixed[name]) / axis_spacing(image[name])) // 2) + 1
        values = np.stack([_line_at(line, own, at, share) for line in values])
        values[
            :, (at < own[0] - axis_spacing(image[name]) / 2) | (at > own[-1] + axis_spacing(image[name]) / 2)
        ] = np.nan
        values = values.T
    return values


def _line_at(line: Array, own: Array, at: Array, share: int) -> Array:
    if own.size == 1:
        return np.repeat(line, at.size)
    smooth = np.convolve(line, np.ones(share) / share, mode="same") if share > 1 else line
    return np.asarray(np.interp(at, own, smooth))
