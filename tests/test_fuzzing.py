"""A short run of the fuzzer, each format once: see ``make fuzz``."""

import os

import fuzzing
import pytest


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs processes that are forked")
def test_damaged_files_of_each_format_end_in_a_sentence(tmp_path):
    made = fuzzing.seeds(tmp_path)
    fuzzing.open_whole(made["gwy"][-1])
    fuzzing.open_whole(made["hdf5"][-1])
    for name, count in {
        "gwy": 60,
        "gwy3": 30,
        "numpy": 80,
        "matlab": 80,
        "matlab-7.3": 10,
        "tdms": 80,
        "zarr": 25,
        "hdf5": 10,
        "text": 60,
        "igor": 40,
        "vendor": 4,
    }.items():
        counts = fuzzing.fuzzed(name, made[name], count, tmp_path, seed=11, kept=tmp_path / "kept")
        assert counts.faults == []
        assert counts.opened + counts.refused == count


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs processes that are forked")
def test_layers_of_damaged_files_are_made_or_refused(tmp_path):
    pytest.importorskip("napari")
    made = fuzzing.seeds(tmp_path)["layers"]
    fuzzing.open_layers(made[0])
    counts = fuzzing.fuzzed("layers", made, 20, tmp_path, seed=11, kept=tmp_path / "kept")
    assert counts.faults == []
    assert counts.opened > 3


def two_lines(path):
    raise ValueError("one\ntwo")


@pytest.mark.skipif(os.name == "nt", reason="needs processes that are forked")
@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: os.abort(), "ended by 6"),
        (lambda path: 1 / 0, "ZeroDivisionError"),
        (two_lines, "no sentence"),
    ],
)
def test_harm_is_noticed_and_kept(tmp_path, monkeypatch, harm, reason):
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY and more")
    monkeypatch.setattr(fuzzing, "open_whole", lambda path: harm(path))
    counts = fuzzing.fuzzed("numpy", [tmp_path / "a.npy"], 2, tmp_path, seed=0, kept=tmp_path / "kept")
    assert len(counts.faults) == 2
    assert all(reason in fault for fault in counts.faults)
    assert len(list((tmp_path / "kept").iterdir())) == 2
