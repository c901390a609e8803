import numpy as np
import pytest
import xarray as xr
from examples import PROTOCOL, TIP_RADIUS, example_dataset, exponential_traces

from napari_tesm import fit
from napari_tesm.data.dataset import BLOCK_BYTES, dataset_from_traces
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.pipeline import Cancelled, run
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.findings.summary import summary_from_maps
from napari_tesm.quantities.status import BELOW_THRESHOLD, INVALID, NO_RESPONSE, OK


def test_recovers_known_diffusion_coefficients():
    maps = run(Evaluation.of(example_dataset(shape=(40, 40))))
    slow, fast = maps.isel(x=slice(0, 20)), maps.isel(x=slice(20, None))
    for pulse in (0, 1):
        for part, tau2 in ((slow, 3.2e-3), (fast, 0.8e-3)):
            assert np.nanmedian(part["D2"][pulse]) == pytest.approx(TIP_RADIUS**2 / tau2, rel=0.01)
            assert np.nanmedian(part["D1"][pulse]) == pytest.approx(TIP_RADIUS**2 / (1.25 * tau2), rel=0.01)


def test_pulls_of_ln_d_are_standard_normal():
    # The errors of a fit take the noise of neighbouring samples as independent.
    maps = run(Evaluation.of(example_dataset(shape=(60, 60), noise=0.008, lock_in=0)))
    truth = np.where(np.arange(60) >= 30, 0.8e-3, 3.2e-3)
    for name, factor in (("1", 1.25), ("2", 1.0)):
        ok = maps[f"status{name}"].values == OK
        relative = maps[f"D{name}_stderr"].values / maps[f"D{name}"].values
        pulls = (np.log(maps[f"D{name}"].values) - np.log(TIP_RADIUS**2 / (factor * truth))) / relative
        assert 0.95 < pulls[ok].std() < 1.1


def test_pure_noise_is_not_accepted():
    rng = np.random.default_rng(3)
    time = np.arange(250) * 1e-4
    traces = rng.standard_normal((100, 200, 250))
    dataset = dataset_from_traces(
        [traces], time=time, x=np.arange(200) * 1e-8, y=np.arange(100) * 1e-8, voltage=[-3], protocol=PROTOCOL
    )
    maps = run(Evaluation.of(dataset))
    for name in ("status1", "status2"):
        assert (maps[name].values == OK).mean() <= 1e-3


def test_hot_pixels_do_not_empty_a_map():
    dataset = example_dataset(shape=(20, 30))
    traces = dataset["displacement"].values.copy()
    traces[:, 5, 5, 50:100] *= 1000.0
    traces[:, 12, 20, 50:100] *= 1000.0
    hot = dataset.assign(displacement=dataset["displacement"].copy(data=traces))
    maps = run(Evaluation.of(hot))
    assert (maps["status2"] == OK).mean() > 0.98
    emptied = run(Evaluation.of(hot, Recipe(threshold_of="max")))
    assert (emptied["status2"] == BELOW_THRESHOLD).mean() > 0.9


def test_status_codes_in_their_order_of_precedence():
    time = np.arange(250) * 1e-4
    rng = np.random.default_rng(0)
    traces = exponential_traces(time, np.full((4, 5), 1e-3), np.full((4, 5), 1e-3), np.full((4, 5), 0.1))
    traces += 0.001 * rng.standard_normal(traces.shape)
    traces[0, 0] = np.nan
    traces[1, 1] = 0.25
    traces[2, 2] = 0.001 * rng.standard_normal(250)
    traces[3, 3] *= 0.08
    dataset = dataset_from_traces(
        [traces], time=time, x=np.arange(5.0), y=np.arange(4.0), voltage=[-3], protocol=PROTOCOL
    )
    status = run(Evaluation.of(dataset))["status2"].values[0]
    assert status[0, 0] == INVALID
    assert status[1, 1] == INVALID
    assert status[2, 2] == NO_RESPONSE
    assert status[3, 3] == BELOW_THRESHOLD
    assert (status == OK).sum() == 16


def test_tau_and_d_are_nan_exactly_where_status_is_not_ok():
    dataset = example_dataset(shape=(12, 13), noise=0.08)
    maps = run(Evaluation.of(dataset))
    for number in (1, 2):
        ok = maps[f"status{number}"].values == OK
        assert 0 < ok.sum() < ok.size
        for name in ("tau", "D"):
            np.testing.assert_array_equal(np.isfinite(maps[f"{name}{number}"].values), ok)


