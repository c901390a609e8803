"""``tesm null``: what the exponential recipe returns for pure diffusion, and the way back."""

import argparse
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.opening import scan_to_evaluate
from napari_tesm.cli.outputs import check_outputs, outputs_of, print_outcome
from napari_tesm.cli.recipes import recipe_from_options
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.maps import WINDOWS
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.findings.table import AS_IT_IS, Column, Table
from napari_tesm.model_choice.null_bands import USUAL_NOISE, NullBands, null_bands_from_evaluation
from napari_tesm.model_choice.null_curve import SOURCES, NullCurve
from napari_tesm.quantities.numbers import plain_value
from napari_tesm.quantities.text import (
    fraction_from_text,
    quantity_and_error_from_text,
    quantity_from_text,
    text_from_quantity,
)
from napari_tesm.version import __version__

_MOST_SAMPLES: Final = 100_000
_DIGITS: Final = (1.0, 2.0, 5.0)
_FINE_DIGITS: Final = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


def run_command(options: argparse.Namespace) -> int:
    """Print the null curves as the options say; see ``tesm null --help``."""
    recipe = recipe_from_options(options)
    check_outputs(options)
    try:
        noise = None if options.sample_noise is None else fraction_from_text(options.sample_noise)
        ends = options.diffusion.split(":")
        if len(ends) != 2:
            raise ValueError(f"'{options.diffusion}' is no range: write it like '1e-15m2/s:1e-11m2/s'")
        low, high = (quantity_from_text(end, "m²/s") for end in ends)
        apparent = None if options.apparent is None else _apparent_from_text(options.apparent)
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
            record, noise=USUAL_NOISE if noise is None else noise, diffusion=(low, high)
        )
    except ValueError as error:
        raise UsageError(error) from None
    content = _content(record, bands, apparent)
    with outputs_of(options) as outputs:
        outputs.write_json(content)
        outputs.write_text("csv", lambda: _csv(bands))
        outputs.write_figure(lambda: _figure(record, bands))
    lines = _lines(record, bands) if apparent is None else _apparent_lines(record, bands, *apparent)
    print_outcome(options, content, lines)
    return 0


def _figure(record: Evaluation, bands: NullBands) -> Any:
    from napari_tesm.plotting.null_curve import null_figure

    return null_figure(bands, _header(record))


def _apparent_from_text(text: str) -> tuple[float, float | None]:
    value, error = quantity_and_error_from_text(text, "m²/s")
    if not value > 0:
        raise ValueError(f"an apparent D must be larger than zero, not {text}")
    return value, error


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


def _header(record: Evaluation) -> str:
    settings, time = record.settings, record.time
    parts = [f"pulse {text_from_quantity(settings.protocol.pulse_duration or math.nan, 's', digits=4)}"]
    parts += [f"window {number} {window}" for number, window in settings.windows.items()]
    step = text_from_quantity(float(np.diff(time).mean()), "s", digits=4)
    parts.append(f"{time.size} samples, one in {step}")
    if settings.length is not None:
        name = settings.length.field.removesuffix("_radius")
        parts.append(f"{name} {text_from_quantity(settings.length.value, 'm', digits=4)}")
    parts.append(f"D = {settings.geometry}")
    return "; ".join(parts)


def _lines(record: Evaluation, bands: NullBands) -> Iterator[str]:
    yield f"Pure diffusion, fitted with one exponential for each window: {_header(record)}"
    yield ""
    yield " " * 10 + "".join(f"{SOURCES[name]:^33}" for name in bands.curves).rstrip()
    columns: list[Column | str] = [Column("D", "m²/s", digits=1, scale=AS_IT_IS)]
    columns += ["D1", "D2", Column("D2/D1", decimals=2)] * len(bands.curves)
    rows = []
    for true in _round_numbers(*bands.true_range, _DIGITS):
        pairs = [[_at(curve, number, true) for number in WINDOWS] for curve in bands.curves.values()]
        rows.append([true, *(cell for d1, d2 in pairs for cell in (d1, d2, d2 / d1))])
    yield from Table("", "", columns, rows).lines(least=(10, *(10, 9, 8) * len(bands.curves)))
    yield ""
    yield bands.sentence()
    yield f"A dash is what the gates of the recipe reject at noise of {100 * bands.noise:.2g} % of H."
    yield ""
    yield from _correction_lines(bands)


