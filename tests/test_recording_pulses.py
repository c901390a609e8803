"""Pulses in a dc channel and edges in a trigger line, against channels whose pulses are known."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tesm.recording.pulses import find_edges, find_pulses


class Stream:
    """A channel that is read in slices and notes the longest one."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.shape, self.dtype = self.values.shape, self.values.dtype
        self.longest = 0

    def __getitem__(self, key):
        piece = self.values[key]
        self.longest = max(self.longest, piece.size)
        return piece


def channel(pulses, *, size, idle=0.0, noise=0.0, seed=0):
    values = np.full(size, float(idle))
    for start, length, level in pulses:
        values[start : start + length] = level
    return values + noise * np.random.default_rng(seed).standard_normal(size)


def regular(count, *, period=250, length=100, first=300, levels=(-3.0,)):
    return [(first + k * period, length, levels[k % len(levels)]) for k in range(count)]


def with_edges(values, rise):
    """Return a channel whose edges take `rise` samples and overshoot by a tenth."""
    kernel = np.concatenate([np.full(rise, 1.1 / rise), [-0.05, -0.05]])
    return np.convolve(values, kernel)[: values.size]


@pytest.mark.parametrize("levels", [(-3.0,), (3.0,), (3.0, -3.0), (-3.0, -5.0, -6.0), (1.0, 2.0, -6.0)])
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
def test_every_pulse_is_found_where_it_is(levels, noise):
    truth = regular(120, levels=levels)
    pulses = find_pulses(channel(truth, size=31_000, noise=noise))
    assert pulses.start.tolist() == [start for start, _, _ in truth]
    assert pulses.stop.tolist() == [start + length for start, length, _ in truth]
    np.testing.assert_allclose(pulses.voltage, [level for *_, level in truth], atol=0.5 * noise + 1e-12)
    assert pulses.levels.idle == pytest.approx(0.0, abs=0.05 + noise)
    assert (pulses.spikes, pulses.clipped) == (0, 0)


@pytest.mark.parametrize(("idle", "level"), [(0.5, -2.5), (-1.0, 2.0), (0.01, 3.0)])
@pytest.mark.parametrize("length", [60, 190])
def test_the_idle_level_may_lie_anywhere_and_last_shorter_than_the_pulses(idle, level, length):
    lines = [
        pulse
        for line in range(5)
        for pulse in regular(20, first=1000 + 6000 * line, length=length, levels=(level,))
    ]
    pulses = find_pulses(channel(lines, size=32_000, idle=idle, noise=0.01))
    assert pulses.levels.idle == pytest.approx(idle, abs=0.02)
    assert pulses.start.tolist() == [start for start, *_ in lines]


def test_an_idle_level_that_is_known_is_taken():
    gapless = channel(regular(40, length=200, first=0, levels=(-3.0,)), size=10_000, idle=-6.0)
    assert find_pulses(gapless, idle=-6.0).levels.pulses == pytest.approx([-3.0])
    assert find_pulses(gapless, idle=-3.0).levels.pulses == pytest.approx([-6.0])


def test_slow_edges_and_overshoot_make_no_levels_and_begin_halfway():
    truth = regular(100, levels=(3.0, -3.0))
    pulses = find_pulses(with_edges(channel(truth, size=26_000), 6) + channel([], size=26_000, noise=0.01))
    assert pulses.start.size == 100
    assert pulses.levels.pulses == pytest.approx([-3.0, 3.0], abs=0.02)
    # 6 samples of rise to 110 %: half the level is passed between the second and the third of them.
    assert set(pulses.start - [start for start, *_ in truth]) == {2}
    # The way down lasts as long as the way up.
    assert (np.abs(pulses.stop - pulses.start - 100) <= 1).all()


def test_every_pulse_begins_halfway_to_its_own_level():
    truth = regular(120, levels=(-3.0, -6.0, 3.0, -5.0))
    pulses = find_pulses(with_edges(channel(truth, size=31_000), 8) + channel([], size=31_000, noise=0.002))
    assert pulses.start.size == 120
    late = pulses.start - [start for start, *_ in truth]
    # 8 samples of rise to 110 %: half is passed at 3.64 of them, whatever the level.
    assert set(late) == {3}
    assert set(pulses.stop - pulses.start) == {100}


def test_spikes_are_no_pulses_and_do_not_part_them():
    values = channel(regular(50), size=13_000)
    values[500 + 7] = values[1950] = -3.0  # between pulses
    values[300 + 50] = 0.0  # within the first pulse
    pulses = find_pulses(values)
    assert pulses.start.tolist() == [start for start, *_ in regular(50)]
    assert pulses.spikes == 2
    assert pulses.voltage[0] == pytest.approx(-3.0)


def test_pulses_cut_by_the_ends_are_counted_and_left_out():
    truth = regular(20)
    whole = channel(truth, size=5400)
    pulses = find_pulses(whole[350:-300])
    assert pulses.clipped == 2
    assert pulses.start.tolist() == [start - 350 for start, *_ in truth[1:-1]]


def test_a_rare_level_is_not_missed():
    truth = regular(2000, levels=(-6.0,))
    truth[1200:1204] = [(start, length, -1.0) for start, length, _ in truth[1200:1204]]
    pulses = find_pulses(channel(truth, size=501_000, noise=0.01))
    assert pulses.start.tolist() == [start for start, *_ in truth]


