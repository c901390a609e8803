"""What is set in Gwyddion reaches the engine, whatever the locale; what the file says itself is not overruled."""

import shutil
import subprocess

import numpy as np
import pytest

from gwyddion.comparing import assert_same_channels, channels, fitted
from napari_tesm.gwy import Brick, Lawn, metadata_container, metadata_entries, put, read_container
from napari_tesm.gwy.writing import write_container

pytestmark = pytest.mark.gwyddion

FUNCTION = "tesm_diffusion_maps"


def remember(host, function=FUNCTION, **values):
    """Write Gwyddion's settings as if somebody had entered these values in the dialog of a function."""
    kinds = {str: 'string "{}"', bool: "boolean {}", int: "int32 {}", float: "double {!r}"}
    lines = [
        f'"/module/{function}/{name}" {kinds[type(value)].format(value)}' for name, value in values.items()
    ]
    settings = host.home / ".gwyddion" / "settings"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("\n".join(["Gwyddion Settings 1.0", *lines, ""]))


def typed_for(source, folder, number, said=(), **entered):
    """Copy a file of which somebody has typed in the dialog what it does not say, as one that was saved afterwards.

    `said` are those of the entries that stand in the metadata of the volume under their own names, too.
    """
    container = read_container(source)
    key = f"/brick/{number}/meta"
    entries = metadata_entries(container[key]) if key in container else {}
    names = {name.replace("_", " ").capitalize(): text for name, text in entered.items()}
    entries["Entered in t-ESM"] = "; ".join(f"{name}: {text}" for name, text in names.items())
    put(container, key, metadata_container(entries | {name: names[name] for name in said}), "o")
    folder.mkdir(exist_ok=True)
    write_container(folder / source.name, container)
    return folder / source.name


@pytest.fixture(scope="session")
def german(tmp_path_factory):
    """Environment in which a decimal point is a comma."""
    folder = tmp_path_factory.mktemp("locale")
    if shutil.which("localedef") is None:
        pytest.skip("localedef is not installed")
    made = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", folder / "de_DE.UTF-8"], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"there is no German locale to make: {made.stderr}")
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.UTF-8"}


def test_every_parameter_reaches_the_engine_in_a_german_locale(host, sample, tmp_path, german):
    remember(
        host, geometry=2, threshold=0.225, threshold_of=1, window1="0 ms:5,5ms".replace(",", "."), window2="none",
        skip_after_edge="0.2 ms",
    )  # fmt: skip
    typed = typed_for(sample, tmp_path / "typed", 1, tip_radius="27.5 nm ± 2.5 nm")
    run = host("volume", FUNCTION, 1, typed, tmp_path / "out.gwy", environment=german)
    assert run.decimal == ","
    assert run.log == []
    expected = fitted(
        sample, tmp_path / "fit.gwy", "--traces", "1", "--tip-radius", "27.5nm±2.5nm", "--geometry", "l2/4tau",
        "--threshold", "22.5%", "--threshold-of", "max", "--window1", "0ms:5.5ms", "--window2", "none",
        "--skip-after-edge", "0.2ms",
    )  # fmt: skip
    assert len(channels(expected)) == 8
    assert_same_channels(read_container(tmp_path / "out.gwy"), expected)


def test_a_contact_radius_goes_before_the_tip_radius(host, sample, tmp_path, german):
    typed = typed_for(sample, tmp_path / "typed", 1, tip_radius="27.5 nm", contact_radius="5.5 nm ± 1.5 nm")
    assert host("volume", FUNCTION, 1, typed, tmp_path / "out.gwy", environment=german).log == []
    made = read_container(tmp_path / "out.gwy")
    expected = fitted(
        sample, tmp_path / "fit.gwy", "--traces", "1", "--tip-radius", "27.5nm", "--contact-radius",
        "5.5nm±1.5nm",
    )  # fmt: skip
    assert_same_channels(made, expected)
    entries = metadata_entries(made[f"/{channels(made)['D2 (-3 V)']}/meta"])
    assert (entries["Contact radius"], entries["Contact radius error"]) == ("5.5 nm", "1.5 nm")


def test_a_threshold_is_a_number_of_standard_errors_too_beside_noise_sign_and_nuisances(
    host, sample, tmp_path, german
):
    remember(
        host,
        threshold_of=3,
        sigmas=30.5,
        threshold=0.9,
        noise=1,
        sign=1,
        kernel=6,
        nuisance="drift,mains:50Hz",
    )
    typed = typed_for(sample, tmp_path / "typed", 1, tip_radius="25 nm")
    assert host("volume", FUNCTION, 1, typed, tmp_path / "out.gwy", environment=german).log == []
    expected = fitted(
        sample, tmp_path / "fit.gwy", "--traces", "1", "--tip-radius", "25nm", "--kernel", "flux-pulse",
        "--threshold", "30.5sigma", "--noise", "white", "--sign", "any", "--nuisance", "drift,mains:50Hz",
    )  # fmt: skip
    made = read_container(tmp_path / "out.gwy")
    assert "mains (-3 V)" in channels(expected)
    assert_same_channels(made, expected)
    # A kernel with a shape of its own takes nothing beside it.
    remember(host, threshold_of=2, sigmas=30.5, threshold=0.2, kernel=1, nuisance="drift")
    assert host("volume", FUNCTION, 1, sample, tmp_path / "shape.gwy", environment=german).log == []
    expected = fitted(
        sample, tmp_path / "fit.gwy", "--overwrite", "--traces", "1", "--kernel", "stretched", "--threshold", "20%",
        "--threshold-of", "p99",
    )  # fmt: skip
    assert_same_channels(read_container(tmp_path / "shape.gwy"), expected)


