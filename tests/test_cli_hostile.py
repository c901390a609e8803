"""The command line against input that means harm: one sentence, an exit code, nothing half done."""

import contextlib
import json
import os
import random
import re
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import example_dataset
from gwyfile.objects import GwyContainer

from napari_tesm import fit, open_dataset, open_datasets, save, simulate_dataset
from napari_tesm.cli import main
from napari_tesm.files.texts import printable
from napari_tesm.gwy.objects import Brick, metadata_container
from napari_tesm.gwy.parts import put
from napari_tesm.gwy.writing import write_container_to
from napari_tesm.simulation.scene import drawn_scene

STEERING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
METADATA = {
    "Pulse voltage": "-3 V",
    "Pulse start": "0 s",
    "Pulse duration": "10 ms",
    "Tip radius": "25 nm ± 5 nm",
}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command line and holds what must be true whatever the input is."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        started = time.perf_counter()
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        assert time.perf_counter() - started < 120  # it ends; how fast depends on what else runs
        assert code in (0, 1, 2), words
        lines = printed.err.splitlines()
        assert len(lines) <= (3 if code == 2 else 1), printed.err
        assert bool(lines) == (code != 0)
        assert "unexpected" not in printed.err
        assert "Errno" not in printed.err
        assert len(printed.err) < 5000
        assert not STEERING.search(printed.err + printed.out)
        return code, printed.out, printed.err

    return call


def traces(height: int = 5, width: int = 6, samples: int = 40) -> np.ndarray:
    """Return a pulse and its relaxation, time first."""
    t = np.arange(samples) * 25e-3 / samples
    response = (1 - np.exp(-np.clip(t, 0, 10e-3) / 3e-3)) * np.exp(-np.clip(t - 10e-3, 0, None) / 2e-3)
    noise = np.random.default_rng(0).standard_normal((samples, height, width))
    return np.asarray(response[:, None, None] + 0.004 * noise)


def brick(values: np.ndarray | None = None, **changes: Any) -> Brick:
    settings: dict[str, Any] = {
        "x_real": 60e-9, "y_real": 50e-9, "z_real": 25e-3, "unit_x": "m", "unit_y": "m", "unit_z": "s",
        "unit_w": "V",
    }  # fmt: skip
    return Brick(traces() if values is None else values, **settings | changes)


def written(path: Path, *stacks: tuple[Brick, dict[str, str], str | None], **components: float) -> Path:
    """Write volumes with their metadata and titles; `components` overwrite what the objects hold."""
    container = GwyContainer()
    for number, (stack, metadata, title) in enumerate(stacks):
        volume = stack.to_object()
        for name, value in components.items():
            put(volume, name, value, "d")
        put(container, f"/brick/{number}", volume, "o")
        put(container, f"/brick/{number}/meta", metadata_container(metadata), "o")
        if title is not None:
            put(container, f"/brick/{number}/title", title, "s")
    with path.open("wb") as file:
        write_container_to(file, container)
    return path


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return written(tmp_path / "scan.gwy", (brick(), METADATA, "Traces (-3 V)"))


@pytest.mark.slow
def test_mutated_files_end_in_a_sentence(tmp_path: Path, run: Run) -> None:
    source, out = tmp_path / "source.gwy", tmp_path / "out.gwy"
    save(source, simulate_dataset(size=(6, 5), samples=40))
    assert run("fit", source, "-o", out, "--quiet")[0] == 0
    wholes = [path.read_bytes() for path in (source, out)]
    # Names, sizes, units and metadata are where damage hurts; samples are only numbers.
    words = [
        [place for match in re.finditer(rb"[\x00-\x7f]{6,}", whole) for place in range(*match.span())]
        for whole in wholes
    ]
    draw = random.Random(0)
    broken, target = tmp_path / "broken.gwy", tmp_path / "target.gwy"
    for _ in range(40):
        which = draw.randrange(2)
        whole = bytearray(wholes[which])
        if draw.random() < 0.2:
            del whole[draw.randrange(len(whole)) :]
        for _ in range(draw.choice((1, 1, 2, 5))):
            place = draw.choice(words[which]) if draw.random() < 0.8 else draw.randrange(len(wholes[which]))
            if place < len(whole):
                whole[place] = draw.choice(
                    (whole[place] ^ 1 << draw.randrange(8), draw.randrange(256), 0, 255, 57)
                )
        broken.write_bytes(whole)
        run("info", broken)
        code, text, _ = run("info", broken, "--json")
        if code == 0:
            json.loads(text, parse_constant=pytest.fail)
        run("fit", broken, "-o", target, "--overwrite", "--quiet", "--jobs", 1)
        if which:
            run("fit", source, "-o", target, "--recipe", broken, "--overwrite", "--quiet", "--jobs", 1)
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "value"),
    [((1, 2, 3, 17), 1e306), ((1, 2), -1e160), ((), 1e-320)],
    ids=["sample", "line", "scan"],
)
def test_samples_of_absurd_size(tmp_path: Path, run: Run, where: tuple[int, ...], value: float) -> None:
    """A flipped bit makes an exponent: the other pixels keep their numbers, and all commands end."""
    dataset = simulate_dataset(size=(6, 5), samples=40)
    samples = dataset["displacement"].values.copy()
    samples[where] = value if len(where) == 4 else samples[where] * value
    whole = fit(dataset)
    dataset["displacement"] = dataset["displacement"].copy(data=samples)
    maps = fit(dataset)
    if len(where) == 4:
        others = np.ones(whole["tau2"].shape, dtype=bool)
        others[where[:3]] = False
        np.testing.assert_array_equal(maps["tau2"].values[others], whole["tau2"].values[others])
    save(source := tmp_path / "source.gwy", dataset)
    figure = "--figure", tmp_path / "o.png"
    for options in (
        ("--kernel", "biexponential"), ("--noise", "white"), ("--threshold", "5sigma"), ("--intervals",),
        ("--kernel", "flux-pulse"), ("--kernel", "exponential", *figure),
    ):  # fmt: skip
        run("fit", source, "-o", tmp_path / "o.gwy", "--overwrite", *options)
    run("null", tmp_path / "o.gwy")
    run("kernels", source)


