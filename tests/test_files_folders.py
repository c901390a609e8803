"""Folders as outputs: the old one or the new one is there, whatever happens, and leftovers are put right."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import kill_points
import pytest
from examples import example_dataset

from napari_tesm import open_dataset
from napari_tesm.files import folders
from napari_tesm.files.atomic import atomic_output
from napari_tesm.files.folders import folder_output, swapped
from napari_tesm.files.leftovers import put_right, still_there
from napari_tesm.io.zarr_store import save_zarr

posix = pytest.mark.skipif(os.name == "nt", reason="signals and locks of POSIX")


def written(path, text, **ways):
    with folder_output(path, **ways) as folder:
        (folder / "inside").mkdir()
        (folder / "inside" / "file").write_text(text)


def content(path):
    return (path / "inside" / "file").read_text()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=["one step", "two steps"])
def publishing(request, monkeypatch):
    """Systems that swap two names in one step, and others."""
    if request.param == "two steps":
        monkeypatch.setattr(folders, "swapped", lambda one, other: False)
    elif folders._swapping_call() is None:
        pytest.skip("this system swaps no names")
    return request.param


def test_a_folder_appears_and_is_replaced(tmp_path, publishing):
    target = tmp_path / "maps"
    written(target, "old")
    written(target, "new")
    assert (names(tmp_path), content(target), still_there()) == (["maps"], "new", [])


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux to tell what is synced")
def test_files_then_folders_reach_the_disk_before_the_old_folder_goes(tmp_path, monkeypatch, publishing):
    target = tmp_path / "maps"
    written(target, "old")
    events, fsync, unlink = [], os.fsync, os.unlink

    def syncing(descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        events.append("file" if path.is_file() else "parent" if path == tmp_path else "folder")
        fsync(descriptor)

    def unlinking(path, *args, **kwargs):
        unlink(path, *args, **kwargs)
        events.append("gone")

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "unlink", unlinking)
    written(target, "new")
    assert events == ["file", "folder", "folder", "parent", "gone"]


def test_what_must_not_be_replaced_is_asked_twice(tmp_path):
    asked = []

    def refuse():
        asked.append(1)
        if len(asked) == 2:
            raise FileExistsError("maps exists already")

    with pytest.raises(FileExistsError, match="maps exists already"):
        written(tmp_path / "maps", "new", check=refuse)
    assert (len(asked), names(tmp_path)) == (2, [])


def test_swapping_what_is_not_there_is_an_error(tmp_path, publishing):
    if publishing == "one step":
        with pytest.raises(FileNotFoundError):
            swapped(tmp_path / "a", tmp_path / "b")


def test_what_stood_aside_when_a_process_was_killed_comes_back(tmp_path):
    target = tmp_path / "maps"
    written(target, "old")
    target.rename(tmp_path / ".maps.0123456789ab.previous")
    written(tmp_path / ".maps.0123456789ab.unfinished", "new")
    assert put_right(target)
    assert (names(tmp_path), content(target)) == (["maps"], "old")
    assert not put_right(target)


def test_opening_or_replacing_what_a_kill_left_aside_brings_it_back(tmp_path):
    dataset = example_dataset(shape=(3, 4))
    save_zarr(tmp_path / "a.zarr", dataset)
    (tmp_path / "a.zarr").rename(tmp_path / ".a.zarr.0123456789ab.previous")
    assert open_dataset(tmp_path / "a.zarr").sizes["x"] == 4
    (tmp_path / "a.zarr").rename(tmp_path / ".a.zarr.0123456789ab.previous")
    with pytest.raises(FileExistsError):
        save_zarr(tmp_path / "a.zarr", dataset)
    assert names(tmp_path) == ["a.zarr"]


def test_names_that_only_look_like_leftovers_stay(tmp_path):
    mine = (".maps.0123456789ab.unfinished", ".maps.0123456789ab.previous")
    others = (".maps.xyz.unfinished", ".maps.txt.0123456789ab.unfinished", "maps.0123456789ab.unfinished")
    for name in (*mine, *others, "maps"):
        (tmp_path / name).mkdir()
    put_right(tmp_path / "maps")
    assert names(tmp_path) == sorted([*others, "maps"])


def test_long_names_are_told_apart(tmp_path):
    one, other = (tmp_path / ("x" * 220 + end) for end in "ab")
    with folder_output(one) as folder:
        (folder / "file").write_text("1")
        put_right(other)
        assert folder.is_dir()
    assert names(tmp_path) == [one.name]


@posix
def test_what_another_process_is_making_stays_until_it_is_killed(tmp_path):
    target = tmp_path / "maps"
    program = (
        "import sys, time\nfrom napari_tesm.files.folders import folder_output\n"
        "with folder_output(sys.argv[1]) as folder:\n    print(folder, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(target)], stdout=subprocess.PIPE) as process:
        unfinished = Path(process.stdout.readline().decode().strip())
        put_right(target)
        assert unfinished.is_dir()
        process.kill()
    assert unfinished.is_dir()
    put_right(target)
    assert names(tmp_path) == []


@posix
def test_the_next_start_removes_the_file_of_a_killed_one(tmp_path):
    leftover = tmp_path / ".maps.gwy.0123456789ab.unfinished"
    leftover.write_bytes(b"half")
    with atomic_output(tmp_path / "maps.gwy") as file:
        file.write(b"whole")
    assert names(tmp_path) == ["maps.gwy"]


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_replacement_and_then_arrives(tmp_path, monkeypatch, publishing, number):
    target, arrived = tmp_path / "maps", []
    written(target, "old")
    before = signal.signal(number, lambda *_: arrived.append(content(target)))
    swap = folders.swapped

    def interrupted(one, other):
        done = swap(one, other)
        os.kill(os.getpid(), number)
        return done

    monkeypatch.setattr(folders, "swapped", interrupted)
    try:
        written(target, "new")
    finally:
        signal.signal(number, before)
    assert (arrived, names(tmp_path), content(target)) == (["new"], ["maps"], "new")


@pytest.fixture(scope="module")
def operations():
    with kill_points.operations() as known:
        yield known


@posix
@pytest.mark.parametrize("way", ["kill", "interrupt twice"])
def test_kill_points_of_a_report(operations, way, publishing):
    outcome = kill_points.outcome_of(operations["write a report"], ways=(way,))
    assert outcome.faults == ()
    assert 0 < outcome.new < outcome.tried > 15


@posix
@pytest.mark.slow
@pytest.mark.parametrize(("name", "every"), [("import to .zarr", 60), ("fit", 7), ("save from napari", 2)])
def test_kill_points_of_commands(operations, name, every):
    outcome = kill_points.outcome_of(operations[name], every=every, ways=("kill", "interrupt twice"))
    assert outcome.faults == ()
