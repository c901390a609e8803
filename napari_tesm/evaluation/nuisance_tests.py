r"""Whether drift, a step with the voltage and mains are in the traces of a map, from what fits without them leave over.

A score test (Rao, C. R. (1948). Math. Proc. Camb. Phil. Soc. 44, 50-57): with n the nuisance less all that the fit
could mimic of it, n·r of the residuals r has the variance σ² nᵀRn if it is not there. Linear, so that it is exact for
given R. A nuisance of one sign all over the map shows in the mean of the scores, one of any sign in their spread; the
part of the noise model that is of the nuisance's own kind is left out of R then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.data.maps import map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.leftovers import Leftovers, WindowLeftovers
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
_FREQUENCIES: Final = np.arange(45.0, 66.0)
"""Where mains are looked for, in Hz."""
_NOTHING_LEFT: Final = 1e-6
"""Part of a column that must be left beside what the fit takes of it."""
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
        Root mean square of its part of the response ``|a|``.
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
    """Return the test of each nuisance that a fit could have, each beside those before it that count.

    Parameters
    ----------
    leftovers, noises
        Of fits without nuisances, for each pulse setting.
    """
    candidates = {
        name: Nuisances.from_text(f"mains:{_frequency(leftovers):g}Hz" if name == "mains" else name)
        for name in evaluation.settings.possible_nuisances
    }
    tests: list[NuisanceTest] = []
    chosen: list[Nuisances] = []
    while candidates:
        tried = {
            name: _test(leftovers, noises, evaluation, nuisance, chosen)
            for name, nuisance in candidates.items()
        }
        best = max(tried, key=lambda name: (tried[name].counts, tried[name].significance))
        if not tried[best].counts:
            return (*tests, *tried.values())
        tests.append(tried[best])
        chosen.append(candidates.pop(best))
    return tuple(tests)


@dataclass(frozen=True, eq=False)
class _Scores:
    """Scores of the columns of a nuisance for some traces, shape (n, columns).

    Parameters
    ----------
    scores, spread : ndarray
        In standard deviations, under the noise as measured and less the part of the nuisance's own kind.
    part, bias : ndarray, shape (n,)
        Squares of the nuisance in parts of ``|a|``, and of the shift of ln tau in its standard errors, each less what
        noise alone makes of it.
    """

    scores: Array
    spread: Array
    part: Array
    bias: Array


def _test(
    leftovers: Sequence[Leftovers],
    noises: Sequence[NoiseModel],
    evaluation: Evaluation,
    nuisance: Nuisances,
    beside: Sequence[Nuisances],
) -> NuisanceTest:
    parts: list[_Scores] = []
    for left, noise in zip(leftovers, noises, strict=True):
        for window in left.windows:
            columns, others = (
                evaluation.settings.columns_of(chosen, window.times) for chosen in ([nuisance], beside)
            )
            parts += _scores(
                left, window, columns, others, noise, noise.without(nuisance.names[0].split("_")[0])
            )
    text = ",".join(nuisance.texts)
    if not parts:
        return NuisanceTest(text, 0.0, 0.0, 0.0)
    scores, spread, part, bias = (
        np.concatenate([getattr(some, name) for some in parts])
        for name in ("scores", "spread", "part", "bias")
    )
    common = np.abs(np.clip(scores, -_CLIPPED, _CLIPPED).mean(axis=0)).max() * np.sqrt(len(scores))
    square = np.square(np.clip(spread, -_CLIPPED, _CLIPPED))
    excess = (square.mean() - _MEAN_OF_CLIPPED) * np.sqrt(square.size / _VARIANCE_OF_CLIPPED)
    size, moved = (float(np.sqrt(max(0.0, _trimmed_mean(values)))) for values in (part, bias))
    return NuisanceTest(text, float(max(common, excess)), size, moved)


def _scores(
    left: Leftovers,
    window: WindowLeftovers,
    columns: Array,
    others: Array,
    noise: NoiseModel,
    rest: NoiseModel,
) -> Iterator[_Scores]:
    """Yield the scores of the columns in a window, cell by cell; none where too few fits are resolved."""
    amplitude, tau, error, status = (
        left.maps[map_name(name, window.number)] for name in ("a", "tau", "tau_stderr", "status")
    )
    resolved = (status == OK) & np.isfinite(window.residuals).all(axis=1)
    if resolved.sum() < _FEWEST:
        return
    covariance, of_rest = (model.covariance(window.times) for model in (noise, rest))
    for cell, tangents in enumerate(window.tangents):
        rows = resolved & (window.cells.members == cell)
        taken = np.linalg.qr(np.column_stack([tangents, others]))[0]
        basis, triangle = np.linalg.qr(columns - taken @ (taken.T @ columns))
        if not rows.any() or np.abs(np.diag(triangle)).min() < _NOTHING_LEFT * np.linalg.norm(columns):
            continue
        residuals = window.residuals[rows]
        factors = factors_from_tangents(tangents, covariance)
        variance = (
            np.vecdot(residuals, residuals) / (window.times.size - tangents.shape[1]) * factors.variance
        )
        along = residuals @ basis
        variances, of_rest_only = (
            variance[:, None] * np.vecdot(basis.T, basis.T @ matrix) for matrix in (covariance, of_rest)
        )
        back = np.linalg.inv(triangle)
        moved = np.linalg.lstsq(tangents, columns, rcond=None)[0][0] @ back
        size = np.square(amplitude[rows])
        reach = size * np.square(factors.errors[0] * error[rows] / tau[rows])
        yield _Scores(
            along / np.sqrt(variances),
            along / np.sqrt(of_rest_only),
            (np.square(along @ back.T).sum(axis=1) - of_rest_only @ np.square(back).sum(axis=0)) / size,
            (np.square(along @ moved) - of_rest_only @ np.square(moved)) / reach,
        )


def _trimmed_mean(values: Array) -> float:
    """Return the mean without the most extreme twentieth on either side."""
    ordered = np.sort(values)
    cut = ordered.size // 20
    return float(ordered[cut : ordered.size - cut].mean())


def _frequency(leftovers: Sequence[Leftovers]) -> float:
    """Return the frequency between 45 and 65 Hz that takes most out of what is left over, beside what the fits took."""
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
    return float(_FREQUENCIES[taken.argmax()])
