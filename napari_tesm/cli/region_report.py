"""What `tesm regions` found, as a table on the terminal, as JSON and as CSV."""

import csv
import math
import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final, TextIO

from napari_tesm.cli.terminal import printable
from napari_tesm.quantities.scaling import Scaling, scaling_of
from napari_tesm.regions.measures import Measure, Part
from napari_tesm.statistics.comparison import Comparison
from napari_tesm.statistics.description import Description

LINE_WIDTH: Final = 100
"""Columns of the terminal that are used."""
_NAME_WIDTH: Final = 26
_COLUMNS: Final = (("class", 8), ("n/px", 13), ("median", 8), ("quartiles", 17))
_COLUMNS_OF_CSV: Final = (
    "part", "name", "class", "shape", "pixels", "quantity", "unit", "pulse", "voltage", "direction",
    "n", "median", "q25", "q75", "mean", "std", "note",
)  # fmt: skip
_NUMBERS: Final = ("median", "q25", "q75", "mean", "std")

Pulse = dict[str, Any]


def lines_of_table(parts: Sequence[Part], measures: Sequence[Measure]) -> Iterator[str]:
    """Yield the table and the comparisons of each quantity, no line wider than 100 columns."""
    for measure in measures:
        scaling = scaling_of([found.median for found in measure.values], measure.unit)
        yield ""
        unit = f" in {scaling.unit}" if scaling.unit else ""
        title = printable(f"{measure.title}{unit}")
        if _length(title) > _NAME_WIDTH:
            yield from textwrap.wrap(title, LINE_WIDTH)
            title = ""
        cells = [_fitted(title, _NAME_WIDTH), *(_padded(name, width) for name, width in _COLUMNS)]
        yield "  ".join([*cells, "mean ± sd"])
        for part, found in zip(parts, measure.values, strict=True):
            # A class of one region would only say again what the region's own line says.
            if part.part != "class" or part.members > 1:
                yield _row(part, found, scaling)
        for sentence in (
            *(one.sentence_about(measure.title) for one in measure.comparisons),
            *measure.problems,
        ):
            text = printable(sentence.rstrip(".") + ".")
            # A probability and its number stay on one line.
            tied = re.sub("p ([=<]) ", "p\u00a0\\1\u00a0", text)
            for line in textwrap.wrap(tied, LINE_WIDTH, initial_indent="  ", subsequent_indent="    "):
                yield line.replace("\u00a0", " ")


def _row(part: Part, found: Description, scaling: Scaling) -> str:
    shown = part.region_class if part.part in ("region", "class") else ""
    head = [_fitted(part.name, _NAME_WIDTH), _fitted(shown, _COLUMNS[0][1])]
    if part.note:
        return "  ".join([*head, part.note])
    head.append(_padded(f"{found.n}/{part.pixels}", _COLUMNS[1][1]))
    if not found.n:
        return "  ".join([*head, "no value in these pixels"])
    cells = [scaling.text(found.median), f"{scaling.text(found.q25)} … {scaling.text(found.q75)}"]
    head += [_padded(text, width) for text, (_, width) in zip(cells, _COLUMNS[2:], strict=True)]
    return "  ".join([*head, scaling.text_with_spread(found.mean, found.std)])


def _fitted(text: str, width: int) -> str:
    """Return a name on one line, cut or padded to a number of columns of the terminal."""
    shown, used = "", 0
    for letter in printable(text):
        used += _columns(letter)
        if used > width:
            break
        shown += letter
    else:
        return _padded(shown, width)
    while shown and _length(shown) > width - 1:
        shown = shown[:-1]
    return _padded(f"{shown}…", width)


def _padded(text: str, width: int) -> str:
    """Return a text padded to a number of columns; a number that is longer stays whole."""
    return text + " " * max(0, width - _length(text))


def _length(text: str) -> int:
    return sum(map(_columns, text))


def _columns(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def report_of_regions(
    parts: Sequence[Part],
    measures: Sequence[Measure],
    pulses: Sequence[Pulse],
    *,
    version: str,
    name: str,
    sha256: str,
    recipe: dict[str, Any] | None,
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return all numbers as JSON knows them: SI units, None where there is no number.

    Parameters
    ----------
    pulses : sequence of dict
        Voltage and direction of each pulse setting.
    recipe : dict, optional
        What made the maps.
    """
    return {
        "version": version,
        "input": {"name": name, "sha256": sha256},
        "recipe": recipe,
        "pulses": [{key: _number(value) for key, value in pulse.items()} for pulse in pulses],
        "parts": [
            {
                "part": part.part,
                "name": part.name,
                "class": part.region_class or None,
                "shape": part.shape or None,
                "pixels": part.pixels,
                "note": part.note or None,
                "statistics": [
                    {
                        "quantity": measure.quantity,
                        "unit": measure.unit,
                        "pulse": _pulse_number(measure),
                        "n": measure.values[index].n,
                        **{key: _number(getattr(measure.values[index], key)) for key in _NUMBERS},
                    }
                    for measure in measures
                ],
            }
            for index, part in enumerate(parts)
        ],
        "comparisons": [
            {
                "quantity": measure.quantity,
                "unit": measure.unit,
                "pulse": _pulse_number(measure),
                **_comparison(one),
                "sentence": one.sentence_about(measure.title),
            }
            for measure in measures
            for one in measure.comparisons
        ],
        "notes": [*notes, *(f"{m.title}: {text}" for m in measures for text in m.problems)],
    }


def _comparison(one: Comparison) -> dict[str, Any]:
    return {
        "names": list(one.names),
        "n": list(one.n),
        "independent": [_number(value) for value in one.independent],
        "medians": [_number(value) for value in one.medians],
        "ratio": _number(one.ratio),
        "ratio_ci": None
        if not math.isfinite(one.ratio)
        else [_number(one.ratio_low), _number(one.ratio_high)],
        "cliffs_delta": _number(one.cliffs_delta),
        "effect": one.size_in_words,
        "hedges_g": _number(one.hedges_g),
        "p_value": _number(one.p_value),
    }


def write_csv(
    file: TextIO, parts: Sequence[Part], measures: Sequence[Measure], pulses: Sequence[Pulse]
) -> None:
    """Write a row for each part, quantity and pulse setting; empty where there is no number."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS_OF_CSV)
    for index, part in enumerate(parts):
        for measure in measures:
            found = measure.values[index]
            pulse = {"voltage": "", "direction": ""} if measure.pulse is None else pulses[measure.pulse]
            numbers = [getattr(found, key) for key in _NUMBERS]
            texts = [printable(text) for text in (part.name, part.region_class, measure.quantity)]
            row = [
                part.part, *texts[:2], part.shape, part.pixels, texts[2], measure.unit, _pulse_number(measure) or "",
                pulse["voltage"], pulse["direction"], found.n, *numbers, part.note,
            ]  # fmt: skip
            writer.writerow("" if isinstance(cell, float) and math.isnan(cell) else cell for cell in row)


def _pulse_number(measure: Measure) -> int | None:
    return None if measure.pulse is None else measure.pulse + 1


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
