"""Pulses put into pixels by the time at which they come, against scans whose every pulse is known."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tesm.recording import MISSING, ScanOrder, places_from_events
from napari_tesm.recording.numbering import numbering_from_starts
from napari_tesm.recording.rhythm import in_step, rhythm_from_times
from napari_tesm.simulation.timing import Timing, clipped_plan, plan_from_order

RATE = 10_000.0


@dataclass
class Scan:
    """Pulses of a scan: where they come, and which entry of the plan each is; strays are negative."""

    plan: object
    order: ScanOrder
    start: np.ndarray
    entry: np.ndarray
    voltage: np.ndarray
    lines: np.ndarray | None

    def places(self, **options):
        return places_from_events(
            self.start, self.order, RATE, voltage=self.voltage, line_triggers=self.lines, **options
        )

    def misplaced(self, places):
        """Return how many pulses that are no strays are in another pixel than their own, and how many in none."""
        setting, row, column = np.nonzero(places.event != MISSING)
        entry = self.entry[places.event[setting, row, column]]
        true = entry >= 0
        plan = self.plan
        own = (plan.pulse[entry] == setting) & (plan.row[entry] == row) & (plan.column[entry] == column)
        return int((true & ~own).sum()), int((self.entry >= 0).sum() - true.sum())


def scan(order, timing=None, *, samples=100, seed=0, strays=()):
    timing = timing or Timing()
    rng = np.random.default_rng(seed)
    plan = plan_from_order(order, samples, timing, rng)
    first, size, order = clipped_plan(plan, order, timing)
    start = plan.start - first
    there = (start >= 0) & (start < size)
    lost = rng.random(start.size) < timing.dropped
    doubled = (rng.random(start.size) < timing.doubled) & there & ~lost
    pulses = {int(start[k]): k for k in np.flatnonzero(there & ~lost)}
    for k in np.flatnonzero(doubled):
        pulses.setdefault(int(start[k] + rng.integers(2, samples - 1)), -1 - k)
    for at in strays:
        pulses.setdefault(int(at), -1)
    starts = np.array(sorted(pulses))
    entry = np.array([pulses[at] for at in starts])
    voltages = np.array([-3.0 if np.isnan(value) else value for _, value in order.settings])
    voltage = voltages[plan.pulse[np.where(entry < 0, -1 - entry, entry)]]
    begun = plan.number[max(0, int(entry[entry >= 0].min()))]
    order = replace(order, first_line=int(begun) // len(order.ways))
    lines = None
    if timing.line_trigger:
        lines = (plan.pass_start - first)[:: len(order.ways) if timing.line_trigger == "line" else 1]
        lines = lines[(lines >= 0) & (lines < size)]
    return Scan(plan, order, starts, entry, voltage, lines), int(begun)


orders = st.one_of(
    st.builds(dict, voltages=st.just((-3.0,))),
    st.builds(
        dict, ways=st.just(("trace", "retrace")), voltages=st.just((3.0, -3.0)), voltages_per=st.just("way")
    ),
    st.builds(dict, ways=st.just(("trace", "retrace")), voltages=st.just((3.0, -3.0))),
    st.builds(dict, serpentine=st.just(True), voltages=st.just((-3.0, -5.0, -6.0))),
    st.builds(dict, ways=st.just(("retrace",)), voltages=st.just((-3.0,)), upward=st.just(True)),
)


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(
    order=orders,
    columns=st.integers(4, 130),
    lines=st.integers(5, 24),
    turnaround=st.floats(0.3, 12),
    jitter=st.sampled_from([0.0, 0.003, 0.01, 0.02]),
    dropped=st.sampled_from([0.0, 0.01, 0.02]),
    doubled=st.sampled_from([0.0, 0.01, 0.02]),
    clip=st.one_of(st.just((0.0, 0.0)), st.tuples(st.floats(0.05, 1.0), st.floats(0.0, 3.0))),
    line_trigger=st.sampled_from(["", "line", "way"]),
    samples=st.integers(25, 300),
    seed=st.integers(0, 2**31),
)
def test_no_pulse_gets_another_pixel(
    order, columns, lines, turnaround, jitter, dropped, doubled, clip, line_trigger, samples, seed
):
    timing = Timing(
        turnaround=turnaround,
        jitter=jitter,
        dropped=dropped,
        doubled=doubled,
        clip=clip,
        line_trigger=line_trigger,
    )
    recorded, begun = scan(ScanOrder(columns, lines, **order), timing, samples=samples, seed=seed)
    told = len(recorded.order.ways) == 1 or recorded.order.voltages_per == "way" or line_trigger == "line"
    if begun % len(recorded.order.ways) and not told:
        return  # nothing in the recording says that it starts with a retrace
    try:
        places = recorded.places()
    except ValueError:
        # Hardly any line whole, or too few: said, not guessed; never without a defect.
        if not (dropped or doubled or clip[0] or clip[1]):
            raise
        return
    wrong, lost = recorded.misplaced(places)
    assert wrong == 0
    assert sum(line.found for line in places.lines) == (places.event != MISSING).sum()
    # What is in no pixel is in a line that says why, or is said to have come beside the pixels.
    said = sum(line.expected for line in places.lines if line.problem)
    said += sum(len(line.doubled) for line in places.lines)
    said += sum(
        int(count) for note in places.notes for count in re.findall(r"(\d+) pulses came between", note)
    )
    assert lost <= said


def test_few_of_many_pixels_are_lost_on_the_way():
    lost = pulses = 0
    for seed in range(12):
        order = ScanOrder(64, 40, ways=("trace", "retrace"), voltages=(3.0, -3.0), voltages_per="way")
        recorded, _ = scan(order, Timing(dropped=0.01, doubled=0.01, jitter=0.01, line_trigger=""), seed=seed)
        wrong, missing = recorded.misplaced(recorded.places())
        assert wrong == 0
        lost, pulses = lost + missing, pulses + int((recorded.entry >= 0).sum())
    assert lost <= 1e-4 * pulses


def test_bursts_of_missing_pixels_leave_the_others_where_they_are():
    recorded, _ = scan(ScanOrder(60, 12), Timing(line_trigger=""))
    plan = recorded.plan
    gone = (plan.number == 3) & (plan.column > 9) & (plan.column < 55)
    gone |= (plan.number == 5) & (plan.column < 4)
    gone |= (plan.number == 7) & (plan.column > 50)
    gone |= plan.number == 9
    kept = ~gone[recorded.entry]
    few = replace(
        recorded, start=recorded.start[kept], entry=recorded.entry[kept], voltage=recorded.voltage[kept]
    )
    places = few.places()
    assert few.misplaced(places) == (0, 0)
    assert places.lines[3].dropped == tuple(range(10, 55))
    assert places.lines[5].dropped == (0, 1, 2, 3)
    assert places.lines[7].dropped == tuple(range(51, 60))
    assert (places.lines[9].found, str(places.lines[9])) == (0, "line 9 trace: no pulse")


def test_a_stop_within_a_line_costs_the_line_and_nothing_else():
    recorded, _ = scan(ScanOrder(60, 12), Timing(line_trigger=""))
    plan = recorded.plan
    late = ((plan.number == 4) & (plan.column > 30)) | (plan.number > 4)
    start = recorded.start + 47 * late[recorded.entry]  # a program that stood still for half a pixel
    places = replace(recorded, start=start).places()
    assert replace(recorded, start=start).misplaced(places)[0] == 0
    assert "out of step" in places.lines[4].problem
    assert [line.found for number, line in enumerate(places.lines) if number != 4] == [60] * 11


def test_a_pause_between_lines_moves_nothing():
    recorded, _ = scan(ScanOrder(60, 12), Timing(line_trigger="", dropped=0.01), seed=1)
    plan = recorded.plan
    start = (
        recorded.start + 2345 * (plan.number[recorded.entry] > 6) + 6432 * (plan.number[recorded.entry] > 9)
    )
    paused = replace(recorded, start=start)
    places = paused.places()
    assert paused.misplaced(places) == (0, 0)
    assert [line.line for line in places.lines] == list(range(12))


def test_strays_before_the_scan_and_between_lines_take_no_pixel():
    order = ScanOrder(40, 10)
    clean, _ = scan(order, Timing(line_trigger=""))
    between = clean.start[39] + 217
    recorded, _ = scan(order, Timing(line_trigger=""), strays=(3, 60, between))
    places = recorded.places()
    assert recorded.misplaced(places) == (0, 0)
    assert not (recorded.entry[places.event] < 0).any()
    assert "3 pulses came between the lines" in "\n".join(places.notes)


def without(recorded, gone, strays=()):
    """Return a scan without some of its pulses and with others; strays have the entry -1."""
    kept = ~gone[recorded.entry]
    start = np.concatenate([recorded.start[kept], np.asarray(strays, dtype=int)])
    entry = np.concatenate([recorded.entry[kept], np.full(len(strays), -1)])
    order = np.argsort(start)
    return replace(recorded, start=start[order], entry=entry[order], voltage=np.full(start.size, -3.0))


def test_a_stray_near_the_place_of_a_missing_pulse_does_not_take_it():
    recorded, _ = scan(ScanOrder(40, 10), Timing(line_trigger=""))
    lost = (recorded.plan.number == 4) & (recorded.plan.column == 10)
    at = int(recorded.start[np.flatnonzero(lost)[0]])
    few = without(recorded, lost, [at + 9])  # a twelfth of a pixel late, where the others are even
    places = few.places()
    assert few.misplaced(places) == (0, 0)
    assert places.event[0, 4, 10] == MISSING
    assert (places.lines[4].dropped, places.lines[4].doubled) == ((10,), (10,))


@pytest.mark.parametrize("line", [0, 4, 9])
def test_a_line_that_only_looks_whole_is_not_shifted(line):
    recorded, _ = scan(ScanOrder(40, 10), Timing(line_trigger=""))
    lost = (recorded.plan.number == line) & (recorded.plan.column == 0)
    period = int(np.diff(recorded.start).min())
    after = recorded.start[recorded.plan.number == line][-1] + period  # as if there were a forty-first pixel
    few = without(recorded, lost, [after])
    places = few.places()
    assert few.misplaced(places) == (0, 0)
    assert places.lines[line].dropped == (0,)


def test_a_voltage_that_belongs_elsewhere_is_left_out():
    order = ScanOrder(30, 8, ways=("trace", "retrace"), voltages=(3.0, -3.0), voltages_per="way")
    recorded, _ = scan(order)
    voltage = recorded.voltage.copy()
    voltage[35] = 3.0  # in the retrace of the first line
    voltage[recorded.plan.number[recorded.entry] == 6] = -3.0  # a whole trace
    places = replace(recorded, voltage=voltage).places()
    assert places.lines[1].spoiled == (int(recorded.plan.column[35]),)
    assert "its pulses have -3 V where 3 V belongs" in places.lines[6].problem
    assert (places.event[0, 3] == MISSING).all()
    assert (places.event != MISSING).sum() == 2 * 30 * 8 - 1 - 30


def test_pulses_of_another_length_are_left_out():
    recorded, _ = scan(ScanOrder(30, 8, voltages=(-3.0,)))
    length = np.full(recorded.start.size, 40)
    length[[17, 100]] = 55, 21
    places = recorded.places(length=length)
    assert [line.spoiled for line in places.lines if line.spoiled] == [(17,), (10,)]


@pytest.mark.parametrize(("columns", "lines"), [(1, 30), (30, 1), (2, 20), (3, 5)])
def test_scans_of_a_single_line_or_few_columns(columns, lines):
    recorded, _ = scan(ScanOrder(columns, lines), Timing(turnaround=4.3, line_trigger=""))
    if columns == 1:
        pytest.skip("one pixel in a line has no pixel period") if lines == 1 else None
    assert recorded.misplaced(recorded.places()) == (0, 0)


def test_a_single_line_that_lacks_an_end_cannot_be_placed():
    recorded, _ = scan(ScanOrder(30, 1), Timing(line_trigger=""))
    with pytest.raises(ValueError, match="no lines of 30 pixels"):
        places_from_events(recorded.start[1:], recorded.order, RATE)


def test_lines_without_a_pause_are_told_by_their_trigger_or_counted_whole():
    order = ScanOrder(20, 10)
    recorded, _ = scan(order, Timing(turnaround=0.0, pause=0.0, dropped=0.02, line_trigger="line"), seed=3)
    places = recorded.places()
    assert recorded.misplaced(places) == (0, 0)
    whole, _ = scan(order, Timing(turnaround=0.0, pause=0.0, line_trigger=""))
    places = whole.places()
    assert whole.misplaced(places) == (0, 0)
    assert "counting" in places.notes[0]
    with pytest.raises(ValueError, match="record a line trigger"):
        places_from_events(whole.start[1:], order, RATE)


@pytest.mark.parametrize(
    ("starts", "words"),
    [
        ([], "no pulse was found"),
        ([17], "one pulse was found"),
        ([5, 5, 9], "order of time"),
        (
            np.cumsum(np.random.default_rng(0).exponential(300, 600)).astype(int) + np.arange(600),
            "no regular interval|no lines",
        ),
        (np.cumsum(1.1 ** np.arange(90) * 10).astype(int), "no regular interval|no lines"),
    ],
)
def test_pulses_that_are_no_scan_are_refused(starts, words):
    with pytest.raises(ValueError, match=words) as caught:
        places_from_events(starts, ScanOrder(16, 16), RATE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"columns": 0}, "number of columns"),
        ({"lines": 2.5}, "number of lines"),
        ({"ways": ("forth",)}, "'trace', 'retrace' or both"),
        ({"ways": ("trace", "trace")}, "each once"),
        ({"ways": ()}, "the ways must be"),
        ({"ways": ("trace", "retrace"), "serpentine": True}, "serpentine"),
        ({"voltages": (3.0, -3.0), "voltages_per": "way"}, "cannot be one for each of 1 ways"),
        ({"voltages": (np.nan,)}, "numbers other than zero"),
        ({"voltages": (0.0,)}, "numbers other than zero"),
        ({"voltages_per": "line"}, "not per 'line'"),
        ({"first_line": 16}, "between 0 and 15"),
    ],
)
def test_orders_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        ScanOrder(**{"columns": 16, "lines": 16} | change)


def test_the_pixel_period_is_found_among_defects():
    rng = np.random.default_rng(0)
    times = np.concatenate([line * 7000.0 + 250.2 * np.arange(25) for line in range(20)])
    times = times[rng.random(times.size) > 0.1]
    times = np.sort(np.concatenate([times, times[rng.random(times.size) < 0.1] + rng.uniform(5, 200)]))
    rhythm = rhythm_from_times(times)
    assert rhythm.period == pytest.approx(250.2, rel=1e-9)
    assert rhythm.jitter < 1e-9
    jittered = rhythm_from_times(np.arange(500) * 250.0 + rng.normal(0, 5, 500))
    # An interval has the jitter of two pulses.
    assert jittered.jitter == pytest.approx(np.sqrt(2) * 5 / 250, rel=0.15)


def test_a_stray_is_out_of_step_with_both_sides():
    z = np.sort(np.concatenate([np.arange(30.0), 40.37 + np.arange(30.0), [12.4, 40.9, 33.7]]))
    good = in_step(z, 30, 0.15)
    assert z[~good].tolist() == [12.4, 33.7, 40.9]


def test_lines_are_numbered_by_unequal_periods_in_turn():
    number = np.array([0, 1, 2, 3, 5, 6, 9, 10, 11, 14])
    start = np.where(number % 2, 130.0 * (number // 2) + 53.0, 130.0 * (number // 2))
    numbering = numbering_from_starts(start, 2, 65.0)
    assert numbering.numbers.tolist() == number.tolist()
    assert numbering.steps == pytest.approx([53.0, 77.0])
    assert np.abs(numbering.residual).max() < 1e-9
    assert numbering.time_between(1, 4) == pytest.approx(77 + 53 + 77)
    assert numbering.time_between(4, 1) == pytest.approx(-207)
