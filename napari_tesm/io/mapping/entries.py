"""What is what in a file that does not say it: which array is X, which the dc voltage, how many pixels and lines.

It is written as YAML, see `napari_tesm.io.mapping.text`.
"""

from dataclasses import dataclass, field
from typing import Final

from napari_tesm.data.protocol import PulseProtocol

AXES: Final = ("pulse", "y", "x", "pixel", "time")
"""Names of axes; ``pixel`` counts along the lines, ``skip`` stands for an axis of length one."""


class MappingError(ValueError):
    """A mapping that cannot be used; the sentence says which entry and why."""


@dataclass(frozen=True)
class TraceEntry:
    """An array with one trace per pixel.

    Parameters
    ----------
    source : str
        Name of the array in the file.
    axes : tuple of str
        What its axes are, from `AXES`; empty where the file says it.
    signal : str
        "X", "Y", "R" or "phase".
    voltage : float, optional
        Pulse voltage, V.
    direction : str
        "trace", "retrace" or "".
    unit : str
        Replaces the unit of the file, where given.
    """

    source: str
    axes: tuple[str, ...] = ()
    signal: str = "X"
    voltage: float | None = None
    direction: str = ""
    unit: str = ""


@dataclass(frozen=True)
class ImageEntry:
    """An image: topography, deflection error …; `title` and `unit` replace those of the file where given."""

    source: str
    title: str = ""
    unit: str = ""


@dataclass(frozen=True)
class RecordingEntry:
    """Channels of a continuous recording, by their names in the file.

    Parameters
    ----------
    signals : dict of str
        Name of the channel of each lock-in signal: X, and Y, R, phase where recorded.
    dc : str
        Channel of the dc voltage, in which the pulses are found.
    pixel_trigger, line_trigger : str
        Channels of trigger lines; empty where there is none.
    before, length : float, optional
        How long before the pulse a trace begins, and how long it is in all, s.
    pulse_delay : float, optional
        Time from the pixel trigger to the start of the pulse where there is no channel of the dc voltage, s.
    """

    signals: dict[str, str]
    dc: str = ""
    pixel_trigger: str = ""
    line_trigger: str = ""
    before: float | None = None
    length: float | None = None
    pulse_delay: float | None = None


@dataclass(frozen=True)
class ScanEntry:
    """The image that the pixels make: their number, its size in m, and the order in which they were scanned.

    Parameters
    ----------
    pixels, lines : int, optional
    width, height : float, optional
        Size of the image, m.
    ways : tuple of "trace", "retrace"
        Ways of a line in which pulses are applied.
    serpentine : bool
        Every second line was scanned backwards.
    voltages : tuple of float
        Pulse voltages, V: of each pixel in turn, or one for each way.
    voltages_per : "pixel" or "way"
    upward : bool
        The first line that was scanned is the lowest of the image.
    first_line : int
        The line, in the order of time, in which the recording starts.
    """

    pixels: int | None = None
    lines: int | None = None
    width: float | None = None
    height: float | None = None
    ways: tuple[str, ...] = ("trace",)
    serpentine: bool = False
    voltages: tuple[float, ...] = ()
    voltages_per: str = "pixel"
    upward: bool = False
    first_line: int = 0


@dataclass(frozen=True)
class AfmEntry:
    """How the images of the microscope's file lie over the scan of the recorder.

    Parameters
    ----------
    flip_x, flip_y : bool
        They are mirrored left and right, or upside down.
    rotate : int
        Degrees counter-clockwise: 0, 90, 180 or 270; before the flips.
    offset_x, offset_y : float, optional
        How far they are moved to the right and down, m.
    register : str
        Title of the image that shows what |H| shows: all are moved so that the two agree. Empty: none.
    """

    flip_x: bool = False
    flip_y: bool = False
    rotate: int = 0
    offset_x: float | None = None
    offset_y: float | None = None
    register: str = ""


@dataclass(frozen=True)
class Mapping:
    """What the arrays of a file are; every quantity in SI units.

    Parameters
    ----------
    traces, images : tuple
    recording : RecordingEntry, optional
    scan : ScanEntry
    afm : AfmEntry
        For the images of another file.
    interval, start : float, optional
        Time between two samples, and the time of the first, where the file does not say it, s.
    protocol : PulseProtocol
    """

    traces: tuple[TraceEntry, ...] = ()
    images: tuple[ImageEntry, ...] = ()
    recording: RecordingEntry | None = None
    scan: ScanEntry = field(default_factory=ScanEntry)
    afm: AfmEntry = field(default_factory=AfmEntry)
    interval: float | None = None
    start: float | None = None
    protocol: PulseProtocol = field(default_factory=PulseProtocol)
