"""Odd and even parts of two pulse settings, against diffusion with a force that goes with the voltage squared.

Ions follow the voltage, ``flux_displacement`` of noises.py; the force is there while the voltage is on. Both pass an
RC filter of two stages, as the noise does. Nothing here comes from the package's own forward models.
"""

import json

import numpy as np
import pytest
from noises import PULSE, RADIUS, STEP, TIME, behind_lock_in, flux_displacement
from scipy.ndimage import gaussian_filter
from scipy.ndimage import shift as moved
from scipy.signal import lfilter

from napari_tesm import fit, open_dataset, save
from napari_tesm.cli.entry import main
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.data.maps import labels_from_maps
from napari_tesm.data.parity import pairs_of_settings
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.parity import Parts
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.findings.parity import even_summary, parts_in_words
from napari_tesm.scan import scans_from_file

SHAPE = (18, 26)
H = 1e-11
BEFORE = 20
TIMES = (np.arange(BEFORE + TIME.size) - BEFORE) * STEP
LOCK_IN = 1e-4
FINER = 10


def dataset_of(stacks, voltages, *, directions=None, **protocol):
    """Return recordings of one area, in m, pixels of 50 nm by 80 nm."""
    shape = stacks[0].shape
    return dataset_from_traces(
        [np.asarray(stack) for stack in stacks],
        time=TIMES,
        x=np.arange(shape[1]) * 50e-9,
        y=np.arange(shape[0]) * 80e-9,
        voltage=voltages,
        direction=directions,
        protocol=PulseProtocol(pulse_start=0.0, pulse_duration=PULSE, tip_radius=RADIUS, **protocol),
    )


def filtered(curves):
    """Return curves on a fine grid from the pulse on, behind two RC stages, at the sample times of a record."""
    memory = np.exp(-STEP / FINER / LOCK_IN)
    for _ in range(2):
        curves = lfilter([1 - memory], [1, -memory], curves, axis=-1)
    return np.concatenate([np.zeros((len(curves), BEFORE)), curves[:, ::FINER]], axis=1)


def field(rng, shape, low, high, width=3.0):
    values = gaussian_filter(rng.standard_normal(shape), width)
    return low + (high - low) * (values - values.min()) / np.ptp(values)


def scene(rng, *, voltages=(3.0, -3.0), step=0.3, snr=20.0, gain=1.0, shift=(0, 0), shape=SHAPE):
    """Return recordings of an area at voltages, with D and the height of the force at the first voltage, of it.

    The second recording has another gain, and its image lies off by `shift` (down, to the right), in pixels.
    """
    fine = np.arange(TIME.size * FINER) * STEP / FINER
    levels = np.geomspace(1.5e-13, 9e-13, 12)
    ions = filtered(flux_displacement(levels, time=fine))
    on = filtered((fine < PULSE - 1e-9)[None].astype(float))[0]
    margin = 4
    wide = tuple(size + 2 * margin for size in shape)
    height = field(rng, wide, 0.3, 1.0, 2.0)
    force = step * field(rng, wide, 0.5, 1.5)
    chosen = np.round(field(rng, wide, 0, 11, 4)).astype(int)
    stacks = []
    for number, volts in enumerate(voltages):
        by = shift if number else (0, 0)
        inner = (slice(margin, -margin),) * 2
        h, f = (moved(part, by, order=3, mode="nearest")[inner] for part in (height, force))
        which = moved(chosen, by, order=0, mode="nearest")[inner]
        share = volts / voltages[0]
        traces = share * h[..., None] * ions[which] + share**2 * f[..., None] * on
        noise = behind_lock_in(rng, h.size, LOCK_IN, 2, samples=TIMES.size).reshape(traces.shape) / snr
        stacks.append(H * ((gain if number else 1.0) * traces + noise))
    inner = (slice(margin, -margin),) * 2
    return (
        dataset_of(stacks, voltages, lock_in_time_constant=LOCK_IN, lock_in_order=2),
        levels[chosen[inner]],
        H * force[inner],
    )


def pulls(maps, truth, pulse=0):
    """Return errors of ln D and how many standard errors they are, of the pixels that are ok."""
    here = maps.isel(pulse=pulse)
    error = np.log(here["D"].values / truth)
    known = np.isfinite(error)
    return error[known], (error * here["D"].values / here["D_stderr"].values)[known]


