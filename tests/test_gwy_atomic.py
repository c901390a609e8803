"""Outputs appear whole or not at all, alone or together."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import time

import pytest

from napari_tesm.files.atomic import AtomicOutputs, atomic_output, refuse_same_file


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(path, data, *, overwrite=False, then=None):
    """One output; `then` is called while it is open."""
    with atomic_output(path, overwrite=overwrite) as file:
        file.write(data)
        if then is not None:
            then(file)


def write_together(*paths, overwrite=False):
    with AtomicOutputs(overwrite=overwrite) as outputs:
        for path in paths:
            outputs.open(path).write(b"new")


def test_file_appears_at_the_end_with_all_its_bytes(tmp_path):
    path = tmp_path / "maps.gwy"
    with atomic_output(path) as file:
        file.write(b"GWYP" * 1000)
        assert not path.exists()
        (temporary,) = names(tmp_path)
        assert temporary.startswith(".maps.gwy.")
        assert temporary.endswith(".unfinished")
    assert path.read_bytes() == b"GWYP" * 1000
    assert names(tmp_path) == ["maps.gwy"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    previous = os.umask(0o027)
    try:
        with atomic_output(tmp_path / "new"):
            pass
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_replaced_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "shared"
    path.touch()
    path.chmod(0o664)
    with atomic_output(path, overwrite=True):
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_changes_when_interrupted(tmp_path, error, overwrite):
    path = tmp_path / "maps.gwy"
    if overwrite:
        path.write_bytes(b"old")

    def interrupt(file):
        raise error

    with pytest.raises(error):
        write(path, b"new" * 1_000_000, overwrite=overwrite, then=interrupt)
    assert names(tmp_path) == ["maps.gwy"] * overwrite
    if overwrite:
        assert path.read_bytes() == b"old"


def test_existing_file_needs_permission_to_overwrite(tmp_path):
    path = tmp_path / "maps.gwy"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError, match="exists already"), atomic_output(path):
        pytest.fail("refused before anything is computed")
    with atomic_output(path, overwrite=True) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["maps.gwy"]


def test_file_that_appears_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / "maps.gwy"
    with pytest.raises(FileExistsError):
        write(path, b"slow", then=lambda file: write(path, b"quick"))
    assert path.read_bytes() == b"quick"
    assert names(tmp_path) == ["maps.gwy"]


def test_file_that_appears_at_the_very_last_moment_is_not_overwritten(tmp_path, monkeypatch):
    path = tmp_path / "maps.gwy"
    link = os.link

    def late(source, target):
        path.write_bytes(b"theirs")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(FileExistsError), atomic_output(path) as file:
        file.write(b"ours")
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == ["maps.gwy"]


def test_file_system_without_hard_links(tmp_path, monkeypatch):
    def no_links(source, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "b").write_text("old")
    with AtomicOutputs(overwrite=True) as outputs:
        outputs.open(tmp_path / "a").write(b"1")
        outputs.open(tmp_path / "b").write(b"2")
    assert [(tmp_path / name).read_text() for name in names(tmp_path)] == ["1", "2"]


def one_sentence(error):
    text = str(error.value)
    assert "\n" not in text
    assert "Errno" not in text
    assert len(text) > 20
    return text


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError) as error, atomic_output(tmp_path / "none" / "maps.gwy"):
        pass
    assert str(tmp_path / "none") in one_sentence(error)


def test_path_is_a_folder(tmp_path):
    with pytest.raises(IsADirectoryError) as error, atomic_output(tmp_path, overwrite=True):
        pass
    assert "is a folder" in one_sentence(error)


def test_device_is_refused():
    with pytest.raises(OSError, match="device") as error, atomic_output("/dev/full", overwrite=True):
        pass
    one_sentence(error)


def test_folder_that_cannot_be_written_to(tmp_path, without_privileges):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    with without_privileges():
        with pytest.raises(PermissionError) as error, atomic_output(folder / "maps.gwy"):
            pass
        assert "Permission denied" in one_sentence(error)
    assert names(folder) == []


@pytest.mark.parametrize("flushed", [False, True])
def test_no_room(tmp_path, flushed):
    """A limit on file sizes stands in for a full disk; it strikes in write() or, buffered, at the end."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match="larger than allowed") as error:
            write(tmp_path / "x", b"x" * 8192, then=(lambda file: file.flush()) if flushed else None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(tmp_path / "x") in one_sentence(error)
    assert names(tmp_path) == []


def test_disk_that_is_full_only_when_bytes_reach_it(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="the disk is full") as error, atomic_output(tmp_path / "x") as file:
        file.write(b"x")
    assert str(tmp_path / "x") in one_sentence(error)
    assert names(tmp_path) == []


def test_errors_of_the_work_itself_are_left_alone(tmp_path):
    original = PermissionError(errno.EACCES, "Permission denied", "input.gwy")
    with pytest.raises(PermissionError) as error, atomic_output(tmp_path / "x"):
        raise original
    assert error.value is original


def test_links_are_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "target")
    with atomic_output(tmp_path / "link") as file:
        file.write(b"1")
    with atomic_output(tmp_path / "link", overwrite=True) as file:
        file.write(b"2")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "target").read_bytes() == b"2"


