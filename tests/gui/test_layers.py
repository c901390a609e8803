"""Layers of a scan in a viewer model: one scale, one unit, the right look, nothing read that nobody looks at."""

import numpy as np
import pytest
import xarray as xr
from examples import CORNER, SPACING, axes_of, drawn, example_dataset, pinned

pytest.importorskip("psygnal")
from napari_tesm import fit, save
from napari_tesm.data.dataset import dataset_from_traces
from napari_tesm.gui.layers.scan_layers import (
    displacement_maps,
    layers_from_maps,
    layers_from_scan,
    map_layer,
    names_of_maps,
    share_colours,
)
from napari_tesm.gui.layers.session import Session
from napari_tesm.gui.layers.time_stack import TimeStack
from napari_tesm.gui.models.scan import Scan, scans_from_path
from napari_tesm.gui.reader import napari_get_reader


def test_maps_of_one_sign_use_the_whole_scale_and_as_large_a_value_has_as_strong_a_colour():
    scan = Scan("signs", dataset := example_dataset(shape=(6, 9)), [dataset["topography"]])
    size = np.linspace(0.1, 0.3, 54).reshape(6, 9)

    def looks(*maps):
        layers = [map_layer(scan, values, "H", "H", "V", 0) for values in maps]
        share_colours(layers)
        return [
            (
                options["colormap"],
                tuple(
                    round(end * options["metadata"]["tesm"]["factor"], 3)
                    for end in options["contrast_limits"]
                ),
            )
            for _, options, _ in layers
        ]

    (up, (low, high)), (down, mirrored) = looks(size, -2 * size)
    assert (up, down) == ("Reds", "Blues_r")
    assert low == pytest.approx(0.1, abs=2e-3)
    assert high == pytest.approx(0.6, abs=4e-3)
    assert mirrored == (-high, -low)
    both = looks(size, size - 0.2)
    assert both[0] == both[1]
    assert both[0][0] == "RdBu_r"
    assert both[0][1][0] == -both[0][1][1]


def show(viewer, layers):
    from napari_tesm.gui.layers.scan_layers import add_layer

    return [add_layer(viewer, layer) for layer in layers]


class Counting:
    """An array of traces that notes how much of it is read."""

    def __init__(self, values):
        self.values, self.read = values, 0
        self.shape, self.dtype = values.shape, values.dtype

    def __getitem__(self, key):
        return _Noted(self, self.values[key])


class _Noted(np.ndarray):
    def __new__(cls, counter, values):
        counter.read += values.size
        return np.asarray(values).view(cls)


def counted_scan(shape=(64, 64), samples=250):
    time = np.arange(samples) * 1e-4 - 5e-4
    source = Counting(np.zeros((samples, *shape)).transpose(1, 2, 0))
    x = (np.arange(shape[1]) + 0.5) * 5e-9
    dataset = dataset_from_traces([source], time=time, x=x, y=x[: shape[0]], unit="V", voltage=[-3.0])
    dataset.attrs |= {"pulse_start": 0.0, "pulse_duration": 10e-3}
    return Scan("counted", dataset, []), source


def test_every_layer_has_the_same_place_unit_and_labels(viewer_model):
    dataset = example_dataset(shape=(6, 9))
    scan = Scan("example", dataset, [dataset["topography"]])
    scan.regions = [drawn("line", ((1, 1.25), (6, 3.75)), "step 1", "step", 0.48e-6)]
    scan.points = [pinned(1, (0.5, 0.5), 1, "#ff0000")]
    layers = show(viewer_model, layers_from_scan(scan))
    maps = fit(dataset)
    layers += show(viewer_model, layers_from_maps(scan, maps, names=names_of_maps(maps)))
    for layer in layers:
        assert [str(unit) for unit in layer.units[-2:]] == ["micrometer", "micrometer"]
        assert layer.axis_labels[-2:] == ("y", "x")
        if layer.metadata["tesm"]["kind"] in ("regions", "points"):
            assert np.allclose(layer.scale, 1, atol=0)
        else:
            assert np.allclose(layer.scale[-2:], (0.25, 0.4), atol=0)
            assert np.allclose(
                layer.translate[-2:], (-2.3 + 0.125, 3.7 + 0.2), atol=0
            )  # pixel centres, not corners
    assert viewer_model.layers.units is not None
    assert viewer_model.dims.axis_labels == ("time", "y", "x")


