"""The module in the libraries of a real Gwyddion 3: see ``make_gwyddion3_root.sh``, which makes what this takes.

The programs of that folder run from there, with its own libraries: nothing of it is installed here.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gwyddion.comparing import assert_same_channels, assert_same_graphs, channels, fitted, graphs
from gwyddion.modulehost import SOURCE, Host
from gwyddion.test_module_under_stress import *  # noqa: F403
from napari_tesm.cli import main
from napari_tesm.gwy import put, read_container, write_container
from napari_tesm.gwyddion_install.building import command_to_build
from napari_tesm.gwyddion_install.places import source_folder

ROOT = Path(os.environ.get("GWYDDION3_ROOT", Path(__file__).parents[2] / "build" / "gwyddion3-root"))
LIBRARIES = ROOT / "usr" / "lib" / "x86_64-linux-gnu"
WARNING = re.compile(r"^\(gwyddion3:\d+\): (?:(\S+)-)?(?:WARNING|CRITICAL)[ *]*: ")
FLAGS = "$(pkg-config --cflags --libs libgwyapp3)"

pytestmark = pytest.mark.skipif(
    not (ROOT / "usr" / "bin" / "gwyddion3").exists() or os.geteuid() != 0,
    reason="there is no Gwyddion 3 here: make_gwyddion3_root.sh makes one, and it takes root to build in it",
)


@dataclass(frozen=True)
class Host3(Host):
    """As `Host`, with the libraries of another system."""

    def start(self, *arguments, environment=None, **options):
        loader = (str(ROOT / "lib64" / "ld-linux-x86-64.so.2"), "--library-path", str(LIBRARIES))
        files = {"HOST_FILE_MODULE": str(LIBRARIES / "gwyddion3" / "modules" / "file" / "file.so")}
        return super().start(*arguments, environment=files | (environment or {}), under=loader, **options)

    def finish(self, process):
        """Return the run with warnings as `Host` has them; that 3.12 has some formats twice is none of ours."""
        run = super().finish(process)
        lines = [line for line in run.stderr.splitlines() if "Duplicate function" not in line]
        return replace(
            run,
            stderr="\n".join(WARNING.sub(lambda match: f"LOG {match[1] or ''}: ", line) for line in lines),
        )


@pytest.fixture(scope="module")
def built():
    """Host and module, built by that system's compiler with its headers; all warnings are errors."""
    folder = ROOT / "tmp" / f"tesm-{os.getpid()}"
    shutil.copytree(source_folder(), folder)
    shutil.copy(SOURCE, folder / "host")
    flags = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"]
    command = command_to_build(["gcc", *flags], source_folder(), Path("tesm.so"), [], generation=3)
    inside = " ".join(word.replace(f"{source_folder()}/", "") for word in command)
    host = "gcc -O1 -w -x c -DTESM_GWYDDION_3 -Wl,--no-as-needed -rdynamic -o modulehost host -I."
    script = f"cd /tmp/{folder.name} && {inside} {FLAGS} && {host} -x none {FLAGS} -lm -ldl"
    subprocess.run(["chroot", ROOT, "sh", "-ec", script], check=True, timeout=200)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def host(built, tmp_path):
    """In the place of that of Gwyddion 2, also for the stress that this module has to stand as well."""
    return Host3(built / "modulehost", built / "tesm.so", tmp_path)


def test_maps_of_gwyddion_3_are_the_engines(host, sample, tmp_path):
    """All traces of a channel's grid; a file of Gwyddion 2 is read, one of Gwyddion 3 written."""
    run = host("proc", "tesm_diffusion_maps", 0, sample, tmp_path / "out.gwy3")
    assert run.log == []
    assert len(run.functions) == 30
    assert (tmp_path / "out.gwy3").read_bytes().startswith(b"GWYQ")
    made, expected = read_container(tmp_path / "out.gwy3"), fitted(sample, tmp_path / "fit.gwy3")
    assert len(channels(expected)) == 30
    assert_same_channels(made, expected)
    assert_same_graphs(graphs(made), graphs(expected))
    number = channels(made)["D1 (-3 V)"]
    (entry,) = made[f"/{number}/data/log"]["strings"]
    assert entry.startswith("image::tesm_diffusion_maps(")
    assert "threshold=0.15" in entry
    assert host.leftovers() == []
    # It goes by its own name afterwards, and not by that of the copy which the engine was given.
    assert run.filename == str(sample)


def test_a_curve_map_and_regions_in_gwyddion_3(host, sample, tmp_path):
    run = host("volume", "tesm_displacement_map,tesm_displacement_map", 1, sample, tmp_path / "out.gwy3")
    assert run.log == []
    made = read_container(tmp_path / "out.gwy3")
    titles = [made[key] for key in made if key.endswith("/data/title")]
    assert titles.count("H (-3 V)") == 2
    # A second run of statistics changes the graphs that are there.
    run = host("proc", "tesm_region_statistics,tesm_region_statistics", 0, sample, tmp_path / "graphs.gwy3")
    made = read_container(tmp_path / "graphs.gwy3")
    titles = [graph.title for graph in graphs(made)]
    assert titles
    assert len(titles) == len(set(titles))
    assert "Region statistics" in made["/0/meta"]


def test_the_null_curve_and_grains_in_gwyddion_3(host, sample, tmp_path):
    """Grains of H, where nothing was fitted; a second run changes the channels and graphs that are there."""
    run = host(
        "proc", "tesm_null_curve,tesm_grains,tesm_null_curve,tesm_grains", 0, sample, tmp_path / "out.gwy3"
    )
    assert run.log == []
    made = read_container(tmp_path / "out.gwy3")
    assert main(["null", str(sample), "-o", str(tmp_path / "null.gwy")]) == 0
    assert_same_graphs(graphs(made), graphs(read_container(tmp_path / "null.gwy")))
    assert main(["grains", str(sample), "-o", str(tmp_path / "grains.gwy"), "--maps-only", "--quiet"]) == 0
    expected = read_container(tmp_path / "grains.gwy")
    assert len(channels(made)) == len(channels(read_container(sample))) + len(channels(expected))
    assert_same_channels(made, expected)
    assert "Grain statistics" in made["/0/meta"]


def test_a_refusal_is_one_sentence_and_changes_nothing(host, sample, tmp_path):
    container = read_container(sample)
    for number in (0, 1):
        put(container[f"/brick/{number}/meta"], "Pulse duration", "ten milliseconds", "s")
    write_container(tmp_path / "scan.gwy3", container)
    run = host("proc", "tesm_diffusion_maps", 0, tmp_path / "scan.gwy3", tmp_path / "out.gwy3")
    said = run.log
    assert len(said) == 1
    assert "ten milliseconds" in said[0]
    assert channels(read_container(tmp_path / "out.gwy3")) == channels(container)
    assert host.leftovers() == []
