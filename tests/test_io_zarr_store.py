"""Zarr folders that are damaged, incomplete, hostile or of another maker, and what a dataset must not lose in one."""

import json
import pickle
import random
import signal
import time
import tracemalloc
import warnings

import numpy as np
import pytest
import xarray as xr
from examples import example_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_tesm.cli import main
from napari_tesm.io.content import ContentError
from napari_tesm.io.zarr_store import (
    content_from_zarr,
    dataset_from_zarr,
    is_dataset_store,
    is_zarr,
    save_zarr,
)

zarr = pytest.importorskip("zarr")
FIXED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


class Trap:
    """Unpickling it ends the test."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was loaded')",))


def warned_of(action, *arguments):
    """Do it with every warning an error, as no user should see one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return action(*arguments)


# What is stored comes back


@pytest.mark.slow
@FIXED_FOLDER
@given(
    attributes=st.dictionaries(
        TEXTS.filter(lambda name: name not in ("coordinates", "tesm_format")), VALUES, max_size=4
    )
)
def test_any_attribute_comes_back(tmp_path, attributes):
    dataset = example_dataset(shape=(2, 3), samples=20)
    dataset.attrs |= attributes
    dataset["topography"].attrs |= attributes
    # What xarray and netCDF give a meaning of their own is no different here.
    dataset["displacement"].attrs |= {"_FillValue": 0.0, "scale_factor": 2.0, "missing_value": -1.0}
    dataset["time"].attrs["calendar"] = "standard"
    save_zarr(tmp_path / "a.zarr", dataset, overwrite=True)
    back = dataset_from_zarr(tmp_path / "a.zarr")
    assert repr(back.attrs) == repr(dataset.attrs)
    assert repr(back["topography"].attrs) == repr(dataset["topography"].attrs)
    xr.testing.assert_identical(back.load().drop_attrs(), dataset.load().drop_attrs())
    assert back["displacement"].attrs == dataset["displacement"].attrs


def test_xarray_reads_what_is_stored(tmp_path):
    dataset = example_dataset(shape=(4, 5))
    save_zarr(tmp_path / "a.zarr", dataset)
    by_xarray = xr.open_zarr(tmp_path / "a.zarr", consolidated=False, chunks=None, decode_times=False)
    assert by_xarray.attrs.pop("tesm_format")
    xr.testing.assert_identical(by_xarray.load(), dataset.load())


def test_stores_of_earlier_versions_stay_readable(tmp_path):
    numcodecs = pytest.importorskip("numcodecs")
    dataset = example_dataset(shape=(4, 5))
    save_zarr(tmp_path / "a.zarr", dataset)
    group = zarr.open_group(tmp_path / "a.zarr", zarr_format=2)
    for name, packed in (
        ("displacement", {"compressors": numcodecs.Zstd(level=1, checksum=True)}),
        ("topography", {"compressors": numcodecs.Blosc("zstd", clevel=1)}),
    ):
        new, attributes = group[name], dict(group[name].attrs)
        values, chunks = new[...], new.chunks
        assert new.filters[0].codec_id == "blosc"
        del group[name]
        array = group.create_array(
            name, shape=values.shape, dtype=values.dtype, chunks=chunks, attributes=attributes,
            fill_value=None, **packed,
        )  # fmt: skip
        array[...] = values
    xr.testing.assert_identical(dataset_from_zarr(tmp_path / "a.zarr").load(), dataset.load())


def test_any_part_of_the_traces_is_that_part(tmp_path):
    dataset = example_dataset(shape=(60, 40))
    save_zarr(tmp_path / "a.zarr", dataset)
    stored, traces = dataset_from_zarr(tmp_path / "a.zarr")["displacement"], dataset["displacement"].values
    for key in (
        (0, 3),
        (1, slice(50, 3, -7), slice(None, None, 2)),
        (slice(None), 59, 39, 249),
        (1, [5, 3, 59], 7),
    ):
        np.testing.assert_array_equal(stored[key].values, traces[key])


@pytest.mark.parametrize(
    ("key", "value"),
    [("coordinates", "x"), ("tesm_format", "mine"), ("object", object()), ("complex", 1j), (3, 4)],
)
def test_attributes_that_would_not_come_back_are_refused_beforehand(tmp_path, key, value):
    dataset = example_dataset(shape=(2, 2))
    dataset.attrs[key] = value
    with pytest.raises(ValueError, match="cannot be stored"):
        save_zarr(tmp_path / "a.zarr", dataset)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_is_not_written_over_itself(tmp_path):
    path = tmp_path / "a.zarr"
    save_zarr(path, example_dataset(shape=(4, 5)))
    stored = dataset_from_zarr(path)
    with pytest.raises(ValueError, match="input file itself"):
        save_zarr(path, stored, overwrite=True)
    assert np.isfinite(stored["displacement"].values).all()


