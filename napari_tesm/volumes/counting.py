"""Counts of ions in particles: means with exact errors, whether they vary more than by counting, and where."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.volumes.dataset import Voxel
from napari_tesm.volumes.particles import Particles
from napari_tesm.volumes.transforms import Matrix, resampled

Array = NDArray[np.float64]
Progress = Callable[[float, str], None]

CONFIDENCE: Final = 0.95
_BLURS: Final = (0.3, 0.45, 0.6, 0.8, 1.0, 1.3)
"""Widths of the ions' blur that are tried, in their largest voxel."""
_INSIDE: Final = 0.97
"""Part of a voxel, with its blur, that is solid of one particle where it is counted."""
_TWO_SIDED: Final = 1.96
_SCALES: Final = (1, 2, 4)
"""Voxels along the edges of blocks in which dispersion is looked at: what varies slowly shows in large ones."""
_FEWEST: Final = 20
_MOST_BINS: Final = 40
_SHOWN: Final = 0.5
"""Part of a voxel that is of a particle where it counts in a profile."""


@dataclass(frozen=True)
class ParticleCounts:
    """What was counted in a particle.

    Parameters
    ----------
    number : int
    centroid : tuple of float
        z, y, x in m in the volume of the particles.
    volume : float
        With its cracks, in m³.
    cracks : float
        Part of the volume that cracks and voids have.
    voxels, counts : int
        Voxels of ions that lie in the solid altogether, with the blur of the ions, and the ions in them.
    mean : float
        Counts of a voxel; NaN where there is no such voxel.
    interval : tuple of float
        That holds the true mean with 95 % (Garwood 1936).
    dispersion : float
        Variance over mean, 1 for counting noise alone.
    p : float
        Of a dispersion as large as this, in single voxels or in blocks, where the concentration is the same
        everywhere.
    spread : float
        Standard deviation of the concentration from voxel to voxel over its mean, counting noise taken off.
    spread_interval : tuple of float
        That holds the spread with 95 %, as far as counting makes it uncertain; from 0 on where all may be alike.
    in_cracks : float
        Mean in the cracks over that in the solid; NaN where there are none. Blur alone fills thin ones.
    """

    number: int
    centroid: tuple[float, float, float]
    volume: float
    cracks: float
    voxels: int
    counts: int
    mean: float
    interval: tuple[float, float]
    dispersion: float
    p: float
    spread: float
    spread_interval: tuple[float, float]
    in_cracks: float


@dataclass(frozen=True)
class Course:
    """Counts against a distance, in parts of the mean of each particle.

    Parameters
    ----------
    distance : ndarray, shape (bins,)
        Middle of each bin in m.
    voxels, counts : ndarray of int, shape (bins,)
    mean, low, high : ndarray, shape (bins,)
        With the limits of its 95 % interval.
    uniform : ndarray, shape (bins,)
        The control: what a concentration that is the same everywhere in each particle would show.
    """

    distance: Array
    voxels: NDArray[np.int64]
    counts: NDArray[np.int64]
    mean: Array
    low: Array
    high: Array
    uniform: Array


@dataclass(frozen=True)
class Counts:
    """Counts of all particles.

    Parameters
    ----------
    particles : tuple of ParticleCounts
    blur : float
        Standard deviation in m of the ions' blur, placement and voxel included, that fits best.
    background : float
        Mean of a voxel far outside of particles; NaN where there is none.
    from_rim, from_crack : Course or None
        Against the depth below the surface of the particle, and the distance from the nearest crack in it.
    """

    particles: tuple[ParticleCounts, ...]
    blur: float
    background: float
    from_rim: Course | None
    from_crack: Course | None


