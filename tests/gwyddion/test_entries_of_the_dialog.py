"""What is typed in Gwyddion's dialog belongs to the traces it was typed for, and to no others."""

import numpy as np
import pytest

from gwyddion.test_module_parameters import remember, without_metadata
from napari_tesm.gwy import metadata_container, metadata_entries, put, read_container, write_container
from napari_tesm.gwy.si_units import si_unit
from napari_tesm.quantities.text import quantity_from_text

pytestmark = pytest.mark.gwyddion

FITS, MAP_OF_H, REGIONS = "tesm_diffusion_maps", "tesm_displacement_map", "tesm_region_statistics"
LATERAL = "tesm_lateral_diffusion"
PULSE = ["Pulse start", "Pulse duration", "Pulse voltage", "Tip radius"]
OPTIONS = (
    "--pulse-start",
    "--pulse-duration",
    "--voltage",
    "--time-unit",
    "--tip-radius",
    "--window1",
    "--window2",
)


@pytest.fixture
def engine(host, stress, sample, display, tmp_path):
    """Call with a function and a file to run it, with its dialog if something is typed: the run, and the options."""
    container = read_container(sample)
    for key in [key for key in container if key.startswith("/brick")]:
        del container[key]
    write_container(tmp_path / "result.gwy", container)

    def run(function, source, output="", *, typed=None, kind="volume", number=1):
        stress.notes.unlink(missing_ok=True)
        extra = {"STRESS_TARGET": str(tmp_path / "result.gwy"), "DISPLAY": display}
        asked = {} if typed is None else {"HOST_TYPES": typed}
        name = function if typed is None else f"ask:{function}"
        done = host(
            kind, name, number, source, output, environment=stress.environment("quick", **extra, **asked)
        )
        words = stress.said("words") if stress.notes.exists() else None
        given = dict(word.split("=", 1) for word in words or [] if word.startswith(OPTIONS))
        return done, given if words else None

    return run


@pytest.fixture
def silent(sample, tmp_path):
    """Return a file that says nothing of its pulse nor of the tip."""
    return without_metadata(sample, tmp_path / "silent.gwy", *PULSE)


@pytest.fixture
def half_silent(sample, tmp_path):
    """Return another, of which only the duration and the tip are unknown, and a third of another pulse."""
    return without_metadata(sample, tmp_path / "half.gwy", "Pulse duration", "Tip radius")


def metadata_of(path, number=1):
    return metadata_entries(read_container(path)[f"/brick/{number}/meta"])


TYPED = "pulse_start=0.5 ms|pulse_duration=10 ms|voltage=-2.5 V|tip_radius=27.5e-9|tip_radius_error=2.5e-9"
GIVEN = {
    "--pulse-start": "0.5 ms", "--pulse-duration": "10 ms", "--voltage": "-2.5 V", "--tip-radius": "27.5 nm +/- 2.5 nm",
}  # fmt: skip


def test_what_was_typed_is_kept_with_the_traces_and_used_for_them_again(engine, silent, tmp_path):
    run, given = engine(FITS, silent, tmp_path / "kept.gwy", typed=TYPED)
    assert (run.log, run.ok, given) == ([], True, GIVEN)
    assert "Help" in run.labels
    kept, before = metadata_of(tmp_path / "kept.gwy"), metadata_of(silent)
    assert {name: kept[name] for name in PULSE[:3]} == {
        "Pulse start": "0.5 ms", "Pulse duration": "10 ms", "Pulse voltage": "-2.5 V",
    }  # fmt: skip
    assert {name: text for name, text in kept.items() if name in before} == before
    # The same again, in a Gwyddion that was started anew; and the dialog has it, to be corrected.
    assert engine(FITS, tmp_path / "kept.gwy")[1] == GIVEN
    run, given = engine(FITS, tmp_path / "kept.gwy", tmp_path / "again.gwy", typed="pulse_duration=9 ms")
    assert (run.entries["pulse_start"], run.entries["voltage"]) == ("0.5 ms", "-2.5 V")
    assert given == GIVEN | {"--pulse-duration": "9 ms"}
    assert metadata_of(tmp_path / "again.gwy")["Pulse duration"] == "9 ms"
    # Another function on the same traces knows it, too.
    run, given = engine(MAP_OF_H, tmp_path / "again.gwy")
    assert run.log == []
    assert given == {"--pulse-start": "0.5 ms", "--pulse-duration": "9 ms", "--voltage": "-2.5 V"}


