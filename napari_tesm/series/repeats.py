"""Voltages that were scanned twice: whether tip, laser and gain stayed what they were."""

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from napari_tesm.series.alignment import AlignedSeries
from napari_tesm.statistics.ratios import AS_ONE_REGION, PairedRatio, paired_ratio_from_maps

_WORTH_SAYING: Final = 0.1


@dataclass(frozen=True)
class Repeat:
    """Two scans of one voltage.

    Parameters
    ----------
    labels : (str, str)
    of : str
        What they have in common: the voltage, or what else the series goes by.
    ratio : PairedRatio
        ``|H|`` of the second over that of the first, by the pixels that both have.
    """

    labels: tuple[str, str]
    of: str
    ratio: PairedRatio

    @property
    def sentence(self) -> str:
        """The comparison in words."""
        ratio = self.ratio
        interval = f"{ratio.low:.3g} to {ratio.high:.3g}" if ratio.has_interval else AS_ONE_REGION
        first, second = self.labels
        return f"H at {second} is {ratio.median:.3g} times ({interval}) that at {first}, the same {self.of}."

    @property
    def warning(self) -> str:
        """What this says of all other differences, where the two differ by more than a tenth; else empty."""
        chance = self.ratio.low <= 1 <= self.ratio.high  # not where there is no interval
        if chance or abs(self.ratio.median - 1) < _WORTH_SAYING:
            return ""
        return (
            f"{self.sentence} Tip, laser spot or gain may have changed between scans; the tests between {self.of}s do "
            "not know of it."
        )


def repeats_of_series(aligned: AlignedSeries) -> list[Repeat]:
    """Return how each pair of scans of one voltage differs; those without common pixels are left out."""
    repeats = []
    members = aligned.series.members
    for first, second in combinations(range(len(members)), 2):
        if members[first].at == members[second].at:
            a, b = (np.abs(aligned.measured(index)) for index in (first, second))
            ratio = paired_ratio_from_maps(b, a)
            if ratio is not None:
                repeats.append(
                    Repeat((members[first].label, members[second].label), aligned.series.abscissa.name, ratio)
                )
    return repeats
