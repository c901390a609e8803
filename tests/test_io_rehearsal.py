"""A file is opened in another process first; what that does not survive is refused in a sentence."""

import sys
import time

import pytest

from napari_tesm.io import patience, rehearsal
from napari_tesm.io.content import ContentError

READERS = """
import ctypes, sys, time
from napari_tesm.io.content import FileContent

def fine(path): return FileContent(path, "", [])
def crash(path): ctypes.string_at(0)
def hang(path): time.sleep(1000)
def spin(path):
    while True: pass
def wait(path):
    time.sleep(1.5)
    return FileContent(path, "", [])
def fill(path): bytearray(1 << 40)
def refuse(path): raise ValueError(f"{path} is no good.")
def stumble(path): raise KeyError("two\\nlines")
def count(path):
    open(path + ".count", "a").write("x")
    return FileContent(path, "", [])
def leave(path): sys.exit(3)
"""


@pytest.fixture
def rehearse(tmp_path, monkeypatch):
    """Call with the name of a reader."""
    (tmp_path / "readers_of_a_test.py").write_text(READERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = tmp_path / "data.h5"
    path.write_bytes(b"data")
    return lambda name: rehearsal.rehearse(path, "readers_of_a_test", name)


def test_what_survives_is_allowed(rehearse):
    rehearse("fine")


@pytest.mark.parametrize(
    ("reader", "word"),
    [("crash", "crashes"), ("leave", "crashes"), ("refuse", "is no good"), ("stumble", "two\\nlines")],
)
def test_what_does_not_is_refused_in_a_sentence(rehearse, reader, word):
    with pytest.raises(ContentError, match=r"data\.h5") as refused:
        rehearse(reader)
    assert word in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_memory_without_end_is_refused(rehearse):
    with pytest.raises(ContentError, match="memory"):
        rehearse("fill")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_computing_without_end_is_refused(rehearse, monkeypatch):
    monkeypatch.setattr(rehearsal, "_SECONDS", 0.2)
    monkeypatch.setattr(patience, "PATIENCE", 1000.0)
    with pytest.raises(ContentError, match=r"damaged.*does not come to an end"):
        rehearse("spin")


def test_a_file_that_only_waits_for_its_turn_is_sound(rehearse, monkeypatch):
    monkeypatch.setattr(rehearsal, "_SECONDS", 1.0)
    monkeypatch.setattr(patience, "PATIENCE", 1000.0)
    rehearse("wait")


def test_waiting_without_end_is_no_damage(rehearse, monkeypatch):
    monkeypatch.setattr(rehearsal, "_SECONDS", 1.0)
    monkeypatch.setattr(patience, "PATIENCE", 1.0)
    started = time.monotonic()
    with pytest.raises(ContentError, match=r"data\.h5 could not be read in time") as refused:
        rehearse("hang")
    assert "damaged" not in str(refused.value)
    assert time.monotonic() - started < 30


def test_a_file_is_rehearsed_once_until_it_changes(rehearse, tmp_path):
    rehearse("count")
    rehearse("count")
    assert (tmp_path / "data.h5.count").read_text() == "x"
    (tmp_path / "data.h5").write_bytes(b"other data")
    rehearse("count")
    assert (tmp_path / "data.h5.count").read_text() == "xx"
