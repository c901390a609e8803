"""A drift beside diffusion is no migration: traces of a flux and of two exponentials, with a drift and without."""

from functools import cache

import numpy as np
import pytest
from noises import PULSE, RADIUS, TIME, behind_lock_in, flux_displacement

from napari_tesm import fit
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.model_choice.drift import NO_DRIFT, drift_beside_diffusion
from napari_tesm.model_choice.histograms import histogram_comparison
from napari_tesm.plotting.overview import overview_figure

SHAPE = (15, 20)
SNR = 20
EXPLAINS = "does not explain"


def dataset_of(curve, *, drift=0.0, step=0.0, seed=0, time_constant=None):
    """Return a map of one trace, H = 1, on noise of 5 %; the drift is the change over the record."""
    rng = np.random.default_rng(seed)
    time = TIME
    count = SHAPE[0] * SHAPE[1]
    noise = (
        rng.standard_normal((count, time.size))
        if time_constant is None
        else behind_lock_in(rng, count, time_constant, 1)
    )
    traces = curve + drift * time / time[-1] + step * (time < PULSE) + noise / SNR
    protocol = PulseProtocol(
        pulse_start=0.0, pulse_duration=PULSE, tip_radius=RADIUS, lock_in_time_constant=time_constant,
        lock_in_order=None if time_constant is None else 1,
    )  # fmt: skip
    return dataset_from_traces(
        [traces.reshape(*SHAPE, -1)], time=time, x=2e-6 + np.arange(SHAPE[1]) * 0.4e-6,
        y=np.arange(SHAPE[0]) * 0.25e-6, voltage=[-3.0], unit="V", protocol=protocol,
    )  # fmt: skip


def two_exponentials(tau1=3e-3, tau2=1.5e-3):
    rise = (1 - np.exp(-TIME / tau1)) / (1 - np.exp(-PULSE / tau1))
    return np.where(TIME < PULSE - 1e-12, rise, np.exp(-(TIME - PULSE) / tau2))


@cache
def flux():
    return flux_displacement(4e-13)[0]


def compared(dataset, **options):
    maps = fit(dataset, threshold=0.0, **options)
    return histogram_comparison(maps, dataset), maps


@pytest.mark.parametrize("drift", [0.1, -0.1])
def test_diffusion_with_a_drift_is_not_called_inexplicable(drift):
    dataset = dataset_of(flux(), drift=drift)
    found, maps = compared(dataset)
    # The ratio lies where no diffusion is, and without the test for a drift it would be said so.
    assert found.alike.place(found.ratio.low, found.ratio.high) == ("above" if drift > 0 else "below")
    assert EXPLAINS in found.alike.verdict(found.ratio.low, found.ratio.high)
    sentences = " ".join(found.sentences())
    assert EXPLAINS not in sentences
    assert "the traces drift by" in sentences
    assert found.drift.source == "flux-pulse"
    # Of H, which holds the part of the drift that falls into the pulse.
    assert found.drift.size == pytest.approx(0.1 / (1 + drift * PULSE / TIME[-1]), rel=0.06)
    assert f"drift by {100 * found.drift.size:.2g} % of H" in sentences
    assert found.to_dict()["null"]["drift"]["size"] == found.drift.size
    written = " ".join(text.get_text() for axes in overview_figure(dataset, maps).axes for text in axes.texts)
    assert EXPLAINS not in " ".join(written.split())


def test_behind_a_lock_in_and_with_a_step_the_drift_is_found_too():
    for options in ({"time_constant": 1e-4}, {"step": 0.1}):
        found, _ = compared(dataset_of(flux(), drift=0.1, **options))
        assert EXPLAINS not in found.verdict()


@pytest.mark.parametrize("taus", [(3e-3, 1.5e-3), (1.5e-3, 3e-3)])
def test_without_a_drift_the_verdict_stays(taus):
    """For traces of two exponentials `flux-pulse` takes a drift, a step and mains: it is not asked."""
    found, _ = compared(dataset_of(two_exponentials(*taus)))
    assert found.drift == NO_DRIFT
    assert found.verdict().endswith("both: diffusion with one D from these two tips does not explain it.")


def test_pure_diffusion_needs_no_test():
    found, _ = compared(dataset_of(flux()))
    assert found.drift is None
    assert "no sign of migration" in found.verdict()


def test_where_no_drift_can_be_tested_the_sentence_says_so():
    dataset = dataset_of(two_exponentials())
    found, maps = compared(dataset, window2="10.5ms:")
    assert drift_beside_diffusion(dataset, maps) is None
    assert found.verdict().endswith("unless the traces drift, which was not tested.")
    # Of maps and bands alone nothing else can be said.
    assert "which was not tested" in found.alike.verdict(5.0, 6.0)
    blank = dataset.assign(displacement=dataset["displacement"] * np.nan)
    assert drift_beside_diffusion(blank, maps) is None
