"""A pulse that starts later than the file says: found from all pixels, said, and not applied."""

import json

import numpy as np
import pytest
from noises import PULSE, RADIUS, behind_lock_in, flux_displacement

from napari_tesm import fit
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.findings.instrument import nuisances_in_words

BEFORE = 20
TIME = (np.arange(520) - BEFORE) * 5e-5
DIFFUSION = np.geomspace(3e-14, 1e-12, 32)


def delay_of(*, delay=0.0, snr=20, seed=0, step=0.0, made=None, kernel="flux-pulse", **recipe):
    """Return what a fit says of the delay, and the maps; pixels are wider than high."""
    rng = np.random.default_rng(seed)
    # On the grid of the samples: a trace that is later by whole samples.
    late = round(delay / 5e-5)
    traces = np.zeros((32, TIME.size))
    traces[:, BEFORE + late :] = flux_displacement(DIFFUSION)[:, : TIME.size - BEFORE - late]
    traces = traces[np.arange(512) % 32] + step * ((TIME >= 0) & (TIME < PULSE))
    traces = traces + (rng.standard_normal(traces.shape) if made is None else made(rng)) / snr
    dataset = dataset_from_traces(
        [traces.reshape(16, 32, -1)], time=TIME, x=np.arange(32) * 0.3e-6, y=np.arange(16) * 0.2e-6, voltage=[-3.0],
        unit="V", protocol=PulseProtocol(pulse_start=0.0, pulse_duration=PULSE, tip_radius=RADIUS),
    )  # fmt: skip
    maps = fit(dataset, kernel=kernel, **recipe)
    return json.loads(maps.attrs["instrument"])["delay"], maps


@pytest.mark.parametrize("delay", [5e-5, 1e-4, 2e-4])
def test_a_late_trigger_is_found_and_not_applied(delay):
    found, maps = delay_of(delay=delay)
    assert found["seconds"] == pytest.approx(delay, abs=4 * found["error"] + 2e-6)
    assert found["error"] < 4e-6
    assert maps.attrs["pulse_start"] == 0.0
    words = " ".join(nuisances_in_words(json.loads(maps.attrs["instrument"])))
    assert "later than stated" in words
    assert "the file does not tell of" in words
    again, better = delay_of(delay=delay, pulse_start=found["start"])
    assert again is None
    ratio = {
        name: float(np.nanmedian(np.log(m["D"].values.ravel() / DIFFUSION[np.arange(512) % 32])))
        for name, m in (("stated", maps), ("found", better))
    }
    assert abs(ratio["found"]) < 0.03 < abs(ratio["stated"])


@pytest.mark.parametrize(
    ("case", "recipe"),
    [
        ({"seed": 1}, {}),
        ({"snr": 100, "seed": 2}, {}),
        ({"step": 0.3}, {}),
        ({"made": lambda rng: behind_lock_in(rng, 512, 1e-4, 4, samples=TIME.size)}, {}),
        ({"delay": 2e-4, "kernel": "exponential"}, {}),
        ({"delay": 2e-4}, {"nuisance": "none"}),
    ],
)
def test_what_is_no_late_trigger_is_not_called_so(case, recipe):
    assert delay_of(**case, **recipe)[0] is None
