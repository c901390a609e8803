"""Text files of every usual spelling give the numbers that were written, at their places and times, or a sentence."""

import numpy as np
import pytest

from napari_tesm import open_dataset
from napari_tesm.io.content import ContentError
from napari_tesm.io.detection import content_from_file
from napari_tesm.io.mapping.text import mapping_from_text
from napari_tesm.io.text.names import arrangement_of

LINES, COLUMNS, SAMPLES = 3, 5, 40
TIMES = np.arange(SAMPLES) * 0.5e-3 - 2e-3
DIGITS = 1e-5
"""Of what is written: five digits behind the point."""


def traces():
    """Return traces in nm, shape (y, x, time), no two alike."""
    y, x, k = np.meshgrid(np.arange(LINES), np.arange(COLUMNS), np.arange(SAMPLES), indexing="ij")
    return 3.0 * (1 - np.exp(-k / (4 + y + x / 7))) - 40 + 10 * y + x


def table(heading, rows, separator="\t", decimal=".", end="\n"):
    lines = [separator.join(heading)] if heading else []
    lines += [separator.join(f"{value:.5f}".replace(".", decimal) for value in row) for row in rows]
    return end.join(lines) + end


def in_columns(called="row {y} col {x} (nm)", **spelling):
    heading = ["Time (ms)"] + [called.format(y=y, x=x) for y in range(LINES) for x in range(COLUMNS)]
    rows = np.column_stack([TIMES * 1e3, traces().reshape(-1, SAMPLES).T])
    return table(heading, rows, **spelling)


def written(path, text, encoding="utf-8"):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def assert_holds_the_traces(path, mapping="", factor=1e-9, sizes=None):
    dataset = open_dataset(path, mapping=mapping_from_text(mapping) if mapping else None)
    assert dataset["displacement"].dims == ("pulse", "y", "x", "time")
    values = dataset["displacement"].values[0]
    np.testing.assert_allclose(values, traces() * factor, rtol=0, atol=DIGITS * abs(factor))
    np.testing.assert_allclose(dataset["time"].values, TIMES - TIMES[0], rtol=0, atol=1e-9)
    if sizes is not None:
        np.testing.assert_allclose(np.diff(dataset["x"].values), sizes[1], rtol=1e-6)
        np.testing.assert_allclose(np.diff(dataset["y"].values), sizes[0], rtol=1e-6)
    return dataset


SPELLINGS = {
    "tsv": ("utf-8", {}),
    "csv": ("ascii", {"separator": ","}),
    "semicolons with decimal commas": ("latin-1", {"separator": ";", "decimal": ",", "end": "\r\n"}),
    "tabs with decimal commas and a mark": ("utf-8-sig", {"decimal": ","}),
    "two bytes with a mark": ("utf-16", {"end": "\r\n"}),
    "two bytes without a mark": ("utf-16-le", {"separator": ";"}),
    "two bytes the other way": ("utf-16-be", {"separator": ";", "decimal": ","}),
    "line ends of old Macs": ("latin-1", {"separator": ",", "end": "\r"}),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=list(SPELLINGS))
def test_a_column_for_each_pixel_in_every_spelling(tmp_path, spelling):
    encoding, options = spelling
    text = in_columns("row {y} col {x} (µm)" if encoding != "ascii" else "row {y} col {x} (um)", **options)
    path = written(tmp_path / "scan.txt", text, encoding)
    mapping = "traces:\n- {source: traces}\nscan: {width: 2 µm, height: 0.9 µm}\n"
    dataset = assert_holds_the_traces(path, mapping, 1e-6, sizes=(0.3e-6, 0.4e-6))
    assert dataset["displacement"].attrs["units"] == "m"


def test_columns_stand_in_any_order(tmp_path):
    places = np.random.default_rng(2).permutation(LINES * COLUMNS)
    heading = ["t / s", *(f"x{n % COLUMNS} y{n // COLUMNS} / nm" for n in places)]
    rows = np.column_stack([TIMES, traces().reshape(-1, SAMPLES)[places].T])
    assert_holds_the_traces(written(tmp_path / "scan.txt", table(heading, rows)))


