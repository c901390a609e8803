"""What pure diffusion shows beside what was found: against finite volumes with noise, and where nothing can be said."""

from functools import cache

import numpy as np
import pytest
import xarray as xr
from finite_volumes import simulated_trace

from napari_tesm import fit
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.model_choice.null_bands import (
    noise_from_maps,
    null_bands,
    null_bands_from_result,
    unresolved_share,
)
from napari_tesm.model_choice.null_curve import null_curve
from napari_tesm.quantities.status import NO_RESPONSE, OK, UNRESOLVED_FAST, UNRESOLVED_SLOW
from napari_tesm.statistics.ratios import paired_ratio

TIME = np.arange(250) * 1e-4
PROTOCOL = PulseProtocol(pulse_start=0.0, pulse_duration=10e-3)
RADIUS = 25e-9
SIDE = 24


def dataset_of(trace, *, noise, seed=0, protocol=PROTOCOL):
    """Return a map of one trace with noise on it, as a fraction of its maximum."""
    rng = np.random.default_rng(seed)
    traces = trace + noise * rng.standard_normal((SIDE, SIDE, TIME.size))
    return dataset_from_traces(
        [traces],
        time=TIME,
        x=np.arange(float(SIDE)),
        y=np.arange(float(SIDE)),
        voltage=[-3],
        protocol=protocol,
    )


@cache
def fitted(source, diffusion, noise):
    dataset = dataset_of(simulated_trace(source, TIME, diffusion), noise=noise)
    return dataset, fit(dataset, tip_radius="25 nm", threshold=0.0)


def observed(maps):
    return {n: maps[f"D{n}"].values for n in (1, 2)}


@pytest.mark.parametrize(
    ("source", "kernel"), [("flux", "flux-pulse"), ("clamped", "clamped")], ids=["flux", "clamped"]
)
@pytest.mark.parametrize("diffusion", [1e-14, 1e-13, 4e-13])
@pytest.mark.parametrize("noise", [0.05, 0.1])
def test_diffusion_from_finite_volumes_lies_within_its_own_band(source, kernel, diffusion, noise):
    dataset, maps = fitted(source, diffusion, noise)
    alike = null_bands_from_result(dataset, maps).among(observed(maps))
    found = paired_ratio(maps["D2"].values, maps["D1"].values)
    low, high = alike.ratios[kernel]
    assert low / 1.03 < found.median < 1.04 * high
    assert alike.place(found.low, found.high) == "within"
    assert "no sign of migration" in alike.verdict(found.low, found.high)
    # Of such D the band is narrow: it could have been wrong.
    assert high / low < 1.6


def test_the_band_of_a_flux_is_that_of_the_physics():
    """D2/D1 between 1.05 and 1.45 for D from 1e-14 to 3e-12 m²/s, and about 1 with a clamped tip."""
    bands = null_bands(np.arange(500) * 5e-5, PROTOCOL, RADIUS, noise=0.0, diffusion=(1e-14, 3e-12))
    assert bands.ratios["flux-pulse"] == pytest.approx((1.05, 1.45), abs=0.015)
    assert bands.ratios["clamped"] == pytest.approx((1.0, 1.0), abs=0.03)
    assert "between 1.06 and 1.44 with a flux" in bands.sentence()


def test_two_exponentials_with_a_ratio_of_two_lie_above():
    rise = 1 - np.exp(-np.clip(TIME, 0, 10e-3) / 3e-3)
    trace = rise * np.exp(-np.clip(TIME - 10e-3, 0, None) / 1.5e-3)
    dataset = dataset_of(trace, noise=0.05)
    maps = fit(dataset, tip_radius="25 nm", threshold=0.0)
    alike = null_bands_from_result(dataset, maps).among(observed(maps))
    found = paired_ratio(maps["D2"].values, maps["D1"].values)
    assert found.median == pytest.approx(2.0, rel=0.03)
    assert alike.place(found.low, found.high) == "above"
    assert "above both" in alike.verdict(found.low, found.high)
    assert "does not explain" in alike.verdict(found.low, found.high)


def test_what_is_left_over_of_many_unresolved_pixels_proves_nothing():
    """Clamped traces at 1e-12 m²/s and SNR 10: some are too fast, and the ratio of the others is biased."""
    dataset, maps = fitted("clamped", 1.5e-12, 0.1)
    unresolved = max(unresolved_share(maps[f"status{n}"].values) for n in (1, 2))
    assert unresolved > 0.05
    alike = null_bands_from_result(dataset, maps).among(observed(maps))
    assert "nothing follows" in alike.verdict(0.7, 0.8, unresolved=unresolved)
    assert "does not explain" in alike.verdict(0.7, 0.8)


