"""What the fields are called where the words of the engine are read: on a terminal, or in Gwyddion."""

import os
from typing import Final

from napari_tesm.files.sentences import Spelling, option_from_field

READER: Final = "TESM_READER"
"""Environment variable by which Gwyddion's module ("gwyddion") and its plug-ins for pygwy ("pygwy") say who reads."""

_DIALOG: Final = {
    "tip_radius": "Tip radius", "tip_radius_error": "Its standard error",
    "contact_radius": "Contact radius", "contact_radius_error": "Error of the contact radius", "geometry": "Geometry",
    "threshold": "Threshold of |H|", "kernel": "Kernel", "window1": "Window 1", "window2": "Window 2",
    "skip_after_edge": "Leave out after an edge", "pulse_start": "Pulse start", "pulse_duration": "Pulse duration",
    "voltage": "Pulse voltage", "time_unit": "Unit of the time axis", "lateral_unit": "Unit of the image axes",
    "traces": "One volume only", "prior": "How ln D varies", "nuisance": "Drift, step, mains",
    "source": "Find them anew in",
}  # fmt: skip
"""The entries of the dialog of Gwyddion's module, by their fields."""
_METADATA: Final = {"lock_in_time_constant": "Lock-in time constant", "lock_in_order": "Lock-in order"}
"""What the dialog does not ask for but Gwyddion's metadata browser can say."""


def _dialog_entry(name: str, value: str) -> str:
    if name in _DIALOG:
        return f"'{_DIALOG[name]}' {value}".rstrip()
    if name in _METADATA:
        return f"'{_METADATA[name]}' {value}".rstrip() + " in the metadata of the volume"
    return f"{option_from_field(name, value)} on the command line"


def _setting(name: str, value: str) -> str:
    return f"{option_from_field(name, value)} in tesm.conf"


_NAMES: Final = {"the command line": "tesm info --mapping FILE", "a fit": "'tesm fit'"}
_MENU: Final = _NAMES | {"a fit": "'Diffusion Maps'"}
_SPELLINGS: Final = {"gwyddion": Spelling(_dialog_entry, _MENU), "pygwy": Spelling(_setting, _MENU)}
_ON_A_TERMINAL: Final = Spelling(option_from_field, _NAMES)


def spelled(message: object) -> str:
    """Return a sentence, or what an exception says, with its fields as its reader knows them."""
    return _SPELLINGS.get(os.environ.get(READER, ""), _ON_A_TERMINAL)(message)