def test_blanks_comments_and_units_in_a_line_of_their_own(tmp_path):
    rows = in_columns(separator="  ").splitlines()[1:]
    rows[7:7] = ["", "# a word in between", "   "]
    names = "  ".join(["t"] + [f"p{n}" for n in range(LINES * COLUMNS)])
    units = "  ".join(["ms"] + ["nm"] * (LINES * COLUMNS))
    text = "\n".join(["% Probe 7", "% pulse duration: 10 ms", "", names, units, *rows])
    path = written(tmp_path / "scan.dat", text)
    content = content_from_file(path)
    (source,) = content.sources
    assert (source.name, source.unit, source.shape) == ("p", "nm", (SAMPLES, LINES * COLUMNS))
    mapping = "traces:\n- {source: p}\nscan: {pixels: 5, lines: 3, width: 2 µm, height: 0.9 µm}\n"
    dataset = assert_holds_the_traces(path, mapping, sizes=(0.3e-6, 0.4e-6))
    assert dataset.attrs["pulse_duration"] == pytest.approx(10e-3)


def test_without_a_heading_the_unit_of_the_times_and_the_pixels_of_a_line_are_asked_for(tmp_path):
    path = written(tmp_path / "scan.csv", in_columns(separator=",").split("\n", 1)[1])
    with pytest.raises(ValueError, match=r"the unit of the times of 'traces', -2 to 17\.5"):
        open_dataset(path)
    mapping = "traces:\n- {source: traces, unit: nm}\nscan: {pixels: 5}\ntime: {unit: ms}\n"
    assert_holds_the_traces(path, mapping)


def test_missing_values_stay_missing_and_a_column_of_none_is_named(tmp_path):
    lines = in_columns(separator=";", decimal=",").splitlines()
    fields = lines[4].split(";")
    fields[2], fields[5] = "", "NaN"
    lines[4] = ";".join(fields)
    path = written(
        tmp_path / "scan.csv", "\n".join([lines[0] + ";remark", *(line + ";" for line in lines[1:])])
    )
    dataset = open_dataset(path)
    values = dataset["displacement"].values[0].reshape(-1, SAMPLES)
    assert np.argwhere(np.isnan(values)).tolist() == [[1, 3], [4, 3]]
    assert any("remark" in note for note in content_from_file(path).notes)


@pytest.mark.parametrize("placed", [True, False])
def test_a_row_for_each_pixel_under_its_times(tmp_path, placed):
    heading = [f"{time * 1e3:g} ms" for time in TIMES]
    rows = traces().reshape(-1, SAMPLES)
    y, x = np.divmod(np.arange(len(rows)), COLUMNS)
    if placed:
        heading = ["x [µm]", "y [µm]", *heading]
        rows = np.column_stack([0.2 + 0.4 * x, 0.15 + 0.3 * y, rows])[
            np.random.default_rng(0).permutation(len(rows))
        ]
    path = written(tmp_path / "scan.csv", table(heading, rows, separator=","))
    mapping = "traces:\n- {source: traces, axes: [pixel, time], unit: nm}\nscan: {lines: 3}\n"
    if placed:
        mapping = "traces:\n- {source: traces, unit: nm}\n"
    assert_holds_the_traces(path, mapping, sizes=(0.3e-6, 0.4e-6) if placed else None)


def test_a_list_of_samples_with_their_places_in_any_order(tmp_path):
    y, x, time = (part.ravel() for part in np.meshgrid(np.arange(3), np.arange(5), TIMES, indexing="ij"))
    rows = np.column_stack([0.2 + 0.4 * x, 0.15 + 0.3 * y, time, traces().ravel()])
    rows = rows[np.random.default_rng(1).permutation(len(rows))]
    path = written(
        tmp_path / "scan.csv", table(["x / µm", "y / µm", "time / s", "X / nm"], rows, ";", ","), "utf-16"
    )
    assert_holds_the_traces(path, sizes=(0.3e-6, 0.4e-6))
    # The lock-in's X and Y are no places.
    rows = np.column_stack([TIMES, traces()[0, 0], traces()[1, 1]])
    path = written(tmp_path / "one.csv", table(["t (s)", "X (nm)", "Y (nm)"], rows))
    assert [source.name for source in content_from_file(path).sources] == ["X", "Y"]


