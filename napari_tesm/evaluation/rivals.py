"""Whether kernels leave as much over as each other of the same traces, each with its own numbers beside the curve."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.leftovers import Leftovers, leftovers_of_fits
from napari_tesm.evaluation.recipe import DEFAULT_GEOMETRY
from napari_tesm.kernels.one_parameter import KERNELS
from napari_tesm.noise.correlation import NoiseModel
from napari_tesm.noise.errors import factors_of_shapes

Array = NDArray[np.float64]

CLEARLY: Final = 3.0
"""Standard errors by which more must be left over to say that a kernel describes traces worse. On traces of a flux or a
clamped tip at SNR 5 and 20 exponentials leave more over than these, by more than 10 of them; on traces of two
exponentials less by more than 40 (576 traces, drift from −10 to 30 % of H)."""
_FEWEST: Final = 24
_MOST: Final = 0.5
"""Of the traces that respond: with more of them resolved they are no choice that noise has made."""
_SHOWS: Final = 3.0
"""Standard errors by which a nuisance that is there shows in what is left over: of fast samples without one they are
below −5, with a step of 0.3 H at SNR 20 above 7."""
_TRACES: Final = 256
"""Of each pulse setting that a rival is fitted to."""


def variances_of_traces(left: Leftovers, noise: NoiseModel) -> Array:
    """Return the variance of a sample of each trace, which the fits leave over in all windows, shape (n,)."""
    squares, degrees = np.zeros(()), np.zeros(())
    for window in left.windows:
        covariance = noise.covariance(window.times)
        remaining = np.full(len(window.residuals), np.nan)
        factors = factors_of_shapes(window.tangents, covariance)
        for cell, tangents in enumerate(window.tangents):
            rows = window.cells.members == cell
            remaining[rows] = (len(tangents) - tangents.shape[1]) / factors[cell].variance
        squares = squares + np.vecdot(window.residuals, window.residuals)
        degrees = degrees + remaining
    return np.asarray(squares / degrees)


def excess_of_variances(of_first: Array, of_second: Array) -> tuple[float, float]:
    """Return by how many standard errors the first fits leave more over than the second, and by what part.

    Parameters
    ----------
    of_first, of_second : ndarray, shape (n,)
        From `variances_of_traces`, of the same traces.

    Returns
    -------
    (float, float)
        Means without the most extreme twentieth on either side; NaN where too few traces are left.
    """
    with np.errstate(invalid="ignore"):
        more = of_first / np.nanmedian(of_second) - of_second / np.nanmedian(of_second)
    ordered = np.sort(more[np.isfinite(more)])
    if ordered.size < _FEWEST:
        return float("nan"), float("nan")
    cut = ordered.size // 20
    kept = ordered[cut : ordered.size - cut]
    mean, error = float(kept.mean()), float(kept.std(ddof=1) / np.sqrt(kept.size))
    return mean / error if error > 0 else float(np.sign(mean) * np.inf), mean


def rival_of_kernel(
    samples: Sequence[Array],
    leftovers: Sequence[Leftovers],
    noises: Sequence[NoiseModel],
    evaluation: Evaluation,
) -> str:
    """Return the kernel of the whole record that needs no drift and no step to describe traces as well; empty if none.

    Parameters
    ----------
    samples : sequence of ndarray, shape (n, time)
        Traces of each pulse setting.
    leftovers, noises
        What fits with drift, step and mains leave of them, and the noise in it.
    evaluation : Evaluation
        Of those fits; mains are beside the rival's curve, too, as no kernel takes their phase.
    """
    names = [name for name, kernel in KERNELS.items() if kernel.joint and name != evaluation.recipe.kernel]
    for name in names:
        if _excess_of_kernel(name, samples, leftovers, noises, evaluation, most=_TRACES) <= CLEARLY:
            return name
    return ""


def is_chosen_by_noise(
    samples: Sequence[Array],
    leftovers: Sequence[Leftovers],
    noises: Sequence[NoiseModel],
    evaluation: Evaluation,
) -> bool:
    """Return whether nuisances may show only as noise has chosen the traces that they are judged by.

    A fast sample responds like a step. Beside one most of its traces keep no tau, and those that do are the ones that
    noise has made slower: all of them have a step. Then the kernel describes the traces as well without it.

    Parameters
    ----------
    samples, leftovers, noises, evaluation
        As for `rival_of_kernel`.
    """
    responds = resolved = 0
    for left in leftovers:
        for window in left.windows:
            there = window.alike.members >= 0
            responds += int(np.count_nonzero(there))
            resolved += int(np.count_nonzero(np.isfinite(window.errors) & there))
    if resolved >= _MOST * responds:
        return False
    return _excess_of_kernel(evaluation.recipe.kernel, samples, leftovers, noises, evaluation) <= _SHOWS


def _excess_of_kernel(
    name: str,
    samples: Sequence[Array],
    leftovers: Sequence[Leftovers],
    noises: Sequence[NoiseModel],
    evaluation: Evaluation,
    *,
    most: int | None = None,
) -> float:
    """Return by how many standard errors a kernel leaves more over without drift and step than the fits with them."""
    mains = [text for text in evaluation.settings.nuisances.texts if text.startswith("mains")]
    recipe = replace(evaluation.recipe, kernel=name, nuisance=",".join(mains) or "none")
    if name != evaluation.recipe.kernel:
        recipe = replace(recipe, geometry=DEFAULT_GEOMETRY, tau_bounds=None)
    rival = evaluation.updated(recipe)
    of_rival, of_own = [], []
    for traces, left, noise in zip(samples, leftovers, noises, strict=True):
        rows = slice(None, None, 1 if most is None else max(1, len(traces) // most))
        of_rival.append(variances_of_traces(leftovers_of_fits(traces[rows], rival), noise))
        of_own.append(variances_of_traces(left, noise)[rows])
    return excess_of_variances(np.concatenate(of_rival), np.concatenate(of_own))[0]
