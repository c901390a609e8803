"""``tesm volume report``: figures and tables of states as a folder with one HTML page."""

import argparse
from pathlib import Path

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import figure_style
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.report import write_and_tell
from napari_tesm.cli.volume.opening import length_from_option, part_of, volume_to_read
from napari_tesm.files.checksum import sha256_of_file
from napari_tesm.report.data import InputFile
from napari_tesm.report.volumes import report_from_states, reported_state
from napari_tesm.report.writing import check_folder


def run_command(options: argparse.Namespace) -> int:
    """Make a report; see ``tesm volume report --help``."""
    files: list[str] = options.files
    if options.labels and len(options.labels) != len(files):
        raise UsageError(
            f"there are {len(files)} volumes and {len(options.labels)} --labels: give one for each"
        )
    names = options.labels or [Path(path).stem for path in files]
    if len(set(names)) < len(names):
        raise UsageError("two states have one name: give each another with --labels")
    height = length_from_option(options.section, "section")
    if height is None or height < 0:
        raise UsageError("--section takes a height above the collector, like 972nm")
    style = figure_style(options)
    check_folder(options.output, overwrite=options.overwrite, inputs=files)
    progress = progress_for(options.progress)
    states, inputs = [], []
    for number, (path, name) in enumerate(zip(files, names, strict=True)):
        part = part_of(progress, 0.9 * number / len(files), 0.9 * (number + 1) / len(files))
        states.append(reported_state(name, volume_to_read(options, path), height=height, progress=part))
        inputs.append(InputFile(Path(path).name, sha256_of_file(path), "state"))
    title = options.title or f"Electrode volumes: {', '.join(names)}"
    report = report_from_states(states, height=height, title=title, files=inputs, style=style)
    write_and_tell(report, options, progress)
    return 0
