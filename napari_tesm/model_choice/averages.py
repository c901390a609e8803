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
from napari_tesm.model_choice.maps import KernelChoice
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
            f"{self.name} over the kernels with their weights: {mean} (median of {self.pixels} pixels), in a pixel "
            f"×/÷ {np.exp(self.noise_error):.2f} from the noise and ×/÷ {np.exp(self.kernel_error):.2f} "
            f"between the kernels. Each alone: {alone}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON holds them."""
        values = asdict(self)
        values["by_kernel"] = {
            kernel: value if np.isfinite(value) else None for kernel, value in self.by_kernel.items()
        }
        return {**values, "sentence": self.sentence()}


def averaged_diffusion(
    choice: KernelChoice, evaluation: Evaluation, *, jobs: int = 1
) -> list[list[AveragedDiffusion]]:
    """Return D over the kernels of a choice, for each pulse setting D1 and D2; empty lists without a tip radius.

    Every kernel is fitted to the whole map.
    """
    pulses = len(choice.votes)
    if evaluation.settings.length is None:
        return [[] for _ in range(pulses)]
    results = {name: run(_fit(evaluation, name), jobs=jobs) for name in choice.kernels}
    averages: list[list[AveragedDiffusion]] = []
    for pulse in range(pulses):
        weights = choice.weights[:, pulse]
        averages.append([])
        for number in WINDOWS:
            values, errors = _stacks(results, number, pulse)
            average = average_over_kernels(map_name("D", number), choice.kernels, values, errors, weights)
            if average is not None:
                averages[-1].append(average)
    return averages


def average_over_kernels(
    name: str, kernels: tuple[str, ...], diffusion: Array, errors: Array, weights: Array
) -> AveragedDiffusion | None:
    """Return the average of D of several kernels, each of shape (kernels, ...); None where no pixel has one.

    Parameters
    ----------
    diffusion, errors : ndarray
        In m²/s; NaN where there is none.
    weights : ndarray
        Of the kernels in each pixel; NaN where it has no vote.
    """
    there = np.isfinite(diffusion) & np.isfinite(errors) & np.isfinite(weights)
    logs, relative = np.log(np.where(there, diffusion, 1.0)), np.where(there, errors, 0.0)
    relative = relative / np.where(there, diffusion, 1.0)
    shares = np.where(there, weights, 0.0)
    total = shares.sum(axis=0)
    asked = total >= _MOST_OF_WEIGHT
    if not asked.any():
        return None
    shares = shares[:, asked] / total[asked]
    logs, relative = logs[:, asked], relative[:, asked]
    mean = (shares * logs).sum(axis=0)
    alone = {
        kernel: float(np.median(values[here])) if here.any() else float("nan")
        for kernel, values, here in zip(kernels, diffusion, there, strict=True)
    }
    return AveragedDiffusion(
        name,
        int(asked.sum()),
        float(np.exp(np.median(mean))),
        float(np.median(np.sqrt((shares * relative**2).sum(axis=0)))),
        float(np.median(np.sqrt((shares * (logs - mean) ** 2).sum(axis=0)))),
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
