"""Maps as small pictures, a byte a pixel, without a figure around them."""

import struct
import zlib
from functools import cache
from typing import Final

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_INDEXED: Final = 3
_EIGHT_BITS: Final = 8


def png_from_values(values: NDArray[np.floating], low: float, high: float, colours: str) -> bytes:
    """Return a map as a PNG with a pixel for each of its own; what has no value is transparent.

    Parameters
    ----------
    values : ndarray, shape (y, x)
    low, high : float
        What the first and the last of the colours stand for; what lies beyond gets these.
    colours : str
        Name of a colour map of matplotlib.

    Notes
    -----
    Colours are a palette, of which each pixel has its number (PNG specification, W3C 2003, colour type 3): small, and
    drawn in a fraction of the time that a figure takes.
    """
    with np.errstate(invalid="ignore"):
        numbers = 1 + np.clip(np.rint((values - low) / ((high - low) or 1.0) * 254), 0, 254)
    indices = np.where(np.isfinite(values), numbers, 0).astype(np.uint8)
    height, width = indices.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each begins with the number of its filter: none
    rows[:, 1:] = indices
    head = struct.pack(">IIBBBBB", width, height, _EIGHT_BITS, _INDEXED, 0, 0, 0)
    chunks = (
        (b"IHDR", head), (b"PLTE", _palette(colours)), (b"tRNS", b"\0"), (b"IDAT", zlib.compress(rows.tobytes())),
        (b"IEND", b""),
    )  # fmt: skip
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


@cache
def _palette(colours: str) -> bytes:
    """Return 256 colours of three bytes, of which the first is that of no value."""
    shades = colormaps[colours](np.linspace(0, 1, 255))[:, :3]
    colours_of_values: bytes = np.rint(255 * shades).astype(np.uint8).tobytes()
    return bytes(3) + colours_of_values


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
