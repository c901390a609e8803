"""From an evaluation to maps of D with lateral diffusion taken out, beside those of every pixel by itself."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from napari_tesm.data.lateral import ATTRIBUTE, IMAGE
from napari_tesm.data.maps import JOINT, MAP_KINDS, map_name
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.instrument import instrument_of
from napari_tesm.evaluation.pipeline import Progress, progress_of_stage, run
from napari_tesm.evaluation.recipe import DEFAULT_GEOMETRY, Recipe
from napari_tesm.files.sentences import Sentence
from napari_tesm.fitting import single_threaded_blas
from napari_tesm.inversion.boundary import OtherBoundary, other_boundary
from napari_tesm.inversion.errors import coverage, is_told, resolution_of, standard_error
from napari_tesm.inversion.exchange import instrument_beside_exchange, is_alike
from napari_tesm.inversion.exponentials import Exponentials, exponentials_beside
from napari_tesm.inversion.plane import Plane
from napari_tesm.inversion.recordings import Recorded
from napari_tesm.inversion.requirements import check_lateral, image_by_title
from napari_tesm.inversion.solver import Solution, centred, solve
from napari_tesm.physics.lateral_response import BOUNDARIES, FLUX
from napari_tesm.quantities.numbers import plain_value
from napari_tesm.quantities.status import INVALID, NO_RESPONSE
from napari_tesm.quantities.text import quantity_from_text

Array = NDArray[np.float64]

_CURVE: Final = 24
_FEWEST: Final = 16


def lateral_maps(
    evaluation: Evaluation,
    *,
    maps: xr.Dataset | None = None,
    prior: tuple[float, float] | str | None = None,
    together: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Return the maps of `napari_tesm.evaluation.pipeline.run` with those of the inversion beside them.

    Parameters
    ----------
    evaluation : Evaluation
        With the kernel "flux-pulse" or "clamped" and the tip's radius.
    maps : Dataset, optional
        What `run` has made of the evaluation, where that was done already.
    prior : tuple of float or str, optional
        Standard deviation of ln D and correlation length in m of a Gaussian; by default found from the map, and free at
        steps. A text is the title of an image of the dataset, at whose edges ln D is freer where it changes there.
    together : bool
        Pulse settings share their ln D; otherwise each has its own.
    jobs : int
        Threads for reading and fitting.
    progress : callable, optional
        Called with the fraction done and a few words. What it raises (`Cancelled`) ends the run.

    Returns
    -------
    Dataset
        With ``D_lateral`` in m²/s, ``log_D_lateral_stderr``, ``amplitude_lateral`` in the unit of the traces, the
        largest displacement if D were the same everywhere, and ``misfit_lateral``, chi-square per degree of freedom;
        NaN where D would be the prior's.

    Raises
    ------
    ValueError
        If the kernel has no lateral form, the radius is not known, pixels are not evenly spaced in m, or there is no
        such image. Where fewer than 16 pixels respond the maps hold NaN.
    """
    spacing = check_lateral(evaluation)
    image = image_by_title(evaluation.dataset, prior) if isinstance(prior, str) else None
    if maps is None:
        maps = run(evaluation, jobs=jobs, progress=progress_of_stage(progress, 0.0, 0.25))
    counted = ~np.isin(maps[map_name("status", JOINT)].values, (INVALID, NO_RESPONSE))
    instrument = instrument_of(evaluation)
    fitted_by = instrument.evaluation
    area = _Area.of(evaluation, spacing, prior, image, together)
    recorded = Recorded.of(
        instrument, maps, fitted_by, counted, jobs=jobs, progress=progress_of_stage(progress, 0.25, 0.3)
    )
    solutions = area.solved(recorded, progress_of_stage(progress, 0.3, 0.6))
    measured = instrument_beside_exchange(evaluation, recorded, solutions, area.groups)
    if not is_alike(measured, instrument):
        recorded = Recorded.of(measured, maps, fitted_by, counted, jobs=jobs, progress=None)
        solutions = area.solved(recorded, progress_of_stage(progress, 0.6, 0.9), solutions)
    values, found = area.described(recorded, solutions, counted, progress_of_stage(progress, 0.9, 1.0))
    return _with(maps, values, found)


