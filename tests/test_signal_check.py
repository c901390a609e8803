"""X beside R, as the t-ESM paper's Fig. S4: what is told of scans whose phase is known."""

import numpy as np
import pytest
from test_phase import PULSE, TIME, turned_scan

from napari_tesm.findings.signal_check import check_signals, corrected_amplitude, traces_of_signals
from napari_tesm.simulation import simulate_dataset, simulate_series


@pytest.mark.parametrize(("degrees", "share"), [(0.0, 1.0), (8.0, 0.981), (30.0, 0.75), (80.0, 0.030)])
def test_the_share_of_x_is_the_squared_cosine(degrees, share):
    found = check_signals(turned_scan(degrees), PULSE)
    assert found.in_x == pytest.approx(share, abs=0.005)
    assert found.in_x_turned == pytest.approx(1.0, abs=0.002)
    for one in found.pulses:
        assert one.in_x == pytest.approx(share, abs=0.006)
        assert one.axis == pytest.approx(degrees, abs=1.0)
        assert one.slope == pytest.approx(np.cos(np.deg2rad(degrees)), abs=0.02)
        assert one.spread < 1.5
    assert bool(found.warnings) == (share < 0.9)


def test_x_that_is_r_says_so():
    one = check_signals(turned_scan(0.0), PULSE).pulses[1]
    assert one.correlation > 0.99
    assert one.difference < 0.01
    other = check_signals(turned_scan(60.0), PULSE).pulses[1]
    # 1 − cos 60°
    assert other.difference == pytest.approx(0.5, abs=0.05)


def test_the_noise_of_y_makes_no_difference():
    """Y of noise alone lifts R: with the correction R is X on average, without it is not."""
    rng = np.random.default_rng(0)
    x = 0.05 + 0.01 * rng.standard_normal(200_000)
    y = 0.01 * rng.standard_normal(x.size)
    bias = {name: np.mean(values / x) - 1 for name, values in
            {"plain": np.hypot(x, y), "corrected": corrected_amplitude(x, y, 0.01)}.items()}  # fmt: skip
    assert bias["plain"] > 0.02
    assert abs(bias["corrected"]) < 0.003


def test_the_slope_of_x_against_r_is_the_cosine_also_where_y_is_noise():
    """Noise of a fifth of the response lifts R by some 2 % where it is as small as counts; that part is taken off."""
    for degrees in (0.0, 20.0):
        found = check_signals(turned_scan(degrees, noise=0.03, size=(60, 70)), PULSE)
        for one in found.pulses:
            assert one.slope == pytest.approx(np.cos(np.deg2rad(degrees)), abs=0.007)


def test_amplitude_and_phase_do_as_well_as_y():
    one, two = (check_signals(turned_scan(30.0, signals=s), PULSE) for s in (("X", "Y"), ("X", "R", "phase")))
    assert two.in_x == pytest.approx(one.in_x, abs=1e-9)
    assert two.pulses[0].correlation == pytest.approx(one.pulses[0].correlation, abs=1e-9)


def test_a_phase_that_varies_is_told():
    left, right = turned_scan(0.0), turned_scan(50.0)
    half = np.arange(left.sizes["x"]) < left.sizes["x"] // 2
    mixed = left.assign(
        {
            name: left[name].copy(data=np.where(half[:, None], left[name].values, right[name].values))
            for name in ("displacement", "displacement_quadrature")
        }
    )
    found = check_signals(mixed, PULSE)
    assert found.pulses[0].spread == pytest.approx(25, abs=3)
    assert any("varies over the surface" in sentence for sentence in found.warnings)


def test_polarities_at_different_phases_are_told():
    one, two = turned_scan(0.0), turned_scan(40.0)
    mixed = one.assign(
        {
            name: one[name].copy(data=np.stack([one[name].values[0], two[name].values[1]]))
            for name in ("displacement", "displacement_quadrature")
        }
    )
    assert any("another phase" in sentence for sentence in check_signals(mixed, PULSE).warnings)


def test_the_simulated_series_has_the_phase_that_was_put_in():
    scan = simulate_series(samples=125).scan(3.0)
    found = check_signals(scan, PULSE)
    assert found.rotation == pytest.approx(8.0, abs=0.3)
    assert found.in_x == pytest.approx(np.cos(np.deg2rad(8.0)) ** 2, abs=0.003)
    assert found.warnings == []
    assert found.noise == pytest.approx((0.008, 0.008), rel=0.05)


def test_noise_has_nothing_to_share():
    found = check_signals(turned_scan(20.0, height=0.0, size=(40, 40)), PULSE)
    assert found.rotation is None
    assert np.isnan(found.in_x)
    assert "No pixel responds" in found.warnings[0]


def test_x_alone_is_refused():
    with pytest.raises(ValueError, match="lock-in X alone"):
        check_signals(simulate_dataset(size=(8, 8)), PULSE)


def test_signals_of_a_pixel():
    found = traces_of_signals(turned_scan(30.0), 1, 3, 4, noise_of_y=0.01)
    late = (TIME > 6e-3) & (TIME < 10e-3)
    assert np.mean(found["phase"][late]) == pytest.approx(30.0, abs=3)
    assert np.median(found["X"][late] / found["R"][late]) == pytest.approx(np.cos(np.pi / 6), abs=0.04)
