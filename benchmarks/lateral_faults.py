"""What breaks the inversion of lateral diffusion, and whether it shows: the table "When it fails" of docs/lateral.md.

Run: python benchmarks/lateral_faults.py; some three minutes of one core. The map is that of `lateral_map.py`, its flux
traces with white noise; what is wrong is done to the traces, or said wrongly of them.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from lateral_map import (
    COUNT,
    D0,
    PLACES,
    PULSE,
    RADIUS,
    TIME,
    Array,
    diagonal,
    exact_traces,
    scan_of,
    topography,
)
from scipy.interpolate import CubicSpline

from napari_tesm import lateral

SNR = 50
SATURATED = 0.95
"""tanh(0.95) / 0.95 is 24 % less than one."""
_TRUE = diagonal(PLACES[None, :], PLACES[:, None]) / D0


def scaled(traces: Array) -> Array:
    """Return traces that are 1.5 times as large in the step, and 0.7 times in the slow grain."""
    return traces * np.where(_TRUE > 2, 1.5, np.where(_TRUE < 0.7, 0.7, 1.0))[:, :, None]


def wandering(traces: Array) -> Array:
    """Return traces of rows that lie a quarter of a pixel, at random, beside their places."""
    shifts = 0.25 * np.random.default_rng(2).standard_normal(COUNT)
    across = np.arange(COUNT)
    return np.stack(
        [CubicSpline(across, row)(across + shift) for row, shift in zip(traces, shifts, strict=True)]
    )


def saturating(traces: Array) -> Array:
    """Return what a response that saturates makes of traces, the largest of which is 1."""
    return np.asarray(np.tanh(SATURATED * traces) / SATURATED)


def drifting(traces: Array) -> Array:
    """Return traces with a drift of 10 % of H over the record, and a step of 30 % of H while the voltage is on."""
    height = np.abs(traces).max(axis=2, keepdims=True)
    return traces + height * (0.1 * TIME / TIME[-1] + 0.3 * (TIME < PULSE))


def row_of_table(name: str, scan: xr.Dataset, **options: Any) -> str:
    """Return a line: medians of D in the parts, the correlation with the true ln D, and the misfit."""
    maps = lateral(scan, **{"kernel": "flux-pulse", "nuisance": "none", **options}).isel(pulse=0)
    found = maps["D_lateral"].values / D0
    told = json.loads(maps.attrs["lateral"])[0]
    held = np.isfinite(found)
    if not held.any():
        return f"| {name} | no D | no D | no D | | {told['misfit']:.2f} |"
    medians = [np.nanmedian(found[part]) for part in (_TRUE > 2, _TRUE < 0.7, _TRUE == 1.0)]
    correlation = np.corrcoef(np.log(found[held]), np.log(_TRUE[held]))[0, 1]
    return f"| {name} | {' | '.join(f'{value:.2f}' for value in medians)} | {correlation:.2f} | {told['misfit']:.2f} |"


def faults(traces: Array) -> Mapping[str, tuple[Array, float, dict[str, Any]]]:
    """Return traces, radius and options by what is wrong."""
    return {
        "nothing": (traces, RADIUS, {}),
        "boundary: a flux inverted as clamped": (traces, RADIUS, {"kernel": "clamped"}),
        "radius 20 nm in place of 25 nm": (traces, 20e-9, {}),
        "radius 31 nm in place of 25 nm": (traces, 31e-9, {}),
        "amplitude 1.5 times as large in the step, 0.7 times in the grain": (scaled(traces), RADIUS, {}),
        "rows that wander by a quarter of a pixel each": (wandering(traces), RADIUS, {}),
        "response that saturates (tanh, 24 % at the largest)": (saturating(traces), RADIUS, {}),
        "drift 10 %, step with the voltage 30 %, both fitted": (
            drifting(traces), RADIUS, {"nuisance": "drift,step"}
        ),
    }  # fmt: skip


if __name__ == "__main__":
    print("| what is wrong | step | slow grain | elsewhere | correlation | misfit |\n" + "| --- " * 6 + "|")
    for name, (traces, radius, options) in faults(exact_traces(diagonal, "flux-pulse")).items():
        scan = scan_of(traces, SNR, topography(diagonal)).assign_attrs(tip_radius=radius)
        print(row_of_table(name, scan, **options), flush=True)