def test_settings_are_remembered_to_the_last_digit(host, sample, tmp_path, german):
    remember(host, threshold=0.225)
    typed = typed_for(sample, tmp_path / "typed", 1, tip_radius="27.5 nm")
    host("volume", FUNCTION, 1, typed, tmp_path / "1.gwy", environment=german)
    host("volume", FUNCTION, 1, typed, tmp_path / "2.gwy", environment=german)
    first, second = (read_container(tmp_path / f"{number}.gwy") for number in (1, 2))
    entries = metadata_entries(first[f"/{channels(first)['D1 (-3 V)']}/meta"])
    assert entries["Tip radius"] == "27.5 nm"
    assert metadata_entries(second[f"/{channels(second)['D1 (-3 V)']}/meta"]) == entries


def test_a_kernel_that_this_engine_lacks_is_not_asked_for(host, sample, tmp_path):
    remember(host, kernel=3)
    memory = host.home / ".gwyddion" / "tesm.conf"
    assert host("volume", FUNCTION, 1, sample, tmp_path / "power.gwy").log == []
    assert "exponent2 (-3 V)" in channels(read_container(tmp_path / "power.gwy"))
    memory.write_text("[engine]\nkernels=exponential;\n")
    assert host("volume", FUNCTION, 1, sample, tmp_path / "out.gwy").log == []
    assert "exponent2 (-3 V)" not in channels(read_container(tmp_path / "out.gwy"))


@pytest.mark.parametrize(("number", "kernel"), [(5, "gaussian-source"), (6, "flux-pulse"), (7, "clamped")])
def test_what_is_remembered_of_another_kernel_does_not_keep_one_from_running(
    host, sample, tmp_path, number, kernel
):
    """A kernel of diffusion has a geometry of its own; one for the whole record has no windows, either."""
    joint = number > 5
    windows = {"window1": "none", "window2": "12 ms:20 ms"} if joint else {}
    remember(host, geometry=3, kernel=number, **windows)
    typed = typed_for(sample, tmp_path / "typed", 1, tip_radius="25 nm")
    run = host("volume", FUNCTION, 1, typed, tmp_path / "out.gwy")
    assert run.log == []
    expected = fitted(
        sample, tmp_path / "fit.gwy", "--traces", "1", "--tip-radius", "25nm", "--kernel", kernel
    )
    assert f"{'D' if joint else 'D2'} (-3 V)" in channels(expected)
    assert_same_channels(read_container(tmp_path / "out.gwy"), expected)
    # Nothing is forgotten: the next fit of exponentials has its geometry again.
    settings = (host.home / ".gwyddion" / "settings").read_text()
    assert f'"/module/{FUNCTION}/geometry" int32 3' in settings


def test_geometry_and_windows_hold_for_the_other_kernels(host, sample, tmp_path):
    remember(host, geometry=3, kernel=0, window1="none")
    typed = typed_for(sample, tmp_path / "typed", 1, tip_radius="25 nm")
    assert host("volume", FUNCTION, 1, typed, tmp_path / "out.gwy").log == []
    expected = fitted(
        sample, tmp_path / "fit.gwy", "--traces", "1", "--tip-radius", "25nm", "--geometry", "l2/6tau",
        "--window1", "none",
    )  # fmt: skip
    assert "D1 (-3 V)" not in channels(expected)
    assert_same_channels(read_container(tmp_path / "out.gwy"), expected)


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_names_are_read_in_every_locale(host, sample, tmp_path, locale):
    folder = tmp_path / "Ätzung – č"
    folder.mkdir()
    shutil.copy(sample, folder / "č.gwy")
    environment = {"LC_ALL": locale, "TMPDIR": str(folder)}
    run = host("volume", FUNCTION, 1, folder / "č.gwy", folder / "out.gwy", environment=environment)
    assert run.log == []
    assert len(channels(read_container(folder / "out.gwy"))) == 17
    assert sorted(path.name for path in folder.iterdir()) == ["out.gwy", "č.gwy"]


def without_metadata(sample, path, *names):
    """Copy the sample with one volume, without some lines of its metadata."""
    container = read_container(sample)
    entries = metadata_entries(container["/brick/1/meta"])
    for key in [key for key in container if key.startswith("/brick/0")]:
        del container[key]
    kept = {name: text for name, text in entries.items() if name not in names}
    put(container, "/brick/1/meta", metadata_container(kept), "o")
    write_container(path, container)
    return path