@dataclass(frozen=True)
class _Area:
    """What is solved for: the pixels of a map, and which pulse settings share their D.

    Parameters
    ----------
    shape : tuple of int
    spacing : tuple of float
        Of the pixels in tip radii.
    radius : float
        In m.
    boundary : str
    prior : tuple of float or str, optional
        As it was given, in m.
    image : ndarray of `shape`, optional
        That it names.
    groups : list of list of int
        Of pulse settings.
    """

    shape: tuple[int, int]
    spacing: tuple[float, float]
    radius: float
    boundary: str
    prior: tuple[float, float] | str | None
    image: Array | None
    groups: list[list[int]]

    @classmethod
    def of(
        cls,
        evaluation: Evaluation,
        spacing: tuple[float, float],
        prior: tuple[float, float] | str | None,
        image: Array | None,
        together: bool,
    ) -> "_Area":
        settings, sizes = evaluation.settings, evaluation.dataset.sizes
        assert settings.length is not None
        radius, pulses = settings.length.value, range(sizes["pulse"])
        groups = [list(pulses)] if together else [[pulse] for pulse in pulses]
        in_radii = spacing[0] / radius, spacing[1] / radius
        return cls((sizes["y"], sizes["x"]), in_radii, radius, settings.kernel.name, prior, image, groups)

    @property
    def prior_in_radii(self) -> tuple[float, float] | None:
        return (self.prior[0], self.prior[1] / self.radius) if isinstance(self.prior, tuple) else None

    def solved(
        self,
        recorded: Recorded,
        stage: Progress | None,
        before: Sequence[Solution | None] | None = None,
    ) -> list[Solution | None]:
        """Return the solution of each group; none where nothing responds, and that is a result.

        Parameters
        ----------
        before : sequence of Solution, optional
            Those in another noise, to begin with.
        """
        solutions: list[Solution | None] = []
        for number, group in enumerate(self.groups):
            of_group = [recorded.recordings[pulse] for pulse in group]
            start = None if before is None else before[number]
            if min(np.count_nonzero(recording.weight) for recording in of_group) < _FEWEST:
                solutions.append(None)
                continue
            with single_threaded_blas():
                solution = solve(
                    of_group,
                    recorded.nodes.times,
                    partial(Plane.around, self.shape, self.spacing, recorded.nodes.last),
                    self.boundary,
                    prior=self.prior_in_radii,
                    image=self.image,
                    # What went astray for want of a drift or step is not where to look for D with one.
                    start=start if start is not None and start.settled else None,
                    progress=_counted(stage, number, len(self.groups)),
                )
            solutions.append(solution)
        return solutions

    def described(
        self,
        recorded: Recorded,
        solutions: list[Solution | None],
        counted: NDArray[np.bool_],
        stage: Progress | None,
    ) -> tuple[dict[str, Array], list[dict[str, Any]]]:
        """Return the maps, each of shape (pulse, y, x), and what is said of each pulse setting."""
        found: list[dict[str, Any]] = [{} for _ in recorded.recordings]
        values = {name: np.full((len(found), *self.shape), np.nan) for name in _MAPS}
        for number, (group, solution) in enumerate(zip(self.groups, solutions, strict=True)):
            of_group = [recorded.recordings[pulse] for pulse in group]
            for pulse in group:
                found[pulse] = _what_counts(recorded, pulse, counted[pulse]) | _asked(self.prior, len(group))
            if solution is None:
                continue
            with single_threaded_blas():
                other = other_boundary(
                    solution,
                    of_group,
                    recorded.nodes.times,
                    recorded.nodes.last,
                    prior=self.prior_in_radii,
                    image=self.image,
                    progress=_counted(stage, number, len(self.groups)),
                )
                exponentials = exponentials_beside(solution, recorded, group)
            solution = centred(solution)
            diffuses = exponentials is None or not _exponentials_alone(exponentials, other)
            covered = coverage(solution, of_group)
            scale = recorded.largest_response(solution.background, self.boundary)
            for place, pulse in enumerate(group):
                amplitude = solution.linear.amplitudes[place].reshape(self.shape) * scale
                counts = of_group[place].weight.reshape(self.shape) > 0
                answered = solution.settled and diffuses
                of_pulse = _maps_of(solution, covered, amplitude, counts, self.radius, answered=answered)
                for name, value in of_pulse.items():
                    values[name][pulse] = value
                told = _summary(solution, self.radius, of_pulse, covered, answered=answered)
                if isinstance(self.prior, str):
                    told["prior"] |= {"image": self.prior, "edges": plain_value(_part_freed(solution))}
                found[pulse] = told | found[pulse]
                found[pulse]["other_boundary"] = None if other is None else _told(other, self.radius)
                found[pulse]["exponentials"] = (
                    None
                    if exponentials is None
                    else {
                        "misfit": plain_value(exponentials.misfit),
                        "own_misfit": plain_value(exponentials.own_misfit),
                        "better": not diffuses,
                    }
                )
        return values, found


