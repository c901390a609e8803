"""States of an electrode side by side: document 003's table from simulated states, and what its capacity predicts."""

import csv
import json

import numpy as np
import pytest
from electrode_volumes import electrode_volume
from matplotlib.figure import Figure

from napari_tesm.cli import main
from napari_tesm.findings.cycling import cycling_from_text
from napari_tesm.io.volumes import save_volume
from napari_tesm.plotting.volume_states import Bar, draw_states
from napari_tesm.volumes.dataset import volume_from_array
from napari_tesm.volumes.levels import levels_of
from napari_tesm.volumes.material import material_of
from napari_tesm.volumes.simulation import simulate_volume
from napari_tesm.volumes.states import expected_expansion
from napari_tesm.volumes.surfaces import surfaces_of

STATES = {  # cycles, capacity, true thickness in µm, size and voxel of the simulation
    "np-si-pristine": (0, 0, 2.0, (98, 76, 88), 60e-9),
    "np-si-lithiated": (2, 1000, 4.0, (98, 76, 88), 90e-9),
    "np-si-500": (500, 1000, 16.8, (222, 60, 66), 120e-9),
    "np-si-1556": (1556, 1000, 6.0, (138, 72, 66), 90e-9),
    "np-si-2000": (1, 2000, 6.3, (144, 72, 66), 90e-9),
    "np-si-2000-100": (100, 2000, 4.6, (114, 72, 66), 90e-9),
    "np-si-2000-460": (460, 2000, 1.1, (70, 76, 70), 60e-9),
}


def test_the_table_of_the_document_comes_from_simulated_states_by_one_command(tmp_path, capsys):
    for name, (*_, shape, edge) in STATES.items():
        volume, truth = simulate_volume(name, shape=shape, voxel=(edge,) * 3, seed=11)
        assert float(truth["thickness"].mean()) == pytest.approx(STATES[name][2] * 1e-6, rel=0.02)
        save_volume(tmp_path / f"{name}.zarr", volume)
    files = [str(tmp_path / f"{name}.zarr") for name in STATES]
    cycles, capacity = (",".join(str(state[part]) for state in STATES.values()) for part in (0, 1))
    numbers, table, figure = (str(tmp_path / name) for name in ("c.json", "c.csv", "c.png"))
    asked = ["--reference", "np-si-pristine", "--cycles", cycles, "--capacity", capacity]
    written = ["--json", numbers, "--csv", table, "--figure", figure]
    assert main(["volume", "compare", *files, *asked, *written]) == 0
    assert "np-si-2000-460" in capsys.readouterr().out
    said = json.loads((tmp_path / "c.json").read_text())
    states = {state["name"]: state for state in said["states"]}
    for name, state in states.items():
        true = STATES[name][2] * 1e-6
        assert abs(state["thickness"]["mean"] - true) < state["thickness"]["error"], name
        assert state["thickness"]["error"] < 0.2 * true
        assert state["expansion"] == pytest.approx(state["ratio"] - 1)
    assert states["np-si-pristine"]["thickness"]["sd"] == pytest.approx(0.5e-6, rel=0.15)
    ratios = {name: state["ratio"] for name, state in states.items()}
    assert ratios["np-si-lithiated"] == pytest.approx(2, rel=0.05)
    assert ratios["np-si-500"] > 8
    assert ratios["np-si-2000"] > 3
    assert ratios["np-si-2000-460"] < 1 < ratios["np-si-2000-100"] < ratios["np-si-2000"]
    assert said["simulated"]
    with (tmp_path / "c.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == list(STATES)
    assert float(rows[1]["ratio"]) == ratios["np-si-lithiated"]
    assert (tmp_path / "c.png").stat().st_size > 5000


def test_porous_silicon_fills_its_pores_at_the_capacity_of_the_document():
    low, high = expected_expansion(2000, 0.604)
    assert high == pytest.approx(1 / (1 - 0.604), rel=0.02)  # 253 %
    assert low == pytest.approx(1, abs=0.02)
    assert expected_expansion(1000, 0.604)[0] == 1
    assert expected_expansion(0, 0.3) == (1, 1)
    assert expected_expansion(3579, 0)[1] == pytest.approx(3.8)
    for wrong in ((-1, 0.5), (np.nan, 0.5), (100, 1.0)):
        with pytest.raises(ValueError, match=r"impossible|porosity"):
            expected_expansion(*wrong)


def test_material_does_not_change_when_pores_open_in_it():
    thin, thick = (
        electrode_volume(
            (84, 90, 70), thickness=high, level=6.4 / high, grains=6.4 / high, spread=2.0, seed=80
        )
        for high in (32.0, 48.0)
    )
    means = []
    for drawn in (thin, thick):
        volume = volume_from_array(drawn.grey, (60e-9, 50e-9, 70e-9))
        levels = levels_of(volume)
        surfaces = surfaces_of(volume, levels)
        material = material_of(volume, levels, surfaces)
        true = (drawn.attenuation.sum(axis=0) - drawn.z0).mean() * 60e-9
        assert float(material.mean()) == pytest.approx(true, rel=0.03)
        np.testing.assert_allclose(
            material_of(volume, levels, surfaces, side=30), material, rtol=1e-9, atol=1e-15
        )
        means.append(float(material.mean()))
    assert means[0] == pytest.approx(means[1], rel=0.03)
    assert thick.z1.mean() - thick.z0.mean() > 1.4 * (thin.z1.mean() - thin.z0.mean())


def test_bars_stand_in_groups_of_their_capacity_with_what_it_predicts():
    bars = [
        Bar("0", "pristine", 2e-6, 5e-7, 1e-7),
        Bar("2", "1000 mAh/g", 4e-6, 6e-7, 2e-7, (2e-6, 3.6e-6)),
        Bar("500", "1000 mAh/g", 17e-6, 2e-6, 5e-7, (2e-6, 3.6e-6)),
    ]
    figure = Figure()
    draw_states(figure, bars)
    (axes,) = figure.axes
    assert [patch.get_height() for patch in axes.patches] == pytest.approx([2, 4, 17])
    assert (
        axes.patches[1].get_facecolor() == axes.patches[2].get_facecolor() != axes.patches[0].get_facecolor()
    )
    assert {text.get_text() for text in axes.texts} == {"pristine", "1000 mAh/g"}
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(legend) == sorted(set(legend))
    assert len(legend) == 3
    beside = Figure()
    text = "Capacity (mAh/g);Voltage (V)\n0;0.8\n900;0.1\n0;0.2\n800;1.5\n"
    draw_states(beside, bars, [cycling_from_text(text)])
    assert [line.get_xdata().max() for line in beside.axes[1].lines] == [900, 800]


@pytest.mark.parametrize(
    ("words", "part"),
    [(["--cycles", "0,x"], "takes numbers"), (["--cycles", "0"], "1 numbers for 2"), (["--reference", "C"], "none"),
     (["--porosity", "120%"], "part of the volume"), (["--cycling", "a.csv"], "goes with --figure")],
)  # fmt: skip
def test_what_does_not_fit_the_states_is_refused_before_anything_is_measured(words, part, tmp_path, capsys):
    assert main(["volume", "compare", str(tmp_path / "A.zarr"), str(tmp_path / "B.zarr"), *words]) == 2
    assert part in capsys.readouterr().err
