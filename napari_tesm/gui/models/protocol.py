"""What the file does not say of its recording, asked for in words: a model without a toolkit."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.gui.models.form_words import LABELS, sentence_for_forms
from napari_tesm.gui.models.scan import Scan
from napari_tesm.quantities.text import quantity_from_text, text_from_quantity


@dataclass(frozen=True)
class Question:
    """One entry of a form.

    Parameters
    ----------
    name : str
        Of this form "pulse_start", "pulse_duration", "voltage_1" …, "time_unit", "lateral_unit".
    title : str
    example : str
        Shown grey where nothing is entered; never taken as a value.
    answer : str
        What is known, as text.
    choices : tuple of str
        Where only some answers are possible.
    """

    name: str
    title: str
    example: str = ""
    answer: str = ""
    choices: tuple[str, ...] = ()


_TIMES: Final = (
    ("pulse_start", "0 ms, on the file's time axis"),
    ("pulse_duration", "10 ms"),
)
_TIME_UNITS: Final = ("", "s", "ms", "µs", "ns", "ps")
_LENGTH_UNITS: Final = ("", "m", "µm", "nm")


def questions_about(scan: Scan) -> list[Question]:
    """Return the entries of the form, with what is known already."""
    if scan.unfinished is not None or scan.dataset is None:
        grid = scan.grid
        questions = []
        if scan.unfinished is not None:
            time = scan.unfinished["time"].values + float(scan.unfinished.attrs.get("time_origin", 0.0))
            title = f"{LABELS['time_unit']} ({time[0]:.4g} to {time[-1]:.4g})"
            questions.append(Question("time_unit", title, choices=_TIME_UNITS))
        if not grid["x"].attrs.get("units"):
            questions.append(Question("lateral_unit", LABELS["lateral_unit"], choices=_LENGTH_UNITS))
        return questions
    protocol = PulseProtocol.from_attributes(scan.dataset.attrs)
    questions = [
        Question(name, LABELS[name], example, _text(getattr(protocol, name), "s")) for name, example in _TIMES
    ]
    volts = scan.dataset["voltage"].values
    traces = scan.dataset.attrs.get("traces", [])
    for pulse, value in enumerate(volts):
        which = f" of '{traces[pulse]}'" if len(volts) > 1 and pulse < len(traces) else ""
        answer = _text(float(value), "V") if np.isfinite(value) else ""
        questions.append(Question(f"voltage_{pulse + 1}", f"{LABELS['voltage']}{which}", "-3 V", answer))
    if not scan.dataset["x"].attrs.get("units"):
        questions.append(Question("lateral_unit", LABELS["lateral_unit"], choices=_LENGTH_UNITS))
    return questions


def answer_questions(scan: Scan, answers: dict[str, str]) -> str:
    """Put the answers into the scan and return an empty text, or the sentence that says what is wrong with them.

    Empty answers leave what is known; nothing changes when one of them cannot be understood.
    """
    given = {name: text.strip() for name, text in answers.items() if text.strip()}
    try:
        protocol = {name: quantity_from_text(given[name], "s") for name, _ in _TIMES if name in given}
        if protocol.get("pulse_duration", 1.0) <= 0:
            return "The pulse must last longer than no time at all."
        voltage = None
        if scan.dataset is not None:
            voltage = [
                quantity_from_text(given[f"voltage_{pulse + 1}"], "V")
                if f"voltage_{pulse + 1}" in given
                else value
                for pulse, value in enumerate(scan.dataset["voltage"].values)
            ]
        units: dict[str, str] = {name: given[name] for name in ("time_unit", "lateral_unit") if name in given}
        if units:
            if scan.unfinished is not None and "time_unit" not in units:
                return "The unit of the time axis is needed first."
            other = scan.reopened(**scan.entered | units)
            scan.entered.update(units)
            scan.replace_recording(other)
        if scan.dataset is not None and (protocol or voltage):
            scan.enter(voltage=voltage, **protocol)
    except (ValueError, OSError) as error:
        return sentence_for_forms(error)
    return ""


def _text(value: float | None, unit: str) -> str:
    return "" if value is None else text_from_quantity(value, unit)
