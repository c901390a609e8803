r"""Level 2 for a whole map: the traces of all places of the tip at once, by the eigenmodes of tiles of the plane.

The equations of `napari_tesm.simulation.level2`, solved another way. D does not depend on the depth, so a cosine (flux)
or sine (clamped) transform in z leaves a problem in the plane for each wave number p of the depth,
:math:`\partial c/\partial t = \nabla\cdot(D\nabla c) - p^2 D c + s`, with s the flux, or p D times the concentration
held. Its eigenmodes know nothing of the tip: each further place costs two sums over them. The integral over p is a sum
over even steps of ln p.

Modes cost time as the cube of the area they cover, so a map is cut into tiles, each with as much around it as ions
reach.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_tesm.fitting import single_threaded_blas
from napari_tesm.quantities.limits import check_diffusion
from napari_tesm.simulation.half_space import check_resolved
from napari_tesm.simulation.level1 import POISSON_RATIO, PULSE
from napari_tesm.simulation.level2 import DiffusionMap, TipModel, check_place, check_reach
from napari_tesm.simulation.plane_splines import SplineAxis, SplinePlane, strain_gaussians
from napari_tesm.simulation.positions import check_centres, finished_in_threads, map_diffusion

Array = NDArray[np.float64]

_TILE: Final = 5.0
"""The longest side of a tile, in tip radii."""
_SPACING: Final = 0.33
_MARGIN: Final = 0.75
_GROWTH: Final = 1.7
"""Knots in a tile and in a margin around it, in tip radii, and the factor from one to the next beyond."""
_REACH: Final = 3.0
"""Where the plane ends, in √(Dt) of the largest D and the whole record, from the margin on."""
_LOOKS: Final = 65
_STEP: Final = 0.75
"""Steps of ln p."""
_SHALLOWEST: Final = {"flux": 0.04, "clamped": 0.12}
"""The smallest p, over √(Dt) of the whole record or the tip radius, whichever is longer: below it only dp is left."""
_DEEPEST: Final = {"flux": 8.0, "clamped": 20.0}
"""The largest p, over the tip radius or √(Dt) of the pulse, whichever is shorter: above it a power of p is left."""
_FALL: Final = {"flux": 3, "clamped": 1}
"""That power, of what is summed, less the one of dp."""
_LEAST_SPREAD: Final = 4e-4
_FIRST: Final = 1e-5
_INSTANTS: Final = 120
"""Times at which responses are computed, from a part of the record on, evenly in ln t."""


def map_traces(
    D: DiffusionMap | ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    time: Array | None = None,
    pulse: float = PULSE,
    tip_radius: float = 25e-9,
    boundary: str = "flux",
    drive: float = 1.0,
    vegard: float = 1.0,
    poisson_ratio: float = POISSON_RATIO,
    jobs: int = 1,
    progress: Callable[[float, str], None] | None = None,
) -> Array:
    """Return the traces of a map with ions that diffuse across its pixels, in m, shape (y, x, time).

    Parameters
    ----------
    D : callable or array_like, shape (y, x)
        Diffusion coefficient in m²/s: a function of arrays x and y in m, also beyond the map, or one value for each
        pixel; then the pixels at the edge go on outside.
    x, y : array_like
        Centres of the columns and rows, in m, increasing. The places of the tip.
    time : ndarray, shape (time,), optional
        In s from the start of the pulse; `record_times` by default.
    pulse, tip_radius, boundary, drive, vegard, poisson_ratio
        As in `napari_tesm.simulation.traces_from_diffusion`.
    jobs : int
        Threads, each on a tile of its own; the numbers do not depend on it.
    progress : callable, optional
        Called with the fraction done and a text; what it raises stops the work.

    Raises
    ------
    ValueError
        If a parameter makes no sense, D is not positive somewhere, or ions move hardly at all or very far.

    Notes
    -----
    No perturbation theory and no closed form of the response enters. Compared with `TipModel` and, for uniform D, with
    closed forms: docs/theory.md.

    Examples
    --------
    >>> x, y = np.arange(3) * 6e-9, np.arange(2) * 8e-9
    >>> traces = map_traces(np.full((2, 3), 4e-13), x, y, time=np.array([0.0, 5e-3, 10e-3, 20e-3]))
    >>> (traces / traces[..., 2:3]).round(2)[1, 2]
    array([0.  , 0.82, 1.  , 0.19])
    """
    columns, rows = check_centres(x, "x"), check_centres(y, "y")
    for end in (0, -1):
        check_place(float(columns[end]), float(rows[end]))
    diffusion = D if callable(D) else map_diffusion(columns, rows, D)
    model = TipModel(diffusion, time, pulse, tip_radius, boundary, drive, vegard, poisson_ratio)
    tiles = [(of_y, of_x) for of_y in _groups(rows, tip_radius) for of_x in _groups(columns, tip_radius)]
    tasks = [partial(_tile_traces, model, columns[of_x], rows[of_y]) for of_y, of_x in tiles]
    out = np.empty((rows.size, columns.size, model.times.size))
    # Tiles are small: two pools of threads would fight for the cores.
    with single_threaded_blas():
        for number, traces in finished_in_threads(
            tasks, jobs=jobs, progress=progress, words="part of the map"
        ):
            out[np.ix_(*tiles[number])] = traces
    return out


def count_of_tiles(x: Array, y: Array, tip_radius: float) -> int:
    """Return into how many tiles `map_traces` cuts a map; its time is proportional to it."""
    return len(_groups(x, tip_radius)) * len(_groups(y, tip_radius))


def _groups(places: Array, tip_radius: float) -> list[NDArray[np.intp]]:
    """Return the numbers of the places in each tile along an axis."""
    extent = float(np.ptp(places))
    count = max(1, int(np.ceil(extent / (_TILE * tip_radius))))
    number = np.minimum((places - places[0]) / max(extent, 1e-300) * count, count - 1).astype(int)
    return [np.flatnonzero(number == tile) for tile in np.unique(number)]


def _tile_traces(model: TipModel, x: Array, y: Array) -> Array:
    """Return the traces of a tile, in m, shape (y, x, time)."""
    from scipy.interpolate import CubicHermiteSpline

    tile = _Tile(model, x, y)
    times, values, slopes = tile.responses()
    # Against √t what a clamped tip does is smooth from the start, too.
    root = np.sqrt(times)
    spline = CubicHermiteSpline(root, values, 2 * root * slopes, axis=-1)
    traces = model.traces_of_response(lambda duration: spline(np.sqrt(duration)), tile.unit)
    return traces.reshape(y.size, x.size, -1)


class _Tile:
    """Places of the tip and the plane around them; lengths in tip radii, D in units of that in a corner."""

    def __init__(self, model: TipModel, x: Array, y: Array) -> None:
        self.model = model
        self.x, self.y = x / model.tip_radius, y / model.tip_radius
        self.unit = 1.0
        self.unit = float(self._diffusion_at(self.x[:1], self.y[:1])[0, 0])
        rate = self.unit / model.tip_radius**2
        self.end = max(float(model.times.max()), model.pulse) * rate
        reach = 0.0
        for _ in range(3):
            # A look decides how far the ions go, and so how far to look.
            looks = [
                np.linspace(places[0] - _MARGIN - reach, places[-1] + _MARGIN + reach, _LOOKS)
                for places in (self.x, self.y)
            ]
            seen = self._diffusion_at(*looks)
            self.farthest, reach = np.sqrt(seen.max() * self.end), _REACH * np.sqrt(seen.max() * self.end)
        least = float(seen.min()) * model.pulse * rate
        check_resolved(least, _LEAST_SPREAD)
        check_reach(self.farthest)
        self.shortest = min(1.0, np.sqrt(least))
        self.plane = SplinePlane(
            *(
                SplineAxis.around(
                    places[0] - _MARGIN, places[-1] + _MARGIN, reach=reach, spacing=_SPACING, growth=_GROWTH
                )
                for places in (self.x, self.y)
            )
        )

    def _diffusion_at(self, x: Array, y: Array) -> Array:
        """Return D on a grid, shape (y, x)."""
        across, down = np.meshgrid(x * self.model.tip_radius, y * self.model.tip_radius)
        values = np.asarray(self.model.diffusion(across, down), dtype=np.float64)
        check_diffusion(values)
        return np.broadcast_to(values, across.shape) / self.unit

    def _depth_numbers(self) -> tuple[Array, Array]:
        """Return wave numbers of the depth, and weights that make a sum of 2/π times the integral over them."""
        boundary = self.model.boundary
        least, most = _SHALLOWEST[boundary] / max(self.farthest, 1.0), _DEEPEST[boundary] / self.shortest
        count = int(np.ceil(np.log(most / least) / _STEP)) + 1
        numbers = least * np.exp(_STEP * np.arange(count))
        weights = numbers * _STEP * 2 / np.pi
        # On both sides the sum goes on as a geometric series.
        weights[0] /= -np.expm1(-_STEP)
        weights[-1] /= -np.expm1(-_FALL[boundary] * _STEP)
        return numbers, weights

    def responses(self) -> tuple[Array, Array, Array]:
        """Return times, strain integrals of a drive switched on, shape (place, time), and their slopes in time."""
        gradients, potential = self.plane.forms_of(
            self._diffusion_at(self.plane.x.rule[0], self.plane.y.rule[0])
        )
        unity = np.ones(1)
        source = self.plane.of_gaussians(self.x, self.y, unity, unity)
        if self.model.boundary == "clamped":
            source = potential @ source
        extent = max(float(np.ptp(axis.knots)) for axis in (self.plane.x, self.plane.y))
        times = np.concatenate([[0.0], np.geomspace(_FIRST, 1, _INSTANTS) * self.end])
        values, slopes = (np.zeros((source.shape[1], times.size)) for _ in range(2))
        for number, weight in zip(*self._depth_numbers(), strict=True):
            rates, modes = np.linalg.eigh(gradients + number**2 * potential)
            gaussians = strain_gaussians(number, self.model.boundary, extent)
            strain = self.plane.of_gaussians(self.x, self.y, *gaussians)
            seen = weight * ((modes.T @ source) * (modes.T @ strain)).T
            decay = rates[:, None] * times
            values += seen @ (-np.expm1(-decay) / rates[:, None])
            slopes += seen @ np.exp(-decay)
        return times, values, slopes
