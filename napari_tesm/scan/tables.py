"""The tables of a scan: its regions, its grains, the kernels of its traces; for all doors from the same columns."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from napari_tesm.findings.comparison import (
    COMPARISON,
    comparison_cells,
    description_cells,
    description_columns,
)
from napari_tesm.findings.table import Column, Joined, Table
from napari_tesm.grains import DistanceBins, GrainMeasure, GrainRow
from napari_tesm.model_choice.design import Design
from napari_tesm.model_choice.votes import KernelVotes, rounded
from napari_tesm.quantities.scaling import Scaling
from napari_tesm.regions.measures import Measure, Part

_COUNT: Final = Joined("n/px", ("n", "pixels"), "{}/{}")
_MEDIAN: Final = Joined("median", ("median",))
_QUARTILES: Final = Joined("quartiles", ("q25", "q75"), "{} … {}")
PARTS_SHOWN: Final = (
    "name", "class", _COUNT, _MEDIAN, _QUARTILES, Joined("mean ± sd", ("mean", "std"), Scaling.text_with_spread)
)  # fmt: skip
"""What the terminal shows of the parts of an image."""
CLASSES_SHOWN: Final = ("class", _COUNT, _MEDIAN, _QUARTILES)
"""What the terminal shows of classes of pixels, beside their mean."""
VOTES_SHOWN: Final = (
    "kernel", "parameters", Joined("best in", ("best_share",), "{} %"),
    Joined("AICc", ("aicc_behind",), lambda _, behind: "best" if behind == 0 else f"+{rounded(behind)}"),
    Joined("misfit", ("misfit_share",), lambda _, share: "–" if share is None else f"{max(share, 0):.1f} %"),
)  # fmt: skip
"""What the terminal and the screen show of the votes."""


def table_of_parts(
    parts: Sequence[Part],
    measures: Sequence[Measure],
    pulses: Sequence[Mapping[str, Any]] = (),
    *,
    unit: str = "",
) -> Table:
    """Return what each quantity comes to in each part of an image; texts are empty where there is nothing to say.

    Parameters
    ----------
    pulses : sequence of mapping
        Voltage and direction of each pulse setting.
    unit : str
        Of the quantities, where all have the same: they are shown in it.
    """
    columns: list[Column | str] = [
        Column("kind", key="part"), Column("part", key="name"), "class", "shape", "pixels", "note", *_WHAT, "voltage",
        "direction", *description_columns(unit),
    ]  # fmt: skip
    rows: list[list[Any]] = []
    for index, part in enumerate(parts):
        for measure in measures:
            pulse = pulses[measure.pulse] if pulses and measure.pulse is not None else {}
            rows.append(
                [
                    part.part, part.name, part.region_class, part.shape, part.pixels, part.note, *_what(measure),
                    pulse.get("voltage"), pulse.get("direction"), *description_cells(measure.values[index]),
                ]
            )  # fmt: skip
    return Table("", "", columns, rows)


def remarks_of(table: Table) -> list[str]:
    """Return what stands in place of the numbers in the rows of a table that have none."""
    notes = table.values("note") if "note" in table.keys else [""] * len(table.rows)
    return [
        note or ("" if n else "no value in these pixels")
        for note, n in zip(notes, table.values("n"), strict=True)
    ]


def table_of_comparisons(measures: Sequence[Measure]) -> Table:
    """Return one part of the image against another, for each quantity."""
    rows = [
        [*_what(measure), *comparison_cells(pair), pair.sentence_about(measure.title)]
        for measure in measures
        for pair in measure.comparisons
    ]
    return Table("", "", [*_WHAT, *COMPARISON, "sentence"], rows)


_WHAT: Final = (Column("quantity", key="title"), "quantity", "unit", "pulse")


def _what(measure: Measure | GrainMeasure) -> list[Any]:
    pulse = None if measure.pulse is None else measure.pulse + 1
    return [measure.title, measure.quantity, measure.unit, pulse]


# Grains


def table_of_classes(measures: Sequence[GrainMeasure], *, unit: str = "") -> Table:
    """Return what each quantity comes to in each class of pixels; `unit` as for `table_of_parts`."""
    columns: list[Column | str] = [
        *_WHAT, "logarithmic", Column("pixels", key="class"), Column("pixels of the class", key="pixels"),
        *description_columns(unit, logarithmic=any(measure.logarithmic for measure in measures)), "verdict",
    ]  # fmt: skip
    rows = [
        [
            *_what(measure), measure.logarithmic, name, sample.n_total,
            *description_cells(sample, logarithmic=measure.logarithmic),
            measure.verdict if name == "boundary" else None,
        ]
        for measure in measures
        for name, sample in measure.values.items()
    ]  # fmt: skip
    return Table("", "", columns, rows)


def table_of_distances(measures: Sequence[GrainMeasure], curves: Sequence[DistanceBins]) -> Table:
    """Return each quantity against the distance from the nearest boundary, a row for each bin."""
    titles = {
        "distance": "distance", "n": "n", "independent": "independent", "median": "median", "low": "from",
        "high": "to", "q25": "quartile 1", "q75": "quartile 3",
    }  # fmt: skip
    columns: list[Column | str] = [
        *_WHAT,
        "bin_width",
        *(Column(title, key=key) for key, title in titles.items()),
    ]
    rows = [
        [*_what(measure), curve.bin_width, *bins]
        for measure, curve in zip(measures, curves, strict=True)
        for bins in zip(*(getattr(curve, key).tolist() for key in titles), strict=True)
    ]
    return Table("", "", columns, rows)


def table_of_grain_rows(rows: Sequence[GrainRow], *, lateral_unit: str, height_unit: str) -> Table:
    """Return what the grains are; `table_of_grain_values` goes beside it."""
    columns: list[Column | str] = [
        Column("grain", key="id"), "class", "pixels",
        Column("area", lateral_unit and f"{lateral_unit}²"), Column("diameter", lateral_unit),
        Column("mean height", height_unit, key="mean_height"), Column("x", lateral_unit), Column("y", lateral_unit),
        Column("touches the edge", key="touches_edge"),
    ]  # fmt: skip
    return Table(
        "", "", columns,
        [
            [row.number, row.grain_class, row.pixels, row.area, row.diameter, row.height, row.x, row.y, row.at_edge]
            for row in rows
        ],
    )  # fmt: skip


def table_of_grain_values(
    rows: Sequence[GrainRow], quantity: str, pulse: int, unit: str, *, key: str = "{}"
) -> Table:
    """Return a quantity of one pulse setting in each grain.

    Parameters
    ----------
    key : str
        How the keys of the columns are made: ``"D2_{}"`` where several quantities stand side by side.
    """
    titles = ("n", "median", "quartile 1", "quartile 3", "IQR", "boundary/interior")
    columns: list[Column | str] = [
        Column(
            f"{quantity} {title}",
            unit * (name in _MEASURED),
            key=key.format(name),
            scale=key.format("median"),
        )
        for name, title in zip(GRAIN_VALUES, titles, strict=True)
    ]
    values = [row.values[quantity, pulse] for row in rows]
    return Table("", "", columns, [[getattr(grain, name) for name in GRAIN_VALUES] for grain in values])


GRAIN_VALUES: Final = ("n", "median", "q25", "q75", "iqr", "boundary_ratio")
"""Keys of what is said of a quantity in a grain."""
_MEASURED: Final = GRAIN_VALUES[1:5]


# Kernels


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def table_of_design(design: Design) -> Table:
    """Return how many pixels each record takes to tell the kernel of a sample from each rival."""
    rivals = [separation.rival for separation in design.rows[0].separations]
    columns: list[Column | str] = [
        "record",
        Column("time of a pixel", "s", key="duration"),
        *(Column(rival, key=rival, decimals=0) for rival in rivals),
    ]
    rows = [
        [row.candidate.name, row.candidate.duration, *(_pixels(one.pixels) for one in row.separations)]
        for row in design.rows
    ]
    return Table("", "", columns, rows)


def _pixels(count: float) -> float | None:
    return count if math.isfinite(count) else None


def table_of_votes(votes: KernelVotes) -> Table:
    """Return what the traces say of each kernel, the best first."""
    columns: list[Column | str] = [
        "kernel", "parameters", Column("best in, %", key="best_share", decimals=1),
        Column("AICc", key="aicc_behind"),
        Column("misfit, %", key="misfit_share", decimals=1),
    ]  # fmt: skip
    rows = [
        [
            name, votes.parameters[votes.kernels.index(name)], 100 * votes.share(name), votes.behind(name),
            _percent(votes.misfit_share(name)),
        ]
        for name in votes.ranked()
    ]  # fmt: skip
    return Table("", "", columns, rows)
