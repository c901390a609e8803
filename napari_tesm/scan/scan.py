"""What is known of one scan: traces, images, results, regions, points, grains, and what somebody has said of it."""

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
import xarray as xr
from gwyfile.objects import GwyContainer
from numpy.typing import NDArray

from napari_tesm.data.maps import labels_from_maps
from napari_tesm.data.parity import EACH
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.grains import (
    Boundaries,
    Grains,
    boundaries_from_grains,
    default_band_width,
    overrides_from_regions,
)
from napari_tesm.io.mapping.entries import Mapping
from napari_tesm.model_choice.maps import KernelChoice
from napari_tesm.quantities.axes import axis_spacing
from napari_tesm.regions.shapes import PinnedPoint, Region

Array = NDArray[np.float64]
Surface = Literal["topography", "deflection_error"]

MADE_FROM: Final = "made_from"
"""Attribute of an image that is not the file's: the title of the one it was made from; a save adds it."""
WORDS_OF_SURFACE: Final[dict[Surface, tuple[str, ...]]] = {
    "topography": ("topograph", "height"),
    "deflection_error": ("deflection", "amplitude error"),
}
"""What the title of an image holds that is one of these."""


@dataclass(eq=False, repr=False)
class Scan:
    """A recording over an area, or images alone, or the results of an earlier fit alone.

    Parameters
    ----------
    name : str
        What scans of several files are told apart by.
    dataset : Dataset, optional
        Traces with the channels of their grid, as `napari_tesm.data.dataset` describes; None where there are none.
    channels : list of DataArray with dims (y, x)
        Every ordinary image, each on its own grid; maps of a comparison of kernels are among them.
    path : Path, optional
        File it came from.
    group : int
        Which of the file's groups of traces this is.
    refusal : ValueError, optional
        Why there are no traces; the sentence is for people.
    unfinished : Dataset, optional
        Traces that can be looked at but not evaluated before somebody has said the unit of their time axis.
    maps : Dataset, optional
        Results, as `napari_tesm.evaluation.pipeline.run` returns them; from a file without a, b, c and RMS.
    recipe : Recipe
        What the maps were made with, or what the next fit will take.
    choice : KernelChoice, optional
        Which kernel the traces support, where somebody has asked.
    regions : list of Region
    points : list of PinnedPoint
    grains : Grains, optional
        On the scan's grid; None where nobody has looked for them.
    band_width : float, optional
        Of the band at grain boundaries, in the lateral unit; None takes the default.
    entered : dict of str
        Units of axes that the file does not say and somebody has entered.
    mapping : Mapping, optional
        What is what in an instrument's file; None for .gwy files, which say it themselves.
    notes : list of str
        Sentences: what of the file could not be understood or restored.
    container : GwyContainer, optional
        Everything the .gwy file holds; None for other files.
    recorded : Dataset, optional
        Where `dataset` holds the odd or even parts of two pulse settings each: the settings as they were recorded,
        which is what a file gets.
    """

    name: str
    dataset: xr.Dataset | None = None
    channels: list[xr.DataArray] = field(default_factory=list)
    _: KW_ONLY
    path: Path | None = None
    group: int = 0
    refusal: ValueError | None = None
    unfinished: xr.Dataset | None = None
    maps: xr.Dataset | None = None
    recipe: Recipe = field(default_factory=Recipe)
    choice: KernelChoice | None = None
    regions: list[Region] = field(default_factory=list)
    points: list[PinnedPoint] = field(default_factory=list)
    grains: Grains | None = None
    band_width: float | None = None
    entered: dict[str, str] = field(default_factory=dict)
    mapping: Mapping | None = None
    notes: list[str] = field(default_factory=list)
    container: GwyContainer | None = None
    recorded: xr.Dataset | None = None

    def __post_init__(self) -> None:
        for name in ("channels", "regions", "points", "notes"):
            setattr(self, name, list(getattr(self, name)))

    @classmethod
    def of(cls, scan: "Scan", **more: Any) -> Self:
        """Return a scan of this class with all that another one holds, and more."""
        held = {item.name: getattr(scan, item.name) for item in fields(Scan)}
        return cls(**held | more)

    def take_parts(self, recipe: Recipe) -> None:
        """Take the traces as the parity of a recipe wants them: each pulse setting as recorded, odd or even parts.

        Parameters
        ----------
        recipe : Recipe
            Its protocol and phase are put in before the settings are taken apart.

        Raises
        ------
        ValueError
            If there are no two settings of opposite voltage; nothing is changed then.
        """
        recorded = self.recording
        if recorded is None or recipe.parity == EACH:
            self.dataset, self.recorded = recorded, None
        else:
            self.dataset, self.recorded = Evaluation.of(recorded, recipe).dataset, recorded

    @property
    def recording(self) -> xr.Dataset | None:
        """The traces as they were recorded, of which `dataset` may hold parts."""
        return self.dataset if self.recorded is None else self.recorded

    @property
    def grid(self) -> xr.Dataset | xr.DataArray:
        """What has the axes `y` and `x` of the scan: the traces, else the results, else the first image.

        Raises
        ------
        ValueError
            If there is none of these.
        """
        for held in (self.dataset, self.unfinished, self.maps, *self.channels[:1]):
            if held is not None:
                return held
        raise self.refusal or ValueError(f"{self.name} holds neither time traces nor images")

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing with a grid: `refusal` says why."""
        return not self.channels and self.dataset is self.unfinished is self.maps is None

    @property
    def x(self) -> Array:
        """Pixel centres across, in the lateral unit."""
        return np.asarray(self.grid["x"].values, dtype=np.float64)

    @property
    def y(self) -> Array:
        """Pixel centres down, in the lateral unit."""
        return np.asarray(self.grid["y"].values, dtype=np.float64)

    @property
    def spacing(self) -> tuple[float, float]:
        """Pixel size (dy, dx), in the lateral unit."""
        return axis_spacing(self.grid["y"]), axis_spacing(self.grid["x"])

    @property
    def lateral_unit(self) -> str:
        """Unit of `x` and `y`, usually m; empty where nobody has said it."""
        return "" if self.is_empty else str(self.grid["x"].attrs.get("units", ""))

    @property
    def unit(self) -> str:
        """Unit of displacement and H."""
        for held, name in ((self.dataset, "displacement"), (self.maps, "H")):
            if held is not None and name in held:
                return str(held[name].attrs.get("units", ""))
        return ""

    @property
    def pulsed(self) -> xr.Dataset | None:
        """What has the dimension `pulse`: the traces, else the results."""
        return self.maps if self.dataset is None else self.dataset

    @property
    def pulses(self) -> int:
        """How many pulse settings there are."""
        return len(self.labels)

    @property
    def labels(self) -> list[str]:
        """What tells the pulse settings apart in titles, ``(-3 V)``; one for each."""
        return [] if self.pulsed is None else labels_from_maps(self.pulsed)

    @property
    def voltages(self) -> Array:
        """Pulse voltage of each setting, in V; NaN where unknown."""
        held = self.pulsed
        return np.zeros(0) if held is None else np.asarray(held["voltage"].values, dtype=np.float64)

    def pulse_settings(self) -> list[dict[str, Any]]:
        """Return voltage and direction of each pulse setting of the results."""
        if self.maps is None:
            return []
        pairs = zip(self.maps["voltage"].values, self.maps["direction"].values, strict=True)
        return [{"voltage": float(volts), "direction": str(way)} for volts, way in pairs]

    @property
    def images(self) -> dict[str, xr.DataArray]:
        """Images of measured values on the scan's grid by their titles."""
        return {} if self.is_empty else images_by_title(filter(self.is_on_grid, self.channels))

    def surface(self, kind: Surface) -> xr.DataArray | None:
        """Return the image that is the topography or the deflection error; None where there is none."""
        for title, image in self.images.items():
            if any(word in title.lower() for word in WORDS_OF_SURFACE[kind]):
                return image
        return None

    def boundaries_of(self, grains: Grains, width: float | None = None) -> tuple[Boundaries, str]:
        """Return the boundaries of grains on the scan's grid, with the clusters and defects that are drawn.

        The second is why the band along them is as wide as it is, where nobody says a width (in the lateral unit).
        """
        why = ""
        if width is None:
            radius = None if self.maps is None else self.maps.attrs.get("tip_radius")
            width, why = default_band_width(radius, grains.spacing)
        drawn = overrides_from_regions(self.regions, self.x, self.y, spacing=grains.spacing)
        return boundaries_from_grains(grains, width, overrides=drawn), why

    def grain_boundaries(self) -> Boundaries | None:
        """Return the boundaries of the scan's own grains; None without grains."""
        return None if self.grains is None else self.boundaries_of(self.grains, self.band_width)[0]

    def is_on_grid(self, channel: xr.DataArray) -> bool:
        """Whether the pixels of an image are those of the scan's grid, to a hundredth of one."""
        return all(
            channel.sizes[axis] == self.grid.sizes[axis]
            and np.allclose(channel[axis].values, self.grid[axis].values, rtol=0, atol=0.01 * abs(step))
            for axis, step in zip(("y", "x"), self.spacing, strict=True)
        )


def images_by_title(channels: Iterable[xr.DataArray]) -> dict[str, xr.DataArray]:
    """Return images of measured values, no masks, by their titles; of several with one title the first."""
    images: dict[str, xr.DataArray] = {}
    for channel in channels:
        if channel.dtype.kind == "f":
            images.setdefault(str(channel.attrs.get("long_name", channel.name)), channel)
    return images