@pytest.mark.parametrize(
    ("size", "unit", "factor"), [((6, 9), "micrometer", 1e-6), ((2, 4), "nanometer", 1e-9)]
)
def test_an_image_of_another_grid_lies_at_its_place_in_the_unit_of_the_scan(viewer_model, size, unit, factor):
    """A detail of a large scan would by itself be shown in nm, an overview of a small one in µm."""
    dataset = example_dataset(shape=size)
    steps = (0.05e-6, 0.03e-6) if factor == 1e-6 else (0.7e-6, 0.9e-6)
    coords = {
        name: (name, corner + 0.1e-6 + (np.arange(count) + 0.5) * step, {"units": "m", "spacing": step})
        for name, corner, count, step in zip(("y", "x"), CORNER, (8, 12), steps, strict=True)
    }
    image = xr.DataArray(
        np.arange(96.0).reshape(8, 12), dims=("y", "x"), coords=coords, name="other", attrs={"units": "V"}
    )
    layers = show(viewer_model, layers_from_scan(Scan("example", dataset, [dataset["topography"], image])))
    (layer,) = (layer for layer in layers if layer.name == "other")
    assert [str(axis_unit) for axis_unit in layer.units] == [unit, unit]
    assert np.allclose(np.array(layer.scale) * factor, steps, rtol=1e-12, atol=0)
    corner = np.array(layer.translate) - np.array(layer.scale) / 2
    assert np.allclose(corner * factor, np.array(CORNER) + 0.1e-6, rtol=1e-9, atol=0)


def test_the_slider_runs_in_milliseconds_from_the_start_of_the_pulse(viewer_model):
    scan = Scan("example", example_dataset(shape=(4, 5)), [])
    traces = next(layer for layer in show(viewer_model, layers_from_scan(scan)) if "Traces" in layer.name)
    assert str(traces.units[0]) == "millisecond"
    session = Session.of(viewer_model)
    session.attach()
    viewer_model.dims.set_point(0, 12.0)
    assert scan.time == pytest.approx(12e-3, abs=0.06e-3)
    session.detach()


def test_a_traces_layer_shows_the_samples_of_its_time():
    dataset = example_dataset(shape=(4, 5), samples=50)
    stack = TimeStack(dataset["displacement"].isel(pulse=1), 1e-3)
    expected = dataset["displacement"].values[1].transpose(2, 0, 1) * 1e3
    assert stack.shape == expected.shape
    assert np.allclose(stack[7], expected[7], rtol=1e-6, atol=0)
    assert np.allclose(stack[3:6], expected[3:6], rtol=1e-6, atol=0)
    assert np.allclose(stack[slice(2, 3), :, 1:3], expected[2:3, :, 1:3], rtol=1e-6, atol=0)
    assert np.allclose(np.asarray(stack), expected, rtol=1e-6, atol=0)


def test_h_of_a_few_planes_is_h_of_the_whole_traces():
    dataset = example_dataset(shape=(6, 9))
    scan = Scan("example", dataset, [])
    assert np.array_equal(displacement_maps(scan)["H"].values, fit(dataset)["H"].values)


def test_opening_reads_a_small_part_of_the_traces(viewer_model):
    scan, source = counted_scan()
    show(viewer_model, layers_from_scan(scan))
    total = 64 * 64 * 250
    assert (
        source.read < 0.2 * total
    )  # the planes H is made of, one plane on screen, and some samples for contrast


def test_the_first_glance_is_the_deflection_error_under_h(viewer_model):
    dataset = example_dataset(shape=(6, 9))
    error = (
        dataset["topography"].rename("deflection_error").assign_attrs(units="V", long_name="Deflection error")
    )
    scan = Scan("example", dataset, [error, dataset["topography"]])
    layers = {layer.name: layer for layer in show(viewer_model, layers_from_scan(scan))}
    shown = [name for name, layer in layers.items() if layer.visible and name not in ("Regions", "Points")]
    assert shown == ["Deflection error", "H (-3 V)"]
    assert list(layers)[:2] == ["Topography", "Deflection error"]
    assert layers["H (-3 V)"].colormap.name != layers["Deflection error"].colormap.name


def test_signed_h_is_coloured_about_zero_and_read_in_its_unit(viewer_model):
    dataset = example_dataset(shape=(6, 9))
    values = dataset["displacement"].values.copy()
    values[:, :, :4] *= -1
    dataset["displacement"] = dataset["displacement"].copy(data=values)
    layers = show(viewer_model, layers_from_scan(Scan("example", dataset, [])))
    height = next(layer for layer in layers if layer.name == "H (-3 V)")
    low, high = height.contrast_limits
    assert low == pytest.approx(-high)
    assert height.metadata["tesm"]["unit"] == "mV"
    assert np.allclose(
        height.data * 1e-3,
        displacement_maps(Scan("e", dataset, []))["H"].values[1],
        rtol=1e-6,
        atol=0,
    )


def test_a_hot_pixel_does_not_rule_the_contrast(viewer_model):
    dataset = example_dataset(shape=(20, 30))
    values = dataset["displacement"].values.copy()
    values[:, 3, 4] *= 1000
    dataset["displacement"] = dataset["displacement"].copy(data=values)
    layers = show(viewer_model, layers_from_scan(Scan("example", dataset, [])))
    for layer in layers:
        if layer.name.startswith(("H", "Traces")):
            assert layer.contrast_limits[1] < 1000  # mV; the hot pixel has 100 000


