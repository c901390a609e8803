"""``tesm gwyddion``: the module that brings t-ESM into Gwyddion's menus."""

import argparse
from collections.abc import Iterator

from napari_tesm.cli.arguments import UsageError
from napari_tesm.files.texts import printable
from napari_tesm.gwyddion_install import OLDEST_GWYDDION, OtherSystemError, Status, install, status, uninstall
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
    how = " (as it came with napari-tesm)" if installed.prebuilt else ""
    print(f"Module: {printable(str(installed.module))}{how}")
    print(f"Engine: {printable(str(installed.engine))}")
    current = status()
    if current.problem:
        raise RuntimeError(
            f"the module is built and installed, but Gwyddion would not load it: {current.problem}"
        )
    if not current.programs:
        print("Gwyddion itself is not on the PATH; its libraries are here and load the module.")
    for program in current.programs:
        if not program.takes_module:
            print(
                f"{printable(program.name)} does not take it: it is for Gwyddion 2 from {OLDEST_GWYDDION} on."
            )
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
    if current.module is None:
        yield "Module:   not installed for this user; tesm gwyddion install does it"
    else:
        version = current.version or "unknown version"
        other = "" if version == __version__ else f" (this is napari-tesm {__version__}: install it again)"
        yield f"Module:   {version}{other}, {current.module}"
    for program in current.programs:
        for_it = "" if program.takes_module else f" (the module is for Gwyddion 2 from {OLDEST_GWYDDION} on)"
        yield f"Gwyddion: {program.version}, {program.path}{for_it}"
    if not current.programs:
        # The version is known only where the libraries were asked to load the module.
        yield f"Gwyddion: {current.gwyddion + ', ' if current.gwyddion else ''}no program gwyddion on the PATH"
    if current.module is not None:
        kinds = {"proc": "Data Process", "volume": "Volume Data", "cmap": "Curve Maps"}
        menus = sorted({kinds[name.split("::")[0]] for name in current.functions})
        loads = f"yes: {len(current.functions)} functions in {', '.join(menus)}"
        yield f"Loads:    {loads if not current.problem else 'no: ' + current.problem}"
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