def test_a_list_of_samples_by_rows_and_columns_and_moments_instead_of_times(tmp_path):
    rows = [(y, x, k, traces()[y, x, k]) for y in range(3) for x in range(5) for k in range(SAMPLES)]
    lines = [f"{y + 1},{x + 1},{TIMES[k] * 1e3:.3f},{value:.5f}" for y, x, k, value in rows]
    assert_holds_the_traces(written(tmp_path / "a.csv", "\n".join(["Row,Column,Time (ms),X (nm)", *lines])))
    lines = [
        f"2026-01-31 08:00:{2 + n * 0.5e-3:.6f};" + ";".join(f"{value:.5f}" for value in row)
        for n, row in enumerate(traces().reshape(-1, SAMPLES).T)
    ]
    heading = ";".join(["Moment", *(f"line {y} px {x} (nm)" for y in range(3) for x in range(5))])
    assert_holds_the_traces(written(tmp_path / "b.csv", "\n".join([heading, *lines]).replace(":2.", ":02.")))


def test_a_heading_of_counts_is_no_pixel(tmp_path):
    lines = [
        f"{n}," + ",".join(f"{value:.5f}" for value in row)
        for n, row in enumerate(traces().reshape(-1, SAMPLES))
    ]
    path = written(tmp_path / "frame.csv", "\n".join(["," + ",".join(map(str, range(SAMPLES))), *lines]))
    mapping = "traces:\n- {source: table, axes: [pixel, time], unit: nm}\nscan: {pixels: 5}\ntime: {interval: 0.5 ms}\n"
    assert_holds_the_traces(path, mapping)


def test_times_that_begin_anew_are_pixels(tmp_path):
    rows = np.column_stack([np.tile(TIMES, LINES * COLUMNS), traces().ravel()])
    path = written(tmp_path / "scan.txt", table(["time (s)", "X (nm)"], rows))
    assert_holds_the_traces(path, "traces:\n- {source: X}\nscan: {pixels: 5}\n")


NAMES = {
    "rows and columns": ("scan1_row{y:02d}_col{x:02d}.txt", ""),
    "x before y": ("3V x{x} y{y}.csv", ""),
    "counted": ("px{n}.dat", "traces:\n- {source: X}\nscan: {pixels: 5}\n"),
    "two numbers without words": ("p_{x}_{y}.txt", "traces:\n- {source: X, axes: [x, y, time]}\n"),
}


@pytest.mark.parametrize("names", NAMES.values(), ids=list(NAMES))
def test_a_folder_of_a_file_for_each_pixel(tmp_path, names):
    called, mapping = names
    for n, trace in enumerate(traces().reshape(-1, SAMPLES)):
        y, x = divmod(n, COLUMNS)
        text = table(
            ["time (ms)", "X (nm)", "phase (deg)"], np.column_stack([TIMES * 1e3, trace, trace]), decimal=","
        )
        written(tmp_path / "scan" / called.format(n=n + 1, y=y + 1, x=x), text)
    written(tmp_path / "scan" / "README.txt", "what this is")
    dataset = assert_holds_the_traces(tmp_path / "scan", mapping)
    assert any("README" in note for note in content_from_file(tmp_path / "scan").notes)
    assert dataset.sizes["pulse"] == 1


