"""``tesm gwyddion``: the module that brings t-ESM into Gwyddion's menus."""

import argparse
from collections.abc import Iterator

from napari_tesm.cli.arguments import UsageError
from napari_tesm.files.texts import printable
from napari_tesm.gwyddion_install import MADE_FOR, OtherSystemError, Status, install, status, uninstall
from napari_tesm.version import __version__


def run_command(options: argparse.Namespace) -> int:
    """Install, describe or remove the module; see ``tesm gwyddion --help``."""
    if options.pygwy and options.action != "install":
        raise UsageError("--pygwy goes with install; uninstall removes everything")
    if options.action == "install":
        return _install_plugins() if options.pygwy else _install_module()
    if options.action == "uninstall":
        removed = uninstall()
        for path in removed:
            print(f"Removed: {printable(str(path))}")
        if not removed:
            print("Nothing is installed for this user.")
        return 0
    current = status()
    for line in _lines(current):
        print(printable(line))
    return 0 if current.ready else 1


def _install_module() -> int:
    try:
        installed = install()
    except OtherSystemError as error:
        raise OSError(
            f"{error}. A Gwyddion 2 with pygwy can have the plug-ins: tesm gwyddion install --pygwy; every Gwyddion "
            "reads what tesm fit writes"
        ) from None
    for generation, path in installed.modules.items():
        how = " (as it came with napari-tesm)" if installed.prebuilt and generation == 2 else ""
        print(f"Module: {printable(str(path))}{how}")
    print(f"Engine: {printable(str(installed.engine))}")
    current = status()
    for module in current.modules:
        if module.generation in installed.modules and module.problem:
            raise RuntimeError(
                f"the module for Gwyddion {module.generation} is built and installed, but Gwyddion would not load it: "
                f"{module.problem}"
            )
    if not current.programs:
        print("Gwyddion itself is not on the PATH; its libraries are here and load the module.")
    for reason in installed.refused:
        print(f"Note: {printable(reason)}")
    for program in current.programs:
        if program.generation is None:
            print(f"Note: {MADE_FOR}, and not for {printable(program.name)}")
    print("Restart Gwyddion and look under Volume Data, Curve Maps and Data Process for t-ESM.")
    return 0


def _install_plugins() -> int:
    installed = install(pygwy=True)
    for path in installed.plugins:
        print(f"Plug-in: {printable(str(path))}")
    print(f"Engine:  {printable(str(installed.engine))}")
    print("A Gwyddion that has pygwy shows them under Volume Data and Data Process after a restart.")
    return 0


def _lines(current: Status) -> Iterator[str]:
    if not any(module.path for module in current.modules):
        yield "Module:   not installed for this user; tesm gwyddion install does it"
    for module in current.modules:
        if module.path:
            version = module.version or "unknown version"
            other = (
                "" if version == __version__ else f" (this is napari-tesm {__version__}: install it again)"
            )
            yield f"Module:   {version}{other}, {module.path}"
        elif len(current.modules) > 1:
            yield f"Module:   none for Gwyddion {module.generation}; tesm gwyddion install does it"
    for program in current.programs:
        yield f"Gwyddion: {program.version}, {program.path}{'' if program.generation else f' ({MADE_FOR})'}"
    if not current.programs:
        # The version is known only where the libraries were asked to load the module.
        known = next((f"{module.gwyddion}, " for module in current.modules if module.gwyddion), "")
        yield f"Gwyddion: {known}no program gwyddion on the PATH"
    kinds = {
        "proc": "Data Process", "image": "Image", "volume": "Volume Data", "cmap": "Curve Maps"
    }  # fmt: skip
    for module in current.modules:
        if module.path:
            menus = sorted({kinds[name.split("::")[0]] for name in module.functions})
            loads = f"yes: {len(module.functions)} functions in {', '.join(menus)}"
            yield f"Loads:    {loads if not module.problem else 'no: ' + module.problem}"
    if current.plugins:
        yield f"Plug-ins: for pygwy, in {current.plugins[-1].parent}"
    if current.engine is None:
        where = {
            "found on the PATH": "there is no tesm on the PATH; installing the module remembers this one"
        }
        yield f"Engine:   none: {where.get(current.engine_origin, f'what is {current.engine_origin} is no program')}"
    else:
        version = current.engine_version or "it does not run"
        yield f"Engine:   {version}, {current.engine} ({current.engine_origin})"
