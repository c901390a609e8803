"""TDMS: the samples nptdms reads, in any layout, without reading more than is asked for, and no trust in a file."""

import io
import struct
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tdms_bytes import (
    AS_BEFORE,
    BIG,
    DAQMX,
    INTERLEAVED,
    METADATA,
    NEW,
    NO_DATA,
    RAW,
    channel,
    daqmx,
    described,
    interleaved,
    prop,
    samples_of,
    segment,
    text,
)

from napari_tesm.files.disk import DiskFile
from napari_tesm.io.content import ContentError
from napari_tesm.io.tdms import content_from_tdms, is_tdms
from napari_tesm.io.tdms.segments import tdms_index

nptdms = pytest.importorskip("nptdms")
FIXED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
KINDS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"]


def written(tmp_path, raw):
    path = tmp_path / "stream.tdms"
    path.write_bytes(raw)
    return path


def by_nptdms(raw):
    """Channels as nptdms reads them."""
    file = nptdms.TdmsFile.read(io.BytesIO(raw))
    return {
        f"{group.name}/{channel.name}": channel[:]
        for group in file.groups()
        for channel in group.channels()
        if len(channel)
    }


def assert_as_nptdms(path):
    content = content_from_tdms(path)
    expected = by_nptdms(path.read_bytes())
    assert {source.name for source in content.sources} == set(expected)
    for source in content.sources:
        values = expected[source.name]
        np.testing.assert_array_equal(source.array[:], values)
        assert source.array.dtype == values.dtype.newbyteorder("=")
        assert source.array[:].dtype == source.array.dtype
    return content


# Real files


@pytest.mark.parametrize("name", ["Digital_Input", "big_endian", "raw1", "raw_timestamps"])
def test_real_files_are_read_as_nptdms_reads_them(shared_data, name):
    path = shared_data / "tdms" / f"{name}.tdms"
    assert is_tdms(path, path.read_bytes()[:4096])
    content = assert_as_nptdms(path)
    assert content.format == "NI TDMS"
    for group in nptdms.TdmsFile.read(path).groups():
        for written in group.channels():
            source = content.source(f"{group.name}/{written.name}")
            assert source.title == written.name
            np.testing.assert_allclose(
                source.axes[0].positions(),
                written.time_track()
                if "wf_start_offset" in written.properties
                else np.arange(len(written)) * written.properties["wf_increment"],
                rtol=1e-12,
            )
            assert (source.axes[0].name, source.axes[0].unit) == ("time", "s")
            for key, value in written.properties.items():
                if isinstance(value, str | int | float):
                    assert source.attributes[key] == value


def test_raw_counts_of_a_card_are_in_volts(shared_data):
    content = content_from_tdms(shared_data / "tdms" / "raw1.tdms")
    assert len(content.sources) == 7
    first = content.source("Layer Data/First  Channel")
    assert first.unit == "Volts"
    assert first.axes[0].step == pytest.approx(2e-5)
    counts = first.array[:] / 0.0003051850947599719
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
    assert first.attributes["wf_start_time"] == "2016-12-15T22:35:21.000000"


def test_records_of_a_waveform_are_one_array_and_are_told(shared_data):
    content = content_from_tdms(shared_data / "tdms" / "big_endian.tdms")
    source = content.source("Amplitude sweep")
    assert source.shape == (3500,)
    assert source.axes[0].step == 1e-3
    assert source.attributes["wf_samples"] == 500
    assert any("500 samples" in note and "Amplitude sweep" in note for note in content.notes)


# Layouts


@st.composite
def recordings(draw):
    """Bytes of several segments in any layout, with or without a list of channels of their own."""
    big = draw(st.booleans())
    order = ">" if big else "<"
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    kinds = {name: draw(st.sampled_from(KINDS)) for name in names}
    out, number = b"", 0
    for first in [True] + [False] * draw(st.integers(0, 4)):
        rows = draw(st.booleans())
        new = first or draw(st.booleans())
        if new:
            here = names if first else draw(st.permutations(names))
            here = list(here)[: draw(st.integers(1, len(here)))]
            same = draw(st.integers(1, 9))
            counts = {name: same if rows else draw(st.integers(1, 9)) for name in here}
        rows = rows and len(set(counts.values())) == 1
        chunks = draw(st.integers(0, 3))
        raw = b""
        for _ in range(chunks):
            columns = []
            for name in here:
                values = np.arange(number, number + counts[name]) % 120
                number += counts[name]
                columns.append(values.astype(np.dtype(kinds[name]).newbyteorder(order)))
            raw += interleaved(*columns) if rows else b"".join(column.tobytes() for column in columns)
        objects = [
            described(channel(name), samples_of(kinds[name], counts[name], order), order=order)
            for name in here
        ]
        flags = RAW | (BIG if big else 0) | (INTERLEAVED if rows else 0)
        out += segment(objects if new else None, raw, flags | (METADATA | NEW if new else 0))
    return out


