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
class RawEntry:
    """Raw deflection in place of the lock-in's X and Y of a recording.

    Parameters
    ----------
    deflection : str
        Its channel.
    drive_frequency : tuple of float
        Of the drive, Hz: that of the response, and others at which the sample is driven as well.
    reference : str
        Channel of the drive, recorded beside the deflection; empty where there is none.
    periods : int
        Drive periods in a window, at least.
    time_constant : float, optional
        Of a lock-in that is imitated, s; None for windows fitted by least squares.
    order : int
        Stages of its filter.
    images : bool
        Images of amplitude and phase at each frequency are wanted as well.
    """

    deflection: str
    drive_frequency: tuple[float, ...] = ()
    reference: str = ""
    periods: int = 1
    time_constant: float | None = None
    order: int = 1
    images: bool = False


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
class FileValue:
    """A value that stands in the file.

    Parameters
    ----------
    source : str
        Name of an array or attribute; an attribute of an array as ``array/attribute``.
    unit : str
        Of its numbers, where the file does not say it.
    """

    source: str
    unit: str = ""


@dataclass(frozen=True)
class TimeEntry:
    """When samples were taken, as far as the file does not say it.

    Parameters
    ----------
    interval, start : float, optional
        Time between two samples, and the time of the first, s.
    unit : str
        Of times that have none in the file.
    source : str
        Array of the file that holds the time of each sample.
    override : bool
        The times of the file are wrong: those of the mapping are used.
    channels : dict of TimeEntry
        For channels of a recording with times of their own, by their role: "dc", "line trigger" …
    """

    interval: float | None = None
    start: float | None = None
    unit: str = ""
    source: str = ""
    override: bool = False
    channels: dict[str, "TimeEntry"] = field(default_factory=dict)


@dataclass(frozen=True)
class Mapping:
    """What the arrays of a file are; every quantity in SI units.

    Parameters
    ----------
    traces, images : tuple
    recording : RecordingEntry, optional
    raw : RawEntry, optional
        Beside a recording without X.
    scan : ScanEntry
    afm : AfmEntry
        For the images of another file.
    time : TimeEntry
    protocol : PulseProtocol
    lookups : dict of FileValue
        Entries whose values stand in the file, by part and name: ``"scan.width"``.
    """

    traces: tuple[TraceEntry, ...] = ()
    images: tuple[ImageEntry, ...] = ()
    recording: RecordingEntry | None = None
    raw: RawEntry | None = None
    scan: ScanEntry = field(default_factory=ScanEntry)
    afm: AfmEntry = field(default_factory=AfmEntry)
    time: TimeEntry = field(default_factory=TimeEntry)
    protocol: PulseProtocol = field(default_factory=PulseProtocol)
    lookups: dict[str, FileValue] = field(default_factory=dict)
