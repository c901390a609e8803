"""What is typed into the entries of the Fit form."""

import pytest
from examples import example_dataset

pytest.importorskip("qtpy")
from qtpy.QtCore import Qt

from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.scan import Scan
from napari_tesm.gui.panels.fit_form import FitForm

pytestmark = pytest.mark.display


@pytest.fixture
def form(make_viewer, qtbot):
    form = FitForm()
    qtbot.addWidget(form)
    form.fill(FitModel(Scan("example", example_dataset(protocol=PulseProtocol(0.0, 10e-3)), [])))
    return form


def type_in(entry, text):
    entry.native.setText(text)
    entry.native.textEdited.emit(text)


@pytest.mark.parametrize(
    ("text", "metres"), [("25", 25e-9), ("25 nm", 25e-9), ("0.03 µm", 30e-9), ("2.5e1", 25e-9)]
)
def test_a_number_is_in_the_unit_beside_the_entry_unless_it_has_its_own(form, text, metres):
    type_in(form.numbers["tip_radius"], text)
    assert form.model.message == ""
    assert form.model.recipe.tip_radius == pytest.approx(metres)
    form.numbers["tip_radius"].native.editingFinished.emit()
    assert form.numbers["tip_radius"].value == f"{metres / 1e-9:g}"


def test_windows_and_errors_take_units_too(form):
    type_in(form.numbers["tip_radius"], "25")
    type_in(form.numbers["tip_radius_error"], "20 %")
    assert form.model.recipe.tip_radius_error == pytest.approx(5e-9)
    type_in(form.edges[1, "stop"], "9000 µs")
    assert form.model.recipe.window1 == Window(0.0, 9e-3)
    type_in(form.numbers["skip_after_edge"], "200 µs")
    assert form.model.recipe.skip_after_edge == pytest.approx(0.2e-3)


def test_a_contact_radius_is_entered_and_taken_back_beside_the_tip_radius(form):
    type_in(form.numbers["tip_radius"], "25")
    type_in(form.numbers["contact_radius"], "5")
    type_in(form.numbers["contact_radius_error"], "1")
    assert form.model.message == ""
    recipe = form.model.recipe
    assert (recipe.contact_radius, recipe.contact_radius_error) == pytest.approx((5e-9, 1e-9))
    assert form.model.scan.settings.length.name == "contact radius"
    type_in(form.numbers["contact_radius"], "")
    form.numbers["contact_radius"].native.editingFinished.emit()
    assert form.numbers["contact_radius_error"].value == ""
    assert form.model.scan.settings.length.name == "tip radius"


def test_a_contact_radius_of_the_file_is_shown_as_the_files(make_viewer, qtbot):
    form = FitForm()
    qtbot.addWidget(form)
    protocol = PulseProtocol(0.0, 10e-3, contact_radius=4e-9, contact_radius_error=0.5e-9)
    form.fill(FitModel(Scan("example", example_dataset(protocol=protocol), [])))
    assert (form.numbers["contact_radius"].value, form.numbers["contact_radius_error"].value) == ("4", "0.5")
    assert form.units["contact_radius"].text() == "nm (file)"
    assert (form.numbers["tip_radius"].value, form.units["tip_radius"].text()) == ("", "nm")
    assert form.model.hint == ""
    type_in(form.numbers["contact_radius"], "6")
    assert form.units["contact_radius"].text() == "nm"


def test_the_lock_in_s_filter_is_entered_and_taken_back(form):
    type_in(form.numbers["lock_in_time_constant"], "0.1")
    type_in(form.numbers["lock_in_order"], "4")
    assert form.model.message == ""
    assert form.model.lock_in == (pytest.approx(1e-4), 4)
    assert form.model.problem == ""
    type_in(form.numbers["lock_in_order"], "4.5")
    assert "whole number from 1 to 8" in form.model.message
    type_in(form.numbers["lock_in_order"], "")
    type_in(form.numbers["lock_in_time_constant"], "200 µs")
    assert form.model.lock_in == (pytest.approx(2e-4), None)
    type_in(form.numbers["lock_in_time_constant"], "")
    assert form.model.lock_in == (None, None)


