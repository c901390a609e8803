"""``tesm displacement``: the H of a fit without the fit, and what is not done."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from examples import PROTOCOL, example_dataset
from gwyfile.objects import GwyContainer

from napari_tesm import fit, open_dataset, save, simulate_dataset
from napari_tesm.cli import main
from napari_tesm.data.protocol import PulseProtocol, Window
from napari_tesm.evaluation.displacement_maps import displacement_maps, displacement_of_pulses
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.gwy.contents import CHANNEL, ids, title
from napari_tesm.gwy.lawns import Lawn
from napari_tesm.gwy.objects import metadata_container, metadata_entries
from napari_tesm.gwy.parts import put
from napari_tesm.gwy.reading import read_container
from napari_tesm.gwy.writing import write_container_to
from napari_tesm.io.gwy.results_reading import maps_from_container


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.gwy"
    save(path, example_dataset())
    return path


def tesm(*words: object) -> int:
    return main([str(word) for word in words])


def heights(path: Path) -> xr.DataArray:
    maps = maps_from_container(read_container(path))
    assert maps is not None
    return maps["H"]


def titles(path: Path) -> list[str]:
    container = read_container(path)
    return [title(container, CHANNEL, number) for number in ids(container, CHANNEL)]


def with_holes(dataset: xr.Dataset, *, time_first: bool) -> xr.Dataset:
    """Return the dataset with samples missing here and there, and one dead trace, in either order in memory."""
    values = np.array(dataset["displacement"].values)
    values[np.random.default_rng(1).random(values.shape) < 0.02] = np.nan
    values[0, 1, 2] = np.nan
    values[1, 3, 3, 90:100] = np.inf
    if time_first:
        values = np.moveaxis(np.ascontiguousarray(np.moveaxis(values, -1, 1)), 1, -1)
    return dataset.assign(displacement=dataset["displacement"].copy(data=values))


@pytest.mark.parametrize("samples", [25, 250, 4001])
@pytest.mark.parametrize("time_first", [True, False])
@pytest.mark.parametrize("start", [0.0, 2.3e-3])
def test_h_is_that_of_a_fit_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: int, time_first: bool, start: float
) -> None:
    protocol = replace(PROTOCOL, pulse_start=start)
    dataset = example_dataset(samples=samples, protocol=protocol, shape=(5, 7))
    dataset["time"] = dataset["time"].copy(data=dataset["time"].values - start)
    dataset = with_holes(dataset, time_first=time_first)
    wanted = fit(dataset)["H"].values
    assert np.isnan(wanted[0, 1, 2])
    for block in (1 << 25, 4096, 64):
        monkeypatch.setattr("napari_tesm.data.dataset.BLOCK_BYTES", block)
        found = displacement_maps(Evaluation.of(dataset))["H"].values
        if start == 0.0 and block < 1 << 25:
            # A level that is fitted is rounded by how many traces are fitted at once.
            np.testing.assert_allclose(found, wanted, rtol=1e-9)
        else:
            assert found.tobytes() == wanted.tobytes()


def test_h_from_a_file_is_that_of_tesm_fit(scan: Path, tmp_path: Path) -> None:
    fitted, lifted = tmp_path / "fit.gwy", tmp_path / "h.gwy"
    assert tesm("fit", scan, "-o", fitted, "--quiet") == 0
    assert tesm("displacement", scan, "-o", lifted, "--quiet") == 0
    one, other = read_container(fitted), read_container(lifted)
    for label in ("H (+3 V)", "H (-3 V)"):
        a, b = (c[f"/{titles(p).index(label)}/data"]["data"] for c, p in ((one, fitted), (other, lifted)))
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def test_what_the_output_holds(scan: Path, tmp_path: Path) -> None:
    whole, maps = tmp_path / "whole.gwy", tmp_path / "maps.gwy"
    assert tesm("displacement", scan, "-o", whole, "--quiet") == 0
    assert tesm("displacement", scan, "-o", maps, "--quiet", "--maps-only") == 0
    assert titles(whole) == ["Topography", "H (+3 V)", "H (-3 V)"]
    assert titles(maps) == ["H (+3 V)", "H (-3 V)"]
    before, after = read_container(scan), read_container(whole)
    for key in before:
        if key.endswith("/0") and key.startswith("/brick"):
            assert np.array_equal(before[key]["data"], after[key]["data"])
    assert not any(key.startswith("/brick") for key in read_container(maps))
    texts = metadata_entries(after["/2/meta"])
    assert (texts["t-ESM map"], texts["Pulse voltage"], texts["Pulse duration"]) == ("H", "-3 V", "10 ms")
    assert re.fullmatch("[0-9a-f]{64}", texts["Input SHA-256"])
    # Nothing was fitted: no kernel, no threshold, no tip radius.
    assert (
        not {"Kernel", "Threshold", "Threshold value", "Geometry", "Tip radius", "Pixels fitted"}
        & texts.keys()
    )


def test_summary_pixels_and_figure(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, summary, pixels, figure = (tmp_path / name for name in ("o.gwy", "s.json", "p.csv", "f.png"))
    words = ["-o", out, "--json", summary, "--csv", pixels, "--figure", figure, "--maps-only"]
    assert tesm("displacement", scan, *words) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "tip radius" not in printed.out
    wanted = fit(open_dataset(scan))["H"].values
    entries = json.loads(summary.read_text())
    assert list(entries) == [
        "version",
        "input",
        "recipe",
        "recipe_digest",
        "parameters",
        "length",
        "instrument",
        "parts",
        "pulses",
    ]
    assert len(entries["input"]["sha256"]) == 64
    for entry, height, voltage in zip(entries["pulses"], wanted, (3.0, -3.0), strict=True):
        low, median, high = np.percentile(height, [25, 50, 75])
        expected = {"median": median, "q25": low, "q75": high, "threshold": None, "n_hot": 0, "n_invalid": 0}
        assert entry["H"] == expected
        assert (entry["voltage"], entry["n_pixels"]) == (voltage, 54)
        assert set(entry) == {"voltage", "direction", "n_pixels", "H"}
    rows = list(csv.DictReader(pixels.read_text().splitlines()))
    assert list(rows[0]) == ["pulse", "voltage", "direction", "row", "column", "x", "y", "H", "recipe"]
    assert float(rows[54 + 9 * 2 + 7]["H"]) == wanted[1, 2, 7]
    assert figure.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_an_earlier_output_is_a_recipe(tmp_path: Path) -> None:
    silent, first, second = tmp_path / "s.gwy", tmp_path / "a.gwy", tmp_path / "b.gwy"
    save(silent, example_dataset(protocol=PulseProtocol(), voltage=(np.nan,), direction=("",)))
    given = ["--pulse-start", "1ms", "--pulse-duration", "8ms", "--voltage", "-3V", "--quiet"]
    assert tesm("displacement", silent, "-o", first, *given) == 0
    assert titles(first)[-1] == "H (-3 V)"
    assert tesm("displacement", silent, "-o", second, "--recipe", first, "--quiet") == 0
    assert first.read_bytes() == second.read_bytes()
    fitted = tmp_path / "f.gwy"
    assert tesm("fit", silent, "-o", fitted, *given) == 0
    assert np.array_equal(heights(fitted), heights(first))


def test_a_window_of_the_recipe_stands_in_for_the_pulse(tmp_path: Path) -> None:
    dataset = example_dataset(protocol=PulseProtocol(), voltage=(np.nan,), direction=("",))
    recipe = Recipe(window1=Window(0.0, 10e-3))
    found = displacement_maps(Evaluation.of(dataset, recipe))
    assert found["H"].values.tobytes() == fit(dataset, recipe=recipe)["H"].values.tobytes()
    assert found.attrs["window1"] == "0 s:10 ms"


def test_without_a_pulse_it_is_refused_with_the_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent, out = tmp_path / "s.gwy", tmp_path / "o.gwy"
    save(silent, example_dataset(protocol=PulseProtocol()))
    assert tesm("displacement", silent, "-o", out) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "--pulse-start" in lines[0]
    assert "--pulse-duration" in lines[0]
    assert tesm("displacement", silent, "-o", out, "--pulse-start", "0ms") == 1
    said = capsys.readouterr().err
    assert "--pulse-duration" in said
    assert "--pulse-start" not in said
    assert tesm("displacement", silent, "-o", out, "--pulse-start", "3s", "--pulse-duration", "1ms") == 1
    assert "no sample lies inside the pulse" in capsys.readouterr().err
    assert not out.exists()


def test_traces_without_a_finite_sample_are_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = example_dataset(shape=(3, 4))
    values = np.full(dataset["displacement"].shape, np.nan)
    path, out = tmp_path / "n.gwy", tmp_path / "o.gwy"
    save(path, dataset.assign(displacement=dataset["displacement"].copy(data=values)))
    assert tesm("displacement", path, "-o", out) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["n.gwy"]


def test_results_of_an_earlier_fit_are_left_out_and_named(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fitted, out = tmp_path / "fit.gwy", tmp_path / "o.gwy"
    assert tesm("fit", scan, "-o", fitted, "--quiet") == 0
    assert tesm("displacement", fitted, "-o", out) == 0
    assert "D2" in capsys.readouterr().out
    assert titles(out) == ["Topography", "H (+3 V)", "H (-3 V)"]
    assert tesm("displacement", out, "-o", tmp_path / "again.gwy") == 0
    assert "left out" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["SCAN"], "required"),
        (["SCAN", "-o", "SCAN", "--overwrite"], "input file itself"),
        (["SCAN", "-o", "OUT", "--json", "OUT"], "twice"),
        (
            ["SCAN", "-o", "OUT", "--csv", "SCAN", "--overwrite"],
            "would be no .gwy file: give a name that ends in .csv",
        ),
        (["SCAN", "-o", "OUT.tif"], "ends in .gwy"),
        (["SCAN", "-o", "OUT", "--figure", "OUT.jpg"], "ends in .png or .svg or .pdf"),
        (["SCAN", "-o", "OUT", "--pulse-start", "0"], "unit"),
        (["SCAN", "-o", "OUT", "--tip-radius", "25nm"], "unrecognized"),
        (["SCAN", "-o", ""], "empty"),
        (["SCAN", "-o", "-"], "files"),
    ],
)
def test_bad_usage(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    before = scan.read_bytes()
    replaced = {"SCAN": str(scan), "OUT": str(tmp_path / "out")}
    assert tesm("displacement", *[replaced.get(word, word) for word in words]) == 2
    said = capsys.readouterr().err.replace(str(tmp_path), "")  # the folder bears the sentence in its name
    assert sentence in said
    assert 1 <= len(said.splitlines()) <= 3
    assert scan.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["scan.gwy"]


def test_nothing_is_overwritten_and_all_or_nothing_is_written(scan: Path, tmp_path: Path) -> None:
    out, summary = tmp_path / "o.gwy", tmp_path / "s.json"
    out.write_bytes(b"mine")
    assert tesm("displacement", scan, "-o", out, "--json", summary) == 1
    assert out.read_bytes() == b"mine"
    assert not summary.exists()
    assert tesm("displacement", scan, "-o", tmp_path / "new.gwy", "--json", tmp_path / "no" / "s.json") == 1
    assert not (tmp_path / "new.gwy").exists()
    assert tesm("displacement", scan, "-o", out, "--json", summary, "--overwrite", "--quiet") == 0
    assert titles(out)


def test_progress_lines(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tesm("displacement", scan, "-o", tmp_path / "o.gwy", "--progress", "lines", "--quiet") == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("PROGRESS 0.00 ")
    assert lines[-1].startswith("PROGRESS 1.00 ")


class _Counting:
    """Traces that count the samples asked of them."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape, self.dtype, self.read = values, values.shape, values.dtype, 0

    def __getitem__(self, key: object) -> np.ndarray:
        found = self.values[key]
        self.read += found.size
        return found


