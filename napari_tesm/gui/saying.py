"""Words for whoever sits before napari, with the fields they name as the forms call them."""

import re
from pathlib import Path
from typing import Final

from napari_tesm.files.sentences import sentence_begun
from napari_tesm.gui.models.form_words import FORMS

_PATH: Final = re.compile(r"(?<![\w/\\.])(?:/|[A-Za-z]:\\)[^\s:'\"]*[/\\][^\s:'\"]+")
"""A whole path; one with a space in it cannot be told from the words around it and stays."""


def say(message: object, *, warning: bool = False) -> None:
    """Tell the user something in a sentence, or what an exception says, without stopping her."""
    from napari.utils.notifications import show_info, show_warning

    (show_warning if warning else show_info)(without_folders(sentence_begun(FORMS(message))))


def without_folders(text: str) -> str:
    """Return a sentence with the names of files alone: napari cuts what follows a long path, the reason first.

    What is no path of this computer, such as a group inside a file, stays whole.
    """

    def name(path: re.Match[str]) -> str:
        whole = Path(path.group())
        return whole.name if whole.parent.exists() else path.group()

    return _PATH.sub(name, text)
