"""Which kernel the traces support: votes of pixels with a response, maps in files, and what is refused."""

import json

import numpy as np
import pytest
from examples import PROTOCOL, TIP_RADIUS, example_dataset
from matplotlib.backends.backend_agg import FigureCanvasAgg
from plotting_checks import assert_legible

from napari_tesm import fit, kernel_choice, open_dataset, save
from napari_tesm.cli import main
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.evaluation.pipeline import Cancelled
from napari_tesm.gwy import read_container
from napari_tesm.io.gwy.channels import channels_from_container
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.kernels.named import kernel_from_name
from napari_tesm.model_choice.votes import KernelVotes
from napari_tesm.physics.diffusion import tau_from_diffusion

TIME = np.arange(250) * 1e-4
KERNELS = ("exponential", "flux-pulse", "clamped")


def traces_of(kernel, diffusion, *, shape=(6, 8), noise=0.02, seed=0):
    """Return traces of one joint kernel with unit amplitude, shape (y, x, time)."""
    tau = tau_from_diffusion(diffusion, TIP_RADIUS, geometry="l2/4tau")
    known = kernel_from_name(kernel, pulse=10e-3)
    curve = known.curves(TIME, np.log([tau]))[0][0]
    rng = np.random.default_rng(seed)
    return curve / np.abs(curve).max() + noise * rng.standard_normal((*shape, TIME.size))


def dataset_of(*stacks, time=TIME):
    height, width = stacks[0].shape[:2]
    return dataset_from_traces(
        list(stacks), time=time, x=(np.arange(width) + 0.5) * 1e-8, y=(np.arange(height) + 0.5) * 1e-8,
        voltage=[-3.0] * len(stacks), direction=[""] * len(stacks), unit="V", protocol=PROTOCOL,
    )  # fmt: skip


def two_halves():
    """Return a map whose left half is diffusion under a flux, and its right half under a clamped tip."""
    left, right = (
        traces_of("flux-pulse", 4e-13, shape=(6, 5)),
        traces_of("clamped", 4e-13, shape=(6, 3), seed=1),
    )
    return dataset_of(np.concatenate([left, right], axis=1))


def test_each_pixel_has_the_kernel_that_made_it():
    choice = kernel_choice(two_halves(), kernels=KERNELS)
    best = choice.maps["best_kernel"].values[0]
    assert (best[:, :5] == KERNELS.index("flux-pulse")).mean() > 0.9
    assert (best[:, 5:] == KERNELS.index("clamped")).mean() > 0.9
    votes = choice.votes[0]
    assert votes.judged == 48
    assert votes.best == tuple(int((best == number).sum()) for number in range(3))
    # One kernel for both kinds leaves structure in one, and the sum does not go with the majority: both is said.
    assert not votes.describes
    assert choice.recommended() == "clamped"
    assert (
        f"'flux-pulse' is best in more of them, {100 * votes.share('flux-pulse'):.0f} %" in choice.sentence()
    )
    assert "none of these kernels" in choice.sentence()


def test_only_pixels_with_a_response_vote():
    before = np.random.default_rng(6).standard_normal((6, 8, 10)) * 0.02
    traces = np.concatenate([before, traces_of("flux-pulse", 4e-13)], axis=-1)
    traces[0] *= 0.01  # a row below the threshold
    traces[1, 0] = np.nan
    # An offset before the pulse makes H, and nothing relaxes.
    traces[1, 1] = 0.02 * np.random.default_rng(5).standard_normal(260)
    traces[1, 1, :10] -= 2
    traces[1, 2, 30] = np.nan  # a gap costs no vote
    dataset = dataset_of(traces, time=(np.arange(260) - 10) * 1e-4)
    choice = kernel_choice(dataset, kernels=KERNELS, threshold_of="p99")
    voting = choice.maps["voting"].values[0]
    assert (voting[0] == 1).all()
    assert voting[1, :3].tolist() == [5, 2, 0]
    assert choice.votes[0].judged == int((voting == 0).sum()) == 48 - 10
    assert choice.votes[0].left_out == sum(choice.left_out(0).values()) == 10
    assert (choice.maps["best_kernel"].values[0][voting != 0] == -1).all()
    assert np.isnan(choice.maps["evidence"].values[0][voting != 0]).all()
    assert np.isfinite(choice.maps["misfit"].values[0][voting == 0]).all()