@pytest.mark.parametrize("time_first", [True, False])
def test_numbers_do_not_depend_on_jobs_or_memory_order(time_first, monkeypatch):
    monkeypatch.setattr("napari_tesm.data.dataset.BLOCK_BYTES", 8 * 250 * 40)
    reference = run(Evaluation.of(example_dataset(shape=(12, 17))))
    other = run(Evaluation.of(example_dataset(shape=(12, 17), time_first=time_first)), jobs=3)
    xr.testing.assert_identical(reference, other)


@pytest.mark.parametrize("options", [{}, {"all_parameters": True, "pulse_start": 2e-3}])
def test_numbers_do_not_depend_on_how_samples_are_stored(options, monkeypatch):
    # Blocks are given to the fits as they lie: as files hold them, some with the time first, some as floats.
    monkeypatch.setattr("napari_tesm.data.dataset.BLOCK_BYTES", 8 * 250 * 64)
    dataset = example_dataset(shape=(12, 16), time_first=False)
    held = np.array(dataset["displacement"].values, dtype=np.float32)
    held[1, 3, 4, 20:40] = np.nan
    maps = []
    for kind in ("<f8", ">f8", "<f4"):
        for first in (False, True):
            stored = held.astype(kind)
            if first:
                stored = np.ascontiguousarray(stored.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
            maps.append(
                fit(dataset.assign(displacement=dataset["displacement"].copy(data=stored)), **options)
            )
    for other in maps[1:]:
        xr.testing.assert_identical(maps[0], other)


def test_a_row_larger_than_a_block_is_split(monkeypatch):
    assert BLOCK_BYTES >= 1 << 20
    whole = run(Evaluation.of(example_dataset(shape=(3, 40))))
    monkeypatch.setattr("napari_tesm.data.dataset.BLOCK_BYTES", 8 * 250 * 16)
    split = run(Evaluation.of(example_dataset(shape=(3, 40))))
    for name in whole.data_vars:
        np.testing.assert_allclose(split[name], whole[name], rtol=1e-9)


def test_without_tip_radius_tau_maps_only():
    protocol = PulseProtocol(pulse_start=0.0, pulse_duration=10e-3)
    maps = run(Evaluation.of(example_dataset(protocol=protocol)))
    assert "tau1" in maps
    assert "D1" not in maps
    assert "systematic" not in maps.attrs


def test_the_recipes_radius_does_not_take_the_files_error():
    maps = run(Evaluation.of(example_dataset(), Recipe(tip_radius=50e-9)))
    assert maps.attrs["tip_radius"] == 50e-9
    assert "tip_radius_error" not in maps.attrs
    default = run(Evaluation.of(example_dataset()))
    assert default.attrs["systematic"] == pytest.approx(0.4)
    np.testing.assert_allclose(maps["D2"].values, 4 * default["D2"].values)


def test_missing_timing_names_the_options():
    dataset = example_dataset(protocol=PulseProtocol())
    with pytest.raises(ValueError, match=r"give pulse_start= and pulse_duration=, or"):
        run(Evaluation.of(dataset))


def test_window_two_alone_without_a_pulse_has_no_threshold():
    dataset = example_dataset(protocol=PulseProtocol())
    maps = fit(dataset, window1="none", window2="10ms:25ms", tip_radius="25 nm")
    assert "H" not in maps
    assert "tau1" not in maps
    assert np.nanmedian(maps["tau2"].isel(pulse=1, x=slice(5, None))) == pytest.approx(0.8e-3, rel=0.02)


def test_given_pulse_start_shifts_the_windows():
    dataset = example_dataset(protocol=PulseProtocol())
    late = dataset.assign_coords(time=dataset["time"] + 2e-3)
    late["time"].attrs = dataset["time"].attrs
    late.attrs["time_origin"] = 0.0
    shifted = fit(late, pulse_start="2 ms", pulse_duration="10 ms")
    plain = fit(dataset, pulse_start="0 ms", pulse_duration="10 ms")
    np.testing.assert_allclose(shifted["tau2"].values, plain["tau2"].values, rtol=1e-6)


def test_window_outside_the_record_is_refused():
    with pytest.raises(ValueError, match="window 2, 30 ms:40 ms, holds 0 samples"):
        fit(example_dataset(), window2="30ms:40ms")


def test_wholly_nan_traces_are_an_error():
    dataset = example_dataset()
    broken = dataset.assign(
        displacement=dataset["displacement"].copy(data=np.full(dataset["displacement"].shape, np.nan))
    )
    with pytest.raises(ValueError, match="no finite value"):
        run(Evaluation.of(broken))


def test_progress_ends_a_run():
    def stop(fraction, text):
        raise Cancelled

    for jobs in (1, 2):
        with pytest.raises(Cancelled):
            run(Evaluation.of(example_dataset()), jobs=jobs, progress=stop)


def test_progress_runs_from_zero_to_one():
    seen = []
    run(Evaluation.of(example_dataset()), progress=lambda fraction, text: seen.append(fraction))
    assert seen[0] == 0
    assert seen[-1] == 1
    assert seen == sorted(seen)


def test_one_pixel():
    maps = run(Evaluation.of(example_dataset(shape=(1, 1))))
    assert maps["status2"].values.tolist() == [[[0]], [[0]]]


def test_summary_counts_every_pixel_once():
    maps = run(Evaluation.of(example_dataset(shape=(12, 13), noise=0.08)))
    summary = summary_from_maps(maps, name="scan.gwy", sha256="0" * 64)
    for pulse, entry in enumerate(summary["pulses"]):
        for name in ("D1", "D2", "tau1", "tau2"):
            assert sum(entry[name]["status"].values()) == entry["n_pixels"] == 156
            assert entry[name]["n_ok"] == entry[name]["status"]["ok"]
            # Slow pixels count: D is lower and tau longer there than in all others.
            status = maps[f"status{name[-1]}"].values[pulse]
            slow, fast = (np.inf, -np.inf) if name.startswith("tau") else (-np.inf, np.inf)
            values = np.where(status == 3, slow, np.where(status == 4, fast, maps[name].values[pulse]))
            ordered = np.sort(values[~np.isnan(values)])
            middle = ordered[[(ordered.size - 1) // 2, ordered.size // 2]].mean()
            wanted = pytest.approx(middle, rel=1e-12, abs=0) if np.isfinite(middle) else None
            assert entry[name]["median"] == wanted
    assert summary["pulses"][0]["D1"]["systematic"] == pytest.approx(0.4)
    assert summary["recipe"]["version"] == 1


def test_one_voltage_is_not_put_on_pulses_of_different_ones():
    with pytest.raises(ValueError, match="pulses of -3 V, 3 V"):
        run(Evaluation.of(example_dataset(), Recipe(voltage=-5.0)))
    maps = run(Evaluation.of(example_dataset(voltage=(-3.0,), direction=("",)), Recipe(voltage=-5.0)))
    assert maps["voltage"].values.tolist() == [-5.0]


@pytest.mark.parametrize(("lock_in", "kernel"), [(0, "exponential"), (2.0, "exponential"), (0, "flux-pulse")])
def test_reduced_chi_square_is_one_where_the_kernel_describes_the_traces(lock_in, kernel):
    """Its truth is the noise that was put in, sample by sample."""
    noise = 0.004
    dataset = example_dataset(shape=(30, 42), noise=noise, lock_in=lock_in)
    maps = run(Evaluation.of(dataset, Recipe(kernel=kernel, all_parameters=True)))
    numbers = ("",) if kernel == "flux-pulse" else ("1", "2")
    for number in numbers:
        name = f"chi2_{number}".rstrip("_")
        found = maps[name].values
        assert np.isfinite(found).all()
        if kernel == "exponential":
            assert np.median(found) == pytest.approx(1.0, abs=0.05)
            samples = 100 if number == "1" else 150
            rms = maps[f"rms_{number}"].values
            if lock_in == 0:
                wanted = rms**2 * samples / (samples - 3) / noise**2
                assert np.median(found / wanted) == pytest.approx(1.0, abs=0.03)
        else:
            # The traces are exponentials, which a flux is not.
            assert np.median(found) > 1.3
    assert not any(name.startswith("chi2") for name in run(Evaluation.of(dataset)).data_vars)
