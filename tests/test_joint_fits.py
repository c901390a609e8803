"""Pulse and relaxation fitted together: against finite volumes, and through files, summary and figure."""

import csv
import json

import numpy as np
import pytest
from finite_volumes import simulated_trace, step_response

from napari_tesm import fit, open_dataset, save
from napari_tesm.cli import main
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.fitting import fit_traces
from napari_tesm.gwy import contents
from napari_tesm.gwy.reading import read_container
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.kernels.named import kernel_from_name
from napari_tesm.quantities.status import OK

RADIUS, PULSE = 25e-9, 10e-3
TIME = np.arange(500) * 5e-5
SOURCES = {"flux-pulse": "flux", "clamped": "clamped"}


def diffusion(result):
    return RADIUS**2 / (4 * result.tau)


@pytest.mark.parametrize(
    ("kernel", "pulse", "scale"), [("flux-pulse", 1e9, 2e9 * np.pi), ("clamped", 1e9, np.pi**1.5 / 2)]
)
def test_the_closed_forms_are_those_of_finite_volumes(kernel, pulse, scale):
    """To 0.3 % over nearly six decades of time, and without a free amplitude.

    A sheet of unit content per area weighs 2π as seen from its surface; at a concentration held at exp(−r²) the
    integral ends at √π³/2, which is u = (√π/2)(1 + ν)β c0 R0.
    """
    x = np.geomspace(1e-3, 500, 60)
    simulated = step_response(SOURCES[kernel])(np.sqrt(x))
    curves = kernel_from_name(kernel, pulse=pulse).curves(x, np.zeros(1))[0][0]
    np.testing.assert_allclose(simulated, scale * curves, rtol=3e-3)


@pytest.mark.parametrize("kernel", SOURCES)
@pytest.mark.parametrize("d", [1e-14, 1e-13, 4e-13, 1e-12, 3e-12])
def test_d_of_simulated_traces_is_recovered(kernel, d):
    """SNR 20: the median within 3 %, errors as large as stated."""
    clean = simulated_trace(SOURCES[kernel], TIME, d)
    rng = np.random.default_rng(int(-np.log10(d) * 100))
    traces = clean + rng.standard_normal((2000, TIME.size)) / 20
    result = fit_traces(traces, TIME, kernel=kernel, pulse=PULSE)
    assert (result.status == OK).mean() > 0.99
    found = diffusion(result)
    assert np.median(found) == pytest.approx(d, rel=0.03)
    pulls = np.log(found / d) / result.log_tau_stderr
    assert 0.85 < pulls.std() < 1.15


@pytest.mark.parametrize(
    ("kernel", "d", "first", "second"),
    [
        ("flux-pulse", 1e-14, 5.1, 7.4),
        ("flux-pulse", 1e-13, 1.44, 1.63),
        ("flux-pulse", 4e-13, 0.53, 0.57),
        ("flux-pulse", 1e-12, 0.25, 0.27),
        ("flux-pulse", 3e-12, 0.10, 0.10),
        ("clamped", 1e-14, 19.9, 20.4),
        ("clamped", 1e-13, 4.3, 4.25),
        ("clamped", 4e-13, 2.26, 2.23),
        ("clamped", 1e-12, 2.06, 2.01),
    ],
)
def test_the_paper_s_recipe_is_as_wrong_as_calculated(kernel, d, first, second):
    """D1/D and D2/D of reference/physics.md, which holds for 500 samples, from the finite volumes."""
    trace = simulated_trace(SOURCES[kernel], TIME, d)
    in_pulse = TIME < PULSE - 1e-9
    for part, expected in ((in_pulse, first), (~in_pulse, second)):
        tau = float(fit_traces(trace[part], TIME[part]).tau)
        assert RADIUS**2 / tau / d == pytest.approx(expected, rel=0.05)


PROTOCOL = PulseProtocol(pulse_start=0.0, pulse_duration=PULSE, tip_radius=RADIUS, tip_radius_error=5e-9)


