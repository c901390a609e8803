"""Columns of numbers in one unit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_tesm.quantities.scaling import scaling_of


@given(
    st.lists(st.floats(-1e6, 1e6).filter(lambda v: abs(v) > 1e-25), min_size=1, max_size=8),
    st.sampled_from(["m", "s", "m²/s", "", "V"]),
)
def test_a_column_has_one_unit_in_which_its_middle_is_a_short_number(values, unit):
    scaling = scaling_of(values, unit)
    typical = np.median(np.abs(values))
    assert scaling.unit.endswith(unit)
    if typical > 1e-17:
        assert 0.99e-2 <= typical / scaling.factor < 1.01e4
    for value in values:
        shown = float(scaling.text(value)) * scaling.factor
        assert shown == pytest.approx(value, rel=0.006, abs=1e-3 * scaling.factor)


def test_numbers_are_rounded_to_their_spread():
    scaling = scaling_of([4.4e-13], "m²/s")
    assert scaling.unit == "10⁻¹³ m²/s"
    assert scaling.text(4.412e-13) == "4.41"
    assert scaling.text_with_spread(4.412e-13, 0.21e-13) == "4.41 ± 0.21"
    assert scaling.text_with_spread(44.12e-13, 21e-13) == "44 ± 21"
    assert scaling.text_with_spread(4.4e-13, float("nan")) == "4.40"
    assert scaling_of([1.4e-3], "s").unit == "ms"
    assert scaling_of([], "m²/s").text(0.0) == "0"
    assert scaling_of([45.0], "deg").text_with_spread(45.0, 0.0) == "45.0"
