"""Where an image of the area has edges: there ln D may change freely, if it does.

How wide a step is that nobody resolves the traces hardly tell (`docs/lateral.md`), but topography, deflection error or
a mask may. Across its edges ln D resists hardly at all, and they keep that freedom where ln D uses it: where squared
differences across them are larger than what noise leaves in them. An image that has nothing to do with D frees nothing.
Anatomy has such a part in emission tomography (Bowsher, J. E. et al. (1996). IEEE Trans. Med. Imaging 15, 673-686).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.inversion.plane import Plane

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_FREE: Final = 3e-4
"""The part of the resistance that is left."""
_SHOWN: Final = 2.5
"""Times what noise leaves of squared differences, beyond which they are changes of D. Of maps with steps at the edges
of an image they were 5 … 140 times as large, of images that have nothing to do with D at most 2.2 times."""


@dataclass(frozen=True, eq=False)
class ImageEdges:
    """Between which neighbours an image has an edge, and by how much less ln D resists a difference there.

    Parameters
    ----------
    along_y, along_x : ndarray of bool, shape of the plane's grid
        Whether there is one between a pixel and the next.
    part : float
        Of the differences on the map.
    factor : float
        1 for as much as anywhere.
    """

    along_y: Mask
    along_x: Mask
    part: float
    factor: float = _FREE

    @classmethod
    def of(cls, plane: Plane, image: Array) -> "ImageEdges":
        """Return those of an image on the pixels of the map; where it has no number there is none."""
        from skimage.filters import threshold_otsu

        known = plane.from_map(np.isfinite(image).astype(float)) > 0
        slopes, inside = [], []
        for axis, along in enumerate(plane.differences(plane.from_map(np.nan_to_num(image)))):
            both = known & np.roll(known, -1, axis) & (plane.grid[axis] > 1)
            # Without the tilt of the image: it is the same everywhere, and no edge.
            tilt = float(np.median(along[both])) if both.any() else 0.0
            slopes.append(np.where(both, np.abs(along - tilt), 0.0))
            inside.append(both)
        steep = np.concatenate([slope[both] for slope, both in zip(slopes, inside, strict=True)])
        even = steep.size == 0 or float(np.ptp(steep)) == 0
        limit = np.inf if even else float(threshold_otsu(steep))  # type: ignore[no-untyped-call]
        edges = [_edges(slope, limit, axis) for axis, slope in enumerate(slopes)]
        count = sum(int(edge.sum()) for edge in edges)
        return cls(edges[0], edges[1], count / max(steep.size, 1))

    def freed(self, along_y: Array, along_x: Array, power: float = 1.0) -> tuple[Array, Array]:
        """Return fields of differences, those across edges times a power of the factor."""
        factor = self.factor**power
        return np.where(self.along_y, factor, 1.0) * along_y, np.where(self.along_x, factor, 1.0) * along_x

    def followed(self, squares: Sequence[Array], scatter: Sequence[Array]) -> "ImageEdges":
        """Return the edges, without their freedom if ln D does not use it.

        Parameters
        ----------
        squares, scatter : sequence of two ndarray, shape of the plane's grid
            Squared differences along y and x, of ln D and of a draw of what noise and prior leave open in it.
        """
        shown, left = (
            along[0][self.along_y].sum() + along[1][self.along_x].sum() for along in (squares, scatter)
        )
        return self if shown > _SHOWN * left else replace(self, factor=1.0)


def _edges(slope: Array, limit: float, axis: int) -> Mask:
    """Return where differences along an axis are steep; of a blurred edge only where they are steepest."""
    steepest = (slope >= np.roll(slope, 1, axis)) & (slope >= np.roll(slope, -1, axis))
    return np.asarray(steepest & (slope > limit))
