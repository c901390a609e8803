import csv
import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from examples import CORNER, SPACING, example_dataset

from napari_tesm import open_dataset, save
from napari_tesm.cli import main
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.gwy import read_container
from napari_tesm.io.gwy.results_reading import maps_from_container


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scan.gwy"
    save(path, example_dataset())
    return path


def tesm(*words):
    """Run the command line in this process; return the exit code."""
    return main([str(word) for word in words])


def test_fit_writes_all_outputs(scan, tmp_path, capsys):
    names = ["out.gwy", "s.json", "p.csv", "o.png", "r.json"]
    out, summary, pixels, figure, recipe = (tmp_path / name for name in names)
    code = tesm(
        "fit",
        scan,
        "-o",
        out,
        "--json",
        summary,
        "--csv",
        pixels,
        "--figure",
        figure,
        "--save-recipe",
        recipe,
    )
    assert code == 0
    printed = capsys.readouterr()
    assert "D2" in printed.out
    assert printed.err == ""
    entries = json.loads(summary.read_text())
    maps = maps_from_container(read_container(out))
    assert [pulse["voltage"] for pulse in entries["pulses"]] == [3.0, -3.0]
    assert entries["pulses"][1]["D2"]["median"] == pytest.approx(
        float(np.nanmedian(maps["D2"][1])), rel=1e-12
    )
    rows = list(csv.DictReader(pixels.read_text().splitlines()))
    assert len(rows) == 2 * 6 * 9
    row = rows[54 + 9 * 2 + 7]
    assert (row["pulse"], row["row"], row["column"]) == ("2", "2", "7")
    assert float(row["D2"]) == float(maps["D2"][1, 2, 7])
    assert (row["voltage"], row["direction"]) == ("-3.0", "retrace")
    assert list(row)[-1] == "recipe"
    assert {row["recipe"] for row in rows} == {entries["recipe_digest"]}
    # Centres of pixels, from wherever the image lies.
    place = [corner + (n + 0.5) * step for corner, n, step in zip(CORNER, (2, 7), SPACING, strict=True)]
    assert [float(row["y"]), float(row["x"])] == pytest.approx(place)
    assert figure.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert json.loads(recipe.read_text())["version"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "scan.gwy"])


def test_what_is_printed_of_a_fit_is_what_the_maps_hold(scan, tmp_path, capsys):
    out = tmp_path / "o.gwy"
    assert tesm("fit", scan, "-o", out, "--json", tmp_path / "s.json") == 0
    lines = capsys.readouterr().out.splitlines()
    maps = maps_from_container(read_container(out))
    pulse = next(n for n, line in enumerate(lines) if line.startswith("Pulse (-3 V): 54 pixels"))
    entry = json.loads((tmp_path / "s.json").read_text())["pulses"][1]
    for name, factor in (("tau1", 1e-3), ("D1", 1), ("tau2", 1e-3), ("D2", 1)):
        line = next(line for line in lines[pulse:] if line.startswith(f"  {name} ")).removeprefix(f"  {name}")
        values = maps[name].values[1]
        low, median, high = np.nanpercentile(values, [25, 50, 75])
        assert low < 0.5 * high
        written = [float(number) for number in re.findall(r"[\d.]+(?:e-\d+)?(?= | m|$|,)", line)[:3]]
        written = [number * (1e-6 / factor if f"{number:g} µs" in line else 1) for number in written]
        assert written == pytest.approx([median / factor, low / factor, high / factor], rel=6e-3)
        assert [entry[name][key] for key in ("q25", "median", "q75")] == pytest.approx([low, median, high])


def test_recipe_of_an_output_reproduces_it_bit_for_bit(scan, tmp_path):
    first, second = tmp_path / "a.gwy", tmp_path / "b.gwy"
    options = ["--tip-radius", "30nm±3nm", "--threshold", "20%", "--window2", "10ms:20ms", "--quiet"]
    assert tesm("fit", scan, "-o", first, *options, "--jobs", 1) == 0
    assert tesm("fit", scan, "-o", second, "--recipe", first, "--jobs", 3, "--quiet") == 0
    assert first.read_bytes() == second.read_bytes()


def test_options_win_over_the_recipe(scan, tmp_path):
    recipe, out = tmp_path / "r.json", tmp_path / "o.gwy"
    assert tesm("fit", scan, "-o", out, "--threshold", "20%", "--save-recipe", recipe, "--quiet") == 0
    summary = tmp_path / "s.json"
    tesm("fit", scan, "-o", out, "--recipe", recipe, "--threshold", "30%", "--json", summary, "--overwrite")
    assert json.loads(summary.read_text())["recipe"]["threshold"] == 0.3


def test_fitting_an_output_replaces_its_results(scan, tmp_path):
    first, second = tmp_path / "a.gwy", tmp_path / "b.gwy"
    tesm("fit", scan, "-o", first, "--quiet")
    tesm("fit", first, "-o", second, "--quiet")
    titles = [value for key, value in read_container(second).items() if key.endswith("/data/title")]
    assert len(titles) == len(set(titles))
    assert sorted(titles) == sorted(
        value for key, value in read_container(first).items() if key.endswith("/data/title")
    )


