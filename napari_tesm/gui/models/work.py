"""The work that somebody did on a scan, to tell what of it a file does not have yet."""

from collections.abc import Mapping
from typing import Any

from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.scan import Scan
from napari_tesm.scan.scan import MADE_FROM


def work_on_scan(scan: Scan) -> dict[str, Any]:
    """Return what is kept of a scan by saving it, by what people call it."""
    recording = scan.recording
    protocol: tuple[Any, ...] = (tuple(sorted(scan.entered.items())),)
    if recording is not None:
        voltages = tuple(str(value) for value in recording["voltage"].values)  # as text: NaN is unlike itself
        protocol = (*protocol, PulseProtocol.from_attributes(recording.attrs), voltages)
    return {
        "what was entered of the pulse": protocol,
        "fit": scan.maps,
        "comparison of kernels": scan.choice,
        "region": tuple(scan.regions),
        "pinned point": tuple(scan.points),
        "levelled image": tuple(id(image) for image in scan.channels if MADE_FROM in image.attrs),
        "grains": (scan.grains, scan.band_width),
    }


def changed_work(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in words what is another now; results that are gone, because the traces changed, are no work to lose."""
    words = []
    for what, work in now.items():
        old = before[what]
        if what in ("fit", "comparison of kernels"):
            words += [f"a {what}"] if work is not None and work is not old else []
        elif what in ("region", "pinned point"):
            if work != old:
                words.append(_counted(what, len(work)) if work else f"the {what}s that were deleted")
        elif what == "grains":
            words += [what] if work[0] is not old[0] or work[1] != old[1] else []
        elif work != old:
            words.append(what)
    return words


def _counted(what: str, count: int) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
