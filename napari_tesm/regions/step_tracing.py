"""Tracing: crests followed into paths of (row, column), joined where one continues another, and made smooth."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TURN: Final = np.cos(np.deg2rad(40))
_AROUND: Final = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
"""Straight neighbours first, so that a corner is not cut and left behind."""


def paths_from_crests(
    crests: NDArray[np.bool_], strength: Array, *, everywhere: float, somewhere: float, gap: float
) -> list[Array]:
    """Return the crests as paths of shape (point, 2), row before column.

    Parameters
    ----------
    crests : ndarray of bool, shape (y, x)
    strength : ndarray, shape (y, x)
    everywhere, somewhere : float
        Strength that every pixel of a crest must reach, and one of those that hang together.
    gap : float
        Longest gap that is bridged where a crest goes on in the same direction, in pixels.
    """
    from skimage.filters import apply_hysteresis_threshold
    from skimage.morphology import skeletonize

    held = apply_hysteresis_threshold(  # type: ignore[no-untyped-call]
        np.where(crests, strength, 0.0), everywhere, max(somewhere, everywhere)
    )
    thin = np.asarray(skeletonize(held), dtype=np.bool_)  # type: ignore[no-untyped-call]
    return _joined(_chains(thin), gap)


def length(path: Array) -> float:
    """Return the length of a path."""
    return float(np.hypot(*np.diff(path, axis=0).T).sum())


def span(path: Array) -> float:
    """Return the longer side of a path's upright frame: small for a ring however long its way round."""
    return float(np.hypot(*np.ptp(path, axis=0)))


def is_ring(path: Array) -> bool:
    """Whether a path ends where it begins."""
    return bool(np.array_equal(path[0], path[-1]))


def smoothed(path: Array, sigma: float) -> Array:
    """Return a path without the stairs of the pixels, its points about one pixel apart, its ends in place."""
    from scipy.ndimage import gaussian_filter1d

    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    at = np.linspace(0, way[-1], max(3, round(float(way[-1])) + 1))
    even = np.column_stack([np.interp(at, way, path[:, 0]), np.interp(at, way, path[:, 1])])
    count = min(int(4 * sigma) + 1, len(even) - 1)
    if is_ring(path):
        before, after = even[-count - 1 : -1], even[1 : count + 1]
    else:
        # Mirrored through its ends, a straight line stays straight up to them.
        before, after = 2 * even[0] - even[count:0:-1], 2 * even[-1] - even[-2 : -count - 2 : -1]
    long = gaussian_filter1d(np.vstack([before, even, after]), sigma, axis=0, mode="nearest")
    out = np.asarray(long[count : count + len(even)])
    if is_ring(path):
        out[-1] = out[0]
    return out


def cut_from_border(path: Array, shape: tuple[int, ...], near: float) -> Array:
    """Return a path without those ends that lie in the rim of the image, where half of what crests need is not seen."""
    inner = ((path >= near) & (path <= np.array(shape) - 1 - near)).all(axis=1)
    if is_ring(path) or inner.sum() < 3:
        return path
    first, last = np.flatnonzero(inner)[[0, -1]]
    return path[first : last + 1]


def extended_to_border(path: Array, shape: tuple[int, ...], reach: float) -> Array:
    """Return a path that goes straight on to the border of the image where it ends less than `reach` before it.

    Crests end a little before the border, as beyond it there is nothing to see.
    """
    if is_ring(path):
        return path
    for _ in range(2):
        path = path[::-1]
        step = path[-1] - path[-1 - min(len(path) - 1, max(2, round(reach)))]
        size = float(np.hypot(*step))
        with np.errstate(divide="ignore", invalid="ignore"):
            border = np.where(step > 0, np.array(shape) - 0.5, -0.5)
            way = np.where(step != 0, (border - path[-1]) / step * size, np.inf)
        if size > 0 and 0 < way.min() <= reach:
            path = np.vstack([path, path[-1] + step / size * way.min()])
    return path


def simplified(path: Array, tolerance: float) -> Array:
    """Return a path with fewer points, moved by at most a tolerance (Douglas and Peucker)."""
    from skimage.measure import approximate_polygon

    return np.asarray(approximate_polygon(path, tolerance), dtype=np.float64)  # type: ignore[no-untyped-call]


def _chains(skeleton: NDArray[np.bool_]) -> list[Array]:
    """Return the branches of a skeleton, cut where they meet; a ring ends where it begins."""
    from scipy.ndimage import convolve

    count = convolve(skeleton.astype(np.int64), np.ones((3, 3), dtype=np.int64), mode="constant") - 1
    free = {(int(r), int(c)) for r, c in np.argwhere(skeleton & (count <= 2))}

    def neighbours(place: tuple[int, int]) -> list[tuple[int, int]]:
        around = ((place[0] + r, place[1] + c) for r, c in _AROUND)
        return [other for other in around if other in free]

    chains = []
    everything = sorted(free)
    ends = [place for place in everything if len(neighbours(place)) < 2]
    for start in (*ends, *everything):  # what is left after the ends is a ring and starts anywhere
        if start not in free:
            continue
        chain = [start]
        free.discard(start)
        while further := neighbours(chain[-1]):
            chain.append(further[0])
            free.discard(further[0])
        first, last = chain[0], chain[-1]
        if len(chain) > 6 and max(abs(first[0] - last[0]), abs(first[1] - last[1])) == 1:
            chain.append(first)
        chains.append(np.array(chain, dtype=np.float64))
    return chains


def _joined(chains: list[Array], gap: float) -> list[Array]:
    """Return chains joined end to end where one continues another without a sharp turn."""
    back = 2 * max(2, round(gap))
    parts = {number: chain for number, chain in enumerate(chains) if len(chain) > 2}
    whole = [parts.pop(number) for number, chain in list(parts.items()) if is_ring(chain)]
    while len(parts) > 1:
        names = list(parts)
        # Tip 2 k is the first end of chain k, tip 2 k + 1 its last; the heading leads out of the chain.
        sides = [side for name in names for side in (parts[name], parts[name][::-1])]
        place = np.array([side[0] for side in sides])
        heading = np.array([side[0] - side[min(back, len(side) - 1)] for side in sides])
        heading /= np.maximum(np.hypot(*heading.T), 1e-12)[:, None]
        between = place[None, :] - place[:, None]
        distance = np.hypot(between[..., 0], between[..., 1])
        ahead = (between * heading[:, None, :]).sum(axis=-1)
        straight = -(heading @ heading.T)
        owner = np.arange(len(sides)) // 2
        fits = (distance <= gap) & (owner[:, None] != owner) & (straight > _TURN)
        onward = ahead >= 0.7 * distance
        cost = np.where(fits & onward & onward.T, distance + gap * (1 - straight), np.inf)
        if not np.isfinite(cost).any():
            break
        taken: set[int] = set()
        for index in np.argsort(cost, axis=None)[: np.isfinite(cost).sum()]:
            a, b = divmod(int(index), len(sides))
            if {owner[a], owner[b]} & taken:
                continue
            taken |= {owner[a], owner[b]}
            parts[names[owner[a]]] = np.vstack([sides[a][::-1], sides[b]])
            del parts[names[owner[b]]]
    return [*whole, *parts.values()]
