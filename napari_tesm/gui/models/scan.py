"""One scan as the workspace sees it: where it lies in the viewer, what is looked at, and events when it changes.

Knows neither napari nor Qt: every panel shows a `Scan` and changes it, and the tests drive it without a screen.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from psygnal import Signal

from napari_tesm.data.dataset import with_protocol
from napari_tesm.data.lateral import Inversion, inversion_of_maps
from napari_tesm.data.parity import EACH
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.evaluation import Evaluation, LastEvaluation
from napari_tesm.evaluation.places import TraceSample, traces_at
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.evaluation.settings import Settings
from napari_tesm.files.disk import growing_files
from napari_tesm.grains import Grains
from napari_tesm.gui.models.display import LENGTHS, Display, display_from_axes
from napari_tesm.gui.models.form_words import sentence_for_forms
from napari_tesm.gui.models.work import changed_work, work_on_scan
from napari_tesm.gwy.forms import is_named_gwy
from napari_tesm.io.registry import UnknownContentError
from napari_tesm.physics.lateral_response import BOUNDARIES
from napari_tesm.regions.shapes import PinnedPoint, Region
from napari_tesm.scan import Scan as PlainScan
from napari_tesm.scan import save_scan, scans_from_file

Array = NDArray[np.float64]

IMPORT: Final = "Import a t-ESM recording"
"""What the form is called in napari's menu that asks what is what in a recording."""
_YOUNG: Final = 120.0
"""Seconds after the last change of a file for which it is taken to be still written: longer than a line takes."""
MISSING_PULSE: Final = ("pulse_start", "pulse_duration")


