"""The series that reproduces the t-ESM paper's statements: what is put in, and that an evaluation finds it again."""

import json

import numpy as np
import pytest

from napari_tesm import fit, open_dataset
from napari_tesm.cli import main
from napari_tesm.data.dataset import violations
from napari_tesm.evaluation.displacement_maps import displacement_maps
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.findings.cycling import cycles_from_cycling, read_cycling
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.annotations import annotations_from_container
from napari_tesm.quantities.status import OK
from napari_tesm.regions.profile import profile_along
from napari_tesm.regions.widths import width_from_profile
from napari_tesm.registration.maps import moved_map
from napari_tesm.simulation import simulate_series
from napari_tesm.simulation.voltage_scans import VOLTAGES, NamedPoint
from napari_tesm.statistics.description import mode_from_values

SERIES = simulate_series(size=(64, 48), samples=250, seed=0)


@pytest.fixture(scope="module")
def scans():
    return {voltage: SERIES.scan(voltage) for voltage in VOLTAGES}


@pytest.fixture(scope="module")
def heights(scans):
    """H of −V of each scan, moved to where the first scan has it, by the drift that was put in."""
    truth = SERIES.truth()["scans"]
    found = []
    for entry, scan in zip(truth, scans.values(), strict=True):
        dx, dy = entry["drift_pixels"]
        found.append(moved_map(displacement_maps(Evaluation.of(scan))["H"].values[-1], -dy, -dx))
    return np.stack(found)


@pytest.fixture(scope="module")
def maps(scans):
    return fit(scans[3.0])


def test_the_truth_counts_the_dead_and_hot_pixels_of_each_scan(scans):
    truth = SERIES.truth()
    assert set(truth["pixels"]) == {"grain", "step", "no_response"}
    assert sum(truth["pixels"].values()) == 64 * 48
    for entry, scan in zip(truth["scans"], scans.values(), strict=True):
        traces = scan["displacement"].values[-1]
        # A dead trace is zero throughout; a hot one lies 40 times higher than anything.
        assert entry["dead_line"] == int((np.ptp(traces, axis=-1) == 0).sum())
        assert entry["hot_pixel"] == int((np.abs(traces).mean(axis=-1) > 2).sum())
    assert sum(entry["hot_pixel"] for entry in truth["scans"]) > 0


def test_each_scan_follows_the_schema(scans):
    for voltage, scan in scans.items():
        assert violations(scan) == []
        assert scan["voltage"].values[-1] == -voltage
    assert scans[3.0]["voltage"].values.tolist() == [3.0, -3.0]
    assert "displacement_quadrature" in scans[3.0]
    np.testing.assert_array_equal(scans[5.0]["displacement"], SERIES.scan(5.0)["displacement"])


def test_modes_of_d_are_those_of_the_paper(maps):
    truth = SERIES.truth()["D"]
    for name, stated in (("D1", 2e-13), ("D2", 4e-13)):
        mode = mode_from_values(np.log10(maps[name].values[1][maps[f"status{name[1]}"].values[1] == OK]))
        assert 10**mode.value == pytest.approx(stated, rel=0.15)
        assert mode.value == pytest.approx(truth[name]["mode_log10"], abs=0.04)


def test_d_falls_beside_the_step_and_rises_again(maps):
    distance = SERIES.scene(3.0).distance
    d2 = maps["D2"].values[1]
    at = [
        np.nanmedian(d2[(distance > a) & (distance < b)])
        for a, b in ((-3e-9, 3e-9), (-45e-9, -15e-9), (-200e-9, -120e-9))
    ]
    assert at[0] == pytest.approx(1e-12, rel=0.05)
    assert at[1] == pytest.approx(6e-13, rel=0.07)
    assert 1.05 * at[1] < at[2] < 1.4 * at[1]


def test_steps_have_the_widths_of_the_paper(maps, scans):
    lines = [region for region in SERIES.regions if region.region_class == "other"]
    for line, width in zip(lines, (12e-9, 35e-9), strict=True):
        profile = profile_along(
            maps["D2"].values[1],
            line.xy(),
            scans[3.0]["x"].values,
            scans[3.0]["y"].values,
            width=line.width,
        )
        assert width_from_profile(profile).fwhm == pytest.approx(width, rel=0.08)


def test_regions_hold_what_they_are_called(scans):
    from napari_tesm.regions.shapes import mask_from_region

    distance = SERIES.scene(3.0).distance
    for region in SERIES.regions:
        mask = mask_from_region(region, scans[3.0]["x"].values, scans[3.0]["y"].values)
        assert mask.sum() > 20
        if region.region_class == "step":
            middle = 0.0 if "12" in region.name else 110e-9
            assert np.abs(distance[mask] - middle).max() < region.width / 2 + 6e-9
        elif region.region_class == "grain":
            assert np.minimum(abs(distance[mask]), abs(distance[mask] - 110e-9)).min() > 14e-9