def test_an_interruption_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    save_zarr(path, example_dataset(shape=(2, 3)))

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_tesm.files.folders._sync_tree", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_zarr(path, example_dataset(shape=(4, 4)), overwrite=True)
    assert [item.name for item in tmp_path.iterdir()] == ["a.zarr"]
    assert dataset_from_zarr(path).sizes["y"] == 2


def test_a_folder_that_is_missing_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        save_zarr(tmp_path / "none" / "a.zarr", example_dataset(shape=(2, 2)))
    with pytest.raises(FileNotFoundError, match="does not exist"):
        dataset_from_zarr(tmp_path / "none.zarr")
    with pytest.raises(ContentError, match="no Zarr folder"):
        content_from_zarr(tmp_path)


# Damage


def test_a_lost_piece_is_an_error_and_not_a_patch_of_zeros(tmp_path):
    path = tmp_path / "a.zarr"
    save_zarr(path, example_dataset(shape=(60, 60)))
    opened = dataset_from_zarr(path)["displacement"]
    assert opened.size * 8 > 1 << 20
    (path / "displacement" / "1.0.0.0").unlink()
    assert np.isfinite(opened.isel(pulse=0).values).all()
    with pytest.raises(OSError, match=r"piece '1\.0\.0\.0' is not there"):
        opened.isel(pulse=1, y=0, x=0).load()
    (path / "time" / "0").unlink()
    with pytest.raises(OSError, match="'time' is incomplete"):
        dataset_from_zarr(path)


def test_damaged_pieces_are_errors_of_reading(tmp_path):
    path = tmp_path / "a.zarr"
    save_zarr(path, example_dataset(shape=(60, 60)))
    piece = path / "displacement" / "0.0.0.0"
    raw = piece.read_bytes()
    chance = random.Random(1)
    opened = dataset_from_zarr(path)["displacement"]
    for damage in (b"", raw[:-10], raw[:5], bytes(len(raw)), b"\xff" * 16 + raw[16:]):
        piece.write_bytes(damage)
        with pytest.raises(OSError, match="'displacement' cannot be read") as refused:
            opened.isel(pulse=0, y=0, x=0).load()
        assert "\n" not in str(refused.value)
    for _ in range(50):
        changed = bytearray(raw)
        changed[chance.randrange(16)] = chance.randrange(256)
        piece.write_bytes(changed)
        try:
            opened.isel(pulse=0, y=0, x=0).load()
        except OSError as error:
            refused_with = str(error)
            assert "\n" not in refused_with


