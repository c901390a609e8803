"""The pygwy plug-ins against a stand-in for ``gwy``: here with the real engine, in Python 2.7 with another."""

import ast
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gwyddion import standin_gwy
from gwyddion.comparing import assert_same_channels, assert_same_graphs, fitted, graphs
from napari_tesm.gwy import Brick, put, read_container, write_container
from napari_tesm.gwyddion_install.places import own_engine

PLUGINS = Path(__file__).parents[2] / "gwyddion_plugin" / "pygwy"
SCRIPT = Path(__file__).with_name("pygwy_in_python2.py")
FILES = sorted(PLUGINS.rglob("*.py"))


class RealBrick:
    """What pygwy knows of a volume, around the object of the file."""

    def __init__(self, gwy_object):
        self.object = gwy_object
        brick = Brick.from_object(gwy_object)
        self.size = (brick.values.shape[2], brick.values.shape[1])

    def get_xres(self):
        return self.size[0]

    def get_yres(self):
        return self.size[1]


def container_from_file(path):
    file, container = read_container(path), standin_gwy.Container()
    for key, value in file.items():
        kind = file.typecodes[key]
        wrapped = RealBrick(value) if kind == "o" and getattr(value, "name", "") == "GwyBrick" else value
        if kind == "s":
            wrapped = str(value)
        container.values[key] = (kind, wrapped)
    return container


def file_from_container(container, path):
    file = type(read_container(SAMPLE))()
    for key, (kind, value) in container.values.items():
        put(file, key, value.object if isinstance(value, RealBrick) else value, kind)
    write_container(path, file)