def test_points_do_what_the_paper_says_of_them(heights):
    truth = SERIES.truth()
    rows = []
    for point, entry in zip(SERIES.points, truth["points"], strict=True):
        row, column = int(point.y / 6e-9), int(point.x / 6e-9)
        three = heights[:, row, column - 1 : column + 2]
        np.testing.assert_allclose(three.mean(axis=1), entry["H"], atol=0.015)
        rows.append(three.mean(axis=1))
    first, second, third = rows
    assert np.ptp([row[0] for row in rows]) < 0.012
    assert all(row[1] > 1.3 * row[0] for row in rows)
    assert first[1:] == pytest.approx([first[1]] * 5, abs=0.012)
    assert second.argmax() == 2
    assert 0.85 * second[2] < second[-1] < 0.95 * second[2]
    assert third.argmax() == 1
    assert (np.diff(third[1:]) < 0).all()
    assert [entry["verdict"] for entry in truth["points"]] == ["saturating", "peaked", "peaked"]


def test_histograms_broaden_and_move(heights):
    # Where every scan was: the edges that drifted out of one are left out.
    good = np.isfinite(heights).all(axis=0) & (heights[0] > 0.08) & (heights < 2).all(axis=0)
    counts, modes = [], []
    for height in heights:
        counts.append(np.histogram(height[good], bins=np.linspace(0, 1.2, 41))[0].max())
        modes.append(mode_from_values(height[good]).value)
    assert (np.diff(counts) < 0).all()
    assert (np.diff(modes) > 0).all()
    spread = np.subtract(*np.percentile(heights[:, good], [75, 25], axis=1))
    assert (np.diff(spread) > 0).all()


def test_the_surface_moves_with_the_drift(scans):
    for name in ("topography", "deflection_error"):
        fixed = scans[3.0][name].values
        for entry, scan in zip(SERIES.truth()["scans"][1:], list(scans.values())[1:], strict=True):
            dx, dy = entry["drift_pixels"]
            moved = moved_map(scan[name].values, -dy, -dx)
            good = np.isfinite(moved)
            unmoved = np.corrcoef(scan[name].values[good], fixed[good])[0, 1]
            assert np.corrcoef(moved[good], fixed[good])[0, 1] > max(0.95, unmoved)


def test_x_is_nearly_r(scans):
    last = {
        name: scans[3.0][name].values[1, :, :, 40:48].mean(axis=-1)
        for name in ("displacement", "displacement_quadrature")
    }
    responding = last["displacement"] > 0.1
    ratio = np.median(last["displacement_quadrature"][responding] / last["displacement"][responding])
    assert np.rad2deg(np.arctan(ratio)) == pytest.approx(8.0, abs=1.0)


def test_a_point_rises_saturates_and_falls():
    point = NamedPoint(1, 0.5, 0.5, peak=6.0, fall=0.1, colour="")
    assert point.gain(3.0) == 1.0
    assert point.gain(5.0) - point.gain(4.0) == pytest.approx(point.gain(6.0) - point.gain(5.0))
    assert point.gain(8.0) == pytest.approx(0.8 * point.gain(6.0))


def test_too_small_an_area_is_refused():
    with pytest.raises(ValueError, match="48x36"):
        simulate_series(size=(40, 40))


def test_the_command_writes_a_folder(tmp_path, capsys):
    folder = tmp_path / "paper"
    words = ["simulate", "--preset", "paper-series", "--size", "48x36", "--samples", "50"]
    assert main([*words, "-o", str(folder)]) == 0
    truth = json.loads((folder / "truth.json").read_text())
    assert [entry["file"] for entry in truth["scans"]] == sorted(entry["file"] for entry in truth["scans"])
    assert {path.name for path in folder.iterdir()} >= {entry["file"] for entry in truth["scans"]} | set(
        truth["controls"]
    )
    first = folder / truth["scans"][0]["file"]
    dataset = open_dataset(first)
    assert dataset["voltage"].values.tolist() == [3.0, -3.0]
    found = annotations_from_container(read_container(first), dataset["y"], dataset["x"])
    assert [point.number for point in found.points] == [1, 2, 3]
    assert [region.region_class for region in found.regions].count("step") == 2
    assert open_dataset(folder / "hopg.gwy").sizes["x"] == 48
    for name, capacities in truth["cycling"].items():
        found = cycles_from_cycling(read_cycling(folder / name))
        np.testing.assert_allclose([[one.discharge, one.charge] for one in found], capacities, rtol=1e-4)
        assert found[-1].cycle == 68

    assert main([*words, "-o", str(folder)]) == 1
    assert "exists" in capsys.readouterr().err
    assert main([*words, "-o", str(tmp_path / "a.gwy")]) == 2
    assert main([*words, "-o", str(folder), "--model", "clamped"]) == 2
    assert main([*words[:3], "-o", str(tmp_path / "b"), "--size", "20x20"]) == 2
    assert not (tmp_path / "b").exists()
    assert main(["simulate", "--preset", "gold", "-o", str(tmp_path / "c.gwy")]) == 2
    assert "paper-series" in capsys.readouterr().err