def exact_interval(counts: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the limits of a Poisson mean of which so many were counted: Garwood 1936.

    Examples
    --------
    >>> [round(limit, 3) for limit in exact_interval(8)]
    [3.454, 15.763]
    """
    from scipy.special import chdtri

    tail = 0.5 * (1 - confidence)
    low = 0.5 * float(chdtri(2 * counts, 1 - tail)) if counts else 0.0
    return low, 0.5 * float(chdtri(2 * (counts + 1), tail))


def dispersion_of(counts: NDArray[Any], inside: NDArray[np.bool_]) -> tuple[float, float]:
    """Return variance over mean of counts, and how probable one as large is for a rate that is the same everywhere.

    Parameters
    ----------
    counts : ndarray of int, shape (z, y, x)
    inside : ndarray of bool, shape (z, y, x)
        Which voxels count.

    Notes
    -----
    Fisher's index of dispersion, of single voxels and of the sums of blocks of 2 and 4 voxels; the least of the three
    probabilities, times three.
    """
    from scipy.special import chdtrc

    index, least = float("nan"), 1.0
    for side in _SCALES:
        n = _in_blocks(inside.astype(np.float64), side)
        total = _in_blocks(np.where(inside, counts, 0).astype(np.float64), side)[n > 0]
        n = n[n > 0]
        if len(n) < 2 or not total.sum():
            continue
        expected = n * (total.sum() / n.sum())
        square = float(((total - expected) ** 2 / expected).sum())
        if side == 1:
            index = square / (len(n) - 1)
        least = min(least, float(chdtrc(len(n) - 1, square)))
    return index, min(1.0, len(_SCALES) * least)


def _in_blocks(values: Array, side: int) -> Array:
    padded = np.pad(values, [(0, -size % side) for size in values.shape])
    z, y, x = (size // side for size in padded.shape)
    return np.asarray(padded.reshape(z, side, y, side, x, side).sum(axis=(1, 3, 5)).ravel())


@dataclass(frozen=True, eq=False)
class ParticlesOnIons:
    """Particles asked for at the places of the voxels in which ions were counted.

    Parameters
    ----------
    particles : Particles
    matrix : ndarray, shape (4, 4)
        From places of the ions' volume to places of the particles'.
    voxel : tuple of float
        Of the ions, in m.
    number : ndarray of int, shape (z, y, x)
        Of the particle; 0 outside.
    seen : ndarray of bool, shape (z, y, x)
        Where the volume of the particles reaches.
    blur : float
        Standard deviation of the blur in m under which the solid is most like the counts.
    share : ndarray, shape (z, y, x)
        Part of what a voxel shows, with that blur, that is solid.
    """

    particles: Particles
    matrix: Matrix
    voxel: Voxel
    number: NDArray[np.int32]
    seen: NDArray[np.bool_]
    blur: float
    share: NDArray[np.float32]

    @classmethod
    def of(cls, counts: NDArray[Any], voxel: Voxel, particles: Particles, matrix: Matrix) -> ParticlesOnIons:
        """Return the particles on the voxels of counts; ValueError if none lies in them."""

        def on(values: NDArray[Any], **ways: Any) -> NDArray[np.float32]:
            return _asked(values, particles, matrix, counts.shape, voxel, **ways)

        number = on(particles.numbers, order=0).astype(np.int32)
        seen = on(np.ones_like(particles.solid), order=0) > 0
        if not number.any():
            raise ValueError("no particle lies in what was counted: the placement is that of other volumes")
        tried = {part * max(voxel): on(particles.solid, blur=part * max(voxel)) for part in _BLURS}
        blur = max(tried, key=lambda width: _likeness(tried[width][seen], counts[seen]))
        return cls(particles, matrix, voxel, number, seen, blur, tried[blur])

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Voxels that show nothing but the solid of particles."""
        return np.asarray(self.share >= _INSIDE)

    def asked(self, values: NDArray[Any], blur: float = 0.0) -> NDArray[np.float32]:
        """Return what stands in a volume of the particles' voxels at the places of the ions'."""
        return _asked(values, self.particles, self.matrix, self.number.shape, self.voxel, blur=blur)


def _asked(
    values: NDArray[Any],
    particles: Particles,
    matrix: Matrix,
    shape: tuple[int, ...],
    voxel: Voxel,
    *,
    blur: float = 0.0,
    order: int = 1,
) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    smooth = values.astype(np.float32)
    if blur:
        smooth = gaussian_filter(smooth, [blur / edge for edge in particles.voxel])
    return resampled(smooth, particles.voxel, matrix, shape, voxel, order=order)


def _likeness(share: NDArray[np.float32], counts: NDArray[Any]) -> float:
    if not (np.ptp(share) > 0 and np.ptp(counts) > 0):
        return 0.0
    return float(np.corrcoef(share, counts)[0, 1])


def counts_in_particles(
    counts: NDArray[Any],
    voxel: Voxel,
    particles: Particles,
    matrix: Matrix,
    *,
    progress: Progress | None = None,
) -> Counts:
    """Return what was counted in each particle.

    Parameters
    ----------
    counts : ndarray of int, shape (z, y, x)
        Of ions, never interpolated: particles are asked for at the places of their voxels.
    voxel : tuple of float
        Of the ions, in m.
    particles : Particles
    matrix : ndarray, shape (4, 4)
        From places of the ions' volume to places of the particles'.
    progress : callable, optional

    Raises
    ------
    ValueError
        If counts are no whole numbers, or no particle lies in what was counted.
    """
    if counts.dtype.kind not in "iu" or (counts.size and counts.min() < 0):
        raise ValueError("the numbers are no counts of ions, which are whole and not negative")
    tell = progress or (lambda fraction, words: None)
    tell(0.1, "finding the blur of the ions")
    onto = ParticlesOnIons.of(counts, voxel, particles, matrix)
    tell(0.5, "counting")
    cracked = onto.asked(particles.cracks) > _SHOWN
    found = _of_each(counts, onto.number, onto.inside, cracked, particles)
    away = onto.seen & (onto.asked(particles.numbers > 0, 1.5 * onto.blur) < 1 - _INSIDE)
    background = float(counts[away].mean()) if away.any() else float("nan")
    tell(0.8, "measuring distances")
    courses = [
        None
        if distance is None
        else _course(counts, onto.number, onto.share, onto.asked(distance), found, max(voxel))
        for distance in depth_and_distance(particles)
    ]
    tell(1.0, "counted")
    return Counts(tuple(found), onto.blur, background, courses[0], courses[1])


def _of_each(
    counts: NDArray[Any],
    number: NDArray[np.int32],
    inside: NDArray[np.bool_],
    cracked: NDArray[np.bool_],
    particles: Particles,
) -> list[ParticleCounts]:
    from scipy.ndimage import find_objects

    found = []
    boxes = find_objects(particles.numbers)
    ions = dict(enumerate(find_objects(number), start=1))
    size = float(np.prod(particles.voxel))
    for place, box in enumerate(boxes, start=1):
        seen = ions.get(place)
        if box is None or seen is None:
            continue
        own = particles.numbers[box] == place
        whole = int(own.sum())
        cracks = 1 - int((own & particles.solid[box]).sum()) / whole
        middle = [
            float((np.mean(along) + part.start + 0.5) * edge)
            for along, part, edge in zip(np.nonzero(own), box, particles.voxel, strict=True)
        ]
        here = (number[seen] == place) & inside[seen]
        total, n = int(counts[seen][here].sum()), int(here.sum())
        mean = index = p = within = low = high = float("nan")
        spread, limits = float("nan"), (float("nan"), float("nan"))
        if n >= _FEWEST:
            mean = total / n
            low, high = (limit / n for limit in exact_interval(total))
            index, p = dispersion_of(counts[seen], here)
            if total:
                apart = counts[seen][here] - mean
                # What each voxel adds to the index: its scatter is that of the index, whatever is distributed how.
                wide = _TWO_SIDED * float(np.std((apart**2 - index * apart) / mean)) / math.sqrt(n)
                spread, *ends = (
                    float(np.sqrt(max(value - 1, 0) / mean)) for value in (index, index - wide, index + wide)
                )
                limits = (ends[0], ends[1])
                open_ = (number[seen] == place) & cracked[seen]
                within = float(counts[seen][open_].mean() / mean) if open_.any() else float("nan")
        found.append(
            ParticleCounts(
                place, (middle[0], middle[1], middle[2]), whole * size, cracks, n, total, mean, (low, high), index, p,
                spread, limits, within,
            )
        )  # fmt: skip
    return found


def depth_and_distance(particles: Particles) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Return how deep each place lies below the surface of particles, and how far from the nearest crack."""
    from scipy.ndimage import distance_transform_edt

    half = 0.5 * min(particles.voxel)
    # Where two particles touch is a surface, too.
    inner = particles.numbers > 0
    for axis in range(3):
        front, back = (np.moveaxis(values, axis, 0) for values in (particles.numbers, inner))
        touch = (front[1:] != front[:-1]) & (front[1:] > 0) & (front[:-1] > 0)
        back[1:] &= ~touch
    depth = np.maximum(distance_transform_edt(inner, sampling=particles.voxel) - half, 0)
    cracks = particles.cracks
    away = None
    if cracks.any():
        away = np.maximum(distance_transform_edt(~cracks, sampling=particles.voxel) - half, 0)
    return depth.astype(np.float32), None if away is None else away.astype(np.float32)


def _course(
    counts: NDArray[Any],
    number: NDArray[np.int32],
    share: NDArray[np.float32],
    distance: NDArray[np.float32],
    found: list[ParticleCounts],
    width: float,
) -> Course | None:
    rates = np.zeros(int(number.max()) + 1)
    for particle in found:
        if particle.counts:
            rates[particle.number] = particle.mean
    here = (rates[number] > 0) & (share > _SHOWN)
    if not here.any():
        return None
    bins = np.minimum((distance[here] / width).astype(np.int64), _MOST_BINS - 1)
    n = np.bincount(bins)
    total = np.bincount(bins, counts[here])
    expected = np.bincount(bins, rates[number[here]])
    uniform = np.bincount(bins, rates[number[here]] * share[here])
    kept = np.flatnonzero(n >= _FEWEST)
    limits = np.array([exact_interval(int(count)) for count in total[kept]]).reshape(-1, 2)
    scale = expected[kept]
    return Course(
        np.asarray((kept + 0.5) * width, np.float64), n[kept], total[kept].astype(np.int64), total[kept] / scale,
        limits[:, 0] / scale, limits[:, 1] / scale, uniform[kept] / scale,
    )  # fmt: skip
