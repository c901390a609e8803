"""What a file does not say is asked for, understood or refused in a sentence, and never guessed."""

import numpy as np
import pytest
from examples import example_dataset

pytest.importorskip("psygnal")
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.gui.models.protocol import answer_questions, questions_about
from napari_tesm.gui.models.scan import Scan, scans_from_path


def unknown_scan():
    dataset = example_dataset(protocol=PulseProtocol(), voltage=(np.nan, np.nan))
    return Scan("unknown", dataset, [])


def test_every_unknown_is_asked_and_nothing_is_filled_in():
    questions = {question.name: question for question in questions_about(unknown_scan())}
    assert set(questions) == {"pulse_start", "pulse_duration", "voltage_1", "voltage_2"}
    assert all(question.answer == "" for question in questions.values())


def test_what_is_known_is_shown_as_it_is_written():
    questions = {
        question.name: question.answer for question in questions_about(Scan("known", example_dataset(), []))
    }
    assert questions == {
        "pulse_start": "0 s",
        "pulse_duration": "10 ms",
        "voltage_1": "3 V",
        "voltage_2": "-3 V",
    }


def test_answers_are_kept_with_the_dataset():
    scan = unknown_scan()
    answers = {"pulse_start": "0.5 ms", "pulse_duration": "10ms", "voltage_1": "+3 V", "voltage_2": "−3V"}
    assert answer_questions(scan, answers) == ""
    assert scan.missing() == []
    assert scan.dataset["voltage"].values.tolist() == [3.0, -3.0]
    assert scan.dataset.attrs["pulse_duration"] == 10e-3


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        ({"pulse_start": "0"}, "unit"),
        ({"pulse_duration": "ten ms"}, "ten ms"),
        ({"pulse_duration": "-1 ms"}, "longer"),
        ({"voltage_1": "3 nm"}, "nm"),
        ({"pulse_start": "0 s", "voltage_2": "3 volts or so"}, "volts or so"),
    ],
)
def test_what_cannot_be_understood_changes_nothing(answers, word):
    scan = unknown_scan()
    before = scan.dataset
    assert word in answer_questions(scan, answers)
    assert scan.dataset is before


def test_a_real_decay_stack_without_units_asks_for_them_and_then_fits(shared_data):
    (scan,) = scans_from_path(shared_data / "gwy" / "tcspc64_brick.gwy")
    assert scan.dataset is None
    assert scan.missing() == ["time_unit", "lateral_unit"]
    assert answer_questions(scan, {"lateral_unit": "µm"})  # the time first
    assert scan.dataset is None
    assert answer_questions(scan, {"time_unit": "s", "lateral_unit": "m"}) == ""
    assert scan.dataset is not None
    assert scan.dataset["time"].values[-1] == pytest.approx(12.3e-9, rel=0.01)
    assert scan.dataset["x"].attrs["units"] == "m"
