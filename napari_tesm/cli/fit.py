"""``tesm fit``: file → maps → file."""

import argparse
from typing import Any

import xarray as xr

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.jobs import jobs_from_text
from napari_tesm.cli.map_files import check_outputs, write_maps
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.recipes import recipe_from_options
from napari_tesm.evaluation.pipeline import prepared_dataset, resolved_recipe, run, settings_from_recipe
from napari_tesm.io.gwy.saving import check_output_size
from napari_tesm.io.registry import open_dataset


def run_command(options: argparse.Namespace) -> int:
    """Fit a file as the options say; see ``tesm fit --help``."""
    jobs = jobs_from_text(options.jobs)
    if options.graphs and not options.maps_only:
        raise UsageError("--graphs goes with --maps-only: what an input held is carried over as it is")
    recipe = recipe_from_options(options)
    check_outputs(options)
    dataset = open_dataset(
        options.file,
        traces=recipe.traces,
        time_unit=recipe.time_unit,
        lateral_unit=recipe.lateral_unit,
        mapping=options.mapping,
    )
    # Now, so that --save-recipe writes the angle that "auto" came to.
    recipe = resolved_recipe(dataset, recipe)
    settings_from_recipe(prepared_dataset(dataset, recipe), recipe)
    check_output_size(dataset, maps_only=options.maps_only)
    progress = progress_for(options.progress)

    def figure(maps: xr.Dataset) -> Any:
        from napari_tesm.plotting.overview import overview_figure

        return overview_figure(dataset, maps)

    write_maps(options, dataset, recipe, lambda: run(dataset, recipe, jobs=jobs, progress=progress), figure)
    return 0