@pytest.fixture(scope="module")
def both():
    return scene(np.random.default_rng(1))


@pytest.fixture(scope="module")
def odd(both):
    return fit(both[0], kernel="flux-pulse", nuisance="none", parity="odd")


@pytest.mark.slow
def test_a_force_that_goes_with_the_voltage_squared_does_not_move_d_of_the_odd_part(both, odd):
    dataset, truth, _ = both
    each = fit(dataset, kernel="flux-pulse", nuisance="none")
    assert np.exp(np.median(pulls(each, truth, 0)[0])) > 3
    assert np.exp(np.median(pulls(each, truth, 1)[0])) < 0.4
    error, pull = pulls(odd, truth)
    assert error.size > 0.99 * truth.size
    assert np.exp(np.median(error)) == pytest.approx(1, abs=0.04)
    assert 0.9 < pull.std() < 1.1
    assert abs(pull.mean()) < 0.2
    assert labels_from_maps(odd) == ["(+3 V odd)"]


def test_the_even_part_has_the_height_of_the_force_and_an_error_that_holds(both, odd):
    _, _, force = both
    height, error = odd["even"].values[0], odd["even_stderr"].values[0]
    assert np.median(height / force) == pytest.approx(1, abs=0.01)
    assert 0.9 < ((height - force) / error).std() < 1.1
    assert np.nanmedian(odd["even_share"].values * odd["H"].values / height) == pytest.approx(1)
    summary = even_summary(odd.isel(pulse=0))
    assert summary["n"] == summary["n_clear"] == height.size
    assert summary["share"] == pytest.approx(np.median(force) / (0.65 * H), rel=0.15)


def test_settings_that_differ_in_gain_are_told_by_what_is_even_with_the_voltage_off(both, odd):
    asymmetry = Parts.from_attributes(odd.attrs).pairs[0].asymmetry
    assert abs(asymmetry.value) < 4 * asymmetry.error < 0.04
    assert not any("gains" in sentence for sentence in parts_in_words(odd))
    dataset, truth, _ = scene(np.random.default_rng(2), gain=1.05, snr=60)
    maps = fit(dataset, kernel="flux-pulse", nuisance="none", parity="odd")
    asymmetry = Parts.from_attributes(maps.attrs).pairs[0].asymmetry
    # (I − 1.05 I) / (I + 1.05 I)
    assert asymmetry.value == pytest.approx(-0.05 / 2.05, abs=4 * asymmetry.error)
    assert any("the gains of the two settings differ by" in sentence for sentence in parts_in_words(maps))
    assert np.exp(np.median(pulls(maps, truth)[0])) == pytest.approx(0.95, abs=0.04)


def test_an_image_that_lies_off_is_read_where_it_is():
    dataset, truth, force = scene(np.random.default_rng(3), shift=(2, -3), shape=(24, 32))
    maps = fit(dataset, kernel="flux-pulse", nuisance="none", parity="odd")
    pair = Parts.from_attributes(maps.attrs).pairs[0]
    assert pair.moved == (-2, 3)
    assert pair.shift == pytest.approx((-2, 3), abs=0.4)
    # What the second recording does not show has no value.
    seen = np.isfinite(maps["H"].values[0])
    assert not seen[-2:].any()
    assert not seen[:, :3].any()
    assert seen[:-2, 3:].all()
    error, pull = pulls(maps, truth)
    assert np.exp(np.median(error)) == pytest.approx(1, abs=0.03)
    assert pull.std() < 1.2
    assert np.nanmedian(maps["even"].values[0] / force) == pytest.approx(1, abs=0.02)


def test_half_a_pixel_that_is_left_is_said():
    dataset, truth, _ = scene(np.random.default_rng(4), shift=(0.5, 0), shape=(24, 32))
    maps = fit(dataset, kernel="flux-pulse", nuisance="none", parity="odd")
    assert any("px below" in words and "px are left" in words for words in parts_in_words(maps))
    assert np.exp(np.median(pulls(maps, truth)[0])) == pytest.approx(1, abs=0.04)


def parts_of(dataset, parity):
    return Evaluation.of(dataset, Recipe(parity=parity)).dataset


