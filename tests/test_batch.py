"""Many files by one recipe: what is broken, hangs or crashes never stops the others, and nothing is done twice."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from batch_tasks import number_of_task, reason_of_loss
from examples import example_dataset
from test_json_page import NAMES, keys, words_of_page

from napari_tesm import save
from napari_tesm.batch.inputs import inputs_from_paths
from napari_tesm.batch.small_maps import SmallMap
from napari_tesm.batch.workers import Workers
from napari_tesm.cli import main
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.files.claims import Claim
from napari_tesm.gwy import read_container
from napari_tesm.io.gwy.results_reading import maps_from_container

BROKEN = {
    "cut.gwy": "is damaged or incomplete",
    "empty.h5": "is empty (0 bytes)",
    "gone.gwy": "does not exist",
    "no pulse.gwy": "give --pulse-start and --pulse-duration",
    "nothing.gwy": "the traces hold no finite value",
    "pipe.gwy": "is a device or a pipe",
    "words <b>.txt": "is of no format that is known",
}


def tesm(*words):
    return main([str(word) for word in words])


def rows_of(folder):
    return list(csv.DictReader((folder / "batch.csv").read_text("utf-8").splitlines()))


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    """Return a folder of three scans and seven files that cannot be fitted, each for another reason."""
    folder = tmp_path_factory.mktemp("batch") / "week"
    (folder / "monday").mkdir(parents=True)
    small = example_dataset(shape=(7, 9), samples=120)
    save(folder / "first α #1.gwy", small)
    save(folder / "monday" / "second.gwy", example_dataset(shape=(11, 6), samples=100, seed=1, voltage=(-2.0,),
                                                           direction=("trace",)))  # fmt: skip
    # The third is fitted by a recipe of its own.
    save(folder / "third.gwy", small)
    (folder / "third.recipe.json").write_text('{"version": 1, "threshold": 0.99, "threshold_of": "max"}')
    (folder / "notes.md").write_text("no scan")
    whole = (folder / "first α #1.gwy").read_bytes()
    (folder / "cut.gwy").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.h5").write_bytes(b"")
    (folder / "gone.gwy").symlink_to(folder / "nowhere.gwy")
    os.mkfifo(folder / "pipe.gwy")
    (folder / "words <b>.txt").write_text("Remember the milk.\n")
    save(folder / "no pulse.gwy", example_dataset(shape=(2, 3), samples=50, protocol=PulseProtocol()))
    missing = np.full(small["displacement"].shape, np.nan)
    save(folder / "nothing.gwy", small.assign(displacement=small["displacement"].copy(data=missing)))
    return folder


@pytest.fixture(scope="module")
def out(week):
    """Return the folder of a batch that was killed in its midst and called again."""
    folder = week.parent / "out"
    words = [sys.executable, "-m", "napari_tesm.cli", "batch", str(week), "-o", str(folder), "--jobs", "1"]
    killed = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not list(folder.glob(".batch/*.json")) and time.monotonic() < until:
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    assert not (folder / "batch.csv").exists()
    assert list(folder.glob(".batch/*.json"))
    assert tesm("batch", week, "-o", folder, "--jobs", 1, "--quiet") == 1
    return folder


def test_what_is_broken_is_named_and_the_rest_is_done(week, out):
    rows = rows_of(out)
    failed = {row["file"]: row["reason"] for row in rows if row["state"] == "failed"}
    assert failed.keys() == BROKEN.keys()
    for name, reason in BROKEN.items():
        assert reason in failed[name]
        assert str(week) not in failed[name]
    fitted = [(row["file"], row["pulse"], row["voltage"]) for row in rows if row["state"] == "ok"]
    names = ["first α #1.gwy", "monday/second.gwy", "third.gwy"]
    assert fitted == [(names[0], "1", "3.0"), (names[0], "2", "-3.0"), (names[1], "1", "-2.0"),
                      (names[2], "1", "3.0"), (names[2], "2", "-3.0")]  # fmt: skip
    content = json.loads((out / "batch.json").read_text("utf-8"))
    assert content["counts"] == {"ok": 3, "failed": 7, "skipped": 0}
    assert {entry["file"] for entry in content["files"]} == {*BROKEN, *names}
    pages = words_of_page()
    assert keys(content) - pages["batch"] - pages["fit"] - pages["In all of them"] - NAMES == set()
    # Nothing that a killed process left is there any more.
    left = [path.name for path in out.rglob("*") if path.name.endswith((".unfinished", ".working"))]
    assert left == []


def test_a_result_has_the_bytes_of_a_fit_and_the_table_its_numbers(week, out, tmp_path):
    alone = tmp_path / "alone.gwy"
    assert tesm("fit", week / "monday" / "second.gwy", "-o", alone, "--quiet") == 0
    assert (out / "monday" / "second_D.gwy").read_bytes() == alone.read_bytes()
    maps = maps_from_container(read_container(alone)).isel(pulse=0)
    [row] = [row for row in rows_of(out) if row["file"] == "monday/second.gwy"]
    assert int(row["pixels"]) == 66
    for name in ("tau1", "D1", "tau2", "D2"):
        values = maps[name].values[np.isfinite(maps[name].values)]
        # All pixels are ok here, so that no limits of others count.
        assert values.size == int(row[f"ok_{name[-1]}"]) == 66
        assert float(row[f"{name}_median"]) == pytest.approx(np.median(values), rel=1e-12)
        assert values.min() < float(row[f"{name}_mode"]) < values.max()
    assert float(row["H_median"]) == pytest.approx(np.median(maps["H"].values), rel=1e-12)
    assert abs(float(row["H_mode"]) / float(row["H_median"]) - 1) < 0.05
    # A recipe beside a file is that file's.
    digests = {row["file"]: row["recipe"] for row in rows_of(out) if row["state"] == "ok"}
    assert digests["first α #1.gwy"] == digests["monday/second.gwy"] != digests["third.gwy"]


def test_a_small_map_shows_the_map(week, out):
    entries = json.loads((out / ".batch" / "monday" / "second.gwy.json").read_text())["maps"]
    maps = maps_from_container(read_container(out / "monday" / "second_D.gwy")).isel(pulse=0)
    smalls = {entry["name"]: SmallMap.from_dict(entry) for entry in entries}
    assert list(smalls) == ["H", "D1", "D2"]
    height = maps["H"].values
    np.testing.assert_allclose(smalls["H"].values, height, rtol=0, atol=abs(height).max() / 253)
    np.testing.assert_allclose(smalls["D2"].values, np.log10(maps["D2"].values), rtol=0, atol=13 / 2 / 253)
    assert smalls["H"].aspect == pytest.approx(11 * 0.25 / (6 * 0.4))


def test_the_page_needs_nothing_beside_it_and_obeys_no_file_name(out):
    page = (out / "batch.html").read_text("utf-8")
    assert "10 files: 3 fitted, 7 failed" in page
    assert page.count("data:image/png;base64,") == 5 * 3 + 1  # and the legend
    assert not any(word in page for word in ("http:", "https:", "<script", "words <b>.txt"))
    assert "words &lt;b&gt;.txt" in page
    assert "first%20%CE%B1%20%231_D.gwy" in page


def test_a_name_that_is_no_utf8_fails_alone_and_no_folder_is_told(tmp_path, monkeypatch):
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / os.fsdecode(b"bad\xff.gwy")).write_bytes(b"junk")
    (inside / "b.h5").write_bytes(b"\x89HDF\r\n\x1a\n, and then junk")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # what is kept of it does no harm either
        assert tesm("batch", "in", "-o", "out", "--jobs", 1, "--quiet") == 1
        rows = {row["file"]: row["reason"] for row in rows_of(tmp_path / "out")}
        assert rows.keys() == {"bad\\udcff.gwy", "b.h5"}
        assert rows["b.h5"].startswith("b.h5 is not a sound HDF5 file")
        assert "bad" in (tmp_path / "out" / "batch.html").read_text("utf-8")


def test_a_second_call_does_what_is_new_changed_or_failed(week, out, capsys):
    def times():
        return {path.name: path.stat().st_mtime_ns for path in out.rglob("*_D.gwy")}

    before = times()
    shutil.copy(week / "third.gwy", week / "fourth.gwy")
    os.utime(week / "monday" / "second.gwy")
    (week / "cut.gwy").unlink()
    words = ("batch", week, "-o", out, "--jobs", 1)
    # Of ten files the last of eleven parts has none.
    assert tesm(*words, "--part", "11/11", "--quiet") == 0
    assert times() == before
    assert [row["reason"] for row in rows_of(out) if row["state"] == "skipped"] == ["it is of another part"]
    capsys.readouterr()
    assert tesm(*words) == 1
    printed = capsys.readouterr()
    after = times()
    assert {name for name, when in after.items() if when != before.get(name)} == {
        "fourth_D.gwy", "second_D.gwy"
    }  # fmt: skip
    assert "4 of 10 files fitted, 2 of them before and unchanged since, 6 failed" in printed.out
    assert {line.partition(" failed:")[0] for line in printed.err.splitlines()[:-1]} == BROKEN.keys() - {
        "cut.gwy"
    }
    assert printed.err.splitlines()[-1].startswith("tesm: 6 of 10 files failed")
    # Who has taken a broken file away does not find it in the table any more.
    assert "cut.gwy" not in {row["file"] for row in rows_of(out)}


def test_a_crash_and_a_hang_take_their_own_task_only():
    tasks = ["1", "crash", "2", "hang", "3", "leave", "4", "5"]
    taken = {}
    with Workers(number_of_task, reason_of_loss, jobs=2, patience=3) as workers:
        waiting = list(tasks)
        workers.work(lambda: waiting.pop(0) if waiting else None, taken.__setitem__)
    assert taken.keys() == set(tasks)
    assert {task: taken[task][0] for task in "12345"} == {task: int(task) for task in "12345"}
    assert "SIGABRT" in taken["crash"][1]
    assert "nothing happened for 3 s" in taken["hang"][1]
    assert "with code 3" in taken["leave"][1]
    # Processes stay for the next task; only those that were lost are replaced.
    assert 2 <= len({taken[task][1] for task in "12345"}) <= 5
    assert taken["4"][1] == taken["5"][1] or len({taken[task][1] for task in "345"}) == 2


def test_a_claim_holds_until_it_is_released_or_nobody_is_there(tmp_path):
    path = tmp_path / "scan.working"
    claim = Claim.of(path)
    assert claim is not None
    assert Claim.of(path) is None
    claim.release()
    again = Claim.of(path)
    assert again is not None
    claim.release()  # what is another's now stays
    assert path.exists()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path.write_text(json.dumps([socket.gethostname(), gone.pid, "x"]))
    taken = Claim.of(path)
    assert taken is not None
    # Of another machine nobody here knows whether it lives: its touch says so.
    path.write_text(json.dumps(["elsewhere", gone.pid, "x"]))
    assert Claim.of(path) is None
    long_ago = time.time() - 3600
    os.utime(path, (long_ago, long_ago))
    assert Claim.of(path) is not None
    assert [each.name for each in tmp_path.iterdir()] == ["scan.working"]


def test_folders_of_scans_and_folders_that_are_one(tmp_path, monkeypatch):
    for name in ("a/scan.gwy", "b/scan.gwy", "b/scan_D.gwy", "b/r1c1.txt", "out/old.gwy", "b/.hidden.gwy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1 2\n")
    for row in (1, 2):
        for column in (1, 2, 3):
            (tmp_path / "b" / "pixels").mkdir(exist_ok=True)
            (tmp_path / "b" / "pixels" / f"r{row}c{column}.txt").write_text("0 1.5\n1 2.5\n2 3.5\n")
    (tmp_path / "b" / "raw.zarr").mkdir()
    (tmp_path / "b" / "raw.zarr" / "c").mkdir()
    one = inputs_from_paths([tmp_path / "b"], tmp_path / "out")
    assert [each.name for each in one] == ["pixels", "r1c1.txt", "raw.zarr", "scan.gwy"]
    assert [each.result for each in one] == ["pixels_D.gwy", "r1c1.txt_D.gwy", "raw.zarr_D.gwy", "scan_D.gwy"]
    both = inputs_from_paths([tmp_path / "a", tmp_path / "b"], tmp_path / "out", ["*.gwy"])
    assert [each.name for each in both] == ["a/scan.gwy", "b/scan.gwy", "b/scan_D.gwy"]
    whole = inputs_from_paths([tmp_path], tmp_path / "out", ["*.gwy"])
    assert [each.name for each in whole] == ["a/scan.gwy", "b/scan.gwy", "b/scan_D.gwy"]
    # Of another batch's folder its scans count, and its table is none.
    for name in ("a/batch.csv", "b/batch.csv"):
        (tmp_path / name).write_text("1 2\n")
    (tmp_path / "a" / ".batch").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    assert [each.name for each in inputs_from_paths(["."], "out")] == ["scan.gwy"]
    assert [each.name for each in inputs_from_paths([".."], "../out")][:2] == ["a/scan.gwy", "b/batch.csv"]
    with pytest.raises(ValueError, match="would have one result"):
        inputs_from_paths([tmp_path / "a" / "scan.gwy", tmp_path / "b" / "scan.gwy"], tmp_path / "out")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--part", "3/2"], "a part is its number and how many there are"),
        (["--patience", "0s"], "the patience is not positive"),
        (["--threshold", "much"], "much"),
    ],
)
def test_what_makes_no_sense_is_said_once_and_before(week, tmp_path, capsys, words, sentence):
    assert tesm("batch", week, "-o", tmp_path / "o", *words) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_watching_fits_what_comes_and_ends_when_told(tmp_path):
    inbox, folder = tmp_path / "inbox", tmp_path / "out"
    inbox.mkdir()
    words = [sys.executable, "-m", "napari_tesm.cli", "batch", str(inbox), "-o", str(folder), "--watch"]
    watching = subprocess.Popen([*words, "--jobs", "1"], stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 120
        while not (folder / "batch.csv").exists() and time.monotonic() < until:
            time.sleep(0.05)
        save(inbox / "new.gwy", example_dataset(shape=(3, 4), samples=60))
        while [row["state"] for row in rows_of(folder)] != ["ok", "ok"] and time.monotonic() < until:
            time.sleep(0.05)
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=60)
    finally:
        watching.kill()
        watching.communicate()
    assert watching.returncode == 130
    assert "interrupted" in said
    assert [row["state"] for row in rows_of(folder)] == ["ok", "ok"]


def test_a_file_under_several_links_is_fitted_once_and_what_is_passed_over_is_counted(tmp_path, capsys):
    folder = tmp_path / "week"
    (folder / "links").mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere.gwy"
    for path in (elsewhere, folder / "scan.gwy"):
        path.write_bytes(b"no scan")
    (folder / "a link.gwy").symlink_to(folder / "scan.gwy")
    (folder / "links" / "other.gwy").symlink_to(elsewhere)
    (folder / "links" / "same.gwy").symlink_to(elsewhere)
    (folder / "links" / "again.gwy").symlink_to("../scan.gwy")
    (folder / "links" / "again.recipe.json").write_text("{}")
    for name in ("notes.md", "one.PNG", "two.png", "old_D.gwy", "scan.yaml", ".hidden.png"):
        (folder / name).write_text("")
    passed = []
    names = [each.name for each in inputs_from_paths([folder], tmp_path / "out", (), passed)]
    assert names == ["links/again.gwy", "links/other.gwy", "scan.gwy"]
    assert sorted(passed) == ["notes.md", "old_D.gwy", "one.PNG", "two.png"]
    assert tesm("batch", folder, "-o", tmp_path / "out", "--jobs", 1, "--pattern", "*.nothing") == 0
    assert "9 files passed over, by their names no scans: 6 .gwy, 2 .png, 1 .md" in capsys.readouterr().out
