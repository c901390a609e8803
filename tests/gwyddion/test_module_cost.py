"""Memory and time: no leak and no wrong access of the module's own, one copy of a volume, and no waiting."""

import re
import shutil

import numpy as np
import pytest

from gwyddion.test_regions_in_gwyddion import drawn
from napari_tesm.cli import main
from napari_tesm.gwy import put, read_container, write_container
from napari_tesm.gwy.selections import Selection

pytestmark = [pytest.mark.gwyddion, pytest.mark.slow]

VALGRIND = (
    "valgrind", "--leak-check=full", "--show-leak-kinds=definite", "--num-callers=40", "--child-silent-after-fork=yes",
)  # fmt: skip


def findings(stderr):
    """Return what valgrind says of calls that went through the module; the libraries have habits of their own."""
    text = re.sub(r"^==\d+== ?", "", stderr, flags=re.MULTILINE)
    assert "HEAP SUMMARY" in text
    return [record for record in text.split("\n\n") if "/tesm.so)" in record]


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
@pytest.mark.parametrize("case", ["good", "flood-and-fail", "junk", "missing"])
def test_valgrind_finds_nothing_in_the_module(host, stress, sample, tmp_path, case):
    environment = {} if case == "good" else stress.environment(case)
    if case == "missing":
        environment = {"TESM_ENGINE": "/nowhere"}
    process = host.start(
        "proc",
        "tesm_diffusion_maps",
        0,
        sample,
        tmp_path / "out.gwy",
        environment=environment,
        under=VALGRIND,
    )
    assert findings(host.finish(process).stderr) == []


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
@pytest.mark.parametrize(
    "functions",
    [
        "tesm_region_statistics",
        "tesm_null_curve,tesm_grains,tesm_grains",
        "tesm_open_in_napari,move,tesm_open_in_napari",
    ],
)
def test_valgrind_finds_nothing_in_the_other_functions(host, stress, sample, tmp_path, functions):
    marked = drawn(sample, tmp_path / "marked.gwy", selection=[[5e-8, 5e-8, 15e-8, 20e-8]])
    container = read_container(marked)
    put(container, "/0/select/point", Selection("point", np.array([[5e-8, 5e-8]])).to_object(), "o")
    write_container(tmp_path / "points.gwy", container)
    environment = stress.environment("no-view") if "napari" in functions else {}
    process = host.start(
        "proc",
        functions,
        0,
        tmp_path / "points.gwy",
        tmp_path / "out.gwy",
        environment=environment,
        under=VALGRIND,
    )
    assert findings(host.finish(process).stderr) == []


def test_a_volume_is_handed_over_with_one_copy_in_memory(host):
    size = 128 << 20
    idle = host(
        "volume", "tesm_diffusion_maps", 0, "huge:8:8:2", "", environment={"TESM_ENGINE": "/bin/false"}
    )
    busy = host(
        "volume", "tesm_diffusion_maps", 0, "huge:256:256:256", "", environment={"TESM_ENGINE": "/bin/false"}
    )
    # The volume itself is of zeros that no memory stands behind: what there is more is the copy on its way to the file.
    assert busy.peak - idle.peak < 1.2 * size
    assert busy.peak > size  # else nothing was handed over


def test_the_module_itself_takes_a_moment(host, sample, tmp_path):
    maps = tmp_path / "maps.gwy"
    assert main(["fit", str(sample), "-o", str(maps), "--maps-only", "--graphs", "--quiet"]) == 0
    engine = tmp_path / "engine"
    engine.write_text(f'#!/bin/sh\ncp "{maps}" "$4"\n')
    engine.chmod(0o755)
    runs = [
        host(
            "proc",
            "tesm_diffusion_maps",
            0,
            sample,
            tmp_path / "out.gwy",
            environment={"TESM_ENGINE": str(engine)},
        )
        for _ in range(3)
    ]
    assert [run.log for run in runs] == [[], [], []]
    assert sum(key.endswith("/data/title") for key in read_container(tmp_path / "out.gwy")) == 32
    # 0.07 s, measured on a machine of two cores; the promise is 0.6 s.
    assert min(run.seconds for run in runs) < 0.6