def test_the_next_file_is_not_given_what_was_typed_for_the_last(engine, silent, half_silent, tmp_path):
    engine(FITS, silent, typed=TYPED)
    run, given = engine(FITS, half_silent)
    assert given is None
    assert len(run.log) == 1
    assert (
        "Typed for other traces (silent.gwy) and not known of these: 'Pulse duration', 'Tip radius'."
        in run.log[0]
    )
    # In the dialog it is said, and nothing of it is filled in; without the duration there is nothing to fit.
    run, given = engine(FITS, half_silent, typed="")
    assert (run.entries["pulse_duration"], run.ok, given) == ("", False, None)
    assert "Typed last, for silent.gwy:" in run.labels
    assert "Pulse duration: 10 ms|Tip radius: 27.5 nm ± 2.5 nm" in run.labels
    assert "Pulse duration: the file does not say it (e.g. 10 ms)." in run.labels
    # A dialog that is cancelled leaves nothing but the place of its sliders.
    assert not engine(FITS, half_silent, typed="tip_radius=4e-8|tip_radius_error=1e-9|pulse_duration=x")[0].ok
    # Whoever confirms it, confirms it for this file.
    run, given = engine(FITS, half_silent, tmp_path / "kept.gwy", typed="+")
    assert (run.log, given) == ([], {name: GIVEN[name] for name in ("--pulse-duration", "--tip-radius")})
    assert {"10 ms", "27.5", "2.5"} <= {text.rstrip("0") for text in run.labels}  # as it is shown
    assert metadata_of(tmp_path / "kept.gwy")["Pulse start"] == metadata_of(half_silent)["Pulse start"]
    assert engine(FITS, tmp_path / "kept.gwy")[1] == given


def test_settings_of_an_earlier_version_are_nobodys(engine, host, half_silent, sample):
    remember(host, pulse_duration="3 ms", voltage="-1 V", use_tip_radius=True, tip_radius=5e-8)
    assert engine(FITS, sample)[1] == {}
    assert engine(FITS, half_silent)[1] == {}
    assert engine(FITS, half_silent, typed="")[0].entries["pulse_duration"] == ""


def test_a_radius_typed_over_that_of_the_file_is_not_that_of_the_next_file(engine, sample, tmp_path):
    run, given = engine(FITS, sample, tmp_path / "kept.gwy", typed="tip_radius=5e-8")
    assert (run.log, given) == ([], {"--tip-radius": "50 nm"})
    assert metadata_of(tmp_path / "kept.gwy")["Tip radius"] == metadata_of(sample)["Tip radius"]
    assert engine(FITS, tmp_path / "kept.gwy")[1] == {"--tip-radius": "50 nm"}
    assert engine(FITS, sample)[1] == {}  # it says a radius itself


def test_whoever_leaves_a_value_out_in_the_dialog_is_not_asked_for_it_again(engine, silent, half_silent):
    engine(FITS, silent, typed=TYPED)
    engine(FITS, half_silent, "", typed="pulse_duration=8 ms")
    run, given = engine(FITS, silent)
    assert given is None
    assert "'Pulse duration'" in run.log[0]
    assert "'Tip radius'" not in run.log[0]