def flux_dataset(*, shape=(6, 8), noise=0.01, protocol=PROTOCOL, time=TIME):
    """Return traces of the flux model, D = 4e-13 on the left and 1e-13 on the right; two settings."""
    d = np.where(np.arange(shape[1]) < shape[1] // 2, 4e-13, 1e-13)
    kernel = kernel_from_name("flux-pulse", pulse=PULSE)
    curves = kernel.curves(np.maximum(time, 0), np.log(RADIUS**2 / (4 * d)))[0]
    rng = np.random.default_rng(5)
    stacks = [
        sign * 0.2 * curves + noise * 0.02 * rng.standard_normal((*shape, time.size)) for sign in (-1.0, 1.0)
    ]
    return dataset_from_traces(
        stacks, time=time, x=np.arange(shape[1]) * 1e-8, y=np.arange(shape[0]) * 1e-8, voltage=[3.0, -3.0],
        protocol=protocol,
    )  # fmt: skip


def test_maps_of_a_joint_fit():
    maps = fit(flux_dataset(), kernel="flux-pulse")
    assert set(maps.data_vars) == {
        "H", "D", "D_stderr", "tau", "tau_stderr", "a", "a_stderr", "c", "c_stderr", "r2", "rms", "status",
    }  # fmt: skip
    assert np.nanmedian(maps["D"].isel(x=slice(0, 4))) == pytest.approx(4e-13, rel=0.01)
    assert np.nanmedian(maps["D"].isel(x=slice(4, None))) == pytest.approx(1e-13, rel=0.01)
    np.testing.assert_allclose(maps["D"], RADIUS**2 / (4 * maps["tau"]))
    np.testing.assert_allclose(maps["D_stderr"] / maps["D"], maps["tau_stderr"] / maps["tau"])
    assert (maps["status"].values == OK).all()
    assert maps.attrs["record"] == "0 s:"


def test_the_amplitude_is_that_of_the_surface():
    """The curve ``a·g + c`` of the maps is the trace: at its end of the pulse, to the noise."""
    dataset = flux_dataset(noise=1e-6)
    maps = fit(dataset, kernel="flux-pulse")
    pixel = maps.isel(pulse=1, y=2, x=3)
    g = kernel_from_name("flux-pulse", pulse=PULSE).curves(TIME, np.log([float(pixel["tau"])]))[0][0]
    np.testing.assert_allclose(
        float(pixel["a"]) * g + float(pixel["c"]), dataset["displacement"][1, 2, 3], atol=1e-6
    )


def test_samples_before_the_pulse_and_after_edges_are_left_out():
    time = np.arange(-40, 500) * 5e-5
    dataset = flux_dataset(time=time)
    reference = fit(flux_dataset(), kernel="flux-pulse")
    np.testing.assert_allclose(fit(dataset, kernel="flux-pulse")["D"], reference["D"], rtol=0.1)
    disturbed = dataset["displacement"].values.copy()
    for edge in (0.0, PULSE):
        disturbed[..., (time >= edge - 1e-9) & (time < edge + 2e-4 - 1e-9)] += 0.3
    transient = dataset.assign(displacement=dataset["displacement"].copy(data=disturbed))
    skipped = fit(transient, kernel="flux-pulse", skip_after_edge="0.2 ms")
    np.testing.assert_allclose(skipped["D"], reference["D"], rtol=0.1)
    assert not np.allclose(fit(transient, kernel="flux-pulse")["D"], reference["D"], rtol=0.1, atol=0)


def test_the_gaussian_source_and_erfc_bring_their_own_geometry():
    time = np.arange(300) * 5e-5
    for name, factor in (("gaussian-source", 0.25), ("erfc", 1.0)):
        curves, constant = kernel_from_name(name).curves(time, np.log([1e-3]))
        traces = np.zeros((2, 3, 500))
        traces[..., :200] = 1.0
        traces[..., 200:] = curves + constant
        dataset = dataset_from_traces(
            [traces + 1e-4 * np.random.default_rng(0).standard_normal(traces.shape)], time=TIME, x=np.arange(3.0),
            y=np.arange(2.0), voltage=[-3], protocol=PROTOCOL,
        )  # fmt: skip
        maps = fit(dataset, kernel=name, window1="none", threshold=0.0)  # nothing moves during the pulse
        np.testing.assert_allclose(maps["D2"], factor * RADIUS**2 / 1e-3, rtol=0.01)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kernel": "flux-pulse", "geometry": "l2/6tau"}, "gives D by itself"),
        ({"kernel": "flux-pulse", "window1": "none"}, "neither window can be 'none'"),
        ({"kernel": "clamped", "window2": "12ms:20ms"}, "and relaxation together: leave both windows"),
        ({"kernel": "clamped", "window1": "1ms:9ms"}, "and relaxation together: leave both windows"),
    ],
)
def test_what_has_no_place_beside_a_joint_kernel_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        fit(flux_dataset(), **values)


