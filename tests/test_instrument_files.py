"""Every real file of an instrument opens with its content, or is refused with a reason."""

import numpy as np
import pytest

from napari_tesm.cli import main
from napari_tesm.io.registry import open_file

pytest.importorskip("napari")
from napari_tesm.gui.reader import layers_from_paths, napari_get_reader

IMAGES = {
    "hdf5/SingFreqPFM_0003_pyUSID.h5": (4, (128, 128), 5e-6),
    "hdf5/PMN28Pt0001.h5": (3, (256, 256), 2e-6),
    "bruker/old_bruker.002": (1, (256, 256), 15e-6),
    "ibw/P0089OP0027.ibw": (5, (256, 256), 2e-6),
    "ibw/spot_1-1000nm.ibw": (8, (256, 256), 20e-6),
    "spectra/GaAs_map.mdt": (2, (256, 256), 3e-6),
}
REFUSED = {
    "hdf5/AFM_Force_Curve.h5": "single curve",
    "hdf5/BEPS_PTO_50x50.h5": "Voltage",
    "bruker/force_bruker.001": "single curves and no map",
    "ibw/force_ibw.ibw": "single curves and no map",
    "spectra/map2x2.jpk-force-map": "whose curves are not read here",
    "tdms/raw_timestamps.tdms": "128",
}
ASKED = {
    "tdms/raw1.tdms": "which channel is X",
    "tdms/big_endian.tdms": "which channel is X",
}


@pytest.mark.parametrize("name", IMAGES)
def test_images_open_in_their_size_everywhere(shared_data, name, capsys):
    count, shape, size = IMAGES[name]
    channels = [image for image in open_file(shared_data / name).channels if image["x"].attrs["units"] == "m"]
    assert len(channels) == count
    for channel in channels:
        assert channel.shape == shape
        extent = channel["x"].attrs["spacing"] * shape[1]
        assert extent == pytest.approx(size, rel=0.02)
        assert np.isfinite(channel.values).all()
    path = str(shared_data / name)
    assert napari_get_reader(path) is layers_from_paths
    assert sum(kind == "image" for *_, kind in layers_from_paths(path)) >= count
    assert main(["info", path]) == 0
    assert "none, images only" in capsys.readouterr().out
    assert main(["fit", path, "-o", "never.gwy", "--tip-radius", "25nm"]) == 1
    assert "images only, no time traces" in capsys.readouterr().err


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_map_is_refused_with_what_it_is(shared_data, name, capsys, tmp_path):
    path = str(shared_data / name)
    with pytest.raises(ValueError, match=REFUSED[name]):
        open_file(path)
    assert main(["import", path, "-o", str(tmp_path / "o.gwy")]) == 1
    err = capsys.readouterr().err
    assert REFUSED[name] in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ASKED)
def test_what_a_recording_does_not_say_is_asked(shared_data, name, capsys, tmp_path):
    path = str(shared_data / name)
    opened = open_file(path)
    assert not opened.datasets
    assert ASKED[name] in str(opened.refusal)
    assert main(["import", path, "-o", str(tmp_path / "o.gwy")]) == 1
    assert ASKED[name] in capsys.readouterr().err
