"""What the fields are called on the forms of the workspace, for the forms and for sentences that name a field."""

from typing import Final

from napari_tesm.files.sentences import Spelling, option_from_field, sentence_begun

LABELS: Final = {
    "pulse_start": "Pulse starts at", "pulse_duration": "Pulse lasts", "voltage": "Pulse voltage",
    "time_unit": "Unit of the time axis", "lateral_unit": "Unit of the image's axes",
    "tip_radius": "Tip radius", "contact_radius": "Contact radius", "threshold": "Threshold", "window1": "Windows 1",
    "window2": "Windows 2", "kernel": "Kernel", "skip_after_edge": "skip",
    "lock_in_time_constant": "Lock-in's low-pass", "lock_in_order": "order", "noise": "Noise",
    "nuisance": "Nuisances", "parity": "Voltages", "sign": "Sign", "lateral": "Lateral",
    "prior": "Prior of ln D",
}  # fmt: skip
"""What stands beside the entries."""
_PROTOCOL: Final = ("pulse_start", "pulse_duration", "voltage", "time_unit", "lateral_unit")
_GATES: Final = (
    "skip_after_edge",
    "lock_in_time_constant",
    "lock_in_order",
    "noise",
    "nuisance",
    "sign",
    "prior",
)
_NAMES: Final = {
    "tip_radius_error": "tip radius", "contact_radius_error": "contact radius", "window1": "window 1",
    "window2": "window 2", "skip_after_edge": "time to skip", "max_log_tau_error": "largest error of ln τ",
    "lock_in_time_constant": "lock-in's time constant", "lock_in_order": "lock-in's order",
}  # fmt: skip


def place_of_field(name: str, value: str = "") -> str:
    """Return where a field is entered, and what to enter there."""
    if name == "overwrite":  # the workspace asks before it replaces a file, and never replaces a folder
        return "by removing what is there first"
    if name not in LABELS:
        return f"{option_from_field(name, value)} on the command line"
    form = "Protocol" if name in _PROTOCOL else "Fit → Gates" if name in _GATES else "Fit"
    return f"{form} → {LABELS[name]} {value}".rstrip()


FORMS: Final = Spelling(place_of_field, _NAMES)


def sentence_for_forms(message: object) -> str:
    """Return a sentence, or what an exception says, from its capital to its full stop; its fields by their places."""
    text = FORMS(message) or type(message).__name__
    return f"{sentence_begun(text)}{'' if text[-1] in '.!?' else '.'}"


def text_with_unit(text: str, unit: str) -> str:
    """Return what was typed with the unit that stands beside the entry, unless it was typed with one.

    Examples
    --------
    >>> text_with_unit("25", "nm"), text_with_unit("0.03 µm", "nm")
    ('25 nm', '0.03 µm')
    """
    return text if text[-1:].isalpha() or text.endswith("%") else f"{text} {unit}"
