"""Entries of the form for lateral diffusion: whether it is taken out, and what is taken for granted then."""

from typing import Any, Final

from magicgui.widgets import CheckBox, LineEdit
from qtpy.QtWidgets import QLabel

from napari_tesm.data.lateral import Inversion
from napari_tesm.gui.models.busy import Busy
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.form_words import LABELS
from napari_tesm.gui.panels.widgets import row_of
from napari_tesm.physics.lateral_response import BOUNDARIES

_TIP: Final = (
    "Take lateral diffusion out: one D(x, y) that explains the traces of all pixels at once, beside the D of each "
    "pixel by itself. It takes longer than the fit alone; the live preview stays that of each pixel"
)
_TOGETHER_TIP: Final = "All pulse settings share one D(x, y); otherwise each has its own"
_PRIOR_TIP: Final = (
    "How ln D varies. auto: found from the map, even within grains and free at steps; or a Gaussian of this standard "
    "deviation and length, 0.5:50nm"
)


class LateralEntries:
    """Two boxes below the kernel, and a row among the gates; changes go to the model as they are made.

    Parameters
    ----------
    taking : Busy
        Whether the change that is going on comes from the form.
    """

    def __init__(self, taking: Busy) -> None:
        self._model: FitModel | None = None
        self._taking, self._filling = taking, Busy()
        self.box = CheckBox(name="lateral", text="take diffusion out")
        self.together = CheckBox(name="together", text="one D for all", tooltip=_TOGETHER_TIP)
        self.prior = LineEdit(name="prior", tooltip=_PRIOR_TIP)
        self.row = row_of(QLabel(LABELS["prior"]), self.prior.native)
        self.box.changed.connect(self._taken)
        self.together.changed.connect(self._taken)
        self.prior.native.textEdited.connect(self._taken)
        self.prior.native.editingFinished.connect(self._tidy)

    def show_model(self, model: FitModel) -> None:
        """Show what a model takes out, and change this model from now on."""
        self._model = model
        allowed, inversion = model.recipe.kernel in BOUNDARIES, model.scan.inversion
        with self._filling:
            self.box.enabled = allowed
            self.box.tooltip = _TIP if allowed else model.lateral_problem
            self.box.value = inversion is not None
            shown = inversion or Inversion()
            self.together.value = shown.together
            self.together.native.setVisible(len(model.scan.labels) > 1)
            if self.prior.value != shown.prior_text:
                self.prior.value = shown.prior_text
            self.together.enabled = self.prior.enabled = inversion is not None

    def _taken(self, _: Any = None) -> None:
        model = self._model
        if model is None or self._filling:
            return
        with self._taking:
            model.set_lateral(
                wanted=bool(self.box.value),
                together=bool(self.together.value),
                prior=self.prior.value.strip(),
            )
        self.together.enabled = self.prior.enabled = bool(self.box.value)

    def _tidy(self) -> None:
        """Write what holds when the entry is left: an emptied one is auto; an error stays to be seen."""
        if self._model is not None and not self._model.message:
            self.show_model(self._model)
