"""Maps of noise by spectral synthesis, cut out of larger ones: independent of the package."""

import numpy as np

STEP = (0.05, 0.08)
"""Of a pixel down and to the right, in µm."""


def map_of_noise(rng, spectrum, *, shape=(48, 64), wider=4):
    """Return a map of unit variance whose power follows ``spectrum(k)``, k in rad/µm.

    It is a part of a map `wider` times as long, whose mean is 0 for spectra that are infinite at k = 0.
    """
    sizes = [wider * size for size in shape]
    down, right = (2 * np.pi * np.fft.fftfreq(size, step) for size, step in zip(sizes, STEP, strict=True))
    wave = np.hypot(down[:, None], right[None, :])
    with np.errstate(divide="ignore"):
        power = spectrum(wave)
    power = np.where(np.isfinite(power), power, 0.0)
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal(sizes)) * np.sqrt(power)).real
    return field[: shape[0], : shape[1]] / np.sqrt(power.mean())


def exponential(length):
    """Return the spectrum of a correlation exp(−r/length), length in µm."""
    return lambda wave: (1 + (wave * length) ** 2) ** -1.5


def gaussian(length):
    """Return the spectrum of a correlation exp(−r²/2 length²), length in µm."""
    return lambda wave: np.exp(-((wave * length) ** 2) / 2)


def like_1_over_f(power):
    """Return the spectrum k^−power, without an end to its correlation."""
    return lambda wave: wave**-power
