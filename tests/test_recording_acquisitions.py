"""Simulated acquisitions brought back to the dataset they were made from."""

import numpy as np
import pytest

from napari_tesm.recording import REPORT, dataset_from_recording
from napari_tesm.simulation import Timing, simulate_acquisition, simulate_dataset


def recovered(acquisition, **options):
    before, after = acquisition.record
    return dataset_from_recording(
        acquisition.streams,
        acquisition.rate,
        acquisition.order,
        before=before / acquisition.rate,
        after=after / acquisition.rate,
        **options,
    )


def expected_traces(dataset, acquisition):
    """Return the dataset's traces, NaN where the acquisition lost them."""
    truth = acquisition.truth
    out = np.full(dataset["displacement"].shape, np.nan)
    kept = truth["survives"].values
    place = tuple(truth[name].values[kept] for name in ("pulse", "row", "column"))
    out[place] = dataset["displacement"].values[place]
    return out


CASES = {
    "plain": ({}, Timing()),
    "one percent": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02)),
    "second pulses": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02, second_pulse=True)),
    "no line trigger": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02, line_trigger="")),
    "trigger for each way": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02, line_trigger="way")),
    "bad line triggers": ({}, Timing(dropped=0.01, doubled=0.01, dropped_lines=0.05, doubled_lines=0.05)),
    "unequal turnarounds": ({}, Timing(dropped=0.01, doubled=0.01, turnaround=(1.7, 5.2), line_trigger="")),
    "turnaround of whole pixels": ({}, Timing(dropped=0.01, doubled=0.01, turnaround=2.0, line_trigger="")),
    "turnaround of one pixel": ({}, Timing(dropped=0.01, doubled=0.01, turnaround=1.0, line_trigger="")),
    "turnaround of half a pixel": ({}, Timing(dropped=0.01, doubled=0.01, turnaround=0.5, line_trigger="")),
    "clipped": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02, clip=(0.4, 3.7), line_trigger="")),
    "clipped, triggers": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02, clip=(0.9, 3.7))),
    "starts in a retrace": ({}, Timing(dropped=0.01, doubled=0.01, jitter=0.02, clip=(7.3, 0.0))),
    "upward": ({"upward": True}, Timing(dropped=0.01, doubled=0.01, jitter=0.01)),
    "both in each pixel": ({"ways": ("trace",)}, Timing(dropped=0.01, doubled=0.01, jitter=0.01)),
    "serpentine": ({"ways": ("trace",), "serpentine": True}, Timing(dropped=0.01, doubled=0.01, jitter=0.01)),
    "a program's pauses": ({}, Timing(dropped=0.01, jitter=0.01, line_jitter=0.7)),
    "many defects": ({}, Timing(dropped=0.1, doubled=0.1, jitter=0.02)),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", CASES)
def test_every_surviving_pixel_is_in_its_place(case, seed):
    options, timing = CASES[case]
    dataset = simulate_dataset(size=(40, 24), samples=50, seed=seed)
    acquisition = simulate_acquisition(dataset, timing=timing, seed=seed, **options)
    found = recovered(acquisition)
    traces, expected = found["displacement"].values, expected_traces(dataset, acquisition)
    here = np.isfinite(traces).all(axis=-1)
    np.testing.assert_array_equal(traces[here], dataset["displacement"].values[here])
    if timing.line_jitter:
        # Where lines keep no pace, one that lacks its first or last pulse is left out, and the report says so.
        lost = (np.isfinite(expected).all(axis=-1) & ~here).any(axis=-1)
        assert lost.sum() == found.attrs[REPORT].count("left out, the lines") <= 4
        expected[lost] = np.nan
    np.testing.assert_array_equal(traces, expected, err_msg=found.attrs[REPORT])
