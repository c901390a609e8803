"""The fit widget's model: entries, previews, which map is shown, counts."""

import noises
import numpy as np
import pytest
from examples import example_dataset
from test_noise import dataset_of

pytest.importorskip("psygnal")
from napari_tesm import fit
from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.evaluation import instrument
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.findings.instrument import instrument_in_short, instrument_summary
from napari_tesm.gui.models.fit import FitModel, is_provisional
from napari_tesm.gui.models.fit_counts import FitCounts, counts_from_maps
from napari_tesm.gui.models.scan import Scan


def model_of(**options):
    return FitModel(Scan("example", example_dataset(**options), []))


def test_entries_are_understood_as_people_write_them():
    model = model_of()
    assert model.set(tip_radius="20 nm ± 4 nm")
    assert model.set(threshold="10 %")
    assert model.set(window2="11 ms:")
    recipe = model.recipe
    assert (recipe.tip_radius, recipe.tip_radius_error, recipe.threshold) == (20e-9, 4e-9, 0.1)
    assert recipe.window2 == Window(11e-3)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"tip_radius": "25"}, "unit"),
        ({"tip_radius": "-3 nm"}, "radius"),
        ({"threshold": "150 %"}, "100 %"),
        ({"window1": "5 ms:1 ms"}, "ends before"),
        ({"kernel": "magic"}, "magic"),
        ({"response_level": 2.0}, "probability"),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(values, word):
    model = model_of()
    before = model.recipe
    heard = []
    model.changed.connect(lambda: heard.append(model.message))
    assert not model.set(**values)
    assert word in model.message
    assert heard == [model.message]
    assert model.recipe is before
    assert model.set(threshold="20 %")
    assert model.message == ""


def test_an_emptied_entry_goes_back_to_the_files():
    model = model_of()
    model.set(tip_radius="20 nm ± 4 nm", window1="0 ms:9 ms")
    model.set(tip_radius=None)
    model.set(window1=None)
    assert model.recipe == Recipe()
    assert model.radius("tip_radius") == (25e-9, 5e-9)
    model.set(tip_radius="20 nm ± 4 nm")
    model.set(contact_radius="5 nm ± 1 nm")
    assert model.radius("contact_radius") == (5e-9, 1e-9)
    model.set(contact_radius=None)
    assert model.radius("contact_radius") == (None, None)
    assert model.radius("tip_radius") == (20e-9, 4e-9)
    model.set(tip_radius=None)
    assert model.recipe == Recipe()


def test_without_a_tip_radius_nothing_is_assumed():
    protocol = PulseProtocol(pulse_start=0.0, pulse_duration=10e-3)
    model = model_of(protocol=protocol)
    assert model.radius("tip_radius") == (None, None)
    assert "D1" not in model.preview()
    assert "tau1" in model.preview()


def test_the_preview_of_a_small_map_is_the_whole_fit():
    model = model_of(shape=(10, 12))
    model.set(tip_radius="20 nm", window2="10.5 ms:")
    preview, whole = model.preview(), fit(model.scan.dataset, recipe=model.recipe)
    for name in whole.data_vars:
        assert np.array_equal(preview[name].values, whole[name].values, equal_nan=True), name


def test_a_large_map_is_thinned_and_lies_where_its_pixels_lie(monkeypatch):
    from napari_tesm.gui.models import fit as module

    monkeypatch.setattr(module, "PREVIEW_SAMPLES", 2000)
    model = model_of(shape=(20, 31))
    thinned, step = model.preview_dataset()
    assert step > 1
    assert thinned["displacement"].size < 3 * 2000 * 2
    for axis in ("y", "x"):
        assert set(thinned[axis].values) <= set(model.scan.dataset[axis].values)
        assert np.allclose(
            np.diff(thinned[axis].values), step * np.diff(model.scan.dataset[axis].values)[0], atol=0
        )
    maps = model.preview()
    whole = fit(model.scan.dataset).sel(y=maps["y"], x=maps["x"])
    good = np.isfinite(maps["tau1"].values) & np.isfinite(whole["tau1"].values)
    assert good.mean() > 0.8
    # Of fewer rows a matrix product may come out otherwise in its last bits, by the processor.
    assert np.allclose(maps["tau1"].values[good], whole["tau1"].values[good], rtol=1e-12, atol=0)


def test_a_changed_dataset_is_read_anew():
    model = model_of(shape=(4, 5))
    first = model.preview()
    model.scan.enter(pulse_duration=8e-3)
    second = model.preview()
    assert not np.array_equal(first["H"].values, second["H"].values)


