"""How high a surface stands at the end of a pulse, against D: what a threshold of H selects."""

import numpy as np

from napari_tesm.kernels.named import kernel_from_name
from napari_tesm.kernels.one_parameter import Kernel


def height_at_pulse_end(kernel: str, diffusion: float, length: float, duration: float) -> float:
    """Return the displacement at the end of a pulse, in parts of the largest that D can give.

    For ``flux-pulse`` that is the displacement if nothing diffused away, for ``clamped`` that of a pulse without end
    (`napari_tesm.kernels.one_parameter`).

    Parameters
    ----------
    kernel : {"flux-pulse", "clamped"}
    diffusion : float
        D in m²/s.
    length : float
        R0 of the source exp(−r²/R0²), in m.
    duration : float
        Of the pulse, in s.

    Examples
    --------
    >>> [round(height_at_pulse_end("flux-pulse", d, 25e-9, 10e-3), 3) for d in (1e-15, 1e-13, 1e-11)]
    [0.834, 0.184, 0.005]
    """
    described = kernel_from_name(kernel, pulse=duration)
    assert isinstance(described, Kernel)
    curves, constant = described.curves(np.array([0.0, duration]), np.log([length**2 / (4 * diffusion)]))
    return float(curves[0, -1] + constant[0])
