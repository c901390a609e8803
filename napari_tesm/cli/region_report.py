"""What `tesm regions` found, as a table on the terminal, as JSON and as CSV."""

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from napari_tesm.cli.region_scan import RegionScan
from napari_tesm.cli.spelling import spelled
from napari_tesm.evaluation.recipe import digest_of_maps
from napari_tesm.files.checksum import sha256_of_file
from napari_tesm.files.texts import printable
from napari_tesm.findings.comparison import NUMBERS
from napari_tesm.findings.table import LINE_WIDTH
from napari_tesm.quantities.numbers import plain_value
from napari_tesm.regions.measures import Measure, Part
from napari_tesm.scan.tables import PARTS_SHOWN, remarks_of, table_of_comparisons, table_of_parts
from napari_tesm.version import __version__

_WIDTHS: Final = (26, 8, 9, 6, 15, 11)
_IN_CSV: Final = (
    "part", "name", "class", "shape", "pixels", "quantity", "unit", "pulse", "voltage", "direction", *NUMBERS, "note",
)  # fmt: skip


def lines_of_measure(parts: Sequence[Part], measure: Measure) -> Iterator[str]:
    """Yield the table and the comparisons of a quantity, no line wider than 100 columns."""
    # A class of one region would only say again what the region's own line says.
    table = table_of_parts(parts, [measure], unit=measure.unit).with_texts(printable)
    table = table.kept(part.part != "class" or part.members > 1 for part in parts)
    yield ""
    yield from table.lines(
        PARTS_SHOWN, title=printable(measure.title), remarks=remarks_of(table), least=_WIDTHS
    )
    for sentence in (
        *(pair.sentence_about(measure.title) for pair in measure.comparisons),
        *measure.problems,
    ):
        text = printable(sentence.rstrip(".") + ".")
        # A probability and its number stay on one line.
        tied = re.sub("p ([=<]) ", "p\u00a0\\1\u00a0", text)
        for line in textwrap.wrap(tied, LINE_WIDTH, initial_indent="  ", subsequent_indent="    "):
            yield line.replace("\u00a0", " ")


def report_of_regions(scan: RegionScan, measures: Sequence[Measure], file: str) -> dict[str, Any]:
    """Return all numbers as JSON knows them: SI units, None where there is no number."""
    recipe = None
    with suppress(ValueError, KeyError, TypeError):  # somebody has edited it
        recipe = json.loads(scan.maps.attrs["recipe"]) if scan.maps is not None else None
    statistics = (
        table_of_parts(scan.parts, measures).select(["quantity", "unit", "pulse", *NUMBERS]).entries()
    )
    comparisons = table_of_comparisons(measures)
    return {
        "version": __version__,
        "input": {"name": Path(file).name, "sha256": sha256_of_file(file)},
        "recipe": recipe if isinstance(recipe, dict) else None,
        "recipe_digest": digest_of_maps(scan.maps) or None,
        "pulses": plain_value(scan.pulse_settings()),
        "parts": [
            {
                "part": part.part,
                "name": part.name,
                "class": part.region_class or None,
                "shape": part.shape or None,
                "pixels": part.pixels,
                "note": part.note or None,
                "statistics": statistics[index * len(measures) : (index + 1) * len(measures)],
            }
            for index, part in enumerate(scan.parts)
        ],
        "comparisons": comparisons.select(dict.fromkeys(comparisons.keys[1:])).entries(),
        "notes": [
            *map(spelled, scan.notes),
            *(f"{m.title}: {text}" for m in measures for text in m.problems),
        ],
    }


def csv_of_regions(scan: RegionScan, measures: Sequence[Measure]) -> str:
    """Return a row for each part, quantity and pulse setting, with the maps' recipe; empty where there is no number."""
    table = table_of_parts(scan.parts, measures, scan.pulse_settings()).select(_IN_CSV)
    return table.with_recipe(digest_of_maps(scan.maps)).csv(for_programs=True)