@pytest.mark.parametrize(("positive", "negative"), [(3.0, -3.0), (3.0, -2.5), (2.0, -3.5)])
def test_parts_are_what_goes_with_the_voltage_and_with_its_square(positive, negative):
    rng = np.random.default_rng(5)
    linear, square = rng.standard_normal((2, 3, 5, TIMES.size))
    dataset = dataset_of(
        [volts * linear + volts**2 * square for volts in (negative, positive)], [negative, positive]
    )
    for parity, expected in (("odd", positive * linear), ("even", positive**2 * square)):
        parts = parts_of(dataset, parity)
        assert parts.sizes["pulse"] == 1
        assert float(parts["voltage"][0]) == positive
        np.testing.assert_allclose(parts["displacement"].values[0], expected, rtol=1e-9, atol=1e-9)
        some = parts["displacement"].isel(pulse=0, y=slice(1, 3), x=2, time=[4, 7])
        np.testing.assert_allclose(some.values, expected[1:3, 2][:, [4, 7]], rtol=1e-9, atol=1e-9)


def test_the_even_part_has_more_or_less_noise_than_the_odd_one_where_voltages_differ():
    noise = np.random.default_rng(8).standard_normal((2, 12, 15, TIMES.size))
    dataset = dataset_of(noise, [2.0, -3.5])
    even, odd = (parts_of(dataset, parity)["displacement"].values.std() for parity in ("even", "odd"))
    (pair,) = pairs_of_settings(np.array([2.0, -3.5]), ["", ""])
    assert pair.even_noise == pytest.approx(even / odd, rel=0.01)
    assert pair.even_noise < 0.7


def test_unequal_voltages_are_said_to_take_the_linear_part_for_the_odd_one():
    dataset, truth, force = scene(np.random.default_rng(6), voltages=(3.0, -2.5))
    maps = fit(dataset, kernel="flux-pulse", nuisance="none", parity="odd")
    assert any("first power of the voltage" in words for words in parts_in_words(maps))
    error, pull = pulls(maps, truth)
    assert np.exp(np.median(error)) == pytest.approx(1, abs=0.03)
    assert 0.88 < pull.std() < 1.12
    deviation = (maps["even"].values[0] - force) / maps["even_stderr"].values[0]
    assert 0.88 < deviation.std() < 1.12


def test_a_pixel_that_one_setting_lacks_has_no_part_and_lost_samples_cost_little(both, odd):
    dataset, _, _ = both
    stacks = [np.array(dataset["displacement"].values[pulse]) for pulse in (0, 1)]
    stacks[1][4, 7] = np.nan
    stacks[1][2, 3] = 3 * H  # dead
    stacks[0][5, 9, 60:90] = np.nan
    broken = dataset.assign(displacement=(dataset["displacement"].dims, np.stack(stacks), {"units": "m"}))
    maps = fit(broken, kernel="flux-pulse", nuisance="none", parity="odd")
    for pixel in ((4, 7), (2, 3)):
        assert all(np.isnan(maps[name].values[0][pixel]) for name in ("D", "H", "even"))
    for name in ("D", "even"):
        value, error = (odd[other].values[0, 5, 9] for other in (name, f"{name}_stderr"))
        assert maps[name].values[0, 5, 9] == pytest.approx(value, abs=1.5 * error)
        assert maps[name].values[0, 5, 9] != value


def test_pairs_are_of_one_size_and_one_direction_first():
    def numbers(voltages, directions):
        return [(pair.plus, pair.minus) for pair in pairs_of_settings(np.array(voltages), directions)]

    assert numbers([3, 3, -3, -3], ["trace", "retrace", "retrace", "trace"]) == [(0, 3), (1, 2)]
    assert numbers([-3, 3], ["trace", "retrace"]) == [(1, 0)]
    assert numbers([1, 2, 3, -3, -2, -1], [""] * 6) == [(0, 5), (1, 4), (2, 3)]
    assert numbers([3, -2.5, 1], [""] * 3) == [(0, 1)]
    assert numbers([3, -1], [""] * 2) == []
    assert numbers([3, 3, np.nan, 0], [""] * 4) == []


