"""``tesm kernels``: which kernel the traces of a file support."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.jobs import jobs_from_text
from napari_tesm.cli.map_files import carried_over
from napari_tesm.cli.opening import scan_to_evaluate
from napari_tesm.cli.outputs import check_outputs, outputs_of, print_outcome, wrapped
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.recipes import recipe_from_options
from napari_tesm.data.maps import labels_from_maps
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.checksum import sha256_of_file
from napari_tesm.io.gwy.saving import check_output_size
from napari_tesm.model_choice.design import Design
from napari_tesm.model_choice.evidence import checked_kernels
from napari_tesm.model_choice.maps import (
    AVERAGE_MAPS,
    MAPS,
    KernelChoice,
    check_choice,
    choice_of_kernels,
    designs_from_choice,
    with_averages,
)
from napari_tesm.quantities.numbers import plain_value
from napari_tesm.scan.tables import VOTES_SHOWN, table_of_design, table_of_votes
from napari_tesm.version import __version__

Designs = tuple[Design | None, ...]


def run_command(options: argparse.Namespace) -> int:
    """Compare kernels as the options say; see ``tesm kernels --help``."""
    jobs = jobs_from_text(options.jobs)
    if options.maps_only and not options.output:
        raise UsageError("--maps-only says what goes into the output: give one with -o")
    recipe = recipe_from_options(options)
    try:
        kernels = checked_kernels([name.strip() for name in options.kernels.split(",") if name.strip()])
    except ValueError as error:
        raise UsageError(error) from None
    check_outputs(options)
    scan, evaluation = scan_to_evaluate(options, recipe)
    check_choice(evaluation, kernels=kernels)
    if options.output:
        names = (*MAPS, *AVERAGE_MAPS)
        check_output_size(evaluation.source, maps_only=options.maps_only, path=options.output, names=names)
    progress = progress_for(options.progress)
    with outputs_of(options) as outputs:
        choice = choice_of_kernels(evaluation, kernels=kernels, jobs=jobs, progress=progress)
        scan.choice = choice = with_averages(choice, evaluation, jobs=jobs)
        designs = designs_from_choice(choice, evaluation) if options.design else ()
        sha256 = sha256_of_file(options.file) if options.output or options.json else ""
        outputs.write_container(lambda: carried_over(options, scan, sha256))
        name = Path(options.file).name
        report = _report(choice, designs, evaluation.recipe, name, sha256) if options.json else {}
        outputs.write_json(report)
        outputs.write_figure(lambda: _figure(choice))
    print_outcome(options, report, lines_from_choice(choice, designs))
    return 0


def _figure(choice: KernelChoice) -> Any:
    from napari_tesm.plotting.kernel_choice import kernel_choice_figure

    return kernel_choice_figure(choice)


def _report(choice: KernelChoice, designs: Designs, recipe: Recipe, name: str, sha256: str) -> dict[str, Any]:
    maps = choice.maps
    pulses = []
    for pulse, votes in enumerate(choice.votes):
        pulses.append(
            {
                "voltage": plain_value(maps["voltage"].values[pulse]),
                "direction": str(maps["direction"].values[pulse]),
                "n_pixels": votes.judged + votes.left_out,
                "left_out": choice.left_out(pulse),
                **votes.to_dict(),
                "diffusion": [average.to_dict() for average in choice.averages_of(pulse)],
                **({"design": _design(designs[pulse])} if designs else {}),
            }
        )
    return {
        "version": __version__,
        "input": {"name": name, "sha256": sha256},
        "recipe": recipe.to_dict(),
        "pulses": pulses,
        "together": choice.together.to_dict(),
    }


def _design(design: Design | None) -> dict[str, Any] | None:
    return None if design is None else design.to_dict()


def lines_from_choice(choice: KernelChoice, designs: Designs = ()) -> Iterator[str]:
    """Yield the votes as lines for a terminal: a table for each pulse setting, and what they come to."""
    for pulse, (votes, label) in enumerate(zip(choice.votes, labels_from_maps(choice.maps), strict=True)):
        total = votes.judged + votes.left_out
        yield f"Pulse {label or 'setting'}: {votes.judged} of {total} pixels vote{_left_out(choice, pulse)}"
        if votes.judged:
            lines = table_of_votes(votes).lines(VOTES_SHOWN, least=(14, 10, 9, 10, 8))
            yield from (f"  {line}" for line in lines)
        yield from wrapped(votes.sentence(), "  ", hanging="")
        for average in choice.averages_of(pulse):
            yield from wrapped(average.sentence(), "  ", hanging="")
        if designs and (design := designs[pulse]) is not None:
            yield f"  Pixels that it takes to tell '{design.kernel}' clearly from its rivals:"
            yield from (f"  {line}" for line in table_of_design(design).lines())
            yield from wrapped(design.sentence(), "  ", hanging="")
    if len(choice.votes) > 1:
        yield "All pulse settings together:"
        yield from wrapped(choice.sentence(), "  ", hanging="")


def _left_out(choice: KernelChoice, pulse: int) -> str:
    reasons = [f"{count} {meaning.replace('_', ' ')}" for meaning, count in choice.left_out(pulse).items()]
    return f"; no vote: {', '.join(reasons)}" if reasons else ""
