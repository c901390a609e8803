"""What a result channel was when it was written, so that what was changed since is known for what it is.

A mask in Gwyddion is a user's mark, and may be removed or replaced. Which pixels have no value is therefore written
into the numbers themselves, as a number that no other pixel has; and a digest says whether they are those of the fit.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_tesm.gwy.objects import Field

_VALUES_KEY: Final = "t-ESM digest"
_PLACE_KEY: Final = "t-ESM digest of place"
_FILL_KEY: Final = "t-ESM fill value"


def digest_metadata(field: Field, missing: NDArray[np.bool_]) -> dict[str, str]:
    """Return what to write beside an image: digests of its numbers and of its place, and what missing pixels hold."""
    entries = {_VALUES_KEY: _digest_of_values(field), _PLACE_KEY: _digest_of_place(field)}
    if missing.any():
        entries[_FILL_KEY] = float(field.values[missing][0]).hex()
    return entries


def changes_since_fit(field: Field, metadata: Mapping[str, str]) -> str:
    """Return what became of an image since it was written, in words; empty where nothing did, or nobody can say."""
    changes = []
    if metadata.get(_VALUES_KEY, _digest_of_values(field)) != _digest_of_values(field):
        changes.append("has been changed since it was fitted")
    if metadata.get(_PLACE_KEY, _digest_of_place(field)) != _digest_of_place(field):
        changes.append("has another place or size than when it was fitted")
    return " and ".join(changes)


def fill_of(field: Field, metadata: Mapping[str, str]) -> NDArray[np.bool_] | None:
    """Return which pixels of an image have no value; None where that is not known, as its numbers were changed."""
    if metadata.get(_VALUES_KEY) != _digest_of_values(field):
        return None
    if _FILL_KEY not in metadata:
        return np.zeros(field.values.shape, dtype=np.bool_)
    try:
        fill = float.fromhex(metadata[_FILL_KEY])
    except (ValueError, OverflowError):
        return None
    return np.asarray(field.values == fill, dtype=np.bool_)


def _digest_of_values(field: Field) -> str:
    numbers = np.ascontiguousarray(field.values, dtype="<f8")
    return blake2b(numbers.tobytes(), digest_size=8, salt=str(numbers.shape[1]).encode()[:16]).hexdigest()


def _digest_of_place(field: Field) -> str:
    # Gwyddion keeps extents to the last digit but one.
    extents = (field.x_real, field.y_real, field.x_offset, field.y_offset)
    size = max(field.x_real, field.y_real)
    text = " ".join([*(f"{extent / size:.6f}" for extent in extents), f"{size:.6e}", field.unit_xy])
    return blake2b(text.encode(), digest_size=8).hexdigest()
