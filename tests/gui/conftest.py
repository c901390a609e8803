"""Fixtures of the tests of the napari plugin: a viewer model without a display, and a real window under xvfb."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest

if not os.environ.get("CI") and find_spec("napari") is None:
    # What is imported here needs napari and Qt; in CI, where both must be there, that is an error.
    collect_ignore_glob = ["test_*.py"]

_NO_NAPARI = "napari with Qt is not installed: pip install 'napari-tesm[gui]'"


def _missing_display() -> str:
    """Return why no window can be opened here, empty where one can."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        return "there is no display: run the tests with xvfb-run -a"
    return ""


def _refuse(reason: str) -> None:
    """Skip with a reason; in CI, where everything must be there, fail."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; in CI these tests are not optional")
    pytest.skip(reason)


@pytest.fixture
def viewer_model() -> Any:
    """Return a napari viewer model: layers and events, no window."""
    try:
        from napari.components import ViewerModel
    except ImportError:
        _refuse(_NO_NAPARI)
    return ViewerModel()


@cache
def _leave_imports_out_of_collections() -> None:
    """Take what importing has made out of the garbage collection, which every viewer of a test runs four times."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def make_viewer(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Call to get a real napari viewer in a window; it is closed and checked for leaks after the test."""
    try:
        import napari  # noqa: F401
        import qtpy  # noqa: F401
    except ImportError:
        _refuse(_NO_NAPARI)
    if reason := _missing_display():
        _refuse(reason)
    _leave_imports_out_of_collections()
    return request.getfixturevalue("make_napari_viewer")


@pytest.fixture
def viewer(make_viewer: Callable[..., Any]) -> Iterator[Any]:
    """Return a real viewer whose window is shown, so that mouse and key events reach it."""
    return make_viewer(show=True)


@pytest.fixture
def example_scan() -> Any:
    """Return a small scan with known truth."""
    from examples import example_dataset

    from napari_tesm.gui.models.scan import Scan

    dataset = example_dataset(shape=(12, 16))
    return Scan("example", dataset, [dataset["topography"]])
