"""The benchmark behind the validation in the noise of instruments: that its numbers mean what the page says."""

import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import validation_noises as measured


def maps_of(tau, stated, misses, status):
    dims = ("pulse", "y", "x")
    values = {"tau": tau * np.exp(misses), "tau_stderr": stated * tau * np.exp(misses), "status": status}
    return xr.Dataset({name: (dims, value[None]) for name, value in values.items()})


@pytest.mark.parametrize(("understated", "shift"), [(1.0, 0.0), (2.5, 0.0), (1.0, 0.3)])
def test_ratio_pull_and_coverage_are_those_that_were_put_in(understated, shift):
    rng = np.random.default_rng(1)
    tau = rng.uniform(1e-3, 5e-3, (60, 90))
    status = (rng.random(tau.shape) < 0.25).astype(int)
    misses = 0.1 * understated * rng.standard_normal(tau.shape) - shift
    misses[status == 1] = 50.0  # what is rejected does not count
    found = measured.found_in(maps_of(tau, 0.1, misses, status), "", tau)
    assert found.ratio == pytest.approx(np.exp(shift), rel=0.02)
    assert found.pull == pytest.approx(understated, rel=0.05)
    # Of a normal error: 2 Φ(1.96/2.5) − 1 = 0.567.
    expected = {(1.0, 0.0): 0.95, (2.5, 0.0): 0.567}.get((understated, shift))
    if expected is not None:
        assert found.coverage == pytest.approx(expected, abs=0.02)
    assert found.ok == pytest.approx(0.75, abs=0.03)


def test_a_scan_holds_the_noise_and_the_truth_that_it_says():
    """Without noise every trace of a flux ends its pulse at 1, and pixels of one D are alike."""
    case = measured.Case("behind a filter", "lock-in:0.1ms:4", white=1.0)
    dataset, true = measured.scan_of(case, "flux-pulse", 512, seed=3, snr=1e6)
    traces = dataset["displacement"].values[0]
    last = np.flatnonzero(measured.TIME < measured.made.PULSE - 1e-9)[-1]
    assert traces[..., last].mean() == pytest.approx(0.97, abs=0.03)
    assert true.shape == traces.shape[:2]
    for diffusion in np.unique(true):
        assert np.ptp(traces[true == diffusion], axis=0).max() < 1e-4
    noise = measured.scan_of(case, "", 512, seed=3, snr=20)[0]["displacement"].values[0]
    assert noise.std() == pytest.approx(1 / 20, rel=0.05)
    neighbours = np.mean(noise[..., 1:] * noise[..., :-1]) / noise.var()
    # Four stages: e^−h (1 + h + 2h²/5 + h³/15) with h = 0.05/0.1.
    assert neighbours == pytest.approx(np.exp(-0.5) * (1 + 0.5 + 0.1 + 0.125 / 15), abs=0.01)


def test_every_noise_has_its_row_in_the_page():
    page = (Path(__file__).parents[1] / "docs" / "validation.md").read_text("utf-8")
    for name in ("noise alone", "errors, SNR 10", "errors, SNR 30"):
        table = page.partition(f"<!-- {name} -->")[2].partition(f"<!-- end of {name} -->")[0]
        assert [case.words for case in measured.NOISES] == [
            line.split(" | ")[0].removeprefix("| ") for line in table.strip().splitlines()[2:]
        ]
