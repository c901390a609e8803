"""``tesm grains``: grains, their boundaries, and what the maps come to at boundaries and inside."""

import argparse
import json
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
from napari_tesm.cli.grain_scan import GrainScan, grain_scan
from napari_tesm.cli.map_files import check_outputs
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.terminal import printable
from napari_tesm.evaluation.pipeline import Progress
from napari_tesm.files.atomic import AtomicOutputs
from napari_tesm.files.checksum import sha256_of_file
from napari_tesm.grains.measures import default_bin_width
from napari_tesm.gwy.writing import check_size, write_container_to
from napari_tesm.io.gwy.grains import add_grains, remove_grains
from napari_tesm.quantities.text import quantity_from_text
from napari_tesm.scan import container_of
from napari_tesm.version import __version__

_TO_STDOUT = "-"
_TABLES = {"grains.csv": csv_of_grains, "classes.csv": csv_of_classes, "distances.csv": csv_of_distances}


def run_command(options: argparse.Namespace) -> int:
    """Find grains as the options say; see ``tesm grains --help``."""
    check_outputs(options)
    progress = progress_for(options.progress)
    json_path = None if options.json in (None, _TO_STDOUT) else options.json
    tables = _table_paths(options.csv)
    bin_width = _bin_width(options.bin)
    with AtomicOutputs(overwrite=options.overwrite) as outputs:
        gwy = outputs.open(options.output) if options.output else None
        json_file = outputs.open_text(json_path) if json_path else None
        files = {name: outputs.open_text(path) for name, path in tables.items()}

        _say(progress, 0.0, "looking for grains")
        scan = grain_scan(options, None)
        _say(progress, 0.5, "comparing")
        scan.measure(bin_width or default_bin_width(scan.grains.spacing))
        _say(progress, 0.9, "writing")
        if gwy is not None:
            write_container_to(gwy, _output(scan))
        report = {}
        if options.json:
            name, sha256 = Path(options.file).name, sha256_of_file(options.file)
            report = report_of_grains(scan, version=__version__, name=name, sha256=sha256)
        if json_file is not None:
            json.dump(report, json_file, indent=2, ensure_ascii=True)
            json_file.write("\n")
        for name, file in files.items():
            file.write(_TABLES[name](scan))
    _say(progress, 1.0, "done")
    if options.json == _TO_STDOUT:
        print(json.dumps(report, indent=2, ensure_ascii=True))
    elif not options.quiet:
        for line in lines_of_grains(scan, name=Path(options.file).name):
            print(line)
        written = [*filter(None, (options.output, json_path)), *map(str, tables.values())]
        if written:
            print(f"\nWritten: {', '.join(map(printable, written))}")
    return 0


def _output(scan: GrainScan) -> GwyContainer:
    """Return the file as it was, with the grains of an earlier run replaced."""
    container, axes = scan.container or container_of(scan), (scan.grid["y"], scan.grid["x"])
    remove_grains(container, *axes)
    add_grains(container, scan.grains, scan.boundaries, *axes, maps=scan.maps)
    check_size(container)
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


def _bin_width(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        width = quantity_from_text(text, "m")
    except ValueError as error:
        raise UsageError(f"--bin: {error}") from None
    if not width > 0:
        raise UsageError("--bin: the bins of a distance must be wider than zero")
    return width


def _say(progress: Progress | None, fraction: float, words: str) -> None:
    if progress is not None:
        progress(fraction, words)
