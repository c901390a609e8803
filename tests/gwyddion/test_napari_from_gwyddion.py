"""The open file in napari: the file itself if it is what is open, else a copy that goes when napari goes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gwyddion.stress import ENGINE, gone_soon
from napari_tesm.gwy import Field, put, read_container, write_container
from napari_tesm.gwy.selections import Selection
from napari_tesm.gwyddion_install.places import own_engine

pytestmark = pytest.mark.gwyddion

FUNCTION = "tesm_open_in_napari"


@pytest.fixture
def close_napari(tmp_path):
    """Call to have the stand-in for napari end; it ends with the test anyway."""
    switch = tmp_path / "close"
    yield switch.touch
    switch.touch()


def environment(stress, tmp_path, mode="view"):
    return stress.environment(mode, STRESS_TARGET=str(tmp_path / "close"))


def test_a_saved_file_is_opened_itself(host, stress, sample, tmp_path, close_napari):
    run = host("volume", FUNCTION, 0, sample, "", environment=environment(stress, tmp_path))
    assert run.log == []
    assert Path(stress.wait_for("viewed")) == sample
    assert run.seconds < 1  # nobody waits for napari
    assert host.leftovers() == []
    assert sample.exists()
    close_napari()
    assert gone_soon(stress.said("pid"))
    assert sample.exists()


def with_point(sample, path):
    container = read_container(sample)
    put(container, "/0/select/point", Selection("point", np.array([[5e-8, 5e-8]])).to_object(), "o")
    write_container(path, container)
    return path


def resaved(source, folder):
    """Return the file as Gwyddion writes it."""
    path = folder / "resaved.gwy"
    subprocess.run(["gwyddion", f"--convert-to-gwy={path}", source], check=True, timeout=120)
    return path


def test_a_file_with_selections_is_opened_itself_as_long_as_they_stay(
    host, stress, sample, tmp_path, close_napari
):
    marked = resaved(with_point(sample, tmp_path / "marked.gwy"), tmp_path)
    close_napari()
    for steps, itself in ((FUNCTION, True), (f"move,{FUNCTION}", False)):
        stress.notes.unlink(missing_ok=True)
        run = host("proc", steps, 0, marked, "", environment=environment(stress, tmp_path))
        assert run.log == []
        viewed = Path(stress.wait_for("viewed"))
        assert (viewed == marked) == itself, steps
        assert viewed.name == "resaved.gwy"


def test_maps_that_are_not_saved_yet_are_shown(host, stress, sample, tmp_path, close_napari):
    stress.engine.write_text(
        f'#!/bin/sh\n[ "$1" = view ] && exec "{sys.executable}" "{ENGINE}" "$@"\nexec "{own_engine()}" "$@"\n'
    )
    steps = f"tesm_displacement_map,{FUNCTION}"
    run = host("proc", steps, 0, sample, "", environment=environment(stress, tmp_path))
    assert run.log == []
    copy = Path(stress.wait_for("viewed"))
    assert copy != sample
    assert copy.name == sample.name
    titles = [value for key, value in read_container(copy).items() if key.endswith("/data/title")]
    assert "H (-3 V)" in [str(title) for title in titles]


def test_unsaved_data_are_a_copy_that_outlives_gwyddion_but_not_napari(host, stress, tmp_path, close_napari):
    run = host("volume", FUNCTION, 0, "huge:8:8:20", "", environment=environment(stress, tmp_path))
    assert run.log == []
    copy = Path(stress.wait_for("viewed"))
    # Gwyddion has ended by now.
    assert copy.name == "unsaved.gwy"
    assert "/brick/0" in read_container(copy)
    assert stress.said("session") not in (os.getsid(0), 0)
    close_napari()
    assert gone_soon(stress.said("pid"))
    deadline = time.monotonic() + 10
    while host.leftovers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert host.leftovers() == []


def test_what_was_saved_beside_the_copy_stays(host, stress, tmp_path, close_napari):
    host("volume", FUNCTION, 0, "huge:8:8:20", "", environment=environment(stress, tmp_path, "save"))
    copy = Path(stress.wait_for("viewed"))
    close_napari()
    deadline = time.monotonic() + 10
    while copy.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [path.name for path in copy.parent.iterdir()] == ["saved.gwy"]
    assert copy.with_name("saved.gwy").read_bytes() == b"precious"


def test_a_missing_engine_is_named(host, sample):
    run = host("proc", FUNCTION, 0, sample, "", environment={"TESM_ENGINE": "/nowhere"})
    assert run.log == ["LOG : Open in napari: The engine '/nowhere' (from $TESM_ENGINE) is no program."]
    assert host.leftovers() == []


def test_a_file_of_another_format_is_handed_over_as_gwyddion_has_understood_it(
    host, stress, tmp_path, close_napari
):
    header = b"Gwyddion Simple Field 1.0\nXRes = 4\nYRes = 3\nTitle = Height\n"
    values = np.arange(12, dtype="<f4")
    (tmp_path / "scan.gsf").write_bytes(header + b"\0" * (4 - len(header) % 4) + values.tobytes())
    run = host("proc", FUNCTION, 0, tmp_path / "scan.gsf", "", environment=environment(stress, tmp_path))
    assert run.log == []
    copy = Path(stress.wait_for("viewed"))
    assert copy.name == "scan.gsf.gwy"
    field = Field.from_object(read_container(copy)["/0/data"])
    np.testing.assert_array_equal(field.values.ravel(), values)
