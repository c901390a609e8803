"""The verdict of every pixel of a series, and how much its maps scatter."""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.series.alignment import AlignedSeries
from napari_tesm.series.ranges import moderation
from napari_tesm.series.verdicts import (
    MISSING,
    VERDICT_MEANINGS,
    Noise,
    residual_variances,
    verdicts_from_values,
)

Array = NDArray[np.float64]

PIXELS: Final = 3
"""How many pixels a point is."""

_ROWS: Final = 64
"""Lines whose pixels are judged at once: a table of all pairs of voltages for each pixel of a large map is large."""


def noise_of_series(aligned: AlignedSeries, *, name: str = "H") -> Noise:
    """Return how much a series scatters from pixel to pixel, by all pixels that have a value at each voltage.

    Beside the scatter within the few pixels of a point, the means of neighbouring lines are compared: noise that a
    whole line shares shows there alone.
    """
    volts, stack = _tested_maps(aligned, name)
    if stack.shape[0] < 2:
        return Noise()
    windows = _windows(stack)
    variances, degrees = residual_variances(windows.reshape(-1, *windows.shape[2:]), volts)
    if degrees <= 0:
        return Noise()
    typical, worth = moderation(variances, degrees)
    if worth == 0 or not np.isfinite(typical):
        return Noise()
    return Noise(typical, worth, _line_factor(windows, typical))


def verdict_map(aligned: AlignedSeries, *, noise: Noise | None = None) -> xr.Dataset:
    """Return the verdict of every pixel of the common grid, each judged with its neighbours as a point is.

    Returns
    -------
    Dataset
        ``verdict`` (integer with CF flags), ``verdict_voltage`` (V: from which it saturates, at which it peaks),
        ``verdict_statistic`` and ``verdict_p`` (for the family of a pixel's comparisons; of a map
        without any dependence 5 % of the pixels are called something by chance).
    """
    volts, stack = _tested_maps(aligned, "H")
    lent = noise if noise is not None else noise_of_series(aligned)
    grid, abscissa = aligned.grid, aligned.series.abscissa
    shape = (grid.sizes["y"], grid.sizes["x"])
    kind = np.full(shape, MISSING, np.int8)
    parts = {key: np.full(shape, np.nan) for key in ("voltage", "statistic", "p_value")}
    if stack.shape[0] >= 1:
        for start in range(0, shape[0], _ROWS):
            rows = slice(start, min(start + _ROWS, shape[0]))
            windows = _windows(stack, rows)
            verdicts = verdicts_from_values(windows.reshape(-1, *windows.shape[2:]), volts, noise=lent)
            size = (rows.stop - rows.start, shape[1])
            kind[rows] = verdicts.kind.reshape(size)
            for key, values in parts.items():
                values[rows] = getattr(verdicts, key).reshape(size)
    parts["voltage"] -= abscissa.offset(aligned.series.voltages)
    flags = {
        "flag_values": np.arange(len(VERDICT_MEANINGS), dtype=np.int8), "flag_meanings": " ".join(VERDICT_MEANINGS),
    }  # fmt: skip
    dims = ("y", "x")
    return xr.Dataset(
        {
            "verdict": (dims, kind, {"long_name": "Verdict", "units": "", **flags}),
            "verdict_voltage": (
                dims,
                parts["voltage"],
                {"long_name": f"Verdict {abscissa.name}", "units": abscissa.unit},
            ),
            "verdict_statistic": (dims, parts["statistic"], {"long_name": "Verdict t", "units": ""}),
            "verdict_p": (dims, parts["p_value"], {"long_name": "Verdict p", "units": ""}),
        },
        coords={axis: grid[axis] for axis in dims},
    )


def counts_of_verdicts(verdicts: xr.Dataset) -> dict[str, int]:
    """Return how many pixels of a `verdict_map` have each verdict."""
    kinds = verdicts["verdict"].values
    return {name: int((kinds == number).sum()) for number, name in enumerate(VERDICT_MEANINGS)}


def tested_values(values: Array, name: str, sign: float) -> Array:
    """Return values on the scale on which they are tested: H with the sign of the series, ln D."""
    if name == "H":
        return sign * values
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(values)
    return np.where(np.isfinite(logs), logs, np.nan)


def _tested_maps(aligned: AlignedSeries, name: str) -> tuple[Array, Array]:
    """Return voltages and maps on the common grid, shape (scan, y, x), of the scans that have a value there.

    Of what else a series goes by, the values as the tests take them.
    """
    series = aligned.series
    maps = [tested_values(aligned.measured(index, name), name, 1.0) for index in range(len(series.members))]
    good = [index for index, values in enumerate(maps) if np.isfinite(values).any()]
    shape = (aligned.grid.sizes["y"], aligned.grid.sizes["x"])
    levels = series.voltages + series.abscissa.offset(series.voltages)
    return levels[good], np.stack([maps[index] for index in good]) if good else np.zeros((0, *shape))


def _windows(stack: Array, rows: slice = slice(None)) -> Array:
    """Return the adjacent pixels of each pixel, shape (y, x, scan, pixel); near the border the nearest there are."""
    lines, size = stack[:, rows], stack.shape[2]
    if size < PIXELS:
        return np.full((lines.shape[1], size, stack.shape[0], PIXELS), np.nan)
    starts = np.clip(np.arange(size) - PIXELS // 2, 0, size - PIXELS)
    return np.asarray(lines[:, :, starts[:, None] + np.arange(PIXELS)].transpose(1, 2, 0, 3))


def _line_factor(windows: Array, variance: float) -> float:
    """Return by how much means of adjacent pixels differ more from line to line than their own scatter says."""
    change = np.diff(windows.mean(axis=3), axis=2)
    curl = change[1:-1] - (change[:-2] + change[2:]) / 2
    curl = curl[np.isfinite(curl)]
    if curl.size < 30 or variance <= 0:
        return 1.0
    observed = 1.4826 * float(np.median(np.abs(curl - np.median(curl))))
    expected = np.sqrt(1.5 * 2 * variance / PIXELS)
    return float(max(1.0, observed / expected))
