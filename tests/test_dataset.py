import tracemalloc

import numpy as np
import pytest
import xarray as xr
from examples import example_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tesm.data.dataset import (
    TraceStack,
    check_dataset,
    dataset_from_traces,
    pulse_labels,
    slug_from_title,
    violations,
    with_protocol,
)
from napari_tesm.data.protocol import PulseProtocol


def _dataset(**changes):
    values = {
        "traces": [np.zeros((3, 4, 5)), np.ones((3, 4, 5))],
        "time": np.arange(5.0),
        "x": np.arange(4.0),
        "y": np.arange(3.0),
        "voltage": [3.0, -3.0],
        "direction": ["trace", "retrace"],
    }
    values |= changes
    return dataset_from_traces(values.pop("traces"), **values)


def test_a_sound_dataset_has_no_violation():
    assert violations(_dataset()) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"time": [0, 1, 2, 2, 3]}, "'time' runs backwards at index 3"),
        ({"time": [0, 1, 2, np.nan, 3]}, "'time' holds values that are not finite"),
        ({"x": [0, 1, 1, 2]}, "'x' does not increase at index 2"),
        ({"direction": ["trace", "sideways"]}, "'trace', 'retrace' or empty, not \\['sideways'\\]"),
        ({"traces": [np.zeros((3, 4, 5), dtype=complex)] * 2}, "real numbers"),
    ],
)
def test_violations_are_named(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        _dataset(**changes)


def test_every_violation_is_named_at_once():
    dataset = _dataset()
    broken = dataset.drop_vars(["displacement", "voltage"]).assign_attrs(tip_radius=-1.0)
    broken["time"].attrs["units"] = "ms"
    with pytest.raises(ValueError) as caught:
        check_dataset(broken)
    for sentence in ("no variable 'displacement'", "no coordinate 'voltage'", "in s, not 'ms'", "tip radius"):
        assert sentence in str(caught.value)


class _Counting:
    """An array that counts how many numbers were asked of it."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.asked = values, values.shape, values.dtype, 0

    def __getitem__(self, key):
        part = self.values[key]
        self.asked += part.size
        return part


def test_only_the_rows_asked_for_are_read():
    source = _Counting(np.random.default_rng(0).random((30, 40, 50)))
    dataset = _dataset(
        traces=[source],
        time=np.arange(50.0),
        x=np.arange(40.0),
        y=np.arange(30.0),
        voltage=[1.0],
        direction=[""],
    )
    assert source.asked == 0
    rows = dataset["displacement"].isel(pulse=0, y=slice(3, 5)).values
    assert source.asked == 2 * 40 * 50
    np.testing.assert_array_equal(rows, source.values[3:5])


# xarray itself trips over empty slices with a negative step.
slices = st.slices(3).filter(lambda part: (part.step or 1) > 0 or len(range(*part.indices(3))) > 0)
keys = st.one_of(st.integers(-3, 2), slices, st.lists(st.integers(-3, 2), min_size=1, max_size=4))


@settings(deadline=None)
@given(st.tuples(st.sampled_from([0, 1, slice(None), [1, 0]]), keys, keys, keys), st.booleans())
def test_indexing_equals_numpy(key, time_first):
    values = np.random.default_rng(1).random((2, 3, 3, 3))
    sources = list(values)
    if time_first:
        sources = [np.ascontiguousarray(one.transpose(2, 0, 1)).transpose(1, 2, 0) for one in sources]
    dataset = _dataset(traces=sources, time=np.arange(3.0), x=np.arange(3.0), y=np.arange(3.0))
    plain = xr.Variable(("pulse", "y", "x", "time"), values)
    lazy = dataset["displacement"].variable
    np.testing.assert_array_equal(lazy[key].values, plain[key].values)


@pytest.mark.parametrize("key", [{"time": 7}, {"y": 3}, {"time": [2, 9]}, {"x": [0, 50], "time": 1}])
def test_only_what_is_asked_for_is_copied(key):
    """Of traces whose time lies first, as in a volume of Gwyddion."""
    volume = np.random.default_rng(0).standard_normal((40, 60, 90))
    dataset = dataset_from_traces(
        [np.moveaxis(volume, 0, -1)], time=np.arange(40.0), x=np.arange(90.0), y=np.arange(60.0), unit="V"
    )
    tracemalloc.start()
    part = dataset["displacement"].isel(key).values
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    expected = np.moveaxis(volume, 0, -1)[None]
    for name, place in key.items():
        expected = np.take(expected, np.atleast_1d(place), ("pulse", "y", "x", "time").index(name))
    np.testing.assert_array_equal(part.ravel(), expected.ravel())
    assert peak < volume.nbytes / 4


def test_unequal_sources_are_refused():
    with pytest.raises(ValueError, match="unequal size"):
        TraceStack([np.zeros((2, 2, 2)), np.zeros((2, 2, 3))])


def test_the_check_runs_before_every_reading():
    def changed():
        raise OSError("the file changed")

    dataset = _dataset(check=changed)
    with pytest.raises(OSError, match="changed"):
        dataset["displacement"].isel(y=0).load()


def test_with_protocol_moves_time_zero_to_the_pulse():
    dataset = example_dataset()
    moved = with_protocol(dataset.assign_attrs(time_origin=0.0), pulse_start=2e-3, voltage=-5.0)
    np.testing.assert_allclose(moved["time"].values, dataset["time"].values - 2e-3)
    assert moved["voltage"].values.tolist() == [-5.0, -5.0]
    again = with_protocol(moved, pulse_start=2e-3)
    np.testing.assert_array_equal(again["time"].values, moved["time"].values)
    assert dataset["voltage"].values.tolist() == [3.0, -3.0]


@pytest.mark.parametrize(
    ("voltage", "direction", "labels"),
    [
        ([3, -3], ["trace", "retrace"], ["(+3 V)", "(-3 V)"]),
        ([-3, -3], ["trace", "retrace"], ["(-3 V trace)", "(-3 V retrace)"]),
        ([-3, -3], ["", ""], ["(-3 V)", "(-3 V) #2"]),
        ([np.nan], [""], [""]),
        ([np.nan, np.nan], ["", ""], ["", "#2"]),
        ([0, 0.5], ["", ""], ["(0 V)", "(+0.5 V)"]),
    ],
)
def test_pulse_labels(voltage, direction, labels):
    assert pulse_labels(voltage, direction) == labels


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), max_size=12))
def test_slugs_are_unique_identifiers(titles):
    taken = []
    for title in titles:
        taken.append(slug_from_title(title, taken))
    assert len(set(taken)) == len(taken)
    assert all(name.isidentifier() for name in taken)


def test_times_that_count_from_the_pulse_stay_where_they_are():
    """A known start is where time 0 is, unless `time_origin` says otherwise."""
    dataset = _dataset(protocol=PulseProtocol(pulse_start=5e-3, pulse_duration=1e-3))
    assert "time_origin" not in dataset.attrs
    np.testing.assert_array_equal(with_protocol(dataset, tip_radius=1e-9)["time"], dataset["time"])
    np.testing.assert_allclose(with_protocol(dataset, pulse_start=6e-3)["time"], dataset["time"] - 1e-3)


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(-1, 1))
def test_the_last_start_given_counts(first, last):
    once = with_protocol(_dataset(), pulse_start=last)
    twice = with_protocol(with_protocol(_dataset(), pulse_start=first), pulse_start=last)
    np.testing.assert_allclose(twice["time"], once["time"], atol=1e-15)
    xr.testing.assert_identical(with_protocol(once), once)
