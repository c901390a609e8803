"""A voltage that a mapping gives against what the file says: taken, and said once, for recordings too."""

import numpy as np
import pytest
from test_time_bases import MAPPING, STEP, recording, tdms

from napari_tesm.cli import main
from napari_tesm.io.mapping.text import mapping_from_text
from napari_tesm.io.registry import open_file

TIME = np.arange(40) * 2.5e-4


def notes_of(path, text):
    return [
        note for note in open_file(path, mapping=mapping_from_text(text)).notes if "the mapping says" in note
    ]


def stack_mapping(name, voltage):
    source = f"{{source: {name!r}, axes: [y, x, time], voltage: {voltage}, unit: nm}}"
    return f"format: t-ESM mapping 1\ntraces: [{source}]\ntime: {{interval: 0.25 ms}}\n"


@pytest.mark.parametrize(
    ("name", "voltage", "said"),
    [
        ("traces -3V", "5 V", "-3 V"), ("traces -3V", "-3 V", ""), ("traces -3V", "3 V", "-3 V"),
        ("X_-3V", "-2.5 V", "-3 V"),
        ("X (−3,5 V)", "-3 V", "-3.5 V"), ("traces 3V", "-3 V", ""), ("traces 3V", "-4 V", "3 V"),
        ("X -500mV", "-3 V", "-500 mV"),
        ("X 2 V ac", "-3 V", ""), ("AC 2V", "-3 V", ""), ("V3", "-3 V", ""), ("traces", "-3 V", ""),
    ],
)  # fmt: skip
def test_a_name_that_says_another_voltage_is_said(tmp_path, name, voltage, said):
    traces = np.random.default_rng(4).normal(size=(3, 5, 40))
    np.savez(tmp_path / "a.npz", **{name: traces})
    notes = notes_of(tmp_path / "a.npz", stack_mapping(name, voltage))
    assert len(notes) == bool(said)
    if said:
        assert notes[0] == (
            f"the mapping says {voltage} for '{name}', its name says {said}: the mapping's is used"
        )


@pytest.mark.parametrize("where", ["array", "file"])
@pytest.mark.parametrize("spelled", ["voltage", "Pulse voltage", "bias"])
def test_an_attribute_that_says_another_voltage_is_said(tmp_path, where, spelled):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["traces"] = np.random.default_rng(4).normal(size=(3, 5, 40))
        (file["traces"] if where == "array" else file).attrs[spelled] = "-3 V"
    (note,) = notes_of(tmp_path / "a.h5", stack_mapping("traces", "5 V"))
    assert "the mapping says 5 V" in note
    assert "-3 V" in note
    assert not notes_of(tmp_path / "a.h5", stack_mapping("traces", "-3 V"))


def test_import_and_info_say_it_of_a_recording(tmp_path, capsys):
    x, dc, line = recording()
    path = tdms(tmp_path / "a.tdms", {"X +3V": (x, STEP), "dc": (dc, STEP), "line": (line, STEP)})
    mapping = tmp_path / "m.yaml"
    mapping.write_text(MAPPING.replace("Rec/X", "Rec/X +3V"), encoding="utf-8")
    said = "the mapping says -3 V for 'Rec/X +3V', its name says 3 V: the mapping's is used"
    words = [
        "import",
        str(path),
        "--mapping",
        str(mapping),
        "-o",
        str(tmp_path / "b.gwy"),
        "--progress",
        "none",
    ]
    assert main(words) == 0
    assert capsys.readouterr().out.count(said) == 1
    assert main(["info", "--mapping", str(mapping), str(path)]) == 0
    assert capsys.readouterr().out.count(said) == 1
