r"""What is taken for granted of ln D: that it changes little from pixel to pixel, or much and rarely.

Differences of ln D between neighbours, over their distance, are Student's t with one degree of freedom and a width that
is found from the map itself: even within grains, free at their boundaries. As a mixture of Gaussians each pixel has a
stiffness w, and the ln D of given stiffnesses is linear in the data; the stiffness of given ln D is

.. math:: w = \frac{\nu + 1}{\nu\delta^2 + |\nabla\ln D|^2 + \sigma^2_\nabla}

(a pixel has one ln D, and its gradient no more freedom than that) with the variance σ² that the noise leaves in the
gradient (variational Bayes: Tipping, M. E. and Lawrence, N. D. (2005). Neurocomputing 69, 123-141). Gradients are those
of ln D smoothed over a third of a tip radius. A Gaussian prior, the same stiffness everywhere, rounds steps and leaves
noise in grains (`docs/lateral.md`).
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.inversion.image_edges import ImageEdges
from napari_tesm.inversion.plane import Plane

Array = NDArray[np.float64]

_TAILS: Final = 1.0
"""ν."""
_SOFT: Final = 0.2
"""The stiffness to begin with: almost none, so that what shows at all shows first."""
_MEAN: Final = 1e-3
"""Stiffness of ln D itself: it decides only where nothing else does."""
_ROUNDS: Final = 20
_UNSURE: Final = 1.2
"""Times the variance that the noise leaves where all is as stiff as here: it leaves more where what is around is
softer. With this factor pulls of resolved waves are nearest to 1 (`benchmarks/lateral_errors.py`)."""
_STIFFEST: Final = 1e6
_TABLE: Final = 96
_BAND: Final = 0.35
"""Width in R0 over which gradients are looked at: finer ones the data do not tell, and what the prior says of them
would outweigh all that they do."""


@dataclass(frozen=True, eq=False)
class Stiffness:
    """How much ln D resists differences between neighbours, in the plane of the inversion.

    Parameters
    ----------
    plane : Plane
    weights : ndarray, shape of the plane's grid
        w, in R0².
    mean : float
        Resistance of ln D itself.
    fixed : bool
        A Gaussian prior that was given; nothing is found from the map.
    edges : ImageEdges, optional
        Of an image of the area: across them ln D resists less.
    """

    plane: Plane
    weights: Array
    mean: float = _MEAN
    fixed: bool = False
    edges: ImageEdges | None = None

    @classmethod
    def soft(cls, plane: Plane, image: Array | None = None) -> "Stiffness":
        """Return the stiffness to begin with.

        Parameters
        ----------
        image : ndarray, shape (y, x) of the map, optional
            At whose edges D may change.
        """
        edges = None if image is None else ImageEdges.of(plane, image)
        return cls(plane, np.full(plane.grid, _SOFT), edges=edges)

    @classmethod
    def gaussian(cls, plane: Plane, deviation: float, length: float) -> "Stiffness":
        """Return that of a Gaussian ln D with a standard deviation, and a correlation length in tip radii."""
        spread = float((plane.shares / (1 + length**2 * plane.roughness)).sum())
        mean = spread / deviation**2
        return cls(plane, np.full(plane.grid, mean * length**2), mean, fixed=True)

    def resisted(self, log_ratio: Array) -> Array:
        """Return the gradient of the prior's energy at ln D, both of the plane's grid."""
        along_y, along_x = self.plane.differences(log_ratio)
        stiff_y, stiff_x = self.across
        return self.mean * log_ratio + self.plane.divergence(stiff_y * along_y, stiff_x * along_x)

    @property
    def across(self) -> tuple[Array, Array]:
        """Stiffness of the differences to the next pixel along y and x."""
        stiff_y, stiff_x = self.plane.between(self.weights)
        return (stiff_y, stiff_x) if self.edges is None else self.edges.freed(stiff_y, stiff_x)

    @property
    def around(self) -> Array:
        """Stiffness around each pixel: geometric mean of those of its differences."""
        if self.edges is None:
            return self.weights
        freed = self.edges.freed(np.ones(self.plane.grid), np.ones(self.plane.grid))
        logs = self.plane.beside(np.log(freed[0]), np.log(freed[1]))
        return np.asarray(self.weights * np.exp(logs / self.plane.dimensions))

    @property
    def typical(self) -> float:
        """Geometric mean of the weights on the map."""
        return float(np.exp(np.log(self.plane.on_map(self.weights)).mean()))

    def followed(self, log_ratio: Array, information: Array, scatter: Array | None = None) -> "Stiffness":
        """Return the stiffness that goes with a ln D, both of the plane's grid.

        Parameters
        ----------
        information : ndarray, shape of the plane's transform
            What the data say of a wave of ln D, per pixel.
        scatter : ndarray, optional
            A draw of what the noise leaves in ln D, where there are edges of an image.
        """
        if self.fixed:
            return self
        plane, edges = self.plane, self.edges
        if edges is not None and scatter is not None:
            squares = [np.square(along) for along in plane.differences(log_ratio)]
            open_ones = [np.square(along) for along in plane.differences(scatter)]
            edges = edges.followed(squares, open_ones)
        gradient = replace(self, edges=edges)._steepness(log_ratio)
        tabled, left = self._variances(information)
        left = _UNSURE * left
        band = float((plane.shares * self._band).sum())
        weights = self.weights
        for _ in range(_ROUNDS):
            width = 1 / plane.on_map(weights).mean()
            variance = _interpolated(weights, tabled, left)
            weights = band * (_TAILS + 1) / (band * _TAILS * width + gradient + variance)
            weights = np.minimum(weights, _STIFFEST)
        return Stiffness(plane, weights, self.mean, edges=edges)

    def spread(self, log_ratio: Array, information: Array) -> tuple[float, float]:
        """Return the standard deviation of ln D, and the length, in tip radii, over which it changes by as much.

        Those of the Gaussian prior that a ln D and what the noise leaves of it support best.
        """
        if self.fixed:
            stiff = float(self.weights.flat[0])
            spread = float((self.plane.shares / (self.mean + stiff * self.plane.roughness)).sum())
            return float(np.sqrt(spread)), float(np.sqrt(stiff / self.mean))
        tabled, left = self._variances(information)
        squares = self._steepness(log_ratio) + _interpolated(self.weights, tabled, left)
        deviation = float(np.std(self.plane.on_map(log_ratio)))
        return deviation, deviation / float(np.sqrt(self.plane.on_map(squares).mean()))

    @property
    def _band(self) -> Array:
        """What smoothing leaves of the squares of each wave."""
        return np.asarray(np.exp(-np.square(self.plane.wave_numbers * _BAND)))

    def _steepness(self, log_ratio: Array) -> Array:
        """Return the squared gradient of ln D, smoothed."""
        along_y, along_x = self.plane.differences(log_ratio)
        if self.edges is not None:
            # What an edge of the image accounts for makes nothing beside it softer.
            along_y, along_x = self.edges.freed(along_y, along_x, 0.5)
        along_y, along_x = (self.plane.smoothed(along, _BAND) for along in (along_y, along_x))
        # Of both sides of a pixel: those to the next alone would make of a mirrored map another one.
        return self.plane.beside(np.square(along_y), np.square(along_x))

    def _variances(self, information: Array) -> tuple[Array, Array]:
        """Return stiffnesses, and the variance of the smoothed gradient that is left where they hold."""
        tabled = np.geomspace(1e-5, 2 * _STIFFEST, _TABLE)
        shares, rough = self.plane.shares * self._band, self.plane.roughness
        left = [float((shares * rough / (information + stiff * rough + self.mean)).sum()) for stiff in tabled]
        return tabled, np.array(left)


def _interpolated(weights: Array, tabled: Array, values: Array) -> Array:
    """Return values at stiffnesses: nearly powers of it, and as such they are interpolated."""
    return np.asarray(np.exp(np.interp(np.log(weights), np.log(tabled), np.log(values))))
