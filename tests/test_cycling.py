"""Cycling curves: tables of cyclers in their several spellings, and what the cycles come to."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from napari_tesm.findings.cycling import cycles_from_cycling, cycling_from_text, read_cycling
from napari_tesm.plotting.cycling import draw_cycling

HALVES = [(1, "discharge", 2000.0), (1, "charge", 1500.0), (2, "discharge", 1600.0), (2, "charge", 1520.0)]


def table(*, separator=",", comma=False, columns=("cycle", "capacity", "voltage"), names=None, preamble=""):
    names = {"cycle": "Cycle", "capacity": "Capacity (mAh/g)", "voltage": "Voltage (V)", "state": "State",
             "current": "Current (mA)"} | (names or {})  # fmt: skip
    lines = [separator.join(names[column] for column in columns)]
    for cycle, kind, most in HALVES:
        for part in np.linspace(0, 1, 6):
            voltage = 0.8 - 0.79 * part if kind == "discharge" else 0.05 + 1.2 * part
            values = {
                "cycle": str(cycle), "capacity": f"{most * part:.4f}", "voltage": f"{voltage:.5f}", "state": kind,
                "current": f"{-0.3 if kind == 'discharge' else 0.3}",
            }  # fmt: skip
            if comma:
                values = {key: value.replace(".", ",") for key, value in values.items()}
            lines.append(separator.join(values[column] for column in columns))
    return preamble + "\n".join(lines) + "\n"


SPELLINGS = {
    "plain": {},
    "semicolons and decimal commas": {"separator": ";", "comma": True},
    "tabs, names of Biologic": {
        "separator": "\t", "names": {"capacity": "Q/mA.h", "voltage": "Ewe/V", "cycle": "cycle number"},
    },
    "a preamble": {"preamble": "Cell: A17\nMass (g): 0.0021\n\n"},
    "no cycles": {"columns": ("capacity", "voltage")},
    "states": {"columns": ("voltage", "state", "capacity")},
    "currents": {"columns": ("current", "voltage", "capacity")},
    "other units": {"names": {"capacity": "Capacity [Ah/kg]", "voltage": "Potential vs. Li [V vs. Li]"}},
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_spellings_are_understood(spelling):
    record = cycling_from_text(table(**spelling), name="cell")
    assert record.unit == ("mAh" if "Q/mA.h" in str(spelling) else "mAh/g")
    assert [(half.cycle, half.kind) for half in record.halves] == [(cycle, kind) for cycle, kind, _ in HALVES]
    assert [half.capacity[-1] for half in record.halves] == pytest.approx([most for *_, most in HALVES])
    assert record.halves[0].voltage == pytest.approx(0.8 - 0.79 * np.linspace(0, 1, 6))


def test_each_cycle_comes_to_numbers():
    first, second = cycles_from_cycling(cycling_from_text(table()))
    assert (first.cycle, first.charge, first.discharge) == (1, 1500.0, 2000.0)
    # A cell that begins with a discharge gives back with the charge.
    assert first.efficiency == 0.75
    assert second.efficiency == pytest.approx(0.95)
    assert (first.retention, second.retention) == (1.0, pytest.approx(1520 / 1500))


def test_units_come_to_one():
    text = table(names={"capacity": "Capacity (uAh/cm2)", "voltage": "Voltage (mV)"})
    record = cycling_from_text(text)
    assert record.unit == "mAh/cm²"
    assert record.halves[0].capacity[-1] == pytest.approx(2.0)
    assert record.halves[0].voltage[0] == pytest.approx(0.8e-3)


def test_a_capacity_that_goes_down_in_the_discharge():
    """Cumulative charge, as some cyclers write it, with the state beside it."""
    text = "State,Q (mAh),U (V)\n" + "".join(
        f"{state},{q},{u}\n"
        for state, q, u in [
            ("charge", 0, 0.1),
            ("charge", 5, 1.0),
            ("rest", 5, 0.9),
            ("discharge", 5, 0.8),
            ("discharge", 1, 0.1),
        ]
    )
    (cycle,) = cycles_from_cycling(cycling_from_text(text))
    assert (cycle.charge, cycle.discharge, cycle.efficiency) == (5.0, 4.0, 0.8)


@pytest.mark.parametrize("told", [True, False])
def test_two_columns_of_capacity(told):
    rows = [("charge", 0, 0, 0.1), ("charge", 3, 0, 0.6), ("charge", 6, 0, 1.0),
            ("discharge", 6, 0, 0.9), ("discharge", 6, 2, 0.5), ("discharge", 6, 5, 0.1)]  # fmt: skip
    head = "State," * told + "Charge Capacity (mAh),Discharge Capacity (mAh),Voltage (V)\n"
    text = head + "".join((f"{state}," * told) + f"{a},{b},{u}\n" for state, a, b, u in rows)
    record = cycling_from_text(text)
    (cycle,) = cycles_from_cycling(record)
    assert (cycle.charge, cycle.discharge) == (6.0, 5.0)
    assert [half.voltage.size for half in record.halves] == [3, 3]


def test_a_missing_half_is_no_number():
    record = cycling_from_text("Cycle,Capacity (mAh),Voltage (V)\n1,0,0.1\n1,5,1.0\n")
    (cycle,) = cycles_from_cycling(record)
    assert cycle.charge == 5.0
    assert np.isnan([cycle.discharge, cycle.efficiency, cycle.retention]).all()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no line names"),
        ("a,b\n1,2\n", "no line names"),
        ("Capacity,Voltage (V)\n1,2\n3,4\n", "no unit of capacity"),
        ("Capacity (mAh),Voltage\n1,2\n3,4\n", "no unit of voltage"),
        ("Capacity (kg),Voltage (V)\n1,2\n3,4\n", "no unit of capacity"),
        ("Capacity (mAh),Voltage (V)\n1,2\nx,4\n", "'x' in line 3"),
        ("Capacity (mAh),Voltage (V)\n1,2\n1e999,4\n", "finite"),
        ("Capacity (mAh),Voltage (V)\n1\n", "line 2 ends"),
        ("Capacity (mAh),Voltage (V)\n\n", "no rows"),
        ("Capacity (mAh),Voltage (V)\n0,0\n1,1\n2,2\n3,3\n4,2\n5,1\n6,0\n", "rises and falls"),
        ("State,Capacity (mAh),Voltage (V)\nrest,1,2\nrest,2,3\n", "no row is a charge"),
    ],
)  # fmt: skip
def test_what_is_no_record_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        cycling_from_text(text)
    assert len(str(caught.value)) < 200


def test_files_are_named_in_the_refusal(tmp_path):
    good, bad, wide = (tmp_path / name for name in ("Swagelok.csv", "b.csv", "w.csv"))
    good.write_bytes(b"\xef\xbb\xbf" + table().encode())
    assert read_cycling(good).name == "Swagelok"
    bad.write_text("nothing")
    with pytest.raises(ValueError, match=r"b\.csv: no line"):
        read_cycling(bad)
    wide.write_bytes(table().encode("utf-16"))
    assert len(read_cycling(wide).halves) == 4
    with pytest.raises(IsADirectoryError):
        read_cycling(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_cycling(tmp_path / "missing.csv")


def test_cells_are_laid_over_each_other():
    one, two = (cycling_from_text(table(), name=name) for name in ("cross-section", "Swagelok"))
    figure = Figure(figsize=(10, 4))
    draw_cycling(figure, [one, two])
    figure.draw_without_rendering()
    curves = figure.axes[0]
    assert len(curves.lines) == 8
    np.testing.assert_allclose(curves.lines[0].get_xdata(), one.halves[0].capacity)
    assert len(curves.get_legend().get_texts()) == 4
    other = cycling_from_text(table(names={"capacity": "Q (mAh)"}), name="cell")
    with pytest.raises(ValueError, match="different units"):
        draw_cycling(Figure(), [one, other])