@pytest.mark.parametrize("value", [0.0, -1e-8, np.nan, np.inf, 1e308, 1e-320])
@pytest.mark.parametrize(
    "component",
    [
        pytest.param("xreal", marks=pytest.mark.slow),
        pytest.param("yreal", marks=pytest.mark.slow),
        "zreal",
        "xoff",
        "zoff",
    ],
)
def test_nonsense_extents(tmp_path: Path, run: Run, component: str, value: float) -> None:
    path = written(tmp_path / "s.gwy", (brick(), METADATA, "T"), **{component: value})
    assert run("info", path)[0] == 0
    lateral = component in ("xreal", "yreal")
    figure = ["--figure", tmp_path / "o.png"] if lateral else []
    code, _, error = run("fit", path, "-o", tmp_path / "o.gwy", *figure)
    assert code == 0 or not lateral, error


@pytest.mark.parametrize("key", list(METADATA))
@pytest.mark.parametrize(
    "text",
    ["", "10", "-10 ms", "NaN s", "1e400 s", "1e200 m", "1e-300 m", "1e300 V", "\x1b[31m10 ms", "1" * 5000 + " ms"]
    + ["1e" + "9" * 6000 + unit for unit in (" s", " V", " m")],
)  # fmt: skip
def test_nonsense_quantities(tmp_path: Path, run: Run, key: str, text: str) -> None:
    path = written(tmp_path / "s.gwy", (brick(), METADATA | {key: text}, "T"))
    assert run("info", path)[0] == 0
    run("fit", path, "-o", tmp_path / "o.gwy")


@pytest.mark.parametrize("title", [None, "", "\x1b[31mred\nline\r\x07", "x" * 100_000, "\u202eesrever"])
def test_titles_cannot_steer_the_terminal(tmp_path: Path, run: Run, title: str | None) -> None:
    path = written(tmp_path / "s.gwy", (brick(), METADATA, title), (brick(z_real=1.0), METADATA, title))
    assert run("info", path)[0] == 0
    assert run("fit", path, "-o", tmp_path / "o.gwy")[0] == 1


def test_printable_keeps_what_people_write() -> None:
    assert printable("Höhe (µm) 高さ − ½") == "Höhe (µm) 高さ − ½"
    assert printable("a\nb\x9b\u202e") == "a\\nb\\x9b\\u202e"
    assert printable(os.fsdecode(b"a\xff")) == "a\\udcff"


@pytest.mark.parametrize(
    ("change", "metadata"),
    [({"unit_w": "m"}, {}), ({}, {"Tip radius": "50 nm"}), ({}, {"Pulse start": "1 ms"}), ({"z_real": 20e-3}, {})],
)  # fmt: skip
def test_what_differs_is_not_mixed(tmp_path: Path, run: Run, change: dict, metadata: dict) -> None:
    second = METADATA | {"Pulse voltage": "3 V"} | metadata
    path = written(tmp_path / "s.gwy", (brick(), METADATA, "A"), (brick(**change), second, "B"))
    code, _, error = run("fit", path, "-o", tmp_path / "o.gwy")
    assert code == 1
    assert "--traces" in error
    assert [group.attrs["traces"] for group in open_datasets(path)] == [["A"], ["B"]]


def test_an_unknown_unit_in_the_metadata_is_known_before_the_fit(tmp_path: Path, run: Run) -> None:
    path = written(tmp_path / "s.gwy", (brick(unit_w=""), METADATA | {"Unit": "bananas"}, "T"))
    assert run("fit", path, "-o", tmp_path / "o.gwy")[0] == 0
    assert open_dataset(path)["displacement"].attrs["units"] == "bananas"
    # A unit that the file could hold as one and does not was taken away by somebody.
    path = written(tmp_path / "v.gwy", (brick(unit_w=""), METADATA | {"Unit": "V"}, "T"))
    assert open_dataset(path)["displacement"].attrs["units"] == ""