def test_noise_ends_the_curve_where_the_engine_rejects():
    """The gates at a noise, put on traces without any, fall where half of the noisy traces fail."""
    for noise in (0.05, 0.1):
        curve = null_curve(TIME, PROTOCOL, RADIUS, noise=noise)
        known = curve.diffusion[np.isfinite(curve.ratio)]
        inside, outside = 2.0 * known[0], known[0] / 2.0
        for diffusion, accepted in ((inside, True), (outside, False)):
            _, maps = fitted("flux", float(diffusion), noise)
            share = float(np.mean((maps["status1"].values == 0) & (maps["status2"].values == 0)))
            assert (share > 0.5) == accepted


def test_the_noise_is_read_from_the_residuals():
    _, maps = fitted("flux", 4e-13, 0.1)
    assert noise_from_maps(maps) == pytest.approx(0.1, rel=0.1)
    assert noise_from_maps(maps.drop_vars(["rms_1", "rms_2"])) is None


def test_the_noise_is_a_part_of_each_accepted_pixel_s_own_h():
    """Residuals are a tenth of |H| in accepted pixels, and anything in the others."""
    height = np.array([[[-0.2, 0.1, 3.0, -7.0], [0.4, -0.5, 9.0, 0.0]]])
    status = np.array([[[OK, OK, UNRESOLVED_SLOW, UNRESOLVED_FAST], [OK, OK, NO_RESPONSE, OK]]])
    residuals = np.where(status == OK, 0.1 * np.abs(height), 5.0)
    dims = ("pulse", "y", "x")
    maps = xr.Dataset(
        {name: (dims, values) for name, values in (("H", height), ("rms_1", residuals), ("status1", status))}
    )
    assert noise_from_maps(maps) == 0.1
    assert noise_from_maps(maps.assign(status1=(dims, np.full_like(status, NO_RESPONSE)))) is None


def test_the_unresolved_are_a_share_of_those_that_respond():
    status = np.repeat([OK, UNRESOLVED_SLOW, UNRESOLVED_FAST, NO_RESPONSE], [6, 3, 1, 25])
    assert unresolved_share(status.reshape(5, 7)) == pytest.approx(4 / 10)
    assert unresolved_share(status[6:]) == 1.0
    assert unresolved_share(status[10:]) == 0.0


def test_the_range_of_two_windows_holds_that_of_either():
    bands = null_bands(TIME, PROTOCOL, RADIUS, noise=0.05)
    for source, curve in bands.curves.items():
        ends = [(np.nanmin(curve.apparent[number]), np.nanmax(curve.apparent[number])) for number in (1, 2)]
        assert [bands.apparent_ranges(number)[source] for number in (1, 2)] == ends
        assert ends[0] != ends[1]
        expected = min(ends[0][0], ends[1][0]), max(ends[0][1], ends[1][1])
        assert bands.apparent_ranges(1, 2)[source] == bands.apparent_ranges(2, 1)[source] == expected


def test_radius_and_diffusion_scale_together():
    one = null_curve(TIME, PROTOCOL, RADIUS, diffusion=np.geomspace(1e-14, 1e-12, 9))
    two = null_curve(TIME, PROTOCOL, 2 * RADIUS, diffusion=4 * np.geomspace(1e-14, 1e-12, 9))
    np.testing.assert_allclose(two.ratio, one.ratio, rtol=1e-9)
    np.testing.assert_allclose(two.apparent[1], 4 * one.apparent[1], rtol=1e-9)


def test_asked_for_again_the_same_curves_are_at_hand():
    first, second = (null_bands(TIME, PROTOCOL, RADIUS, noise=0.07) for _ in range(2))
    for name in first.curves:
        assert first.curves[name] is second.curves[name]
        with pytest.raises(ValueError, match="read-only"):
            first.curves[name].apparent[1][0] = 0.0


def test_such_d_are_those_that_show_the_observed_ones():
    bands = null_bands(TIME, PROTOCOL, RADIUS, noise=0.05)
    # A map without noise shows one D, between two points of the curve.
    for source, curve in bands.curves.items():
        low, high = bands.among({1: np.full(100, 2e-13)}).ratios[source]
        assert low <= np.interp(2e-13, curve.apparent[1], curve.ratio) <= high
        assert high / low < 1.01
    spread = np.geomspace(1.5e-13, 2.5e-13, 100)
    alike = bands.among({1: spread})
    curve = alike.curves["flux-pulse"]
    low, high = np.percentile(spread, [5, 95])
    assert ((curve.apparent[1] >= low / 1.01) & (curve.apparent[1] <= 1.01 * high)).all()
    assert "of such D" in alike.sentence()
    nowhere = bands.among({1: np.full(9, 1e-9)})
    assert nowhere.ratios == {}
    assert "nothing like it" in nowhere.sentence()
    assert "neither tip shows" in nowhere.verdict(1.0, 1.1)
    assert nowhere.place(1.0, 1.1) == nowhere.short_words() == ""


