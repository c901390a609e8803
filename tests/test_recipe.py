import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_tesm.data.protocol import Window
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.evaluation.values import recipe_from_values

positive = st.floats(1e-12, 1e3)
windows = st.one_of(
    st.none(), st.tuples(st.floats(0, 1), st.floats(1e-6, 1)).map(lambda edges: Window(edges[0], sum(edges)))
)


@given(
    radius=st.floats(1e-12, 1), threshold=st.floats(0, 1), window1=windows, window2=windows,
    traces=st.one_of(st.none(), st.lists(st.text(max_size=5), min_size=1, max_size=3).map(tuple)),
)  # fmt: skip
def test_json_round_trip_is_exact(radius, threshold, window1, window2, traces):
    recipe = Recipe(tip_radius=radius, threshold=threshold, window1=window1, window2=window2, traces=traces)
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not JSON"),
        ("[]", "JSON object"),
        ("{}", "version None"),
        ('{"version": 2}', "version 2"),
        ('{"version": 1, "tipradius": 1}', "unknown entries: tipradius"),
        ('{"version": 1, "threshold": "15%"}', "'threshold' must be a number"),
        ('{"version": 1, "threshold": true}', "'threshold' must be a number"),
        ('{"version": 1, "threshold": 15}', "at most 1"),
        ('{"version": 1, "threshold": NaN}', "finite"),
        ('{"version": 1, "threshold": null}', "must not be null"),
        ('{"version": 1, "kernel": "parabola"}', "unknown kernel 'parabola'"),
        ('{"version": 1, "geometry": "l3/tau"}', "unknown geometry"),
        ('{"version": 1, "tip_radius": -1e-9}', "larger than zero"),
        ('{"version": 1, "window1": [0.01, 0.0]}', "ends before it starts"),
        ('{"version": 1, "window1": [1]}', "two times"),
        ('{"version": 1, "window1": "none", "window2": "none"}', "nothing to fit"),
        ('{"version": 1, "tau_bounds": [1, 0.1]}', "in order"),
        ('{"version": 1, "traces": "a"}', "list of titles"),
        ('{"version": 1, "phase_rotation": "some"}', "phase_rotation"),
        ('{"version": 1, "phase_rotation": 400}', "360 degrees"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_bad_recipes_are_refused_in_a_sentence(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        Recipe.from_json(text)


def test_every_field_survives_json():
    changed = Recipe(
        traces=("a",), kernel="exponential", geometry="l2/4tau", tip_radius=1e-8, tip_radius_error=1e-9,
        threshold=0.2, threshold_of="p99", pulse_start=1e-3, pulse_duration=5e-3, voltage=-3.0,
        window1="none", window2=Window(0.01), time_unit="s", lateral_unit="m", tau_bounds=(1e-4, 0.1),
        skip_after_edge=1e-4, response_level=0.01, max_log_tau_error=0.3, phase_rotation=-12.5,
        lock_in_time_constant=1e-4, lock_in_order=4, intervals=True, noise="white", contact_radius=5e-9,
        nuisance="drift,mains:60Hz", contact_radius_error=1e-9, sign="any", parity="odd",
            all_parameters=True,
    )  # fmt: skip
    default = Recipe()
    same = [
        f.name for f in dataclasses.fields(Recipe) if getattr(changed, f.name) == getattr(default, f.name)
    ]
    assert same == ["kernel"]
    assert Recipe.from_json(changed.to_json()) == changed


def test_values_as_people_write_them():
    recipe = recipe_from_values(
        tip_radius="25nm±5nm", threshold="15 %", window2="10ms:25ms", window1="none", voltage="-3V"
    )
    assert recipe.tip_radius == 25e-9
    assert recipe.tip_radius_error == 5e-9
    assert recipe.threshold == 0.15
    assert recipe.window2 == Window(0.01, 0.025)
    assert recipe.window1 == "none"
    assert recipe.voltage == -3.0


def test_a_new_radius_drops_the_old_error():
    base = Recipe(tip_radius=25e-9, tip_radius_error=5e-9)
    assert recipe_from_values(base, tip_radius="30nm").tip_radius_error is None
    assert recipe_from_values(base, threshold=0.2).tip_radius_error == 5e-9


@pytest.mark.parametrize("value", ["25", "25 V", "nm"])
def test_bare_numbers_and_wrong_units_are_errors(value):
    with pytest.raises(ValueError, match="length"):
        recipe_from_values(tip_radius=value)
