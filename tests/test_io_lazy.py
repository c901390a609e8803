"""Arrays read on demand behave as the arrays they stand for, and read no more than is asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices

from napari_tesm.files.lazy import LazyArray


def lazy(values):
    """The array read on demand, and the parts that were read."""
    read = []

    def reading(part):
        assert all(
            along.step > 0 and 0 <= along.start <= along.stop <= size
            for along, size in zip(part, values.shape, strict=True)
        )
        read.append(part)
        return values[part].copy()

    return LazyArray(values.shape, values.dtype, reading), read


@given(st.data())
def test_every_index_gives_what_it_gives_of_an_array(data):
    shape = data.draw(array_shapes(min_dims=1, max_dims=4, max_side=6))
    values = np.arange(np.prod(shape)).reshape(shape)
    key = data.draw(basic_indices(shape, allow_newaxis=False))
    array, _ = lazy(values)
    np.testing.assert_array_equal(array[key], values[key])
    turned = data.draw(basic_indices(shape[::-1], allow_newaxis=False))
    np.testing.assert_array_equal(array.transposed()[turned], values.T[turned])
    np.testing.assert_array_equal(array.converted(np.negative)[key], -values[key])
    axis = data.draw(st.integers(0, len(shape) - 1))
    np.testing.assert_array_equal(array.flipped(axis)[key], np.flip(values, axis)[key])


@given(st.data())
def test_regrouped_arrays_are_reshaped_ones(data):
    rows = data.draw(array_shapes(min_dims=1, max_dims=3, max_side=4))
    columns = data.draw(array_shapes(min_dims=1, max_dims=2, max_side=4))
    values = np.arange(np.prod(rows + columns)).reshape(np.prod(rows), np.prod(columns))
    key = data.draw(basic_indices(rows + columns, allow_newaxis=False))
    array, _ = lazy(values)
    np.testing.assert_array_equal(array.regrouped(rows, columns)[key], values.reshape(rows + columns)[key])


def test_only_what_is_asked_for_is_read():
    array, read = lazy(np.arange(6000).reshape(100, 60))
    grid = array.regrouped((10, 10), (6, 10))
    assert grid[3, 4, 2, 5] == 34 * 60 + 25
    assert read == [(slice(34, 35, 1), slice(25, 26, 1))]
    read.clear()
    grid[2:5, :, 1]
    assert read == [(slice(20, 50, 1), slice(10, 20, 1))]


def test_whole_arrays_and_sizes():
    array, _ = lazy(np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(np.asarray(array), np.arange(6).reshape(2, 3))
    assert (len(array), array.ndim, array.size) == (2, 2, 6)
    assert np.asarray(array, dtype=np.float32).dtype == np.float32


def test_indices_beyond_the_array_are_refused():
    array, read = lazy(np.arange(6).reshape(2, 3))
    for key in (2, (0, -4), (0, 0, 0)):
        with pytest.raises(IndexError):
            array[key]
    with pytest.raises(TypeError):
        array[1.5]
    assert read == []


def test_the_check_comes_before_every_reading():
    def refuse():
        raise OSError("changed")

    array = LazyArray((3,), np.dtype(float), lambda part: np.zeros(3)[part], check=refuse)
    for lazy in (array, array.transposed(), array.converted(np.abs)):
        with pytest.raises(OSError, match="changed"):
            lazy[0]
