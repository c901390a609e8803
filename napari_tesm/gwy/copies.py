"""Copies of Gwyddion's objects, and objects sent to other processes: gwyfile's own cannot be made anew without data."""

import copyreg
from typing import Any

from gwyfile.objects import GwyContainer, GwyDataField, GwyObject, GwySIUnit


def allow_copies() -> None:
    """Have gwyfile's objects pickled and copied as what they are, their components one by one."""
    for kind in (GwyObject, GwyContainer, GwyDataField, GwySIUnit):
        copyreg.pickle(kind, _parts_of)


def _parts_of(obj: GwyObject) -> Any:
    return _empty, (type(obj),), dict(vars(obj)), None, iter(obj.items())


def _empty(kind: Any) -> Any:
    return kind.__new__(kind)
