"""Memory: no leak and no wrong access of the module's own, and no more of it than a large volume needs."""

import re
import shutil

import pytest

from gwyddion.test_module_under_stress import Stress

pytestmark = [pytest.mark.gwyddion, pytest.mark.slow]

VALGRIND = (
    "valgrind", "--leak-check=full", "--show-leak-kinds=definite", "--num-callers=40", "--child-silent-after-fork=yes",
)  # fmt: skip


@pytest.fixture
def stress(host, sample, tmp_path):
    return Stress(host, sample, tmp_path)


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