def _what_counts(recorded: Recorded, pulse: int, counted: NDArray[np.bool_]) -> dict[str, Any]:
    """Return what is fitted beside the response, and how many traces did not count for what they miss."""
    return {
        "nuisance": ",".join(recorded.instrument.evaluation.settings.nuisances.texts) or "none",
        "n_counted": int(np.isfinite(recorded.recordings[pulse].variance).sum()),
        "n_incomplete": int((counted.ravel() & ~np.isfinite(recorded.recordings[pulse].variance)).sum()),
    }


def _told(other: OtherBoundary, radius: float) -> dict[str, Any]:
    """Return what JSON says of the other boundary."""
    return {
        "kernel": other.kernel,
        "D": plain_value(other.diffusion * radius**2),
        "misfit": plain_value(other.misfit),
        "own_misfit": plain_value(other.own_misfit),
        "better": other.clear,
    }


def _exponentials_alone(exponentials: Exponentials, other: OtherBoundary | None) -> bool:
    """Whether exponentials describe the traces, and diffusion does not, whatever holds at the surface."""
    by_other = other is not None and other.clear and other.misfit < exponentials.misfit
    return exponentials.clear and not by_other


def _part_freed(solution: Solution) -> float:
    """Return the part of all differences between pixels that an image frees."""
    edges = solution.stiffness.edges
    return 0.0 if edges is None or edges.factor == 1 else edges.part


def _asked(prior: tuple[float, float] | str | None, sharing: int) -> dict[str, Any]:
    """Return what was asked for: whether pulse settings share their D, and a prior as it was given, to the last bit."""
    told: dict[str, Any] = {"together": sharing > 1}
    if isinstance(prior, tuple):
        told["prior"] = {"sd": prior[0], "length": prior[1], "given": True}
    return told


def prior_from_text(text: str) -> tuple[float, float] | str | None:
    """Return the standard deviation of ln D and the correlation length, in m, that a text says; None for auto.

    Of an image it is the title.

    Examples
    --------
    >>> prior_from_text("0.5:50nm"), prior_from_text("image:Topography")
    ((0.5, 5e-08), 'Topography')

    Raises
    ------
    ValueError
        If it says none of these.
    """
    if text == "auto":
        return None
    if text.startswith(IMAGE) and (title := text.removeprefix(IMAGE).strip()):
        return title
    deviation, _, length = text.partition(":")
    try:
        values = float(deviation), quantity_from_text(length, "m")
    except ValueError:
        values = (0.0, 0.0)
    if not (0 < values[0] <= _LARGEST_DEVIATION and 0 < values[1] <= _LONGEST):
        raise ValueError(
            Sentence(
                "{prior} is auto, image: and the title of an image, or standard deviation of ln D and length, "
                "0.5:50nm; not '{text}'",
                text=text,
            )
        )
    return values


_LARGEST_DEVIATION: Final = 10.0
_LONGEST: Final = 1e-3


def with_lateral_maps(maps: xr.Dataset, inverted: xr.Dataset) -> xr.Dataset:
    """Return maps of the same traces with those of an inversion beside them."""
    own = {name: inverted[name].variable for name in _MAPS if name in inverted}
    return maps.assign(own).assign_attrs({ATTRIBUTE: inverted.attrs.get(ATTRIBUTE, "[]")})


