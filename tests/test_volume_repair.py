"""A stack with known faults: what is found of them, and structures that lie askew stay so."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal import savgol_filter

from napari_tesm.cli import main
from napari_tesm.io.volumes import open_volume, save_volume
from napari_tesm.volumes.dataset import volume_from_array
from napari_tesm.volumes.pair_simulation import simulate_pair
from napari_tesm.volumes.repair import repair_of

SHAPE, VOXEL = (32, 80, 90), (60e-9, 50e-9, 50e-9)
LOST, TWICE = 7, 21
ASKEW = 0.6
"""Pixels by which structures go on from slice to slice."""


@pytest.fixture(scope="module")
def stack():
    """Rods that lie askew, drawn by formulas where each slice was; curtains, brightness, noise, two slices without."""
    rng = np.random.default_rng(5)
    count, rows, columns = SHAPE
    jitter = rng.normal(0, 1.2, (count, 2))
    gain = np.exp(rng.normal(0, 0.05, count))
    curtains = gaussian_filter(rng.standard_normal((count, columns)), (0, 0.8)) * 9
    rods = [(*rng.uniform(-10, 95, 2), rng.uniform(3, 9), rng.uniform(40, 80)) for _ in range(16)]
    y, x = np.mgrid[:rows, :columns]

    def seen(k, moved):
        grey = np.full((rows, columns), 90.0)
        for cy, cx, radius, height in rods:
            away = np.hypot(y - cy - moved[0], x - cx - ASKEW * (k - count / 2) - moved[1])
            grey += height / (1 + np.exp((away - radius) / 0.7))
        return grey

    true = np.stack([seen(k, (0, 0)) for k in range(count)])
    faulty = np.stack([seen(k, jitter[k]) * gain[k] + curtains[k] for k in range(count)])
    faulty += 3 * rng.standard_normal(SHAPE)
    faulty[LOST], faulty[TWICE] = np.nan, faulty[TWICE - 1]
    return true, faulty.astype(np.float32), jitter, gain, curtains


def test_faults_are_found_and_structures_stay_askew(stack, tmp_path, capsys):
    true, faulty, jitter, gain, curtains = stack
    save_volume(tmp_path / "f.zarr", volume_from_array(faulty, VOXEL))
    command = ["volume", "repair", str(tmp_path / "f.zarr"), "-o", str(tmp_path / "r.zarr")]
    assert main([*command, "--json", str(tmp_path / "r.json")]) == 0
    assert "Left as it is: a trend of" in capsys.readouterr().out
    found = json.loads((tmp_path / "r.json").read_text())
    good = np.setdiff1d(np.arange(SHAPE[0]), [LOST, TWICE])
    assert found["missing"] == [LOST, TWICE]
    # What is slower than the trend is nobody's: the truth has it taken off, too.
    wanted = jitter[good] - savgol_filter(jitter[good], 15, 1, axis=0)
    assert np.sqrt(np.mean((np.array(found["drift"])[good] / VOXEL[1] - wanted) ** 2)) < 0.25
    assert np.array(found["trend left"])[-1, 1] / VOXEL[2] == pytest.approx(ASKEW * (SHAPE[0] - 1), abs=2)
    wanted = np.log(gain[good]) - savgol_filter(np.log(gain[good]), 15, 1)
    assert np.std(np.log(np.array(found["gain"])[good]) - wanted) < 0.01
    assert np.corrcoef(np.array(found["curtains"])[good].ravel(), curtains[good].ravel())[0, 1] > 0.8
    stored = open_volume(tmp_path / "r.zarr")
    assert stored.attrs["repair"]["missing"] == [LOST, TWICE]
    repaired = stored["intensity"].values

    def apart(values):
        return np.sqrt(np.nanmean((values - true)[:, 8:-8, 8:-8] ** 2))

    assert apart(repaired) < 0.6 * apart(np.where(np.isnan(faulty), 90, faulty))


def test_a_stack_without_jitter_or_curtains_is_given_none():
    pair = simulate_pair("cathode", seed=4)
    found = repair_of(pair.electrons.isel(z=slice(0, 24)))
    assert not found.drift.any()
    assert found.curtains.std() < 1.5
    assert not found.missing.any()


def test_each_correction_can_be_left_out(stack, tmp_path, capsys):
    faulty = stack[1]
    save_volume(tmp_path / "f.zarr", volume_from_array(faulty[:12], VOXEL))
    command = ["volume", "repair", str(tmp_path / "f.zarr"), "-o", str(tmp_path / "r.zarr")]
    assert main([*command, "--without", "missing,brightness,curtains,drift"]) == 0
    assert np.array_equal(open_volume(tmp_path / "r.zarr")["intensity"].values, faulty[:12], equal_nan=True)
    assert main([*command, "--without", "noise", "--overwrite"]) == 2
    assert "--without takes missing, brightness, curtains, drift, not 'noise'" in capsys.readouterr().err
