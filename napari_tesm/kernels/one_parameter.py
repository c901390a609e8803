r"""Relaxation kernels as pure formulas.

A kernel with one shape parameter describes a trace as ``a·g(t; tau) + c``. Most are fitted window by window, t
counted from the start of the window. Joint kernels describe pulse and relaxation at once, t counted from the start
of the pulse, and need its length. A kernel is registered by name in `KERNELS`; the engine in
`napari_tesm.fitting` knows nothing else of it.

The diffusion kernels are the displacement of the surface of an isotropic half-space by Vegard strain,
:math:`u(k, t) = 2(1+\nu)\beta\int_0^\infty \delta c(k, z, t)\,e^{-kz}\,dz` for a lateral wave number k (the form of
Morozovska, A. N. et al. (2010). J. Appl. Phys. 108, 053712), with δc from the linear diffusion equation. Their time
is :math:`\tau_d = R_0^2/(4D)` for a source exp(−r²/R0²).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.kernels.low_pass import LowPass

Array = NDArray[np.float64]
LEAST_FILTERED: Final = 1e-4
"""Of filtered curves; what is convolved numerically is right to 1e-7."""
CurveFunction = Callable[[Array, Array], tuple[Array, Array]]
PulseFunction = Callable[[Array, Array, float, LowPass | None], tuple[Array, Array]]


@dataclass(frozen=True)
class Kernel:
    """A one-parameter family of unit curves.

    Parameters
    ----------
    name : str
        The name used everywhere: command line, recipe, metadata.
    formula : callable
        Takes times, shape (time,), increasing from 0 or later, and ln tau, shape (n,); that of a joint kernel also
        the length of the pulse. Returns new arrays of ``g − constant``, shape (n, time), and of the constant, shape
        (n,). The constant is the kernel's to choose: without it g would lose its digits where tau is much longer
        than the record and g hardly leaves 1.
    words : str
        What it describes, in a few words.
    geometry : str, optional
        How D follows from its tau (`napari_tesm.physics.diffusion.GEOMETRIES`), where the formula leaves no choice.
    joint : bool
        Whether it describes pulse and relaxation together.
    search : (float, float)
        Range of tau that is searched by default, in windows.
    pulse : float, optional
        Length of the pulse, for a joint kernel; see `napari_tesm.kernels.named.kernel_from_name`.
    low_pass : LowPass, optional
        The lock-in's filter, which the curves have passed.
    """

    name: str
    formula: CurveFunction | PulseFunction
    words: str
    geometry: str | None = None
    joint: bool = False
    search: tuple[float, float] = (0.01, 10.0)
    pulse: float | None = None
    low_pass: LowPass | None = None
    parameters: ClassVar[int] = 3
    """How many numbers describe a trace: time, amplitude and final value."""
    fewest_samples: ClassVar[int] = 6
    """A trace with fewer finite samples is invalid."""
    quantities: ClassVar[tuple[str, ...]] = ()
    """What a fit gives beyond tau, a and c."""
    time_of_diffusion: ClassVar[str] = "tau"
    """The time that D is taken from."""

    def curves(self, time: Array, log_tau: Array) -> tuple[Array, Array]:
        """Return ``g − constant``, shape (n, time), and the constant, shape (n,), for ln tau of shape (n,).

        Raises
        ------
        ValueError
            If a time or ln tau is not finite, a time lies before the kernel's start, or a joint kernel has no pulse.
        """
        if not (np.isfinite(log_tau).all() and np.isfinite(time).all()):
            raise ValueError(
                "a kernel's times must be finite, and its relaxation times finite and larger than zero"
            )
        if not self.joint and time.size and time.min() < 0:
            raise ValueError(f"the kernel '{self.name}' begins at zero, there is no curve before it")
        if self.joint:
            if self.pulse is None:
                raise ValueError(f"the kernel '{self.name}' needs to know how long the pulse is")
            return self.formula(time, log_tau, self.pulse, self.low_pass)  # type: ignore[call-arg]
        formula: CurveFunction = self.formula  # type: ignore[assignment]
        if self.low_pass is None:
            return formula(time, log_tau)
        # From the start of the window on the filter sees g − g(0), and before it nothing.
        curves = self.low_pass.filtered(lambda grid: formula(grid, log_tau)[0], time)
        return curves, formula(np.zeros(1), log_tau)[1]

    @property
    def least_left(self) -> float:
        """How much of a curve must be left from the first sample on for its digits to mean anything."""
        return float(np.finfo(float).tiny) if self.low_pass is None else LEAST_FILTERED


def exponential_decay(time: Array, log_tau: Array) -> tuple[Array, Array]:
    """Return ``exp(−t/tau)`` less its first value, and that value; the paper's eq. 4 with a = 1, c = 0.

    Examples
    --------
    >>> curves, constant = exponential_decay(np.array([0.0, 1.0]), np.log([1.0, 1e20]))
    >>> curves.round(22)
    array([[ 0.00000000e+00, -6.32120559e-01],
           [ 0.00000000e+00, -1.00000000e-20]])
    >>> constant
    array([1., 1.])
    """
    rate = np.exp(-log_tau)
    first = np.exp(-time[0] * rate)
    curves = rate[:, None] * (time[0] - time)
    # In place: fresh memory for large arrays costs more time than the exponential.
    np.expm1(curves, out=curves)
    curves *= first[:, None]
    return curves, first


def erfc_decay(time: Array, log_tau: Array) -> tuple[Array, Array]:
    r"""Return ``erfc(√(t/tau))`` less 1, and 1: a thin surface source of one wave number k, tau = 1/(k²D).

    The source spreads as :math:`e^{-z^2/4Dt}/\sqrt{\pi Dt}\,e^{-k^2Dt}` below a blocked surface (Carslaw, H. S. and
    Jaeger, J. C. (1959). Conduction of Heat in Solids, 2nd ed., section 10.2), and its strain integral is erfc(k√(Dt)).
    """
    from scipy.special import erf

    curves = np.sqrt(np.exp(-log_tau)[:, None] * time)
    erf(curves, out=curves)
    np.negative(curves, out=curves)
    return curves, np.ones(log_tau.size)


def gaussian_source_decay(time: Array, log_tau: Array) -> tuple[Array, Array]:
    r"""Return ``1 − √(t/(t + tau))`` less 1, and 1: a thin source exp(−r²/R0²) left alone, tau = R0²/(4D).

    The Hankel transform of `erfc_decay` over the wave numbers of the source,
    :math:`\int_0^\infty x e^{-x^2/4}\,\mathrm{erfc}(x\sqrt{Dt}/R_0)\,dx/2` at the centre. Short times
    ``1 − √(t/tau)``, late ``tau/(2t)``: a power law, not an exponential.
    """
    x = np.exp(-log_tau)[:, None] * time
    curves = np.sqrt(x / (1 + x))
    np.negative(curves, out=curves)
    return curves, np.ones(log_tau.size)


def flux_pulse(
    time: Array, log_tau: Array, pulse: float, low_pass: LowPass | None = None
) -> tuple[Array, Array]:
    r"""Return ``[F(t) − F(t − T)]/T``, and 0: a constant flux exp(−r²/R0²) during a pulse of length T, tau = R0²/(4D).

    F is `gaussian_source_decay` integrated over time,
    :math:`F(t) = t - \sqrt{t(t+\tau)} + \tau\,\mathrm{asinh}\sqrt{t/\tau}` and 0 before t = 0.
    At short times F ≈ t, what flows in piles up; at long ones it grows as ln t.
    """
    return _of_a_pulse(flux_response, time, log_tau, pulse, low_pass)


def clamped_contact(
    time: Array, log_tau: Array, pulse: float, low_pass: LowPass | None = None
) -> tuple[Array, Array]:
    r"""Return ``U(t) − U(t − T)``, and 0: a concentration held at exp(−r²/R0²) under the tip for T, then at zero.

    tau = R0²/(4D). With x = t/tau, :math:`U = \frac{2}{\pi}[\arctan\sqrt x - x\,\mathrm{arccot}\sqrt x + \sqrt x]`: the
    Hankel transform of :math:`\mathrm{erf}(k s)/(2k) - k s^2\,\mathrm{erfc}(k s) + s\,e^{-k^2s^2}/\sqrt\pi`, s = √(Dt),
    over :math:`c_0(k) \propto e^{-k^2R_0^2/4}`. Short times 4√x/π (Cottrell), late 1 − 4/(3π√x).
    """
    return _of_a_pulse(clamped_response, time, log_tau, pulse, low_pass)


def _of_a_pulse(
    response: Callable[[Array], Array], time: Array, log_tau: Array, pulse: float, low_pass: LowPass | None
) -> tuple[Array, Array]:
    """Return the response to a drive that is switched on at 0 and off at the end of the pulse."""
    rate = np.exp(-log_tau)[:, None]

    def since_switched(times: Array) -> Array:
        if low_pass is None:
            return response(rate * times)
        return low_pass.filtered(lambda grid: response(rate * grid), times)

    curves = since_switched(np.maximum(time, 0.0))
    after = int(np.searchsorted(time, pulse, side="right"))
    curves[:, after:] -= since_switched(time[after:] - pulse)
    # A scale that keeps the curve of order one or below: the fit's amplitude takes the place of all prefactors.
    if response is flux_response:
        curves /= pulse * rate
    return curves, np.zeros(log_tau.size)


def flux_response(x: Array) -> Array:
    """Return F/tau at x = t/tau: what a flux that stays on makes of the displacement; see `flux_pulse`."""
    root = np.sqrt(x)
    # x − √(x(1 + x)) without its cancellation.
    values: Array = np.arcsinh(root) - root / (root + np.sqrt(1 + x))
    small = x < _SERIES_BELOW
    if small.any():
        y = root[small]
        values[small] = y * y * (1 - y * (2 / 3 - y * y * (1 / 5 - y * y * (3 / 28))))
    return values


def clamped_response(x: Array) -> Array:
    """Return U at x = t/tau: what a concentration that is held makes of the displacement; see `clamped_contact`."""
    root = np.sqrt(x)
    with np.errstate(divide="ignore"):
        inverse = np.divide(1.0, root, out=np.full(x.shape, np.inf), where=root > 0)
    angle = np.arctan(inverse)
    values: Array = (root - x * angle) * (2 / np.pi)
    values += np.arctan(root) * (2 / np.pi)
    late = inverse**2 < _SERIES_BELOW
    if late.any():
        y = inverse[late]
        # 1 − (2/π)[(1 + x) arccot √x − √x], whose terms of the order of √x cancel.
        series = y * (2 / 3 - y * y * (2 / 15 - y * y * (2 / 35)))
        values[late] = 1 - series * (2 / np.pi)
    return values


_SERIES_BELOW: Final = 1e-3
"""Below this the first terms of the series are right to 1e-10, and what cancels would lose more."""

KERNELS: Final = {
    kernel.name: kernel
    for kernel in (
        Kernel("exponential", exponential_decay, "one exponential for each window, as in the t-ESM paper"),
        Kernel("erfc", erfc_decay, "diffusion of one wave number from a thin source", "l2/tau"),
        Kernel(
            "gaussian-source", gaussian_source_decay, "diffusion from a thin Gaussian source", "l2/4tau"
        ),
        Kernel(
            "flux-pulse", flux_pulse, "diffusion with a constant Gaussian flux during the pulse", "l2/4tau",
            joint=True, search=(1e-4, 100.0),
        ),
        Kernel(
            "clamped", clamped_contact, "diffusion with the concentration held under the tip", "l2/4tau",
            joint=True, search=(1e-4, 100.0),
        ),
    )
}  # fmt: skip
"""The kernels by name."""
