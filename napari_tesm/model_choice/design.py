r"""Which record would tell the kernels apart best: what each kernel would miss of the other on records not made yet.

On a record of the fitted kernel a rival leaves at least

.. math:: \delta = \min_p\,(y - m(p))^T R^{-1} (y - m(p)) / \sigma^2

over, y the curve of the fitted kernel, R and σ the noise as it was measured. For the rival's least squares δ is the
non-centrality of χ², so that the AICc of a pixel is larger by
:math:`n \ln(1 + \delta/n) + \Delta(\text{penalty}) - \Delta k` on average, with a variance of
:math:`4\delta + 2|\Delta k|`, k the numbers of a kernel and n the independent samples (Wilks, S. S. (1938). Ann. Math.
Stat. 9, 60-62; Davidson, R. R. and Lever, W. E. (1970). Sankhya A 32, 209-224, where the kernel is wrong). How many
pixels make the choice clear follows from both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from napari_tesm.kernels.named import ALL_KERNELS
from napari_tesm.model_choice.rivals import Recorded, Rival, Sample, Setting
from napari_tesm.model_choice.votes import CLEAR
from napari_tesm.quantities.text import text_from_quantity

_SURE: Final = 1.645
"""Standard deviations within which 95 % of the choices are clear."""
PULSES: Final = (0.3, 3.0, 10.0)
"""Other lengths of the pulse, in parts of the present one."""
RECORDS: Final = (0.5, 2.0, 4.0)
"""Other lengths of the record after the pulse, in parts of the present one."""
_FEWEST_SAMPLES: Final = 16
"""Of a window of a record that is proposed."""


@dataclass(frozen=True)
class Candidate:
    """A record of a pixel: one pulse setting, or two that one kernel describes with the same times.

    Parameters
    ----------
    name : str
        In words.
    settings : tuple of Setting
    """

    name: str
    settings: tuple[Setting, ...]

    @property
    def duration(self) -> float:
        """How long a pixel takes, in s."""
        return sum(setting.duration for setting in self.settings)


@dataclass(frozen=True)
class Separation:
    """How far a record tells the fitted kernel from a rival.

    Parameters
    ----------
    rival : str
    noncentrality : float
        δ of a pixel: what the rival misses, in variances of the noise.
    difference : float
        By which the rival's AICc of a pixel is larger on average.
    pixels : float
        With which the choice is clear in 95 % of the cases; infinite where no number makes it so.
    """

    rival: str
    noncentrality: float
    difference: float
    pixels: float


@dataclass(frozen=True)
class DesignRow:
    """A record, and how it tells the fitted kernel from each rival."""

    candidate: Candidate
    separations: tuple[Separation, ...]

    @property
    def closest(self) -> Separation:
        """The rival that takes most pixels."""
        return max(self.separations, key=lambda separation: separation.pixels)


@dataclass(frozen=True)
class Design:
    """Records that might be made of a sample, the present one first.

    Parameters
    ----------
    kernel : str
        That the traces support, and that was taken for the right one.
    amplitude : float
        Of its curve, in standard deviations of a sample of the noise.
    rows : tuple of DesignRow
    pixels : int
        That have a vote as recorded.
    """

    kernel: str
    amplitude: float
    rows: tuple[DesignRow, ...]
    pixels: int = 0

    @property
    def best(self) -> DesignRow:
        """The record that takes the fewest pixels to tell the kernel from its closest rival."""
        return min(self.rows, key=lambda row: (row.closest.pixels, row.candidate.duration))

    def sentence(self) -> str:
        """Return which record tells the kernels apart best, in words."""
        present, best = self.rows[0], self.best
        rival = best.closest.rival
        now = next(one.pixels for one in present.separations if one.rival == present.closest.rival)
        if not math.isfinite(best.closest.pixels):
            return f"None of these records tells '{self.kernel}' from '{rival}' with any number of pixels."
        told = f"'{self.kernel}' from '{present.closest.rival}'"
        if best is present or best.closest.pixels > 0.8 * now:
            return (
                f"No other record tells {told} with clearly fewer pixels than the present one, {_count(now)}."
            )
        then = next(one.pixels for one in best.separations if one.rival == present.closest.rival)
        words = f"{best.candidate.name[0].upper()}{best.candidate.name[1:]} tells {told} with {_count(then)}"
        words += f" where the present record needs {_count(now, unit='')}"
        if rival != present.closest.rival and best.closest.pixels > then:
            words += f"; '{rival}' then takes most, {_count(best.closest.pixels)}"
        return f"{words}."

    def to_dict(self) -> dict[str, Any]:
        """Return the design as JSON holds it, times in s."""
        return {
            "kernel": self.kernel,
            "amplitude": self.amplitude,
            "pixels_present": self.pixels,
            "sentence": self.sentence(),
            "records": [
                {
                    "name": row.candidate.name,
                    "duration": row.candidate.duration,
                    "pulses": [setting.pulse for setting in row.candidate.settings],
                    "after": [setting.after for setting in row.candidate.settings],
                    "rivals": {
                        one.rival: {
                            "noncentrality": one.noncentrality,
                            "aicc": one.difference,
                            "pixels": one.pixels if math.isfinite(one.pixels) else None,
                        }
                        for one in row.separations
                    },
                }
                for row in self.rows
            ],
        }


def design_from_sample(
    sample: Sample, rivals: Sequence[str], *, candidates: Sequence[Candidate] | None = None, pixels: int = 0
) -> Design:
    """Return how well records would tell the kernel of a sample from its rivals.

    Parameters
    ----------
    rivals : sequence of str
        Other kernels.
    candidates : sequence of Candidate, optional
        The present record first; by default `candidate_records`.
    pixels : int
        That have a vote.
    """
    records = candidate_records(sample) if candidates is None else candidates
    rows = []
    for candidate in records:
        recorded = [Recorded.of(sample, setting) for setting in candidate.settings]
        rows.append(DesignRow(candidate, tuple(_separation(sample, recorded, rival) for rival in rivals)))
    return Design(sample.kernel, float(max(np.abs(sample.amplitudes))), tuple(rows), pixels)


def candidate_records(sample: Sample) -> list[Candidate]:
    """Return the present record, other pulses, other lengths after it, and a second pulse beside the present one."""
    present = sample.setting
    records = [Candidate("the present record", (present,))]
    for factor in PULSES:
        other = Setting(factor * present.pulse, present.after)
        records.append(Candidate(f"a pulse of {_time(other.pulse)}", (other,)))
    for factor in RECORDS:
        other = Setting(present.pulse, factor * present.after)
        records.append(Candidate(f"{_time(other.after)} after the pulse", (other,)))
    for factor in PULSES:
        other = Setting(factor * present.pulse, present.after)
        records.append(Candidate(f"a second pulse of {_time(other.pulse)}", (present, other)))
    least = _FEWEST_SAMPLES * sample.step + sample.skip
    return [record for record in records if all(min(s.pulse, s.after) >= least for s in record.settings)]


def _separation(sample: Sample, recorded: Sequence[Recorded], rival: str) -> Separation:
    curves = [record.truth(sample) for record in recorded]
    log_time = float(np.log(sample.shapes[-1]["tau"]))
    delta = Rival(rival, recorded, curves).noncentrality(log_time)
    n = sum(record.decorrelation.effective for record in recorded)
    more = _numbers(rival, len(recorded)), _numbers(sample.kernel, len(recorded))
    penalty = [2 * k + 2 * k * (k + 1) / max(n - k - 1, 1.0) for k in more]
    apart = more[0] - more[1]
    difference = n * math.log1p(delta / n) + (penalty[0] - penalty[1]) - apart
    variance = 4 * delta / (1 + delta / n) + 2 * abs(apart)
    return Separation(rival, delta, difference, pixels_for_choice(difference, variance))


def pixels_for_choice(difference: float, variance: float) -> float:
    """Return how many pixels make their AICc together differ by `CLEAR` in 95 % of the cases.

    Parameters
    ----------
    difference, variance : float
        Mean and variance of the difference in a pixel.

    Examples
    --------
    >>> pixels_for_choice(10.0, 0.0), pixels_for_choice(0.5, 2.0), pixels_for_choice(-1.0, 4.0)
    (1.0, 55.0, inf)
    """
    if difference <= 0:
        return math.inf
    spread = _SURE * math.sqrt(variance)
    root = (spread + math.sqrt(spread**2 + 4 * difference * CLEAR)) / (2 * difference)
    return float(max(1, math.ceil(root**2 - 1e-9)))


def _numbers(kernel: str, settings: int) -> int:
    """Return how many numbers a kernel has on so many settings: times once, all others and the noise for each."""
    known = ALL_KERNELS[kernel]
    shapes = 1 if known.joint else 2
    return shapes * (known.parameters - 2) + settings * (2 * shapes + 1)


def _time(seconds: float) -> str:
    return text_from_quantity(seconds, "s", digits=3)


def _count(pixels: float, *, unit: str = " pixels") -> str:
    if not math.isfinite(pixels):
        return "more than any number of" + (unit or " pixels")
    return f"{pixels:.0f}{unit if pixels != 1 else unit.rstrip('s')}"