@FIXED_FOLDER
@given(raw=recordings())
def test_any_layout_is_read_as_nptdms_reads_it(tmp_path, raw):
    assert_as_nptdms(written(tmp_path, raw))


def test_channels_that_are_not_listed_again_go_on(tmp_path):
    two = [described(channel(name), samples_of("i2", 3)) for name in "ab"]
    only_b = [described(channel("a"), NO_DATA)]
    again = [described(channel("a"), AS_BEFORE), described(channel("b"), samples_of("i2", 2))]
    values = np.arange(100, dtype="<i2")
    raw = segment(two, values[:6].tobytes())
    raw += segment(only_b, values[6:12].tobytes(), METADATA | RAW)
    raw += segment(again, values[12:17].tobytes(), METADATA | RAW)
    content = assert_as_nptdms(written(tmp_path, raw))
    assert content.source("a").array[:].tolist() == [0, 1, 2, 12, 13, 14]
    assert content.source("b").array[:].tolist() == [3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16]


LINEAR = {
    "NI_Number_Of_Scales": 2, "NI_Scaling_Status": "unscaled", "NI_Scale[1]_Scale_Type": "Linear",
    "NI_Scale[1]_Linear_Slope": 0.5, "NI_Scale[1]_Linear_Y_Intercept": -1.0, "NI_Scale[1]_Linear_Input_Source": 0,
}  # fmt: skip


@pytest.mark.parametrize("cut", [0, 1, 7, 12])
@pytest.mark.parametrize("order", ["<", ">"])
def test_two_cards_with_buffers_of_their_own(tmp_path, order, cut):
    widths = (6, 4)
    objects = [
        described(channel(name), daqmx(5, [(kind, buffer, offset, 0)], widths, order=order), LINEAR, order)
        for name, kind, buffer, offset in (("a", "i2", 0, 0), ("b", "i4", 0, 2), ("c", "f4", 1, 0))
    ]
    first = interleaved(np.arange(5, dtype=order + "i2"), np.arange(5, 10, dtype=order + "i4"))
    second = np.arange(10, 15, dtype=order + "f4").tobytes()
    raw = (first + second) * 3
    flags = METADATA | NEW | RAW | DAQMX | (BIG if order == ">" else 0)
    length = None if not cut else 2**64 - 1
    path = written(tmp_path, segment(objects, raw[: len(raw) - cut], flags, length=length))
    content = assert_as_nptdms(path)
    assert content.source("a").array[:5].tolist() == [-1, -0.5, 0, 0.5, 1]
    assert content.source("c").array[:3].tolist() == [4, 4.5, 5]


def test_lines_of_a_digital_port(tmp_path):
    port = np.array([0b00000001, 0b10000000, 0b10000001, 0], "u1")
    objects = [
        described(channel(name), daqmx(4, [("u1", 0, bit, 0)], (1,), digital=True, code=5))
        for name, bit in (("lowest", 0), ("highest", 7))
    ]
    path = written(tmp_path, segment(objects, port.tobytes() * 2, METADATA | NEW | RAW | DAQMX))
    content = assert_as_nptdms(path)
    assert content.source("lowest").array[:].tolist() == [1, 0, 1, 0] * 2
    assert content.source("highest").array[:].tolist() == [0, 1, 1, 0] * 2


@pytest.mark.parametrize("order", ["<", ">"])
def test_time_stamps_are_seconds_since_the_first(tmp_path, order):
    seconds = [3_700_000_000, 3_700_000_000, 3_700_000_002]
    parts = [2**63, 2**63 + 2**34, 2**62]
    pairs = zip(seconds, parts, strict=True)
    raw = b"".join(struct.pack(*((">qQ", s, f) if order == ">" else ("<Qq", f, s))) for s, f in pairs)
    index = struct.pack(order + "IIIQ", 20, 0x44, 1, 3)
    flags = METADATA | NEW | RAW | (BIG if order == ">" else 0)
    path = written(tmp_path, segment([described(channel("clock"), index, order=order)], raw, flags))
    clock = content_from_tdms(path).source("clock")
    # To 2**-30 s, where seconds since 1904 in float64 would end at 2**-21 s.
    assert clock.array[:].tolist() == [0.0, 2.0**-30, 1.75]
    assert clock.unit == "s"
    assert clock.attributes["first_time"] == "2021-03-31T01:46:40.500000"


