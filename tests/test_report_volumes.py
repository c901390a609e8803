"""The report on electrode volumes: numbers against what was drawn, and a folder from the command line."""

import csv
import json

import numpy as np
import pytest
from electrode_volumes import electrode_volume

from napari_tesm.cli import main
from napari_tesm.io.volumes import save_volume
from napari_tesm.report.volumes import report_from_states, reported_state
from napari_tesm.report.writing import files_of_report
from napari_tesm.volumes.dataset import volume_from_array

VOXEL = (60e-9, 50e-9, 75e-9)
SHAPE = (64, 44, 52)


@pytest.fixture(scope="module")
def drawn():
    return electrode_volume(
        SHAPE, thickness=24.0, spread=3.0, level=0.12, grains=0.25, noise=0.03, rough=5.0, seed=7
    )


@pytest.fixture(scope="module")
def states(drawn):
    bare = electrode_volume(SHAPE, thickness=0.0, noise=0.03, seed=8)
    return [
        reported_state(name, volume_from_array(each.grey, VOXEL), height=540e-9)
        for name, each in (("cycled", drawn), ("collector alone", bare))
    ]


def test_numbers_and_tables_are_those_of_what_was_drawn(states, drawn):
    report = report_from_states(states, height=540e-9, title="Two states")
    files = files_of_report(report)
    numbers = json.loads(files["numbers.json"])
    cycled, bare = numbers["sections"]["electrode_thickness"]["states"]
    assert cycled["thickness"]["mean"] == pytest.approx((drawn.z1 - drawn.z0).mean() * VOXEL[0], rel=0.03)
    assert cycled["voxel"] == list(VOXEL)
    assert bare["thickness"] is None
    assert any(
        "collector alone: nothing lies on the collector" in sentence for sentence in numbers["missing"]
    )
    rows = files["tables/electrode_thickness.csv"].decode().splitlines()
    assert rows[0].startswith("state,mean (m)")
    assert float(rows[1].split(",")[1]) == cycled["thickness"]["mean"]
    assert rows[2].startswith("collector alone,,,,,")
    profile = numbers["sections"]["electrode_attenuation"]["profiles"]["cycled"]
    inner = [
        value
        for place, value in zip(profile["distance"], profile["within"], strict=True)
        if profile["mixed_below"] < place < 1.1e-6
    ]
    upper = drawn.attenuation[(np.arange(SHAPE[0])[:, None, None] > drawn.z0 + 5)
                              & (np.arange(SHAPE[0])[:, None, None] + 1 < drawn.z1)]  # fmt: skip
    assert np.mean(inner) == pytest.approx(upper.mean(), abs=0.01)


def test_each_state_has_its_sections_and_its_thickness(states):
    report = report_from_states(states, height=540e-9, title="Two states")
    assert set(report.drawn) == {"thickness_1", "sections_1", "sections_2", "attenuation"}
    page = files_of_report(report)["report.html"].decode()
    assert "540 nm above the collector" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_the_section_that_follows_the_collector_shows_what_is_there(states, drawn):
    parallel = states[0].parallel.values
    places = np.round(drawn.z0 + 540e-9 / VOXEL[0] - 0.5).astype(int)
    true = np.take_along_axis(drawn.attenuation, places[None], axis=0)[0]
    flat = drawn.grey[round(drawn.z0.mean() + 540e-9 / VOXEL[0] - 0.5)]
    following, level = (np.corrcoef(each.ravel(), true.ravel())[0, 1] for each in (parallel, flat))
    assert following > 0.65
    assert level < 0.45  # a flat cut does not


def test_the_command_writes_a_folder_and_refuses_what_it_cannot(tmp_path, drawn, capsys):
    save_volume(tmp_path / "a.zarr", volume_from_array(drawn.grey, VOXEL))
    words = ["volume", "report", str(tmp_path / "a.zarr"), "-o", str(tmp_path / "out")]
    assert main([*words, "--labels", "pristine", "--style", "paper", "--section", "540nm"]) == 0
    assert "3 sections, 3 figures" in capsys.readouterr().out
    assert (tmp_path / "out" / "figures" / "sections_1.pdf").read_bytes().startswith(b"%PDF")
    assert json.loads((tmp_path / "out" / "numbers.json").read_text())["inputs"][0]["name"] == "a.zarr"
    for extra, said in (
        ([], "exists"),
        (["--labels", "a", "b"], "1 volumes and 2 --labels"),
        (["--section", "9um", "--overwrite"], "outside the volume"),
        (["--section", "high", "--overwrite"], "--section"),
    ):
        assert main([*words, *extra]) in (1, 2)
        assert said in capsys.readouterr().err
    assert main([*words[:3], *words[2:], "--overwrite"]) == 2
    assert "one name" in capsys.readouterr().err


