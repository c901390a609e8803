"""World coordinates of the viewer against those of the dataset."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pint")
from napari_tesm.gui.models.display import display_from_axes


def axes(rows, columns, *, dy=8e-9, dx=10e-9, y0=1e-7, x0=-2e-7, unit="m"):
    y = xr.DataArray(
        y0 + (np.arange(rows) + 0.5) * dy, dims="y", name="y", attrs={"units": unit, "spacing": dy}
    )
    x = xr.DataArray(
        x0 + (np.arange(columns) + 0.5) * dx, dims="x", name="x", attrs={"units": unit, "spacing": dx}
    )
    return y, x


@given(st.integers(1, 40), st.integers(1, 40), st.floats(1e-10, 1e-7), st.floats(1e-10, 1e-7), st.data())
def test_every_place_inside_a_pixel_finds_that_pixel(rows, columns, dy, dx, data):
    y, x = axes(rows, columns, dy=dy, dx=dx)
    display = display_from_axes(y, x)
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    shift = data.draw(st.tuples(st.floats(-0.49, 0.49), st.floats(-0.49, 0.49)))
    xy = (x.values[column] + shift[1] * dx, y.values[row] + shift[0] * dy)
    assert display.pixel_from_world(display.world_from_xy(xy)) == (row, column)


@given(st.tuples(st.floats(-1e-5, 1e-5), st.floats(-1e-5, 1e-5)))
def test_world_and_dataset_positions_are_each_others_inverse(xy):
    display = display_from_axes(*axes(5, 7))
    assert np.allclose(display.xy_from_world(display.world_from_xy(xy)), xy, rtol=1e-12, atol=1e-24)


def test_outside_the_image_there_is_no_pixel():
    display = display_from_axes(*axes(4, 6))
    height, width = display.extent()
    top, left = (origin - step / 2 for origin, step in zip(display.origin, display.spacing, strict=True))
    assert display.pixel_from_world((top - 0.1, left + 1)) is None
    assert display.pixel_from_world((top + 1, left + width + 0.1)) is None
    assert display.pixel_from_world((top + height - 0.1, left + width - 0.1)) == (3, 5)


@pytest.mark.parametrize(("size", "unit"), [(5e-9, "nm"), (2e-6, "nm"), (2.5e-6, "µm"), (1e-4, "µm")])
def test_the_world_is_in_nm_or_um_never_in_m(size, unit):
    display = display_from_axes(*axes(10, 10, dy=size / 10, dx=size / 10))
    assert display.unit == unit
    assert display.extent()[0] * {"nm": 1e-9, "µm": 1e-6}[unit] == pytest.approx(size)


@pytest.mark.parametrize("dx", [10e-9, 0.7e-6])
def test_pixels_keep_their_height_and_width_in_either_unit(dx):
    display = display_from_axes(*axes(6, 9, dy=0.6 * dx, dx=dx))
    assert display.unit == ("nm" if dx < 1e-7 else "µm")
    assert display.spacing == pytest.approx((0.6 * dx / display.factor, dx / display.factor))
    assert display.extent() == pytest.approx((6 * 0.6 * dx / display.factor, 9 * dx / display.factor))


def test_a_grid_without_unit_is_counted_in_pixels():
    assert display_from_axes(*axes(3, 3, dy=1, dx=1, y0=0, x0=0, unit="")).unit == "pixel"


STRANGE = [
    "m/",
    "(",
    "m(",
    "{}",
    "m**",
    '"' * 3,
    "m**(9**9**9)",
    "9**9**9",
    "\x00",
    "m[0]",
    "1/0",
    "m" * 10**6,
]


@pytest.mark.parametrize("unit", STRANGE, ids=lambda unit: ascii(unit)[:12])
def test_any_text_may_stand_for_a_unit(unit):
    """Found in files and made by hand; the registry fails at each in a way of its own, or never ends."""
    y, x = axes(3, 4, unit=unit)
    assert display_from_axes(y, x).unit == "pixel"


def test_a_prefix_is_for_one_word():
    assert [display_from_axes(*axes(3, 4, unit=unit)).unit for unit in ("V", "m^2/s")] == ["nV", "m^2/s"]