def test_noise_gives_no_kernel():
    noise = np.random.default_rng(0).standard_normal((8, 8, TIME.size))
    choice = kernel_choice(dataset_of(noise), kernels=KERNELS)
    assert choice.votes[0].judged <= 1  # the F-test lets 1 in 1000 through
    empty = kernel_choice(dataset_of(noise), kernels=KERNELS, threshold=1.0, response_level=1e-300)
    assert empty.recommended() is None
    assert "no response" in empty.sentence()


def test_the_numbers_depend_neither_on_threads_nor_on_blocks(monkeypatch):
    dataset = example_dataset(shape=(7, 5))
    expected = kernel_choice(dataset, kernels=KERNELS)
    monkeypatch.setattr("napari_tesm.data.dataset.BLOCK_BYTES", 8 * 250 * 4 * 6)
    told = []
    choice = kernel_choice(dataset, kernels=KERNELS, jobs=3, progress=lambda *words: told.append(words))
    for name in expected.maps.data_vars:
        np.testing.assert_allclose(choice.maps[name], expected.maps[name], rtol=1e-6, err_msg=name)
    assert [votes.best for votes in choice.votes] == [votes.best for votes in expected.votes]
    assert choice.votes == kernel_choice(dataset, kernels=KERNELS).votes
    assert len(told) > 10
    assert told[-1] == (1.0, "comparing kernels")

    def stop(fraction, _):
        if fraction > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        kernel_choice(dataset, kernels=KERNELS, progress=stop)


def test_samples_after_the_edges_can_be_left_out():
    traces = traces_of("flux-pulse", 4e-13, noise=0.005)
    after = np.r_[0:8, 100:108]
    traces[..., after] += 0.3 * np.random.default_rng(1).standard_normal(8).repeat(2)
    assert not kernel_choice(dataset_of(traces), kernels=KERNELS).votes[0].describes
    choice = kernel_choice(dataset_of(traces), kernels=KERNELS, skip_after_edge="0.8 ms")
    assert choice.recommended() == "flux-pulse"
    assert choice.votes[0].describes


def test_maps_in_a_file_say_what_they_are_and_leave_results_alone(tmp_path):
    dataset = two_halves()
    source, out, again, later = (tmp_path / f"{name}.gwy" for name in "abcd")
    save(source, dataset, fit(dataset))
    choice = kernel_choice(dataset, kernels=KERNELS, threshold=0.97)
    votes = choice.votes[0]
    assert 0 < votes.judged < 48
    opened = open_dataset(source)
    save(out, opened, choice=choice)
    container = read_container(out)
    assert maps_from_container(container) is not None
    channels = {str(one.attrs["long_name"]): one for one in channels_from_container(container)}
    best = channels["Best kernel (-3 V)"]
    assert best.attrs["flag_meanings"].split() == list(KERNELS)
    voting = choice.maps["voting"].values[0]
    expected = np.where(voting == 0, choice.maps["best_kernel"].values[0], np.nan)
    np.testing.assert_array_equal(best.values, expected)
    np.testing.assert_allclose(
        channels["Evidence (-3 V)"].values, choice.maps["evidence"].values[0], rtol=1e-12
    )
    metadata = next(
        container[key] for key in container if key.endswith("/meta") and "Verdict" in container[key]
    )
    assert metadata["Pixels that vote"] == f"{votes.judged} of 48"
    assert metadata["Verdict"] == votes.sentence()
    # A second comparison replaces the first; a fit leaves it alone.
    save(again, open_dataset(out), choice=kernel_choice(dataset, kernels=KERNELS[:2]))
    titles = [str(one.attrs["long_name"]) for one in channels_from_container(read_container(again))]
    assert titles.count("Best kernel (-3 V)") == 1
    save(later, open_dataset(again), fit(dataset, threshold=0.3))
    assert "Evidence (-3 V)" in [
        one.attrs["long_name"] for one in channels_from_container(read_container(later))
    ]


