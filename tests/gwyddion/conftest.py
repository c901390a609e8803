"""The module, built once as `tesm gwyddion install` builds it, and the program that runs it without a screen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gwyddion import gui_session
from gwyddion.modulehost import Host, compile_host
from gwyddion.stress import Stress
from napari_tesm import open_dataset, save
from napari_tesm.gwyddion_install.building import build_module

SAMPLE = Path(__file__).parents[2] / "sample_data" / "si_c_step.gwy"


@pytest.fixture(scope="session")
def module(gwyoracle, tmp_path_factory) -> Path:
    """Path of the built module; skipped, or failed in CI, where Gwyddion is missing (see `gwyoracle`)."""
    return build_module(tmp_path_factory.mktemp("module"))


@pytest.fixture(scope="session")
def host_program(gwyoracle, tmp_path_factory) -> Path:
    return compile_host(tmp_path_factory.mktemp("host"))


@pytest.fixture
def host(module, host_program, tmp_path) -> Host:
    """Call with kind, function, number, input and output to run a function of the module."""
    return Host(host_program, module, tmp_path)


@pytest.fixture
def stress(host: Host, sample: Path, tmp_path: Path) -> Iterator[Stress]:
    """Call with what goes wrong to fit a volume with an engine that behaves so."""
    engines = Stress(host, sample, tmp_path)
    yield engines
    engines.close()


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a corner of the sample with all that it holds: a third of its pixels, as every test fits it anew."""
    path = tmp_path_factory.mktemp("sample") / SAMPLE.name
    save(path, open_dataset(SAMPLE).isel(x=slice(8, 48), y=slice(10, 38)))
    return path


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """Name of a display with a window manager."""
    if missing := gui_session.missing_tools():
        pytest.skip(f"not installed: {', '.join(missing)}")
    with gui_session.screen() as name:
        yield name
