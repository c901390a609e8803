"""Traces cut lazily from a stream, against the plain copies they must equal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.recording import CutTraces


class Stream:
    """A stream that is read in slices and notes them."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.shape, self.dtype = self.values.shape, self.values.dtype
        self.read = []

    def __getitem__(self, key):
        self.read.append((key.start, key.stop))
        return self.values[key]


def plain(values, start, before, after):
    out = np.full((*start.shape, before + after), np.nan)
    for place, at in np.ndenumerate(start):
        if at >= before and at + after <= values.size:
            out[place] = values[at - before : at + after]
    return out


VALUES = np.random.default_rng(0).standard_normal(3000)
STARTS = np.arange(60).reshape(5, 12) * 48 + 20
STARTS[1, 3] = STARTS[4, 0] = -1
STARTS[2] = STARTS[2, ::-1]
STARTS[0, 0] = 3  # its baseline is not in the recording
STARTS[4, 11] = 2990  # nor is the end of this one

index = st.one_of(
    st.integers(0, 4),
    st.slices(5),
    st.lists(st.integers(0, 4), min_size=0, max_size=6).map(np.array).map(lambda a: a.astype(int)),
)


@settings(max_examples=200, deadline=None)
@given(rows=index, columns=index, times=st.one_of(st.integers(0, 39), st.slices(40)))
def test_any_part_is_that_of_the_whole(rows, columns, times):
    cut = CutTraces(VALUES, STARTS, 10, 30)
    whole = plain(VALUES, STARTS, 10, 30)
    expected = whole
    for axis, part in ((2, times), (1, columns), (0, rows)):
        expected = np.take(expected, np.arange(expected.shape[axis])[part], axis=axis)
    np.testing.assert_array_equal(cut.outer((rows, columns, times)), expected)


def test_the_whole_is_a_plain_copy():
    cut = CutTraces(VALUES, STARTS, 10, 30)
    assert cut.shape == (5, 12, 40)
    np.testing.assert_array_equal(cut[:], plain(VALUES, STARTS, 10, 30))
    missing = np.isnan(cut[:]).all(axis=-1)
    assert sorted(zip(*np.nonzero(missing), strict=True)) == [(0, 0), (1, 3), (4, 0), (4, 11)]


def test_a_line_is_read_at_once_and_a_far_pixel_by_itself():
    size, lines = 200_000, 3
    starts = (np.arange(lines)[:, None] * 60_000 + np.arange(40) * 250 + 100).astype(int)
    starts[1, 20:] += 30_000
    stream = Stream(np.zeros(size))
    cut = CutTraces(stream, starts, 10, 90)
    cut[0]
    assert stream.read == [(90, 90 + 39 * 250 + 100)]
    stream.read.clear()
    cut[1]
    assert len(stream.read) == 2
    stream.read.clear()
    cut.outer((2, 5, slice(None)))
    assert stream.read == [(starts[2, 5] - 10, starts[2, 5] + 90)]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(">f8", "f8"), (">f4", "f4"), ("i2", "f4"), ("u1", "f4"), (">i4", "f8"), ("f4", "f4")],
)
def test_every_number_format_becomes_floats_of_this_machine(dtype, expected):
    values = np.arange(-50, 50).astype(dtype)
    cut = CutTraces(values, np.array([[20, -1]]), 5, 10)
    assert cut.dtype == np.dtype(expected)
    assert cut[:].dtype == np.dtype(expected)
    np.testing.assert_array_equal(cut[:][0, 0], values[15:30])
    assert np.isnan(cut[:][0, 1]).all()


def test_a_dataset_reads_no_more_than_what_is_asked_for():
    size = 1_000_000
    stream = Stream(np.arange(size, dtype=float))
    starts = np.arange(4000).reshape(40, 100) * 250 + 50
    dataset = dataset_from_traces(
        [CutTraces(stream, starts, 10, 190)],
        time=np.arange(-10, 190) * 1e-4,
        x=np.arange(100),
        y=np.arange(40),
    )
    assert stream.read == []
    row = dataset["displacement"].isel(y=[3, 39]).values
    np.testing.assert_array_equal(row[0, 0, 5], np.arange(starts[3, 5] - 10, starts[3, 5] + 190))
    assert sum(stop - start for start, stop in stream.read) < 2.1 * 25_000
    stream.read.clear()
    dataset["displacement"].isel(pulse=0, y=20, x=[1, 99]).values  # noqa: B018
    assert sum(stop - start for start, stop in stream.read) <= 25_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"before": -1}, "holds nothing"),
        ({"after": 0}, "holds nothing"),
        ({"start": [1, 2]}, "form an image"),
        ({"stream": np.zeros((3, 3))}, "one series"),
    ],
)
def test_impossible_records_are_refused(change, words):
    arguments = {"stream": VALUES, "start": STARTS, "before": 1, "after": 2} | change
    with pytest.raises(ValueError, match=words):
        CutTraces(**arguments)


@pytest.mark.parametrize("times", [[0, 2, 1], [0, 3, 1, 2], [0, 2, 2], [2, 0, 1], [5, 4, 3], [7]])
def test_samples_come_in_the_order_asked_for(times):
    cut = CutTraces(np.arange(100.0), [[10, 40]], 2, 8)
    np.testing.assert_array_equal(cut.outer((slice(None), slice(None), times)), cut[:][:, :, times])
