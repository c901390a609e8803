"""Text from files, as it goes to spreadsheets and shells."""

import csv
import io
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_tesm.files.texts import cell_from_text, line_from_words
from napari_tesm.findings.table import Table

FORMULAS = [
    "=1+1",
    "+A1",
    "-2+3",
    "@SUM(A1)",
    "=cmd|' /C calc'!A0",
    " =1",
    "\t=1",
    "-3 V+A1",
    "+",
    "-(A1)",
    "-3 V, x",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_any_table_is_a_formula(text):
    table = Table("", "", [text, "D (m2/s)"], [[text, 1.5]])
    for separator in ",\t":
        for for_programs in (False, True):
            written = table.csv(separator=separator, for_programs=for_programs)
            rows = list(csv.reader(io.StringIO(written), delimiter=separator))
            # A tab at the start is written as an escape, which is no formula either.
            assert {row[0][0] for row in rows} == {"\\" if text[0] == "\t" else "'"}


@pytest.mark.parametrize(
    "text", ["-3 V", "+3 V retrace", "-1.5e-7 m", "Höhe (µm)", "D1 (-3 V)", "step", "", "2.4"]
)
def test_what_computes_nothing_stays_as_it_is(text):
    assert cell_from_text(text) == text


@given(st.text())
def test_cells_neither_compute_nor_steer(text):
    cell = cell_from_text(text)
    assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in cell)
    assert text.isprintable() <= (cell.removeprefix("'") == text.removeprefix("'") or cell == f"'{text}")


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "my scan.gwy"],
        ["a\nb", "c'd", "\x1b[31m\\n", "$(touch x)"],
        ["µ\u202e\x01f", "", "-x"],
        ["\udcff1"],
    ],
)
def test_a_shell_reads_back_the_words_and_none_of_them_steers(words):
    line = line_from_words(words)
    assert line.isprintable()
    read = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True
    ).stdout.split(b"\0")[:-1]
    assert read == [word.encode("utf-8", "surrogateescape") for word in words]
