"""``tesm report``: files → fits → the paper's figures and tables, as a folder with one HTML page."""

import argparse
from pathlib import Path
from typing import Final

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.jobs import jobs_from_text
from napari_tesm.cli.outputs import figure_style, wrapped
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.recipes import origins_from_options, recipe_from_options
from napari_tesm.cli.spelling import spelled
from napari_tesm.evaluation.pipeline import Progress, progress_of_stage
from napari_tesm.files.texts import printable
from napari_tesm.report.assembling import Report, report_from_data
from napari_tesm.report.gathering import recipe_in_files, report_data_from_files
from napari_tesm.report.writing import PAGE, check_folder, write_report

_FITTING: Final = 0.5
"""Part of the time that fitting takes; measured with six voltages of 128 × 128 pixels."""


def run_command(options: argparse.Namespace) -> int:
    """Make a report as the options say; see ``tesm report --help``."""
    jobs = jobs_from_text(options.jobs)
    if options.labels and len(options.labels) != len(options.files):
        raise UsageError(
            f"there are {len(options.files)} files and {len(options.labels)} --labels: give one for each file"
        )
    style = figure_style(options)
    earlier = recipe_in_files(options.files)
    recipe = recipe_from_options(options, earlier)
    inputs = [*options.files, *options.control, *options.cycling]
    check_folder(options.output, overwrite=options.overwrite, inputs=inputs)
    progress = progress_for(options.progress)
    data = report_data_from_files(
        options.files,
        recipe=recipe,
        labels=options.labels or (),
        controls=options.control,
        cycling=options.cycling,
        mapping=options.mapping,
        title=options.title or "",
        lateral=options.lateral,
        jobs=jobs,
        progress=progress_of_stage(progress, 0.0, _FITTING),
    )
    data.origins = origins_from_options(options, recipe, earlier)
    report = report_from_data(
        data, strict=options.debug, progress=progress_of_stage(progress, _FITTING, 0.99), spelling=spelled,
        style=style,
    )  # fmt: skip
    write_and_tell(report, options, progress)
    return 0


def write_and_tell(report: Report, options: argparse.Namespace, progress: Progress | None) -> None:
    """Write a report into the folder of ``-o``, and say how much there is in it, what to note, and what is missing."""
    write_report(report, options.output, overwrite=options.overwrite)
    if progress is not None:
        progress(1.0, "done")
    if not options.quiet:
        figures = sum(len(section.figures) for section in report.sections)
        print(f"{len(report.sections)} sections, {figures} figures")
        for heading, sentences in (("Note", report.warnings), ("Missing", report.missing)):
            for _, sentence in sentences:
                print("\n".join(wrapped(f"{heading}: {sentence}")))
        print(f"Written: {printable(str(Path(options.output) / PAGE))}")
