"""``tesm fit``: file → maps → file."""

import argparse
from typing import Any

import xarray as xr

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.jobs import jobs_from_text
from napari_tesm.cli.map_files import write_maps
from napari_tesm.cli.opening import scan_to_evaluate
from napari_tesm.cli.outputs import check_outputs, figure_style
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.recipes import recipe_from_options
from napari_tesm.evaluation.pipeline import run
from napari_tesm.evaluation.resuming import journal_of_run
from napari_tesm.io.gwy.saving import check_output_size
from napari_tesm.scan.restoring import restore_drawings


def run_command(options: argparse.Namespace) -> int:
    """Fit a file as the options say; see ``tesm fit --help``."""
    jobs = jobs_from_text(options.jobs)
    if options.graphs and not options.maps_only:
        raise UsageError("--graphs goes with --maps-only: what an input held is carried over as it is")
    recipe = recipe_from_options(options)
    check_outputs(options)
    scan, evaluation = scan_to_evaluate(options, recipe)
    if options.graphs:
        restore_drawings(scan)
    _ = evaluation.settings  # what cannot be fitted is refused before a file is opened for it
    check_output_size(evaluation.source, maps_only=options.maps_only, path=options.output)
    progress = progress_for(options.progress)

    def figure(maps: xr.Dataset) -> Any:
        from napari_tesm.plotting.overview import overview_figure
        from napari_tesm.plotting.overview_page import overview_page

        width = figure_style(options).width
        if width is not None:
            return overview_page(evaluation.source, maps, width)
        return overview_figure(evaluation.source, maps)

    inputs = [options.file, *(options.joined or ())]
    with journal_of_run(options.output, evaluation, inputs, anew=options.overwrite) as journal:

        def fitted() -> xr.Dataset:
            return run(evaluation, jobs=jobs, progress=progress, journal=journal)

        write_maps(options, scan, evaluation, fitted, figure)
    return 0
