"""The shift of one map against another to a small part of a pixel, and how well it is known.

Both are levelled. The correlation of the two finds the whole pixels; least squares do the rest: after both were
smoothed alike, the shift, a contrast, an offset and a tilt of the moving image are fitted to the fixed one (Lucas and
Kanade 1981). Among some widths of smoothing the one is taken that promises the smallest error for this texture and this
noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.registration.maps import correlation_between, moved_map
from napari_tesm.statistics.images import smoothed_over_gaps, without_plane

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_WIDTHS: Final = (0.7, 1.0, 1.5, 2.5, 4.0)
"""Standard deviations of the smoothing, in pixels; below the first, cubic interpolation would blur the noise itself."""
_COARSE, _FINE = 3, 1
"""Which of them goes first, and which decides whether it went astray."""
_INDEPENDENT: Final = 20
"""Values that are left of a map when pixels under one Gaussian count as one: with fewer, the fit follows the noise."""
_ITERATIONS: Final = 12
_SETTLED: Final = 2e-3
_LARGEST_STEP: Final = 0.7
_CLIPPED: Final = 4.0
"""Residuals beyond this many standard deviations count less: hot pixels and dead lines are no texture."""
_FEWEST_VALUES: Final = 10
_FEWEST_PIXELS: Final = 30
_BEYOND_DOUBT: Final = 0.7
_FEWEST_DEVIATIONS: Final = 4.5
"""Standard errors by which a correlation differs from zero: noise comes to 3 or 4 at the best of many shifts."""
_LARGEST_ERROR: Final = 0.5
_INSIDE: Final = 0.1
"""Pixels by which a shift lies within the window; nearer to its edge the true one may as well lie beyond."""
_NO_FIT: Final = "no shift within the window fits"


@dataclass(frozen=True)
class Shift:
    """Displacement of one map against another.

    Parameters
    ----------
    dy, dx : float
        In pixels: what the moving map must be shifted by (down, to the right) to lie on the fixed one.
    dy_error, dx_error : float
        Standard errors, from the texture and the noise of this pair; NaN along an axis of one pixel.
    before, after : float
        Pearson correlation of the two, both levelled, without and with the shift.
    alternatives : tuple of (float, float)
        Other shifts (dy, dx), in whole pixels, that correlate as well: the texture repeats itself. The smallest shift
        was taken.
    """

    dy: float
    dx: float
    dy_error: float
    dx_error: float
    before: float
    after: float
    alternatives: tuple[tuple[float, float], ...] = ()

    @property
    def error(self) -> float:
        """Standard error of the shift as a length, in pixels."""
        return _length(self.dy_error, self.dx_error)


def shift_between(
    fixed: NDArray[np.floating],
    moving: NDArray[np.floating],
    *,
    largest: float = 0.25,
    start: tuple[float, float] | None = None,
) -> Shift:
    """Return the shift that lays a map on another of the same area, to a few hundredths of a pixel.

    The contrast of the two may differ, as may offset and tilt: both are levelled first, so that a slope they share says
    nothing. Of the shifts that correlate equally well the smallest is taken.

    What is straight, a single step, tells a shift across itself alone; where a map has little else the standard error
    is large, and may still be too small by half.

    Parameters
    ----------
    fixed, moving : ndarray, shape (y, x)
        Pixels without a value are left out.
    largest : float
        Farthest shift looked for, as a fraction of the size.
    start : (float, float), optional
        A shift (dy, dx) that is right to a pixel: no other is looked for.

    Raises
    ------
    ValueError
        If the maps differ in size or have too few values; if no shift within the window fits: they have nothing in
        common that it could be measured by, or fit best at the window's edge, so that the true one may lie beyond.
    """
    a, b = np.asarray(fixed, dtype=np.float64), np.asarray(moving, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(
            f"maps of {a.shape[1]}×{a.shape[0]} and {b.shape[1]}×{b.shape[0]} pixels cannot be compared"
        )
    a, b = _levelled(a), _levelled(b)
    others: tuple[tuple[float, float], ...] = ()
    if start is None:
        dy, dx, others = _whole_pixels(a, b, [largest * size for size in a.shape])
    else:
        dy, dx = start
    values = min(int(np.isfinite(image).sum()) for image in (a, b))
    widths = [width for width in _WIDTHS if values >= _INDEPENDENT * 4 * np.pi * width**2] or _WIDTHS[:1]
    pairs = [_Pair(a, b, width) for width in widths]
    coarse, fine = pairs[min(_COARSE, len(pairs) - 1)], pairs[min(_FINE, len(pairs) - 1)]
    # Along a straight step hardly anything changes, and a fit may run away along it: the better of both ways counts.
    ways = [(dy, dx), _settled(coarse, dy, dx)]
    dy, dx = max(ways, key=lambda place: fine.correlation(*place))
    best = min(pairs, key=lambda pair: _length(*pair.errors(dy, dx)))
    ways = [_settled(best, *place) for place in dict.fromkeys([(dy, dx), *ways])]
    dy, dx = max(ways, key=lambda place: best.correlation(*place))
    errors = best.errors(dy, dx)
    moved = moved_map(b, dy, dx)
    before, after = pearson(a, b), pearson(a, moved)
    if not _length(*errors) < _LARGEST_ERROR or not (
        after > _BEYOND_DOUBT or _deviate(a, moved) > _FEWEST_DEVIATIONS
    ):
        raise ValueError(f"{_NO_FIT}: the two maps have too little in common")
    if start is None:
        _refuse_beyond((dy, dx), [max(1.0, largest * size) - _INSIDE for size in a.shape])
    return Shift(dy, dx, errors[0], errors[1], before, after, others)


class _Pair:
    """Two maps smoothed alike, and the least-squares step from one shift to the next."""

    def __init__(self, fixed: Array, moving: Array, width: float) -> None:
        from scipy.ndimage import spline_filter

        self.width = width
        self.shape = fixed.shape
        self._fixed, self._present = smoothed_over_gaps(fixed, width)
        smooth, self._moving_present = smoothed_over_gaps(moving, width)
        slopes = [np.gradient(smooth, axis=axis) if smooth.shape[axis] > 1 else None for axis in (0, 1)]
        self.axes = [axis for axis in (0, 1) if slopes[axis] is not None]
        images = [smooth, *(slope for slope in slopes if slope is not None)]
        self._splines = [spline_filter(image, 3, mode="mirror") for image in images]
        places = np.indices(self.shape).astype(np.float64)
        self._places = (places[0], places[1])

    def _system(self, dy: float, dx: float) -> tuple[Array, Array, Mask]:
        """Return the columns of the fit, offset, tilt, image and its slopes, and what they are fitted to."""
        from scipy.ndimage import shift

        moved = [shift(image, (dy, dx), order=3, mode="mirror", prefilter=False) for image in self._splines]
        used = self._present.copy()
        for axis, (by, places) in enumerate(zip((dy, dx), self._places, strict=True)):
            if axis in self.axes:
                used &= (places - by >= 1) & (places - by <= self.shape[axis] - 2)
        if not self._moving_present.all():
            used &= shift(self._moving_present.astype(np.float64), (dy, dx), order=1) > 0.99
        tilts = [self._places[axis][used] / self.shape[axis] - 0.5 for axis in self.axes]
        columns = [np.ones(int(used.sum())), *tilts, *(image[used] for image in moved)]
        return np.stack(columns), self._fixed[used], used

    def _solved(self, dy: float, dx: float) -> tuple[Array, Array, Array, Mask] | None:
        columns, target, used = self._system(dy, dx)
        if target.size < _FEWEST_PIXELS:
            return None
        weights = np.ones(target.size)
        for _ in range(2):
            weighted = columns * weights
            system: Array = weighted @ columns.T
            solution: Array = np.linalg.lstsq(system, weighted @ target, rcond=None)[0].astype(np.float64)
            residual: Array = target - solution @ columns
            limit = _CLIPPED * 1.4826 * float(np.median(np.abs(residual)))
            weights = np.minimum(1.0, limit / np.maximum(np.abs(residual), limit or 1.0))
        return solution, columns, residual, used

    def step(self, dy: float, dx: float) -> tuple[float, float]:
        """Return by how much a shift has to be changed."""
        solved = self._solved(dy, dx)
        steps = [0.0, 0.0]
        if solved is not None and (contrast := float(solved[0][1 + len(self.axes)])) > 0:
            for axis, slope in zip(self.axes, solved[0][-len(self.axes) :], strict=True):
                steps[axis] = float(np.clip(-slope / contrast, -_LARGEST_STEP, _LARGEST_STEP))
        return steps[0], steps[1]

    def correlation(self, dy: float, dx: float) -> float:
        """Return the correlation of the smoothed maps with a shift."""
        columns, target, _ = self._system(dy, dx)
        moved = columns[1 + len(self.axes)]
        if target.size < _FEWEST_PIXELS or np.ptp(moved) == 0 or np.ptp(target) == 0:
            return 0.0
        return float(np.corrcoef(moved, target)[0, 1])

    def errors(self, dy: float, dx: float) -> tuple[float, float]:
        """Return the standard errors of a shift (dy, dx), infinite where noise is all there is.

        White noise in both maps is assumed. It has slopes, too, which carry no information: theirs are taken off.
        """
        from scipy.ndimage import gaussian_filter

        result = [float("nan"), float("nan")]
        solved = self._solved(dy, dx)
        if solved is None:
            return (np.inf if 0 in self.axes else np.nan), (np.inf if 1 in self.axes else np.nan)
        solution, columns, residual, used = solved
        nuisance = columns[: 2 + len(self.axes)]
        slopes = np.zeros((len(self.axes), *self.shape))
        for part, column in zip(slopes, columns[-len(self.axes) :], strict=True):
            slope = column * solution[1 + len(self.axes)]
            fitted = np.linalg.lstsq(nuisance @ nuisance.T, nuisance @ slope, rcond=None)[0]
            part[used] = slope - fitted @ nuisance
        blurred = np.stack([gaussian_filter(part, self.width, mode="constant") for part in slopes])
        size = 2 * int(4 * self.width) + 9
        point = np.zeros((size, size))
        point[size // 2, size // 2] = 1.0
        once = gaussian_filter(point, self.width, mode="constant")
        twice = gaussian_filter(once, self.width, mode="constant")
        noise = (1.4826 * float(np.median(np.abs(residual)))) ** 2 / float((once**2).sum())
        pixels = int(used.sum())
        of_noise = [
            pixels * noise / 2 * float((np.gradient(image, axis=0) ** 2).sum()) for image in (once, twice)
        ]
        identity = np.eye(len(self.axes))
        own = np.einsum("iyx,jyx->ij", slopes, slopes) - of_noise[0] * identity
        spread = np.einsum("iyx,jyx->ij", blurred, blurred) - of_noise[1] * identity
        if np.linalg.eigvalsh(own)[0] <= 1e-3 * of_noise[0] or not np.isfinite(own).all():
            variances = np.full(len(self.axes), np.inf)
        else:
            inverse = np.linalg.inv(own)
            variances = np.maximum(np.diag(inverse @ spread @ inverse) * noise, 0.0)
        for axis, variance in zip(self.axes, variances, strict=True):
            result[axis] = float(np.sqrt(variance))
        return result[0], result[1]


def _deviate(a: Array, b: Array) -> float:
    """Return the correlation of two maps in units of its standard error, for pixels as independent as they are."""
    likeness = correlation_between(a, b)
    if not likeness.low < likeness.high:
        return 0.0
    low, middle, high = np.arctanh(
        np.clip([likeness.low, likeness.pearson, likeness.high], -1 + 1e-12, 1 - 1e-12)
    )
    return float(1.96 * middle / ((high - low) / 2))


def _length(down: float, right: float) -> float:
    """Return a length; an axis of one pixel has no part in it."""
    return float(np.sqrt(sum(part**2 for part in (down, right) if not np.isnan(part))))


def pearson(a: Array, b: Array) -> float:
    """Return the correlation of two maps over the pixels that both have, NaN where there are too few."""
    good = np.isfinite(a) & np.isfinite(b)
    if good.sum() < _FEWEST_PIXELS or np.ptp(a[good]) == 0 or np.ptp(b[good]) == 0:
        return float("nan")
    return float(np.corrcoef(a[good], b[good])[0, 1])


def _settled(pair: _Pair, dy: float, dx: float) -> tuple[float, float]:
    for _ in range(_ITERATIONS):
        down, right = pair.step(dy, dx)
        dy, dx = dy + down, dx + right
        if max(abs(down), abs(right)) < _SETTLED:
            break
    return dy, dx


def _refuse_beyond(shift: tuple[float, ...], farthest: Sequence[float]) -> None:
    if any(abs(part) > far for part, far in zip(shift, farthest, strict=True)):
        down, right = (f"{abs(part):.0f} pixels" for part in shift)
        where = f"{right} {'left' if shift[1] < 0 else 'right'} and {down} {'up' if shift[0] < 0 else 'down'}"
        raise ValueError(
            f"{_NO_FIT}: the best one lies at its edge, {where}, and the true one perhaps beyond"
        )


def _whole_pixels(
    a: Array, b: Array, farthest: Sequence[float]
) -> tuple[float, float, tuple[tuple[float, float], ...]]:
    """Return the smallest shift that correlates as well as any, in whole pixels, and the others that do."""
    from scipy.ndimage import maximum_filter

    reach = [max(1, int(far)) if size > 1 else 0 for far, size in zip(farthest, a.shape, strict=True)]
    # One pixel more than is looked for: what is highest there is highest beyond the window.
    rim = [min(far + 1, size - 1) for far, size in zip(reach, a.shape, strict=True)]
    correlation = _correlation_by_shift(a, b, rim)
    finite = np.where(np.isfinite(correlation), correlation, -1.0)
    tops = finite == maximum_filter(finite, size=3, mode="constant", cval=-1.0)
    highest = float(finite.max())
    n = float(min(np.isfinite(a).sum(), np.isfinite(b).sum()))
    # Whole pixels miss a peak by up to half a pixel, so that the best ones differ by more than noise.
    sharpness = highest - float(finite[_beside(tops, finite)].min())
    slack = 5 * (1 - highest**2) / np.sqrt(n) + 0.25 * sharpness
    rows, columns = np.nonzero(tops & (finite >= highest - slack))
    shifts = np.column_stack([rows - rim[0], columns - rim[1]]).astype(np.float64)
    order = np.argsort(np.hypot(*shifts.T), kind="stable")
    first, *others = (tuple(float(part) for part in shifts[index]) for index in order)
    _refuse_beyond(first, reach)
    return first[0], first[1], tuple((other[0], other[1]) for other in others)


def _beside(tops: Mask, values: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the neighbours across and down of the highest value."""
    row, column = np.unravel_index(int(np.argmax(np.where(tops, values, -np.inf))), values.shape)
    near = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    inside = [(r, c) for r, c in near if 0 <= r < values.shape[0] and 0 <= c < values.shape[1]]
    chosen = np.array(inside or [(row, column)], dtype=np.intp)
    return chosen[:, 0], chosen[:, 1]


