"""ln D(x, y) and the amplitude of every pixel from all traces at once: Gauss-Newton rounds of conjugate gradients.

Of a plane of ln D each trace needs a few averages around it (`averages`), and its amplitude is projected out pixel by
pixel. A round linearises the responses about the last ln D, follows the stiffness of the prior, and solves the normal
equations; averages of all pixels are a few transforms of the plane, and no matrix is larger than a pixel's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.inversion.averages import Averages
from napari_tesm.inversion.edges import Stiffness
from napari_tesm.inversion.plane import Plane
from napari_tesm.physics.lateral_response import uniform_response

Array = NDArray[np.float64]

_ROUNDS: Final = 24
_FEWEST_ROUNDS: Final = 10
_FEWEST_MORE: Final = 4
_STILL: Final = 0.01
"""Change of ln D anywhere, below which a round was the last."""
_LONGEST_STEP: Final = 1.5
_OFF: Final = 0.02
"""Mean of ln(D/D0), beyond which D0 is moved."""
_CENTRED: Final = 5
_HELD: Final = 5
"""Rounds in which ln D is free at all edges of an image, before those at which it does not change are given up."""
_SETTLED: Final = 0.2
"""Root mean square of the last round's change, beyond which there is no ln D that explains the traces."""
_TOLERANCE, _FINE_TOLERANCE = 1e-3, 1e-4
"""Of the conjugate gradients, in parts of the right side: while rounds still move ln D, and in the last ones."""
_ROUGH_TOLERANCE: Final = 0.03
"""For a draw of the noise."""
_NEARLY_STILL: Final = 0.1
_ITERATIONS: Final = 200
_AT_ONCE: Final = 4096
"""Pixels whose responses are worked out together, for the sake of memory."""
_SEARCHED: Final = np.log(10) * np.linspace(-4, 4, 161)
_LEAST: Final = 1e-12
_NEARLY_ALL: Final = 0.9
_OUTLYING: Final = 3.0
"""Times the chi-square that nearly all pixels stay below."""


@dataclass(frozen=True, eq=False)
class Recording:
    """The traces of one pulse setting, compressed (`napari_tesm.inversion.compression`).

    Parameters
    ----------
    response : ndarray, shape (numbers, nodes)
        What the numbers are of a step response.
    numbers : ndarray, shape (pixels, numbers)
    variance : ndarray, shape (pixels,)
        Of the noise; infinite where a pixel does not count.
    """

    response: Array
    numbers: Array
    variance: Array

    @property
    def weight(self) -> Array:
        """One over the variance, shape (pixels,)."""
        with np.errstate(divide="ignore"):
            return np.where(np.isfinite(self.variance), 1 / self.variance, 0.0)


@dataclass(frozen=True, eq=False)
class Linear:
    """Responses linearised about a ln D, over all recordings.

    Parameters
    ----------
    hessian : ndarray, shape (pixels, averages, averages)
    gradient : ndarray, shape (pixels, averages)
    amplitudes : tuple of ndarray, shape (pixels,)
        For each recording.
    chi_square : ndarray, shape (pixels,)
        What is left over, in variances of the noise.
    trusted : ndarray, shape (pixels,)
        1, and less for pixels that are described far worse than nearly all others.
    """

    hessian: Array
    gradient: Array
    amplitudes: tuple[Array, ...]
    chi_square: Array
    trusted: Array


@dataclass(frozen=True, eq=False)
class Solution:
    """What was found.

    Parameters
    ----------
    plane : Plane
    background : float
        D0·(unit of time)/R0²: the ln D is relative to it.
    log_ratio : ndarray, shape of the plane's grid
    stiffness : Stiffness
    information : ndarray, shape of the plane's transform
        What the data say of a wave of ln D, per pixel that counts.
    linear : Linear
        At the ln D.
    averages : Averages
        About the D0 of the last round.
    mixed : ndarray, shape (pixels, averages)
        Of ln D around each pixel of the map.
    freedom : int
        Degrees of freedom of a pixel's chi-square.
    change : float
        Largest change of ln D in the last round.
    moved : float
        Root mean square of that.
    """

    plane: Plane
    background: float
    log_ratio: Array
    stiffness: Stiffness
    information: Array
    linear: Linear
    averages: Averages
    mixed: Array
    freedom: int
    change: float = np.inf
    moved: float = np.inf
    rounds: int = 0

    @property
    def settled(self) -> bool:
        """Whether the rounds have come to an end."""
        return self.moved < _SETTLED