def test_units_of_axes_are_of_a_file_too(engine, sample, tmp_path):
    container = read_container(sample)
    container["/brick/1"]["si_unit_z"] = si_unit("")
    write_container(tmp_path / "unitless.gwy", container)
    run, given = engine(FITS, tmp_path / "unitless.gwy", tmp_path / "kept.gwy", typed="time_unit=s")
    assert (run.log, given) == ([], {"--time-unit": "s"})
    assert engine(FITS, tmp_path / "kept.gwy")[1] == {"--time-unit": "s"}
    run, given = engine(FITS, tmp_path / "unitless.gwy")
    assert given is None
    assert "not known of these: 'Unit of the time axis'" in run.log[0]


def test_windows_are_of_a_pulse_of_that_length(engine, sample, tmp_path):
    container = read_container(sample)
    shorter = metadata_of(sample) | {"Pulse duration": "4 ms"}
    for name, text in shorter.items():
        container["/brick/1/meta"][name] = text
    write_container(tmp_path / "shorter.gwy", container)
    assert engine(FITS, sample, typed="window1=0 ms:5 ms")[1] == {"--window1": "0 ms:5 ms"}
    assert engine(FITS, sample)[1] == {"--window1": "0 ms:5 ms"}
    run, given = engine(FITS, tmp_path / "shorter.gwy")
    assert given is None
    assert "not known of these: 'Window 1'" in run.log[0]
    run, given = engine(FITS, tmp_path / "shorter.gwy", typed="")
    assert (run.entries["window1"], given) == ("", {})
    assert "Window 1: 0 ms:5 ms" in run.labels


def test_of_two_volumes_each_keeps_its_own(engine, sample, tmp_path):
    container = read_container(sample)
    del container["/brick/0/meta"]["Pulse voltage"]
    write_container(tmp_path / "half.gwy", container)
    run, given = engine(FITS, tmp_path / "half.gwy", tmp_path / "kept.gwy", typed="voltage=+2.5 V", number=0)
    assert (run.log, given) == ([], {"--voltage": "+2.5 V"})
    assert metadata_of(tmp_path / "kept.gwy", 0)["Pulse voltage"] == "+2.5 V"
    assert metadata_of(tmp_path / "kept.gwy", 1) == metadata_of(sample, 1)
    assert engine(FITS, tmp_path / "kept.gwy", number=1)[1] == {}
    assert engine(FITS, tmp_path / "kept.gwy", kind="proc", number=0)[1] == {}  # each volume says its own


@pytest.mark.parametrize(("typed", "problem"), [
    ("pulse_duration=10", "Pulse duration: '10' is no time (e.g. 10 ms)."),
    ("pulse_duration=1 0 ms", "Pulse duration: '1 0 ms' is no time (e.g. 10 ms)."),
    ("pulse_duration=10 ms|window2=5 ms", "Window 2: '5 ms' is no window (e.g. 0 ms:10 ms, or none)."),
    ("pulse_duration=10 ms|skip_after_edge=-", "Leave out after an edge: '-' is no time (e.g. 0.1 ms)."),
    ("pulse_duration=10 V", "Pulse duration: '10 V' is no time (e.g. 10 ms)."),
])  # fmt: skip
def test_what_cannot_be_understood_is_said_before_ok_can_be_pressed(engine, half_silent, typed, problem):
    run, given = engine(FITS, half_silent, typed=typed)
    assert (run.ok, given, run.log) == (False, None, [])
    assert problem in run.labels


@pytest.mark.parametrize(
    "written", ["10ms", " 1e1 ms ", ".01s", "+10.0 ms", "10000µs", "10000 us", "0.01e0 s", "10 ms"]
)
def test_what_the_engine_understands_is_not_held_up(engine, silent, written):
    np.testing.assert_allclose(quantity_from_text(written, "s"), 0.01, rtol=1e-12)
    run, given = engine(
        FITS, silent, typed=f"pulse_start=−1 ms|pulse_duration={written}|voltage=−3 V|window2=10 ms:"
    )
    assert run.ok
    assert given == {
        "--pulse-start": "−1 ms", "--pulse-duration": written.strip(), "--voltage": "−3 V", "--window2": "10 ms:",
    }  # fmt: skip