def _correction_lines(bands: NullBands) -> Iterator[str]:
    columns = [(name, number) for name, curve in bands.curves.items() for number in curve.apparent]
    corrections = {column: bands.curves[column[0]].correction(column[1]) for column in columns}
    yield "Back to the true D, if it is pure diffusion from that source:"
    for (name, _), correction in corrections.items():
        yield f"  {SOURCES[name]}: {correction.sentence()}."
    valid = [correction.valid for correction in corrections.values() if correction.valid is not None]
    if not valid:
        return
    yield ""
    heads = [f"{SOURCES[name]}, D{number}" for name, number in columns]
    rows = [
        [apparent, *(correction.apply(np.array([apparent]))[0][0] for correction in corrections.values())]
        for apparent in _round_numbers(
            min(low for low, _ in valid), max(high for _, high in valid), _FINE_DIGITS
        )
    ]
    table = Table("", "", [Column("apparent", digits=2), *heads], rows)
    yield from table.lines(least=(10, *[18] * len(heads)))


def _apparent_lines(
    record: Evaluation, bands: NullBands, apparent: float, error: float | None
) -> Iterator[str]:
    for entry in _apparent_entries(bands, apparent, error):
        words = f"{SOURCES[entry['source']]}, apparent D{entry['window']}:"
        if entry["D"] is None:
            yield f"{words:<28} no true D; {entry['valid']}"
        else:
            spread = "" if entry["D_stderr"] is None else f" ± {entry['D_stderr']:.1e}"
            yield f"{words:<28} true D {entry['D']:.2e}{spread} m²/s; {entry['valid']}"
    length = record.settings.length
    if length is not None and length.error is not None:
        share = 200 * length.error / length.value
        yield f"The {length.name} adds ±{share:.0f} % to all of them, as D goes with its square."


def _apparent_entries(bands: NullBands, apparent: float, error: float | None) -> Iterator[dict[str, Any]]:
    for name, curve in bands.curves.items():
        for number in curve.apparent:
            correction = curve.correction(number)
            stderr = None if error is None else np.array([error])
            true, true_error = (float(values[0]) for values in correction.apply(np.array([apparent]), stderr))
            yield {
                "source": name, "window": number, "apparent": apparent, "D": plain_value(true),
                "D_stderr": plain_value(true_error), "valid": correction.sentence(),
            }  # fmt: skip


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
        content["apparent"] = list(_apparent_entries(bands, *apparent))
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


def _csv(bands: NullBands) -> str:
    """Return a row for each source and true D, in m²/s; a cell is empty where the recipe rejects."""
    rows: list[list[Any]] = []
    for name, curve in bands.curves.items():
        missing = np.full(curve.diffusion.shape, np.nan)
        columns = [curve.diffusion, *(curve.apparent.get(n, missing) for n in WINDOWS), curve.ratio]
        rows += [[name, *cells] for cells in zip(*(values.tolist() for values in columns), strict=True)]
    return Table("", "", ("source", "D", "D1", "D2", "D2/D1"), rows).csv()


def _at(curve: NullCurve, window: int, true: float) -> float:
    values = curve.apparent.get(window)
    if values is None:
        return math.nan
    return float(np.exp(np.interp(math.log(true), np.log(curve.diffusion), np.log(values))))


def _round_numbers(low: float, high: float, digits: tuple[float, ...]) -> Iterator[float]:
    slack = 1 + 1e-9
    for power in range(math.floor(math.log10(low) - 1e-9), math.ceil(math.log10(high)) + 1):
        for digit in digits:
            number = float(f"{digit}e{power}")
            if low / slack <= number <= high * slack:
                yield number
