"""The Python interface: quantities as text or SI numbers in, the pipeline behind."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr

from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.pipeline import Progress, run
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.evaluation.values import recipe_from_values
from napari_tesm.grains import Boundaries, Grains
from napari_tesm.inversion.lateral import lateral_maps, prior_from_text
from napari_tesm.model_choice.evidence import COMPARED
from napari_tesm.model_choice.histograms import HistogramComparison, histogram_comparison
from napari_tesm.model_choice.maps import KernelChoice, choice_of_kernels
from napari_tesm.model_choice.null_bands import NullBands, null_bands_from_result
from napari_tesm.physics.lateral_response import FLUX
from napari_tesm.regions.shapes import PinnedPoint, Region
from napari_tesm.scan import Scan, save_scan


def fit(
    dataset: xr.Dataset,
    *,
    recipe: Recipe | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    **values: Any,
) -> xr.Dataset:
    """Return the result maps of a dataset.

    Parameters
    ----------
    dataset : Dataset
        From `open_dataset` or `simulate_dataset`.
    recipe : Recipe, optional
        Parameters; those given by name replace its own.
    jobs : int
        Threads; the numbers do not depend on it.
    progress : callable, optional
        Called with the fraction done and a few words.
    **values
        Fields of `napari_tesm.evaluation.recipe.Recipe`: ``tip_radius="25 nm"``, ``threshold=0.15``,
        ``window2="10ms:25ms"`` …

    Raises
    ------
    ValueError
        If a parameter makes no sense or the dataset lacks what is needed.
    """
    evaluation = Evaluation.of(dataset, recipe_from_values(recipe, **values))
    return run(evaluation, jobs=jobs, progress=progress)


def lateral(
    dataset: xr.Dataset,
    *,
    prior: str = "auto",
    together: bool = False,
    recipe: Recipe | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    **values: Any,
) -> xr.Dataset:
    """Return the result maps of a dataset with lateral diffusion taken out, beside those of `fit`.

    Parameters
    ----------
    dataset : Dataset
        From `open_dataset` or `simulate_dataset`; pixels in m.
    prior : str
        ``"auto"``, or standard deviation of ln D and correlation length of a Gaussian, ``"0.5:50nm"``, or an image at
        whose edges D may step, ``"image:Topography"``.
    together : bool
        Pulse settings share their ln D.
    recipe, jobs, progress, **values
        As for `fit`; ``kernel="flux-pulse"`` (default) or ``"clamped"``.

    Returns
    -------
    Dataset
        As `fit` gives, with ``D_lateral`` in m²/s, ``log_D_lateral_stderr``, ``amplitude_lateral`` and
        ``misfit_lateral``; ``attrs["lateral"]`` holds D0, resolution, prior, misfit and change as JSON.

    Raises
    ------
    ValueError
        As `fit`, and if the kernel has no lateral form, no radius is known or there is no such image.
    """
    if recipe is None:
        values = {"kernel": FLUX} | values
    evaluation = Evaluation.of(dataset, recipe_from_values(recipe, **values))
    return lateral_maps(
        evaluation, prior=prior_from_text(prior), together=together, jobs=jobs, progress=progress
    )


def kernel_choice(
    dataset: xr.Dataset,
    *,
    kernels: Sequence[str] = COMPARED,
    recipe: Recipe | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    **values: Any,
) -> KernelChoice:
    """Return which kernel the traces of a dataset support, pixel by pixel and in words.

    Parameters
    ----------
    dataset : Dataset
        From `open_dataset` or `simulate_dataset`.
    kernels : sequence of str
        At least two names of `napari_tesm.kernels.named.ALL_KERNELS`.
    recipe, jobs, progress, **values
        As for `fit`; of the recipe protocol, threshold, response level and the time to skip after the edges count.

    Raises
    ------
    ValueError
        If a parameter makes no sense or the dataset lacks what is needed.
    """
    evaluation = Evaluation.of(dataset, recipe_from_values(recipe, **values))
    return choice_of_kernels(evaluation, kernels=kernels, jobs=jobs, progress=progress)


def compare_histograms(
    dataset: xr.Dataset | None, maps: xr.Dataset, *, pulse: int = 0, bins: int | None = None
) -> HistogramComparison:
    """Return D1 beside D2 over a map, as the t-ESM paper's Fig. 8 shows them, and what pure diffusion would have shown.

    Parameters
    ----------
    dataset : Dataset, optional
        What was fitted; without it nothing is said of pure diffusion.
    maps : Dataset
        From `fit`.
    pulse : int
        Number of the pulse setting, from 0.
    bins : int, optional
        By default the rule of Freedman and Diaconis for both windows together.

    Returns
    -------
    HistogramComparison
        Modes and widths on both scales, the paired ratio with its test, and `sentences()`.

    Raises
    ------
    ValueError
        If there is no such pulse setting, or no map of D or tau.
    """
    return histogram_comparison(maps, dataset, pulse=pulse, bins=bins)


def pure_diffusion(dataset: xr.Dataset, maps: xr.Dataset) -> NullBands:
    """Return what the recipe of a result shows for pure diffusion: apparent D, D2/D1, and the way back to the true D.

    Parameters
    ----------
    dataset : Dataset
        What was fitted.
    maps : Dataset
        From `fit`, with the exponential kernel and a tip radius.

    Returns
    -------
    NullBands
        `ratios` and `sentence()`; `corrected(maps, "flux-pulse")` gives maps of the true D, NaN where the apparent one
        does not determine it.

    Raises
    ------
    ValueError
        If the kernel is not the exponential one, or tip radius or pulse are not known.
    """
    return null_bands_from_result(dataset, maps)


def save(
    path: str | PathLike[str],
    dataset: xr.Dataset | None,
    maps: xr.Dataset | None = None,
    *,
    maps_only: bool = False,
    overwrite: bool = False,
    regions: Sequence[Region] | None = None,
    points: Sequence[PinnedPoint] | None = None,
    source: str | PathLike[str] | None = None,
    channels: Sequence[xr.DataArray] = (),
    with_entered: bool = False,
    grains: tuple[Grains, Boundaries] | None = None,
    choice: KernelChoice | None = None,
) -> None:
    """Write a .gwy file with what the dataset came with, the result maps, and regions and points.

    Parameters
    ----------
    path : path-like
    dataset : Dataset, optional
        What its file held is carried over, bit-equal. Where traces, images or positions were edited since, what is in
        memory is written, with the file's regions and points.
    maps : Dataset, optional
        Results; they replace those of an earlier fit.
    maps_only : bool
        Leave out everything but results, regions and points.
    overwrite : bool
        Replace a file that is there.
    regions, points : sequence of Region and PinnedPoint, optional
        Replace those that the file held; None carries them over.
    source : path-like, optional
        File whose content is carried over where there is no dataset: a .gwy of images alone.
    channels : sequence of DataArray with dims (y, x)
        Images to write where there is neither a dataset nor a .gwy file: those of an instrument's file.
    with_entered : bool
        Write what was put in since by `napari_tesm.data.dataset.with_protocol`, or as a unit when it was opened,
        into the metadata and axes of the traces, so that nobody has to say it again.
    choice : KernelChoice, optional
        From `kernel_choice`; its maps replace those of an earlier one. Without `maps` earlier results stay then.
    grains : (Grains, Boundaries), optional
        Replace those that the file held; None carries them over.

    Raises
    ------
    OSError, ValueError
        If it cannot be written; nothing is left behind then.
    """
    scan = Scan(
        Path(path).stem, dataset, list(channels), path=None if source is None else Path(source), maps=maps,
        choice=choice, regions=list(regions or ()), points=list(points or ()),
    )  # fmt: skip
    boundaries = None
    if grains is not None:
        scan.grains, boundaries = grains
    given = {"regions": regions, "points": points}
    save_scan(
        scan, path, overwrite=overwrite, maps_only=maps_only, with_entered=with_entered, boundaries=boundaries,
        kept=[name for name, drawn in given.items() if drawn is None],
    )  # fmt: skip
