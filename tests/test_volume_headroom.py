"""Volumes whose top cuts the electrode off: what cannot be told is not told, and electrode is not taken for air."""

import csv
import json

import numpy as np
import pytest
from electrode_volumes import GREY_AIR, electrode_volume

from napari_tesm.cli import main
from napari_tesm.io.volumes import save_volume
from napari_tesm.volumes.dataset import volume_from_array
from napari_tesm.volumes.levels import Levels, levels_of
from napari_tesm.volumes.profile import profile_of
from napari_tesm.volumes.sections import section_at
from napari_tesm.volumes.surfaces import known_surfaces, notes_of, nothing_lies_on, surfaces_of
from napari_tesm.volumes.thickness import thickness_of_electrode

VOXEL = (60e-9, 50e-9, 70e-9)


@pytest.fixture(scope="module")
def drawn():
    return electrode_volume((96, 110, 86), seed=4)


def cut_off(drawn, share):
    """The lowest slices, so many that this share of the columns has its electrode cut off."""
    planes = int(np.quantile(drawn.z1, 1 - share))
    return volume_from_array(drawn.grey[:planes].copy(), VOXEL, attributes={"notes": []}), drawn.z1 > planes


def found(volume):
    levels = levels_of(volume)
    return levels, surfaces_of(volume, levels)


def test_columns_whose_electrode_reaches_the_top_are_left_out_and_said(drawn):
    for share in (0.05, 0.15, 0.3):
        volume, cut = cut_off(drawn, share)
        levels, surfaces = found(volume)
        unknown = np.isnan(surfaces["thickness"].values)
        assert (unknown[cut]).mean() > 0.85
        assert (unknown[drawn.z1 < len(volume["z"]) - 4]).mean() < 0.08
        assert surfaces.attrs["cut"] == pytest.approx(unknown.mean())
        assert np.isfinite(surfaces["collector_surface"].values).all()
        (note,) = notes_of(volume, surfaces)
        assert f"in {100 * unknown.mean():.3g} % of the columns" in note
        true = (drawn.z1 - drawn.z0)[~unknown].mean() * VOXEL[0]
        assert thickness_of_electrode(surfaces).mean == pytest.approx(true, rel=0.03)
        assert np.isfinite(section_at(volume, levels, surfaces, 600e-9).values).all()
        assert profile_of(volume, levels, surfaces, reach=1e-6).count.sum() > 0


@pytest.mark.parametrize("share", [0.6, 0.75, 0.9, 0.999])
@pytest.mark.parametrize("level", [0.03, 0.06])
def test_electrode_is_not_taken_for_air(share, level):
    volume, _ = cut_off(electrode_volume((96, 110, 86), level=level, seed=4), share)
    levels, surfaces = found(volume)
    assert levels.air > GREY_AIR + 1  # that is what the mode of the highest slices says
    assert not thickness_of_electrode(surfaces).known
    assert not nothing_lies_on(surfaces)
    assert "cannot be told" in notes_of(volume, surfaces)[0]
    with pytest.raises(ValueError, match="reaches the top"):
        known_surfaces(surfaces)


def test_air_is_air_and_a_bare_collector_bare(drawn):
    for noise in (0.05, 0.1):
        bare = volume_from_array(electrode_volume((50, 90, 80), thickness=0, noise=noise, seed=7).grey, VOXEL)
        _, surfaces = found(bare)
        assert nothing_lies_on(surfaces)
        assert surfaces.attrs["cut"] == 0
    whole = volume_from_array(drawn.grey, VOXEL)
    _, surfaces = found(whole)
    assert not notes_of(whole, surfaces)
    # With the grey value of air said, what fills the volume is electrode up to the top.
    volume, _ = cut_off(drawn, 0.9)
    said = surfaces_of(volume, Levels(GREY_AIR, levels_of(volume).collector))
    assert said.attrs["cut"] > 0.8
    assert not thickness_of_electrode(said).known


def test_commands_say_null_where_the_thickness_cannot_be_told(drawn, tmp_path, capsys):
    names = {"whole": 0.0, "cut": 0.8}
    for name, share in names.items():
        save_volume(
            tmp_path / f"{name}.zarr",
            cut_off(drawn, share)[0] if share else volume_from_array(drawn.grey, VOXEL),
        )
    bare = electrode_volume((50, 90, 80), thickness=0, seed=7)
    save_volume(tmp_path / "bare.zarr", volume_from_array(bare.grey, VOXEL))
    files = {name: str(tmp_path / f"{name}.zarr") for name in ("whole", "cut", "bare")}
    assert main(["volume", "surfaces", files["cut"], "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["thickness"] is None
    assert "reaches the top" in said["notes"][0]
    assert main(["volume", "surfaces", files["cut"]]) == 0
    assert "Thickness: not known" in capsys.readouterr().out
    assert main(["volume", "surfaces", files["whole"], "--air", "-33", "--collector", "500"]) == 1
    assert "lowest slices" in capsys.readouterr().err
    numbers, table, figure = (str(tmp_path / f"c.{ending}") for ending in ("json", "csv", "png"))
    written = ["--json", numbers, "--csv", table, "--figure", figure]
    assert main(["volume", "compare", *files.values(), *written]) == 0
    shown = {
        line.split()[0]: line.split()[1:]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("  ")
    }
    with (tmp_path / "c.csv").open() as file:
        rows = {row["state"]: row for row in csv.DictReader(file)}
    states = {state["name"]: state for state in json.loads((tmp_path / "c.json").read_text())["states"]}
    assert states["whole"]["ratio"] == 1
    for name in ("cut", "bare"):
        assert shown[name] == ["–"] * 6
        assert states[name]["thickness"] is states[name]["ratio"] is states[name]["material"]["ratio"] is None
        assert not any(
            rows[name][key] for key in ("thickness", "sd", "error", "ratio", "material", "material_ratio")
        )
    assert main(["volume", "compare", files["bare"], files["whole"]]) == 0
    assert shown["cut"] == capsys.readouterr().out.split("\n  bare")[1].split("\n")[0].split()
