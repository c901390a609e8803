"""``tesm theory``: table, records, figure, and what it refuses."""

import csv
import json
import re

import numpy as np
import pytest

from napari_tesm.cli import main
from napari_tesm.physics.bulk_methods import GITT_PULSE, Film, compared_methods
from napari_tesm.physics.tip import TipContact, resolution_from_frequency
from napari_tesm.plotting.theory import theory_figure


@pytest.mark.slow
def test_every_method_is_in_the_table_the_records_and_the_figure(tmp_path, capsys):
    figure, records, numbers = (tmp_path / name for name in ("a.png", "a.csv", "a.json"))
    words = ["theory", "--diffusion", "2e-13m2/s", "--noise", "0%", "--surface-rate", "50um/s"]
    words += ["--figure", str(figure), "--csv", str(records), "--json", str(numbers)]
    assert main(words) == 0
    table = capsys.readouterr().out
    found = json.loads(numbers.read_text())
    assert len(found["methods"]) == 5
    for one in found["methods"]:
        assert one["D"] == pytest.approx(2e-13, rel=5e-3, abs=0)
        # Four digits without an error to speak of.
        assert 0 <= one["D_stderr"] < 0.04 * one["D"]
        assert any(line.startswith(one["name"]) and "×10⁻¹³" in line for line in table.splitlines())
    rows = list(csv.DictReader(records.read_text().splitlines()))
    assert {row["method"] for row in rows} == {one["name"] for one in found["methods"]}
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert main(words) == 1
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_as_json(capsys):
    outputs = []
    for seed in ("1", "1", "2"):
        assert main(["theory", "--json", "-", "--seed", seed]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] != outputs[2]
    json.loads(outputs[0])


@pytest.mark.slow
def test_frequencies_that_were_asked_for_are_those_of_the_record_and_of_the_regimes(tmp_path, capsys):
    records, numbers = tmp_path / "a.csv", tmp_path / "a.json"
    words = ["theory", "--frequencies", "10mHz:1MHz", "--csv", str(records), "--json", str(numbers)]
    assert main(words) == 0
    said = capsys.readouterr().out
    rows = [
        row for row in csv.DictReader(records.read_text().splitlines()) if row["method"] == "ESM, frequency"
    ]
    where = [float(row["time_or_frequency"]) for row in rows]
    assert (len(where), where[0], where[-1]) == (65, pytest.approx(1e-2), pytest.approx(1e6))
    found = json.loads(numbers.read_text())
    assert [regime["exponent"] for regime in found["regimes"]] == [0, -0.5]
    assert found["methods"][1]["seconds"] == pytest.approx(100)
    assert found["methods"][1]["D"] == pytest.approx(4e-13, abs=4 * found["methods"][1]["D_stderr"])
    assert "constant from 10 mHz" in said
    assert "to 1 MHz" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--diffusion", "-1e-13m2/s"], "larger than zero"),
        (["--diffusion", "4e-13"], "unit"),
        (["--tip-radius", "0nm"], "tip radius"),
        (["--thickness", "0um"], "thickness"),
        (["--surface-rate", "0um/s"], "surface rate"),
        (["--poisson-ratio", "x"], "--poisson-ratio"),
        (["--poisson-ratio", "0.9"], "Poisson"),
        (["--noise", "5"], "percentage"),
        (["--noise", "150%"], "noise"),
        (["--pulse-duration", "0ms"], "pulse"),
        (["--frequencies", "1MHz"], "10mHz:1MHz"),
        (["--frequencies", "1kHz:1Hz"], "larger one"),
        (["--frequencies", "1:10"], "unit"),
        (["--seed", "x"], "--seed"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(words, said, capsys):
    assert main(["theory", *words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) <= 3


@pytest.mark.slow
def test_the_curves_of_the_figure_run_through_the_records():
    film, contact = Film(4e-13), TipContact(4e-13)
    results = compared_methods(film, contact, noise=0.0)
    figure = theory_figure(results, film, contact, pulse=10e-3, gitt_pulse=GITT_PULSE * film.diffusion_time)
    for title in ("ESM, time", "PITT", "GITT"):
        axes = next(one for one in figure.axes if one.get_title().startswith(title))
        record, curve = axes.get_lines()[:2]
        expected = np.interp(record.get_xdata(), curve.get_xdata(), curve.get_ydata())
        # The edge of a pulse lies between two points of the smooth curve.
        assert np.mean(np.isclose(record.get_ydata(), expected, rtol=0.02, atol=0)) > 0.95


@pytest.mark.slow
def test_the_resolution_is_drawn_and_said_in_nm():
    film, contact = Film(4e-13), TipContact(4e-13)
    results = compared_methods(film, contact, noise=0.0)
    figure = theory_figure(results, film, contact, pulse=10e-3, gitt_pulse=GITT_PULSE * film.diffusion_time)
    axes = next(one for one in figure.axes if one.get_title().startswith("resolution"))
    assert axes.get_ylabel().endswith("(nm)")
    mine = next(line for line in axes.get_lines() if line.get_linewidth() > 1.5)
    for frequency, size in zip(mine.get_xdata()[::8], mine.get_ydata()[::8], strict=True):
        assert size == pytest.approx(1e9 * resolution_from_frequency(float(frequency), contact))
    low, high = axes.get_ylim()
    assert low <= mine.get_ydata().min() <= mine.get_ydata().max() <= high


def test_the_sentence_on_resolution_is_that_of_the_formula(capsys):
    assert main(["theory", "--tip-radius", "40nm", "--diffusion", "2e-13m2/s", "--noise", "0%"]) == 0
    said = capsys.readouterr().out
    contact = TipContact(2e-13, tip_radius=40e-9)
    slow, fast = (resolution_from_frequency(f, contact) for f in (0.0, 1e3 / contact.diffusion_time))
    numbers = re.search(r"half-periods of ([\d.]+) nm \(slow drive\) to ([\d.]+) nm \(fast", said)
    assert [float(number) for number in numbers.groups()] == pytest.approx([slow * 1e9, fast * 1e9], rel=5e-3)
