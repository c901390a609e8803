import json

import numpy as np
import pytest
from examples import example_dataset

from napari_tesm import save
from napari_tesm.cli import main
from napari_tesm.findings.summary import summary_from_maps
from napari_tesm.gwy import read_container
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.physics.tip_radius import TipRadius, systematic_intervals


def test_little_uncertainty_is_the_linear_error():
    """Both parts in squares: σ(ln D)² = (2 σ_l/l)² + σ_τ²."""
    low, high = TipRadius.normal(25e-9, 0.25e-9).interval(np.array([4e-13]), np.array([0.03]), level=0.6827)
    assert np.log(high / low)[0] / 2 == pytest.approx(np.hypot(0.02, 0.03), rel=0.01)
    assert np.sqrt(low * high)[0] == pytest.approx(4e-13, rel=1e-3)


@pytest.mark.parametrize("error", [0.01, 0.3, 1.0])
def test_the_interval_holds_95_of_100_draws(error):
    rng = np.random.default_rng(0)
    radii = rng.normal(25e-9, 5e-9, 400_000)
    radii = radii[radii > 0]
    drawn = (radii / 25e-9) ** 2 * np.exp(error * rng.standard_normal(radii.size))
    low, high = TipRadius.normal(25e-9, 5e-9).interval(np.array([1.0]), np.array([error]))
    np.testing.assert_allclose([low[0], high[0]], np.quantile(drawn, [0.025, 0.975]), rtol=0.03)


def test_a_known_radius_leaves_the_error_of_the_fit():
    low, high = TipRadius.normal(25e-9, 0.0).interval(np.array([1e-13, 2e-13]), np.array([0.1, np.nan]))
    assert low[0] == pytest.approx(1e-13 * np.exp(-0.19600), rel=1e-4)
    assert high[0] == pytest.approx(1e-13 * np.exp(0.19600), rel=1e-4)
    assert TipRadius.normal(25e-9, 0.0).factors() == (1.0, 1.0)


def test_measured_radii():
    tip = TipRadius.measured(np.array([30e-9, 20e-9, 25e-9]))
    assert tip.nominal == 25e-9
    assert tip.factors(0.999) == pytest.approx((0.64, 1.44), rel=0.01)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TipRadius.normal(0.0, 1e-9), "tip radius must lie"),
        (lambda: TipRadius.normal(-25e-9, 1e-9), "tip radius must lie"),
        (lambda: TipRadius.normal(25e-9, -1e-9), "must not be negative"),
        (lambda: TipRadius.measured(np.array([])), "at least one"),
        (lambda: TipRadius.measured(np.array([25e-9, -1e-9])), "tip radius must lie"),
        (lambda: TipRadius.normal(25e-9, 1e-9).factors(2.0), "probability"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("error", [2e-9, 10e-9, 40e-9])
def test_the_median_of_a_map_moves_as_drawn_radii_move_it(error):
    """Also where the error is larger than the radius and the linear rule would make D negative."""
    rng = np.random.default_rng(1)
    radii = rng.normal(25e-9, error, 400_000)
    drawn = 4e-13 * (radii[radii > 0] / 25e-9) ** 2
    found = systematic_intervals(4e-13, 25e-9, error)
    for name, tail in (("68", 0.15865), ("95", 0.025)):
        expected = np.quantile(drawn, [tail, 1 - tail])
        np.testing.assert_allclose(found[name], expected, rtol=0.02 if error < 25e-9 else 0.05)
    assert found["95"][0] < found["68"][0] < found["68"][1] < found["95"][1]
    assert found["95"][0] > 0


def test_the_interval_is_in_summary_lines_and_metadata(tmp_path, capsys):
    scan, out, summary = (tmp_path / name for name in ("scan.gwy", "out.gwy", "summary.json"))
    save(scan, example_dataset())
    words = ["fit", str(scan), "-o", str(out), "--json", str(summary), "--tip-radius", "25nm±10nm"]
    assert main(words) == 0
    entry = json.loads(summary.read_text())["pulses"][0]["D1"]
    assert entry["systematic"] == pytest.approx(0.8)
    low, high = entry["systematic_interval"]["95"]
    assert [low, high] == pytest.approx(systematic_intervals(entry["median"], 25e-9, 10e-9)["95"], rel=1e-9)
    # The linear rule would say from -0.57 to 2.57 times the median.
    assert 0.05 < low / entry["median"] < 0.1
    assert 3.1 < high / entry["median"] < 3.3
    assert f"{low:.3g} … {high:.3g} (95 %)" in capsys.readouterr().out
    container = read_container(out)
    told = [
        container[key].get("Median, 95 % for the tip radius")
        for key in container
        if key.endswith("/meta") and container[key].get("t-ESM map") in ("D1", "log10_D1")
    ]
    assert len(told) == 4
    assert told[0] == f"{low:.4g} to {high:.4g} m²/s"
    # Read back, nothing is lost; without an error there is nothing to say.
    again = summary_from_maps(maps_from_container(container))["pulses"][0]["D1"]
    assert again["systematic_interval"]["95"] == pytest.approx([low, high], rel=1e-9)
    assert main([*words[:-1], "25nm", "--overwrite"]) == 0
    assert json.loads(summary.read_text())["pulses"][0]["D1"]["systematic_interval"] is None
    assert "tip radius" not in capsys.readouterr().out
