"""``tesm gwyddion install | status | uninstall`` for a user of the tests' own."""

import base64
import hashlib
import os
import platform
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from napari_tesm import __version__
from napari_tesm.cli import main
from napari_tesm.gwyddion_install import places

ROOT = Path(__file__).parents[2]
PC_FOLDERS = (
    subprocess.run(["pkg-config", "--variable=pc_path", "pkg-config"], capture_output=True, text=True)
    .stdout.strip()
    .split(":")
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home – ü"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("TESM_ENGINE", raising=False)
    return folder


def tesm(capsys, *words):
    code = main(["gwyddion", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def package_files(folder, *, without=(), changed=()):
    """Make a folder of pkg-config files as the system has them, without some, and some of them changed."""
    folder.mkdir()
    for source in PC_FOLDERS:
        for path in Path(source).glob("*.pc"):
            if path.name not in without:
                (folder / path.name).write_text(path.read_text(errors="replace"))
    for name, old, new in changed:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))
    return str(folder)


@pytest.mark.gwyddion
def test_installed_described_and_removed(home, capsys, gwyoracle):
    code, out, err = tesm(capsys, "status")
    assert (code, err) == (1, "")
    assert "not installed" in out
    code, out, err = tesm(capsys, "install")
    assert (code, err) == (0, "")
    module = home / ".gwyddion" / "modules" / "tesm.so"
    assert str(module) in out
    assert sorted(path.name for path in module.parent.iterdir()) == ["tesm.so"]
    code, out, err = tesm(capsys, "status")
    assert (code, err) == (0, "")
    lines = dict(line.split(":", 1) for line in out.splitlines())
    assert lines["Module"].split(",")[0].strip() == __version__
    assert lines["Loads"].strip() == "yes: 30 functions in Curve Maps, Data Process, Volume Data"
    assert "remembered at installation" in lines["Engine"]
    assert tesm(capsys, "uninstall") == (
        0,
        f"Removed: {module}\nRemoved: {home / '.gwyddion' / 'tesm.conf'}\n",
        "",
    )
    assert tesm(capsys, "uninstall") == (0, "Nothing is installed for this user.\n", "")
    assert not list(home.rglob("*.so"))


@pytest.mark.gwyddion
def test_the_module_calls_the_engine_that_the_installation_remembered(
    home, capsys, host, sample, tmp_path, monkeypatch
):
    engine = tmp_path / "eng\\ine=ü;"
    engine.symlink_to(places.own_engine())
    monkeypatch.setattr(places, "own_engine", lambda: engine)
    monkeypatch.setattr("napari_tesm.gwyddion_install.installation.own_engine", lambda: engine)
    assert tesm(capsys, "install")[0] == 0
    assert places.engine_for_gwyddion() == (engine, "remembered at installation")
    lonely = {"HOME": str(home), "TESM_ENGINE": "", "PATH": "/usr/bin:/bin"}
    run = host("volume", "tesm_diffusion_maps", 1, sample, tmp_path / "out.gwy", environment=lonely)
    assert run.log == []
    engine.unlink()
    run = host("volume", "tesm_diffusion_maps", 1, sample, tmp_path / "out.gwy", environment=lonely)
    assert f"'{engine}' is not there any more: run 'tesm gwyddion install' again" in run.log[0]


def test_the_order_in_which_engines_count(home, tmp_path, monkeypatch):
    programs = {}
    for name in ("given", "chosen", "remembered", "tesm"):
        programs[name] = tmp_path / name
        programs[name].write_text("#!/bin/sh\n")
        programs[name].chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert places.engine_for_gwyddion()[0] == programs["tesm"]
    (home / ".gwyddion").mkdir()
    (home / ".gwyddion" / "tesm.conf").write_text(f"[engine]\ncommand={programs['remembered']}\n")
    assert places.engine_for_gwyddion()[0] == programs["remembered"]
    (home / ".gwyddion" / "settings").write_text(
        f'Gwyddion Settings 1.0\n"/module/tesm/engine" string "{programs["chosen"]}"\n'
    )
    assert places.engine_for_gwyddion()[0] == programs["chosen"]
    monkeypatch.setenv("TESM_ENGINE", str(programs["given"]))
    assert places.engine_for_gwyddion()[0] == programs["given"]
    monkeypatch.setenv("TESM_ENGINE", str(tmp_path / "missing"))
    assert places.engine_for_gwyddion() == (None, "$TESM_ENGINE")


@pytest.mark.gwyddion
@pytest.mark.parametrize(
    ("missing", "packages", "others"),
    [
        (["gwyddion.pc"], "libgwyddion20-dev", ["libgtk2.0-dev", "libfftw3-dev"]),
        (["gtkglext-1.0.pc"], "libgtkglext1-dev", ["libgwyddion20-dev", "libgtk2.0-dev"]),
        (["gtk+-2.0.pc", "fftw3.pc"], "libgtk2.0-dev libfftw3-dev", ["libgwyddion20-dev", "gcc"]),
    ],
)
def test_missing_headers_are_named_with_their_packages(
    home, capsys, tmp_path, monkeypatch, gwyoracle, missing, packages, others
):
    monkeypatch.setenv("PKG_CONFIG_LIBDIR", package_files(tmp_path / "pc", without=missing))
    code, out, err = tesm(capsys, "install")
    assert (code, out) == (1, "")
    assert f"sudo apt-get install {packages};" in err
    assert "sudo dnf install" in err
    assert not [name for name in others if name in err]
    assert err.count("\n") == 1
    assert not (home / ".gwyddion").exists()


@pytest.mark.parametrize(
    ("variable", "packages"), [("CC", "gcc libc6-dev;"), ("PKG_CONFIG", "pkg-config libgwyddion20-dev ")]
)
def test_a_missing_tool_is_named_with_its_packages(home, capsys, monkeypatch, variable, packages):
    monkeypatch.setenv(variable, "no-such-program")
    code, out, err = tesm(capsys, "install")
    assert (code, out) == (1, "")
    assert f"sudo apt-get install {packages}" in err


@pytest.mark.gwyddion
@pytest.mark.parametrize(
    ("version", "words"), [("2.59", "2.60 or later is needed"), ("3.1", "is for Gwyddion 2")]
)
def test_another_gwyddion_is_refused(home, capsys, tmp_path, monkeypatch, gwyoracle, version, words):
    here = subprocess.run(
        ["pkg-config", "--modversion", "gwyddion"], capture_output=True, text=True
    ).stdout.strip()
    changed = [("gwyddion.pc", f"Version: {here}", f"Version: {version}")]
    monkeypatch.setenv("PKG_CONFIG_LIBDIR", package_files(tmp_path / "pc", changed=changed))
    code, _, err = tesm(capsys, "install")
    assert code == 1
    assert words in err
    assert version in err


@pytest.mark.gwyddion
def test_a_module_that_does_not_fit_is_told_apart(home, capsys, tmp_path, gwyoracle):
    module = home / ".gwyddion" / "modules" / "tesm.so"
    module.parent.mkdir(parents=True)
    cases = {
        "int nothing;": "no query function",
        "void gone(void); void _gwy_module_query(void) { gone(); }": "undefined symbol: gone",
        "int info[20] = { 1 }; void *_gwy_module_query(void) { return info; }": "Module ABI version 1 differs from 2",
        "void *_gwy_module_query(void) { return *(void**)0; }": "loading it ends the program",
    }
    for source, words in cases.items():
        (tmp_path / "other.c").write_text(source)
        subprocess.run(["gcc", "-w", "-shared", "-fPIC", "-o", module, tmp_path / "other.c"], check=True)
        code, out, err = tesm(capsys, "status")
        assert (code, err) == (1, "")
        assert words in out, source
    module.write_bytes(b"no library")
    assert "Loads:    no: " in tesm(capsys, "status")[1]


@pytest.mark.gwyddion
def test_a_build_that_fails_leaves_the_earlier_module(home, capsys, tmp_path, monkeypatch, gwyoracle):
    module = home / ".gwyddion" / "modules" / "tesm.so"
    module.parent.mkdir(parents=True)
    module.write_bytes(b"earlier")
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "broken.c").write_text("int broken(void) { return nobody; }\n")
    monkeypatch.setattr("napari_tesm.gwyddion_install.building.source_folder", lambda: sources)
    code, out, err = tesm(capsys, "install")
    assert (code, out) == (1, "")
    assert "the compiler failed: " in err
    assert "nobody" in err
    assert module.read_bytes() == b"earlier"
    assert sorted(path.name for path in module.parent.iterdir()) == ["tesm.so"]