def solve(
    recordings: Sequence[Recording],
    times: Array,
    plane_of: Callable[[float], Plane],
    boundary: str,
    *,
    prior: tuple[float, float] | None = None,
    image: Array | None = None,
    start: Solution | None = None,
    progress: Callable[[float], None] | None = None,
) -> Solution:
    """Return the ln D that explains all traces of an area.

    Parameters
    ----------
    recordings : sequence of Recording
        Pulse settings of one area, which share ln D; each has its amplitudes.
    times : ndarray, shape (nodes,)
        Of the step responses, in any unit.
    plane_of : callable
        Returns the plane for a D0, in R0² per unit of time: where ions come from decides its margin.
    boundary : {"flux-pulse", "clamped"}
    prior : tuple of float, optional
        Standard deviation of ln D and correlation length in R0 of a Gaussian; by default found from the map.
    image : ndarray, shape (y, x), optional
        At whose edges D may change; of no account to a Gaussian.
    start : Solution, optional
        Of the same traces in another noise, to begin with.
    progress : callable, optional
        Called with the part that is done; what it raises ends the inversion.
    """
    if start is None:
        background = uniform_background(recordings, times, boundary)
        plane = plane_of(background)
        stiffness = Stiffness.soft(plane, image) if prior is None else Stiffness.gaussian(plane, *prior)
        log_ratio, fewest, held = np.zeros(plane.grid), _FEWEST_ROUNDS, _HELD
    else:
        background, plane, stiffness = start.background, start.plane, start.stiffness
        log_ratio, fewest, held = start.log_ratio, _FEWEST_MORE, 1
    averages = Averages.of(boundary, times * background, float(plane.wave_numbers.max()))
    kernels = averages.on_waves(plane.wave_numbers)
    counted = sum((recording.weight for recording in recordings), np.zeros(()))
    part = np.count_nonzero(counted) / np.prod(plane.grid)
    change, moved, number = np.inf, np.inf, 0
    for number in range(1, _ROUNDS + 1):
        if progress is not None:
            progress((number - 1) / _ROUNDS)
        mixed = _averages_of(plane, kernels, log_ratio)
        linear = linearised(recordings, averages, mixed)
        information = _information(kernels, linear, counted)
        if number > 1:
            scatter = None
            if stiffness.edges is not None and number > held:
                draws = np.random.default_rng(number)
                scatter = _scattered(plane, kernels, linear, stiffness, information * part, draws)
            stiffness = stiffness.followed(log_ratio, information, scatter)
        later = _next(
            plane,
            kernels,
            linear,
            mixed,
            stiffness,
            information * part,
            log_ratio,
            _TOLERANCE if change > _NEARLY_STILL else _FINE_TOLERANCE,
            None if progress is None else _within(progress, number),
        )
        step = later - log_ratio
        change = float(np.abs(plane.on_map(step)).max())
        moved = float(np.sqrt(np.square(plane.on_map(step)).mean()))
        log_ratio = log_ratio + step * min(1.0, _LONGEST_STEP / max(change, _LEAST))
        mean = float(plane.on_map(log_ratio).mean())
        if abs(mean) > _OFF and number < _CENTRED:
            background, log_ratio = background * np.exp(mean), log_ratio - mean
            averages = Averages.of(boundary, times * background, float(plane.wave_numbers.max()))
            kernels = averages.on_waves(plane.wave_numbers)
        elif change < _STILL and number >= fewest:
            break
    mixed = _averages_of(plane, kernels, log_ratio)
    linear = linearised(recordings, averages, mixed)
    return Solution(
        plane,
        background,
        log_ratio,
        stiffness,
        _information(kernels, linear, counted),
        linear,
        averages,
        mixed,
        sum(len(recording.response) - 1 for recording in recordings),
        change,
        moved,
        number,
    )


