"""Arrays of a file seen as traces over an image: axes in our order, pixels in lines, values in SI units."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

OURS = ("y", "x", "time")


class ArrangedTraces:
    """An array of any axis order as (y, x, time), read when it is sliced.

    Parameters
    ----------
    array : array-like
        Of the file; indexed with slices only.
    axes : sequence of str
        What its axes are: y, x, time, or pixel (along the lines) and time; ``skip`` where the length is one.
    columns : int, optional
        Pixels in a line, where there is a pixel axis.
    flipped : sequence of str
        Axes that run backwards in the file.
    serpentine : bool
        Every second line of a pixel axis was scanned backwards.
    factor : float
        Turns the values into SI units.
    pulse : int
        Which one of an axis of pulses.
    """

    def __init__(
        self,
        array: Any,
        axes: Sequence[str],
        *,
        columns: int | None = None,
        flipped: Sequence[str] = (),
        serpentine: bool = False,
        factor: float = 1.0,
        pulse: int = 0,
    ) -> None:
        self.array, self.axes = array, list(axes)
        self.flipped, self.serpentine, self.factor = set(flipped), serpentine, factor
        self.pulse = pulse
        sizes = dict(zip(axes, array.shape, strict=True))
        self.columns = columns
        if "pixel" in sizes:
            if not columns or sizes["pixel"] % columns:
                raise ValueError(f"{sizes['pixel']} pixels do not make whole lines of {columns}")
            sizes |= {"y": sizes["pixel"] // columns, "x": columns}
        self.shape = tuple(int(sizes.get(axis, 1)) for axis in OURS)
        kind = np.dtype(array.dtype)
        self.dtype = kind if factor == 1.0 and kind.kind == "f" else np.dtype(np.float64)

    def __getitem__(self, key: tuple[slice, ...]) -> NDArray[Any]:
        wanted = {
            axis: self._turned(axis, part, size)
            for axis, part, size in zip(OURS, key, self.shape, strict=True)
        }
        values = self._of_lines(wanted) if "pixel" in self.axes else self._of_grid(wanted)
        for number, axis in enumerate(OURS):
            if axis in self.flipped:
                values = np.flip(values, number)
        return values if self.factor == 1.0 and values.dtype == self.dtype else values * self.factor

    def _turned(self, axis: str, part: slice, size: int) -> slice:
        """Return where a slice lies in the file, forwards; what is flipped is turned back after reading."""
        start, stop, step = part.indices(size)
        if axis not in self.flipped:
            return slice(start, stop, step)
        count = len(range(start, stop, step))
        if count == 0:
            return slice(0, 0)
        last = start + (count - 1) * step
        return slice(size - 1 - last, size - start, step)

    def _of_grid(self, wanted: dict[str, slice]) -> NDArray[Any]:
        key = tuple(self._part(axis, wanted) for axis in self.axes)
        values = np.asarray(self.array[key])
        order = [self.axes.index(axis) for axis in OURS if axis in self.axes]
        others = [n for n, axis in enumerate(self.axes) if axis not in OURS]
        values = np.transpose(values, others + order).reshape([values.shape[n] for n in order])
        for number, axis in enumerate(OURS):
            if axis not in self.axes:
                values = np.expand_dims(values, number)[
                    tuple(wanted[axis] if n == number else slice(None) for n in range(values.ndim + 1))
                ]
        return values

    def _part(self, axis: str, wanted: dict[str, slice]) -> slice:
        if axis in wanted:
            return wanted[axis]
        index = self.pulse if axis == "pulse" else 0
        return slice(index, index + 1)

    def _of_lines(self, wanted: dict[str, slice]) -> NDArray[Any]:
        assert self.columns is not None
        rows = range(self.shape[0])[wanted["y"]]
        columns, width = wanted["x"], self.columns
        pixel, time = self.axes.index("pixel"), self.axes.index("time")
        parts = []
        for row in rows:
            backwards = self.serpentine and row % 2
            line = slice(width - columns.stop, width - columns.start) if backwards else columns
            key: list[slice] = [self._part(axis, wanted) for axis in self.axes]
            key[pixel] = slice(row * width + line.start, row * width + max(line.start, line.stop))
            values = np.moveaxis(np.asarray(self.array[tuple(key)]), (pixel, time), (-2, -1))
            values = values.reshape(values.shape[-2:])
            parts.append((values[::-1] if backwards else values)[:: columns.step])
        if not parts:
            time_size = len(range(self.shape[2])[wanted["time"]])
            return np.empty((0, len(range(width)[columns]), time_size), self.dtype)
        return np.stack(parts)
