"""The examples of docs/extending.md work as they stand there."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from extending_page import blocks, module_from_block

from napari_tesm import open_dataset
from napari_tesm.cli import main
from napari_tesm.fitting import fit_traces
from napari_tesm.io import detection
from napari_tesm.kernels import named, one_parameter


def test_a_format_is_read_by_its_content_and_a_mapping(tmp_path, monkeypatch):
    (code,), (line,) = blocks("A file format"), blocks("A file format", "text")
    monkeypatch.setitem(sys.modules, "napari_tesm.io.columns", module_from_block(code, "columns"))
    (entry,) = eval(f"[{line}]")
    monkeypatch.setattr(detection, "_READERS", (entry, *detection._READERS))
    time = np.arange(-10, 240) * 1e-4
    truth = np.random.default_rng(3).normal(size=(6, 8, time.size))
    path = tmp_path / "scan.txt"
    table = np.column_stack([time, truth.reshape(48, -1).T])
    np.savetxt(path, table, header="columns of traces", fmt="%.17g")
    path.with_suffix(".yaml").write_text(*blocks("A file format", "yaml"))
    dataset = open_dataset(path)
    assert dataset.sizes == {"pulse": 1, "y": 6, "x": 8, "time": 250}
    np.testing.assert_allclose(dataset["displacement"].values[0], truth * 1e-9, rtol=1e-12)
    np.testing.assert_allclose(dataset["time"].values, time, atol=1e-12)
    assert (dataset.attrs["pulse_start"], dataset.attrs["pulse_duration"]) == (0.0, 10e-3)
    path.write_text(path.read_text()[:-40])
    with pytest.raises(ValueError, match=r"scan\.txt is damaged"):
        open_dataset(path)


def test_a_kernel_is_fitted_and_offered_by_its_name(monkeypatch, capsys):
    (code,), (line,) = blocks("A custom kernel"), blocks("A custom kernel", "text")
    space = dict(vars(one_parameter))
    exec(code, space)
    (kernel,) = eval(f"[{line}]", space)
    monkeypatch.setitem(one_parameter.KERNELS, kernel.name, kernel)
    monkeypatch.setitem(named.ALL_KERNELS, kernel.name, kernel)
    time = np.linspace(0, 15e-3, 150)
    tau = np.array([0.5e-3, 2e-3, 8e-3])
    traces = 3e-9 / (1 + time / tau[:, None]) - 1e-9
    result = fit_traces(traces, time, kernel="second-order")
    np.testing.assert_allclose(result.tau, tau, rtol=1e-6)
    np.testing.assert_allclose(result.a, 3e-9, rtol=1e-6)
    np.testing.assert_allclose(result.c, -1e-9, rtol=1e-5)
    monkeypatch.setenv("COLUMNS", "500")
    main(["fit", "--help"])
    assert (
        "exponential, stretched, biexponential, power, erfc, gaussian-source or second-order for each window; "
        "flux-pulse or clamped for the record as one"
    ) in capsys.readouterr().out


def test_a_section_says_what_numpy_says_and_what_is_missing():
    section_from_data = module_from_block(
        *blocks("A section of the report")[:1], "roughness"
    ).section_from_data
    heights = np.random.default_rng(4).normal(scale=3e-9, size=(5, 9))
    surface = xr.DataArray(heights, dims=("y", "x"), attrs={"units": "m", "long_name": "Topography"})
    scans = [
        SimpleNamespace(name="first", surface=lambda kind: surface),
        SimpleNamespace(name="second", surface=lambda kind: None),
    ]
    section = section_from_data(SimpleNamespace(scans=scans))
    assert section.numbers == {"first": pytest.approx(heights.std())}
    assert section.missing == ["second has no topography."]
