"""Which lines of a growing recording are whole: told by the numbers in it, whatever its format is."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.files.lazy import LazyArray, Part
from napari_tesm.files.variables import stored_variable
from napari_tesm.recording import REPORT

Line = tuple[int, int]
"""Pulse setting and row."""


@dataclass
class WholeLines:
    """Looks at a dataset again and again, and knows which of its lines are whole.

    A line is whole when every pixel of it has been written, or when another line of its pulse setting was begun later:
    a pixel whose pulse was lost is never written. What was read once is read again only where a line's first or last
    pixel has changed.

    Parameters
    ----------
    passed : ndarray of bool, shape (pulse, y)
        Lines without a number, at the last look, that lie between lines that were begun: their pixels are dead, and
        nothing more is to come of them.
    """

    passed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))
    _begun: dict[Line, int] = field(default_factory=dict)
    _filled: dict[Line, tuple[bytes, bool]] = field(default_factory=dict)
    _looks: int = 0

    def of(self, dataset: xr.Dataset) -> NDArray[np.bool_]:
        """Return whether each line is whole, shape (pulse, y).

        Parameters
        ----------
        dataset : Dataset
            The recording as it is now, opened anew.

        Raises
        ------
        OSError
            If the file cannot be read at this moment.
        """
        self._looks += 1
        traces = dataset["displacement"]
        pulses, height = (traces.sizes[name] for name in ("pulse", "y"))
        # Lines of a recording may be put elsewhere when more of it is there; those of an array stay as they are.
        stays = REPORT not in dataset.attrs and self._is_the_same(traces)
        filled = np.zeros((pulses, height), dtype=bool)
        begun = np.full((pulses, height), -1)
        for pulse in range(pulses):
            for row in range(height):
                line = (pulse, row)
                if stays and self._filled.get(line, (b"", False))[1]:
                    begun[line], filled[line] = self._begun[line], True
                    continue
                seen = _ends(traces, line)
                if not _has_numbers(seen).any():
                    # What is no longer there was put elsewhere, when more of the recording told its place.
                    self._begun.pop(line, None)
                    continue
                begun[line] = self._begun.setdefault(line, self._looks)
                filled[line] = self._is_filled(traces, line, seen.tobytes())
            self._drop(pulse, height)
        there = begun >= 0
        before, after = (np.logical_or.accumulate(rows, axis=1) for rows in (there, there[:, ::-1]))
        self.passed = ~there & before & after[:, ::-1]
        latest = begun.max(axis=1, keepdims=True, initial=-1)
        return np.asarray(there & (filled | (begun < latest)))

    def _is_the_same(self, traces: xr.DataArray) -> bool:
        """Whether the first line that was whole is as it was; else the scan was begun anew, and all is forgotten."""
        line = next((line for line, (_, filled) in self._filled.items() if filled), None)
        if line is None:
            return True
        inside = line[0] < traces.sizes["pulse"] and line[1] < traces.sizes["y"]
        if inside and _ends(traces, line).tobytes() == self._filled[line][0]:
            return True
        self._begun.clear()
        self._filled.clear()
        return False

    def contents(self) -> dict[Line, bytes]:
        """Return what tells the content of each line that is filled: its first and last trace."""
        return {line: seen for line, (seen, filled) in self._filled.items() if filled}

    def _is_filled(self, traces: xr.DataArray, line: Line, seen: bytes) -> bool:
        known, filled = self._filled.get(line, (b"", False))
        if not filled or known != seen:
            values = traces.isel(pulse=line[0], y=line[1]).values
            filled = bool(_is_written(values).all())
            self._filled[line] = (seen, filled)
        return filled

    def _drop(self, pulse: int, height: int) -> None:
        for line in [line for line in self._begun if line[0] == pulse and line[1] >= height]:
            del self._begun[line]
            self._filled.pop(line, None)


def _ends(traces: xr.DataArray, line: Line) -> NDArray[Any]:
    """Return the first and the last trace of a line, and no other is read."""
    width = traces.sizes["x"]
    ends = [slice(x, x + 1) for x in sorted({0, width - 1})]
    return np.concatenate([traces.isel(pulse=line[0], y=line[1], x=end).values for end in ends])


def _has_numbers(traces: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether anything was written into each trace: files are full of zeros or NaN before."""
    return np.asarray((np.isfinite(traces) & (traces != 0)).any(axis=-1))


_END = 3
"""Samples at the end of a trace by which it is seen to be whole."""


def _is_written(traces: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether each trace is there to its last sample."""
    end = traces[..., -_END:]
    return np.asarray(np.isfinite(traces[..., -1]) & (end != 0).any(axis=-1))


def lines_alone(dataset: xr.Dataset, whole: NDArray[np.bool_]) -> xr.Dataset:
    """Return the rows from the first to the last that holds a whole line; what is not whole in them is NaN.

    Parameters
    ----------
    whole : ndarray of bool, shape (pulse, y)
        At least one.
    """
    rows = span_of_rows(whole)
    part = dataset.isel(y=rows)
    part.encoding |= dataset.encoding
    inside = whole[:, rows]
    if inside.all():
        return part
    for name in [str(name) for name in part.data_vars if part[name].dims == ("pulse", "y", "x", "time")]:
        part[name] = _without(part[name].variable, inside)
    return part


def span_of_rows(whole: NDArray[np.bool_]) -> slice:
    """Return the rows from the first to the last that holds a whole line."""
    rows = np.flatnonzero(whole.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1)


def _without(traces: xr.Variable, whole: NDArray[np.bool_]) -> xr.Variable:
    """Return traces, read when they are asked for, with NaN in lines that are not whole."""
    dtype = traces.dtype if traces.dtype.kind == "f" else np.dtype(np.float64)

    def read(part: Part) -> NDArray[Any]:
        values = np.array(traces[part].values, dtype=dtype)
        values[~whole[part[0], part[1]]] = np.nan
        return values

    return stored_variable(
        [str(name) for name in traces.dims], LazyArray(traces.shape, dtype, read), traces.attrs
    )
