"""What a sample comes to, and two samples held against each other, as columns of a table and as JSON holds them.

Regions, grains, controls, the report and the screen take them from here: one order, one set of keys.
"""

from typing import Any, Final

import numpy as np

from napari_tesm.findings.table import Column, Table
from napari_tesm.statistics.description import Description
from napari_tesm.statistics.ranks import Comparison
from napari_tesm.statistics.ratios import SignalRatio

NUMBERS: Final = ("n", "median", "q25", "q75", "mean", "std", "n_below", "n_above")
"""Keys of what is said of a sample; the last two count the values that are lower and higher than can be told."""
_TITLES: Final = (
    "n",
    "median",
    "quartile 1",
    "quartile 3",
    "mean",
    "standard deviation",
    "n below",
    "n above",
)

COMPARISON: Final = (
    Column("first", key="names"), Column("second", key="names"), Column("n first", key="n"),
    Column("n second", key="n"), Column("independent first", key="independent"),
    Column("independent second", key="independent"), Column("median first", key="medians"),
    Column("median second", key="medians"), Column("ratio of medians", key="ratio"), Column("from", key="ratio_ci"),
    Column("to", key="ratio_ci"), Column("Cliff's delta", key="cliffs_delta"), Column("effect"),
    Column("Hedges' g", key="hedges_g"), Column("p", key="p_value"),
)  # fmt: skip
"""What is said of two samples: names, counts, medians, their ratio with its 95 % interval, effect sizes, rank test."""


def description_columns(unit: str = "", *, logarithmic: bool = False) -> list[Column]:
    """Return the columns of `NUMBERS`, in the unit that suits the median; the spread of logarithms is a factor."""
    units = (
        dict.fromkeys(NUMBERS, unit)
        | {key: "" for key in NUMBERS if key.startswith("n")}
        | ({"std": ""} if logarithmic else {})
    )
    return [
        Column(title, units[key], key=key, scale="median")
        for key, title in zip(NUMBERS, _TITLES, strict=True)
    ]


def description_cells(sample: Description, *, logarithmic: bool = False) -> list[Any]:
    """Return the cells of `NUMBERS`; of logarithms (base 10) what they stand for."""
    measured = (sample.median, sample.q25, sample.q75, sample.mean, sample.std)
    numbers = (float(10.0**value) if logarithmic and np.isfinite(value) else value for value in measured)
    return [sample.n, *numbers, sample.n_below, sample.n_above]


def comparison_cells(pair: Comparison | SignalRatio, names: tuple[str, str] = ("", "")) -> list[Any]:
    """Return the cells of `COMPARISON`; a comparison has names of its own."""
    names = pair.names if isinstance(pair, Comparison) else names
    cells: list[Any] = [*names, *pair.n, *pair.independent, *pair.medians, pair.ratio]
    if isinstance(pair, SignalRatio):
        return [*cells, pair.low, pair.high, None, None, None, None]
    cells += [pair.ratio_low, pair.ratio_high]
    return [*cells, pair.cliffs_delta, pair.size_in_words, pair.hedges_g, pair.p_value]


def comparison_entry(pair: Comparison | SignalRatio, names: tuple[str, str] = ("", "")) -> dict[str, Any]:
    """Return a comparison as JSON holds it, everywhere with the same keys; None where there is no number."""
    return Table("", "", COMPARISON, [comparison_cells(pair, names)]).entries()[0]