def test_counts_say_how_many_and_why_not():
    dataset = example_dataset(shape=(6, 9))
    values = dataset["displacement"].values.copy()
    values[:, 0, :2] = np.nan
    values[:, 1, 0] *= 0.01
    dataset["displacement"] = dataset["displacement"].copy(data=values)
    maps = fit(dataset)
    counts = counts_from_maps(maps)
    assert [(line.window, line.label) for line in counts] == [
        (1, "(+3 V)"), (1, "(-3 V)"), (2, "(+3 V)"), (2, "(-3 V)")
    ]  # fmt: skip
    for line in counts:
        status = maps[f"status{line.window}"].values[line.pulse]
        assert line.by_status == tuple((status == value).sum() for value in range(7))
        assert line.fitted == (status == 0).sum()
        assert line.pixels == 54
        assert dict(line.rejected())["invalid"] == 2
        assert sum(count for _, count in line.rejected()) == 54 - line.fitted
    words = counts[0].in_words()
    assert words.startswith(f"window 1 (+3 V): {counts[0].fitted} of 54 pixels fitted (")
    assert "invalid 2" in words


@pytest.mark.parametrize(
    ("fitted", "words"),
    [
        (0, "0 (0 %)"),
        (1, "1 (0.01 %)"),
        (5000, "5\u2009000 (50 %)"),
        (9999, "9\u2009999 (99.99 %)"),
        (10000, "10\u2009000 (100 %)"),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(fitted, words):
    assert FitCounts(1, 0, "", (fitted, 10000 - fitted, 0, 0, 0, 0)).share_in_words() == words


def test_what_was_measured_of_the_instrument_is_kept_for_the_next_preview(monkeypatch):
    model = model_of(shape=(10, 12), noise=0.01)
    model.preview()

    def refuse(*_):
        raise AssertionError("measured again")

    monkeypatch.setattr("napari_tesm.evaluation.instrument._measured", refuse)
    monkeypatch.setattr("napari_tesm.evaluation.window_noise.factors_from_tangents", refuse)
    monkeypatch.setattr("napari_tesm.evaluation.window_noise.NullDistribution.of_draws", refuse)
    for values in (
        {"threshold": "8 %"}, {"tip_radius": "20 nm"}, {"response_level": 1e-5}, {"max_log_tau_error": 0.4},
    ):  # fmt: skip
        assert model.set(**values)
        preview = model.preview()
    monkeypatch.undo()
    whole = fit(model.scan.dataset, recipe=model.recipe)
    for name in whole.data_vars:
        assert np.array_equal(preview[name].values, whole[name].values, equal_nan=True), name
    monkeypatch.setattr("napari_tesm.evaluation.instrument._measured", refuse)
    assert model.set(skip_after_edge="0.3 ms")
    with pytest.raises(AssertionError, match="measured again"):
        model.preview()


@pytest.mark.parametrize("changes", [{"skip_after_edge": "0.3 ms"}, {"pulse_duration": "9 ms"}])
def test_while_a_window_moves_the_last_measurement_stands_in_and_at_rest_it_is_a_fit(monkeypatch, changes):
    model = model_of(shape=(10, 12), noise=0.01)
    first = model.preview()
    measured = []
    original = instrument._measured
    monkeypatch.setattr(instrument, "_measured", lambda one: measured.append(1) or original(one))
    assert model.set(**changes)
    moving = model.preview(moving=True)
    assert not measured
    assert is_provisional(moving)
    assert "as last measured" in instrument_in_short(moving, 0, 2)
    before, kept = (instrument_summary(maps)["noise"][0]["parts"] for maps in (first, moving))
    assert kept == before
    rest = model.preview()
    assert measured
    assert not is_provisional(rest)
    assert "as last measured" not in instrument_in_short(rest, 0, 2)
    whole = fit(model.scan.dataset, recipe=model.recipe)
    assert rest.attrs["instrument"] == whole.attrs["instrument"]
    for name in whole.data_vars:
        assert np.array_equal(rest[name].values, whole[name].values, equal_nan=True), name
    # What does not hang on the noise is that of a fit already.
    assert np.array_equal(moving["H"].values, whole["H"].values)
    both = np.isfinite(moving["tau2"].values) & np.isfinite(whole["tau2"].values)
    assert both.mean() > 0.8
    assert np.array_equal(moving["tau2"].values[both], whole["tau2"].values[both])
    # Another kernel leaves something else over, and is measured at once.
    measured.clear()
    assert model.set(kernel="erfc")
    assert not is_provisional(model.preview(moving=True))
    assert measured


def test_maps_whose_nuisances_were_found_are_not_stale():
    rng = np.random.default_rng(0)
    step = 0.3 * (noises.TIME < noises.PULSE - 1e-9)
    traces = noises.flux_displacement([3e-13]) + step + rng.standard_normal((240, noises.TIME.size)) / 20
    model = FitModel(Scan("step", dataset_of(traces), []))
    assert model.set(kernel="flux-pulse")
    maps = model.fit()
    assert Recipe.from_json(maps.attrs["recipe"]).nuisance == "step"
    model.scan.set_results(maps)
    assert not model.is_stale
    assert model.set(nuisance="none")
    assert model.is_stale