def _within(progress: Callable[[float], None], number: int) -> Callable[[float], None]:
    """Return the progress of one round."""
    return lambda part: progress((number - 1 + part) / _ROUNDS)


def uniform_background(recordings: Sequence[Recording], times: Array, boundary: str) -> float:
    """Return the D, in R0² per unit of `times`, that explains most if it is the same everywhere."""
    last = float(times[-1])
    explained = []
    for log_d in _SEARCHED:
        response = uniform_response(times / last * np.exp(log_d), np.zeros(times.size), boundary)[0]
        total = 0.0
        for recording in recordings:
            curve = recording.response @ response
            total += float(recording.weight @ np.square(recording.numbers @ curve)) / float(curve @ curve)
        explained.append(total)
    best = int(np.argmax(explained))
    inner = np.clip(best, 1, len(explained) - 2)
    before, at, after = explained[inner - 1 : inner + 2]
    bend = before - 2 * at + after
    moved = 0.5 * (before - after) / bend if bend < 0 else 0.0
    spacing = float(_SEARCHED[1] - _SEARCHED[0])
    return float(np.exp(_SEARCHED[inner] + np.clip(moved, -1, 1) * spacing) / last)


def linearised(recordings: Sequence[Recording], averages: Averages, mixed: Array) -> Linear:
    """Return the responses linearised about averages, shape (pixels, averages), amplitudes projected out."""
    pixels, count = mixed.shape
    hessian, gradient = np.zeros((pixels, count, count)), np.zeros((pixels, count))
    chi_square = np.zeros(pixels)
    amplitudes = tuple(np.zeros(pixels) for _ in recordings)
    for first in range(0, pixels, _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        responses, by_averages = averages.responses(mixed[part])
        for recording, amplitude in zip(recordings, amplitudes, strict=True):
            curve = responses @ recording.response.T
            along = by_averages @ recording.response.T
            square = np.vecdot(curve, curve)
            numbers, weight = recording.numbers[part], recording.weight[part]
            amplitude[part] = np.vecdot(curve, numbers) / square
            left = numbers - amplitude[part, None] * curve
            chi_square[part] += np.vecdot(left, left) * weight
            # A change along the curve itself is one of the amplitude.
            along -= ((along @ curve[:, :, None]) / square[:, None, None]) * curve[:, None, :]
            scale = np.square(amplitude[part]) * weight
            hessian[part] += (along @ along.swapaxes(1, 2)) * scale[:, None, None]
            gradient[part] += (along @ left[:, :, None])[..., 0] * (amplitude[part] * weight)[:, None]
    trusted = _trust(chi_square)
    return Linear(
        hessian * trusted[:, None, None], gradient * trusted[:, None], amplitudes, chi_square, trusted
    )


def _trust(chi_square: Array) -> Array:
    """Return by how much less pixels count that are described far worse than nearly all others: a glitch is no D."""
    counted = chi_square[chi_square > 0]
    if counted.size == 0:
        return np.ones(chi_square.shape)
    limit = _OUTLYING * float(np.quantile(counted, _NEARLY_ALL))
    with np.errstate(divide="ignore"):
        return np.asarray(np.minimum(1.0, np.square(limit / chi_square)))


def _averages_of(plane: Plane, kernels: Array, log_ratio: Array) -> Array:
    """Return the averages around each pixel of the map, shape (pixels, averages)."""
    fields = plane.on_map(plane.inverse(kernels * plane.transform(log_ratio)))
    return fields.reshape(len(kernels), -1).T


def _back(plane: Plane, kernels: Array, values: Array) -> Array:
    """Return what the transpose of `_averages_of` makes of values, shape (pixels, averages)."""
    fields = plane.from_map(values.T.reshape(-1, *plane.shape))
    return plane.inverse(np.asarray((kernels * plane.transform(fields)).sum(axis=0)))


def _information(kernels: Array, linear: Linear, counted: Array) -> Array:
    """Return what the data say of a wave of ln D, mean of the pixels that count."""
    mean = linear.hessian[counted > 0].mean(axis=0)
    told = np.einsum("ayx,ab,byx->yx", kernels, mean, kernels, optimize=True)
    return np.asarray(np.maximum(told, _LEAST))


def _next(
    plane: Plane,
    kernels: Array,
    linear: Linear,
    mixed: Array,
    stiffness: Stiffness,
    information: Array,
    start: Array,
    tolerance: float,
    progress: Callable[[float], None] | None = None,
) -> Array:
    """Return the ln D that solves the normal equations of a round.

    Progress is told at each of them: on a large map a round takes many seconds, and who cancels is not to wait.
    """
    about = linear.gradient + (linear.hessian @ mixed[:, :, None])[..., 0]
    right = _back(plane, kernels, about)
    return _solved(plane, kernels, linear, stiffness, information, right, start, tolerance, progress)


def _scattered(
    plane: Plane,
    kernels: Array,
    linear: Linear,
    stiffness: Stiffness,
    information: Array,
    draws: np.random.Generator,
) -> Array:
    """Return a draw of what noise and prior leave open of ln D: the solution for a right side drawn as they are.

    Papandreou, G. and Yuille, A. L. (2010). Adv. Neural Inf. Process. Syst. 23, 1858-1866.
    """
    sizes, axes = np.linalg.eigh(linear.hessian)
    noise = np.sqrt(np.maximum(sizes, 0.0)) * draws.standard_normal(sizes.shape)
    stiff_y, stiff_x = stiffness.across
    drawn = [draws.standard_normal(plane.grid) for _ in range(3)]
    right = _back(plane, kernels, (axes @ noise[:, :, None])[..., 0])
    right = right + plane.divergence(np.sqrt(stiff_y) * drawn[0], np.sqrt(stiff_x) * drawn[1])
    right = right + np.sqrt(stiffness.mean) * drawn[2]
    nothing = np.zeros(plane.grid)
    return _solved(plane, kernels, linear, stiffness, information, right, nothing, _ROUGH_TOLERANCE)


def _solved(
    plane: Plane,
    kernels: Array,
    linear: Linear,
    stiffness: Stiffness,
    information: Array,
    right: Array,
    start: Array,
    tolerance: float,
    progress: Callable[[float], None] | None = None,
) -> Array:
    """Return the solution of the normal equations for a right side, by preconditioned conjugate gradients."""

    def of_data(field: Array) -> Array:
        return np.asarray((linear.hessian @ _averages_of(plane, kernels, field)[:, :, None])[..., 0])

    def apply(field: Array) -> Array:
        return _back(plane, kernels, of_data(field)) + stiffness.resisted(field)

    scale = 1 / (information + stiffness.typical * plane.roughness + stiffness.mean)

    def precondition(field: Array) -> Array:
        return plane.inverse(scale * plane.transform(field))

    field = start
    left = right - apply(field)
    direction = turned = precondition(left)
    size = float(np.vdot(left, turned))
    enough = tolerance**2 * float(np.vdot(right, precondition(right)))
    for iteration in range(_ITERATIONS):
        if size <= enough:
            break
        if progress is not None:
            progress(iteration / _ITERATIONS)
        image = apply(direction)
        length = size / float(np.vdot(direction, image))
        field = field + length * direction
        left = left - length * image
        turned = precondition(left)
        size, before = float(np.vdot(left, turned)), size
        direction = turned + (size / before) * direction
    return field


def centred(solution: Solution) -> Solution:
    """Return a solution whose ln D has no mean on the map: D0 is the geometric mean of D."""
    mean = float(solution.plane.on_map(solution.log_ratio).mean())
    return replace(
        solution, background=solution.background * np.exp(mean), log_ratio=solution.log_ratio - mean
    )
