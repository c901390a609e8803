"""Several volumes of one file: which is which is what file and titles say, not what one typed value makes of them."""

import numpy as np
import pytest
from gwyfile.objects import GwyContainer

from napari_tesm import fit, open_dataset
from napari_tesm.cli import main
from napari_tesm.data.dataset import voltage_in_title
from napari_tesm.gwy import contents, read_container
from napari_tesm.gwy.objects import Brick, metadata_container
from napari_tesm.gwy.parts import put
from napari_tesm.gwy.writing import write_container

PULSE = {"Pulse start": "0 s", "Pulse duration": "10 ms"}


def volumes(path, titles, **metadata):
    """One volume of 5 × 6 pixels for each title; those of negative voltages respond the other way round."""
    t = np.arange(40) * 25e-3 / 40
    response = (1 - np.exp(-np.clip(t, 0, 10e-3) / 3e-3)) * np.exp(-np.clip(t - 10e-3, 0, None) / 2e-3)
    noise = np.random.default_rng(0).standard_normal((40, 5, 6))
    container = GwyContainer()
    for number, title in enumerate(titles):
        values = (-1 if "-" in title else 1) * response[:, None, None] + 0.004 * noise
        stack = Brick(values, 60e-9, 50e-9, 25e-3, unit_x="m", unit_y="m", unit_z="s", unit_w="V")
        put(container, f"/brick/{number}", stack.to_object(), "o")
        put(container, f"/brick/{number}/title", title, "s")
        put(container, f"/brick/{number}/meta", metadata_container(PULSE | metadata), "o")
    write_container(path, container)
    return path


def maps_of(path):
    container = read_container(path)
    return [contents.title(container, contents.CHANNEL, n) for n in contents.ids(container, contents.CHANNEL)]


@pytest.mark.parametrize("given", ["-3V", "+2V"])
def test_one_voltage_is_not_taken_for_volumes_whose_titles_say_others(tmp_path, capsys, given):
    path, out = volumes(tmp_path / "v.gwy", ["Traces (+3 V)", "Traces (-3 V)"]), tmp_path / "o.gwy"
    assert main(["fit", str(path), "-o", str(out), "--voltage", given]) == 1
    said = capsys.readouterr().err
    assert "holds pulses of -3 V, 3 V" in said
    assert "--traces" in said
    assert not out.exists()


def test_a_voltage_for_each_volume(tmp_path, capsys):
    path, out = volumes(tmp_path / "v.gwy", ["Traces (+3 V)", "Traces (-3 V)"]), tmp_path / "o.gwy"
    assert (
        main(
            [
                "fit",
                str(path),
                "-o",
                str(out),
                "--voltage",
                "3V,-3V",
                "--save-recipe",
                str(tmp_path / "r.json"),
            ]
        )
        == 0
    )
    assert {"H (+3 V)", "H (-3 V)", "tau2 (-3 V)"} <= set(maps_of(out))
    again = tmp_path / "again.gwy"
    assert main(["fit", str(path), "-o", str(again), "--recipe", str(out)]) == 0
    assert again.read_bytes() == out.read_bytes()
    assert main(["fit", str(path), "-o", str(out), "--overwrite", "--voltage", "-1V,2V,3V"]) == 1
    assert "3 voltages are given for 2 pulse settings" in capsys.readouterr().err


def test_one_voltage_for_volumes_that_say_none_or_the_same(tmp_path):
    for number, titles in enumerate((["Trace", "Retrace"], ["A (-3 V)", "B"])):
        maps = fit(open_dataset(volumes(tmp_path / f"{number}.gwy", titles)), voltage="-3 V")
        assert maps["voltage"].values.tolist() == [-3.0, -3.0]


def test_a_single_volume_is_what_is_typed(tmp_path):
    dataset = open_dataset(volumes(tmp_path / "v.gwy", ["Traces (+3 V)"]))
    assert fit(dataset, voltage="-3 V")["voltage"].values.tolist() == [-3.0]


@pytest.mark.parametrize(("titled", "metadata"), [(True, {}), (False, {"Lock-in signal": "Y"})])
def test_a_quadrature_alone_is_no_displacement(tmp_path, capsys, titled, metadata):
    title = "Traces Y (+3 V)" if titled else "Channel 7"
    path = volumes(tmp_path / "v.gwy", [title], **metadata)
    assert main(["fit", str(path), "-o", str(tmp_path / "o.gwy")]) == 1
    assert "is the lock-in's Y, which is no displacement without X" in capsys.readouterr().err
    assert main(["info", str(path)]) == 0


def test_a_titled_quadrature_goes_with_its_x(tmp_path):
    dataset = open_dataset(volumes(tmp_path / "v.gwy", ["Traces (+3 V)", "Traces Y (+3 V)"]))
    assert dataset.sizes["pulse"] == 1
    assert "displacement_quadrature" in dataset


@pytest.mark.parametrize(
    ("title", "voltage"),
    [
        ("Traces (+3 V)", 3),
        ("X (-2,5 V retrace) #2", -2.5),
        ("(−1V)", -1),
        ("3 V", None),
        ("(3)", None),
        ("(3 Volts)", None),
    ],
)
def test_voltages_in_titles(title, voltage):
    assert np.array_equal(voltage_in_title(title), np.nan if voltage is None else voltage, equal_nan=True)
