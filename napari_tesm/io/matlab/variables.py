"""The variables of a .mat file as they are met: arrays become sources, single numbers and texts attributes."""

from collections.abc import Callable
from typing import Any, Final

from napari_tesm.files.lazy import LazyArray, numbers_of
from napari_tesm.files.mapped import MappedFile
from napari_tesm.io.content import Axis, ContentError, Source, distinct_name, one_line

_MOST_VARIABLES: Final = 20_000
_MOST_NOTES: Final = 50


class Variables:
    """Collects what is found in a .mat file."""

    def __init__(self, mapped: MappedFile) -> None:
        self.mapped = mapped
        self.sources: list[Source] = []
        self.attributes: dict[str, Any] = {}
        self._names: set[str] = set()
        self._notes: list[str] = []
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
                f"{self.mapped.path} holds more than {_MOST_VARIABLES} variables, fields and cells."
            )

    def add_array(self, name: str, array: LazyArray) -> None:
        """Keep the numbers of a variable, parts of complex ones apart; a single one as an attribute."""
        for part, numbers in numbers_of(array, name):
            if numbers.size == 0:
                self.leave_out(part, "it is empty.")
            elif numbers.size == 1:
                self.attributes[part] = numbers[(0,) * numbers.ndim].item()
            else:
                vector = _as_vector(numbers)
                distinct = distinct_name(one_line(part), self._names)
                self._names.add(distinct)
                self.sources.append(
                    Source(distinct, vector, [Axis(size, known=False) for size in vector.shape])
                )

    def add_text(self, name: str, text: str) -> None:
        """Keep a text as an attribute."""
        self.attributes[name] = text

    def leave_out(self, name: str, reason: str) -> None:
        """Note that a variable is left out."""
        self._notes.append(one_line(f"'{name}' is left out: {reason}", 400))

    def all_notes(self) -> list[str]:
        """Return the notes, not endlessly many."""
        if len(self._notes) <= _MOST_NOTES:
            return self._notes
        return [*self._notes[:_MOST_NOTES], f"{len(self._notes) - _MOST_NOTES} more variables are left out."]


def _as_vector(array: LazyArray) -> LazyArray:
    if array.ndim != 2 or 1 not in array.shape:
        return array
    long = int(array.shape[0] == 1)
    size = array.shape[long]

    def read(part: tuple[slice, ...]) -> Any:
        key: list[slice | int] = [0, 0]
        key[long] = part[0]
        return array[tuple(key)]

    return LazyArray((size,), array.dtype, read)


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
        places = []
        for size in shape:
            index, place = divmod(index, size)
            places.append(str(place + 1))
        return name + form.format(",".join(places))

    return name_of
