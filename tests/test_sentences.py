"""Sentences that name fields: one refusal as a keyword, an option, an entry of napari's forms and of Gwyddion's."""

import ast
import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from examples import example_dataset

import napari_tesm
from napari_tesm import fit, save
from napari_tesm.cli import main
from napari_tesm.cli.spelling import READER
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.files.sentences import KEYWORDS, OPTIONS, Field, Sentence, Spelling

PACKAGE = Path(napari_tesm.__file__).parent
PLUGIN = PACKAGE.parent / "gwyddion_plugin"
COMPILERS = tuple(f"napari_tesm/gwyddion_install/{name}.py" for name in ("building", "programs", "status"))
"""Files that call foreign programs by options of theirs."""


# The sentence itself


def test_a_sentence_keeps_its_fields_through_errors_sentences_and_pickles():
    inner = ValueError(Sentence("give {pulse_start}"))
    outer = Sentence("{name}: {error}; {more}", name="{no field}.gwy", error=inner, more="--not-an-option")
    for sentence in (outer, copy.deepcopy(outer), pickle.loads(pickle.dumps(outer))):
        assert sentence == "{no field}.gwy: give pulse_start=; --not-an-option"
        assert sentence.fields == ("pulse_start",)
        assert OPTIONS(OSError(sentence)) == "{no field}.gwy: give --pulse-start; --not-an-option"


def test_what_to_give_is_spelled_with_the_field():
    sentence = Sentence(
        "{tip_radius:25nm±5nm}, {time_unit:{unit}}, {share:.0f} %, {overwrite}", unit="ms", share=9.7
    )
    assert sentence == "tip_radius='25nm±5nm', time_unit='ms', 10 %, overwrite=True"
    assert OPTIONS(sentence) == "--tip-radius '25nm±5nm', --time-unit ms, 10 %, --overwrite"


def test_a_field_can_be_called_by_its_name():
    sentence = Sentence("the {name} is negative", name=Field("skip_after_edge"))
    assert sentence == "the skip after edge is negative"
    assert (
        Spelling(lambda name, _: name, {"skip_after_edge": "time to skip"})(sentence)
        == "the time to skip is negative"
    )
    assert sentence.fields == ()


def test_what_names_no_field_is_said_as_it_is():
    assert KEYWORDS(FileNotFoundError(2, "No such file", "a")) == "[Errno 2] No such file: 'a'"
    assert OPTIONS(ValueError("{braces}")) == "{braces}"


# The same refusal at every edge

UNKNOWN_PULSE = example_dataset(shape=(3, 4), protocol=PulseProtocol())
SMALL = example_dataset(shape=(3, 4))
REFUSALS = {
    "pulse": (
        UNKNOWN_PULSE, {},
        "the file does not say when the pulse was on: give {}, or the windows to fit ({})",
        [("pulse_start=", "pulse_duration="), ("window1=", "window2=")],
        [("--pulse-start", "--pulse-duration"), ("--window1", "--window2")],
        [("Protocol → Pulse starts at", "Protocol → Pulse lasts"), ("Fit → Windows 1", "Fit → Windows 2")],
        [("'Pulse start'", "'Pulse duration'"), ("'Window 1'", "'Window 2'")],
    ),
    "lock-in's order": (
        SMALL, {"lock_in_order": "2"},
        "the lock-in's order says nothing without its time constant: give {}",
        [("lock_in_time_constant=",)],
        [("--lock-in-time-constant",)],
        [("Fit → Gates → Lock-in's low-pass",)],
        [("'Lock-in time constant' in the metadata of the volume",)],
    ),
    "lock-in too slow": (
        SMALL, {"lock_in_time_constant": "100 ms"},
        "the lock-in's time constant, 100 ms, is longer than what is fitted, 0 s:10 ms: nothing of the relaxation is "
        "left ({}: without a filter)",
        [("lock_in_time_constant='0s'",)],
        [("--lock-in-time-constant 0s",)],
        [("Fit → Gates → Lock-in's low-pass 0s",)],
        [("'Lock-in time constant' 0s in the metadata of the volume",)],
    ),
    "voltage": (
        example_dataset(shape=(3, 4)), {"voltage": "2 V"},
        "the file holds pulses of -3 V, 3 V: choose one with {} before giving it another {}",
        [("traces=",), ("voltage=",)],
        [("--traces",), ("--voltage",)],
        [("--traces on the command line",), ("Protocol → Pulse voltage",)],
        [("'One volume only'",), ("'Pulse voltage'",)],
    ),
}  # fmt: skip
refused = pytest.mark.parametrize("name", REFUSALS)