def test_gwyddion_opens_the_maps_without_a_warning(tmp_path, gwyddion_check):
    out = tmp_path / "out.gwy"
    save(out, None, choice=kernel_choice(two_halves(), kernels=KERNELS, threshold=0.97))
    assert gwyddion_check(out) == ""


def test_the_command_says_it_in_a_table_in_words_and_for_programs(tmp_path, capsys):
    scan, out, figure = tmp_path / "scan.gwy", tmp_path / "out.gwy", tmp_path / "choice.png"
    save(scan, example_dataset())
    words = ["kernels", str(scan), "--kernels", "exponential,erfc", "--threshold", "10%"]
    assert main([*words, "-o", str(out), "--figure", str(figure), "--jobs", "2"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.count("The data support 'exponential'") == 3  # two settings, and both together
    assert "54 of 54 pixels vote" in printed.out
    assert figure.read_bytes().startswith(b"\x89PNG")
    titles = [one.attrs["long_name"] for one in channels_from_container(read_container(out))]
    assert "Misfit (+3 V)" in titles
    assert "D2 over kernels (+3 V)" in titles
    assert "D2 over kernels: error between kernels (+3 V)" in titles
    assert "Topography" in titles
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["together"]["recommended"] == "exponential"
    assert [one["n_judged"] for one in found["pulses"]] == [54, 54]
    shares = {one["kernel"]: one["best_share"] for one in found["together"]["kernels"]}
    assert sum(shares.values()) == pytest.approx(1)
    assert found["together"]["kernels"][0]["aicc_behind"] == 0
    assert main([*words, "-o", str(out)]) == 1
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--kernels", "exponential"], 2, "at least two"),
        (["--kernels", "exponential,parabola"], 2, "unknown kernel 'parabola'"),
        (["--maps-only"], 2, "-o"),
        (["--jobs", "0"], 2, "--jobs"),
        (["--skip-after-edge", "9.9ms"], 1, "the pulse holds 1 samples"),
        (["-o", "SCAN", "--overwrite"], 2, "input"),
    ],
)
def test_nonsense_is_refused_in_a_line(tmp_path, capsys, words, code, said):
    scan = tmp_path / "scan.gwy"
    save(scan, example_dataset(shape=(2, 3)))
    assert main(["kernels", str(scan), *(str(scan) if word == "SCAN" else word for word in words)]) == code
    err = capsys.readouterr().err
    assert said in err
    assert len(err.strip().splitlines()) <= 3


def test_windows_that_leave_out_a_part_are_refused():
    with pytest.raises(ValueError, match="a comparison of kernels takes pulse"):
        kernel_choice(example_dataset(shape=(2, 3)), window2="15ms:20ms")
    dataset = example_dataset(shape=(2, 3))
    dataset.attrs.pop("pulse_start")
    with pytest.raises(ValueError, match="give pulse_start="):
        kernel_choice(dataset)


def test_votes_of_parts_are_those_of_the_whole():
    one = KernelVotes(("a", "b"), (4, 7), 3, (2, 1), (3, 0), (-10.0, 5.0), 1)
    other = KernelVotes(("a", "b"), (4, 7), 2, (0, 2), (0, 2), (-1.0, -30.0), 4)
    both = KernelVotes.joined([one, other])
    assert (both.judged, both.left_out, both.best, both.white) == (5, 5, (2, 3), (3, 2))
    assert both.aicc == (-11.0, -25.0)
    assert both.recommended() == "b"
    assert both.behind("a") == 14
    assert both.sentence().startswith(
        "The data support 'b': best in 60 % of 5 traces, AICc of the map 14 below"
    )


@pytest.mark.slow
def test_the_figure_has_room_for_its_words():
    from napari_tesm.plotting.kernel_choice import kernel_choice_figure

    dataset = example_dataset(shape=(12, 16))
    for threshold in (0.15, 1.0):
        figure = kernel_choice_figure(kernel_choice(dataset, threshold=threshold))
        FigureCanvasAgg(figure)
        assert_legible(figure)