def recipe_for_lateral(recipe: Recipe) -> Recipe:
    """Return a recipe with a kernel that says what happens at the surface: its own where it does, else "flux-pulse"."""
    if recipe.kernel in BOUNDARIES:
        return recipe
    return replace(recipe, kernel=FLUX, geometry=DEFAULT_GEOMETRY)


_MAPS: Final = ("D_lateral", "log_D_lateral_stderr", "amplitude_lateral", "misfit_lateral")


def _counted(progress: Progress | None, number: int, count: int) -> Callable[[float], None] | None:
    if progress is None:
        return None
    return lambda part: progress((number + part) / count, "taking lateral diffusion out")


def _maps_of(
    solution: Solution,
    covered: Array,
    amplitude: Array,
    counts: NDArray[np.bool_],
    radius: float,
    *,
    answered: bool,
) -> dict[str, Array]:
    """Return the maps of one pulse setting, shape (y, x); without D where the traces have not answered."""
    told = is_told(covered) & answered
    log_ratio = solution.plane.on_map(solution.log_ratio)
    diffusion = solution.background * radius**2 * np.exp(log_ratio)
    freedom = solution.freedom
    misfit = solution.linear.chi_square.reshape(solution.plane.shape) / freedom
    return {
        "D_lateral": np.where(told, diffusion, np.nan),
        "log_D_lateral_stderr": np.where(told, standard_error(solution, covered), np.nan),
        "amplitude_lateral": np.where(counts, amplitude, np.nan),
        "misfit_lateral": np.where(counts, misfit, np.nan),
    }


def _summary(
    solution: Solution, radius: float, maps: dict[str, Array], covered: Array, *, answered: bool
) -> dict[str, Any]:
    """Return what JSON says of a pulse setting, of the resolution only where there is a D; lengths in m."""
    resolution = resolution_of(solution)
    deviation, length = solution.stiffness.spread(solution.log_ratio, solution.information)
    misfit = maps["misfit_lateral"]
    outlying = np.isfinite(misfit) & (solution.linear.trusted.reshape(misfit.shape) < 1)
    described = misfit[np.isfinite(misfit) & ~outlying]
    lengths = np.geomspace(resolution.half_periods[0], resolution.half_periods[-1], _CURVE)
    of_plane = solution.plane.shape, solution.plane.spacing
    contrast = np.interp(np.log(lengths), np.log(resolution.half_periods), resolution.contrast)
    return {
        "D0": plain_value(solution.background * radius**2),
        "resolution": plain_value(resolution.half * radius if answered else np.nan),
        "prior": {
            "sd": plain_value(deviation),
            "length": plain_value(length * radius),
            "given": solution.stiffness.fixed,
        },
        "misfit": plain_value(float(described.mean()) if described.size else np.nan),
        "change": plain_value(solution.change),
        "settled": solution.settled,
        "rounds": solution.rounds,
        "radius": radius,
        "pixel": [step * radius if count > 1 else None for count, step in zip(*of_plane, strict=True)],
        "size": [count * step * radius if count > 1 else None for count, step in zip(*of_plane, strict=True)],
        "curve": {
            "half_period": [plain_value(length) for length in lengths * radius],
            "contrast": [plain_value(part) for part in contrast],
        }
        if answered
        else None,
        "n_outlying": int(outlying.sum()),
        "n_prior": int((~is_told(covered)).sum()),
    }


def _with(maps: xr.Dataset, values: dict[str, Array], found: list[dict[str, Any]]) -> xr.Dataset:
    unit = str(maps["H"].attrs["units"]) if "H" in maps else ""
    new = {
        name: (
            ("pulse", "y", "x"),
            value,
            {
                "units": unit if MAP_KINDS[name].unit == "displacement" else MAP_KINDS[name].unit,
                "long_name": MAP_KINDS[name].title,
            },
        )
        for name, value in values.items()
    }
    result = maps.assign(new)
    result.attrs[ATTRIBUTE] = json.dumps(found)
    return result