def test_the_bodies_of_the_report_are_those_of_the_command(tmp_path, capsys):
    lumpy = electrode_volume(
        (84, 80, 76), thickness=46.0, gap=400 / 60, lumps=2, radii=(9.0, 10.0), noise=0.04, seed=61
    )
    path, out = str(tmp_path / "v.zarr"), tmp_path / "out"
    save_volume(path, volume_from_array(lumpy.grey, (60e-9, 50e-9, 60e-9)))
    more = ["--least", "600nm", "--tortuosity"]
    assert main(["volume", "bodies", path, *more, "--json", str(tmp_path / "b.json")]) == 0
    cut = str(tmp_path / "cut.zarr")
    save_volume(cut, volume_from_array(lumpy.grey[:45], (60e-9, 50e-9, 60e-9)))
    words = ["volume", "report", path, cut, "-o", str(out), "--labels", "one", "cut"]
    assert main([*words, "--bodies", *more]) == 0
    assert "cut: the top of the volume cuts the electrode off, what lies in it" in capsys.readouterr().out
    said = json.loads((tmp_path / "b.json").read_text())
    found = json.loads((out / "numbers.json").read_text())["sections"]["electrode_bodies"]["states"]["one"]
    assert said["count"] == 2
    assert said["gap"]["area_fraction"] > 0.1
    assert found == {key: value for key, value in said.items() if key not in ("simulated", "notes")}
    tables = {
        path.stem: list(csv.reader(path.read_text("utf-8").splitlines()))
        for path in (out / "tables").glob("*.csv")
    }
    diameters = [float(row[2]) for row in tables["electrode_agglomerates"][1:]]
    assert diameters == [body["diameter"] for body in said["agglomerates"]]
    gap = said["gap"]
    cells = [
        gap["area_fraction"],
        *gap["area_fraction_band"],
        gap["height"],
        *gap["height_band"],
        gap["control"],
    ]
    assert [float(cell) for cell in tables["electrode_gaps"][1][1:]] == cells
    ways = {row[1]: row[3] for row in tables["electrode_tortuosity"][1:]}
    assert ways == {"pores": "", "solid": repr(said["transport"]["solid"]["tortuosity"])}
    assert (out / "figures" / "bodies_1.png").stat().st_size > 10_000


def test_what_is_no_output_of_counts_or_join_is_refused_in_a_sentence(tmp_path, capsys):
    course = {"distance": [1e-7], "voxels": [3]}
    (tmp_path / "c.json").write_text(
        json.dumps(
            {
                "notes": [],
                "particles": [],
                "blur": 1e-8,
                "background": None,
                "from_rim": course,
                "from_crack": None,
            }
        )
    )
    (tmp_path / "j.json").write_text(
        json.dumps({"notes": [], "landmarks": {}, "channels": [], "ions": [], "covered": 1.0})
    )
    (tmp_path / "b.json").write_bytes(b"\xff{")
    for words, said in (
        (["--counts", "c.json"], "c: counts of ions are incomplete"),
        (["--counts", "j.json"], "not what 'tesm volume counts --json' writes"),
        (["--counts", "b.json"], "not what 'tesm volume counts --json' writes"),
        (["--counts", "c.json", "c.json"], "two files of --counts have one name"),
        (["--joined", "j.json"], "the numbers of the joined scan are incomplete"),
        (["--joined", "c.json"], "not what 'tesm volume join --json' writes"),
        (["--joined", "j.gwy"], "--joined takes the JSON of one join"),
        ([], "there is nothing to report"),
        (["--bodies", "--counts", "c.json"], "--bodies needs a volume"),
        (["v.zarr", "--tortuosity"], "go with --bodies"),
    ):
        paths = [str(tmp_path / word) if "." in word else word for word in words]
        assert main(["volume", "report", *paths, "-o", str(tmp_path / "none")]) in (1, 2), words
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) <= 3
    assert not (tmp_path / "none").exists()
