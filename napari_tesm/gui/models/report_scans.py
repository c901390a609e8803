"""Scans of the window as a report has them: as they are now, so that they may change while it is made."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from napari_tesm.data.lateral import inversion_of_maps
from napari_tesm.evaluation.pipeline import Progress, default_jobs, progress_of_stage
from napari_tesm.files.sentences import Sentence
from napari_tesm.gui.models.scan import Scan
from napari_tesm.report.data import InputFile, ReportData, ReportScan
from napari_tesm.scan import Scan as PlainScan


def gatherer_of(scans: Sequence[Scan]) -> Callable[[Progress], ReportData]:
    """Return what makes the data of a report of scans as they are now; it can run while they change.

    Raises
    ------
    ValueError
        If there is nothing to report on yet.
    """
    frozen = [scan_as_it_is(scan) for scan in scans]
    names = [scan.name for scan in scans]
    recipes = {scan.recipe.to_json() for scan in scans}

    def gather(progress: Progress) -> ReportData:
        from napari_tesm.report.choices import choose_marks

        made = []
        for number, make in enumerate(frozen):
            made.append(make(progress_of_stage(progress, number / len(frozen), (number + 1) / len(frozen))))
        said: list[str] = [
            Sentence("{name}: {note}", name=scan.name, note=note) for scan in made for note in scan.notes
        ]
        if len(recipes) > 1:
            said.append("The scans were fitted with different parameters; those of the first are listed.")
        if not any(scan.maps is not None or scan.images for scan in made):
            raise ValueError(said[-1] if said else "there is nothing to report on")
        data = ReportData(
            made,
            recipe=made[0].recipe,
            title=f"t-ESM report: {', '.join(names)}",
            files=list({scan.file.name: scan.file for scan in made}.values()),
            notes=said,
        )
        choose_marks(data)
        return data

    return gather


def scan_as_it_is(scan: Scan) -> Callable[[Progress | None], ReportScan]:
    """Return what makes a scan of the report, fitted where it is not; everything that may change is taken now.

    Raises
    ------
    ValueError
        If the unit of its time axis is not known.
    """
    if scan.unfinished is not None:
        raise ValueError(f"{scan.name}: the unit of the time axis is not known: enter it first")
    frozen = PlainScan.of(scan, dataset=scan.evaluated)
    wanted = scan.inversion
    with suppress(ValueError):  # there are no traces, or the report says why they cannot be fitted
        frozen.recipe = scan.evaluation.recipe

    def made_scan(progress: Progress | None) -> ReportScan:
        from napari_tesm.files.checksum import sha256_of_file
        from napari_tesm.report.gathering import fit_scan

        path = frozen.path
        file = InputFile(
            frozen.name if path is None else path.name, "" if path is None else sha256_of_file(path)
        )
        made = ReportScan.of(frozen, file=file)
        if made.dataset is None:
            made.maps_from_file = made.maps is not None
            return made
        others = made.maps is None or made.maps.attrs.get("recipe") != made.recipe.to_json()
        if others or wanted not in (None, inversion_of_maps(made.maps)):
            made.forget_maps()
            fit_scan(made, lateral=wanted, jobs=default_jobs(), progress=progress)
        return made

    return made_scan
