"""Units that are none of physics: what one format cannot hold as a unit travels as text, and ends no job."""

import json

import h5py
import numpy as np
import pytest
from examples import example_dataset

from napari_tesm import fit, open_dataset, save
from napari_tesm.cli import main
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.gwy import read_container
from napari_tesm.io.zarr_store import dataset_from_zarr, save_zarr
from napari_tesm.quantities.text import quantity_from_text
from napari_tesm.scan import scans_from_file

MAPPING = """format: t-ESM mapping 1
traces: [{source: traces, axes: [y, x, time], voltage: -3 V}]
scan: {width: 80 nm, height: 60 nm}
protocol: {pulse start: 0 ms, pulse duration: 10 ms, tip radius: 25 nm}
"""
UNITS = ["Vrms", "counts", "%", "ADU", "a.u.", "nA/(m", "deg/Vac", "\x1b[31m"]


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_in_words_goes_through_every_file(tmp_path, unit):
    dataset = example_dataset(shape=(4, 5))
    dataset["displacement"].attrs["units"] = unit
    dataset["topography"] = (
        dataset["displacement"].isel(pulse=0, time=3, drop=True).assign_attrs(units=unit, long_name="Image")
    )
    shown = unit.replace("\x1b", "\\x1b")
    maps = fit(dataset)
    save(tmp_path / "o.gwy", dataset, maps)
    (scan,) = scans_from_file(tmp_path / "o.gwy")
    assert scan.dataset["displacement"].attrs["units"] == shown
    assert scan.maps["H"].attrs["units"] == shown
    assert [channel.attrs["units"] for channel in scan.channels] == [shown]
    objects = read_container(tmp_path / "o.gwy")
    assert objects["/brick/0"].get("si_unit_w", {}).get("unitstr", "") == ""
    save_zarr(tmp_path / "o.zarr", dataset)
    assert dataset_from_zarr(tmp_path / "o.zarr")["displacement"].attrs["units"] == unit


@pytest.mark.parametrize(
    ("written", "unit"), [("Vrms", "Vrms"), ("%", "%"), (b"\xb5m", "m"), ("µV".encode(), "V")]
)
def test_a_recording_in_any_unit_is_fitted_and_the_unit_is_noted_once(tmp_path, capsys, written, unit):
    t = np.arange(-10, 250) * 1e-4
    response = (1 - np.exp(-np.clip(t, 0, 10e-3) / 2e-3)) * np.exp(-np.clip(t - 10e-3, 0, None) / 4e-3)
    noise = 0.01 * np.random.default_rng(1).standard_normal((3, 4, 260))
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["traces"] = np.where(t < 0, 0, response) + noise
        file["traces"].attrs["units"] = np.bytes_(written) if isinstance(written, bytes) else written
        file["time"] = t
        file["time"].attrs["units"] = "s"
        file["time"].make_scale("time")
        file["traces"].dims[2].attach_scale(file["time"])
    (tmp_path / "scan.yaml").write_text(MAPPING)
    assert main(["fit", str(tmp_path / "scan.h5"), "-o", str(tmp_path / "o.gwy")]) == 0
    said = capsys.readouterr().out
    assert said.count("no unit of physics") == (unit not in ("m", "V"))
    assert open_dataset(tmp_path / "o.gwy")["displacement"].attrs["units"] == unit
    factor = {b"\xb5m": 1e-6, "µV".encode(): 1e-6}.get(written, 1.0)
    height = float(scans_from_file(tmp_path / "o.gwy")[0].maps["H"].mean())
    assert height == pytest.approx(factor * (1 - np.exp(-5)), rel=0.02)


def test_numbers_are_shown_with_digits_that_mean_something(tmp_path, capsys):
    protocol = PulseProtocol(pulse_start=0.51020408163265307e-3, pulse_duration=10e-3)
    save(tmp_path / "scan.gwy", example_dataset(shape=(4, 5), protocol=protocol))
    assert main(["info", str(tmp_path / "scan.gwy")]) == 0
    said = capsys.readouterr().out
    assert "  pulse start: 510.204 µs\n  pulse duration: 10 ms\n" in said
    assert " MB" not in said  # of a file of kilobytes
    assert main(["info", "--json", str(tmp_path / "scan.gwy")]) == 0
    told = json.loads(capsys.readouterr().out)["traces"][0]["protocol"]["pulse start"]
    assert quantity_from_text(told, "s") == protocol.pulse_start
    with h5py.File(tmp_path / "image.h5", "w") as file:
        image = file.create_dataset("height", data=np.zeros((6, 5)))
        for axis, (name, size, unit) in enumerate([("y", 6, "m"), ("x", 5, "deg")]):
            file[name] = 4e-8 * np.arange(size)
            file[name].attrs["units"] = unit
            file[name].make_scale(name)
            image.dims[axis].attach_scale(file[name])
    assert main(["info", str(tmp_path / "image.h5")]) == 0
    assert "height: 6 × 5 (y 0 to 200 nm, x 0 to 1.6e-07 deg)\n" in capsys.readouterr().out
