"""The contact radius stands in for the tip radius as the length l of D, wherever it comes from."""

import json
from dataclasses import replace

import numpy as np
import pytest
from examples import PROTOCOL, example_dataset

from napari_tesm import fit, open_dataset, save
from napari_tesm.cli import main
from napari_tesm.data.protocol import PulseProtocol
from napari_tesm.evaluation.displacement_maps import displacement_maps
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.evaluation.values import recipe_from_values
from napari_tesm.findings.summary import summary_from_maps
from napari_tesm.gwy import metadata_container, metadata_entries, put, read_container
from napari_tesm.gwy.writing import write_container
from napari_tesm.io.gwy.results_reading import maps_from_container
from napari_tesm.io.mapping.text import mapping_from_text, text_from_mapping
from napari_tesm.physics.tip_radius import systematic_intervals

CONTACT = replace(PROTOCOL, contact_radius=5e-9, contact_radius_error=1e-9)


def metadata_of_maps(path, name):
    container = read_container(path)
    texts = (metadata_entries(container[key]) for key in container if key.endswith("/meta"))
    return next(entries for entries in texts if entries.get("t-ESM map") == name)


def test_d_goes_with_the_square_of_the_contact_radius_and_shares_its_error():
    maps = fit(example_dataset(protocol=CONTACT), geometry="l2/4tau")
    np.testing.assert_allclose(maps["D2"].values, (5e-9) ** 2 / (4 * maps["tau2"].values), rtol=1e-12)
    assert maps.attrs["systematic"] == pytest.approx(2 * 1 / 5)
    by_tip = fit(example_dataset(), geometry="l2/4tau")
    np.testing.assert_array_equal(maps["tau2"].values, by_tip["tau2"].values)
    np.testing.assert_allclose(maps["D2_stderr"].values * 25, by_tip["D2_stderr"].values, rtol=1e-12)


@pytest.mark.parametrize(
    ("in_file", "given", "expected"),
    [
        (PROTOCOL, {}, ("tip radius", 25e-9, 5e-9)),
        (CONTACT, {}, ("contact radius", 5e-9, 1e-9)),
        (PROTOCOL, {"contact_radius": "4 nm ± 0.5 nm"}, ("contact radius", 4e-9, 0.5e-9)),
        # The error of the file belongs to the file's radius.
        (CONTACT, {"contact_radius": "4 nm"}, ("contact radius", 4e-9, None)),
        (CONTACT, {"tip_radius": "30 nm ± 3 nm"}, ("contact radius", 5e-9, 1e-9)),
        (PulseProtocol(0.0, 10e-3), {"contact_radius": 4e-9}, ("contact radius", 4e-9, None)),
        (replace(PROTOCOL, tip_radius=None), {}, None),
    ],
)
def test_which_radius_holds(in_file, given, expected):
    scan = example_dataset(shape=(2, 3), protocol=in_file)
    length = Evaluation.of(scan, recipe_from_values(**given)).settings.length
    assert expected == (length and (length.name, length.value, length.error))
    maps = fit(scan, **given)
    assert ("D2" in maps) == (expected is not None)
    assert maps.attrs.get("systematic") == (
        pytest.approx(2 * expected[2] / expected[1]) if expected and expected[2] else None
    )


def test_a_new_radius_takes_no_error_of_an_old_one_and_leaves_that_of_the_other():
    base = recipe_from_values(tip_radius="25nm±5nm", contact_radius="5nm±1nm")
    again = recipe_from_values(base, contact_radius="4nm")
    assert (again.contact_radius_error, again.tip_radius_error) == (None, 5e-9)
    assert Recipe.from_json(base.to_json()) == base


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"contact_radius": "5"}, "unit"),
        ({"contact_radius": "-5 nm"}, "the contact radius must be larger than zero"),
        ({"contact_radius": "2 km"}, "contact radius must lie between 1 pm and 1 m"),
        (
            {"contact_radius": 5e-9, "contact_radius_error": -1e-9},
            "contact radius error must not be negative",
        ),
        ({"contact_radius_error": "1 nm"}, "the contact radius has an error but no value"),
    ],
)
def test_what_is_no_contact_radius_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        recipe_from_values(**values)


def test_a_protocol_refuses_what_is_no_contact_radius():
    with pytest.raises(ValueError, match="the contact radius must be larger than zero"):
        PulseProtocol(contact_radius=0.0)
    with pytest.raises(ValueError, match="contact radius must lie"):
        PulseProtocol(contact_radius=2.0)