@dataclass(eq=False, repr=False)
class Scan(PlainScan):
    """A scan in napari: what is known of it, as `napari_tesm.scan.Scan` says, with events.

    Parameters
    ----------
    probe : (int, int), optional
        Pixel (row, column) that is looked at.
    probe_size : int
        Side of the neighbourhood that is averaged there, in pixels.
    time : float
        That the slider shows, in s.
    world_unit : str
        Unit of length of the viewer, where other scans have settled it; empty where this one may choose.
    lateral : Inversion, optional
        How lateral diffusion is to be taken out, with a kernel that allows it; None where it is to be left in. By
        default as in the maps.
    """

    dataset_changed = Signal()
    """What is known of the recording changed: its protocol or its units."""
    recipe_changed = Signal(object)
    results_changed = Signal(object)
    """New maps of a whole fit: a Dataset, or None."""
    probe_changed = Signal()
    points_changed = Signal()
    regions_changed = Signal()
    grains_changed = Signal()
    time_changed = Signal(float)

    probe: tuple[int, int] | None = None
    probe_size: int = 1
    time: float = 0.0
    world_unit: str = ""
    lateral: Inversion | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._last_evaluation = LastEvaluation()
        self.lateral = self.lateral or inversion_of_maps(self.maps)
        if self.is_empty:
            raise self.refusal or ValueError(f"{self.name} holds neither traces nor images")
        self.take_as_saved()

    @property
    def problem(self) -> str:
        """Why there are no traces to fit, in a sentence; empty where there are."""
        if isinstance(self.refusal, UnknownContentError):
            return f"Its traces wait for Plugins → {IMPORT}: it is not known {self.refusal.question}."
        if self.dataset is not None:
            return ""
        return sentence_for_forms(self.refusal or "this file holds no time traces")

    @property
    def display(self) -> Display:
        """How the grid lies in the viewer."""
        return display_from_axes(self.grid["y"], self.grid["x"], unit=self.world_unit or None)

    @property
    def evaluation(self) -> Evaluation:
        """What the recipe of the moment comes to for the traces, the same object until one of the two changes.

        Raises
        ------
        ValueError
            If there are no traces, or the recipe does not go with them.
        """
        if self.dataset is None:
            raise ValueError(self.problem)
        return self._last_evaluation.of(self.dataset, self.recipe)

    @property
    def settings(self) -> Settings | None:
        """Windows, kernel and length l of D that hold now; None where `fit_problem` says why there are none."""
        try:
            return self.evaluation.settings
        except ValueError:
            return None

    @property
    def fit_problem(self) -> str:
        """Why nothing can be fitted, in a sentence; empty where it can."""
        try:
            _ = self.evaluation.settings
        except ValueError as error:
            return sentence_for_forms(error)
        return ""

    @property
    def inversion(self) -> Inversion | None:
        """How a fit takes lateral diffusion out now; None where it leaves it in."""
        return self.lateral if self.recipe.kernel in BOUNDARIES else None

    @property
    def evaluated(self) -> xr.Dataset | None:
        """The traces as the recipe evaluates them: X and Y turned where it says so, as they are where that fails."""
        try:
            return self.evaluation.dataset
        except ValueError:  # the fit says why
            return self.dataset

    def summary(self) -> str:
        """Return the scan in one line: pixels, size, voltages."""
        height, width = self.display.extent()
        rows, columns = self.display.shape
        parts = [f"{columns} × {rows} px"]
        if self.display.unit != "pixel":
            parts.append(f"{width:.4g} × {height:.4g} {self.display.unit}")
        parts.append(" / ".join(plain_label(label) for label in self.labels if label))
        if not np.isfinite(self.voltages).all():
            parts.append("voltage unknown")
        return " · ".join(part for part in parts if part)

    def missing(self) -> list[str]:
        """Return the names of what a fit or a physical scale needs and nobody has said yet."""
        if self.unfinished is not None:
            return ["time_unit"] + ([] if self.unfinished["x"].attrs.get("units") else ["lateral_unit"])
        names = []
        if self.dataset is not None:
            protocol = PulseProtocol.from_attributes(self.dataset.attrs)
            names = [name for name in MISSING_PULSE if getattr(protocol, name) is None]
            if not np.isfinite(self.voltages).all():
                names.append("voltage")
        return names if self.lateral_unit else [*names, "lateral_unit"]

    def enter(self, *, voltage: Sequence[float] | float | None = None, **protocol: float | None) -> None:
        """Put in what the file does not say; it is kept with the dataset and written at the next save.

        Parameters
        ----------
        voltage : float or one per pulse setting, optional
            In V.
        **protocol : float, optional
            Fields of `PulseProtocol`, in SI units.

        Raises
        ------
        ValueError
            If a value makes no sense.
        """
        if self.dataset is None:
            raise ValueError("there are no traces whose protocol could be entered")
        if voltage is not None and self.recorded is not None:
            raise ValueError(
                "these are parts of two pulse settings: their voltages belong to the settings as recorded"
            )
        changed = with_protocol(self.dataset, **protocol)
        if self.recorded is not None:
            recorded = with_protocol(self.recorded, **protocol)
            recorded.encoding.update(self.recorded.encoding)
            self.recorded = recorded
        if voltage is not None:
            volts = np.broadcast_to(np.asarray(voltage, dtype=np.float64), changed["voltage"].shape).copy()
            changed = changed.assign_coords(voltage=changed["voltage"].copy(data=volts))
        changed.encoding.update(self.dataset.encoding)
        self.dataset = changed
        self.dataset_changed.emit()

    def replace_recording(self, other: PlainScan) -> None:
        """Take over traces and channels of the same file, opened anew with units that were missing."""
        self.dataset, self.channels, self.refusal = other.dataset, other.channels, other.refusal
        self.unfinished = other.unfinished
        self.dataset_changed.emit()

    def reopened(self, **units: str) -> PlainScan:
        """Return the same scan as its file alone has it, read again with units that the file lacks."""
        if self.path is None:
            raise ValueError("this scan did not come from a file")
        return scans_from_file(self.path, Recipe(**units), mapping=self.mapping, restored=False)[self.group]  # type: ignore[arg-type]

    def set_recipe(self, recipe: Recipe) -> None:
        """Change the parameters of the evaluation; with another parity the traces are others, and the results go.

        Raises
        ------
        ValueError
            If there is no such part of the traces; nothing is changed then.
        """
        if recipe == self.recipe:
            return
        # Parts are made of traces whose phase is turned already.
        parts = recipe.parity != EACH and recipe.phase_rotation != self.recipe.phase_rotation
        if parts or recipe.parity != self.recipe.parity:
            self.take_parts(recipe)
            self.recipe, self.maps, self.choice = recipe, None, None
            self.results_changed.emit(None)
            self.dataset_changed.emit()
        self.recipe = recipe
        self.recipe_changed.emit(recipe)

    def set_lateral(self, lateral: Inversion | None) -> None:
        """Take lateral diffusion out in the next fit, or leave it in with None; what goes by the recipe hears of it."""
        if lateral != self.lateral:
            self.lateral = lateral
            self.recipe_changed.emit(self.recipe)

    def set_results(self, maps: xr.Dataset | None) -> None:
        """Take the maps of a whole fit; a save writes the last ones."""
        self.maps = maps
        self.results_changed.emit(maps)

    def look_at(self, pixel: tuple[int, int] | None, *, size: int | None = None) -> None:
        """Move the probe to a pixel (row, column), or away from the image with None."""
        new_size = self.probe_size if size is None else size
        if pixel != self.probe or new_size != self.probe_size:
            self.probe, self.probe_size = pixel, new_size
            self.probe_changed.emit()

    def set_time(self, time: float) -> None:
        """Set the time, in s, that the slider shows."""
        if time != self.time:
            self.time = time
            self.time_changed.emit(time)

    def set_regions(self, regions: Iterable[Region]) -> None:
        """Replace all regions."""
        new = list(regions)
        if new != self.regions:
            self.regions = new
            self.regions_changed.emit()

    def set_grains(self, grains: Grains | None) -> None:
        """Take grains that were found, taken from labels, or edited; a save writes them."""
        self.grains = grains
        self.grains_changed.emit()

    def set_band_width(self, width: float | None) -> None:
        """Change the width of the band at grain boundaries, in the dataset's unit."""
        if width != self.band_width:
            self.band_width = width
            self.grains_changed.emit()

    def set_points(self, points: Iterable[PinnedPoint]) -> None:
        """Replace all pinned points."""
        new = list(points)
        if new != self.points:
            self.points = new
            self.points_changed.emit()

    def pin(self, pixel: tuple[int, int], *, size: int = 1) -> PinnedPoint:
        """Pin a pixel (row, column) as a new point with the lowest free number, and return it."""
        from napari_tesm.plotting.theme import colour_of_point

        taken = {point.number for point in self.points}
        number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        point = PinnedPoint(number, *self.xy_of(pixel), size, colour_of_point(number))
        self.set_points(sorted([*self.points, point], key=lambda pinned: pinned.number))
        return point

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the scan with all the work done on it, ``.gwy`` added to the name where it is missing; return the path.

        Raises
        ------
        OSError, ValueError
            If it cannot be written; nothing is left behind then.
        """
        path = Path(path)
        if not is_named_gwy(path):
            path = path.with_name(f"{path.name}.gwy")
        # Results that nobody can have fitted anew stay as they are.
        save_scan(self, path, overwrite=overwrite, kept=("maps",) if self.dataset is None else ())
        self.take_as_saved()
        return path

    def take_as_saved(self) -> None:
        """Take what is there for what its file has: when the scan is opened, and when it is saved."""
        self._saved = work_on_scan(self)

    def unsaved(self) -> list[str]:
        """Return in words what was done since the scan was opened or last saved."""
        return changed_work(self._saved, work_on_scan(self))

    def suggested_path(self) -> Path:
        """Return where results are likely to be wanted: beside the scan's file, ``scan.gwy`` as ``scan_D.gwy``."""
        return self.path_beside(
            ".gwy" if self.path is not None and self.path.stem.endswith("_D") else "_D.gwy"
        )

    def path_beside(self, ending: str) -> Path:
        """Return the path beside the scan's file that has its name with another ending."""
        if self.path is None:
            return Path(f"{self.name.split(' (')[0].replace('/', '-').replace(' ', '_')}{ending}")
        return self.path.with_name(f"{self.path.stem}{ending}")

    def pixel_of(self, x: float, y: float) -> tuple[int, int] | None:
        """Return the (row, column) under a position in the dataset's lateral unit, None outside."""
        display = self.display
        return display.pixel_from_world(display.world_from_xy((x, y)))

    def xy_of(self, pixel: tuple[int, int]) -> tuple[float, float]:
        """Return the centre (x, y) of a pixel (row, column), in the dataset's lateral unit."""
        return float(self.x[pixel[1]]), float(self.y[pixel[0]])

    def traces_at(self, pixel: tuple[int, int], *, size: int = 1) -> TraceSample:
        """Return the traces of a pixel, or the mean of the valid of the `size` × `size` pixels around it."""
        evaluated = self.evaluated
        if self.dataset is None or evaluated is None:
            raise ValueError("there are no traces")
        return traces_at(evaluated, pixel, size=size, maps=self.maps)


