"""Pairs of places that somebody found in two volumes: the matrix between both, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from napari_tesm.volumes.transforms import Matrix, Points, moved_points

FOR_AFFINE: Final = 6
"""Pairs from which on an affine is taken: with fewer it follows the errors of picking; a rigid motion needs three."""
_FEWEST: Final = 3
_FLAT: Final = 1e-3


@dataclass(frozen=True)
class Landmarks:
    """What pairs of places say.

    Parameters
    ----------
    matrix : ndarray, shape (4, 4)
        From the first volume to the second.
    kind : str
        ``"rigid"`` or ``"affine"``.
    first, second : ndarray, shape (pairs, 3)
        The places themselves.
    residuals : ndarray, shape (pairs,)
        Distances in m that remain: no error, as the matrix was made of these very pairs.
    left_out : ndarray, shape (pairs,)
        Distance in m of each pair to where the matrix of all others has it; NaN where too few are left.
    """

    matrix: Matrix
    kind: str
    first: Points
    second: Points
    residuals: Points
    left_out: Points

    @property
    def error(self) -> float:
        """Root mean square of the distances of pairs that were left out, in m; NaN where there are too few."""
        known = self.left_out[np.isfinite(self.left_out)]
        return float(np.sqrt(np.mean(known**2))) if known.size else float("nan")


def landmarks_matched(first: Points, second: Points, *, kind: str | None = None) -> Landmarks:
    """Return the matrix that leads places to their partners with the least squares.

    Parameters
    ----------
    first, second : ndarray, shape (pairs, 3)
        Places z, y, x in m.
    kind : {"rigid", "affine"}, optional
        By default affine from six pairs on. A rigid motion is that of Kabsch 1976; neither is mirrored by it.

    Raises
    ------
    ValueError
        If there are fewer than three pairs, or they lie in one line (for an affine: in one plane).
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape or first.ndim != 2 or first.shape[1] != 3 or len(first) < _FEWEST:
        raise ValueError(
            f"at least {_FEWEST} pairs of landmarks are needed, each with z, y, x in both volumes"
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("a landmark is no place: one of its numbers is missing")
    chosen = kind or ("affine" if len(first) >= FOR_AFFINE and _dimensions(first) == 3 else "rigid")
    if _dimensions(first) < (3 if chosen == "affine" else 2):
        raise ValueError("the landmarks lie in one line, or for an affine in one plane: add some beside it")
    make = _affine if chosen == "affine" else _rigid
    matrix = make(first, second)
    left_out = np.full(len(first), np.nan)
    for place in range(len(first)):
        others = np.arange(len(first)) != place
        enough = (4, 3) if chosen == "affine" else (3, 2)
        if others.sum() >= enough[0] and _dimensions(first[others]) >= enough[1]:
            expected = moved_points(make(first[others], second[others]), first[place])
            left_out[place] = np.linalg.norm(expected - second[place])
    residuals = np.linalg.norm(moved_points(matrix, first) - second, axis=1)
    return Landmarks(matrix, chosen, first, second, residuals, left_out)


def _dimensions(points: Points) -> int:
    sizes = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return int((sizes > _FLAT * max(sizes[0], np.finfo(float).tiny)).sum())


def _affine(first: Points, second: Points) -> Matrix:
    matrix = np.eye(4)
    known = np.column_stack([first - first.mean(axis=0), np.ones(len(first))])
    solved = np.linalg.lstsq(known, second, rcond=None)[0].T
    matrix[:3, :3] = solved[:, :3]
    matrix[:3, 3] = solved[:, 3] - solved[:, :3] @ first.mean(axis=0)
    return matrix


def _rigid(first: Points, second: Points) -> Matrix:
    middles = first.mean(axis=0), second.mean(axis=0)
    u, _, v = np.linalg.svd((second - middles[1]).T @ (first - middles[0]))
    proper = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ v))])
    matrix = np.eye(4)
    matrix[:3, :3] = u @ proper @ v
    matrix[:3, 3] = middles[1] - matrix[:3, :3] @ middles[0]
    return matrix