def test_result_layers_hold_si_recipes_and_leave_out_what_is_not_resolved(viewer_model):
    dataset = example_dataset(shape=(6, 9))
    values = dataset["displacement"].values.copy()
    values[:, 0, 0] = np.nan
    dataset["displacement"] = dataset["displacement"].copy(data=values)
    scan = Scan("example", dataset, [])
    maps = fit(dataset)
    layers = {
        layer.name: layer
        for layer in show(viewer_model, layers_from_maps(scan, maps, names=names_of_maps(maps)))
    }
    logarithm = layers["log10 D1 (-3 V)"]
    assert np.isnan(logarithm.data[0, 0])
    assert np.allclose(10.0**logarithm.data, maps["D1"].values[1], rtol=1e-5, equal_nan=True, atol=0)
    assert logarithm.metadata["tesm"]["recipe"] == maps.attrs["recipe"]
    factor = layers["tau2 (-3 V)"].metadata["tesm"]["factor"]
    assert np.allclose(
        layers["tau2 (-3 V)"].data * factor, maps["tau2"].values[1], rtol=1e-5, equal_nan=True, atol=0
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1)])
def test_maps_of_one_pixel_or_one_line_are_shown(viewer_model, shape):
    scan = Scan("tiny", example_dataset(shape=shape), [])
    for layer in show(viewer_model, layers_from_scan(scan)):
        if layer.metadata["tesm"]["kind"] == "map":
            assert layer.data.shape == shape
            assert layer.contrast_limits[0] < layer.contrast_limits[1]


def test_traces_without_one_finite_value_are_shown_without_a_warning(viewer_model):
    dataset = example_dataset(shape=(3, 4))
    dataset["displacement"] = dataset["displacement"].copy(
        data=np.full(dataset["displacement"].shape, np.nan)
    )
    assert len(show(viewer_model, layers_from_scan(Scan("nothing", dataset, [])))) >= 4


def test_a_file_with_channels_of_two_grids_keeps_each_on_its_own(viewer_model):
    dataset = example_dataset(shape=(6, 9))
    fine = xr.DataArray(
        np.zeros((12, 18)),
        dims=("y", "x"),
        coords={
            name: (name, centres[0] + np.arange(count) * step / 2, {"units": "m"})
            for name, count, step, centres in zip(("y", "x"), (12, 18), SPACING, axes_of((6, 9)), strict=True)
        },
        name="fine",
        attrs={"units": "m", "long_name": "Fine"},
    )
    scan = Scan("two grids", dataset, [dataset["topography"], fine])
    layers = {layer.name: layer for layer in show(viewer_model, layers_from_scan(scan))}
    assert np.allclose(layers["Fine"].scale, (0.125, 0.2), atol=0)
    assert np.allclose(layers["Topography"].scale, (0.25, 0.4), atol=0)


@pytest.mark.parametrize("name", ["SingFreqPFM_0003.gwy", "PTO_110_Virgin0001.gwy"])
def test_real_scans_open_with_every_channel_in_micrometres(viewer_model, shared_data, name):
    (scan,) = scans_from_path(shared_data / "gwy" / name)
    layers = show(viewer_model, layers_from_scan(scan))
    assert {layer.name for layer in layers} >= {
        "HeightRetrace",
        "AmplitudeRetrace",
        "PhaseRetrace",
        "Regions",
    }
    assert {str(unit) for unit in viewer_model.layers.units} == {"micrometer"}
    assert sum(layer.visible for layer in layers if layer.metadata["tesm"]["kind"] == "channel") == 1


def test_the_reader_takes_gwyddion_files_by_content_and_leaves_others(tmp_path):
    path = tmp_path / "scan.gwy"
    save(path, example_dataset(shape=(2, 3)))
    renamed = tmp_path / "scan.dat"
    renamed.write_bytes(path.read_bytes())
    fake = tmp_path / "fake.gwy"
    fake.write_bytes(b"not a Gwyddion file")
    assert napari_get_reader(str(path)) is not None
    assert napari_get_reader([str(path), str(renamed)]) is not None
    assert napari_get_reader(str(fake.rename(tmp_path / "fake.dat"))) is None
    assert napari_get_reader(str(tmp_path / "missing.gwy")) is None
    assert napari_get_reader([]) is None


def test_an_output_reopens_with_its_results_and_recipe(viewer_model, tmp_path):
    dataset = example_dataset(shape=(6, 9))
    maps = fit(dataset, threshold=0.2)
    save(tmp_path / "out.gwy", dataset, maps)
    (scan,) = scans_from_path(tmp_path / "out.gwy")
    assert scan.recipe.threshold == 0.2
    assert np.array_equal(scan.maps["D2"].values, maps["D2"].values, equal_nan=True)
    layers = {layer.name: layer for layer in show(viewer_model, layers_from_scan(scan))}
    assert layers["log10 D2 (-3 V)"].visible