def expected(name, edge):
    """Return the sentence of a refusal as an edge spells it: Python, tesm, napari, Gwyddion."""
    template, spellings = REFUSALS[name][2], REFUSALS[name][3 + edge]
    return template.format(*((" and " if k == 0 else ", ").join(group) for k, group in enumerate(spellings)))


def said_by_the_engine(name, tmp_path, capsys):
    dataset, values = REFUSALS[name][:2]
    save(tmp_path / "scan.gwy", dataset)
    words = [
        word
        for key, value in values.items()
        for word in (f"--{key.replace('_', '-')}", value.replace(" ", ""))
    ]
    assert main(["fit", str(tmp_path / "scan.gwy"), "-o", str(tmp_path / "out.gwy"), *words]) in (1, 2)
    return capsys.readouterr().err


@refused
def test_python_names_keywords(name):
    dataset, values = REFUSALS[name][:2]
    with pytest.raises(ValueError) as refusal:
        fit(dataset, **values)
    assert str(refusal.value) == expected(name, 0)


@refused
def test_the_command_line_names_options(name, tmp_path, capsys):
    assert said_by_the_engine(name, tmp_path, capsys) == f"tesm: {expected(name, 1)}\n"


@refused
def test_napari_names_the_places_in_its_forms(name):
    pytest.importorskip("psygnal")
    from napari_tesm.gui.models.fit import FitModel
    from napari_tesm.gui.models.scan import Scan

    dataset, values = REFUSALS[name][:2]
    scan = Scan("scan", dataset)
    assert FitModel(scan).set(**values)
    sentence = expected(name, 2)
    assert FitModel(scan).problem == f"{sentence[0].upper()}{sentence[1:]}."
    assert scan.settings is None
    assert scan.fit_problem == FitModel(scan).problem