def test_a_changed_bit_anywhere_is_noticed_and_never_another_number(tmp_path, capsys):
    """The numbers had no checksum, and of ten changed bits nine gave other traces without a word."""
    path, out = tmp_path / "a.zarr", tmp_path / "out.gwy"
    save_zarr(path, example_dataset(shape=(9, 12)))
    chance = random.Random(3)
    whole, refused = dataset_from_zarr(path).load(), 0
    for name in ("displacement/0.0.0.0", "time/0", "topography/0.0"):
        piece = path / name
        raw = piece.read_bytes()
        for _ in range(40):
            changed = bytearray(raw)
            changed[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            piece.write_bytes(changed)
            try:
                # A bit of the frame that means nothing may change, a number not.
                assert dataset_from_zarr(path).load().equals(whole)
            except OSError as error:
                refused += f"'{name.split('/')[0]}' cannot be read" in str(error)
        changed = bytearray(raw)
        changed[len(raw) // 2] ^= 1
        piece.write_bytes(changed)
        for words in (["import"], ["fit", "--tip-radius", "25nm"]):
            assert main([*words, str(path), "-o", str(out)]) == 1
            assert capsys.readouterr().err.count("\n") == 1
            assert not out.exists()
        piece.write_bytes(raw)
    assert refused > 100
    assert main(["import", str(path), "-o", str(out)]) == 0


@pytest.mark.slow
def test_changed_descriptions_are_read_or_refused(tmp_path):
    path = tmp_path / "a.zarr"
    save_zarr(path, example_dataset(shape=(3, 4), samples=20))
    chance = random.Random(2)
    for file in sorted(item for item in path.rglob(".z*") if item.is_file()):
        raw = file.read_bytes()
        cuts = [raw[: chance.randrange(len(raw))] for _ in range(3)]
        changes = [
            raw.replace(b"3", b"-3"), raw.replace(b"4", b"400000000000000000"), raw.replace(b'"', b"", 1), b"[]", b"3",
            b"[" * 20000, b"\xff\xfe", raw.replace(b"zstd", b"pickle"), raw.replace(b"<f8", b"|V9"),
        ]  # fmt: skip
        for damage in cuts + changes:
            file.write_bytes(damage)
            for reader in (dataset_from_zarr, content_from_zarr):
                assert_harmless(reader, path)
            assert is_dataset_store(path) in (True, False)
        file.write_bytes(raw)
    assert dataset_from_zarr(path).sizes["time"] == 20


def assert_harmless(reader, path):
    message = ""
    try:
        opened = reader(path)
        arrays = (
            opened.data_vars.values()
            if isinstance(opened, xr.Dataset)
            else [source.array for source in opened.sources]
        )
        for array in arrays:
            if array.size < 1e6:
                np.asarray(array[...])
    except (ContentError, OSError) as refused:
        message = str(refused)
    assert "\n" not in message


# Other stores


@pytest.mark.parametrize("version", [2, 3])
def test_stores_of_both_formats_have_their_axes(tmp_path, version):
    path = tmp_path / "b.zarr"
    data = xr.Dataset(
        {
            "signal": (
                ("y", "time"),
                np.arange(12.0).reshape(3, 4),
                {"units": "mV", "long_name": "Lock-in X"},
            ),
            "counts": (("y",), np.array([1, 2, 3], "i2"), {"scale_factor": 0.5}),
            "offset": ((), 3.5),
        },
        {
            "time": ("time", [0.0, 1.0, 3.0, 7.0], {"units": "ms"}),
            "y": ("y", [5.0, 7.0, 9.0], {"units": "nm"}),
        },
        {"sample": "Si/C"},
    )
    data.to_zarr(path, zarr_format=version, consolidated=False)
    assert is_zarr(path)
    assert not is_dataset_store(path)
    content = warned_of(content_from_zarr, path)
    signal = content.source("Lock-in X")
    assert (signal.name, signal.unit) == ("signal", "mV")
    assert [(axis.name, axis.unit) for axis in signal.axes] == [("y", "nm"), ("time", "ms")]
    assert (signal.axes[0].start, signal.axes[0].step) == (5.0, 2.0)
    assert signal.axes[1].positions().tolist() == [0, 1, 3, 7]
    np.testing.assert_array_equal(signal.array[1:, ::2], np.arange(12.0).reshape(3, 4)[1:, ::2])
    assert content.attributes == {"sample": "Si/C", "offset": 3.5}
    with pytest.raises(ContentError, match="not a t-ESM dataset"):
        dataset_from_zarr(path)


def test_groups_complex_numbers_and_a_single_array(tmp_path):
    group = zarr.open_group(tmp_path / "g.zarr", mode="w", zarr_format=2)
    group.require_group("scan").create_array("z", data=np.array([1 + 2j, 3 - 4j]))
    content = content_from_zarr(tmp_path / "g.zarr")
    assert {source.name: source.array[...].tolist() for source in content.sources} == {
        "scan/z/real": [1, 3], "scan/z/imag": [2, -4],
    }  # fmt: skip
    for version in (2, 3):
        zarr.create_array(tmp_path / f"{version}.zarr", data=np.arange(5), zarr_format=version)
        (source,) = content_from_zarr(tmp_path / f"{version}.zarr").sources
        assert (source.name, source.array[...].tolist()) == (str(version), [0, 1, 2, 3, 4])


@pytest.mark.parametrize(
    "change",
    [
        {"compressor": {"id": "pickle"}},
        {"filters": [{"id": "pickle"}]},
        {"dtype": "|O", "filters": [{"id": "pickle"}]},
    ],
)
def test_what_could_run_a_program_is_never_unpacked(tmp_path, change):
    path = tmp_path / "trap.zarr"
    zarr.create_array(path, data=np.arange(4), zarr_format=2, compressors=None)
    meta = json.loads((path / ".zarray").read_text())
    (path / ".zarray").write_text(json.dumps(meta | change))
    (path / "0").write_bytes(pickle.dumps(Trap()))
    try:
        content = content_from_zarr(path)
    except ContentError:  # zarr itself refuses the combination
        return
    assert content.sources == []
    assert "trusted" in content.notes[0]


def test_claims_of_huge_sizes_cost_nothing(tmp_path):
    group = zarr.open_group(tmp_path / "h.zarr", mode="w", zarr_format=2)
    group.create_array("huge", shape=(10**9, 10**9), chunks=(100, 100), dtype="f8")
    group.create_array("chunk", shape=(1 << 27,), chunks=(1 << 29,), dtype="u1")
    group.create_array("a", data=np.arange(3))
    tracemalloc.start()
    try:
        content = content_from_zarr(tmp_path / "h.zarr")
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()
    assert [source.name for source in content.sources] == ["a"]
    assert len(content.notes) == 2


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_an_interrupted_folder_is_not_made_anew_by_what_zarr_still_writes(tmp_path, monkeypatch):
    from zarr.storage import _local

    put = _local._put

    def slow_put(*arguments, **options):
        time.sleep(0.15)
        return put(*arguments, **options)

    class Interrupted(BaseException):
        pass

    def interrupt(number, frame):
        raise Interrupted

    monkeypatch.setattr(_local, "_put", slow_put)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)  # in the middle of one of some dozens of files
        with pytest.raises(Interrupted):
            save_zarr(tmp_path / "a.zarr", example_dataset())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    time.sleep(0.4)
    assert list(tmp_path.iterdir()) == []
