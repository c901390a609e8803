"""Units that stand in attributes, in their usual spellings."""

import re
from collections.abc import Mapping
from typing import Any, Final

_UNITS: Final = (
    "units",
    "unit",
    "unitstring",
    "unitlabel",
    "unitname",
    "niunitdescription",
    "physicalunit",
    "uom",
    "siunit",
    "unit(si)",
    "dimensionunit",
    "einheit",
)
"""What an attribute that holds a unit is called, without capitals, blanks and underlines; the first goes first."""


def unit_from_attributes(attributes: Mapping[str, Any]) -> str:
    """Return the unit that attributes state under one of its usual names; empty where none does.

    Examples
    --------
    >>> unit_from_attributes({"UNIT": "s"}), unit_from_attributes({"Unit Label": "mV", "units": 3})
    ('s', 'mV')
    """
    spelled: dict[str, str] = {}
    for name, value in attributes.items():
        if isinstance(value, str) and value.strip():
            spelled.setdefault(re.sub(r"[\s_\-]", "", str(name)).lower(), value)
    return next((spelled[name] for name in _UNITS if name in spelled), "")


def unit_beside(name: str, attributes: Mapping[str, Any]) -> str:
    """Return the unit that a text beside a value states: ``time_unit`` of ``time``, ``t.unit`` of ``t.data``.

    Examples
    --------
    >>> unit_beside("time", {"time_units": "ms"}), unit_beside("scan/t/data", {"scan/t/UNIT": "s"})
    ('ms', 's')
    """
    stems = [name]
    parent = re.fullmatch(r"(.+)[./](?:data|values?)", name)
    stems += [parent[1]] if parent else []
    for stem in stems:
        beside = {
            key[len(stem) :].lstrip("./"): value
            for key, value in attributes.items()
            if key.startswith(stem) and key != stem
        }
        if unit := unit_from_attributes(beside):
            return unit
    return ""
