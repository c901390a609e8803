"""Regions against the voltage: the verdict of each band of a series whose answer is known, and no more of chance."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from series_examples import CURVES, VOLTAGES, result, scans

from napari_tesm.regions.shapes import Region
from napari_tesm.series import AlignedSeries, Alignment, SeriesFindings, aligned_series, series_from_results

SHAPE = (40, 60)
DRIFT = [(0, 0), (1, -2), (2, 1), (-1, 2), (0, 3)]


def findings_of(results, images=()):
    (series,) = series_from_results(results, images=images)
    return SeriesFindings(aligned_series(series))


def rectangle(findings, name, rows, columns):
    x, y = (findings.aligned.grid[axis].values for axis in ("x", "y"))
    (top, bottom), (left, right) = rows, columns
    corners = [(x[left], y[top]), (x[right], y[top]), (x[right], y[bottom]), (x[left], y[bottom])]
    return Region("polygon", tuple((float(a), float(b)) for a, b in corners), name=name, region_class="other")


@pytest.fixture(scope="module")
def found():
    results, images, _ = scans(shape=SHAPE, drift=DRIFT, seed=3)
    findings = findings_of(results, images)
    width = SHAPE[1] // len(CURVES)
    regions = [
        rectangle(findings, name, (6, 33), (n * width + 3, (n + 1) * width - 4))
        for n, name in enumerate(CURVES)
    ]
    return findings, regions


def test_each_band_has_its_verdict_under_its_name(found):
    findings, regions = found
    curves = findings.regions(regions)
    judged = {curve.name: (curve.verdict, curve.voltage) for curve in curves}
    assert judged["saturating"] == ("saturating", -5.0)
    assert judged["peaked late"] == ("peaked", -6.0)
    assert judged["peaked early"] == ("peaked", -5.0)
    assert judged["rising"][0] == "rising"
    assert judged["flat"][0] == "flat"
    rising = next(curve for curve in curves if curve.name == "rising")
    # The truth, times the texture of the place, which is the same at each voltage.
    shape = rising.means / rising.means[0]
    assert np.allclose(shape, np.array(CURVES["rising"]) / CURVES["rising"][0], rtol=0.03, atol=0)
    assert (rising.counts == rising.pixels).all()
    assert rising.sentence.startswith("Region 'rising' rises up to −8 V (last step −7 V → −8 V: p")
    assert "region 'rising'" in rising.first_step


def test_a_line_without_a_class_is_a_profile_and_a_region_beside_the_scan_is_judged_missing(found):
    findings, regions = found
    x, y = (findings.aligned.grid[axis].values for axis in ("x", "y"))
    ends = ((float(x[2]), float(y[2])), (float(x[9]), float(y[9])))
    line = Region("line", ends, name="across", region_class="", width=2e-8)
    beside = replace(regions[0].moved(1e-3, 0.0), name="beside")
    (curve,) = findings.regions([line, beside])
    assert (curve.name, curve.number, curve.verdict) == ("beside", 2, "untested")
    assert curve.sentence == "Region 'beside' cannot be judged: no pixel of the series lies in it."
    assert len(findings.regions([replace(line, region_class="step")])) == 1


def test_noise_that_neighbours_share_is_no_dependence_on_the_voltage():
    """Of 60 regions without any dependence, their noise alike over six pixels, hardly one may be called something."""
    rng = np.random.default_rng(5)
    base = 0.3 + 0.02 * rng.standard_normal((30, 36))
    called = 0
    for _ in range(60):
        noisy = [base + 0.2 * gaussian_filter(rng.standard_normal(base.shape), 6) for _ in VOLTAGES]
        (series,) = series_from_results(
            [result(one[None], [volts]) for one, volts in zip(noisy, VOLTAGES, strict=True)]
        )
        in_place = [Alignment(label, "", None, (), (1.0, 1.0), "m", 1.0) for label in series.labels]
        findings = SeriesFindings(AlignedSeries(series, 0, tuple(in_place)))
        (curve,) = findings.regions([rectangle(findings, "whole", (4, 25), (4, 31))])
        called += curve.verdict not in ("flat", "untested")
    assert called <= 9  # 5 % of 60 is 3; twice that and its scatter