SAMPLE = Path(__file__).parents[2] / "sample_data" / "si_c_step.gwy"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Home of a user who has the plug-ins where Gwyddion looks for them."""
    folder = tmp_path / "home ü"
    shutil.copytree(PLUGINS, folder / ".gwyddion" / "pygwy", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


@pytest.fixture
def plugin(home, tmp_path, monkeypatch):
    """Call with a name to load a plug-in as pygwy does."""
    monkeypatch.setitem(sys.modules, "gwy", standin_gwy)
    monkeypatch.setattr(sys, "path", [str(home / ".gwyddion" / "pygwy"), *sys.path])
    monkeypatch.setattr(standin_gwy, "save", file_from_container)

    def load(path):
        # Gwyddion reads all of a file; ours is mapped, and would not outlive it.
        kept = tmp_path / f"kept {len(list(tmp_path.glob('kept *')))}.gwy"
        return container_from_file(shutil.copy(path, kept))

    monkeypatch.setattr(standin_gwy, "load", load)
    monkeypatch.setenv("TESM_ENGINE", str(own_engine()))
    yield importlib.import_module
    for name in ("tesm_volume", "tesm_process", "tesm_pygwy"):
        sys.modules.pop(name, None)


def leftovers(tmp_path):
    return list((tmp_path / "temporary").iterdir())


def test_maps_and_graphs_of_a_volume_are_the_engines(plugin, tmp_path, monkeypatch):
    data = container_from_file(SAMPLE)
    monkeypatch.setitem(standin_gwy.current, standin_gwy.APP_BRICK_ID, 1)
    module = plugin("tesm_volume")
    assert module.plugin_type == "VOLUME"
    module.run(data, 1)
    file_from_container(data, tmp_path / "out.gwy")
    made = read_container(tmp_path / "out.gwy")
    expected = fitted(SAMPLE, tmp_path / "fit.gwy", "--traces", "1")
    # pygwy cannot take an entry out of metadata: that of the digest stays, of a file that is no more.
    for number in (key for key in made if key.endswith("/meta") and "Input SHA-256" in made[key]):
        del made[number]["Input SHA-256"]
    assert_same_channels(made, expected)
    assert_same_graphs(graphs(made), graphs(expected))
    assert leftovers(tmp_path) == []


def test_from_a_channel_all_volumes_of_its_size_are_fitted(plugin, tmp_path, monkeypatch):
    data = container_from_file(SAMPLE)
    monkeypatch.setitem(standin_gwy.current, standin_gwy.APP_DATA_FIELD, data["/brick/0"])
    module = plugin("tesm_process")
    assert module.plugin_type == "PROCESS"
    module.run(data, 1)
    titles = [data[key] for key in data.keys_by_name() if key.endswith("/data/title")]
    assert len([title for title in titles if title.endswith("(+3 V)")]) == 15
    assert len([title for title in titles if title.endswith("(-3 V)")]) == 15
    kinds = {key.split("/", 2)[2]: kind for key, (kind, _) in data.values.items() if key.startswith("/5/")}
    assert kinds == {
        "data": "o", "data/visible": "b", "data/title": "s", "base/palette": "s", "base/range-type": "i",
        "base/min": "d", "base/max": "d", "mask": "o", "meta": "o",
    }  # fmt: skip


def test_a_channel_of_another_size_has_no_traces(plugin, monkeypatch):
    data = container_from_file(SAMPLE)
    monkeypatch.setitem(standin_gwy.current, standin_gwy.APP_DATA_FIELD, standin_gwy.Brick(64, 47))
    with pytest.raises(RuntimeError, match="there are no traces"):
        plugin("tesm_process").run(data, 1)


def test_options_stand_in_a_file_of_the_users(plugin, home, tmp_path, monkeypatch):
    data = container_from_file(SAMPLE)
    monkeypatch.setitem(standin_gwy.current, standin_gwy.APP_BRICK_ID, 1)
    (home / ".gwyddion" / "tesm.conf").write_text(
        "[pygwy]\noptions = --tip-radius=50nm --contact-radius=5nm --window2=none\n"
    )
    plugin("tesm_volume").run(data, 1)
    titles = [data[key] for key in data.keys_by_name() if key.endswith("/data/title")]
    assert "D1 (-3 V)" in titles
    assert "D2 (-3 V)" not in titles
    number = next(key.split("/")[1] for key in data.keys_by_name() if data[key] == "D1 (-3 V)")
    assert data[f"/{number}/meta"]["Tip radius"] == "50 nm"
    assert data[f"/{number}/meta"]["Contact radius"] == "5 nm"


def test_a_failure_is_the_engines_last_line_and_changes_nothing(plugin, home, tmp_path, monkeypatch):
    data = container_from_file(SAMPLE)
    monkeypatch.setitem(standin_gwy.current, standin_gwy.APP_BRICK_ID, 1)
    (home / ".gwyddion" / "tesm.conf").write_text("[pygwy]\noptions = --window2=25\n")
    before = dict(data.values)
    with pytest.raises(RuntimeError, match=r"^Try 'tesm fit --help'|window|unit"):
        plugin("tesm_volume").run(data, 1)
    # What is to be given is given in that file, not in a dialog.
    (home / ".gwyddion" / "tesm.conf").write_text("[pygwy]\noptions = --lock-in-order=2\n")
    with pytest.raises(RuntimeError, match=r"give --lock-in-time-constant in tesm\.conf$"):
        plugin("tesm_volume").run(data, 1)
    monkeypatch.setenv("TESM_ENGINE", "/nowhere")
    with pytest.raises(RuntimeError, match="The engine '/nowhere' cannot be started"):
        plugin("tesm_volume").run(data, 1)
    monkeypatch.setenv("TESM_ENGINE", "/bin/true")
    with pytest.raises(RuntimeError, match="ended without a result"):
        plugin("tesm_volume").run(data, 1)
    assert data.values == before
    assert leftovers(tmp_path) == []


def copying_engine(path, *, fails=False):
    """Write an engine that gives back pickled channels, and must understand nothing."""
    lines = [
        f"#!{sys.executable}",
        "import pickle, sys",
        "words = sys.argv[1:]",
        "values = pickle.load(open(words[1], 'rb'))",
        "assert '--maps-only' in words and '--graphs' in words, words",
        "print('caf\\u00e9 ' + ' '.join(sorted(values)))",
        "sys.exit(3)" if fails else "",
        "out = {'/0/data': values['/brick/1'], '/0/data/title': ('s', 'D1'), '/0/base/min': ('d', 1.5),",
        "       '/0/graph/graph/1': values['/brick/1'], '/0/base/range-type': ('i', 1)}",
        "pickle.dump(out, open(words[3], 'wb'), 2)",
    ]
    path.write_text("\n".join(lines))
    path.chmod(0o755)
    return str(path)


def pythons():
    """This Python, and Python 2.7 where there is one."""
    usable = [sys.executable]
    installed = sorted((Path.home() / ".pyenv" / "versions").glob("2.7*/bin/python2.7"))
    for name in ("python2.7", "python2", *map(str, installed)):
        try:
            done = subprocess.run([name, "-c", "print(1)"], capture_output=True)
        except OSError:
            continue
        if done.returncode == 0:
            return [*usable, name]
    return usable


@pytest.mark.parametrize("python", pythons(), ids=lambda path: Path(path).name)
def test_both_plugins_run_in_any_python(home, tmp_path, python):
    environment = os.environ | {
        "PYTHONPATH": str(SCRIPT.parent),
        "PYTHONIOENCODING": "utf-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TESM_ENGINE": copying_engine(tmp_path / "engine"),
    }
    command = [python, SCRIPT, home]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    volume, process = done.stdout.splitlines()
    assert volume == "/0/graph/graph/0 /1/base/min /1/base/range-type /1/data /1/data/title /1/data/visible"
    assert process.split()[:2] == ["/0/graph/graph/1", "/2/base/min"]
    environment["TESM_ENGINE"] = copying_engine(tmp_path / "engine", fails=True)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    volume, process = done.stdout.splitlines()
    assert volume.startswith("RuntimeError")
    assert volume.rstrip("'").endswith("/brick/1 /brick/1/title")
    assert process.rstrip("'").endswith("/brick/0 /brick/1 /brick/1/title")
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_words_are_those_of_old_pythons(path):
    """What Python 2.7 would not read, where there is none to ask."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 4))
    assert text.startswith("# -*- coding: utf-8 -*-")
    for node in ast.walk(tree):
        assert not isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.Nonlocal | ast.AsyncFunctionDef)
        if isinstance(node, ast.FunctionDef):
            assert not node.args.kwonlyargs
            assert node.returns is None
        if isinstance(node, ast.Raise):
            assert node.cause is None
    assert len(FILES) == 3
