r"""D over several kernels: averaged with their weights, and how far it depends on which kernel is right.

In each pixel ln D is the mean over the kernels that give a D there, weighted with their evidence (Akaike weights); its
variance has two parts, :math:`\sum_k w_k s_k^2` from the noise and :math:`\sum_k w_k (\ln D_k - \overline{\ln D})^2`
between the kernels (Burnham, K. P. and Anderson, D. R. (2002). Model Selection and Multimodel Inference, 2nd ed.,
section 4.3). A kernel of the whole record has one D, which stands for both windows.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.maps import JOINT, WINDOWS, map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.pipeline import run
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.kernels.named import ALL_KERNELS
from napari_tesm.quantities.numbers import counted
from napari_tesm.quantities.text import text_from_quantity

Array = NDArray[np.float64]

_MOST_OF_WEIGHT: Final = 0.5
"""Of a pixel that kernels with a D there must have."""


@dataclass(frozen=True)
class AveragedDiffusion:
    """D over the kernels, median over the pixels that have one.

    Parameters
    ----------
    name : str
        ``D1`` or ``D2``.
    pixels : int
    diffusion : float
        In m²/s.
    noise_error, kernel_error : float
        Standard errors of ln D of a pixel: from the noise, and between the kernels.
    by_kernel : dict of str to float
        Median D of each kernel alone, in m²/s; NaN where it gives none.
    """

    name: str
    pixels: int
    diffusion: float
    noise_error: float
    kernel_error: float
    by_kernel: Mapping[str, float]

    def sentence(self) -> str:
        """Return the mean and both of its errors in words."""
        alone = ", ".join(
            f"{kernel} {text_from_quantity(value, 'm²/s', digits=3)}"
            for kernel, value in self.by_kernel.items()
            if np.isfinite(value)
        )
        mean = text_from_quantity(self.diffusion, "m²/s", digits=3)
        return (
            f"{self.name} over the kernels with their weights: {mean} (median of {counted(self.pixels, 'pixel')}), "
            "in a pixel "
            f"×/÷ {np.exp(self.noise_error):.2f} from the noise and ×/÷ {np.exp(self.kernel_error):.2f} "
            f"between the kernels. Each alone: {alone}."
        )

    def line(self) -> str:
        """Return the mean and both of its errors in a line.

        Examples
        --------
        >>> AveragedDiffusion("D2", 48, 4e-13, 0.0488, 0.5, {}).line()
        'D2 over the kernels: 4e-13 m²/s; in a pixel factors of 1.05 from the noise and 1.65 between the kernels'
        """
        return (
            f"{self.name} over the kernels: {text_from_quantity(self.diffusion, 'm²/s', digits=3)}; in a pixel factors "
            f"of {np.exp(self.noise_error):.2f} from the noise and {np.exp(self.kernel_error):.2f} between the kernels"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON holds them."""
        values = asdict(self)
        values["by_kernel"] = {
            kernel: value if np.isfinite(value) else None for kernel, value in self.by_kernel.items()
        }
        return {**values, "sentence": self.sentence()}


@dataclass(frozen=True, eq=False)
class AveragedMaps:
    """D over the kernels in each pixel, arrays of one shape; NaN where most of the evidence is for kernels without a D.

    Parameters
    ----------
    diffusion : ndarray
        In m²/s.
    noise_error, kernel_error : ndarray
        Standard errors of ln D: from the noise, and between the kernels.
    """

    diffusion: Array
    noise_error: Array
    kernel_error: Array


def averages_of_map(
    kernels: tuple[str, ...], weights: Array, evaluation: Evaluation, *, jobs: int = 1
) -> list[list[tuple[AveragedMaps, AveragedDiffusion | None]]]:
    """Return D over kernels, for each pulse setting that of each window: its maps, and what they come to.

    Every kernel is fitted to the whole map, whose tip radius must be known.

    Parameters
    ----------
    weights : ndarray, shape (kernels, pulse, y, x)
        NaN where a pixel has no vote.
    """
    results = {name: run(_fit(evaluation, name), jobs=jobs) for name in kernels}
    averages: list[list[tuple[AveragedMaps, AveragedDiffusion | None]]] = []
    for pulse in range(weights.shape[1]):
        averages.append([])
        for number in WINDOWS:
            values, errors = _stacks(results, number, pulse)
            maps = average_over_kernels(values, errors, weights[:, pulse])
            averages[-1].append((maps, summary_of_average(map_name("D", number), kernels, values, maps)))
    return averages


def average_over_kernels(diffusion: Array, errors: Array, weights: Array) -> AveragedMaps:
    """Return the average of D of several kernels, each of shape (kernels, ...).

    Parameters
    ----------
    diffusion, errors : ndarray
        In m²/s; NaN where there is none.
    weights : ndarray
        Of the kernels in each pixel; NaN where it has no vote.
    """
    there = np.isfinite(diffusion) & np.isfinite(errors) & np.isfinite(weights)
    values = np.where(there, diffusion, 1.0)
    logs, relative = np.log(values), np.where(there, errors, 0.0) / values
    shares = np.where(there, weights, 0.0)
    total = shares.sum(axis=0)
    asked = total >= _MOST_OF_WEIGHT
    shares = shares / np.where(asked, total, 1.0)
    mean = (shares * logs).sum(axis=0)
    return AveragedMaps(
        np.where(asked, np.exp(mean), np.nan),
        np.where(asked, np.sqrt((shares * relative**2).sum(axis=0)), np.nan),
        np.where(asked, np.sqrt((shares * (logs - mean) ** 2).sum(axis=0)), np.nan),
    )


def summary_of_average(
    name: str, kernels: tuple[str, ...], diffusion: Array, maps: AveragedMaps
) -> AveragedDiffusion | None:
    """Return what maps of an average come to; None where no pixel has one.

    Parameters
    ----------
    name : str
        ``D1`` or ``D2``.
    diffusion : ndarray, shape (kernels, ...)
        Of each kernel alone, in m²/s.
    """
    asked = np.isfinite(maps.diffusion)
    if not asked.any():
        return None
    alone = {
        kernel: float(np.median(values[here]))
        if (here := asked & np.isfinite(values)).any()
        else float("nan")
        for kernel, values in zip(kernels, diffusion, strict=True)
    }
    return AveragedDiffusion(
        name,
        int(asked.sum()),
        float(np.median(maps.diffusion[asked])),
        float(np.median(maps.noise_error[asked])),
        float(np.median(maps.kernel_error[asked])),
        alone,
    )


def _fit(evaluation: Evaluation, kernel: str) -> Evaluation:
    geometry = Recipe().geometry if ALL_KERNELS[kernel].geometry else evaluation.recipe.geometry
    recipe = replace(evaluation.recipe, kernel=kernel, geometry=geometry, nuisance="none", intervals=False)
    return replace(evaluation, recipe=recipe)


def _stacks(results: Mapping[str, xr.Dataset], number: int, pulse: int) -> tuple[Array, Array]:
    """Return D and its error of each kernel in a window."""
    stacks: dict[str, list[Array]] = {"D": [], "D_stderr": []}
    for kernel, maps in results.items():
        window = JOINT if ALL_KERNELS[kernel].joint else number
        for quantity, rows in stacks.items():
            rows.append(maps[map_name(quantity, window)].values[pulse])
    return np.stack(stacks["D"]), np.stack(stacks["D_stderr"])