def test_a_source_without_a_ratio_is_left_out_of_the_verdict():
    bands = null_bands(TIME, PROTOCOL, RADIUS, noise=0.05)
    alike = bands.among({1: np.geomspace(1e-12, 2e-12, 50)})
    assert list(alike.ratios) == ["clamped"]
    assert alike.verdict(1.5, 1.6).startswith("above what a clamped tip shows")
    between = bands.among({1: np.geomspace(1.5e-13, 3e-13, 50)})
    low, high = between.ratios["clamped"][1], between.ratios["flux-pulse"][0]
    if low < high:
        assert between.place((low + high) / 2, (low + high) / 2) == "between"


@pytest.mark.parametrize("source", ["flux-pulse", "clamped"])
def test_corrected_maps_hold_the_true_d(source):
    dataset, maps = fitted(source.removesuffix("-pulse"), 1e-13, 0.05)
    corrected = null_bands_from_result(dataset, maps).corrected(maps, source)
    for name in ("D1", "D2"):
        assert np.nanmedian(corrected[name].values) == pytest.approx(1e-13, rel=0.05, abs=0)
        if source == "flux-pulse":
            # Errors grow with the inverse of the slope, as the scatter does. The traces of a clamped
            # tip are so little exponential that the errors of the recipe itself are too small.
            scatter = np.nanstd(np.log(corrected[name].values))
            error = np.nanmedian((corrected[f"{name}_stderr"] / corrected[name]).values)
            assert error == pytest.approx(scatter, rel=0.25)
        assert corrected[name].attrs["units"] == "m²/s"
        assert "corrected" in corrected[name].attrs["long_name"]
    assert "corrected" not in maps["D1"].attrs["long_name"]


def test_what_lies_outside_the_valid_range_is_not_corrected():
    dataset, maps = fitted("flux", 1e-13, 0.05)
    bands = null_bands_from_result(dataset, maps)
    other = maps.copy(deep=True)
    other["D2"].values[0, 0] = 1e-11
    other["D2"].values[0, 1] = np.nan
    corrected = bands.corrected(other, "flux-pulse")["D2"].values[0]
    assert np.isnan(corrected[:2]).all()
    assert np.isfinite(corrected[2:]).any()
    with pytest.raises(ValueError, match="choose one of flux-pulse, clamped"):
        bands.corrected(maps, "gaussian")
    with pytest.raises(ValueError, match="neither D1 nor D2"):
        bands.corrected(maps.drop_vars(["D1", "D2"]), "clamped")


def test_where_nothing_can_be_said_a_sentence_says_why():
    dataset = dataset_of(simulated_trace("flux", TIME, 1e-13), noise=0.05)
    joint = fit(dataset, tip_radius="25 nm", kernel="flux-pulse")
    with pytest.raises(ValueError, match="'flux-pulse' gives D otherwise"):
        null_bands_from_result(dataset, joint)
    with pytest.raises(ValueError, match="tip radius"):
        null_bands_from_result(dataset, fit(dataset))
    bare = dataset_of(simulated_trace("flux", TIME, 1e-13), noise=0.05, protocol=PulseProtocol())
    maps = fit(bare, tip_radius="25 nm", window1="0ms:10ms", window2="10ms:25ms")
    with pytest.raises(ValueError, match="when the pulse was on"):
        null_bands_from_result(bare, maps)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tip_radius": 0.0}, "tip radius"),
        ({"noise": -0.1}, "noise"),
        ({"noise": float("nan")}, "noise"),
        ({"diffusion": (-1e-13, 1e-12)}, "positive number"),
        ({"diffusion": (1e-12, 1e-13)}, "larger one"),
        ({"windows": {1: Window(0.0, 2e-4)}}, "holds 2 samples"),
        ({"protocol": PulseProtocol()}, "when the pulse was on"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(values, words):
    given = {"time": TIME, "protocol": PROTOCOL, "tip_radius": RADIUS} | values
    with pytest.raises(ValueError, match=words):
        null_bands(given.pop("time"), given.pop("protocol"), given.pop("tip_radius"), **given)