HOSTILE_NUMBERS = (
    10**400,
    -1,
    1e200,
    1e-320,
    True,
    "x",
    [],
    {},
    [10**400, 1],
    "\x1b[31m",
    "9" * 9000,
    "\ud800",
)


@pytest.mark.parametrize("value", HOSTILE_NUMBERS, ids=lambda value: ascii(value)[:12])
def test_hostile_recipes(scan: Path, tmp_path: Path, run: Run, value: object) -> None:
    recipe, out = tmp_path / "r.json", tmp_path / "o.gwy"
    assert run("fit", scan, "-o", out, "--save-recipe", recipe)[0] == 0
    entries = json.loads(recipe.read_text())
    for name in [*entries, "evil\x1b[31m\n"]:
        text = json.dumps(entries | {name: value})
        recipe.write_text(text, encoding="utf-8")
        run("fit", scan, "-o", out, "--recipe", recipe, "--overwrite", "--quiet")


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[" * 100_000, '{"a":' * 50_000, '{"version": 1e999}', "\x00"]
)
def test_recipes_that_are_none(scan: Path, tmp_path: Path, run: Run, text: str) -> None:
    recipe = tmp_path / "r.json"
    recipe.write_text(text)
    assert run("fit", scan, "-o", tmp_path / "o.gwy", "--recipe", recipe)[0] == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--json", ""], ["--recipe", ""], ["--csv", "-"], ["--figure", "{out}"], ["--json", "{out}/../o.gwy"],
        ["--tip", "25nm"], ["--tip-radius", "1e200m"], ["--tip-radius", "1" * 100_000 + "nm"],
        ["--tip-radius", "1e" + "9" * 5000 + "nm"], ["--voltage", "-3"], ["--window1", "\x1b[2J"],
    ],
)  # fmt: skip
def test_bad_usage(scan: Path, tmp_path: Path, run: Run, words: list[str]) -> None:
    out = tmp_path / "o.gwy"
    assert run("fit", scan, "-o", out, *[word.format(out=out) for word in words])[0] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scan.gwy"]


def test_nothing_asked_and_missing_recipe(scan: Path, tmp_path: Path, run: Run) -> None:
    assert run()[0] == 2
    code, _, error = run("fit", scan, "-o", tmp_path / "o.gwy", "--recipe", tmp_path / "none.json")
    assert code == 1
    assert "none.json" in error


def test_too_large_a_simulation_is_refused_at_once(tmp_path: Path, run: Run) -> None:
    assert run("simulate", "-o", tmp_path / "s.gwy", "--size", "9999x9999")[0] == 2


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}])
def test_a_terminal_that_knows_no_micro_sign(scan: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    words = [sys.executable, "-m", "napari_tesm.cli", "fit", str(scan), "-o", str(tmp_path / "o.gwy")]
    done = subprocess.run(words, env=os.environ | environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_a_closed_stdout(scan: Path, tmp_path: Path) -> None:
    command = f"'{sys.executable}' -m napari_tesm.cli fit '{scan}' -o '{tmp_path / 'o.gwy'}' >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("tip_radius", np.float32(0.5), 0.5),
        ("pulse_start", np.int64(0), 0.0),
        ("window2", (0.010, 0.020), [0.010, 0.020]),
        ("window2", [np.float64(0.010), None], [0.010, None]),
        ("traces", "Traces (-3 V)", ["Traces (-3 V)"]),
    ],
)
def test_values_as_python_programs_have_them(name: str, value: object, expected: object) -> None:
    maps = fit(example_dataset(), **{name: value})
    assert json.loads(maps.attrs["recipe"])[name] == expected


@pytest.mark.parametrize(
    "values",
    [{"bogus": 1}, {"tip_radius": True}, {"tip_radius": np.ones(1)}, {"window2": 3}, {"threshold": "x"}],
)
def test_values_that_make_no_sense(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        fit(example_dataset(), **values)


def test_a_dataset_of_one_pulse_without_its_dimension_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="'direction' must have the dimension pulse"):
        fit(example_dataset().isel(pulse=0))


def test_a_large_scene_takes_little_memory() -> None:
    tracemalloc.start()
    try:
        drawn_scene(500, 400, np.random.default_rng(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6


@pytest.mark.parametrize("name", ["Sample_A.dat", "Si scan.dat", "Sample", "A b.dat", "The file"])
def test_names_of_files_keep_their_capitals(tmp_path: Path, run: Run, name: str) -> None:
    (tmp_path / name).write_bytes(b"no known format at all " * 20)
    assert run("info", tmp_path / name)[2].startswith(f"tesm: {tmp_path / name}")
    with contextlib.chdir(tmp_path):
        assert run("info", name)[2].startswith(f"tesm: {name} is of no format")
