"""The plane that is solved for: the map, and around it as much of the outside as ions come from.

Transforms want a periodic plane; a margin of unknown ln D keeps the edges of the map apart.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


_SMALLEST_MARGIN: Final = 4.0
"""In tip radii; beyond, the outside reaches as far as ions come from."""
_WIDEST_MARGIN: Final = 2.0
"""In widths of the map: beyond a few maps nothing is told apart, however fast ions are."""
_MOST_CELLS: Final = 4_000_000


@dataclass(frozen=True)
class Plane:
    """A periodic grid, of which the first rows and columns are the map.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the map. An image of a single line is taken to be the same across it.
    spacing : tuple of float
        Of the pixels along y and x, in tip radii.
    margin : float
        How far the edges of the map are apart beyond it, in tip radii.
    """

    shape: tuple[int, int]
    spacing: tuple[float, float]
    margin: float

    @classmethod
    def around(
        cls, shape: tuple[int, int], spacing: tuple[float, float], last: float, background: float
    ) -> "Plane":
        """Return the plane around a map: as far beyond its edges as ions come by the last time.

        Parameters
        ----------
        last : float
            Of the record.
        background : float
            D in R0² per unit of that time.

        Raises
        ------
        ValueError
            If it is larger than the inversion holds at once.
        """
        reach = float(np.sqrt(4 * background * last))
        widest = _WIDEST_MARGIN * max(size * step for size, step in zip(shape, spacing, strict=True))
        plane = cls(shape, spacing, max(_SMALLEST_MARGIN, min(reach, widest)))
        if np.prod(plane.grid) > _MOST_CELLS:
            raise ValueError(
                f"with what ions reach around it the map is {plane.grid[1]} × {plane.grid[0]} pixels, and the "
                f"inversion holds {_MOST_CELLS} at once: crop it, or bin its pixels"
            )
        return plane

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Rows and columns with the margin."""
        from scipy.fft import next_fast_len

        rows, columns = (
            1 if count == 1 else int(next_fast_len(count + int(np.ceil(self.margin / step)), real=True))
            for count, step in zip(self.shape, self.spacing, strict=True)
        )
        return rows, columns

    @property
    def dimensions(self) -> int:
        """Along how many directions ln D may change."""
        return sum(count > 1 for count in self.shape)

    @property
    def cell(self) -> float:
        """Area of a pixel in R0²; length along the line for an image of one."""
        return float(np.prod([d for n, d in zip(self.shape, self.spacing, strict=True) if n > 1]))

    @cached_property
    def wave_numbers(self) -> Array:
        """|q| of the transform's elements in 1/R0, shape of `transform`."""
        rows, columns = self._waves
        return np.asarray(np.hypot(rows[:, None], columns))

    @cached_property
    def roughness(self) -> Array:
        """What the sum of squared differences to the next pixels, over their distance, makes of each element."""
        parts = [
            4 * np.sin(wave * step / 2) ** 2 / step**2
            for wave, step in zip(self._waves, self.spacing, strict=True)
        ]
        return np.asarray(parts[0][:, None] + parts[1])

    @cached_property
    def shares(self) -> Array:
        """Weights of the elements in a mean over all waves: those that stand for two count twice."""
        counts = np.full(self.wave_numbers.shape, 2.0)
        counts[:, 0] = 1.0
        if self.grid[1] % 2 == 0:
            counts[:, -1] = 1.0
        return np.asarray(counts / counts.sum())

    @property
    def _waves(self) -> tuple[Array, Array]:
        rows = 2 * np.pi * np.fft.fftfreq(self.grid[0], self.spacing[0])
        columns = 2 * np.pi * np.fft.rfftfreq(self.grid[1], self.spacing[1])
        return np.asarray(rows, dtype=np.float64), np.asarray(columns, dtype=np.float64)

    def transform(self, field: Array) -> Complex:
        """Return the transform of fields, shape (..., rows, columns) of the grid."""
        from scipy.fft import rfft2

        return np.asarray(rfft2(field, axes=(-2, -1)))

    def inverse(self, waves: Complex) -> Array:
        """Return the fields of transforms."""
        from scipy.fft import irfft2

        return np.asarray(irfft2(waves, self.grid, axes=(-2, -1)))

    def on_map(self, field: Array) -> Array:
        """Return the part of fields that is the map."""
        return field[..., : self.shape[0], : self.shape[1]]

    def from_map(self, values: Array) -> Array:
        """Return fields that are zero outside the map."""
        field = np.zeros(values.shape[:-2] + self.grid)
        field[..., : self.shape[0], : self.shape[1]] = values
        return field

    def differences(self, field: Array) -> tuple[Array, Array]:
        """Return the differences to the next pixel along y and x, over their distance; zero where there is none."""
        along_y, along_x = np.zeros_like(field), np.zeros_like(field)
        for axis, along in enumerate((along_y, along_x)):
            if self.grid[axis] > 1:
                along += (np.roll(field, -1, axis) - field) / self.spacing[axis]
        return along_y, along_x

    def divergence(self, along_y: Array, along_x: Array) -> Array:
        """Return what the transpose of `differences` makes of two fields."""
        total = np.zeros_like(along_y)
        for axis, values in ((0, along_y), (1, along_x)):
            if self.grid[axis] > 1:
                total += (np.roll(values, 1, axis) - values) / self.spacing[axis]
        return total

    def between(self, field: Array) -> tuple[Array, Array]:
        """Return the means of a field at each pixel and the next along y and x: where `differences` belong."""
        along_y, along_x = ((field + np.roll(field, -1, axis)) / 2 for axis in (0, 1))
        return along_y, along_x

    def beside(self, along_y: Array, along_x: Array) -> Array:
        """Return the transpose of `between`: to each pixel half of what lies on either side of it."""
        return np.asarray((along_y + np.roll(along_y, 1, 0) + along_x + np.roll(along_x, 1, 1)) / 2)

    def smoothed(self, field: Array, width: float) -> Array:
        """Return a field folded with a Gaussian of so many tip radii."""
        return self.inverse(self.transform(field) * np.exp(-np.square(self.wave_numbers * width) / 2))
