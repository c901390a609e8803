"""Odd and even parts in napari: the scan takes them in place of its recordings, and gives the recordings back."""

import numpy as np
import pytest
from examples import exponential_traces

pytest.importorskip("psygnal")
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.gui.models.fit import FitModel
from napari_tesm.gui.models.scan import Scan, live_scans
from napari_tesm.gui.models.spelling import command_from_scan
from napari_tesm.io.registry import open_dataset
from napari_tesm.scan import save_scan, scans_from_file

TIME = (np.arange(125) - 5) * 2e-4
PULSE = 10e-3
SHAPE = (6, 9)


def scan_of(voltages=(3.0, -3.0)):
    """Return a scan of ions that follow the voltage and a force that goes with its square, 30 % of them at 3 V."""
    rng = np.random.default_rng(0)
    ions = exponential_traces(TIME, 3e-3, 2e-3, np.ones(SHAPE))
    on = (TIME >= 0) & (TIME < PULSE - 1e-9)
    stacks = [
        volts / 3 * ions + (volts / 3) ** 2 * 0.3 * on + 0.02 * rng.standard_normal((*SHAPE, TIME.size))
        for volts in voltages
    ]
    protocol = PulseProtocol(pulse_start=0.0, pulse_duration=PULSE, tip_radius=25e-9)
    dataset = dataset_from_traces(
        stacks, time=TIME, x=np.arange(SHAPE[1]) * 0.4e-6, y=np.arange(SHAPE[0]) * 0.25e-6, voltage=voltages,
        unit="V", protocol=protocol,
    )  # fmt: skip
    return Scan("both", dataset)


def test_the_form_takes_the_odd_part_and_gives_the_recordings_back():
    scan = scan_of()
    model = FitModel(scan)
    recorded, heard = scan.dataset, []
    scan.dataset_changed.connect(lambda: heard.append(scan.labels))
    assert model.has_opposite_voltages
    assert model.set(parity="odd")
    assert heard == [["(+3 V odd)"]]
    assert scan.recorded is recorded
    scan.set_results(model.fit())
    assert not model.is_stale
    assert scan.maps["even"].values == pytest.approx(0.3, abs=0.06)
    assert model.preview().sizes["pulse"] == 1
    assert model.has_opposite_voltages
    assert model.set(parity="each")
    assert scan.dataset is recorded
    assert scan.recorded is None
    assert scan.maps is None
    assert heard[-1] == ["(+3 V)", "(-3 V)"]


def test_a_part_that_is_not_there_is_refused_and_changes_nothing():
    scan = scan_of((3.0, 2.0))
    model = FitModel(scan)
    recorded = scan.dataset
    assert not model.has_opposite_voltages
    assert not model.set(parity="odd")
    assert "opposite voltage" in model.message
    assert scan.recipe.parity == "each"
    assert scan.dataset is recorded


def test_what_is_entered_beside_the_odd_part_holds_for_the_recordings(tmp_path):
    scan = scan_of()
    FitModel(scan).set(parity="odd")
    scan.enter(tip_radius=20e-9)
    with pytest.raises(ValueError, match="belong to the settings as recorded"):
        scan.enter(voltage=2.0)
    scan.set_results(FitModel(scan).fit())
    scan.save(tmp_path / "odd.gwy")
    # What was recorded is in the file, and what was made of it.
    saved = open_dataset(tmp_path / "odd.gwy")
    assert saved["voltage"].values.tolist() == [3.0, -3.0]
    assert saved.attrs["tip_radius"] == 20e-9
    np.testing.assert_array_equal(saved["displacement"].values, scan.recorded["displacement"].values)
    (again,) = live_scans(scans_from_file(tmp_path / "odd.gwy"))
    assert again.labels == ["(+3 V odd)"]
    assert not FitModel(again).is_stale
    assert "--parity odd" in command_from_scan(again)
    assert "--voltage" not in command_from_scan(again)
    save_scan(again, tmp_path / "again.gwy")
    assert open_dataset(tmp_path / "again.gwy").sizes["pulse"] == 2