def test_only_the_samples_of_h_are_read() -> None:
    from napari_tesm.data.dataset import dataset_from_traces

    source = _Counting(np.random.default_rng(0).standard_normal((5, 6, 250)))
    time = np.arange(-10, 240) * 1e-4
    dataset = dataset_from_traces([source], time=time, x=np.arange(6.0), y=np.arange(5.0), protocol=PROTOCOL)
    source.read = 0
    displacement_of_pulses(dataset, Window(0.0, 10e-3))
    assert source.read == 5 * 6 * (10 + 5)


def test_without_json_maps_alone_do_not_cost_reading_the_whole_file(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object) -> str:
        raise AssertionError(f"all of {path} was read")

    monkeypatch.setattr("napari_tesm.cli.map_files.sha256_of_file", refuse)
    assert tesm("displacement", scan, "-o", tmp_path / "o.gwy", "--maps-only", "--quiet") == 0
    assert "Input SHA-256" not in metadata_entries(read_container(tmp_path / "o.gwy")["/0/meta"])


def test_a_curve_map_gives_the_same_h(tmp_path: Path) -> None:
    samples = example_dataset(shape=(4, 5), voltage=(-3.0,), direction=("",))["displacement"].values[0]
    time = np.broadcast_to(np.arange(250) * 1e-4, samples.shape)
    curves = np.stack([time, samples], axis=2)
    lengths = np.full((4, 5), 250, dtype=np.int32)
    lawn = Lawn(curves.ravel(), lengths, ["s", "V"], ["Time", "X"], 5e-8, 4e-8, unit_xy="m")
    container = GwyContainer()
    put(container, "/lawn/0", lawn.to_object(), "o")
    texts = {"Pulse voltage": "-3 V", "Pulse start": "0 s", "Pulse duration": "10 ms"}
    put(container, "/lawn/0/meta", metadata_container(texts), "o")
    path, fitted, lifted = (tmp_path / name for name in ("lawn.gwy", "f.gwy", "h.gwy"))
    with path.open("wb") as file:
        write_container_to(file, container)
    assert tesm("fit", path, "-o", fitted, "--quiet") == 0
    assert tesm("displacement", path, "-o", lifted, "--quiet") == 0
    assert heights(lifted).values.tobytes() == heights(fitted).values.tobytes()
    assert float(np.abs(heights(lifted)).min()) > 0.05


