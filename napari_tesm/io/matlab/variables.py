"""The variables of a .mat file as they are met: arrays become sources, single numbers and texts attributes."""

from collections.abc import Callable
from typing import Final

import numpy as np

from napari_tesm.files.disk import DiskFile
from napari_tesm.files.lazy import LazyArray, numbers_of
from napari_tesm.io.content import Collection, ContentError, one_line

_MOST_VARIABLES: Final = 20_000


class Variables(Collection):
    """Collects what is found in a .mat file."""

    def __init__(self, disk: DiskFile) -> None:
        super().__init__()
        self.disk = disk
        self._n_visited = 0

    def visit(self) -> None:
        """Count a variable, field or element.

        Raises
        ------
        ContentError
            If there are too many.
        """
        self._n_visited += 1
        if self._n_visited > _MOST_VARIABLES:
            raise ContentError(
                f"{self.disk.path} holds more than {_MOST_VARIABLES} variables, fields and cells."
            )

    def add_array(self, name: str, array: LazyArray) -> None:
        """Keep the numbers of a variable, parts of complex ones apart; a single one as an attribute."""
        for part, numbers in numbers_of(array, name):
            if numbers.size == 0:
                self.leave_out(part, "it is empty.")
            elif numbers.size == 1:
                self.attributes[part] = numbers[(0,) * numbers.ndim].item()
            else:
                self.add(one_line(part), _as_vector(numbers))


def _as_vector(array: LazyArray) -> LazyArray:
    if array.ndim != 2 or 1 not in array.shape:
        return array
    return array.at(int(array.shape[0] != 1), 0)


def element_names(name: str, shape: tuple[int, ...], form: str) -> Callable[[int], str]:
    """Return what gives the name of the n-th element of an array of structs or cells, in MATLAB's order.

    Parameters
    ----------
    form : str
        ``"({})"`` or ``"{{{}}}"``.
    """
    single = all(size == 1 for size in shape) and form == "({})"

    def name_of(index: int) -> str:
        if single:
            return name
        if sum(size > 1 for size in shape) <= 1:
            return name + form.format(index + 1)
        places = np.unravel_index(index, shape, order="F")
        return name + form.format(",".join(str(place + 1) for place in places))

    return name_of