def test_a_folder_of_a_file_for_each_line_and_of_single_columns(tmp_path):
    for y, line in enumerate(traces()):
        text = table(
            ["time (s)", *(f"px {x} (nm)" for x in range(COLUMNS))], np.column_stack([TIMES, line.T]), ","
        )
        written(tmp_path / "lines" / f"line{y + 9}.csv", text)  # 10 follows 9
        for x, trace in enumerate(line):
            written(tmp_path / "numbers" / f"r{y}c{x}.txt", table([], trace[:, None], decimal=","))
    assert_holds_the_traces(tmp_path / "lines")
    mapping = "traces:\n- {source: column 1, unit: nm}\ntime: {interval: 0.5 ms}\n"
    assert_holds_the_traces(tmp_path / "numbers", mapping)


def test_what_a_folder_lacks_is_missing_and_said(tmp_path):
    for y in range(LINES):
        for x in range(COLUMNS):
            rows = np.column_stack([TIMES, traces()[y, x]])[: SAMPLES - 10 if (y, x) == (1, 2) else SAMPLES]
            if (y, x) != (2, 3):
                written(tmp_path / "scan" / f"y{y}x{x}.txt", table(["time (s)", "X (nm)"], rows))
    dataset = open_dataset(tmp_path / "scan")
    expected = traces() * 1e-9
    expected[2, 3], expected[1, 2, -10:] = np.nan, np.nan
    np.testing.assert_allclose(dataset["displacement"].values[0], expected, atol=1e-14)
    notes = " ".join(content_from_file(tmp_path / "scan").notes)
    assert "1 of 3 × 5 pixels are missing" in notes
    assert "'y1x2.txt' has 30 samples" in notes
    rows = np.column_stack([TIMES * 1.1, traces()[0, 0]])
    written(tmp_path / "scan" / "y2x4.txt", table(["time (s)", "X (nm)"], rows))
    with pytest.raises(ContentError, match=r"y2x4.txt has other times than y0x0.txt"):
        open_dataset(tmp_path / "scan")


def lvm(segments, decimal=",", interval=0.5e-3):
    """Return a measurement file of LabVIEW: a segment for each (start in s, samples in nm)."""
    head = ["LabVIEW Measurement\t", "Writer_Version\t2", "Separator\tTab", f"Decimal_Separator\t{decimal}",
            "Multi_Headings\tYes", "X_Columns\tOne", "Operator\tA. Person", "***End_of_Header***\t", "\t"]  # fmt: skip
    for start, values in segments:
        head += [
            "Channels\t2\t\t",
            f"Samples\t{len(values)}\t{len(values)}\t",
            "Date\t2026/01/31\t2026/01/31\t",
        ]
        head += ["\t".join(["Time", *[f"08:00:{start:013.10f}".replace(".", decimal)] * 2])]
        head += ["Y_Unit_Label\tnm\tVolts\t", "X_Dimension\tTime\tTime\t", "X0\t0\t0\t"]
        head += [
            "\t".join(["Delta_X", *[f"{interval:.6f}".replace(".", decimal)] * 2]),
            "***End_of_Header***\t\t\t",
        ]
        head += ["X_Value\tLock-in X\tdc\tComment"]
        for n, value in enumerate(values):
            row = "\t".join(f"{number:.5f}" for number in (n * interval, value, -3.0)).replace(".", decimal)
            head.append(row + ("\ta remark" if n == 0 else ""))
        head.append("")
    return "\r\n".join(head)


@pytest.mark.parametrize(("decimal", "encoding"), [(",", "latin-1"), (".", "utf-8-sig")])
def test_segments_of_labview_are_pixels_where_they_begin_anew(tmp_path, decimal, encoding):
    segments = [(0.1 * n, trace) for n, trace in enumerate(traces().reshape(-1, SAMPLES))]
    path = written(tmp_path / "scan.lvm", lvm(segments, decimal), encoding)
    mapping = "traces:\n- {source: Lock-in X}\nscan: {pixels: 5, width: 2 µm, height: 0.9 µm}\n"
    assert_holds_the_traces(path, mapping, sizes=(0.3e-6, 0.4e-6))