def test_gwyddions_metadata_hold_it_and_keep_it(tmp_path):
    path = tmp_path / "scan.gwy"
    save(path, example_dataset())
    container = read_container(path)
    for number in (0, 1):
        entries = metadata_entries(container[f"/brick/{number}/meta"])
        put(
            container,
            f"/brick/{number}/meta",
            metadata_container(entries | {"Contact radius": "6 nm +/- 2 nm"}),
            "o",
        )
    write_container(tmp_path / "edited.gwy", container)
    opened = open_dataset(tmp_path / "edited.gwy")
    assert (opened.attrs["contact_radius"], opened.attrs["contact_radius_error"]) == (6e-9, 2e-9)
    assert opened.attrs["tip_radius"] == 25e-9
    save(tmp_path / "new.gwy", example_dataset(protocol=CONTACT))
    entries = metadata_entries(read_container(tmp_path / "new.gwy")["/brick/0/meta"])
    assert (entries["Contact radius"], entries["Tip radius"]) == ("5 nm ± 1 nm", "25 nm ± 5 nm")
    assert PulseProtocol.from_attributes(open_dataset(tmp_path / "new.gwy").attrs).length == CONTACT.length


def test_tesm_fit_takes_it_says_it_and_its_output_is_a_recipe(tmp_path, capsys):
    scan, out, summary, again = (tmp_path / n for n in ("scan.gwy", "out.gwy", "s.json", "again.gwy"))
    save(scan, example_dataset())
    assert (
        main(["fit", str(scan), "-o", str(out), "--json", str(summary), "--contact-radius", "5nm±1nm"]) == 0
    )
    said = capsys.readouterr().out
    assert "with the contact radius, 5 nm ± 1 nm" in said
    assert "median for the error of the contact radius" in said
    assert "tip radius" not in said
    content = json.loads(summary.read_text())
    assert content["length"] == {"name": "contact radius", "value": 5e-9, "error": 1e-9}
    assert (content["recipe"]["contact_radius"], content["recipe"]["contact_radius_error"]) == (5e-9, 1e-9)
    entry = content["pulses"][0]["D2"]
    assert entry["systematic"] == pytest.approx(0.4)
    assert entry["systematic_interval"]["95"] == pytest.approx(
        systematic_intervals(entry["median"], 5e-9, 1e-9)["95"], rel=1e-9
    )
    entries = metadata_of_maps(out, "D2")
    assert (entries["Contact radius"], entries["Contact radius error"]) == ("5 nm", "1 nm")
    assert entries["Tip radius"] == "25 nm"  # as the file says
    assert "Median, 95 % for the contact radius" in entries
    back = maps_from_container(read_container(out))
    assert back.attrs["systematic"] == pytest.approx(0.4)
    assert summary_from_maps(back)["length"] == content["length"]
    assert main(["fit", str(scan), "-o", str(again), "--recipe", str(out), "--quiet"]) == 0
    for name in ("D1", "D2"):
        ours = maps_from_container(read_container(again))[name].values
        np.testing.assert_array_equal(ours, back[name].values)


def test_tesm_info_misses_no_tip_radius_where_a_contact_radius_is(tmp_path, capsys):
    protocol = PulseProtocol(0.0, 10e-3, contact_radius=5e-9)
    save(tmp_path / "scan.gwy", example_dataset(shape=(2, 3), protocol=protocol))
    assert main(["info", str(tmp_path / "scan.gwy")]) == 0
    said = capsys.readouterr().out
    assert "contact radius" in said
    assert "--tip-radius" not in said


def test_a_mapping_and_the_attributes_of_a_file_say_it():
    mapping = mapping_from_text(
        "images: [{source: a}]\nprotocol: {contact radius: 5 nm ± 1 nm, tip radius: 25 nm}"
    )
    assert mapping.protocol == PulseProtocol(tip_radius=25e-9, contact_radius=5e-9, contact_radius_error=1e-9)
    assert mapping_from_text(text_from_mapping(mapping)) == mapping


def test_maps_of_h_do_not_depend_on_it():
    maps = displacement_maps(Evaluation.of(example_dataset(shape=(2, 3), protocol=CONTACT)))
    assert not [name for name in maps.attrs if "radius" in name or name == "systematic"]


def test_the_null_curve_is_that_of_the_contact_radius(tmp_path, capsys):
    """Radius and D scale together: with a fifth of the radius the same curve lies at a 25th of D."""
    record = ["null", "--pulse-duration", "10ms", "--record", "25ms", "--samples", "250"]
    wide, narrow = tmp_path / "wide.json", tmp_path / "narrow.json"
    assert (
        main([*record, "--tip-radius", "25nm", "--diffusion", "1e-13m2/s:1e-12m2/s", "--json", str(wide)])
        == 0
    )
    words = ["--contact-radius", "5nm±1nm", "--diffusion", "4e-15m2/s:4e-14m2/s", "--json", str(narrow)]
    assert main([*record, *words, "--tip-radius", "25nm"]) == 0
    assert "contact 5 nm" in capsys.readouterr().out
    ours, theirs = (json.loads(path.read_text()) for path in (narrow, wide))
    assert ours["protocol"]["contact_radius"] == 5e-9
    for name, curve in theirs["sources"].items():
        np.testing.assert_allclose(
            np.array(ours["sources"][name]["D2"], float) * 25, np.array(curve["D2"], float), rtol=1e-3
        )
    assert main([*record, *words[:2], "--apparent", "2e-14m2/s"]) == 0
    assert "The contact radius adds ±40 %" in capsys.readouterr().out
