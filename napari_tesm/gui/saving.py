"""Saving a scan with all the work done on it, from the workspace or napari's File → Save."""

from os import PathLike
from pathlib import Path

from napari_tesm.gui.models.scan import Scan
from napari_tesm.interface import save


def save_scan(scan: Scan, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a scan as .gwy: what its file holds, results, regions, points with their curves, and what was entered.

    Parameters
    ----------
    path : path-like
        `.gwy` is added where it is missing.
    overwrite : bool
        Replace a file that is there; the file the scan came from is never replaced.

    Raises
    ------
    OSError, ValueError
        If it cannot be written; nothing is left behind then.
    """
    path = Path(path)
    if path.suffix.lower() != ".gwy":
        path = path.with_name(f"{path.name}.gwy")
    if scan.unfinished is not None:
        raise ValueError("the unit of the time axis is not known: enter it first, then save")
    boundaries = scan.grain_boundaries()
    save(
        path,
        scan.dataset,
        scan.maps,
        regions=scan.regions,
        points=scan.points,
        overwrite=overwrite,
        source=scan.path,
        channels=scan.channels,
        with_entered=True,
        grains=None if scan.grains is None or boundaries is None else (scan.grains, boundaries),
        choice=scan.choice,
    )
    scan.changed_since_save = False
    return path


def suggested_path(scan: Scan) -> Path:
    """Return where results of a scan are likely to be wanted: beside its file, ``scan.gwy`` as ``scan_D.gwy``."""
    if scan.path is None:
        return Path(f"{scan.name.split(' (')[0].replace('/', '-').replace(' ', '_')}_D.gwy")
    stem = scan.path.stem
    return scan.path.with_name(f"{stem}.gwy" if stem.endswith("_D") else f"{stem}_D.gwy")