def _correlation_by_shift(a: Array, b: Array, rim: Sequence[int]) -> Array:
    """Return the correlation of two maps for every shift of whole pixels up to a largest one, no shift in the middle.

    Over the pixels that overlap (Padfield 2012); ``-inf`` where they are too few.
    """
    from scipy.fft import irfft2, next_fast_len, rfft2

    shape = tuple(next_fast_len(size + far, real=True) for size, far in zip(a.shape, rim, strict=True))
    shown = np.ix_(*(np.arange(-far, far + 1) for far in rim))

    def transform(image: Array) -> NDArray[np.complex128]:
        return np.asarray(rfft2(image, s=shape))

    def product(left: NDArray[np.complex128], right: NDArray[np.complex128]) -> Array:
        return np.asarray(irfft2(left * right.conj(), s=shape)[shown])

    known_a, known_b = np.isfinite(a), np.isfinite(b)
    za, zb = np.where(known_a, a - a[known_a].mean(), 0.0), np.where(known_b, b - b[known_b].mean(), 0.0)
    fa, fb, ma, mb = (transform(image) for image in (za, zb, known_a.astype(float), known_b.astype(float)))
    count = np.maximum(product(ma, mb), 1e-9)
    sum_a, sum_b = product(fa, mb), product(ma, fb)
    variance_a = product(transform(za**2), mb) - sum_a**2 / count
    variance_b = product(ma, transform(zb**2)) - sum_b**2 / count
    scale = np.sqrt(np.maximum(variance_a, 0) * np.maximum(variance_b, 0))
    enough = (count >= 0.3 * min(known_a.sum(), known_b.sum())) & (scale > 1e-12 * scale.max())
    covariance = product(fa, fb) - sum_a * sum_b / count
    return np.where(enough, covariance / np.where(enough, scale, 1.0), -np.inf)


def _levelled(values: Array) -> Array:
    """Return a map without its tilt, in units of its own spread and without hot pixels."""
    image = np.where(np.isfinite(values), values, np.nan)
    present = np.isfinite(image)
    # A plane, too, is nothing to be measured by; what is left of it is rounding.
    for floor in (0.0, 1e-9):
        if present.sum() < _FEWEST_VALUES or np.ptp(image[present]) <= floor:
            raise ValueError("one of the maps has too few values, or all alike: no shift can be measured")
        image = _clipped(image)
        image = image if floor else without_plane(image)
    return image


def _clipped(image: Array) -> Array:
    """Return a map in units of its own spread, hot pixels cut to where the others end."""
    low, middle, high = np.nanpercentile(image, [0.5, 50, 99.5])
    scale = high - low or float(np.nanmax(image) - np.nanmin(image))
    return np.asarray(np.clip((image - middle) / scale, -1.5, 1.5))