def test_gwyddion_opens_it_without_a_warning(
    scan: Path, tmp_path: Path, gwyoracle: Callable[..., object], gwyddion_check: Callable[[Path], str]
) -> None:
    for name, words in (("a.gwy", ["--maps-only"]), ("b.gwy", [])):
        assert tesm("displacement", scan, "-o", tmp_path / name, "--quiet", *words) == 0
        assert gwyoracle(tmp_path / name).problems == []
        assert not gwyddion_check(tmp_path / name)


@pytest.mark.slow
def test_damaged_files_end_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, broken, out = (tmp_path / name for name in ("s.gwy", "b.gwy", "o.gwy"))
    save(source, simulate_dataset(size=(6, 5), samples=40))
    whole = source.read_bytes()
    draw = np.random.default_rng(0)
    words = [p for m in re.finditer(rb"[\x00-\x7f]{6,}", whole) for p in range(*m.span())]
    for number in range(150):
        damaged = bytearray(whole)
        if number % 5 == 0:
            del damaged[int(draw.integers(len(whole))) :]
        for place in draw.choice(words, 2):
            if place < len(damaged):
                damaged[place] = int(draw.integers(256))
        broken.write_bytes(damaged)
        code = tesm("displacement", broken, "-o", out, "--overwrite", "--quiet")
        said = capsys.readouterr().err
        assert code in (0, 1)
        assert len(said.splitlines()) == code
        assert "unexpected" not in said
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
