"""In which order a scan visits its pixels and applies its pulses."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_tesm.quantities.text import text_from_quantity


class Setting(NamedTuple):
    """One entry of a dataset's `pulse` dimension: the way it was scanned, and its voltage in V, NaN where unknown."""

    way: str
    voltage: float


@dataclass(frozen=True)
class ScanOrder:
    """How the pulses of a recording follow one another.

    Parameters
    ----------
    columns, lines : int
        Pixels along the fast axis, and lines.
    ways : tuple of "trace", "retrace"
        The ways of a line in which pulses are applied, in the order of time. On the way back pixels come from the
        right.
    serpentine : bool
        Every line is scanned once, and every second one from the right.
    voltages : tuple of float
        Pulse voltages in V: those of each pixel in the order of time, or one for each way (`voltages_per`). Empty: one
        pulse in each pixel, its voltage read from the recording.
    voltages_per : "pixel" or "way"
    upward : bool
        The first line scanned is the lowest of the image.
    first_line : int
        The line, counted in the order of time from 0, in which the recording starts.

    Raises
    ------
    ValueError
        If a number is not positive or the parts do not go together.

    Examples
    --------
    >>> ScanOrder(64, 48, ways=("trace", "retrace"), voltages=(3, -3), voltages_per="way").settings
    [Setting(way='trace', voltage=3.0), Setting(way='retrace', voltage=-3.0)]
    """

    columns: int
    lines: int
    ways: tuple[str, ...] = ("trace",)
    serpentine: bool = False
    voltages: tuple[float, ...] = ()
    voltages_per: Literal["pixel", "way"] = "pixel"
    upward: bool = False
    first_line: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "ways", tuple(self.ways))
        object.__setattr__(self, "voltages", tuple(float(value) for value in self.voltages))
        for name in ("columns", "lines"):
            value = getattr(self, name)
            if int(value) != value or value < 1:
                raise ValueError(f"the number of {name} must be a whole number from 1, not {value}")
        if not self.ways or len(set(self.ways)) != len(self.ways) or set(self.ways) - {"trace", "retrace"}:
            raise ValueError(f"the ways must be 'trace', 'retrace' or both, each once, not {list(self.ways)}")
        if self.serpentine and len(self.ways) > 1:
            raise ValueError("a serpentine scan goes over each line once: give one way, or no serpentine")
        if self.voltages_per not in ("pixel", "way"):
            raise ValueError(
                f"the voltages are given per 'pixel' or per 'way', not per '{self.voltages_per}'"
            )
        if self.voltages and self.voltages_per == "way" and len(self.voltages) != len(self.ways):
            raise ValueError(f"{len(self.voltages)} voltages cannot be one for each of {len(self.ways)} ways")
        if not np.isfinite(self.voltages).all() or 0.0 in self.voltages:
            raise ValueError("the pulse voltages must be numbers other than zero")
        if not 0 <= self.first_line < self.lines:
            raise ValueError(f"the first line must lie between 0 and {self.lines - 1}, not {self.first_line}")

    @property
    def pulses_per_pixel(self) -> int:
        """Pulses in a pixel on each way."""
        return max(1, len(self.voltages)) if self.voltages_per == "pixel" else 1

    @property
    def settings(self) -> list[Setting]:
        """The entries of the dataset's `pulse` dimension: way by way, and within a way in the order of time."""
        per_way = self.pulses_per_pixel
        voltages = self.voltages or (float("nan"),)
        if self.voltages_per == "pixel" or not self.voltages:
            return [Setting(self._direction(way), voltages[k]) for way in self.ways for k in range(per_way)]
        return [Setting(self._direction(way), value) for way, value in zip(self.ways, voltages, strict=True)]

    @property
    def passes(self) -> int:
        """How many times the tip goes over a line with pulses, in the whole scan."""
        return self.lines * len(self.ways)

    def _direction(self, way: str) -> str:
        # A serpentine map holds both ways in turn.
        return "" if self.serpentine else way

    def line_and_way(self, number: int) -> tuple[int, str]:
        """Return the line, in the order of time, and the way of a pass."""
        line, way = divmod(number, len(self.ways))
        return line, self.ways[way]

    def row_of(self, number: int) -> int:
        """Return the row of the image that a pass belongs to."""
        line, _ = self.line_and_way(number)
        return self.lines - 1 - line if self.upward else line

    def columns_of(self, number: int) -> NDArray[np.int64]:
        """Return the columns of the image in the order in which a pass visits them."""
        line, way = self.line_and_way(number)
        forward = np.arange(self.columns)
        return forward[::-1] if (way == "retrace") != (self.serpentine and line % 2 == 1) else forward

    def __str__(self) -> str:
        ways = "serpentine" if self.serpentine else " and ".join(self.ways)
        voltages = ", ".join(text_from_quantity(value, "V") for value in self.voltages)
        per = f" for each {self.voltages_per}" if len(self.voltages) > 1 else ""
        return f"{self.columns}×{self.lines} pixels, {ways}" + (f", {voltages}{per}" if voltages else "")
