"""Whether drift, a step with the voltage and mains are in the traces of a map, from fits that have them all.

Each has a number and a standard error under the noise as measured, in every pixel. A nuisance of one sign all over the
map shows in the mean of the numbers in standard errors, one of any sign or phase in their spread.

A kernel that is wrong takes them for what it misses. As they are not of that shape it misses more beside them, and the
test says how much that is of what they take.
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
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.errors import factors_of_shapes
from napari_tesm.noise.misfit import share_by_chance, without_misfit
from napari_tesm.quantities.status import OK

Array = NDArray[np.float64]

_SIGNIFICANT: Final = 5.0
"""Standard deviations by which a nuisance must show in the map as a whole."""
_WORTH: Final = 0.3
"""A nuisance is fitted where leaving it out moves ln tau by more than this part of its standard error."""
_MOST_MISSED: Final = 0.1
"""Of what a nuisance and the kernel's error make together. Beside right kernels of traces at SNR 3 to 100 the error
makes up to 0.05, beside wrong ones 0.3 and more, but where `napari_tesm.evaluation.rivals` knows a better one."""
_BY_CHANCE: Final = 2.0
"""Standard deviations of what noise makes a kernel miss that are forgiven."""
_CURVATURE: Final = 0.6
"""Standard errors by which numbers are off where that of ln tau is 1: fits are linear only nearby. Measured 0.5 to 0.6
for a step beside either kernel (SNR 5 in white noise, 10 behind a lock-in; in proportion to the error of ln tau)."""
_CLIPPED: Final = 3.0
"""Single scores count up to here."""
_MEAN_OF_CLIPPED, _VARIANCE_OF_CLIPPED = 0.9950, 1.80
"""Of min(z², 9) for a standard normal z."""
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
    missed : float
        What the kernel still misses for all traces of one relaxation time, in parts of that and what the nuisance takes
        (squares): near 1 where the kernel is wrong.
    rival : str
        Kernel that describes the traces as well without it (`napari_tesm.evaluation.rivals.rival_of_kernel`); empty
        where there is none.
    """

    text: str
    significance: float
    size: float
    bias: float
    missed: float = 0.0
    rival: str = ""

    @property
    def counts(self) -> bool:
        """Whether something is there that it takes, and that would move tau."""
        return self.significance > _SIGNIFICANT and self.bias > _WORTH

    @property
    def unclear(self) -> bool:
        """Whether what it takes may be the kernel's own error."""
        # Mains have another phase in every trace, and no kernel has.
        shape = not self.text.startswith("mains")
        return shape and self.counts and (self.missed > _MOST_MISSED or bool(self.rival))


def tests_of_nuisances(
    leftovers: Sequence[Leftovers], noises: Sequence[NoiseModel], evaluation: Evaluation
) -> tuple[NuisanceTest, ...]:
    """Return the test of each nuisance that is fitted, beside the others.

    Parameters
    ----------
    leftovers, noises
        Of each pulse setting.
    """
    missed = sum(
        _missed(window, noise)
        for left, noise in zip(leftovers, noises, strict=True)
        for window in left.windows
    )
    parts = [
        scores
        for left, noise in zip(leftovers, noises, strict=True)
        for window in left.windows
        for scores in _scores(left, window, noise, evaluation)
    ]
    tests = []
    for text in evaluation.settings.nuisances.texts:
        rows = [numbers for name, numbers in parts if name.startswith(text.partition(":")[0].rstrip("12"))]
        if not rows:
            tests.append(NuisanceTest(text, 0.0, 0.0, 0.0))
            continue
        # The columns of one nuisance stand side by side, traces below each other.
        z, part, part_of_noise, bias, bias_of_noise, square, uncertainty = np.concatenate(rows, axis=1)
        clipped = np.clip(z, -_CLIPPED, _CLIPPED)
        common = (abs(clipped.mean()) - _CURVATURE * np.median(uncertainty)) * np.sqrt(z.size)
        excess = (clipped.var() - _MEAN_OF_CLIPPED) * np.sqrt(z.size / _VARIANCE_OF_CLIPPED)
        columns = len({name for name, _ in parts if name.startswith(text.partition(":")[0].rstrip("12"))})
        size, moved = (
            float(np.sqrt(columns * max(0.0, _trimmed_mean(np.square(number) - np.square(error)))))
            for number, error in ((part, part_of_noise), (bias, bias_of_noise))
        )
        both = missed + max(0.0, float(square.sum()))
        tests.append(
            NuisanceTest(text, float(max(common, excess, 0.0)), size, moved, missed / both if missed else 0.0)
        )
    return tuple(tests)


