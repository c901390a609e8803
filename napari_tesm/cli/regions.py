"""``tesm regions``: what the maps of a file come to in its regions, and one part of the image against another."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from napari_tesm.cli.outputs import check_outputs, outputs_of, paths_asked, print_outcome, wrapped
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.region_report import csv_of_regions, lines_of_measure, report_of_regions
from napari_tesm.cli.region_scan import RegionScan, region_scan
from napari_tesm.cli.spelling import spelled
from napari_tesm.evaluation.pipeline import Progress, progress_of_stage
from napari_tesm.files.texts import printable
from napari_tesm.io.gwy.region_graphs import container_of_region_graphs
from napari_tesm.regions.measures import Measure, measure_from_map, measures_from_maps


def run_command(options: argparse.Namespace) -> int:
    """Measure regions as the options say; see ``tesm regions --help``."""
    check_outputs(options)
    progress = progress_for(options.progress)
    with outputs_of(options) as outputs:
        scan = region_scan(options, progress_of_stage(progress, 0.0, 0.3))
        measures = _measures(scan, progress_of_stage(progress, 0.3, 0.6))
        outputs.write_container(
            lambda: container_of_region_graphs(
                scan.parts, scan.maps, scan.dataset, progress=progress_of_stage(progress, 0.6, 1.0)
            )
        )
        report = report_of_regions(scan, measures, options.file) if options.json else {}
        outputs.write_json(report, escaped=False)
        outputs.write_text("csv", lambda: csv_of_regions(scan, measures))
    if progress is not None:
        progress(1.0, "done")
    print_outcome(options, report, _lines(options, scan, measures))
    return 0


def _measures(scan: RegionScan, progress: Progress | None) -> list[Measure]:
    measures = [] if scan.maps is None else measures_from_maps(scan.maps, scan.parts, progress=progress)
    if scan.measured is not None:
        title, unit, values = scan.measured
        measures.append(measure_from_map(values, scan.parts, title, unit))
    return measures


def _lines(options: argparse.Namespace, scan: RegionScan, measures: list[Measure]) -> Iterator[str]:
    height, width = scan.parts[0].mask.shape
    count = sum(part.part == "region" for part in scan.parts)
    words = [f"{width} × {height} px", "1 region" if count == 1 else f"{count} regions"]
    words += [part.name.removeprefix("under ") for part in scan.parts if part.part == "masked"]
    yield printable(f"{Path(options.file).name}: {', '.join(words)}")
    for note in scan.notes:
        yield from wrapped(f"Note: {spelled(note)}")
    for measure in measures:
        yield from lines_of_measure(scan.parts, measure)
    if paths_asked(options):
        yield ""