@refused
def test_gwyddion_names_the_entries_of_its_dialog(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(READER, "gwyddion")
    assert said_by_the_engine(name, tmp_path, capsys) == f"tesm: {expected(name, 3)}\n"


def test_plugins_for_pygwy_name_the_options_of_their_settings(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(READER, "pygwy")
    said = said_by_the_engine("lock-in's order", tmp_path, capsys)
    assert said.endswith("give --lock-in-time-constant in tesm.conf\n")


# Advice that is no refusal


def test_what_is_missing_is_spelled_by_whoever_lists_it(tmp_path, capsys, monkeypatch):
    save(
        tmp_path / "bare.gwy",
        example_dataset(shape=(2, 3), protocol=PulseProtocol(), voltage=(np.nan,), direction=("",)),
    )
    assert main(["info", str(tmp_path / "bare.gwy")]) == 0
    assert re.findall(r"missing: (.*)", capsys.readouterr().out) == [
        "start of the pulse (--pulse-start, or windows)",
        "duration of the pulse (--pulse-duration, or windows)",
        "tip radius (--tip-radius); without it tau maps only",
        "pulse voltage (--voltage); without it titles have no suffix",
    ]
    monkeypatch.setenv(READER, "gwyddion")
    assert main(["info", str(tmp_path / "bare.gwy"), "--json"]) == 0
    assert "tip radius ('Tip radius'); without it tau maps only" in capsys.readouterr().out


def test_a_fit_without_a_tip_radius_says_how_to_give_one(tmp_path, capsys, monkeypatch):
    save(
        tmp_path / "scan.gwy",
        example_dataset(shape=(3, 4), protocol=PulseProtocol(pulse_start=0.0, pulse_duration=0.01)),
    )
    words = ["fit", str(tmp_path / "scan.gwy"), "-o", str(tmp_path / "out.gwy"), "--overwrite"]
    assert main(words) == 0
    assert "Give it, for example --tip-radius '25nm±5nm', to get D." in capsys.readouterr().out
    monkeypatch.setenv(READER, "gwyddion")
    assert main(words) == 0
    assert "Give it, for example 'Tip radius' 25nm±5nm, to get D." in capsys.readouterr().out


def test_a_report_is_spelled_for_whoever_asks_for_it():
    from report_examples import example_data

    from napari_tesm.report.assembling import report_from_data
    from napari_tesm.report.sections import section_functions

    sections = {"controls": section_functions()["controls"]}
    for spelling, words in ((KEYWORDS, "(controls='FILE')"), (OPTIONS, "(--control FILE)")):
        report = report_from_data(example_data(), sections=sections, spelling=spelling)
        assert any(words in sentence for _, sentence in report.missing)
        assert any(words in sentence for sentence in report.sections[0].missing)


# The tables of names


def test_labels_for_gwyddion_are_those_of_the_dialog():
    from napari_tesm.cli.spelling import _DIALOG

    source = (PLUGIN / "parameters.c").read_text(encoding="utf-8")
    entries = dict(re.findall(r'"([a-z_0-9]+)",\s+"([^"]+)"', source))
    entries["traces"] = entries.pop("one_volume")
    labels = {name: label.replace("_", "").partition(" (")[0] for name, label in entries.items()}
    assert {name: labels.get(name) for name in _DIALOG} == _DIALOG


def test_every_field_of_a_sentence_is_an_option():
    from napari_tesm.cli.parser import parser_for_tesm

    options = set(_options(parser_for_tesm()))
    fields = set().union(*map(_fields, sorted(PACKAGE.rglob("*.py"))))
    assert len(fields) > 12
    assert {field for field in fields if OPTIONS(Sentence(f"{{{field}}}")) not in options} == set()


def _options(parser):
    """Yield the options of all commands of a parser, and of the commands within these."""
    for action in parser._actions:
        yield from action.option_strings
        if action.dest.endswith("command"):
            for command in action.choices.values():
                yield from _options(command)


def _fields(path):
    """Return what stands in braces in the sentences of a file and is no value of theirs."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    sentences = [
        node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Sentence"
    ]
    if not sentences or path.name == "sentences.py":
        return set()
    braced = {name for _, text in _texts(path) for name in re.findall(r"\{([a-z_0-9]+)(?::(?! )|\})", text)}
    return braced - {keyword.arg for sentence in sentences for keyword in sentence.keywords}


# Options are the command line's


def _texts(path):
    """Return the texts of a file, those between the values of an f-string as well, with their lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_no_text_outside_the_command_line_holds_an_option():
    held = [
        f"{path.relative_to(PACKAGE.parent)}:{line}: {text}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if "cli" not in path.relative_to(PACKAGE).parts
        and path.relative_to(PACKAGE.parent).as_posix() not in COMPILERS
        for line, text in _texts(path)
        if re.search(r"(?<![\w-])--[a-z]", text)
    ]
    assert held == []


def test_foreign_options_are_all_that_the_excepted_files_hold():
    options = {
        option
        for name in COMPILERS
        for _, text in _texts(PACKAGE.parent / name)
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)
    }
    assert options == {
        "--version",
        "--cflags",
        "--modversion",
        "--atleast-version",
        "--exists",
        "--print-errors",
    }


def test_no_sentence_is_taken_apart_at_an_option():
    for path in (*PACKAGE.rglob("*.py"), *PLUGIN.glob("*.c"), *PLUGIN.rglob("pygwy/**/*.py")):
        source = path.read_text(encoding="utf-8")
        assert not re.search(
            r"""\.(r?split|r?partition|replace|removeprefix)\(\s*f?["'][^"'\n]*--""", source
        ), path
        assert not re.search(r'(strstr|strsplit)\([^;\n]*" ?--', source), path
