"""The table behind all doors: units and digits of columns, dashes, lists in JSON, alignment on the terminal."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_tesm.findings.comparison import (
    COMPARISON,
    comparison_cells,
    comparison_entry,
    description_columns,
)
from napari_tesm.findings.table import AS_IT_IS, LINE_WIDTH, Column, Joined, Table, joined
from napari_tesm.quantities.numbers import plain_value, text_from_number
from napari_tesm.quantities.scaling import Scaling
from napari_tesm.statistics.ranks import comparison_from_values
from napari_tesm.statistics.ratios import signal_ratio


def table(**changes):
    columns = [
        Column("grain", key="id"), "class", Column("area", "m²"), Column("D2", "m²/s"),
        Column("D2, error", "m²/s", scale="D2"), "edge",
    ]  # fmt: skip
    rows = [
        [1, "grain", 4.1e-14, 5.25e-13, 2e-14, True],
        [20, "cluster", 1.25e-13, math.nan, math.nan, False],
        [3, "", np.float64(9e-15), 1.125e-12, None, False],
    ]
    return Table("grains", "Grains.", columns, rows, **changes)


def test_a_column_has_one_unit_in_which_its_numbers_are_short_and_a_dash_where_there_is_none():
    shown = table().shown()
    assert [column.head for column in shown] == [
        "grain", "class", "area (nm²)", "D2 (10⁻¹³ m²/s)", "D2, error (10⁻¹³ m²/s)", "edge"
    ]  # fmt: skip
    assert [column.texts for column in shown] == [
        ["1", "20", "3"], ["grain", "cluster", ""], ["41000", "125000", "9000"], ["5.25", "–", "11.2"],
        ["0.200", "–", "–"], ["yes", "no", "no"],
    ]  # fmt: skip
    assert [column.is_text for column in shown] == [False, True, False, False, False, False]


def test_what_is_shown_as_one_shares_unit_and_is_sorted_by_its_first():
    parts = [
        Joined("D2", ("D2", "D2, error"), Scaling.text_with_error), Joined("both", ("id", "class"), "{}: {}"),
        Joined("spread", ("D2", "D2, error"), "{} … {}"),
    ]  # fmt: skip
    error, both, spread = table().shown(parts)
    assert (error.unit, error.key, error.texts) == ("10⁻¹³ m²/s", "D2", ["5.25(20)", "–", "–"])
    assert both.texts == ["1: grain", "20: cluster", "3: "]
    assert spread.texts == ["5.25 … 0.200", "–", "11.2 … –"]


def test_files_for_people_have_units_and_words_those_for_programs_keys():
    text = table().csv()
    assert text.splitlines()[0] == 'grain,class,area (m²),D2 (m²/s),"D2, error (m²/s)",edge'
    assert text.splitlines()[1:] == [
        "1,grain,4.1e-14,5.25e-13,2e-14,yes", "20,cluster,1.25e-13,,,no", "3,,9e-15,1.125e-12,,no"
    ]  # fmt: skip
    for_programs = table().csv(for_programs=True, separator="\t", digits=2).splitlines()
    assert for_programs[0].split("\t") == ["id", "class", "area", "D2", "D2, error", "edge"]
    assert for_programs[1].split("\t") == ["1", "grain", "4.1e-14", "5.2e-13", "2e-14", "1"]


def test_columns_of_one_key_are_a_list_in_json_and_null_without_a_number():
    columns = ["name", Column("from", key="ci"), Column("to", key="ci"), Column("p")]
    made = Table("", "", columns, [["a", 1.0, np.int64(2), math.inf], ["b", math.nan, None, 0.5]])
    assert made.entries() == [
        {"name": "a", "ci": [1.0, 2], "p": None}, {"name": "b", "ci": None, "p": 0.5}
    ]  # fmt: skip


def test_rows_and_columns_are_chosen_and_put_together():
    first = table()
    chosen = first.select(["edge", "id"], "some", "Some.").kept([True, False, True])
    assert (chosen.name, chosen.keys, chosen.rows) == ("some", ["edge", "id"], [[True, 1], [False, 3]])
    beside = chosen.beside(Table("", "", ["more"], [["x"], ["y"]]))
    assert beside.values("more") == ["x", "y"]
    assert joined([beside, beside]).values("id") == [1, 3, 1, 3]
    assert beside.with_texts(str.upper).rows[0] == [True, 1, "X"]
    with pytest.raises(ValueError, match="2 columns and a row of 1"):
        Table("t", "", ["a", "b"], [["x"]])
    with pytest.raises(ValueError, match="cannot name a part"):
        Table("No name", "", ["a"], [])


def test_the_terminal_has_texts_at_the_left_and_numbers_at_the_right():
    lines = list(table().lines(["class", "id", "area"]))
    assert lines == [
        "class    grain  area (nm²)",
        "grain        1       41000",
        "cluster     20      125000",
        "             3        9000",
    ]
    titled = list(table().lines(["class", "D2"], title="Grains", remarks=["", "no value", ""], least=[9]))
    assert titled == [
        "Grains in 10⁻¹³ m²/s    D2",
        "grain                 5.25",
        "cluster               no value",
        "                      11.2",
    ]


def test_units_stand_below_the_titles_where_they_find_no_room_beside():
    wide = Table(
        "", "", [Column(f"a long title of {n}", "m²/s", key=f"{n}") for n in range(5)], [[1e-13] * 5]
    )
    first, second, third = wide.lines()
    assert max(map(len, (first, second, third))) <= LINE_WIDTH
    assert second.split("  ")[-1].strip() == "10⁻¹³ m²/s"
    assert first.endswith("a long title of 4")
    assert third.rstrip().endswith("1.00")


@given(st.lists(st.text(), min_size=1, max_size=4), st.text(max_size=60))
def test_no_name_makes_a_line_longer_than_the_terminal(names, title):
    rows = [[name, 1.0, 2.0] for name in names]
    for line in Table("", "", ["name", "n", "median"], rows).lines(title=title):
        assert len(line) <= 2 * LINE_WIDTH  # combining marks take no column


@given(st.floats(-1e300, 1e300), st.integers(1, 9))
def test_a_number_that_is_shown_is_the_number(value, digits):
    assert float(text_from_number(value, digits=digits)) == pytest.approx(
        value, rel=0.51 * 10.0 ** (1 - digits)
    )


def test_numbers_of_a_column_that_spans_decades_have_their_own_power_and_fixed_decimals_no_minus_zero():
    spans = Table("", "", [Column("D", "m²/s", 2, scale=AS_IT_IS)], [[1.5e-15], [2e-9], [None]])
    assert spans.shown()[0].texts == ["1.5e-15", "2.0e-09", "–"]
    assert spans.shown()[0].unit == "m²/s"
    assert text_from_number(-1e-9, decimals=1) == "0.0"
    assert text_from_number(0.0) == "0"


def test_json_holds_no_nan_and_refuses_what_it_cannot_hold():
    assert plain_value({1: np.array([[1.0, np.nan]]), "a": (np.True_, np.inf)}) == {
        "1": [[1.0, None]],
        "a": [True, None],
    }
    with pytest.raises(TypeError, match="set"):
        plain_value({"a": {1}})


def test_both_kinds_of_comparison_have_one_shape():
    rng = np.random.default_rng(0)
    first, second = rng.lognormal(1, 0.3, 40), rng.lognormal(0, 0.3, 60)
    keys = list(dict.fromkeys(column.key for column in COMPARISON))
    entry = comparison_entry(comparison_from_values(first, second, names=("a", "b")))
    assert list(entry) == keys
    assert (entry["names"], entry["n"]) == (["a", "b"], [40, 60])
    assert entry["medians"] == pytest.approx([np.median(first), np.median(second)])
    assert entry["ratio_ci"][0] < np.median(first) / np.median(second) < entry["ratio_ci"][1]
    signs = comparison_entry(comparison_from_values(first - 2, second - 2))
    assert (signs["ratio"], signs["ratio_ci"]) == (None, None)
    control = signal_ratio(first.reshape(5, 8), second.reshape(6, 10))
    entry = comparison_entry(control, ("scan", "control"))
    assert list(entry) == keys
    assert (entry["names"], entry["n"], entry["p_value"]) == (["scan", "control"], [40, 60], None)
    assert entry["ratio_ci"] == [control.low, control.high]
    assert len(comparison_cells(control)) == len(COMPARISON)


def test_the_spread_of_logarithms_has_no_unit():
    units = {column.key: column.unit for column in description_columns("s", logarithmic=True)}
    counts = {"n": "", "n_below": "", "n_above": ""}
    assert units == counts | {"median": "s", "q25": "s", "q75": "s", "mean": "s", "std": ""}
    assert {column.key: column.unit for column in description_columns("s")}["std"] == "s"
