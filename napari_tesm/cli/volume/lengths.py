"""Rows of lengths in a CSV file: places of landmarks."""

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tesm.quantities.text import quantity_from_text


def lengths_from_file(name: str, count: int, words: str) -> NDArray[np.float64]:
    """Return the rows of a CSV file, so many lengths each, in m; a first row of headings is left out.

    Parameters
    ----------
    name : str
        Of the file. A bare number in it is in m, as in every table of this program.
    count : int
    words : str
        What they are, for the refusal.

    Raises
    ------
    ValueError
        If a row holds anything else.
    """
    rows = []
    with Path(name).open(newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            cells = [cell.strip() for cell in row]
            headings = number == 1 and not any(map(_is_length, cells))
            if headings or not any(cells) or cells[0].startswith("#"):
                continue
            try:
                if len(cells) != count:
                    raise ValueError(f"it has {len(cells)} cells")
                rows.append([_length(cell) for cell in cells])
            except ValueError as error:
                raise ValueError(
                    f"{name}, line {number}: {count} lengths are needed, {words} ({error})"
                ) from None
    found: NDArray[Any] = np.array(rows, np.float64).reshape(-1, count)
    return found


def _length(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        return quantity_from_text(cell, "m")
    if not math.isfinite(value):
        raise ValueError(f"'{cell}' is no length")
    return value


def _is_length(cell: str) -> bool:
    try:
        _length(cell)
    except ValueError:
        return False
    return True
