"""The page on JSON names every key that the commands write, and none that they do not."""

import json
import re
from dataclasses import fields
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from napari_tesm import open_dataset, save
from napari_tesm.cli.entry import main
from napari_tesm.data.maps import MAP_KINDS
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.io.volumes import open_volume, save_volume
from napari_tesm.kernels.named import ALL_KERNELS
from napari_tesm.quantities.status import STATUS_MEANINGS
from napari_tesm.volumes.dataset import volume_from_array

PAGE = Path(__file__).parents[1] / "docs" / "json.md"
NAMES = {
    *MAP_KINDS, *STATUS_MEANINGS, *ALL_KERNELS, "interior", "boundary", "cluster", "defect",
    "none", "white", "0", "1", "2", "68", "95",
    *(entry.name for entry in (*fields(Recipe), *fields(PulseProtocol))),
}  # fmt: skip
"""Keys that are names of something: maps, statuses, kernels, classes, parameters, windows, probabilities."""


@cache
def words_of_page() -> dict[str, set[str]]:
    sections = re.split(r"^## (.*)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        title: set(re.findall(r"`([^`]+)`", text))
        for title, text in zip(sections[1::2], sections[2::2], strict=True)
    }


def first_cells(section: str) -> set[str]:
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def keys(value) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for item in value.values() for key in keys(item)}
    if isinstance(value, list):
        return {key for item in value for key in keys(item)}
    return set()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("json")
    quiet = ["--quiet", "--progress", "none"]
    scan, out = str(folder / "scan.gwy"), str(folder / "out.gwy")
    assert main(["simulate", "-o", scan, "--size", "24x16", "--samples", "60", *quiet[1:]]) == 0
    fit = ["fit", scan, "-o", out, "--tip-radius", "25nm±2nm", "--json", str(folder / "fit.json"), *quiet]
    assert main(fit) == 0
    save(folder / "corner.gwy", open_dataset(scan).isel(x=slice(0, 9), y=slice(0, 7)))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", ["fit", "lateral", "regions", "kernels", "null", "theory", "grains"])
def test_keys_are_those_of_the_page(fitted, command):
    file = fitted / f"{command}.json"
    source = {
        "theory": [],
        "kernels": [str(fitted / "out.gwy"), "--kernels", "exponential,flux-pulse"],
        "lateral": [str(fitted / "corner.gwy"), "-o", str(fitted / "lateral.gwy"), "--tip-radius", "25nm"],
    }
    if command != "fit":
        assert main([command, *source.get(command, [str(fitted / "out.gwy")]), "--json", str(file)]) == 0
    written = keys(json.loads(file.read_text(encoding="utf-8")))
    assert written
    pages = words_of_page()
    pages["lateral"] |= pages["fit"]
    unnamed = written - pages[command] - pages["In all of them"] - NAMES
    assert not unnamed
    assert not first_cells(command) - written


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("json") / "v.zarr")
    words = [
        "--preset",
        "np-si-2000",
        "--shape",
        "140x64x70",
        "--voxel",
        "90nm",
        "--seed",
        "3",
        "--noise",
        "2%",
    ]
    assert main(["volume", "simulate", "-o", path, *words, "--quiet"]) == 0
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", ["info", "surfaces", "profile", "bodies --tortuosity", "compare --capacity 1000", "segment"]
)
def test_keys_of_volumes_are_those_of_the_page(volume, tmp_path, capsys, command):
    command, *words = command.split()
    if command == "segment":
        words = ["-o", str(tmp_path / "s.zarr"), "--labels", str(tmp_path / "l.zarr")]
        grey = open_volume(volume)["intensity"].values
        strokes = np.where(grey > 700, 2, np.where(grey < 100, 1, 0)).astype(np.uint8)
        save_volume(tmp_path / "l.zarr", volume_from_array(strokes, (90e-9,) * 3))
    assert main(["volume", command, volume, *words, "--json"]) == 0
    written = keys(json.loads(capsys.readouterr().out))
    title = f"volume {command}"
    assert not written - words_of_page()[title] - words_of_page()["In all of them"]
    assert not first_cells(title) - written
