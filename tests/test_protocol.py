import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tesm.data.protocol import PulseProtocol, Window, windows_from_protocol

TIME = np.arange(250) * 1e-4


def test_windows_are_half_open_and_an_open_end_includes_the_last_sample():
    pulse, relaxation = windows_from_protocol(PulseProtocol(pulse_start=0.0, pulse_duration=10e-3))
    assert pulse.samples(TIME) == slice(0, 100)
    assert relaxation.samples(TIME) == slice(100, 250)
    assert Window(0.0, float(TIME[-1])).samples(TIME) == slice(0, 249)


@pytest.mark.parametrize("shift", [-0.9e-10, 0.9e-10])
def test_edges_compare_with_a_millionth_of_an_interval(shift):
    """100 samples of 1e-4 s do not add up to 10 ms exactly; the edge must not fall to the wrong side."""
    assert Window(0.0, 10e-3 + shift).samples(TIME) == slice(0, 100)
    assert Window(10e-3 + shift).samples(TIME) == slice(100, 250)


def test_beyond_the_tolerance_edges_count():
    assert Window(0.0, 10e-3 + 1e-9).samples(TIME) == slice(0, 101)
    assert Window(10e-3 + 1e-9).samples(TIME) == slice(101, 250)


def test_samples_after_an_edge_can_be_dropped():
    assert Window(10e-3).samples(TIME, skip=5e-4) == slice(105, 250)


def test_windows_as_people_write_them():
    assert Window.from_text("10ms:25ms") == Window(0.01, 0.025)
    assert Window.from_text(" 0 s : 500 µs ") == Window(0.0, 5e-4)
    assert Window.from_text("10ms:") == Window(0.01)
    for text in ("10ms", ":10ms", "1:2", "25ms:10ms", "a:b", "1ms:2ms:3ms"):
        with pytest.raises(ValueError):
            Window.from_text(text)


def test_nothing_is_guessed():
    assert windows_from_protocol(PulseProtocol(pulse_duration=10e-3)) == (None, None)
    assert windows_from_protocol(PulseProtocol(pulse_start=0.0)) == (None, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pulse_duration", 0.0),
        ("pulse_duration", -1.0),
        ("tip_radius", 0.0),
        ("tip_radius_error", -1e-9),
        ("ac_frequency", np.nan),
    ],
)
def test_nonsense_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field.replace("_", " ")):
        PulseProtocol(**{field: value})


def test_attributes_round_trip():
    protocol = PulseProtocol(pulse_start=1e-3, pulse_duration=1e-2, ac_amplitude=2.0, tip_radius=25e-9)
    assert PulseProtocol.from_attributes(protocol.to_attributes() | {"other": "text"}) == protocol
    assert protocol.updated(tip_radius=None, pulse_start=0.0).tip_radius == 25e-9


@settings(deadline=None)
@given(st.floats(1e-9, 10), st.integers(-500, 500), st.integers(2, 400), st.data())
def test_edges_on_the_grid_hold_whatever_its_rounding(interval, first, count, data):
    start = data.draw(st.integers(0, count - 1))
    stop = data.draw(st.integers(start + 1, count))
    grids = [
        interval * np.arange(first, first + count),
        interval * first + np.concatenate([[0], np.cumsum(np.full(count - 1, interval))]),
        np.linspace(interval * first, interval * (first + count - 1), count),
    ]
    window = Window(interval * (first + start), interval * (first + stop))
    for time in grids:
        assert window.samples(time) == slice(start, stop)
        assert Window(window.stop).samples(time) == slice(stop, count)


@settings(deadline=None)
@given(
    st.lists(st.floats(-10, 10).filter(lambda edge: edge == 0 or abs(edge) > 1e-15), min_size=2, unique=True)
)
def test_windows_read_back_as_written(edges):
    for window in (Window(min(edges), max(edges)), Window(edges[0])):
        assert Window.from_text(str(window)) == window