def test_titles_are_those_of_the_contract(scan, tmp_path):
    out = tmp_path / "o.gwy"
    tesm("fit", scan, "-o", out, "--quiet", "--maps-only")
    container = read_container(out)
    titles = [value for key, value in container.items() if key.endswith("/data/title")]
    expected = ["H"]
    for n in "12":
        expected += [f"tau{n}", f"tau{n} standard error", f"D{n}", f"D{n} standard error", f"log10 D{n}"]
        expected += [f"R2 {n}", f"status{n}"]
    assert titles == [f"{name} ({volts} V)" for volts in ("+3", "-3") for name in expected]
    assert not any(key.startswith("/brick") for key in container)


def test_negative_control_is_a_result(tmp_path, capsys):
    noise = example_dataset(shape=(8, 9))
    rng = np.random.default_rng(0)
    data = rng.standard_normal(noise["displacement"].shape)
    source, out, summary = tmp_path / "n.gwy", tmp_path / "o.gwy", tmp_path / "s.json"
    save(source, noise.assign(displacement=noise["displacement"].copy(data=data)))
    assert tesm("fit", source, "-o", out, "--json", summary) == 0
    assert "no pixel accepted" in capsys.readouterr().out
    entry = json.loads(summary.read_text())["pulses"][0]["D2"]
    assert entry["n_ok"] == 0
    assert entry["median"] is None
    assert entry["mode_log10"] is None
    container = read_container(out)
    number = next(key.split("/")[1] for key, value in container.items() if value == "D2 (+3 V)")
    assert not container[f"/{number}/data"]["data"].any()
    assert container[f"/{number}/mask"]["data"].all()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["fit"], "required"),
        (["nonsense"], "invalid choice"),
        (["fit", "SCAN", "-o", "OUT", "--tip-radius", "25"], "no unit"),
        (["fit", "SCAN", "-o", "OUT", "--threshold", "15"], "percentage"),
        (["fit", "SCAN", "-o", "OUT", "--kernel", "parabola"], "unknown kernel"),
        (["fit", "SCAN", "-o", "OUT", "--window1", "10ms"], "two edges"),
        (["fit", "SCAN", "-o", "OUT", "--jobs", "0"], "--jobs"),
        (["fit", "SCAN", "-o", "OUT", "--jobs", "many"], "--jobs"),
        (["fit", "SCAN", "-o", "SCAN", "--overwrite"], "input file itself"),
        (["fit", "SCAN", "-o", "OUT", "--window1", "none", "--window2", "none"], "nothing to fit"),
        (["simulate", "-o", "OUT", "--size", "64"], "--size"),
        (["simulate", "-o", "OUT", "--preset", "gold"], "gold"),
    ],
)
def test_bad_usage_is_exit_2_in_at_most_three_lines(scan, tmp_path, capsys, words, sentence):
    before = scan.read_bytes()
    replaced = {"SCAN": str(scan), "OUT": str(tmp_path / "out.gwy")}
    assert tesm(*[replaced.get(word, word) for word in words]) == 2
    err = capsys.readouterr().err.replace(str(tmp_path), "")  # the folder bears the sentence in its name
    assert sentence in err
    assert 1 <= len(err.strip().splitlines()) <= 3
    assert scan.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["scan.gwy"]


