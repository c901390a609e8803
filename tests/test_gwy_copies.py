"""Gwyddion's objects, scans and reports go to other processes and are copied: as they are, with what they hold."""

import copy
import pickle

import numpy as np
import pytest
from gwyfile.objects import GwyDataField, GwyObject

from napari_tesm import fit, save, simulate_dataset
from napari_tesm.gwy.reading import read_container
from napari_tesm.report.gathering import report_data_from_files


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("copies") / "scan.gwy"
    dataset = simulate_dataset(size=(6, 5), samples=60)
    save(path, dataset, fit(dataset, tip_radius="25 nm"))
    return path


def again(thing):
    return pickle.loads(pickle.dumps(thing))


@pytest.mark.parametrize("copied", [again, copy.copy, copy.deepcopy])
def test_objects_of_a_file_are_copied_with_their_components(path, copied):
    container = read_container(path)
    other = copied(container)
    assert list(other) == list(container)
    assert other.typecodes == container.typecodes
    fields = {key: value for key, value in container.items() if isinstance(value, GwyDataField)}
    assert fields
    for key, field in fields.items():
        assert type(other[key]) is GwyDataField
        assert (other[key].xreal, other[key].xoff, other[key].name) == (field.xreal, field.xoff, field.name)
        np.testing.assert_array_equal(other[key].data, field.data)
    # A copy in depth is a copy: what is changed in it stays in it.
    if copied is not copy.copy:
        next(other[key] for key in fields).xreal = 7.0
        assert all(field.xreal != 7.0 for field in fields.values())
    assert {type(value) for value in other.values() if isinstance(value, GwyObject)} == {
        type(value) for value in container.values() if isinstance(value, GwyObject)
    }


@pytest.mark.parametrize("copied", [again, copy.deepcopy])
def test_the_data_of_a_report_are_copied(path, copied):
    data = report_data_from_files([path])
    other = copied(data)
    assert other.main.name == data.main.name
    np.testing.assert_array_equal(other.main.maps["D1"].values, data.main.maps["D1"].values)
    np.testing.assert_array_equal(
        other.main.dataset["displacement"].values, data.main.dataset["displacement"].values
    )


def test_a_report_says_that_a_pulse_was_typed_against_the_file(path):
    from napari_tesm.evaluation.recipe import Recipe

    recipe = Recipe(tip_radius=25e-9, pulse_start=0.0, pulse_duration=9e-3)
    notes = " ".join(map(str, report_data_from_files([path], recipe=recipe).notes))
    assert "the pulse duration is 9 ms, as given, where the file says 10 ms" in notes
    assert "as given" not in " ".join(map(str, report_data_from_files([path]).notes))
