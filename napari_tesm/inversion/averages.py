r"""Which averages of ln D around the tip a trace depends on, and how.

To first order the step response at a time t follows ln D through one kernel over the plane, with the transfer function
h(q, t) (`napari_tesm.physics.lateral_response`). Beyond first order each response is taken as that of a uniform sample
whose ln D is an average m(t) over the place the ions have come through by then:

- *flux*: the weights are h(q, t)/h(0, t), so that nothing is left of the first order, and ions that met a faster sample
  have come as far as later ones would: the average is that at the time t·e^m, m = ⟨ln D⟩(t·e^m).
- *clamped*: late in the pulse a uniform sample hardly follows D while a contrast still shows, and no average can say
  that. m(t) is taken with Gaussian weights that widen with time, and the rest of the first order is added:
  u = U(t; m) + [h ∗ ε](t) − h(0, t)·m.

Both are exact for a uniform D of any size and to first order for any D(x, y). Against exact solutions for bands of
2.5 : 1 and 0.4 : 1 they are off by at most 0.4 and 0.6 % of the largest displacement (first order: 2 … 8 %).

The kernels of all times span few dimensions: some ten maps of averages hold all that the traces know of ln D.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.physics.lateral_response import FLUX, transfer_function, uniform_response

Array = NDArray[np.float64]

_NARROW, _WIDENING = 0.3, 0.7
"""Width of a clamped contact's average, in R0, and how its square grows with t in R0²/D0: of widths from 0.3 to 2.5 and
growths from 0 to 8 these are right to 0.6 % for bands of 12 … 100 nm."""
_WAVES: Final = 57
_LONGEST: Final = 0.02
_DEPENDENT: Final = 3e-4
"""Dimensions below this part of the first move ln D by less than anybody sees."""
_SHORTEST: Final = 1e-4
"""In R0²/D0: ions have not left the contact, and earlier averages are those of this time. Responses are not: of a slow
sample they may take a good part of the record."""
_TIMES: Final = 56
_NEWTON: Final = 3


@dataclass(frozen=True, eq=False)
class Averages:
    """Kernels over the plane, and what averages with them make of a step response.

    Parameters
    ----------
    boundary : {"flux-pulse", "clamped"}
    times : ndarray, shape (nodes,)
        Since the drive was switched on, in R0²/D0.
    waves, profiles : ndarray, shape (waves,) and (averages, waves)
        The kernels' transforms by wave number.
    mean, slope, bend : ndarray, shape (averages, nodes)
        m(t) as a sum over the averages, and its derivatives by ln t.
    rest : ndarray, shape (averages, nodes)
        What is added to the response.
    """

    boundary: str
    times: Array
    waves: Array
    profiles: Array
    mean: Array
    slope: Array
    bend: Array
    rest: Array

    @classmethod
    def of(cls, boundary: str, times: Array, highest: float) -> "Averages":
        """Return the averages for step responses at some times, and maps with wave numbers up to the highest.

        Parameters
        ----------
        times : ndarray, shape (nodes,)
            In R0²/D0.
        highest : float
            In 1/R0.
        """
        from scipy.interpolate import CubicSpline

        late = np.maximum(times, _SHORTEST)
        waves = np.concatenate([[1e-6], np.geomspace(_LONGEST, max(highest, 1.0) * 1.001, _WAVES - 1)])
        # The transfer functions change with the logarithm of time, and slowly.
        logs = np.linspace(np.log(late[0] / 2), np.log(late[-1] * 2), _TIMES)
        transfers = np.stack([transfer_function(wave, np.exp(logs), boundary) for wave in waves])
        nothing = np.zeros((waves.size, times.size))
        if boundary == FLUX:
            curve = CubicSpline(logs, transfers / transfers[0], axis=1)
            parts = [*(curve(np.log(late), derivative) for derivative in range(3)), nothing]
        else:
            weights = np.exp(-np.square(waves)[:, None] * (_NARROW**2 + _WIDENING * late) / 2)
            now = CubicSpline(logs, transfers, axis=1)(np.log(late))
            parts = [weights, nothing, nothing, now - now[0] * weights]
        left, sizes, right = np.linalg.svd(np.concatenate(parts, axis=1), full_matrices=False)
        count = int((sizes > _DEPENDENT * sizes[0]).sum())
        coefficients = right[:count].reshape(count, 4, times.size)
        profiles = (left[:, :count] * sizes[:count]).T
        return cls(boundary, times, waves, profiles, *np.moveaxis(coefficients, 1, 0))

    def on_waves(self, wave_numbers: Array) -> Array:
        """Return the transforms of the kernels at wave numbers, shape (averages, ...)."""
        from scipy.interpolate import CubicSpline

        curve = CubicSpline(np.log(self.waves + _LONGEST), self.profiles, axis=1)
        return np.asarray(curve(np.log(np.minimum(wave_numbers, self.waves[-1]) + _LONGEST)))

    def responses(self, averages: Array) -> tuple[Array, Array]:
        """Return step responses and their derivatives by the averages.

        Parameters
        ----------
        averages : ndarray, shape (n, averages)

        Returns
        -------
        tuple of ndarray, shapes (n, nodes) and (n, averages, nodes)
        """
        first, second, third = averages @ self.mean, averages @ self.slope, averages @ self.bend
        mean = first
        if self.boundary == FLUX:
            # m = first + second·m + third·m²/2, the average at t·e^m to second order in m.
            for _ in range(_NEWTON):
                excess = first + second * mean + third * np.square(mean) / 2 - mean
                mean = mean + np.clip(excess / np.maximum(1 - second - third * mean, 0.3), -1.0, 1.0)
        response, by_mean = uniform_response(self.times, mean, self.boundary)
        if self.boundary == FLUX:
            by_mean = by_mean / np.maximum(1 - second - third * mean, 0.3)
            along = self.mean + self.slope * mean[:, None] + self.bend * np.square(mean)[:, None] / 2
            return response, by_mean[:, None] * along
        return response + averages @ self.rest, by_mean[:, None] * self.mean + self.rest