def test_very_long_names(tmp_path):
    path = tmp_path / ("ä" * 120 + ".gwy")
    with atomic_output(path) as file:
        file.write(b"x")
    assert names(tmp_path) == [path.name]


KILLED = """
import sys, time
from napari_tesm.files.atomic import atomic_output
with atomic_output(sys.argv[1], overwrite=True) as file:
    file.write(b"x" * 4_000_000)
    print("writing", flush=True)
    time.sleep(60)
"""


def test_killed_writer_leaves_the_target_alone(tmp_path):
    path = tmp_path / "maps.gwy"
    path.write_bytes(b"old")
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline()
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    leftover, target = names(tmp_path)
    assert target == "maps.gwy"
    assert leftover.startswith(".maps.gwy.")
    assert leftover.endswith(".unfinished")


class TestSeveralOutputs:
    def test_all_appear(self, tmp_path):
        with AtomicOutputs() as outputs:
            outputs.open(tmp_path / "maps.gwy").write(b"GWYP")
            outputs.open_text(tmp_path / "summary.json").write('{"D": "µ"}\n')
            with outputs.open_text(tmp_path / "pixels.csv") as closed:
                closed.write("a,b\n")
            assert not (tmp_path / "pixels.csv").exists()
        assert (tmp_path / "summary.json").read_bytes() == '{"D": "µ"}\n'.encode()
        assert (tmp_path / "pixels.csv").read_text() == "a,b\n"
        assert names(tmp_path) == ["maps.gwy", "pixels.csv", "summary.json"]

    def test_none_appears_if_one_exists(self, tmp_path):
        (tmp_path / "pixels.csv").write_text("old")
        with pytest.raises(FileExistsError, match=r"pixels\.csv"):
            write_together(tmp_path / "maps.gwy", tmp_path / "pixels.csv")
        assert names(tmp_path) == ["pixels.csv"]
        assert (tmp_path / "pixels.csv").read_text() == "old"

    @pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
    @pytest.mark.parametrize("failing", [0, 1, 2])
    def test_renames_are_undone_if_one_fails(self, tmp_path, monkeypatch, error, failing):
        (tmp_path / "b").write_text("old b")
        (tmp_path / "c").write_text("old c")
        publish, done = AtomicOutputs._publish, []

        def failing_publish(self, output):
            publish(self, output)
            done.append(output)
            if len(done) == failing + 1:
                raise error  # after the rename: the latest moment possible

        monkeypatch.setattr(AtomicOutputs, "_publish", failing_publish)
        with pytest.raises(type(error)):
            write_together(*(tmp_path / name for name in "abc"), overwrite=True)
        assert names(tmp_path) == ["b", "c"]
        assert [(tmp_path / name).read_text() for name in "bc"] == ["old b", "old c"]

    def test_replaces_all(self, tmp_path):
        for name in "ab":
            (tmp_path / name).write_text("old")
        write_together(*(tmp_path / name for name in "abc"), overwrite=True)
        assert [(tmp_path / name).read_text() for name in names(tmp_path)] == ["new"] * 3

    def test_same_target_twice(self, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path / "a")
        with pytest.raises(ValueError, match="twice"):
            write_together(tmp_path / "a", tmp_path / "link")
        assert names(tmp_path) == ["link"]

    def test_all_reach_the_disk_before_the_first_rename(self, tmp_path, monkeypatch):
        events = []
        fsync, link = os.fsync, os.link
        monkeypatch.setattr(os, "fsync", lambda fd: (events.append("fsync"), fsync(fd)))
        monkeypatch.setattr(os, "link", lambda a, b: (events.append("rename"), link(a, b)))
        with AtomicOutputs() as outputs:
            outputs.open(tmp_path / "a").write(b"1")
            outputs.open(tmp_path / "b").write(b"2")
        assert events == ["fsync", "fsync", "rename", "rename", "fsync"]  # the last one is the folder


class TestSameFile:
    def test_every_way_of_naming_it(self, tmp_path):
        scan = tmp_path / "scan.gwy"
        scan.touch()
        (tmp_path / "symbolic").symlink_to(scan)
        (tmp_path / "hard").hardlink_to(scan)
        for output in ("scan.gwy", "symbolic", "hard", "../" + tmp_path.name + "/scan.gwy"):
            with pytest.raises(ValueError, match="input file itself"):
                refuse_same_file(tmp_path / output, tmp_path / "other", scan)

    def test_others_pass(self, tmp_path):
        (tmp_path / "scan.gwy").touch()
        (tmp_path / "copy.gwy").touch()
        refuse_same_file(tmp_path / "new.gwy", tmp_path / "scan.gwy")
        refuse_same_file(tmp_path / "copy.gwy", tmp_path / "scan.gwy")


def test_sigterm_raised_as_an_exception_cleans_up(tmp_path):
    program = KILLED.replace("import sys, time", "import signal, sys, time").replace(
        "with atomic", "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\nwith atomic", 1
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "x")], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline()
        started = time.monotonic()
        process.terminate()
        assert process.wait(10) == 143
        assert time.monotonic() - started < 5
    assert names(tmp_path) == []
