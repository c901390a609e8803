r"""The lock-in amplifier's low-pass filter: cascaded RC stages, and what they make of a relaxation.

n stages with the time constant τc have the impulse response of a gamma distribution,

.. math:: h(t) = \frac{t^{n-1}}{(n-1)!\,\tau_c^n}\,e^{-t/\tau_c}

(any text on linear circuits; the filters of digital lock-ins are made so). What is recorded is the displacement
convolved with h. The filter remembers what was before a window began. For a kernel of one window, which is
``a·g(t) + c`` from the window's start on, the displacement is taken to have stood at a + c before: then the recorded
curve is ``a·[1 + h*(g − 1)] + c``, of the same form, and a and c stay what they are without the filter.

- At the start of the pulse that is exact where the sample was at rest before.
- At its end it is right where the displacement is continuous and moves little within n·τc. What is left otherwise is
  down to a thousandth (2n + 5)·τc after the edge, whatever was before, and only the curve above remains: samples up to
  there can be left out (`skip_after_edge`).
- Joint kernels know the whole history from the start of the pulse on, and are exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import factorial
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HIGHEST_ORDER: Final = 8
"""As many stages as lock-ins have."""
_SHORTEST: Final = 1e-8
"""Curves before this part of the time constant do not count."""
_FASTEST: Final = 1e-12
"""Part of the longest time; a shorter time constant is taken for it."""
_POINTS: Final = 10
"""Points of each panel of the grid: polynomials through them are right to 1e-7 of the curve."""
_LEGENDRE: Final = 10
_REACH: Final = 60.0
"""After this many time constants, and more with the order, less than 1e-17 of the impulse response is left."""
_AT_ONCE: Final = 200
"""Times whose weights are computed together, for the sake of memory."""


@dataclass(frozen=True)
class LowPass:
    """Cascaded RC stages.

    Parameters
    ----------
    time_constant : float
        Of each stage, in the unit of the times.
    order : int
        Number of stages; 6 dB per octave each.

    Raises
    ------
    ValueError
        If there is no such filter.

    Examples
    --------
    >>> LowPass(1e-4, 4).step(np.array([0.0, 4e-4, 4e-3])).round(4)
    array([0.    , 0.5665, 1.    ])
    """

    time_constant: float
    order: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.time_constant < np.inf:
            raise ValueError(
                f"the lock-in's time constant must be longer than nothing, not {self.time_constant:g}"
            )
        check_order(self.order)

    def impulse(self, time: Array) -> Array:
        """Return the impulse response, in one over the unit of the times; 0 before t = 0."""
        x = np.maximum(time, 0.0) / self.time_constant
        response = x ** (self.order - 1) * np.exp(-x) / (factorial(int(self.order) - 1) * self.time_constant)
        return np.asarray(np.where(time < 0, 0.0, response))

    def step(self, time: Array) -> Array:
        """Return the response to a step at t = 0, from 0 to 1."""
        from scipy.special import gammainc

        return np.asarray(gammainc(self.order, np.maximum(time, 0.0) / self.time_constant))

    def filtered(self, curves: Callable[[Array], Array], time: Array) -> Array:
        """Return curves after the filter, shape (n, time); they are 0 before t = 0 and begin there with 0.

        Parameters
        ----------
        curves : callable
            Takes times, shape (m,), increasing from 0, and returns the curves there, shape (n, m). They may begin
            steeply, as √t, and must be smooth later on.
        time : ndarray, shape (time,)
        """
        grid, weights = _weights(np.ascontiguousarray(time).tobytes(), self)
        return np.asarray(curves(grid) @ weights)


def check_order(order: float) -> None:
    """Raise a ValueError for a number of stages that no lock-in has."""
    if not (1 <= order <= HIGHEST_ORDER and order == int(order)):
        raise ValueError(f"the lock-in's order is a whole number from 1 to {HIGHEST_ORDER}, not {order:g}")


def order_from_text(text: str) -> int:
    """Return the number of stages that a text says.

    Examples
    --------
    >>> order_from_text("4")
    4
    """
    try:
        order = float(text)
    except ValueError:
        raise ValueError(
            f"the lock-in's order is a whole number from 1 to {HIGHEST_ORDER}, not '{text}'"
        ) from None
    check_order(order)
    return int(order)


@lru_cache(maxsize=16)
def _weights(time_bytes: bytes, low_pass: LowPass) -> tuple[Array, Array]:
    """Return a grid, shape (m,), and the weights, shape (m, time), that turn a curve there into the filtered one.

    Between the points of each panel of the grid a curve is a polynomial; panels double in length, so that curves
    which change with the logarithm of time are followed at all times alike.
    """
    time = np.maximum(np.frombuffer(time_bytes), 0.0)
    longest = float(time.max(initial=0.0))
    if longest == 0:
        return np.zeros(1), np.zeros((1, time.size))
    # A filter faster than this leaves no trace in the curve, and its time constant may hardly be a number.
    low_pass = LowPass(max(low_pass.time_constant, _FASTEST * longest), low_pass.order)
    shortest = _SHORTEST * min(low_pass.time_constant, longest)
    panels = int(np.ceil(np.log2(longest / shortest)))
    edges = np.geomspace(shortest, longest, panels + 1)
    angles = np.pi * (np.arange(_POINTS) + 0.5) / _POINTS
    points = -np.cos(angles)
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    grid = np.concatenate([[0.0], (middle[:, None] + half[:, None] * points).ravel()])
    # Column j turns the values of all Chebyshev polynomials at x into that of the one through point j.
    degrees = np.arange(_POINTS)
    through = np.cos(degrees[:, None] * (np.pi - angles)) * (2 / _POINTS)
    through[0] /= 2
    nodes, shares, rest = _graded_rule()
    weights = np.zeros((grid.size, time.size))
    for first in range(0, time.size, _AT_ONCE):
        part = time[first : first + _AT_ONCE, None]
        reach = np.minimum(part, _REACH * low_pass.time_constant)
        ago = reach * nodes
        share = reach * shares * low_pass.impulse(ago)
        # Straight from the nodes: near the end a difference would lose its digits.
        then = np.where(part > reach, part - ago, part * rest)
        there = then >= shortest
        panel = np.log(np.maximum(then, shortest) / shortest) * (panels / np.log(longest / shortest))
        panel = np.clip(panel.astype(np.intp), 0, panels - 1)
        x = np.clip((then - middle[panel]) / half[panel], -1, 1)
        values = np.cos(degrees * np.arccos(x)[:, :, None]) @ through
        values *= (share * there)[:, :, None]
        row = np.broadcast_to(np.arange(part.shape[0])[:, None, None], values.shape)
        place = row * grid.size + 1 + panel[:, :, None] * _POINTS + degrees
        summed = np.bincount(place.ravel(), values.ravel(), minlength=part.shape[0] * grid.size)
        weights[:, first : first + _AT_ONCE] = summed.reshape(-1, grid.size).T
    return grid, weights


@lru_cache(maxsize=1)
def _graded_rule() -> tuple[Array, Array, Array]:
    """Return points of [0, 1], their weights, and 1 less the points: finer and finer towards either end."""
    x, w = np.polynomial.legendre.leggauss(_LEGENDRE)
    x, w = (x + 1) / 2, w / 2

    def towards_zero(depth: int) -> tuple[Array, Array]:
        edges = np.concatenate([[0.0], 0.5 ** np.arange(depth, -0.5, -1.0)]) / 2
        width = np.diff(edges)
        return (edges[:-1, None] + width[:, None] * x).ravel(), (width[:, None] * w).ravel()

    start, start_weights = towards_zero(12)
    end, end_weights = towards_zero(32)
    nodes = np.concatenate([start, 1 - end])
    rest = np.concatenate([1 - start, end])
    return nodes, np.concatenate([start_weights, end_weights]), rest