def _scores(
    left: Leftovers, window: WindowLeftovers, noise: NoiseModel, evaluation: Evaluation
) -> Iterator[tuple[str, Array]]:
    """Yield for each column, cell by cell, rows over the traces whose tau is resolved.

    The number in standard errors; in parts of the curve's height, and its error; the shift of ln tau where it is left
    out in standard errors of tau, and the error of that; what it takes of the squares of the trace, less that of noise;
    the standard error of ln tau.
    """
    number, maps, kernel = window.number, left.maps, evaluation.settings.kernel
    nuisances = evaluation.settings.nuisance_columns(number, window.times)
    amplitude, tau, error, rms, status = (
        maps[map_name(name, number)] for name in ("a", "tau", "tau_stderr", "rms", "status")
    )
    resolved = (status == OK) & np.isfinite(window.residuals).all(axis=1)
    if nuisances is None or resolved.sum() < _FEWEST:
        return
    covariance = noise.covariance(window.times)
    own = len(parameter_names(kernel))
    beside = factors_of_shapes(window.tangents, covariance)
    by_itself = factors_of_shapes([part[:, :own] for part in window.tangents], covariance)
    for cell, tangents in enumerate(window.tangents):
        rows = resolved & (window.cells.members == cell)
        if not rows.any() or tangents.shape[1] <= own:
            continue
        factors, alone = beside[cell], by_itself[cell]
        # What a fit without the nuisances makes of each: least squares on the tangents, first that of ln tau.
        moved = np.linalg.lstsq(tangents[:, :own], nuisances.columns, rcond=None)[0][0]
        shrunk = (
            _relative_error(tangents[:, :own])
            * alone.errors[0]
            / (_relative_error(tangents) * factors.errors[0])
        )
        size = np.abs(amplitude[rows])
        height = size * np.ptp(tangents[:, own - 2])  # the derivative by the amplitude is the curve
        uncertainty = factors.errors[0] * error[rows] / tau[rows]
        scale = size * uncertainty * shrunk
        for column, name in enumerate(nuisances.names):
            numbers = maps[map_name(name, number)][rows]
            if name.startswith("mains"):
                # Mains meet every trace at another phase; what is alike in all is what the kernel misses.
                numbers = numbers - amplitude[rows] * np.median(numbers / amplitude[rows])
            in_white = maps[map_name(f"{name}_stderr", number)][rows]
            errors = in_white * factors.errors[own + column]
            shift = moved[column] / scale
            # Least squares without the column: the number squared over its variance for noise of variance 1.
            taken = (np.square(numbers) - np.square(errors)) * np.square(rms[rows] / in_white)
            taken *= len(tangents) / (len(tangents) - tangents.shape[1])
            parts = [numbers / errors, numbers / height, errors / height, numbers * shift, errors * shift]
            yield name, np.stack([*parts, taken, uncertainty])


def _missed(window: WindowLeftovers, noise: NoiseModel) -> float:
    """Return what the kernel misses of a window, in squares of all traces; 0 where noise may make as much."""
    residuals, share = window.residuals, window.misfit
    covariance = noise.covariance(window.times)
    if not noise.is_white:
        residuals = _without_selection(window, covariance)
        share = without_misfit(residuals, window.height, window.alike.members)[1]
    squares = np.vecdot(residuals, residuals)
    there = np.isfinite(squares) & (window.alike.members >= 0)
    chance = share_by_chance(covariance, int(there.sum()))
    return float(share * squares[there].sum()) if share > _BY_CHANCE * chance else 0.0


def _without_selection(window: WindowLeftovers, covariance: Array) -> Array:
    """Return residuals without what they have in common as their fits ended at one tau.

    Traces that noise has taken to one tau have part of that noise in common. White noise that moves the parameters is
    none of what is left over; noise of covariance R that does leaves (1 − QQᵀ)RQ, with Q what a fit takes out.
    """
    residuals = window.residuals.copy()
    for cell, tangents in enumerate(window.tangents):
        rows = window.cells.members == cell
        if rows.any():
            taken = np.linalg.qr(tangents)[0]
            moved = covariance @ taken
            common = np.linalg.qr(moved - taken @ (taken.T @ moved))[0]
            residuals[rows] -= (residuals[rows] @ common) @ common.T
    return residuals


def _relative_error(tangents: Array) -> float:
    """Return the standard error of the first parameter for white noise of variance 1."""
    inverse = np.linalg.pinv(tangents)
    return float(np.linalg.norm(inverse[0]))


def _trimmed_mean(values: Array) -> float:
    """Return the mean without the most extreme twentieth on either side."""
    ordered = np.sort(values)
    cut = ordered.size // 20
    return float(ordered[cut : ordered.size - cut].mean())
