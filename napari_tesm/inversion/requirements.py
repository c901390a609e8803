"""What can be inverted: the kernel, the protocol, and a map that is large enough against the tip."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.files.sentences import Sentence
from napari_tesm.inversion.errors import is_told, most_covered
from napari_tesm.physics.lateral_response import BOUNDARIES
from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.quantities.text import quantity_from_text, text_from_quantity


def check_lateral(evaluation: Evaluation) -> tuple[float, float]:
    """Return how far pixels are apart along y and x, in m, or raise a ValueError for what cannot be inverted."""
    settings, dataset = evaluation.settings, evaluation.dataset
    if settings.kernel.name not in BOUNDARIES:
        raise ValueError(
            Sentence(
                "lateral diffusion is taken out with {kernel:flux-pulse} or {kernel:clamped}: '{name}' does not say "
                "what happens at the surface",
                name=settings.kernel.name,
            )
        )
    if settings.length is None:
        raise ValueError(
            Sentence("how far ions diffuse is measured in tip radii: give {tip_radius:25nm}, for example")
        )
    if settings.pulse is None or settings.pulse.stop is None:
        raise ValueError(
            Sentence("it is not known when the pulse ended: give {pulse_duration:10ms}, for example")
        )
    spacing = _spacing_in_metres(dataset)
    _check_extent((dataset.sizes["y"], dataset.sizes["x"]), spacing, settings.length.value)
    return spacing


def image_by_title(dataset: xr.Dataset, title: str) -> NDArray[np.float64]:
    """Return an image of a dataset by its title or its name, shape (y, x); capitals do not matter.

    Raises
    ------
    ValueError
        If it has none of that title; those it has are named.
    """
    images = {
        str(name): variable
        for name, variable in dataset.data_vars.items()
        if variable.dims == ("y", "x") and variable.dtype.kind in "fiub"
    }
    titles = {name: str(variable.attrs.get("long_name", name)) for name, variable in images.items()}
    for name, variable in images.items():
        if title.casefold() in (name.casefold(), titles[name].casefold()):
            return np.asarray(variable.values, dtype=np.float64)
    there = ", ".join(f"'{own}'" for own in titles.values()) or "none"
    raise ValueError(
        Sentence(
            "{prior} names the image '{title}', and those on the pixels of the traces are: {there}",
            title=title,
            there=there,
        )
    )


def _spacing_in_metres(dataset: xr.Dataset) -> tuple[float, float]:
    """Return the distance of pixels along y and x."""
    spacing = []
    for axis in ("y", "x"):
        unit = str(dataset[axis].attrs.get("units", ""))
        if not unit:
            raise ValueError(
                Sentence(
                    "how far pixels are apart must be known in metres: give {lateral_unit:m}, if they are"
                )
            )
        try:
            metres = quantity_from_text(f"1 {unit}", "m")
        except ValueError:
            raise ValueError(
                f"how far pixels are apart must be known in metres, and '{unit}' along {axis} is no unit of length"
            ) from None
        steps = np.diff(dataset[axis].values)
        if steps.size and np.ptp(steps) > 1e-3 * np.abs(steps).max():
            raise ValueError(f"the pixels are not evenly spaced along {axis}, and transforms need that")
        spacing.append(axis_spacing(dataset[axis]) * metres)
    return spacing[0], spacing[1]


def _check_extent(shape: tuple[int, int], spacing: tuple[float, float], radius: float) -> None:
    """Refuse a map so small against the tip that no ln D on it would be the data's, however many pixels respond."""
    sides = [count * step for count, step in zip(shape, spacing, strict=True) if count > 1]
    if sides and not is_told(np.array(most_covered([side / radius for side in sides]))):
        size = " × ".join(text_from_quantity(side, "m", digits=3) for side in reversed(sides))
        raise ValueError(
            Sentence(
                "a map of {size} tells no D under a tip with a radius of {radius}: scan a larger area, or check "
                "{tip_radius}",
                size=size,
                radius=text_from_quantity(radius, "m", digits=3),
            )
        )
