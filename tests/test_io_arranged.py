"""Arrays in any order of axes are the same traces, whatever part of them is read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tesm.io.mapping.arranged import ArrangedTraces

REFERENCE = np.random.default_rng(0).standard_normal((5, 6, 7))
SERPENTINE = np.stack([line[::-1] if n % 2 else line for n, line in enumerate(REFERENCE)])
LINES = REFERENCE.reshape(30, 7)

CASES = {
    "as ours": (REFERENCE, ("y", "x", "time"), {}, REFERENCE),
    "time first": (np.moveaxis(REFERENCE, -1, 0), ("time", "y", "x"), {}, REFERENCE),
    "x first": (REFERENCE.swapaxes(0, 1), ("x", "y", "time"), {}, REFERENCE),
    "upside down": (REFERENCE[::-1], ("y", "x", "time"), {"flipped": ["y"]}, REFERENCE),
    "turned round": (
        REFERENCE.transpose(2, 1, 0)[:, ::-1, ::-1],
        ("time", "x", "y"),
        {"flipped": ["x", "y"]},
        REFERENCE,
    ),
    "lines": (LINES, ("pixel", "time"), {"columns": 6}, REFERENCE),
    "lines, time first, in mV": (
        1e3 * LINES.T,
        ("time", "pixel"),
        {"columns": 6, "factor": 1e-3},
        1e-3 * (1e3 * REFERENCE),
    ),
    "serpentine": (
        SERPENTINE.reshape(30, 7),
        ("pixel", "time"),
        {"columns": 6, "serpentine": True},
        REFERENCE,
    ),
    "one of two pulses": (
        np.stack([REFERENCE, REFERENCE + 1])[:, None],
        ("pulse", "skip", "y", "x", "time"),
        {"pulse": 1},
        REFERENCE + 1,
    ),
    "one line": (REFERENCE[0], ("x", "time"), {}, REFERENCE[:1]),
    "one pixel": (REFERENCE[0, 0], ("time",), {}, REFERENCE[:1, :1]),
}


def slices(size):
    edge = st.integers(0, size)
    return st.builds(
        lambda a, b, step: slice(min(a, b), max(a, b), step), edge, edge, st.integers(1, 3)
    ) | st.just(slice(None))


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_part_of_any_arrangement_is_that_of_the_traces(case, data):
    array, axes, options, expected = CASES[case]
    arranged = ArrangedTraces(array, axes, **options)
    assert arranged.shape == expected.shape
    key = tuple(data.draw(slices(size)) for size in expected.shape)
    assert np.array_equal(arranged[key], expected[key])


def test_integers_and_single_precision_stay_what_they_are_without_a_factor():
    counts = np.arange(12, dtype=np.int16).reshape(2, 2, 3)
    assert ArrangedTraces(counts, ("y", "x", "time"))[:, :, :].dtype == np.float64
    single = counts.astype(np.float32)
    assert ArrangedTraces(single, ("y", "x", "time"))[:, :, :].dtype == np.float32


def test_pixels_that_do_not_fill_their_lines_are_refused():
    with pytest.raises(ValueError, match="30 pixels do not make whole lines of 7"):
        ArrangedTraces(LINES, ("pixel", "time"), columns=7)


def test_only_what_is_asked_for_is_read():
    class Counting:
        shape, dtype = LINES.shape, LINES.dtype
        read = 0

        def __getitem__(self, key):
            self.read += LINES[key].size
            return LINES[key]

    counting = Counting()
    arranged = ArrangedTraces(counting, ("pixel", "time"), columns=6)
    assert np.array_equal(arranged[2:3, 4:5, 0:7], REFERENCE[2:3, 4:5])
    assert counting.read == 7
