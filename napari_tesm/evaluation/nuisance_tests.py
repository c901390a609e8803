"""Whether drift, a step with the voltage and mains are in the traces of a map, from fits that have them all.

Each has a number and a standard error under the noise as measured, in every pixel. A nuisance of one sign all over the
map shows in the mean of the numbers in standard errors, one of any sign or phase in their spread.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.leftovers import Leftovers, WindowLeftovers
from napari_tesm.evaluation.tangents import parameter_names
from napari_tesm.kernels.nuisances import Nuisances
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.errors import factors_from_tangents
from napari_tesm.quantities.status import OK

Array = NDArray[np.float64]

_SIGNIFICANT: Final = 5.0
"""Standard deviations by which a nuisance must show in the map as a whole."""
_WORTH: Final = 0.3
"""A nuisance is fitted where leaving it out moves ln tau by more than this part of its standard error."""
_CLIPPED: Final = 3.0
"""Single scores count up to here."""
_MEAN_OF_CLIPPED, _VARIANCE_OF_CLIPPED = 0.9950, 1.80
"""Of min(z², 9) for a standard normal z."""
_FREQUENCIES: Final = np.arange(44.0, 67.0)
"""Where mains are looked for, in Hz."""
_FEWEST: Final = 24
"""Fits that are resolved; with fewer there is no tau to be moved."""


@dataclass(frozen=True)
class NuisanceTest:
    """Whether a nuisance is there.

    Parameters
    ----------
    text : str
        As a recipe says it: ``drift``, ``step`` or ``mains:50Hz``.
    significance : float
        In standard deviations of what noise alone would show in the map as a whole.
    size : float
        Root mean square of its part of the height of the fitted curve.
    bias : float
        Root mean square by which it moves ln tau where it is left out, in standard errors.
    """

    text: str
    significance: float
    size: float
    bias: float

    @property
    def counts(self) -> bool:
        """Whether it has to be fitted."""
        return self.significance > _SIGNIFICANT and self.bias > _WORTH


def tests_of_nuisances(
    leftovers: Sequence[Leftovers], noises: Sequence[NoiseModel], evaluation: Evaluation
) -> tuple[NuisanceTest, ...]:
    """Return the test of each nuisance that is fitted, beside the others.

    Parameters
    ----------
    leftovers, noises
        Of each pulse setting.
    """
    parts = [
        scores
        for left, noise in zip(leftovers, noises, strict=True)
        for window in left.windows
        for scores in _scores(left, window, noise, evaluation)
    ]
    tests = []
    for text in evaluation.settings.nuisances.texts:
        rows = [numbers for name, numbers in parts if name.startswith(text.partition(":")[0])]
        if not rows:
            tests.append(NuisanceTest(text, 0.0, 0.0, 0.0))
            continue
        # The columns of one nuisance stand side by side, traces below each other.
        z, part, part_of_noise, bias, bias_of_noise = np.concatenate(rows, axis=1)
        clipped = np.clip(z, -_CLIPPED, _CLIPPED)
        common = abs(clipped.mean()) * np.sqrt(z.size)
        excess = (np.square(clipped).mean() - _MEAN_OF_CLIPPED) * np.sqrt(z.size / _VARIANCE_OF_CLIPPED)
        size, moved = (
            float(
                np.sqrt(
                    len({name for name, _ in parts if name.startswith(text.partition(":")[0])})
                    * max(0.0, _trimmed_mean(np.square(number) - np.square(error)))
                )
            )
            for number, error in ((part, part_of_noise), (bias, bias_of_noise))
        )
        tests.append(NuisanceTest(text, float(max(common, excess)), size, moved))
    return tuple(tests)


def _scores(
    left: Leftovers, window: WindowLeftovers, noise: NoiseModel, evaluation: Evaluation
) -> Iterator[tuple[str, Array]]:
    """Yield for each column, cell by cell, rows over the traces whose tau is resolved.

    The number in standard errors; in parts of the curve's height, and its error; the shift of ln tau where it is left
    out in standard errors of tau, and the error of that.
    """
    number, maps, kernel = window.number, left.maps, evaluation.settings.kernel
    nuisances = evaluation.settings.nuisance_columns(number, window.times)
    amplitude, tau, error, status = (
        maps[map_name(name, number)] for name in ("a", "tau", "tau_stderr", "status")
    )
    resolved = (status == OK) & np.isfinite(window.residuals).all(axis=1)
    if nuisances is None or resolved.sum() < _FEWEST:
        return
    covariance = noise.covariance(window.times)
    own = len(parameter_names(kernel))
    for cell, tangents in enumerate(window.tangents):
        rows = resolved & (window.cells.members == cell)
        if not rows.any() or tangents.shape[1] <= own:
            continue
        factors = factors_from_tangents(tangents, covariance)
        # What a fit without the nuisances makes of each: least squares on the tangents, first that of ln tau.
        moved = np.linalg.lstsq(tangents[:, :own], nuisances.columns, rcond=None)[0][0]
        alone = factors_from_tangents(tangents[:, :own], covariance)
        shrunk = (
            _relative_error(tangents[:, :own])
            * alone.errors[0]
            / (_relative_error(tangents) * factors.errors[0])
        )
        size = np.abs(amplitude[rows])
        height = size * np.ptp(tangents[:, own - 2])  # the derivative by the amplitude is the curve
        scale = size * factors.errors[0] * error[rows] / tau[rows] * shrunk
        for column, name in enumerate(nuisances.names):
            numbers = maps[map_name(name, number)][rows]
            if name.startswith("mains"):
                # Mains meet every trace at another phase; what is alike in all is what the kernel misses.
                numbers = numbers - size * np.median(numbers / size)
            errors = maps[map_name(f"{name}_stderr", number)][rows] * factors.errors[own + column]
            shift = moved[column] / scale
            parts = [numbers / errors, numbers / height, errors / height, numbers * shift, errors * shift]
            yield name, np.stack(parts)


def _relative_error(tangents: Array) -> float:
    """Return the standard error of the first parameter for white noise of variance 1."""
    inverse = np.linalg.pinv(tangents)
    return float(np.linalg.norm(inverse[0]))


def _trimmed_mean(values: Array) -> float:
    """Return the mean without the most extreme twentieth on either side."""
    ordered = np.sort(values)
    cut = ordered.size // 20
    return float(ordered[cut : ordered.size - cut].mean())


def mains_frequency(leftovers: Sequence[Leftovers]) -> float | None:
    """Return the frequency between 45 and 65 Hz that takes most out of what is left over, beside what the fits took.

    None where the most lies outside: whatever that is, it is no mains.
    """
    taken = np.zeros(_FREQUENCIES.size)
    for left in leftovers:
        for window in left.windows:
            for cell, tangents in enumerate(window.tangents):
                residuals = window.residuals[window.cells.members == cell]
                residuals = residuals[np.isfinite(residuals).all(axis=1)]
                fitted = np.linalg.qr(tangents)[0]
                for place, frequency in enumerate(_FREQUENCIES):
                    columns = Nuisances(mains=float(frequency)).columns(window.times, None, None)
                    basis = np.linalg.qr(columns - fitted @ (fitted.T @ columns))[0]
                    taken[place] += np.square(residuals @ basis).sum()
    best = int(taken.argmax())
    return float(_FREQUENCIES[best]) if 0 < best < _FREQUENCIES.size - 1 else None