def test_segments_of_labview_that_follow_each_other_are_one_recording(tmp_path):
    parts = traces()[0]
    segments = [(n * SAMPLES * 0.5e-3, part) for n, part in enumerate(parts)]
    content = content_from_file(written(tmp_path / "scan.lvm", lvm(segments)))
    x, dc = content.sources
    np.testing.assert_allclose(x.array, parts.ravel(), atol=DIGITS)
    assert (x.unit, dc.unit, x.axes[0].step, x.axes[0].unit) == ("nm", "Volts", 0.5e-3, "s")
    assert x.axes[0].origin is not None
    # Cut within a number: the last line is left out.
    whole = lvm(segments).rstrip()
    path = written(tmp_path / "cut.lvm", whole[: whole.rindex("\t") - 3])
    (cut, _) = content_from_file(path).sources
    assert cut.shape == (parts.size - 1,)


HARMED = {
    "a word": (lambda line: [line.replace("-", "no", 1)], r"line 10: 'no.*' in column 2"),
    "too many": (lambda line: [line + "\t1\t2"], "line 10 has 18 fields where the others have 16"),
    "too few": (lambda line: ["1\t2"], "line 10 has 2 fields where the others have 16"),
    "words": (lambda line: ["and so on"] * 90, "of no format that is known"),
}


@pytest.mark.parametrize("harm", HARMED.values(), ids=list(HARMED))
def test_what_is_no_table_is_one_sentence_with_its_line(tmp_path, harm):
    change, sentence = harm
    lines = in_columns().splitlines()
    path = written(tmp_path / "scan.txt", "\n".join([*lines[:9], *change(lines[9]), *lines[10:]]))
    with pytest.raises(ContentError, match=sentence) as refused:
        content_from_file(path)
    assert "\n" not in str(refused.value)


def test_a_table_that_was_cut_is_used_as_far_as_it_is_whole(tmp_path):
    text = in_columns().rstrip()
    path = written(tmp_path / "scan.txt", text[: text.rindex("\t")])
    dataset = open_dataset(path)
    np.testing.assert_allclose(dataset["displacement"].values[0], traces()[..., :-1] * 1e-9, atol=1e-14)
    assert any("The last line, 41, is no whole row" in note for note in content_from_file(path).notes)


def test_a_last_number_that_was_cut_is_no_number(tmp_path):
    text = in_columns().rstrip()
    notes = content_from_file(written(tmp_path / "whole.txt", text)).notes
    assert notes == []
    for lost in (1, 4):
        path = written(tmp_path / "cut.txt", text[:-lost])
        values = open_dataset(path)["displacement"].values[0]
        np.testing.assert_allclose(values, traces()[..., :-1] * 1e-9, atol=1e-14)
        assert any(
            "The last number of line 41 is not whole" in note for note in content_from_file(path).notes
        )


def test_many_numbers_are_kept_in_a_file_and_are_the_same(tmp_path, monkeypatch):
    from napari_tesm.io.text import numbers

    monkeypatch.setattr(numbers, "_IN_MEMORY", 1000)
    path = written(tmp_path / "scan.txt", in_columns())
    assert_holds_the_traces(path)


@pytest.mark.parametrize(
    ("names", "axes", "shape", "places"),
    [
        (["r2c5", "r1c5", "r1c4", "r2c4"], ("y", "x"), (2, 2), [3, 1, 0, 2]),
        (["x0y0", "x0y1", "x1y0", "x1y1", "x2y0", "x2y1"], ("y", "x"), (2, 3), [0, 3, 1, 4, 2, 5]),
        (["p9", "p10", "p8"], ("pixel",), (3,), [1, 2, 0]),
        (["2026-01 line 3 px 1", "2026-01 line 3 px 2"], ("pixel",), (2,), [0, 1]),
        (["a(0,1)", "a(0,0)", "a(1,0)", "a(1,1)"], ("", ""), (2, 2), [1, 0, 2, 3]),
    ],
)
def test_numbers_in_names_tell_places(names, axes, shape, places):
    lying = arrangement_of(names)
    assert (lying.axes, lying.shape, lying.places.tolist()) == (axes, shape, places)
