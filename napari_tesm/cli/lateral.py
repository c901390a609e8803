"""``tesm lateral``: D with lateral diffusion taken out, beside that of every pixel by itself."""

import argparse
from typing import Any

import xarray as xr

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.jobs import jobs_from_text
from napari_tesm.cli.map_files import write_maps
from napari_tesm.cli.opening import scan_to_evaluate
from napari_tesm.cli.outputs import check_outputs
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.recipes import recipe_from_options
from napari_tesm.inversion.lateral import lateral_maps, prior_from_text, recipe_for_lateral
from napari_tesm.inversion.requirements import check_lateral
from napari_tesm.io.gwy.saving import check_output_size


def run_command(options: argparse.Namespace) -> int:
    """Invert a file as the options say; see ``tesm lateral --help``."""
    jobs = jobs_from_text(options.jobs)
    recipe = recipe_from_options(options)
    # A recipe of a fit may name a kernel that says nothing of the surface; one that is asked for is refused below.
    if options.kernel is None:
        recipe = recipe_for_lateral(recipe).updated(geometry=options.geometry)
    try:
        prior = prior_from_text(options.prior)
    except ValueError as error:
        raise UsageError(error) from None
    check_outputs(options)
    scan, evaluation = scan_to_evaluate(options, recipe)
    check_lateral(evaluation)
    check_output_size(evaluation.source, maps_only=options.maps_only, path=options.output)
    progress = progress_for(options.progress)

    def figure(maps: xr.Dataset) -> Any:
        from napari_tesm.plotting.lateral import lateral_figure

        return lateral_figure(maps)

    def maps_of_scan() -> xr.Dataset:
        return lateral_maps(evaluation, prior=prior, together=options.together, jobs=jobs, progress=progress)

    write_maps(options, scan, evaluation, maps_of_scan, figure)
    return 0