def test_complex_samples_are_two_arrays(tmp_path):
    values = np.array([1 + 2j, 3 - 4j], "<c8")
    raw = segment([described(channel("z"), samples_of("c8", 2))], values.tobytes())
    content = content_from_tdms(written(tmp_path, raw))
    assert content.source("stream/z/real").array[:].tolist() == [1, 3]
    assert content.source("stream/z/imag").array[:].tolist() == [2, -4]


def test_names_with_slashes_and_quotes_stay_apart(tmp_path):
    paths = ["/'a/b'/'c'", "/'a'/'b/c'", "/'it''s'/'Dev1/ai0'"]
    raw = segment([described(path, samples_of("i1", 1)) for path in paths], b"\1\2\3")
    content = content_from_tdms(written(tmp_path, raw))
    assert [source.name for source in content.sources] == ["a/b/c", "a/b/c #2", "it's/Dev1/ai0"]
    assert [source.title for source in content.sources] == ["c", "b/c", "Dev1/ai0"]
    assert [source.array[0] for source in content.sources] == [1, 2, 3]


# Reading in parts


@given(
    start=st.none() | st.integers(-30, 30),
    stop=st.none() | st.integers(-30, 30),
    step=st.none() | st.integers(-9, 9).filter(bool),
)
@FIXED_FOLDER
def test_slices_are_those_of_an_array(tmp_path, start, stop, step):
    values = np.arange(20, dtype="<i2")
    objects = [described(channel("a"), samples_of("i2", 4))]
    raw = segment(objects, values[:8].tobytes()) + segment(None, values[8:].tobytes(), RAW)
    array = content_from_tdms(written(tmp_path, raw)).source("a").array
    np.testing.assert_array_equal(array[start:stop:step], values[start:stop:step])
    np.testing.assert_array_equal(array[(slice(start, stop, step),)], values[start:stop:step])


def test_one_sample_is_a_number_and_none_beyond_the_end(tmp_path):
    raw = segment([described(channel("a"), samples_of("i2", 2))], b"\1\0\2\0")
    array = content_from_tdms(written(tmp_path, raw)).source("a").array
    assert array[0] == 1
    assert array[-1] == 2
    with pytest.raises(IndexError):
        array[2]


