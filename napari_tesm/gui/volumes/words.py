"""What the fields of a volume are called in the widget."""

from typing import Final

from napari_tesm.files.sentences import Spelling, option_from_field, sentence_begun

_PLACES: Final = {
    "voxel": "Voxel", "up": "Away from collector", "array": "Array", "mapping": "Mapping", "air": "Air",
    "collector": "Collector", "electrode": "Electrode", "bin": "Bins", "reach": "Reach", "section": "Height",
}  # fmt: skip


def _place(name: str, value: str = "") -> str:
    if name == "overwrite":
        return "by removing what is there first"
    if name not in _PLACES:
        return f"{option_from_field(name, value)} on the command line"
    return f"{_PLACES[name]} {value}".rstrip()


VOLUME_FORM: Final = Spelling(_place)


def volume_sentence(message: object) -> str:
    """Return a sentence, or what an exception says, from its capital to its full stop; its fields by their places."""
    text = VOLUME_FORM(message) or type(message).__name__
    return f"{sentence_begun(text)}{'' if text[-1] in '.!?' else '.'}"
