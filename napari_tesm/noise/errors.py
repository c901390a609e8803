r"""What correlated noise does to the errors of a fit that takes it for white.

The estimate stays what it is; its covariance is that of least squares under noise of another covariance,
:math:`\sigma^2 (J^TJ)^{-1} J^TRJ (J^TJ)^{-1}` (White, H. (1980). Econometrica 48, 817-838), with J the derivatives of
the curve, R the correlation of the noise, and σ² from the residuals, of which noise of this correlation leaves
:math:`\mathrm{tr}(R) - \mathrm{tr}(Q^TRQ)` (Q an orthonormal basis of J) where white noise leaves T − p. Everything
depends on the shape of the curve alone, and comes as a factor on the error of today.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ErrorFactors:
    """Factors for one shape of the curve.

    Parameters
    ----------
    errors : ndarray, shape (p,)
        By which the standard errors of the parameters grow, in the order of the columns.
    variance : float
        By which the variance of a sample grows that follows from the residuals.
    freedom : float
        Degrees of freedom of that variance, (tr M)²/tr(M²) with M what the fit leaves of R (Satterthwaite, F. E.
        (1946). Biometrics Bull. 2, 110-114).
    """

    errors: Array
    variance: float
    freedom: float


def factors_from_tangents(tangents: Array, covariance: Array) -> ErrorFactors:
    """Return by what the errors grow where the noise has this covariance instead of being white.

    Parameters
    ----------
    tangents : ndarray, shape (time, p)
        Derivatives of the fitted curve.
    covariance : ndarray, shape (time, time)
        Of noise of variance 1.
    """
    # Columns of one length: the derivatives have units of their own.
    scaled = tangents / np.maximum(np.linalg.norm(tangents, axis=0), np.finfo(float).tiny)
    basis, triangle = np.linalg.qr(scaled)
    moved = covariance @ basis
    inner = basis.T @ moved
    back = np.linalg.pinv(triangle)
    white = np.vecdot(back, back)
    variances = np.vecdot(back @ inner, back)
    samples, parameters = tangents.shape
    left = max(float(np.trace(covariance) - np.trace(inner)), 1e-9 * samples)
    variance = (samples - parameters) / left
    # What does not move the curve has no error to grow.
    grown = np.divide(variances, white, out=np.ones_like(white), where=white > 0)
    squares = np.vdot(covariance, covariance) - 2 * np.vdot(moved, moved) + np.vdot(inner, inner)
    freedom = max(left**2 / max(float(squares), np.finfo(float).tiny), 1.0)
    return ErrorFactors(np.sqrt(variance * np.maximum(grown, 0)), variance, freedom)
