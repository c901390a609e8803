"""The plan of the house: floors of rooms, no arrow upward, no circle, and what may not load what.

`docs/architecture.md` draws the same plan for people; a room that is moved is moved in both.
"""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "napari_tesm"
FACE = "napari_tesm"

FLOORS = (
    {"files", "kernels", "quantities", "statistics", "version"},
    {"data", "fitting", "gwyddion_install", "noise", "physics", "registration"},
    {"evaluation", "recording", "regions"},
    {"findings", "grains", "gwy", "inversion", "model_choice", "series", "simulation", "volumes"},
    {"io", "plotting"},
    {"scan"},
    {"interface", "report", "watching"},
    {"batch", "gui", FACE},
    {"cli"},
)
"""The rooms, the lowest floor first. A room may use those of the floors below it, and no other."""

HEAVY = frozenset(
    {
        "napari", "qtpy", "PyQt6", "PySide6", "magicgui", "matplotlib", "dask", "skimage", "scipy", "nptdms", "h5py",
        "zarr", "gwyddionpy", "tifffile",
    }
)  # fmt: skip
QT = frozenset({"napari", "qtpy", "PyQt6", "PySide6", "magicgui"})


@cache
def _modules() -> dict[str, Path]:
    modules = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


@cache
def _nodes(module: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(_modules()[module].read_text(encoding="utf-8"))))


@cache
def _imports(module: str) -> frozenset[str]:
    """Return the modules of this package that a file imports, inside functions and for types as well."""
    modules = _modules()
    imported = set()
    for node in _nodes(module):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports by dots: name the module in full"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                imported.add(full if full in modules else str(node.module))
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    return frozenset(name for name in imported - {module} if name in modules)


def _room(module: str) -> str:
    _, _, inside = module.partition(".")
    return inside.partition(".")[0] or FACE


def _floor(room: str) -> int:
    for number, rooms in enumerate(FLOORS, start=1):
        if room in rooms:
            return number
    raise AssertionError(f"the room '{room}' is not in the plan of the house")


def test_the_page_on_the_architecture_shows_this_plan():
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| (\d) \| `(\w+)(?:/|\.py)?` \|", page, re.MULTILINE)
    assert sorted(shown) == sorted((str(_floor(room)), room) for room in set().union(*FLOORS))


def test_every_room_of_the_plan_is_there():
    assert {_room(module) for module in _modules()} == set().union(*FLOORS)


def test_a_file_imports_from_lower_floors_only():
    arrows = [(module, other) for module in _modules() for other in sorted(_imports(module))]
    assert len(arrows) > 1000  # the files are read at all
    between = [(module, other) for module, other in arrows if _room(module) != _room(other)]
    assert [arrow for arrow in between if _floor(_room(arrow[0])) <= _floor(_room(arrow[1]))] == []


WALLED = (
    f"{FACE}.volumes", f"{FACE}.io.volumes", f"{FACE}.plotting.volumes", f"{FACE}.report.volumes",
    f"{FACE}.gui.volumes", f"{FACE}.cli.volume",
)  # fmt: skip
"""Volumes of electrodes: a sub-package of its own, which nothing of t-ESM needs."""


def _is_walled(module: str) -> bool:
    return any(module == part or module.startswith(f"{part}.") for part in WALLED)


def test_nothing_outside_the_wall_uses_volumes():
    arrows = [
        (module, other)
        for module in _modules()
        if not _is_walled(module)
        for other in sorted(_imports(module))
        if _is_walled(other)
    ]
    assert sum(map(_is_walled, _modules())) > 10
    # The parser shows the commands; it takes their words from a file without a single import of volumes.
    assert arrows == [(f"{FACE}.cli.parser", f"{FACE}.cli.volume.commands")]


def test_volumes_know_nothing_of_traces():
    used = {_room(other) for module in _modules() if _room(module) == "volumes" for other in _imports(module)}
    assert used <= {"volumes", "files", "quantities", "statistics", "regions"}


def test_no_files_import_each_other_in_a_circle():
    try:
        TopologicalSorter({module: _imports(module) for module in _modules()}).prepare()
    except CycleError as circle:
        pytest.fail(f"a circle: {' → '.join(circle.args[1])}")


LIGHT = (
    "files.atomic", "quantities.text", "statistics.ranks", "kernels.named", "data.dataset",
    "data.displacement", "gwy", "registration", "fitting", "physics.tip", "regions.measures", "recording",
    "evaluation.displacement_maps", "evaluation.pipeline", "series", "grains", "simulation",
    "model_choice.histograms", "findings.summary",
    "io.registry", "io.gwy.results", "io.tdms", "io.hdf5", "io.matlab", "io.numpy_files", "io.zarr_store",
    "io.vendor", "io.detection", "scan", "interface", "cli.fit", "cli.kernels", "cli.info", "cli.displacement",
    "cli.regions", "cli.importing", "cli.batch", "cli.watch", "watching.waiting", "volumes.simulation",
    "volumes.section_lines", "io.volumes",
    "cli.volume.info", "cli.volume.convert",
)  # fmt: skip
"""Modules that need neither a screen nor a plot, and are quick to load for it."""


@cache
def _newly_loaded() -> dict[str, set[str]]:
    """Return which packages of others each module brings in, one after the other in one fresh process."""
    names = [FACE, *(f"{FACE}.{module}" for module in LIGHT), f"{FACE}.plotting.overview"]
    code = (
        "import importlib, json, sys\n"
        "loaded, seen = {}, set()\n"
        f"for name in {names}:\n"
        "    importlib.import_module(name)\n"
        "    now = {module.split('.')[0] for module in sys.modules} | {'matplotlib.pyplot'} & set(sys.modules)\n"
        "    loaded[name], seen = sorted(now - seen), seen | now\n"
        "print(json.dumps(loaded))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name: set(packages) for name, packages in json.loads(done.stdout).items()}


@pytest.mark.parametrize("module", LIGHT)
def test_numeric_rooms_load_neither_screens_nor_plots(module):
    assert _newly_loaded()[f"{FACE}.{module}"].isdisjoint(HEAVY)


def test_models_of_the_workspace_name_no_toolkit():
    models = [module for module in _modules() if ".gui.models." in module]
    assert len(models) > 10
    assert {module: _outside(module) & QT for module in models if _outside(module) & QT} == {}


def _outside(module: str) -> set[str]:
    """Return the packages that a file names in its imports."""
    names: set[str] = set()
    for node in _nodes(module):
        if isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.partition(".")[0] for name in names}


def test_the_package_itself_loads_nothing():
    assert _newly_loaded()[FACE].isdisjoint((*HEAVY, "numpy", "xarray"))


def test_plots_need_no_display_and_no_pyplot():
    brought = _newly_loaded()[f"{FACE}.plotting.overview"]
    assert "matplotlib" in brought
    assert "matplotlib.pyplot" not in brought
    assert brought.isdisjoint(QT)


def test_files_and_functions_stay_readable_in_one_sitting():
    lines = {
        module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in _modules().items()
    }
    assert {module: count for module, count in lines.items() if count > 420} == {}
    functions = {
        f"{module}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module in _modules()
        for node in _nodes(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: count for name, count in functions.items() if count > 100} == {}


def test_no_test_compares_lengths_with_a_tolerance_of_ten_nanometres():
    """`np.allclose` takes 1e-8 for nothing: all D, and most lengths, would be alike."""
    blind = [
        f"{path.name}:{node.lineno}"
        for path in sorted(Path(__file__).parent.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("np.allclose", "np.isclose")
        and "atol" not in {keyword.arg for keyword in node.keywords}
    ]
    assert blind == []
