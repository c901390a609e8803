"""``tesm null``: what the exponential recipe returns for pure diffusion, and the way back."""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.opening import scan_to_evaluate
from napari_tesm.cli.outputs import check_outputs, outputs_of, print_outcome
from napari_tesm.cli.recipes import recipe_from_options
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.io.gwy.null_graphs import container_of_null_graphs
from napari_tesm.model_choice.null_bands import USUAL_NOISE, NullBands, null_bands_from_evaluation
from napari_tesm.model_choice.null_curve import SOURCES, NullCurve
from napari_tesm.quantities.numbers import plain_value
from napari_tesm.quantities.text import (
    fraction_from_text,
    quantity_from_text,
)
from napari_tesm.report.null_tables import (
    apparent_entries,
    apparent_from_text,
    protocol_in_words,
    range_from_text,
    sentences_about_apparent,
    sentences_about_corrections,
    table_of_apparent,
    table_of_corrections,
    table_of_curves,
)
from napari_tesm.version import __version__

_MOST_SAMPLES: Final = 100_000


def run_command(options: argparse.Namespace) -> int:
    """Print the null curves as the options say; see ``tesm null --help``."""
    recipe = recipe_from_options(options)
    check_outputs(options)
    try:
        noise = None if options.sample_noise is None else fraction_from_text(options.sample_noise)
        diffusion = range_from_text(options.diffusion)
        apparent = None if options.apparent is None else apparent_from_text(options.apparent)
        record = _record_without_file(options, recipe) if options.file is None else None
    except ValueError as error:
        raise UsageError(error) from None
    if record is None:
        if options.samples or options.sampling or options.record:
            raise UsageError(
                "--samples, --sampling and --record describe a record without a file; the file has its own"
            )
        _, record = scan_to_evaluate(options, recipe)
        _ = record.settings  # what a file lacks is no bad usage
    try:
        bands = null_bands_from_evaluation(
            record, noise=USUAL_NOISE if noise is None else noise, diffusion=diffusion
        )
    except ValueError as error:
        raise UsageError(error) from None
    content = _content(record, bands, apparent)
    with outputs_of(options) as outputs:
        outputs.write_container(lambda: container_of_null_graphs(bands))
        outputs.write_json(content)
        outputs.write_text("csv", lambda: table_of_curves(bands).csv())
        outputs.write_figure(lambda: _figure(record, bands))
    lines = _lines(record, bands) if apparent is None else sentences_about_apparent(record, bands, *apparent)
    print_outcome(options, content, lines)
    return 0


def _figure(record: Evaluation, bands: NullBands) -> Any:
    from napari_tesm.plotting.null_curve import null_figure

    return null_figure(bands, protocol_in_words(record))


def _record_without_file(options: argparse.Namespace, recipe: Recipe) -> Evaluation:
    given = {
        "--tip-radius": recipe.tip_radius is not None or recipe.contact_radius is not None,
        "--pulse-duration": recipe.pulse_duration is not None,
        "--record": bool(options.record),
        "--sampling or --samples": bool(options.sampling or options.samples),
    }
    if missing := [name for name, there in given.items() if not there]:
        raise ValueError(f"without a file, say {', '.join(missing)}, too")
    if options.sampling and options.samples:
        raise ValueError("--sampling and --samples say the same: give one of them")
    if recipe.pulse_start:
        raise ValueError("without a file the record begins with the pulse: leave out --pulse-start")
    length = quantity_from_text(options.record, "s")
    if not length > (recipe.pulse_duration or 0.0):
        raise ValueError("the record must be longer than the pulse: see --record and --pulse-duration")
    if options.samples:
        if not options.samples.isdecimal() or not 0 < int(options.samples[:9]) <= _MOST_SAMPLES:
            raise ValueError(f"--samples takes a whole number up to {_MOST_SAMPLES}, not '{options.samples}'")
        interval = length / int(options.samples)
    else:
        interval = quantity_from_text(options.sampling, "s")
        if not interval > 0 or length / interval > _MOST_SAMPLES:
            raise ValueError(
                f"--sampling must give 1 to {_MOST_SAMPLES} samples in the record, not {options.sampling}"
            )
    time = np.arange(round(length / interval), dtype=np.float64) * interval
    unknown = np.full((1, 1, time.size), np.nan)
    return Evaluation.of(
        dataset_from_traces(
            [unknown],
            time=time,
            x=np.zeros(1),
            y=np.zeros(1),
            protocol=PulseProtocol(0.0, recipe.pulse_duration),
        ),
        replace(recipe, phase_rotation=None),
    )


def _lines(record: Evaluation, bands: NullBands) -> Iterator[str]:
    yield f"Pure diffusion, fitted with one exponential for each window: {protocol_in_words(record)}"
    yield ""
    yield " " * 10 + "".join(f"{SOURCES[name]:^33}" for name in bands.curves).rstrip()
    yield from table_of_apparent(bands).lines(least=(10, *(10, 9, 8) * len(bands.curves)))
    yield ""
    yield bands.sentence()
    yield f"A dash is what the gates of the recipe reject at noise of {100 * bands.noise:.2g} % of H."
    yield ""
    yield "Back to the true D, if it is pure diffusion from that source:"
    yield from (f"  {sentence}" for sentence in sentences_about_corrections(bands))
    table = table_of_corrections(bands)
    if table is not None:
        yield ""
        yield from table.lines(least=(10, *[18] * (len(table.columns) - 1)))


def _content(
    record: Evaluation, bands: NullBands, apparent: tuple[float, float | None] | None
) -> dict[str, Any]:
    settings = record.settings
    content: dict[str, Any] = {
        "version": __version__,
        "protocol": {
            "pulse_duration": settings.protocol.pulse_duration,
            "windows": {str(n): [window.start, window.stop] for n, window in settings.windows.items()},
            "samples": int(record.time.size),
            "sampling": float(np.diff(record.time).mean()),
            "tip_radius": settings.protocol.tip_radius,
            "contact_radius": settings.protocol.contact_radius,
            "geometry": settings.geometry,
            "skip_after_edge": settings.skip,
            "noise": bands.noise,
        },
        "words": bands.sentence(),
        "sources": {name: _source_content(curve) for name, curve in bands.curves.items()},
    }
    if apparent is not None:
        content["apparent"] = list(apparent_entries(bands, *apparent))
    return content


def _source_content(curve: NullCurve) -> dict[str, Any]:
    corrections = {}
    for number in curve.apparent:
        table = curve.correction(number)
        corrections[f"D{number}"] = {
            "valid": table.valid, "words": table.sentence(), "apparent": table.apparent.tolist(),
            "D": table.diffusion.tolist(), "slope": table.slope.tolist(),
        }  # fmt: skip
    return {
        "D": plain_value(curve.diffusion),
        **{f"D{n}": plain_value(values) for n, values in curve.apparent.items()},
        "ratio": plain_value(curve.ratio),
        "band": curve.band,
        "correction": corrections,
    }