def plain_label(label: str) -> str:
    """Return what tells a pulse setting apart without its brackets.

    Examples
    --------
    >>> plain_label("(-3 V trace) #2")
    '-3 V trace #2'
    """
    return label.replace("(", "").replace(")", "")


def share_world_unit(new: Sequence[Scan], present: Iterable[Scan] = ()) -> None:
    """Let scans lie in one viewer in one unit of length, that of those in it, else the finest of the new ones.

    napari draws layers of several units in one world, but its drawing tools and its cursor do not convert: a shape
    drawn on a scan in µm would lie a thousand times too far out beside one in nm.
    """
    units = [scan.display.unit for scan in present] or sorted(scan.display.unit for scan in new)
    settled = next((unit for unit in units if unit in LENGTHS), "")
    for scan in new:
        scan.world_unit = settled


def scans_from_path(path: str | PathLike[str]) -> list[Scan]:
    """Return the scans of a file; raises as `napari_tesm.scan.scans_from_file`, and where there is nothing to show.

    A file that was written to a moment ago may go on growing while it is looked at: a recorder may be at it.
    """
    with growing_files() if _is_young(Path(path)) else nullcontext():
        return live_scans(scans_from_file(path))


def _is_young(path: Path) -> bool:
    try:
        return abs(time.time() - path.stat().st_mtime) < _YOUNG
    except OSError:  # opening it says why
        return False


def live_scans(scans: Iterable[PlainScan]) -> list[Scan]:
    """Return scans that announce what changes, and their points in colours."""
    from napari_tesm.plotting.theme import colour_of_point

    return [
        Scan.of(
            scan,
            points=[
                point if point.colour else replace(point, colour=colour_of_point(point.number))
                for point in scan.points
            ],
        )
        for scan in scans
    ]


def role_of(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return what the plugin wrote about a layer into its metadata; empty for layers of others."""
    role = metadata.get("tesm")
    return role if isinstance(role, dict) else {}
