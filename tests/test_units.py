import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_tesm.quantities.text import (
    factor_from_unit,
    fraction_from_text,
    prefix_for,
    quantity_and_error_from_text,
    quantity_from_text,
    text_from_quantity,
    text_with_error,
)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("25 nm", "m", 25e-9),
        ("25nm", "m", 25e-9),
        ("0.1µm", "m", 1e-7),
        ("0.1\u03bcm", "m", 1e-7),
        ("0.1 um", "m", 1e-7),
        ("3 Å", "m", 3e-10),
        ("-3 V", "V", -3.0),
        ("\u22123 V", "V", -3.0),
        ("+500 mV", "V", 0.5),
        ("25 kHz", "Hz", 25e3),
        ("1e1 ms", "s", 1e-2),
        (".5\u00a0ms", "s", 5e-4),
        ("2.8 N/m", "N/m", 2.8),
        ("4e-13 m^2/s", "m²/s", 4e-13),
        ("1 nm²/ms", "m²/s", 1e-15),
    ],
)
def test_quantities_as_people_write_them(text, unit, value):
    assert quantity_from_text(text, unit) == value


@pytest.mark.parametrize(
    "text", ["", "nm", "25", "25 V", "25 nm nm", "2,5 nm", "1.2.3 nm", "nan nm", "inf nm", "1e999 m", "25 xm"]
)
def test_other_texts_are_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"length|large"):
        quantity_from_text(text, "m")


@pytest.mark.parametrize("text", ["25 nm±5nm", "25nm±5nm", "25 ± 5 nm", "(25 ± 5) nm", "25 nm +/- 20 %"])
def test_errors(text):
    assert quantity_and_error_from_text(text, "m") == (25e-9, 5e-9)


@pytest.mark.parametrize("text", ["25 ± 5", "25 nm ± 5", "25 nm ± -5 nm", "25 nm ± 1 nm ± 2 nm", "25 ± 20 %"])
def test_errors_without_sense_are_refused(text):
    with pytest.raises(ValueError):
        quantity_and_error_from_text(text, "m")


def test_fractions_need_their_sign():
    assert fraction_from_text("15 %") == 0.15
    assert fraction_from_text("0.1%") == 0.001
    for text in ("15", "0.15", "%", "15 nm"):
        with pytest.raises(ValueError, match=r"percentage|like"):
            fraction_from_text(text)


@settings(deadline=None)
@given(st.floats(1e-17, 1e13), st.sampled_from(["m", "s", "V", "Hz"]), st.booleans())
def test_text_reads_back_as_the_same_number(value, unit, negative):
    value = -value if negative else value
    assert quantity_from_text(text_from_quantity(value, unit), unit) == value


@settings(deadline=None)
@given(st.floats(1e-17, 1e13), st.sampled_from(["m", "s", "V"]))
def test_prefixed_numbers_are_comfortable(value, unit):
    factor, shown = prefix_for(value, unit)
    assert 0.999999 <= value / factor < 1000.001 or shown in (f"a{unit}", f"T{unit}")
    assert factor_from_unit(shown, unit) == factor


@pytest.mark.parametrize(
    ("value", "error", "unit", "text"),
    [
        (4.412e-13, 2.1e-14, "m²/s", "4.41(21)×10⁻¹³ m²/s"),
        (1.4234e-3, 6e-5, "s", "1.42(6) ms"),
        (25e-9, 5e-9, "m", "25(5) nm"),
        (0.0625, 0.0002, "", "0.06250(20)"),
        (1.5, math.nan, "V", "1.5 V"),
        (math.nan, 1.0, "V", "not determined"),
    ],
)
def test_values_with_errors_as_physicists_write_them(value, error, unit, text):
    assert text_with_error(value, error, unit) == text


def test_zero_has_a_unit_a_size_and_no_sign():
    assert text_from_quantity(-0.0, "V") == text_from_quantity(0, "V") == "0 V"
    assert text_with_error(0.0, 1e-9, "m") == "0.0(10) nm"
    assert text_with_error(0.0, 1e-14, "m²/s") == "0.0(10)×10⁻¹⁴ m²/s"


@settings(deadline=None)
@given(
    st.integers(-999_999, 999_999),
    st.integers(-6, 6),
    st.sampled_from([(-9, "n"), (-6, "µ"), (-3, "m"), (3, "k")]),
)
def test_reading_multiplies_without_rounding(mantissa, exponent, prefix):
    power, symbol = prefix
    assert quantity_from_text(f"{mantissa}e{exponent} {symbol}m", "m") == float(
        f"{mantissa}e{exponent + power}"
    )
