"""``tesm grains``: grains, their boundaries, and what the maps come to at boundaries and inside."""

import argparse
from functools import partial
from itertools import chain
from pathlib import Path

from gwyfile.objects import GwyContainer

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.grain_report import (
    csv_of_classes,
    csv_of_distances,
    csv_of_grains,
    lines_of_grains,
    report_of_grains,
)
from napari_tesm.cli.grain_scan import GrainScan, grain_scan, quantity_from_option
from napari_tesm.cli.outputs import check_outputs, outputs_of, paths_asked, print_outcome
from napari_tesm.cli.progress import progress_for
from napari_tesm.grains.measures import default_bin_width
from napari_tesm.io.gwy.grains import add_grains, remove_grains
from napari_tesm.scan import container_of

_TABLES = {"grains.csv": csv_of_grains, "classes.csv": csv_of_classes, "distances.csv": csv_of_distances}


def run_command(options: argparse.Namespace) -> int:
    """Find grains as the options say; see ``tesm grains --help``."""
    check_outputs(options)
    if options.maps_only and not options.output:
        raise UsageError("--maps-only says what goes into the output: give one with -o")
    tell = progress_for(options.progress) or (lambda fraction, words: None)
    paths: dict[str, str | Path] = {**paths_asked(options), **_table_paths(options.csv)}
    paths.pop("csv", None)
    bin_width = quantity_from_option(options.bin, "m", "--bin")
    if bin_width is not None and not bin_width > 0:
        raise UsageError("--bin: the bins of a distance must be wider than zero")
    with outputs_of(options, paths) as outputs:
        tell(0.0, "looking for grains")
        scan = grain_scan(options, None)
        tell(0.5, "comparing")
        scan.measure(bin_width or default_bin_width(scan.grains.spacing))
        tell(0.9, "writing")
        outputs.write_container(lambda: _output(scan, maps_only=options.maps_only))
        report = report_of_grains(scan, options.file) if options.json else {}
        outputs.write_json(report)
        for table, make in _TABLES.items():
            outputs.write_text(table, partial(make, scan))
    tell(1.0, "done")
    lines = chain(lines_of_grains(scan, name=Path(options.file).name), [""] if paths else [])
    print_outcome(options, report, lines, paths.values())
    return 0


def _output(scan: GrainScan, *, maps_only: bool) -> GwyContainer:
    """Return the file as it was, with the grains of an earlier run replaced; or the channels of grains alone."""
    container, axes = GwyContainer(), (scan.grid["y"], scan.grid["x"])
    if not maps_only:
        container = scan.container or container_of(scan)
        remove_grains(container, *axes)
    add_grains(container, scan.grains, scan.boundaries, *axes, maps=scan.maps)
    return container


def _table_paths(csv: str | None) -> dict[str, Path]:
    """Return which tables to write where: one alone as .csv, all of them into a folder, which must be there."""
    if csv is None:
        return {}
    path = Path(csv)
    if path.suffix.lower() == ".csv" and not path.is_dir():
        return {"grains.csv": path}
    path.mkdir(exist_ok=True)
    return {name: path / name for name in _TABLES}
