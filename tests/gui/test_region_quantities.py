"""What can be measured in a scan: maps, H without a fit, channels on their own grids."""

import numpy as np
import pytest
import xarray as xr
from examples import example_dataset

from napari_tesm.gui.models.region_quantities import QuantityBook
from napari_tesm.gui.models.scan import Scan
from napari_tesm.interface import fit


def _channel(name, shape, *, unit="m", spacing=10e-9):
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    y, x = ((np.arange(count) + 0.5) * spacing for count in shape)
    return xr.DataArray(
        values,
        dims=("y", "x"),
        coords={"y": ("y", y, {"units": "m"}), "x": ("x", x, {"units": "m"})},
        name=name,
        attrs={"units": unit, "long_name": name.title()},
    )


def test_h_is_known_before_a_fit_and_read_once(example_scan, monkeypatch):
    from napari_tesm.gui.models import region_quantities

    calls = []
    real = region_quantities.displacement_maps
    monkeypatch.setattr(region_quantities, "displacement_maps", lambda scan: calls.append(scan) or real(scan))
    book = QuantityBook.of(example_scan)
    assert [q.key for q in book.quantities()] == ["H", "channel:topography"]
    heights = book.quantity(None)
    assert (heights.key, heights.unit, heights.many_decades) == ("H", "V", False)
    np.testing.assert_array_equal(
        book.field(heights, 1).values, real(example_scan)["H"].isel(pulse=1).values.astype(float)
    )
    assert len(calls) == 1
    example_scan.enter(pulse_duration=5e-3)
    book.field(heights)
    assert len(calls) == 2, "H changes with the protocol"


def test_maps_of_the_last_fit_come_first(example_scan):
    book = QuantityBook.of(example_scan)
    maps = fit(example_scan.dataset, tip_radius="25 nm")
    example_scan.set_results(maps)
    assert [q.key for q in book.quantities()][:5] == ["H", "tau1", "D1", "tau2", "D2"]
    best = book.quantity(None)
    assert (best.key, best.unit, best.many_decades, best.by_pulse) == ("D2", "m²/s", True, True)
    np.testing.assert_array_equal(book.field(best, 0).values, maps["D2"].values[0])
    np.testing.assert_array_equal(book.field(best, 99).values, maps["D2"].values[-1])
    assert book.quantity("tau1").unit == "s"
    assert book.quantity("no such thing").key == "D2"


def test_channels_stay_on_their_own_grid():
    scan = Scan("c", None, [_channel("heightretrace", (4, 5)), _channel("phase", (8, 10), spacing=5e-9)])
    book = QuantityBook.of(scan)
    field = book.field(book.quantity("channel:phase"))
    assert field.values.shape == (8, 10)
    assert field.spacing == pytest.approx((5e-9, 5e-9))
    assert field.grid != book.field(book.quantity("channel:heightretrace")).grid
    assert book.quantity(None).key == "channel:heightretrace"


def test_topography_and_deflection_are_found_by_their_names():
    names = ("phaseretrace", "deflectionretrace", "heightretrace")
    scan = Scan("c", None, [_channel(name, (3, 4)) for name in names])
    book = QuantityBook.of(scan)
    assert book.topography().key == "channel:heightretrace"
    assert book.deflection_error().key == "channel:deflectionretrace"
    other = Scan("d", None, [_channel("phase", (3, 4), unit="deg")])
    bare = QuantityBook.of(other)
    assert (bare.topography(), bare.deflection_error()) == (None, None)


def test_masks_are_no_quantity_and_gone_channels_are_said():
    mask = _channel("mask", (3, 4)).astype(bool)
    scan = Scan("c", None, [_channel("height", (3, 4)), mask])
    book = QuantityBook.of(scan)
    (height,) = book.quantities()
    scan.channels = [mask]
    with pytest.raises(ValueError, match="not there any more"):
        book.field(height)
    assert book.quantity(None) is None


def test_numbers_that_are_not_finite_are_no_values():
    channel = _channel("height", (3, 4))
    channel.values[0, :3] = (np.inf, -np.inf, np.nan)
    scan = Scan("c", None, [channel])
    book = QuantityBook.of(scan)
    assert np.isnan(book.field(book.quantity(None)).values).sum() == 3


def test_a_single_pixel_has_a_size():
    scan = Scan("one", example_dataset(shape=(1, 1)))
    book = QuantityBook.of(scan)
    field = book.field(book.quantity("H"))
    assert field.values.shape == (1, 1)
    assert min(field.spacing) > 0