@pytest.mark.parametrize(
    ("voltages", "directions", "words"),
    [
        ([-3.0, -3.0], ["trace", "retrace"], "-3 V trace, -3 V retrace"),
        ([3.0, -1.0], None, "neither is twice the other"),
        ([np.nan, -3.0], None, "Pulse voltage"),
    ],
)
def test_what_cannot_be_taken_apart_is_refused_in_a_sentence(voltages, directions, words):
    dataset = dataset_of(np.ones((2, 2, 3, TIMES.size)), voltages, directions=directions)
    with pytest.raises(ValueError, match=words):
        fit(dataset, parity="odd")


def test_parts_of_parts_are_themselves_or_refused(both):
    parts = parts_of(both[0], "even")
    evaluation = Evaluation.of(parts, Recipe())
    assert evaluation.recipe.parity == "even"
    assert evaluation.dataset["displacement"].shape == parts["displacement"].shape
    assert evaluation.updated(Recipe(threshold=0.2)).recipe.parity == "even"
    with pytest.raises(ValueError, match="the even part already"):
        Evaluation.of(parts, Recipe(parity="odd"))


@pytest.mark.slow
def test_a_file_of_the_odd_part_says_where_it_comes_from_and_is_opened_as_such(tmp_path, both):
    source, first, again = (str(tmp_path / name) for name in ("both.gwy", "odd.gwy", "again.gwy"))
    save(source, both[0].isel(y=slice(0, 9)), None)
    summary = tmp_path / "odd.json"
    options = ["--progress", "none", "--quiet"]
    command = [
        "fit",
        source,
        "-o",
        first,
        "--kernel",
        "flux-pulse",
        "--parity",
        "odd",
        "--json",
        str(summary),
    ]
    assert main([*command, "--figure", str(tmp_path / "odd.png"), *options]) == 0
    assert main(["fit", source, "-o", again, "--recipe", first, *options]) == 0
    assert (tmp_path / "odd.gwy").read_bytes() == (tmp_path / "again.gwy").read_bytes()
    content = json.loads(summary.read_text())
    assert content["recipe"]["parity"] == content["parts"]["parity"] == "odd"
    assert content["parts"]["pairs"][0]["voltages"] == [3.0, -3.0]
    assert content["pulses"][0]["even"]["n"] == 9 * SHAPE[1]
    (scan,) = scans_from_file(first)
    assert scan.notes == []
    assert scan.labels == ["(+3 V odd)"] == labels_from_maps(scan.maps)
    assert [str(name) for name in ("even", "even_stderr", "even_share", "D") if name in scan.maps] == [
        "even", "even_stderr", "even_share", "D",
    ]  # fmt: skip
    assert scan.recorded.sizes["pulse"] == 2
    assert list(parts_in_words(scan.maps))
    # The settings as they were recorded are in the file, and can be fitted again.
    assert open_dataset(first).sizes["pulse"] == 2


def test_two_files_of_one_area_are_joined(tmp_path, both, capsys):
    names = [str(tmp_path / name) for name in ("plus.gwy", "minus.gwy", "both.gwy", "odd.gwy", "small.gwy")]
    few = both[0].isel(y=slice(0, 5), x=slice(0, 8))
    for name, part in zip(names, (few.isel(pulse=[0]), few.isel(pulse=[1]), few), strict=False):
        save(name, part, None)
    options = ["--parity", "odd", "--progress", "none", "--quiet"]
    assert main(["fit", names[0], "--with", names[1], "-o", names[3], *options]) == 0
    assert main(["fit", names[2], "-o", names[4], *options]) == 0
    first, second = (scans_from_file(name)[0] for name in names[3:])
    assert first.recorded["voltage"].values.tolist() == [3.0, -3.0]
    for name in ("D1", "even", "even_stderr"):
        np.testing.assert_array_equal(first.maps[name].values, second.maps[name].values)
    save(names[4], few.isel(pulse=[1], x=slice(0, 5)), None, overwrite=True)
    assert main(["fit", names[0], "--with", names[4], "-o", str(tmp_path / "none.gwy"), *options]) == 1
    assert "5 × 5 pixels, not 8 × 5" in capsys.readouterr().err
    assert main(["fit", names[0], "--with", names[1], "-o", names[1], "--overwrite", *options]) == 2
