r"""What correlated noise does to the errors of a fit that takes it for white.

The estimate stays what it is; its covariance is that of least squares under noise of another covariance,
:math:`\sigma^2 (J^TJ)^{-1} J^TRJ (J^TJ)^{-1}` (White, H. (1980). Econometrica 48, 817-838), with J the derivatives of
the curve, R the correlation of the noise, and σ² from the residuals, of which noise of this correlation leaves
:math:`\mathrm{tr}(R) - \mathrm{tr}(Q^TRQ)` (Q an orthonormal basis of J) where white noise leaves T − p. Everything
depends on the shape of the curve alone, and comes as a factor on the error of today.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ErrorFactors:
    """Factors for one shape of the curve, or for several.

    Parameters
    ----------
    errors : ndarray, shape (..., p)
        By which the standard errors of the parameters grow, in the order of the columns.
    variance : ndarray, shape (...)
        By which the variance of a sample grows that follows from the residuals.
    freedom : ndarray, shape (...)
        Degrees of freedom of that variance, (tr M)²/tr(M²) with M what the fit leaves of R (Satterthwaite, F. E.
        (1946). Biometrics Bull. 2, 110-114).
    """

    errors: Array
    variance: Array
    freedom: Array


def factors_from_tangents(tangents: Array, covariance: Array) -> ErrorFactors:
    """Return by what the errors grow where the noise has this covariance instead of being white.

    Parameters
    ----------
    tangents : ndarray, shape (..., time, p)
        Derivatives of the fitted curve; of several shapes at once the factors have their axes in front.
    covariance : ndarray, shape (time, time)
        Of noise of variance 1.
    """
    samples, parameters = tangents.shape[-2:]
    # Columns of one length: the derivatives have units of their own.
    lengths = np.linalg.norm(tangents, axis=-2, keepdims=True)
    basis, triangle = np.linalg.qr(tangents / np.maximum(lengths, np.finfo(float).tiny))
    side_by_side = np.moveaxis(basis, -2, 0)
    moved = np.moveaxis((covariance @ side_by_side.reshape(samples, -1)).reshape(side_by_side.shape), 0, -2)
    inner = np.swapaxes(basis, -1, -2) @ moved
    back = np.linalg.pinv(triangle)
    white = np.vecdot(back, back)
    variances = np.vecdot(back @ inner, back)
    left = np.maximum(np.trace(covariance) - np.trace(inner, axis1=-2, axis2=-1), 1e-9 * samples)
    variance = (samples - parameters) / left
    # What does not move the curve has no error to grow.
    grown = np.divide(variances, white, out=np.ones_like(white), where=white > 0)
    squares = np.vdot(covariance, covariance) + (
        np.square(inner).sum(axis=-1) - 2 * np.square(moved).sum(axis=-2)
    ).sum(axis=-1)
    freedom = np.maximum(left**2 / np.maximum(squares, np.finfo(float).tiny), 1.0)
    return ErrorFactors(np.sqrt(variance[..., None] * np.maximum(grown, 0)), variance, freedom)


def factors_of_shapes(tangents: Sequence[Array], covariance: Array) -> list[ErrorFactors]:
    """Return the factors of each of several shapes, each of tangents of shape (time, p), all at once."""
    factors: dict[int, ErrorFactors] = {}
    for width in {part.shape[1] for part in tangents}:
        places = [place for place, part in enumerate(tangents) if part.shape[1] == width]
        together = factors_from_tangents(np.stack([tangents[place] for place in places]), covariance)
        for row, place in enumerate(places):
            factors[place] = ErrorFactors(together.errors[row], together.variance[row], together.freedom[row])
    return [factors[place] for place in range(len(tangents))]
