"""Engines that fail, flood, hang or write junk: one sentence in the log, nothing in the file, nothing left behind."""

import os
import shutil
import signal
import time

import pytest

from gwyddion.stress import FUNCTION, gone_soon
from napari_tesm.gwy import read_container
from napari_tesm.gwyddion_install.places import own_engine

pytestmark = pytest.mark.gwyddion


FAILURES = {
    "flood-and-fail": "the last line is what counts",
    "silent": "The engine ended with status 3 and did not say why.",
    "killed": "The engine was ended by signal 9 (Killed).",
    "bytes": "caf\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} is no file",
    "nothing": "The engine has ended without a result.",
    "junk": "The result of the engine cannot be read: ",
    "empty": "The engine has written a file without a result.",
}


@pytest.mark.parametrize("mode", FAILURES)
def test_a_failure_is_one_sentence_and_changes_nothing(stress, mode):
    run = stress(mode)
    own = [line for line in run.log if "Diffusion Maps: " in line]
    assert len(own) == 1
    assert own[0].startswith(f"LOG : Diffusion Maps: {FAILURES[mode]}")
    # Gwyddion's libraries complain themselves of what is no file of theirs.
    assert own == run.log or mode == "junk"
    assert stress.n_channels() == 2
    assert stress.host.leftovers() == []


def test_ten_megabytes_of_words_neither_block_nor_get_lost(stress):
    run = stress("flood")
    assert run.log == []
    assert stress.n_channels() == 17
    assert run.peak < 400e6
    assert stress.host.leftovers() == []


def test_an_engine_that_is_not_there_is_named(stress):
    run = stress("silent", TESM_ENGINE="/nowhere/of an engine")
    assert run.log == [
        "LOG : Diffusion Maps: The engine '/nowhere/of an engine' (from $TESM_ENGINE) is no program."
    ]
    run = stress("silent", TESM_ENGINE="", PATH="/nowhere")
    assert len(run.log) == 1
    assert "The engine 'tesm' was not found: install it" in run.log[0]
    assert stress.n_channels() == 2


def test_what_an_engine_leaves_behind_is_removed_and_links_are_not_followed(stress, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "data").write_text("stays")
    stress("litter", STRESS_TARGET=str(precious))
    assert stress.host.leftovers() == []
    assert (precious / "data").read_text() == "stays"


def test_children_of_the_engine_end_with_it(stress):
    started = time.monotonic()
    run = stress("orphan")
    assert run.log == []
    assert stress.n_channels() == 17
    assert time.monotonic() - started < 60
    assert gone_soon(stress.said("child"))


def test_an_engine_does_not_outlive_a_gwyddion_that_is_killed(stress):
    process = stress.host.start(
        "volume", FUNCTION, 1, stress.sample, stress.output, environment=stress.environment("hang")
    )
    pid = stress.wait_for("pid")
    stress.wait_for("child")
    assert stress.said("group") == pid  # so that Cancel reaches its children
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert gone_soon(pid)
    os.kill(stress.said("child"), signal.SIGKILL)


@pytest.mark.parametrize("name", ["with space", "Ätzung – č", "quote'\"$HOME;`id`", "-o"])
def test_names_of_files_and_folders_are_nothing_but_names(host, sample, tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(sample, folder / f"{name}.gwy")
    engine = folder / "tesm engine"
    engine.symlink_to(own_engine())
    run = host(
        "volume", FUNCTION, 1, folder / f"{name}.gwy", folder / "out.gwy",
        environment={"TESM_ENGINE": str(engine), "TMPDIR": str(folder)},
    )  # fmt: skip
    assert run.log == []
    assert sum(key.endswith("/data/title") for key in read_container(folder / "out.gwy")) == 17
    assert sorted(path.name for path in folder.iterdir()) == sorted([f"{name}.gwy", "out.gwy", engine.name])


def test_two_runs_at_once_do_not_meet(host, sample, tmp_path):
    processes = [
        host.start("volume", FUNCTION, number, sample, tmp_path / f"{number}.gwy") for number in (0, 1)
    ]
    runs = [host.finish(process) for process in processes]
    assert [run.log for run in runs] == [[], []]
    for number, voltage in enumerate(("(+3 V)", "(-3 V)")):
        made = read_container(tmp_path / f"{number}.gwy")
        titles = [str(value) for key, value in made.items() if key.endswith("/data/title")]
        assert len([title for title in titles if title.endswith(voltage)]) == 15
        assert len(titles) == 17
    assert host.leftovers() == []