@pytest.mark.parametrize(("text", "words"), [("-3", "-3 nm"), ("25,5", "decimal point"), ("abc", "'abc'")])
def test_nonsense_is_answered_in_the_units_that_were_typed(form, text, words):
    before = form.model.recipe
    type_in(form.numbers["tip_radius"], text)
    assert words in form.model.message
    assert form.model.recipe is before


def test_limits_are_ticked_and_go_where_a_kernel_has_none(form):
    form.intervals.value = True
    assert form.model.recipe.intervals
    form.kernel.value = "stretched"
    assert form.model.recipe.kernel == "stretched"
    assert not form.model.recipe.intervals
    assert not form.intervals.value
    assert not form.intervals.enabled
    form.kernel.value = "erfc"
    assert form.intervals.enabled


def test_a_threshold_is_a_share_of_the_maximum_or_a_number_of_standard_errors(form):
    form.threshold_of.value = "noise"
    assert form.model.message == ""
    assert (form.model.recipe.threshold, form.model.recipe.threshold_of) == (5.0, "noise")
    assert form.threshold.value == 5.0
    form.threshold.value = 4.0
    assert form.model.recipe.threshold_text == "4sigma"
    form.threshold_of.value = "p99"
    assert (form.model.recipe.threshold, form.model.recipe.threshold_of) == (0.15, "p99")
    form.threshold.value = 20.0
    assert (form.model.recipe.threshold, form.model.recipe.threshold_of) == (0.2, "p99")


def test_noise_and_nuisances_are_entered_under_the_gates(form):
    recipe = form.model.recipe
    assert (form.noise.value, form.nuisance.value) == (recipe.noise, recipe.nuisance) == ("measured", "auto")
    form.noise.value = "white"
    type_in(form.nuisance, "drift, mains:60 Hz")
    assert form.model.message == ""
    assert (form.model.recipe.noise, form.model.recipe.nuisance) == ("white", "drift, mains:60 Hz")
    type_in(form.nuisance, "wobble")
    assert "wobble" in form.model.message
    assert form.model.recipe.nuisance == "drift, mains:60 Hz"
    type_in(form.nuisance, "")
    assert form.model.recipe.nuisance == "auto"
    form.nuisance.native.editingFinished.emit()
    assert form.nuisance.value == "auto"


def test_a_sign_is_judged_or_not(form):
    assert form.sign.value == form.model.recipe.sign == "auto"
    form.sign.value = "any"
    assert form.model.recipe.sign == "any"
    form.model.set(sign="auto")
    form.fill(form.model)
    assert form.sign.value == "auto"


def test_a_kernel_with_a_shape_of_its_own_takes_no_nuisances(form):
    type_in(form.nuisance, "drift")
    form.kernel.value = "stretched"
    assert form.model.message == ""
    assert form.model.recipe.nuisance == "auto"
    assert not form.nuisance.enabled
    form.kernel.value = "flux-pulse"
    assert form.nuisance.enabled


def test_all_parameters_are_asked_for_under_the_gates(form):
    form.all_parameters.native.click()
    assert form.model.recipe.all_parameters
    form.all_parameters.native.click()
    assert not form.model.recipe.all_parameters


@pytest.mark.display
def test_ctrl_z_in_an_entry_goes_back_to_what_held_before_it(viewer, qtbot):
    from napari_tesm.gui.dock import open_workspace
    from napari_tesm.gui.layers.scan_layers import add_layer, layers_from_scan

    scan = Scan("example", example_dataset(shape=(4, 6)))
    for layer in layers_from_scan(scan):
        add_layer(viewer, layer)
    form = open_workspace(viewer).fit_panel.form
    qtbot.wait(80)
    entry = form.numbers["contact_radius"].native
    for text in ("50", "5"):
        entry.setFocus()
        qtbot.keyClicks(entry, text)
        entry.editingFinished.emit()
    assert entry.text() == "505"
    undo = {"modifier": Qt.KeyboardModifier.ControlModifier}
    qtbot.keyClick(entry, Qt.Key.Key_Z, **undo)
    assert entry.text() == "50"
    qtbot.keyClicks(entry, "x")  # which is refused
    assert scan.recipe.contact_radius == pytest.approx(50e-9)
    qtbot.keyClick(entry, Qt.Key.Key_Z, **undo)
    assert entry.text() == "50"
    qtbot.keyClick(entry, Qt.Key.Key_Z, **undo)
    assert (entry.text(), scan.recipe.contact_radius) == ("", None)
