"""The scans of a viewer as a list: what is known of each, and what can be done with several at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_tesm.files.sentences import Sentence
from napari_tesm.gui.models.agreement import sentence_about_maps
from napari_tesm.gui.models.entries import EntryModel
from napari_tesm.gui.models.scan import Scan, plain_label
from napari_tesm.quantities.numbers import counted


@dataclass(frozen=True)
class ScanRow:
    """One scan in words."""

    name: str
    size: str
    voltage: str
    state: str
    unsaved: str


def row_of_scan(scan: Scan) -> ScanRow:
    """Return what the list says of a scan."""
    rows, columns = scan.display.shape
    size = f"{columns} × {rows}"
    if scan.display.unit != "pixel":
        height, width = scan.display.extent()
        size += f", {width:.3g} × {height:.3g} {scan.display.unit}"
    voltage = " / ".join(plain_label(label) for label in scan.labels if label)
    if scan.dataset is None:
        state = "images only"
    elif scan.maps is None:
        state = "not fitted"
    else:
        state = "form changed since" if sentence_about_maps(scan) else "fitted"
    return ScanRow(scan.name, size, voltage, state, ", ".join(scan.unsaved()))


def copy_entries(source: Scan, others: Sequence[Scan], what: str) -> str:
    """Give other scans the form, the regions or the points of one, and return how that went, in words.

    Parameters
    ----------
    what : {"form", "regions", "points"}
        Regions and points keep their place in the coordinates of the scans; the form includes the windows.
    """
    failed = []
    for scan in others:
        try:
            if what == "form":
                EntryModel.of(scan).take(source.recipe)
                scan.set_lateral(source.lateral)
            elif what == "regions":
                scan.set_regions(source.regions)
            else:
                scan.set_points(source.points)
        except ValueError as error:
            failed.append(str(Sentence("{name}: {error}", name=scan.name, error=error)))
    done = len(others) - len(failed)
    return ". ".join([f"The {what} went to {counted(done, 'other scan')}", *failed])


def save_into(scans: Sequence[Scan], folder: Path) -> str:
    """Save scans as files of their own in a folder, over none that is there, and return how that went, in words."""
    saved, failed = 0, list[str]()
    taken: set[Path] = set()
    for scan in scans:
        path = folder / scan.suggested_path().name
        if path in taken:
            path = path.with_name(f"{path.stem}_{len(taken) + 1}{path.suffix}")
        taken.add(path)
        try:
            scan.save(path)
            saved += 1
        except (OSError, ValueError) as error:
            failed.append(str(Sentence("{name}: {error}", name=scan.name, error=error)))
    return ". ".join([f"{counted(saved, 'scan')} saved in {folder.name or folder}", *failed])
