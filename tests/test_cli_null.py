"""``tesm null``: table, files, the way back, and what it refuses."""

import csv
import json

import numpy as np
import pytest
from examples import example_dataset

from napari_tesm import save
from napari_tesm.cli import main
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.model_choice.null_curve import null_curve

RECORD = ["--tip-radius", "25nm", "--pulse-duration", "10ms", "--record", "25ms", "--samples", "500"]
TIME = np.arange(500) * 5e-5
TRUE = np.array([1e-14, 1e-13, 5e-13, 1e-12])


def test_the_table_is_that_of_the_physics(capsys):
    assert main(["null", *RECORD]) == 0
    text = capsys.readouterr().out
    rows = {
        line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()[:2] in ("1e", "5e")
    }
    for kernel, columns in (("flux-pulse", slice(0, 3)), ("clamped", slice(3, 6))):
        curve = null_curve(TIME, PulseProtocol(0.0, 10e-3), 25e-9, kernel=kernel, diffusion=TRUE)
        for index, true in enumerate(TRUE):
            shown = [float(cell) for cell in rows[f"{true:.0e}"][columns]]
            expected = [curve.apparent[1][index], curve.apparent[2][index], curve.ratio[index]]
            assert shown == pytest.approx(expected, rel=0.01, abs=0)
    assert "What this recipe shows for pure diffusion: D2/D1 between 1.06 and" in text
    assert "errors grow up to" in text
    # What noise of 10 % hides is a dash, and comes out without noise.
    assert rows["1e-15"][0] == "–"
    assert main(["null", *RECORD, "--noise", "0%"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("1e-15"))
    assert float(line.split()[1]) > 0


def test_an_apparent_d_is_led_back_one_line_for_each_source_and_window(capsys):
    assert main(["null", *RECORD, "--apparent", "2e-13±1e-14m2/s", "--noise", "0%"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "a flux, apparent D1", "a flux, apparent D2", "a clamped tip, apparent D1", "a clamped tip, apparent D2",
    ]  # fmt: skip
    true, error = (float(word) for word in lines[1].split("true D ")[1].split(" m²/s")[0].split(" ± "))
    back = null_curve(TIME, PulseProtocol(0.0, 10e-3), 25e-9, diffusion=np.array([true, 2 * true]))
    assert back.apparent[2][0] == pytest.approx(2e-13, rel=0.01, abs=0)
    assert error / true > 0.05
    assert main(["null", *RECORD, "--apparent", "3e-12m2/s"]) == 0
    assert "no true D" in capsys.readouterr().out.splitlines()[0]


def test_files_hold_the_whole_curves(tmp_path, capsys):
    numbers, records, figure = (tmp_path / name for name in ("a.json", "a.csv", "a.png"))
    words = ["null", *RECORD, "--json", str(numbers), "--csv", str(records), "--figure", str(figure)]
    assert main(words) == 0
    capsys.readouterr()
    content = json.loads(numbers.read_text())
    assert content["protocol"]["sampling"] == pytest.approx(5e-5, abs=0)
    rows = list(csv.DictReader(records.read_text().splitlines()))
    for name, source in content["sources"].items():
        mine = [row for row in rows if row["source"] == name]
        assert [float(row["D"]) for row in mine] == source["D"]
        assert [float(row["D2"]) if row["D2"] else None for row in mine] == source["D2"]
        for table in source["correction"].values():
            assert table["valid"][0] == table["apparent"][0]
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert main(words) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert main(["null", *RECORD, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sources"] == content["sources"]


def test_the_protocol_of_a_file_is_taken(tmp_path, capsys):
    path = tmp_path / "scan.gwy"
    save(path, example_dataset(shape=(2, 3), samples=250))
    assert main(["null", str(path), "--json", "-"]) == 0
    of_file = json.loads(capsys.readouterr().out)
    record = ["--tip-radius", "25nm", "--pulse-duration", "10ms", "--record", "25ms", "--sampling", "100us"]
    assert main(["null", *record, "--json", "-"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert of_file["protocol"]["samples"] == said["protocol"]["samples"] == 250
    assert of_file["sources"]["flux-pulse"]["D2"][-1] == pytest.approx(
        said["sources"]["flux-pulse"]["D2"][-1], abs=0
    )
    assert main(["null", str(path), "--apparent", "2e-13m2/s"]) == 0
    assert "±40 %" in capsys.readouterr().out
    assert main(["null", str(path), "--samples", "500"]) == 2
    assert "the file has its own" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--tip-radius, --pulse-duration, --record, --sampling or --samples"),
        (["--tip-radius", "0nm", *RECORD[2:]], "tip radius"),
        (["--tip-radius", "25", *RECORD[2:]], "unit"),
        ([*RECORD, "--apparent", "-2e-13m2/s"], "larger than zero"),
        ([*RECORD, "--apparent", "2e-13"], "unit"),
        ([*RECORD, "--diffusion", "-1e-13m2/s:1e-12m2/s"], "positive number"),
        ([*RECORD, "--diffusion", "1e-12m2/s"], "no range"),
        ([*RECORD, "--noise", "5"], "percentage"),
        ([*RECORD, "--noise", "-5%"], "noise"),
        ([*RECORD, "--window1", "0ms:0.1ms"], "holds 2 samples"),
        ([*RECORD, "--sampling", "50us"], "give one of them"),
        ([*RECORD[:-1], "-3"], "whole number"),
        ([*RECORD[:-2], "--sampling", "0us"], "--sampling"),
        ([*RECORD[:4], "--record", "5ms", "--samples", "500"], "longer than the pulse"),
        ([*RECORD, "--geometry", "l3/tau"], "geometry"),
        ([*RECORD, "--pulse-start", "1ms"], "--pulse-start"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(words, said, capsys):
    assert main(["null", *words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) <= 3