def test_windows_that_say_what_the_pulse_says_do_no_harm():
    reference = fit(flux_dataset(), kernel="flux-pulse")
    same = fit(flux_dataset(), kernel="flux-pulse", window1="0ms:10ms", window2="10ms:")
    np.testing.assert_array_equal(same["D"], reference["D"])
    shorter = fit(flux_dataset(), kernel="flux-pulse", window2="10ms:20ms")
    cut = fit(flux_dataset(time=TIME[:400]), kernel="flux-pulse")
    assert shorter.attrs["record"] == "0 s:20 ms"
    np.testing.assert_allclose(shorter["D"].isel(x=0), cut["D"].isel(x=0), rtol=0.1)


def test_a_joint_kernel_needs_to_know_the_pulse():
    dataset = flux_dataset(protocol=PulseProtocol(tip_radius=RADIUS))
    with pytest.raises(ValueError, match=r"give pulse_start= and pulse_duration=$"):
        fit(dataset, kernel="flux-pulse")
    known = fit(dataset, kernel="flux-pulse", window1="0ms:10ms")
    assert np.nanmedian(known["D"].isel(x=0)) == pytest.approx(4e-13, rel=0.02)
    with pytest.raises(ValueError, match="how long the pulse is"):
        fit_traces(np.zeros((2, 500)), TIME, kernel="flux-pulse")


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scan.gwy"
    save(path, flux_dataset())
    return path


@pytest.mark.slow
def test_the_command_line_writes_and_reads_back_a_joint_fit(scan, tmp_path, capsys):
    out, summary, pixels = tmp_path / "out.gwy", tmp_path / "s.json", tmp_path / "p.csv"
    figure = tmp_path / "f.png"
    words = ["fit", str(scan), "-o", str(out), "--kernel", "flux-pulse", "--progress", "none"]
    words += ["--json", str(summary), "--csv", str(pixels), "--figure", str(figure)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "D     median" in printed
    assert "tau   median" in printed
    assert figure.stat().st_size > 10_000
    entry = json.loads(summary.read_text())["pulses"][1]
    assert {"D", "tau", "H"} <= entry.keys()
    assert not {"D1", "tau1", "D2"} & entry.keys()
    assert entry["D"]["n_ok"] == 48
    assert entry["D"]["systematic"] == pytest.approx(0.4)
    with pixels.open() as file:
        row = next(csv.DictReader(file))
    assert {"D", "D_stderr", "tau", "status", "r2"} <= row.keys()

    again = open_dataset(out)
    titles = {str(channel.attrs.get("long_name", "")) for channel in again.data_vars.values()}
    assert "D (-3 V)" not in titles  # results are no channels
    maps = maps_from_container(read_container(out))
    assert maps is not None
    expected = fit(open_dataset(scan), kernel="flux-pulse")
    for name in ("H", "D", "D_stderr", "tau", "tau_stderr", "r2", "status"):
        np.testing.assert_array_equal(maps[name].values, expected[name].values)
    assert maps.attrs["record"] == "0 s:"
    assert Recipe.from_json(maps.attrs["recipe"]).kernel == "flux-pulse"

    graphs = tmp_path / "graphs.gwy"
    assert (
        main(
            ["fit", str(scan), "-o", str(graphs), "--recipe", str(out), "--maps-only", "--graphs", "--quiet"]
        )
        == 0
    )
    container = read_container(graphs)
    number = contents.ids(container, contents.GRAPH)[0]
    assert "histogram" in container[contents.object_key(contents.GRAPH, number)]["title"]

    once_more = tmp_path / "again.gwy"
    assert main(["fit", str(scan), "-o", str(once_more), "--recipe", str(out), "--progress", "none"]) == 0
    np.testing.assert_array_equal(
        maps_from_container(read_container(once_more))["D"].values, expected["D"].values
    )


def test_channels_of_a_joint_fit_have_the_agreed_titles(scan, tmp_path):
    import gwyfile

    out = tmp_path / "out.gwy"
    save(out, open_dataset(scan), fit(open_dataset(scan), kernel="flux-pulse"))
    container = gwyfile.load(str(out))
    titles = {container[key] for key in container if key.endswith("/data/title")}
    for setting in ("(-3 V)", "(+3 V)"):
        for title in ("D", "D standard error", "tau", "log10 D", "R2", "status", "H"):
            assert f"{title} {setting}" in titles
    number = next(key.split("/")[1] for key in container if container[key] == "D (-3 V)")
    metadata = container[f"/{number}/meta"]
    assert metadata["Kernel"] == "flux-pulse"
    assert metadata["Geometry"] == "l2/4tau"
    assert metadata["Record"] == "0 s:"