def test_regions_need_no_pulse(engine, silent):
    run, given = engine(REGIONS, silent, typed="")
    assert (run.ok, given) == (True, {})


def test_taking_lateral_diffusion_out_needs_a_radius_and_takes_two_kernels(engine, silent, sample, stress):
    pulse = "pulse_start=0.5 ms|pulse_duration=10 ms|voltage=-2.5 V"
    run, given = engine(LATERAL, silent, typed=pulse)
    assert (run.log, run.ok, given) == ([], False, None)
    assert "Tip radius: the file does not say it: tick it and set it." in run.labels
    assert not {"Geometry:", "Window 1 (empty: the pulse):"} & set(run.labels)
    run, given = engine(LATERAL, silent, typed=f"{pulse}|tip_radius=27.5e-9|tip_radius_error=2.5e-9")
    assert (run.log, run.ok, given) == ([], True, GIVEN)
    assert {"--kernel=flux-pulse", "--maps-only"} <= set(stress.said("words"))
    assert not {"--graphs", "--together"} & set(stress.said("words"))
    run, _ = engine(LATERAL, sample, typed="prior=soft")
    assert not run.ok
    assert "How ln D varies: 'soft' is no standard deviation with a length (e.g. 0.5:50 nm)." in run.labels
    for text in ("0.5:50", "-1:50 nm", "0.5:50 ms", "0:50 nm"):
        assert not engine(LATERAL, sample, typed=f"prior={text}")[0].ok
    run, _ = engine(LATERAL, sample, typed="prior=0.5:50 nm")
    assert run.ok
    assert "--prior=0.5:50 nm" in stress.said("words")


def test_a_table_has_the_protocol_of_each_volume_and_takes_no_voltage_from_a_title_unasked(
    engine, sample, tmp_path
):
    container = read_container(sample)
    titles = ("Traces (\N{MINUS SIGN}2.5 V)", "AC 2 V, pulse 3 V")
    for number, title in enumerate(titles):
        entries = metadata_entries(container[f"/brick/{number}/meta"])
        kept = {name: text for name, text in entries.items() if not name.startswith("Pulse")}
        put(container, f"/brick/{number}/meta", metadata_container(kept | {"Pulse start": "0.123456789 ms"} if number
            else kept), "o")  # fmt: skip
        put(container, f"/brick/{number}/title", title, "s")
    silent, told = tmp_path / "silent.gwy", tmp_path / "told.gwy"
    write_container(silent, container)
    # What some volumes say is not overruled by what is typed for all of them.
    run, given = engine(FITS, silent, kind="proc", number=0, typed="pulse_duration=10 ms")
    assert (run.ok, given) == (False, None)
    assert "Pulse start: not all of the volumes say it: see 'Protocol' in the menu." in run.labels
    assert not {"pulse_start", "voltage"} & set(run.entries)
    run, _ = engine("tesm_protocol", silent, kind="proc", number=0, typed="tesm-1-2=10 ms|tesm-3-3=3")
    assert not run.ok
    assert "Pulse voltage: '3' is no voltage (e.g. -3 V)." in run.labels
    assert {"-2.5 V", "nothing", "0.123457 ms"} <= set(run.labels)
    run, _ = engine(
        "tesm_protocol", silent, told, kind="proc", number=0, typed="tesm-2-1=0 s|tesm-1-2=10 ms|+"
    )
    assert (run.log, run.ok) == ([], True)
    pulses = [{name: text for name, text in metadata_of(told, number).items() if name.startswith("Pulse")}
              for number in (0, 1)]  # fmt: skip
    assert pulses == [
        {"Pulse start": "0 s", "Pulse duration": "10 ms", "Pulse voltage": "-2.5 V"},
        {"Pulse start": "0.123456789 ms", "Pulse duration": "10 ms"},
    ]