@pytest.mark.parametrize("output", ["/", ".", ".."])
def test_a_folder_for_an_output_is_refused(scan, tmp_path, capsys, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    assert tesm("fit", scan, "-o", output) == 1
    assert capsys.readouterr().err == f"tesm: {output} is a folder: give a file name within it.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["scan.gwy"]


def _broken_files(folder, whole):
    data = whole.read_bytes()
    yield "missing.gwy", None
    yield "empty.gwy", b""
    yield "magic.gwy", b"GWYP"
    yield "other.gwy", b"\x89PNG\r\n\x1a\n" + bytes(100)
    yield "cut.gwy", data[: len(data) // 2]
    yield "text.gwy", b"not a file of Gwyddion\n"
    lying = bytearray(data)
    lying[17:21] = b"\xff\xff\xff\x7f"
    yield "lying.gwy", bytes(lying)


def test_bad_files_are_exit_1_in_one_line(scan, tmp_path, capsys):
    out = tmp_path / "out.gwy"
    for name, data in _broken_files(tmp_path, scan):
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        for words in (["info", path], ["fit", path, "-o", out]):
            assert tesm(*words) == 1, name
            err = capsys.readouterr().err
            assert len(err.strip().splitlines()) == 1, err
            assert err.startswith("tesm: ")
            assert "Traceback" not in err
    assert tesm("fit", tmp_path, "-o", out) == 1
    assert "folder" in capsys.readouterr().err
    assert not out.exists()


def test_existing_output_is_kept_without_overwrite(scan, tmp_path, capsys):
    out, summary = tmp_path / "out.gwy", tmp_path / "s.json"
    summary.write_text("precious")
    assert tesm("fit", scan, "-o", out, "--json", summary) == 1
    assert "exists already" in capsys.readouterr().err
    assert summary.read_text() == "precious"
    assert not out.exists()
    assert tesm("fit", scan, "-o", out, "--json", summary, "--overwrite", "--quiet") == 0
    assert out.exists()
    assert summary.read_text() != "precious"


def test_what_a_file_lacks_is_named_with_its_option(tmp_path, capsys):
    path, out = tmp_path / "bare.gwy", tmp_path / "o.gwy"
    save(path, example_dataset(protocol=PulseProtocol(), voltage=(np.nan,), direction=("",)))
    assert tesm("fit", path, "-o", out) == 1
    assert "--pulse-start and --pulse-duration" in capsys.readouterr().err
    assert (
        tesm("fit", path, "-o", out, "--pulse-start", "0ms", "--pulse-duration", "10ms", "--voltage", "-3V")
        == 0
    )
    assert "--tip-radius" in capsys.readouterr().out
    titles = [value for key, value in read_container(out).items() if key.endswith("/data/title")]
    assert "tau2 (-3 V)" in titles
    assert not any(title.startswith("D") for title in titles)


def test_contradicting_units_are_an_error(scan, tmp_path, capsys):
    assert tesm("fit", scan, "-o", tmp_path / "o.gwy", "--time-unit", "ms") == 1
    assert "contradict" in capsys.readouterr().err


def test_info_tells_what_is_there_and_what_is_missing(scan, capsys):
    assert tesm("info", scan) == 0
    text = capsys.readouterr().out
    for word in (
        "Topography",
        "9 × 6 px",
        "3.6 × 1.5 µm",
        "250 samples",
        "Traces (-3 V)",
        "pulse duration: 10 ms",
    ):
        assert word in text
    assert tesm("info", scan, "--json") == 0
    entries = json.loads(capsys.readouterr().out)
    assert [volume["title"] for volume in entries["volumes"]] == ["Traces (+3 V)", "Traces (-3 V)"]
    assert entries["volumes"][0]["samples"] == 250
    assert entries["traces"][0]["missing"] == []


def test_progress_lines(scan, tmp_path, capsys):
    assert tesm("fit", scan, "-o", tmp_path / "o.gwy", "--progress", "lines", "--quiet") == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("PROGRESS 0.00 ")
    assert lines[-1].startswith("PROGRESS 1.00 ")


@contextmanager
def _process(*words):
    command = [sys.executable, "-m", "napari_tesm.cli", *map(str, words)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job, such as this test run may be, ignores Ctrl+C, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        yield process


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_terminated_and_interrupted_runs_leave_nothing(tmp_path, number, code):
    scan, out = tmp_path / "scan.gwy", tmp_path / "out.gwy"
    save(scan, example_dataset(shape=(200, 250)))
    with _process("fit", scan, "-o", out, "--progress", "lines", "--csv", tmp_path / "p.csv") as process:
        assert process.stderr.readline().startswith("PROGRESS")
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["scan.gwy"]


@pytest.mark.slow
def test_closed_pipe_is_quiet(scan):
    with _process("info", scan) as process:
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


def test_help_needs_nothing_heavy():
    code = "import sys; from napari_tesm.cli import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for module in ("numpy", "xarray", "scipy", "matplotlib"):
        assert f"'{module}'" not in done.stderr


def test_files_without_rights(scan, capsys, without_privileges):
    scan.chmod(0)
    with without_privileges():
        assert tesm("info", scan) == 1
    assert "ermission" in capsys.readouterr().err


def test_sample_of_real_decays(shared_data, tmp_path, capsys):
    """A fluorescence stack: the median tau against curve_fit on the summed tail."""
    from scipy.optimize import curve_fit

    path, out, summary = shared_data / "gwy/tcspc64_brick.gwy", tmp_path / "o.gwy", tmp_path / "s.json"
    options = ["--time-unit", "s", "--lateral-unit", "m", "--window1", "none", "--window2", "3.3ns:12ns"]
    assert tesm("fit", path, "-o", out, "--json", summary, *options) == 0
    dataset = open_dataset(path, time_unit="s")
    tail = dataset.sel(time=slice(3.3e-9, 11.99e-9))
    total, t = tail["displacement"].sum(("pulse", "y", "x")).values, tail["time"].values * 1e9

    def decay(t, a, tau, c):
        return a * np.exp(-(t - t[0]) / tau) + c

    tau = curve_fit(decay, t, total, [total[0], 2, 0])[0][1] * 1e-9
    entry = json.loads(summary.read_text())["pulses"][0]["tau2"]
    assert entry["median"] == pytest.approx(tau, rel=0.05)
    assert entry["n_ok"] > 0.9 * 64 * 64


def test_info_on_every_real_file(shared_data, capsys):
    for path in sorted((shared_data / "gwy").glob("*.gwy")):
        assert tesm("info", path) == 0
        assert "Problem" not in capsys.readouterr().out