def test_a_large_file_takes_little_memory_in_one_segment_of_any_layout(tmp_path):
    count = 1 << 22
    objects = [described(channel(name), samples_of("f4", count), {"wf_increment": 1e-5}) for name in "ab"]
    rows = np.arange(2 * count, dtype="<f4").reshape(-1, 2)
    path = written(tmp_path, segment(objects, rows.tobytes(), METADATA | NEW | RAW | INTERLEAVED))
    del rows
    tracemalloc.start()
    try:
        b = content_from_tdms(path).source("b").array
        parts = [b[first : first + 1000] for first in range(0, count, count // 50)]
        thinned = b[:: count // 100]
        assert tracemalloc.get_traced_memory()[1] < 8e6  # of 32 MB
    finally:
        tracemalloc.stop()
    assert parts[1][0] == 2 * (count // 50) + 1
    assert thinned[-1] == 2 * (count // 100) * (len(thinned) - 1) + 1


def test_pieces_of_equal_distance_are_one(tmp_path):
    objects = [described(channel("a"), samples_of("i2", 2))]
    raw = segment(objects, b"\1\0\2\0") + 500 * segment(None, b"\3\0\4\0", RAW)
    index = tdms_index(DiskFile(written(tmp_path, raw)))
    stream = index.channels[0].streams[None]
    assert len(stream) == 1002
    assert stream.n_pieces == 1
    assert stream.read(index.disk, 500, 503).tolist() == [3, 4, 3]


# Time bases


@pytest.mark.parametrize(
    ("properties", "word"),
    [
        ({}, "wf_increment"),
        ({"wf_increment": 1.0}, "default"),
        ({"wf_increment": 0.0}, "no sense"),
        ({"wf_increment": float("nan")}, "no sense"),
        ({"wf_increment": -1e-3}, "no sense"),
        ({"wf_increment": "fast"}, "no sense"),
        ({"wf_increment": 1e-3, "wf_start_offset": float("inf")}, "no sense"),
    ],
)
def test_a_time_base_nobody_set_is_said_and_not_used(tmp_path, properties, word):
    raw = segment([described(channel("a"), samples_of("i2", 2), properties)], b"\1\0\2\0")
    content = content_from_tdms(written(tmp_path, raw))
    axis = content.source("a").axes[0]
    assert not axis.known
    assert (axis.start, axis.step) == (0.0, 1.0)
    assert any(word in note and "'stream/a'" in note for note in content.notes)


def test_a_time_base_is_taken_as_it_is_written(tmp_path):
    properties = {"wf_increment": 0.02, "wf_start_offset": -5.0, "wf_xunit_string": "ms", "wf_xname": "Zeit"}
    raw = segment([described(channel("a"), samples_of("i2", 2), properties)], b"\1\0\2\0")
    content = content_from_tdms(written(tmp_path, raw))
    axis = content.source("a").axes[0]
    assert axis.known
    assert (axis.name, axis.unit, axis.start, axis.step) == ("time", "ms", -5.0, 0.02)
    assert content.notes == []


# What is left out, and what is refused


def test_a_file_that_was_not_closed_is_read_and_that_is_said(tmp_path):
    objects = [described(channel(name), samples_of("i2", 4)) for name in "ab"]
    raw = segment(objects, np.arange(14, dtype="<i2").tobytes(), length=2**64 - 1)
    content = assert_as_nptdms(written(tmp_path, raw))
    assert content.source("a").array[:].tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert any("did not close" in note for note in content.notes)


@pytest.mark.parametrize("flags", [0, INTERLEAVED])
def test_a_short_last_chunk_is_shared_as_nptdms_shares_it(tmp_path, flags):
    objects = [described(channel(name), samples_of("i2", 4)) for name in "ab"]
    raw = segment(objects, np.arange(12, dtype="<i2").tobytes(), METADATA | NEW | RAW | flags)
    content = assert_as_nptdms(written(tmp_path, raw))
    assert len(content.source("a").array) == 6
    assert any("incomplete" in note for note in content.notes)


@pytest.mark.parametrize(
    "properties",
    [
        {**LINEAR, "NI_Scale[1]_Scale_Type": "Magic"},
        {**LINEAR, "NI_Scale[1]_Linear_Slope": "steep"},
        {**LINEAR, "NI_Scale[1]_Linear_Input_Source": 1},
        {**LINEAR, "NI_Scale[1]_Linear_Input_Source": 7},
        {**LINEAR, "NI_Number_Of_Scales": 10**15},
        {**LINEAR, "NI_Number_Of_Scales": -1},
        {"NI_Number_Of_Scales": 80, "NI_Scale[0]_Scale_Type": "Linear", "NI_Scale[0]_Linear_Slope": 1.0,
         "NI_Scale[0]_Linear_Y_Intercept": 0.0}
        | {f"NI_Scale[{n}]_Scale_Type": "Add" for n in range(1, 80)}
        | {f"NI_Scale[{n}]_Add_{side}_Operand_Input_Source": n - 1 for n in range(1, 80) for side in ("Left", "Right")},
    ],
)  # fmt: skip
def test_a_scaling_that_cannot_be_applied_leaves_the_channel_out(tmp_path, properties, capfd):
    objects = [
        described(channel("a"), samples_of("i2", 2), properties),
        described(channel("b"), samples_of("i2", 2)),
    ]
    content = content_from_tdms(written(tmp_path, segment(objects, b"\1\0\2\0\3\0\4\0")))
    assert [source.name for source in content.sources] == ["stream/b"]
    assert any("'stream/a'" in note and "scaling" in note for note in content.notes)
    assert capfd.readouterr().err == ""


def test_text_and_empty_channels_are_left_out_with_a_note(tmp_path):
    texts = struct.pack("<IIIQQ", 28, 0x20, 1, 2, 12)
    objects = [
        described(channel("t"), texts),
        described(channel("a"), samples_of("i2", 1)),
        described(channel("e"), NO_DATA),
    ]
    raw = struct.pack("<II", 2, 4) + b"abcd" + b"\7\0"
    content = content_from_tdms(written(tmp_path, segment(objects, raw)))
    assert content.source("a").array[:].tolist() == [7]
    assert len(content.sources) == 1
    assert any("'stream/t'" in note and "text" in note for note in content.notes)
    assert any("'stream/e'" in note and "without samples" in note for note in content.notes)


A = described(channel("a"), samples_of("i2", 2))
HOSTILE = {
    "claims 1e18 rows of nothing": segment(
        [described(channel("a"), daqmx(10**18, [("i2", 0, 0, 0)], (0,)))], b"\1\0\2\0", METADATA | NEW | RAW | DAQMX
    ),
    "scaler outside its row": segment(
        [described(channel("a"), daqmx(2, [("i2", 0, 1, 0)], (2,)))], b"\1\0\2\0", METADATA | NEW | RAW | DAQMX
    ),
    "no such buffer": segment(
        [described(channel("a"), daqmx(2, [("i2", 9, 0, 0)], (2,)))], b"\1\0\2\0", METADATA | NEW | RAW | DAQMX
    ),
    "4e9 scalers": segment(
        [channel("a").encode().join([struct.pack("<I", 12), struct.pack("<IIIQI", 0x1269, 5, 1, 1, 2**32 - 1)])]
    ),
    "header longer than the segment": segment([A], b"\1\0\2\0", length=10),
    "4e9 objects": b"TDSm" + struct.pack("<IIQQI", 14, 4713, 4, 4, 2**32 - 1),
    "as before what was not": segment([described(channel("a"), AS_BEFORE)], b"\1\0\2\0"),
    "samples of nothing": segment([], b"\1\0\2\0"),
    "samples of a group": segment([described("/'g'", samples_of("i2", 2))], b"\1\0\2\0"),
    "type that changes": segment([A], b"\1\0\2\0") + segment([described(channel("a"), samples_of("f4", 1))], b"abcd"),
    "described twice": segment([A, A], b"\1\0\2\0\1\0\2\0"),
    "no path": segment([described("stream", samples_of("i2", 2))], b"\1\0\2\0"),
    "goes on without a start": segment(None, b"\1\0\2\0", RAW),
    "unequal lengths interleaved": segment(
        [A, described(channel("b"), samples_of("i2", 3))], bytes(10), METADATA | NEW | RAW | INTERLEAVED
    ),
    "a path of several lines": segment([described("/'g'\n/'a'", NO_DATA)]),
    "two buffers of 1e18 rows": segment(
        [described(channel("ab"[n]), daqmx(10**18, [("i2", n, 0, 0)], (2**31, 2**31))) for n in range(2)]
        + [described(channel("c"), samples_of("i2", 2))],
        b"\1\0\2\0", METADATA | NEW | RAW | DAQMX,
    ),
    "no segment": b"TDSm",
    "other bytes behind": segment([A], b"\1\0\2\0") + b"rubbish that is no segment at all",
}  # fmt: skip


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_files_are_refused_in_a_sentence(tmp_path, raw):
    path = written(tmp_path, raw)
    tracemalloc.start()
    try:
        with pytest.raises(ContentError) as refused:
            content_from_tdms(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_whole_before_a_cut_is_used(tmp_path):
    objects = [described(channel(name), samples_of("i2", 4)) for name in "ab"]
    whole = segment(objects, np.arange(8, dtype="<i2").tobytes())
    raw = whole + segment(None, np.arange(8, 16, dtype="<i2").tobytes(), RAW)
    for missing, of_a, of_b in ((2, 8, 7), (8, 8, 4), (12, 6, 4), (17, 4, 4), (40, 4, 4)):
        content = content_from_tdms(written(tmp_path, raw[:-missing]))
        assert content.source("a").array[:].tolist() == [0, 1, 2, 3, 8, 9, 10, 11][:of_a], missing
        assert content.source("b").array[:].tolist() == [4, 5, 6, 7, 12, 13, 14][:of_b], missing
        assert any("was cut" in note for note in content.notes)


def test_the_first_time_stamp_is_when_a_channel_began_and_a_pause_is_told(tmp_path):
    def stamped(seconds):
        whole, part = divmod(seconds, 1)
        stamp = text("wf_start_time") + struct.pack("<IQq", 0x44, round(part * 2**64), int(whole))
        step = prop("wf_increment", 0.5)
        raw = text(channel("a")) + samples_of("i2", 4) + struct.pack("<I", 2) + step + stamp
        return segment([raw], np.arange(4, dtype="<i2").tobytes())

    steady = content_from_tdms(written(tmp_path, stamped(3.8e9) + stamped(3.8e9 + 2) + stamped(3.8e9 + 4)))
    assert steady.source("a").axes[0].origin == 3_800_000_000
    assert steady.notes == []
    paused = content_from_tdms(written(tmp_path, stamped(3.8e9) + stamped(3.8e9 + 12) + stamped(3.8e9 + 14)))
    (note,) = paused.notes
    assert "recorded with 1 pauses, the first after 2 s and 10 s in all" in note


def test_a_chunk_larger_than_its_segment_gives_what_is_there_and_says_so(tmp_path):
    objects = [described(channel("a"), samples_of("i2", 10**18))]
    content = assert_as_nptdms(written(tmp_path, segment(objects, b"\1\0\2\0")))
    assert content.source("a").array[:].tolist() == [1, 2]
    assert any("incomplete" in note for note in content.notes)


def rich_file():
    index = daqmx(4, [("i2", 0, 0, 0)], (2,))
    raw = segment([described("/", NO_DATA, {"name": "x"}), described(channel("a"), index, LINEAR)],
                  np.arange(8, dtype="<i2").tobytes(), METADATA | NEW | RAW | DAQMX)  # fmt: skip
    raw += segment(
        [
            described(channel("b"), samples_of("f8", 3), {"wf_increment": 1e-3}),
            described(channel("c"), samples_of("u1", 3)),
        ],
        bytes(range(54)),
    )
    return raw + segment(None, bytes(range(27)), RAW)


def read_all(path):
    """Read everything, or be told in a sentence why not."""
    try:
        content = content_from_tdms(path)
    except (ContentError, OSError) as refused:
        message = str(refused)
    else:
        for source in content.sources:
            assert source.array[:].shape == source.shape
            str(source.attributes)
        return content
    assert "\n" not in message
    return None


def test_every_cut_is_noticed(tmp_path):
    raw = rich_file()
    assert len(read_all(written(tmp_path, raw)).sources) == 3
    starts = [position for position in range(len(raw)) if raw[position : position + 4] == b"TDSm"]
    for length in range(len(raw)):
        if length not in starts[1:]:
            content = read_all(written(tmp_path, raw[:length]))
            if content is None:  # within the first header nothing is whole
                assert length < starts[1] - 16, length
            else:
                assert any("was cut" in note for note in content.notes), length


@FIXED_FOLDER
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 5000), st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255)),
        min_size=1,
        max_size=6,
    )
)
@example(changes=[(4, 0)])
def test_changed_bytes_never_do_harm(tmp_path, changes):
    raw = bytearray(rich_file())
    for position, byte in changes:
        raw[position % len(raw)] = byte
    read_all(written(tmp_path, bytes(raw)))


def test_a_file_that_changes_is_noticed(tmp_path):
    path = written(tmp_path, rich_file())
    content = content_from_tdms(path)
    path.write_bytes(rich_file()[:-1])
    with pytest.raises(OSError, match="changed"):
        content.sources[0].array[:2]
    with pytest.raises(OSError, match="changed"):
        content.check()


def test_no_file_an_empty_one_and_a_folder(tmp_path):
    with pytest.raises(OSError, match="does not exist"):
        content_from_tdms(tmp_path / "none.tdms")
    with pytest.raises(OSError, match="folder"):
        content_from_tdms(tmp_path)
    with pytest.raises(ContentError, match="empty"):
        content_from_tdms(written(tmp_path, b""))


def test_many_channels_in_many_segments_are_opened_at_once(tmp_path):
    """A recorder that writes 2000 channels 20 000 times must not take minutes."""
    many = [described(channel(f"c{number}"), samples_of("i2", 1)) for number in range(500)]
    rows = np.arange(500 * 4000, dtype="<i2").reshape(4000, 500)
    told_again = segment([described("/", NO_DATA, {"n": 1.0})], b"", METADATA)
    raw = segment(many, rows[0].tobytes()) + b"".join(segment(None, row.tobytes(), RAW) for row in rows[1:])
    path = written(tmp_path, raw + 4000 * told_again)
    started = time.process_time()
    content = content_from_tdms(path)
    assert time.process_time() - started < 5  # 0.2 s; two million entries by themselves took 12 s
    np.testing.assert_array_equal(content.source("c123").array[...], rows[:, 123])
