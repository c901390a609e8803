"""The dependency direction of the house: nothing imports upward, and numeric rooms load nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "napari_tesm"

LAYERS = [
    {
        "kernels",
        "shape_kernels",
        "all_kernels",
        "protocol",
        "dataset",
        "units",
        "scaling",
        "limits",
        "low_pass",
    },
    {"maps", "recipe"},  # names and parameters; recipe checks its geometry against diffusion's table
    {"fitting"},
    {"displacement", "diffusion", "theory", "tip_radius"},
    {"phase"},
    {"bulk_methods"},  # other ways to the same D, beside the theory of the tip
    {
        "regions",
        "region_statistics",
        "profiles",
        "steps",
        "grains",
        "statistics",
        "comparison",
        "registration",
        "step_course",
        "model_choice",
        "kernel_votes",
        "recording",
        "controls",
        "signal_check",
        "cycling",
    },
    {"simulation"},  # simulates recordings, too, in the terms of recording
    {"series"},
    {"settings", "tau_limits", "null_curve"},
    {"null_bands"},
    {"pipeline", "displacement_maps", "histogram_comparison", "fit_examples"},
    {"kernel_maps"},
    {"summary"},
    {"plotting", "io"},
    {"interface", "gwyddion_install"},
    {"report"},  # opens and fits files as a user would, and draws them
    {"gui", "cli"},
]
EXCEPTIONS = {("recipe", "diffusion")}
"""Imports against the order that are meant: recipe validates names that diffusion knows."""

HEAVY = (
    "napari",
    "qtpy",
    "PyQt6",
    "PySide6",
    "magicgui",
    "matplotlib",
    "dask",
    "skimage",
    "scipy",
    "nptdms",
    "h5py",
    "zarr",
    "gwyddionpy",
)


def _level(room: str) -> int:
    for level, rooms in enumerate(LAYERS):
        if room in rooms:
            return level
    raise AssertionError(f"the room '{room}' is not in the plan of the house")


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    """Return the rooms of this package that a file imports when it is loaded; those inside functions, too."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = (
                [node.module]
                if node.module != "napari_tesm"
                else [f"napari_tesm.{a.name}" for a in node.names]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "napari_tesm" and len(parts) > 1 and not parts[1].startswith("__"):
                rooms.add(parts[1])
    return rooms


def _sources() -> list[Path]:
    return [
        path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or path.name != "__init__.py"
    ]


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_imports_upward(path):
    room = _room(path)
    for other in _imports(path) - {room}:
        assert _level(other) <= _level(room) or (room, other) in EXCEPTIONS, f"{room} imports {other}"


def _loaded(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "fitting", "dataset", "displacement", "diffusion", "theory", "statistics", "simulation", "pipeline", "summary",
        "recording", "io.registry", "io.gwy", "io.tdms", "io.hdf5", "io.matlab", "io.detection", "interface",
        "cli.fit", "cli.kernels", "cli.info", "cli.displacement", "cli.regions", "cli.importing", "region_statistics",
        "io.numpy_files", "io.zarr_store", "io.vendor", "histogram_comparison", "grains", "series",
    ],
)  # fmt: skip
def test_numeric_rooms_load_neither_screens_nor_plots(module):
    assert _loaded(f"import napari_tesm.{module}").isdisjoint(HEAVY)


def test_the_package_itself_loads_nothing():
    assert _loaded("import napari_tesm").isdisjoint((*HEAVY, "numpy", "xarray"))


def test_plots_need_no_display_and_no_pyplot():
    code = "import sys, napari_tesm.plotting.overview; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_readable_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 420