def test_the_pulse_of_the_dialog_stands_in_only_for_what_the_file_lacks(host, sample, tmp_path):
    lacking = without_metadata(sample, tmp_path / "lacking.gwy", "Pulse duration", "Pulse voltage")
    typed = typed_for(
        lacking, tmp_path / "typed", 1, ["Pulse duration", "Pulse voltage"], pulse_start="1 ms",
        pulse_duration="9 ms", pulse_voltage="-2.5 V",
    )  # fmt: skip
    run = host("volume", FUNCTION, 1, typed, tmp_path / "out.gwy")
    assert run.log == []
    made = read_container(tmp_path / "out.gwy")
    entries = metadata_entries(made[f"/{channels(made)['D1 (-2.5 V)']}/meta"])
    assert entries["Pulse duration"] == "9 ms"
    assert entries["Pulse start"] == "510.2040816326531 µs"  # the file's own
    assert_same_channels(
        made,
        fitted(
            lacking, tmp_path / "fit.gwy", "--traces", "1", "--pulse-duration", "9ms", "--voltage", "-2.5V"
        ),
    )


def test_a_file_without_a_pulse_asks_for_it_by_the_name_of_the_entry(host, sample, tmp_path):
    lacking = without_metadata(sample, tmp_path / "lacking.gwy", "Pulse duration")
    run = host("volume", FUNCTION, 1, lacking, tmp_path / "out.gwy")
    assert len(run.log) == 1
    assert run.log[0].endswith("the file does not say when the pulse was on: give 'Pulse duration', or the windows to "
                               "fit ('Window 1', 'Window 2')")  # fmt: skip


def test_pulses_that_differ_are_not_fitted_together_and_no_temporary_name_is_told(host, sample, tmp_path):
    container = read_container(sample)
    entries = metadata_entries(container["/brick/1/meta"])
    put(container, "/brick/1/meta", metadata_container(entries | {"Pulse duration": "9 ms"}), "o")
    write_container(tmp_path / "mixed.gwy", container)
    run = host("proc", FUNCTION, 0, tmp_path / "mixed.gwy", tmp_path / "out.gwy")
    assert len(run.log) == 1
    assert "Diffusion Maps: mixed.gwy holds traces with different" in run.log[0]
    assert "'Traces (+3 V)'; 'Traces (-3 V)'" in run.log[0]
    assert "tmp" not in run.log[0]
    run = host("volume", FUNCTION, 1, tmp_path / "mixed.gwy", tmp_path / "out.gwy")
    assert run.log == []


def test_curve_maps_are_fitted_like_volumes(host, sample, tmp_path, gwyoracle):
    container = read_container(sample)
    brick = Brick.from_object(container["/brick/1"], "/brick/1")
    values = np.moveaxis(np.asarray(brick.values), 0, -1)  # y, x, time
    times = np.broadcast_to(brick.z, values.shape)
    curves = np.stack([times, values], axis=2).reshape(-1)  # y, x, curve, sample
    lengths = np.full(values.shape[:2], values.shape[2], dtype=np.int32)
    lawn = Lawn(curves, lengths, ["s", brick.unit_w], ["Time", "Displacement"], brick.x_real, brick.y_real,
                brick.x_offset, brick.y_offset, brick.unit_x)  # fmt: skip
    put(container, "/lawn/0", lawn.to_object(), "o")
    put(container, "/lawn/0/title", "Curves", "s")
    put(container, "/lawn/0/meta", container["/brick/1/meta"], "o")
    for key in [key for key in container if key.startswith("/brick/")]:
        del container[key]
    write_container(tmp_path / "curves.gwy", container)
    for kind, number in (("cmap", 0), ("proc", 0)):
        run = host(kind, FUNCTION, number, tmp_path / "curves.gwy", tmp_path / f"{kind}.gwy")
        assert run.log == []
        expected = fitted(
            tmp_path / "curves.gwy",
            tmp_path / f"{kind} fit.gwy",
            *(["--traces", "0"] if kind == "cmap" else []),
        )
        assert_same_channels(read_container(tmp_path / f"{kind}.gwy"), expected)
        assert gwyoracle(tmp_path / f"{kind}.gwy").problems == []


def test_a_channel_on_another_grid_has_no_traces(host, sample, tmp_path):
    container = read_container(sample)
    for axis in "xy":
        container["/0/data"][f"{axis}real"] *= 2
    write_container(tmp_path / "other.gwy", container)
    run = host("proc", FUNCTION, 0, tmp_path / "other.gwy", tmp_path / "out.gwy")
    assert len(run.log) == 1
    assert "there are no traces to work on" in run.log[0]
    assert host("proc", FUNCTION, 1, tmp_path / "other.gwy", tmp_path / "out.gwy").log == []


def test_the_open_file_keeps_its_name(host, sample, tmp_path):
    assert host("volume", FUNCTION, 1, sample, "").filename == str(sample)


def test_what_passes_four_gigabytes_is_refused_before_it_is_written(host, tmp_path):
    run = host("volume", FUNCTION, 0, "huge:1024:1024:513", "")
    assert len(run.log) == 1
    assert "The data take 4.3\N{NO-BREAK SPACE}GB, and a Gwyddion file ends at 4 GiB" in run.log[0]
    assert run.peak < 1e9
    assert host.leftovers() == []
