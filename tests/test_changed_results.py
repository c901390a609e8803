"""Results that somebody worked on in Gwyddion: what has a value is still known, and what was changed is named."""

import numpy as np
import pytest
from examples import example_dataset

from napari_tesm import fit, save
from napari_tesm.gwy import contents, put, read_container, write_container
from napari_tesm.gwy.objects import Field, mask_field
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.scan import scans_from_file

SHAPE = (9, 14)


@pytest.fixture(scope="module")
def maps():
    dataset = example_dataset(shape=SHAPE)
    samples = dataset["displacement"].values.copy()
    samples[:, 4, :3] = 0.25  # dead
    samples[0, 7, 5:9] = 0.004 * np.random.default_rng(1).standard_normal(
        (4, samples.shape[-1])
    )  # no response
    dataset["displacement"] = dataset["displacement"].copy(data=samples)
    return dataset, fit(dataset)


@pytest.fixture
def path(maps, tmp_path):
    save(tmp_path / "fitted.gwy", *maps)
    return tmp_path / "fitted.gwy"


def number_of(container, title):
    return next(
        number
        for number in contents.ids(container, contents.CHANNEL)
        if contents.title(container, contents.CHANNEL, number) == title
    )


def worked_on(path, title, change):
    """Return the maps and notes of a file in which one channel was changed as Gwyddion would."""
    container = read_container(path)
    number = number_of(container, title)
    change(container, number)
    write_container(path.with_name("changed.gwy"), container)
    notes = []
    return maps_from_container(read_container(path.with_name("changed.gwy")), notes=notes), notes


def without_mask(container, number):
    container.pop(f"/{number}/mask")


def with_mark(container, number):
    field = contents.image(container, number)
    put(
        container,
        f"/{number}/mask",
        mask_field(field.values > np.median(field.values), field),
        "o",
    )


def changed_field(**parts):
    def change(container, number):
        field = contents.image(container, number)
        values = {name: change_of(getattr(field, name)) for name, change_of in parts.items()}
        own = {name: getattr(field, name) for name in (
            "values", "x_real", "y_real", "x_offset", "y_offset", "unit_xy", "unit_z",
        )}  # fmt: skip
        put(container, f"/{number}/data", Field(**own | values).to_object(), "o")

    return change


@pytest.mark.parametrize("title", ["D2 (+3 V)", "H (-3 V)", "R2 1 (+3 V)", "tau1 standard error (+3 V)"])
@pytest.mark.parametrize("change", [without_mask, with_mark])
def test_a_mask_takes_no_value_away_and_gives_none(maps, path, title, change):
    read, notes = worked_on(path, title, change)
    for name in read.data_vars:
        np.testing.assert_array_equal(read[name].values, maps[1][name].values, err_msg=name)
    marked = change is with_mark
    assert [note for note in notes if title in note] == (
        [f"the mask of '{title}' is not that of the pixels without a value: it counts as a mark"]
        if marked
        else []
    )
    assert len(notes) == marked


def test_nothing_is_said_of_what_nobody_changed(path):
    notes = []
    assert maps_from_container(read_container(path), notes=notes) is not None
    assert notes == []


@pytest.mark.parametrize(
    "turn",
    [
        lambda values: values[:, ::-1].copy(),
        lambda values: values[::-1].copy(),
        lambda values: values[::-1, ::-1].copy(),
        lambda values: (values + np.roll(values, 1, axis=1)) / 2,
        lambda values: np.where(np.arange(values.size).reshape(values.shape) == 17, 2 * values, values),
    ],
    ids=["flip", "flop", "half a turn", "filter", "one pixel"],
)
def test_a_map_that_was_changed_is_named(maps, path, turn):
    read, notes = worked_on(path, "D2 (+3 V)", changed_field(values=turn))
    assert notes[0] == "'D2 (+3 V)' has been changed since it was fitted"
    # Which pixels are valid is told by the status, not by what is left of the fill.
    np.testing.assert_array_equal(np.isnan(read["D2"].values[0]), maps[1]["status2"].values[0] != 0)


@pytest.mark.parametrize(
    "parts",
    [
        {"x_offset": lambda place: place + 1e-6},
        {"y_real": lambda size: 1.01 * size},
    ],
    ids=["offset", "size"],
)
def test_a_map_that_was_moved_is_named(path, parts):
    _, notes = worked_on(path, "D2 (+3 V)", changed_field(**parts))
    assert notes == ["'D2 (+3 V)' has another place or size than when it was fitted"]


def test_the_last_digit_of_an_extent_is_gwyddions(path):
    _, notes = worked_on(path, "D2 (+3 V)", changed_field(x_real=lambda size: size * (1 + 1e-12)))
    assert notes == []


def test_every_door_hears_of_it(path):
    container = read_container(path)
    changed_field(values=lambda values: values[:, ::-1].copy())(container, number_of(container, "D2 (+3 V)"))
    write_container(path.with_name("flipped.gwy"), container)
    (scan,) = scans_from_file(path.with_name("flipped.gwy"))
    assert any("'D2 (+3 V)' has been changed since it was fitted" in str(note) for note in scan.notes)