def fake_gwyddions(folder, monkeypatch, **versions):
    """Have these programs alone on the PATH."""
    folder.mkdir()
    for name, version in versions.items():
        (folder / name).write_text(f"#!/bin/sh\necho 'Gwyddion {version} (2026-08-31)'\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_the_module_is_only_put_where_a_gwyddion_takes_it(home, capsys, tmp_path, monkeypatch):
    system = os.environ["PATH"]
    fake_gwyddions(tmp_path / "three", monkeypatch, gwyddion3="3.11", gwyddion="4.0")
    code, out, err = tesm(capsys, "install")
    assert (code, out, err.count("\n")) == (1, "", 1)
    made_for = "the module is for Gwyddion 2 from 2.60 and Gwyddion 3 from 3.12 on"
    assert f"{made_for}, and here is Gwyddion 4.0 (" in err
    assert f"and Gwyddion 3.11 ({tmp_path / 'three' / 'gwyddion3'})" in err
    assert not (home / ".gwyddion").exists()
    said = f"Gwyddion: 3.11, {tmp_path / 'three' / 'gwyddion3'} ({made_for})\n"
    assert said in tesm(capsys, "status")[1]
    fake_gwyddions(tmp_path / "old", monkeypatch, gwyddion="2.59")
    assert "here is Gwyddion 2.59 (" in tesm(capsys, "install")[2]
    fake_gwyddions(tmp_path / "other", monkeypatch, gwyddion="x")  # somebody else's program of that name
    assert "no program gwyddion on the PATH" in tesm(capsys, "status")[1]
    # One that takes it is named first.
    fake_gwyddions(tmp_path / "both", monkeypatch, gwyddion="3.1", gwyddion3="2.70")
    out = tesm(capsys, "status")[1]
    assert out.index("Gwyddion: 2.70") < out.index("Gwyddion: 3.1,")
    # Headers of 2 make no module for 3.
    fake_gwyddions(tmp_path / "new", monkeypatch, gwyddion3="3.12")
    tools = {name: shutil.which(name, path=system) for name in ("gcc", "pkg-config")}
    for name, tool in tools.items():
        if tool:
            (tmp_path / "new" / name).symlink_to(tool)
    code, out, err = tesm(capsys, "install")
    assert (code, out) == (1, "")
    assert "the module for Gwyddion 3 cannot be built: " in err
    assert not (home / ".gwyddion3").exists()


@pytest.mark.gwyddion
def test_what_came_built_needs_no_compiler_and_counts_only_where_it_loads(
    home, capsys, tmp_path, monkeypatch, module
):
    sources = tmp_path / "sources"
    shutil.copytree(ROOT / "gwyddion_plugin", sources)
    machine = platform.machine()
    built = sources / "prebuilt" / f"tesm-linux-{machine}.so"
    built.parent.mkdir()
    shutil.copy(module, built)
    monkeypatch.setattr(places, "source_folder", lambda: sources)
    monkeypatch.setenv("CC", "no-such-program")
    system = os.environ["PATH"]
    fake_gwyddions(tmp_path / "both", monkeypatch, gwyddion3="3.12")
    monkeypatch.setenv("PATH", f"{tmp_path / 'both'}:{system}")
    code, out, err = tesm(capsys, "install")
    assert (code, err) == (0, "")
    installed = home / ".gwyddion" / "modules" / "tesm.so"
    assert f"Module: {installed} (as it came with napari-tesm)\n" in out
    assert installed.read_bytes() == module.read_bytes()
    assert "Note: the module for Gwyddion 3 cannot be built: a C compiler" in out
    assert "Module:   none for Gwyddion 3; tesm gwyddion install does it\n" in tesm(capsys, "status")[1]
    # One for another Gwyddion, or cut on its way, is not taken; then it is built.
    built.write_bytes(module.read_bytes()[:5000])
    assert "a C compiler is missing" in tesm(capsys, "install")[2]
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert places.prebuilt_module() is None


def test_a_wheel_with_the_module_is_one_that_pip_takes(tmp_path):
    with_module = runpy.run_path(str(ROOT / "gwyddion_plugin" / "make_wheels.py"))["with_module"]
    plain, module = tmp_path / "a-1.0-py3-none-any.whl", tmp_path / "tesm-linux-aarch64.so"
    module.write_bytes(b"\x7fELF")
    with zipfile.ZipFile(plain, "w") as wheel:
        wheel.writestr("a/__init__.py", "x = 1\n")
        wheel.writestr(
            "a-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("a-1.0.dist-info/RECORD", "")
    (tmp_path / "out").mkdir()
    made = with_module(plain, module, "manylinux_2_17_aarch64", tmp_path / "out")
    assert made.name == "a-1.0-py3-none-manylinux_2_17_aarch64.whl"
    with zipfile.ZipFile(made) as wheel:
        assert b"Tag: py3-none-manylinux_2_17_aarch64\n" in wheel.read("a-1.0.dist-info/WHEEL")
        assert wheel.read("napari_tesm/gwyddion_plugin/prebuilt/tesm-linux-aarch64.so") == b"\x7fELF"
        recorded = dict(
            line.split(",", 1) for line in wheel.read("a-1.0.dist-info/RECORD").decode().splitlines()
        )
        assert set(recorded) == set(wheel.namelist())
        digest = base64.urlsafe_b64encode(hashlib.sha256(b"x = 1\n").digest()).decode().rstrip("=")
        assert recorded["a/__init__.py"] == f"sha256={digest},6"


def test_the_plugins_for_pygwy_come_and_go_without_a_compiler(home, capsys, monkeypatch):
    monkeypatch.setenv("CC", "no-such-program")
    memory = home / ".gwyddion" / "tesm.conf"
    memory.parent.mkdir()
    memory.write_text("[pygwy]\noptions = --tip-radius=30nm\n")
    code, out, err = tesm(capsys, "install", "--pygwy")
    assert (code, err) == (0, "")
    folder = home / ".gwyddion" / "pygwy"
    names = ["tesm/tesm_pygwy.py", "tesm_process.py", "tesm_volume.py"]
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.py")) == names
    assert "options=--tip-radius=30nm" in memory.read_text()
    assert places.engine_for_gwyddion() == (places.own_engine(), "remembered at installation")
    code, out, _ = tesm(capsys, "status")
    assert code == 1  # the module itself is not there
    assert f"Plug-ins: for pygwy, in {folder}\n" in out
    assert tesm(capsys, "uninstall")[0] == 0
    assert not list(folder.rglob("*"))
    assert tesm(capsys, "status", "--pygwy")[0] == 2


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_elsewhere_than_on_linux_the_way_out_is_named(home, capsys, monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    code, out, err = tesm(capsys, "install")
    assert (code, out) == (1, "")
    assert "tesm gwyddion install --pygwy" in err
    assert (places.gwyddion_folder().name == "gwyddion") == (platform == "win32")


def test_the_sources_travel_with_the_package(tmp_path):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    taken = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert taken["gwyddion_plugin"] == "napari_tesm/gwyddion_plugin"
    # As installed from a wheel: the package with the sources inside it, and nothing beside it.
    site = tmp_path / "site"
    shutil.copytree(ROOT / "napari_tesm", site / "napari_tesm")
    shutil.copytree(ROOT / "gwyddion_plugin", site / "napari_tesm" / "gwyddion_plugin")
    code = "from napari_tesm.gwyddion_install.places import source_folder; print(source_folder())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(site)},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(done.stdout.strip()) == site / "napari_tesm" / "gwyddion_plugin"
