"""Words for whoever sits before napari, with the fields they name as the forms call them."""

from napari_tesm.files.sentences import sentence_begun
from napari_tesm.gui.models.form_words import FORMS


def say(message: object, *, warning: bool = False) -> None:
    """Tell the user something in a sentence, or what an exception says, without stopping her."""
    from napari.utils.notifications import show_info, show_warning

    (show_warning if warning else show_info)(sentence_begun(FORMS(message)))
