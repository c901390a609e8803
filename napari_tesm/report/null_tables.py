"""What the exponential recipe shows for pure diffusion, as tables and as a section: ``tesm null`` and the window."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_tesm.data.maps import WINDOWS
from napari_tesm.data.protocol import Window
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.findings.table import AS_IT_IS, Column, Table
from napari_tesm.model_choice.null_bands import NullBands
from napari_tesm.model_choice.null_curve import SOURCES, NullCurve
from napari_tesm.quantities.numbers import plain_value
from napari_tesm.quantities.text import quantity_and_error_from_text, quantity_from_text, text_from_quantity
from napari_tesm.report.section import ReportFigure, Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

USUAL_RANGE: Final = "1e-15m2/s:1e-11m2/s"
"""Of the true D, where nobody asks for another."""
_DIGITS: Final = (1.0, 2.0, 5.0)
_FINE_DIGITS: Final = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


def range_from_text(text: str) -> tuple[float, float]:
    """Return a range of D, in m²/s.

    Examples
    --------
    >>> range_from_text("1e-15m2/s:1e-11m2/s")
    (1e-15, 1e-11)

    Raises
    ------
    ValueError
        If there are not two ends with units.
    """
    ends = text.split(":")
    if len(ends) != 2:
        raise ValueError(f"'{text}' is no range: write it like '{USUAL_RANGE}'")
    low, high = (quantity_from_text(end, "m²/s") for end in ends)
    return low, high


def apparent_from_text(text: str) -> tuple[float, float | None]:
    """Return an apparent D and its standard error, in m²/s; None where the text has none.

    Raises
    ------
    ValueError
        If it is no D.
    """
    value, error = quantity_and_error_from_text(text, "m²/s")
    if not value > 0:
        raise ValueError(f"an apparent D must be larger than zero, not {text}")
    return value, error


def protocol_in_words(record: Evaluation) -> str:
    """Return what the curves depend on: pulse, windows, sampling, length and geometry."""
    settings, time = record.settings, record.time
    parts = [f"pulse {text_from_quantity(settings.protocol.pulse_duration or math.nan, 's', digits=4)}"]
    parts += [f"window {number} {_span(window)}" for number, window in settings.windows.items()]
    step = text_from_quantity(float(np.diff(time).mean()), "s", digits=4)
    parts.append(f"{time.size} samples, one in {step}")
    if settings.length is not None:
        name = settings.length.field.removesuffix("_radius")
        parts.append(f"{name} {text_from_quantity(settings.length.value, 'm', digits=4)}")
    parts.append(f"D = {settings.geometry}")
    return ", ".join(parts)


def _span(window: Window) -> str:
    if window.stop is None:
        return window.in_words
    return f"from {text_from_quantity(window.start, 's')} to {text_from_quantity(window.stop, 's')}"


def table_of_apparent(bands: NullBands) -> Table:
    """Return D1, D2 and D2/D1 of each source at round numbers of the true D, in the order of `bands.curves`."""
    columns: list[Column | str] = [Column("D", "m²/s", digits=1, scale=AS_IT_IS)]
    columns += ["D1", "D2", Column("D2/D1", decimals=2)] * len(bands.curves)
    rows = []
    for true in _round_numbers(*bands.true_range, _DIGITS):
        pairs = [[_at(curve, number, true) for number in WINDOWS] for curve in bands.curves.values()]
        rows.append([true, *(cell for d1, d2 in pairs for cell in (d1, d2, d2 / d1))])
    return Table("", "", columns, rows)


def table_of_corrections(bands: NullBands) -> Table | None:
    """Return the true D of each source and window at round numbers of the apparent one; None where none can be had."""
    columns = [(name, number) for name, curve in bands.curves.items() for number in curve.apparent]
    corrections = [bands.curves[name].correction(number) for name, number in columns]
    valid = [correction.valid for correction in corrections if correction.valid is not None]
    if not valid:
        return None
    heads = [f"{SOURCES[name]}, D{number}" for name, number in columns]
    ends = min(low for low, _ in valid), max(high for _, high in valid)
    rows = [
        [apparent, *(correction.apply(np.array([apparent]))[0][0] for correction in corrections)]
        for apparent in _round_numbers(*ends, _FINE_DIGITS)
    ]
    return Table("", "", [Column("apparent", digits=2), *heads], rows)


def sentences_about_corrections(bands: NullBands) -> Iterator[str]:
    """Return where each source and window leads back to the true D."""
    for name, curve in bands.curves.items():
        for number in curve.apparent:
            yield f"{SOURCES[name]}: {curve.correction(number).sentence()}."


def sentences_about_apparent(
    record: Evaluation, bands: NullBands, apparent: float, error: float | None
) -> Iterator[str]:
    """Return the true D that an apparent one comes to, if it is pure diffusion, for each source and window."""
    for entry in apparent_entries(bands, apparent, error):
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


def apparent_entries(bands: NullBands, apparent: float, error: float | None) -> Iterator[dict[str, Any]]:
    """Return the same as numbers, in m²/s; None where there is no true D."""
    for name, curve in bands.curves.items():
        for number in curve.apparent:
            correction = curve.correction(number)
            stderr = None if error is None else np.array([error])
            true, true_error = (float(values[0]) for values in correction.apply(np.array([apparent]), stderr))
            yield {
                "source": name, "window": number, "apparent": apparent, "D": plain_value(true),
                "D_stderr": plain_value(true_error), "valid": correction.sentence(),
            }  # fmt: skip


def table_of_curves(bands: NullBands) -> Table:
    """Return a row for each source and true D, in m²/s; a cell is empty where the recipe rejects."""
    rows: list[list[Any]] = []
    for name, curve in bands.curves.items():
        missing = np.full(curve.diffusion.shape, np.nan)
        columns = [curve.diffusion, *(curve.apparent.get(n, missing) for n in WINDOWS), curve.ratio]
        rows += [[name, *cells] for cells in zip(*(values.tolist() for values in columns), strict=True)]
    return Table("null_curve", "", ("source", "D", "D1", "D2", "D2/D1"), rows, on_page=False)


def section_from_bands(
    record: Evaluation, bands: NullBands, apparent: tuple[float, float | None] | None = None
) -> Section:
    """Return all that ``tesm null`` says, with its figure."""
    section = Section("pure_diffusion", "Pure diffusion")
    words = protocol_in_words(record)
    if apparent is not None:
        section.paragraphs.append("\n".join(sentences_about_apparent(record, bands, *apparent)))
    section.paragraphs += [
        f"Pure diffusion, fitted with one exponential for each window: {words}",
        f"{bands.sentence()} A dash is what the gates of the recipe reject at noise of {100 * bands.noise:.2g} % of H.",
        "\n".join(
            [
                "Back to the true D, if it is pure diffusion from that source:",
                *sentences_about_corrections(bands),
            ]
        ),
    ]

    def draw(figure: "Figure") -> None:
        from napari_tesm.plotting.null_curve import draw_null_page

        draw_null_page(figure, bands)

    section.figures.append(ReportFigure("null_curve", words, draw, (12.5, 4.6)))
    shown, back = table_of_apparent(bands), table_of_corrections(bands)
    sources = [f"{part}, {SOURCES[name]}" for name in bands.curves for part in ("D1", "D2", "D2/D1")]
    heads: list[Column | str] = [Column("true D", "m²/s", digits=1, scale=AS_IT_IS), *sources]
    section.tables.append(Table("apparent", "What the recipe shows of a true D, in m²/s.", heads, shown.rows))
    if back is not None:
        section.tables.append(
            Table("true", "The true D of an apparent one, in m²/s.", back.columns, back.rows)
        )
    section.tables.append(table_of_curves(bands))
    return section


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