def test_lost_samples_do_not_end_a_pulse():
    values = channel(regular(30), size=8000)
    values[330:333] = np.nan
    values[700] = np.nan
    pulses = find_pulses(values)
    assert pulses.start.tolist() == [start for start, *_ in regular(30)]
    assert pulses.voltage[0] == pytest.approx(-3.0)


@pytest.mark.parametrize("dtype", [">f8", "<f4", ">i2", "<i4", "i1"])
def test_every_number_format_is_read(dtype):
    values = channel(regular(30), size=8000).astype(dtype)
    assert find_pulses(values).start.tolist() == [start for start, *_ in regular(30)]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    block=st.integers(1, 700),
    rise=st.integers(1, 5),
    noise=st.sampled_from([0.0, 0.05, 0.25]),
)
def test_blocks_lose_and_double_nothing(seed, block, rise, noise):
    rng = np.random.default_rng(seed)
    starts = np.cumsum(rng.integers(12, 60, 30))
    truth = [(int(start), int(rng.integers(6, 12)), float(rng.choice([-3, 3, 5]))) for start in starts]
    values = with_edges(channel(truth, size=int(rng.integers(700, 1400))), rise)
    values += noise * rng.standard_normal(values.size)
    try:
        reference = find_pulses(values, idle=0.0, block=10**6)
    except ValueError as error:  # edges slower than the pulses; refused alike, whatever the blocks
        with pytest.raises(ValueError, match=re.escape(str(error))):
            find_pulses(Stream(values), idle=0.0, block=block)
        return
    pulses = find_pulses(Stream(values), idle=0.0, block=block)
    for name in ("start", "stop"):
        assert getattr(pulses, name).tolist() == getattr(reference, name).tolist()
    np.testing.assert_allclose(pulses.voltage, reference.voltage, rtol=1e-12, atol=1e-12)
    edges = find_edges(values, levels=(0.0, 3.0), block=block)
    assert edges.tolist() == find_edges(values, levels=(0.0, 3.0)).tolist()


def plain_edges(values, enter, leave):
    """Return the rising edges, sample by sample."""
    edges, armed = [], False
    for index, value in enumerate(values):
        if value >= enter and armed:
            edges.append(index)
            armed = False
        elif value < leave:
            armed = True
    return edges


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, 1.6, 2.4, 2.6, 5.0]), min_size=1, max_size=80), st.integers(1, 30))
def test_edges_are_those_of_a_plain_loop(values, block):
    array = np.array(values)
    expected = plain_edges(values, 2.5, 1.5)
    assert find_edges(array, levels=(0.0, 5.0), block=block).tolist() == expected
    turned = find_edges(5.0 - array, levels=(0.0, 5.0), polarity="falling", block=block)
    assert turned.tolist() == expected


@pytest.mark.parametrize("kind", ["volt", "bool", "uint8"])
def test_short_triggers_are_found(kind):
    at = np.arange(100, 90_000, 2500)
    values = np.zeros(100_000)
    for width in range(3):
        values[at + width] = 5.0
    values[50_000] = 40.0  # one spike is no level
    if kind == "bool":
        values = values.astype(bool)
        values[50_000] = False
    elif kind == "uint8":
        values = (values > 0).astype(np.uint8)
        values[50_000] = 0
    edges = find_edges(values).tolist()
    assert [index for index in edges if index != 50_000] == at.tolist()
    assert [index for index in find_edges(values, polarity="falling") if index != 50_001] == (at + 3).tolist()


def test_a_line_that_is_high_at_first_has_no_edge_there():
    assert find_edges(np.array([5.0, 5, 0, 0, 5, 5, 0])).tolist() == [4]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros(1000), "constant"),
        (np.full(1000, 2.5), "constant"),
        (np.random.default_rng(0).standard_normal(20_000), "no pulses"),
        (np.random.default_rng(0).uniform(-1, 1, 20_000), "no pulses"),
        (np.full(1000, np.nan), "finite"),
        (np.zeros(0), "no samples"),
        (np.zeros((3, 4)), "one series"),
        (np.zeros(10, complex), "real numbers"),
        (np.sin(np.arange(20_000) / 40), "in between"),
        (np.linspace(0, 3, 20_000), "no pulses"),
    ],
)
def test_what_holds_no_pulses_is_refused_in_a_sentence(values, words):
    with pytest.raises(ValueError, match=words) as caught:
        find_pulses(values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "values", [np.zeros(100), np.random.default_rng(0).standard_normal(20_000), np.full(9, np.nan)]
)
def test_what_is_no_digital_line_is_refused(values):
    with pytest.raises(ValueError, match="the trigger line"):
        find_edges(values)


def test_only_blocks_are_read():
    stream = Stream(channel(regular(200), size=60_000))
    find_pulses(stream, block=1000)
    # Once, for the idle level, a longer stretch, though never more than 32 MB of it.
    assert stream.longest <= 4_000_000


def test_noise_of_two_values_fills_no_memory():
    noise = np.random.default_rng(0).integers(0, 2, 3_000_000).astype(np.int8)
    for find in (find_pulses, find_edges):
        with pytest.raises(ValueError, match="every few samples"):
            find(noise)
