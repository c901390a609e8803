"""Wheels with the module built in: ``python gwyddion_plugin/make_wheels.py FOLDER``.

One for Linux on x86-64, and one on aarch64 where its cross compiler is installed (on Debian ``gcc-aarch64-linux-gnu``).
The module needs no library but libc, whose oldest version that has all it calls stands in the wheel's name; it is the
same for all of Gwyddion 2 from 2.60 on, as Gwyddion's functions are found in the program that loads it.
"""

from __future__ import annotations

import base64
import hashlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from napari_tesm.gwyddion_install.building import command_to_build, flags_of_headers

ROOT: Final = Path(__file__).parents[1]
COMPILERS: Final = {"x86_64": "x86_64-linux-gnu-gcc", "aarch64": "aarch64-linux-gnu-gcc"}
OLDEST_LIBC: Final = {"x86_64": (2, 17), "aarch64": (2, 17)}
"""What a wheel can name at the earliest, whatever the module needs."""


def made_module(machine: str, folder: Path) -> Path:
    """Build the module for a kind of computer, and see that it needs libc alone.

    Raises
    ------
    RuntimeError
        If it cannot be built, or needs more.
    """
    module = folder / f"tesm-linux-{machine}.so"
    # Gwyddion's headers are the same for both; a libc is the compiler's own.
    headers = [
        flag for flag in flags_of_headers() if not Path(flag[2:], "bits", "libc-header-start.h").exists()
    ]
    compiler = [COMPILERS[machine], "-s", "-Wl,-z,relro,-z,now"]
    done = subprocess.run(
        command_to_build(compiler, ROOT / "gwyddion_plugin", module, headers),
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    needed = re.findall(r"NEEDED.*\[(.*)\]", _read("-d", module))
    if needed not in ([], ["libc.so.6"]):
        raise RuntimeError(f"{module.name} needs {', '.join(needed)}")
    return module


def tag_of(machine: str, module: Path) -> str:
    """Return the platform's name in the wheel's: the oldest libc that has all the module calls."""
    versions = re.findall(r"@GLIBC_(\d+)\.(\d+)", _read("--dyn-syms", module))
    newest = max([OLDEST_LIBC[machine], *((int(major), int(minor)) for major, minor in versions)])
    return f"manylinux_{newest[0]}_{newest[1]}_{machine}"


def with_module(wheel: Path, module: Path, tag: str, folder: Path) -> Path:
    """Return a copy of a wheel for all platforms with the module in it, for one."""
    target = folder / wheel.name.replace("-any.whl", f"-{tag}.whl")
    inside = f"napari_tesm/gwyddion_plugin/prebuilt/{module.name}"
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        record = next(name for name in old.namelist() if name.endswith(".dist-info/RECORD"))
        lines = []
        for name in [*(name for name in old.namelist() if name != record), inside]:
            content = module.read_bytes() if name == inside else old.read(name)
            if name.endswith(".dist-info/WHEEL"):
                content = content.replace(b"-any\n", f"-{tag}\n".encode()).replace(
                    b"lib: true", b"lib: false"
                )
            # The same bytes whenever it is made.
            entry = zipfile.ZipInfo(name, date_time=(2020, 2, 2, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            new.writestr(entry, content, zipfile.ZIP_DEFLATED)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(content)}\n")
        new.writestr(zipfile.ZipInfo(record, (2020, 2, 2, 0, 0, 0)), "".join([*lines, f"{record},,\n"]))
    return target


def _read(what: str, module: Path) -> str:
    return subprocess.run(["readelf", "-W", what, module], capture_output=True, text=True, check=True).stdout


def main(folder: Path) -> int:
    """Make the wheels in a folder and print their names."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", work, ROOT]
        subprocess.run(command, check=True)
        (plain,) = work.glob("*.whl")
        print(shutil.copy(plain, folder))
        for machine, compiler in COMPILERS.items():
            if shutil.which(compiler) is None:
                print(f"no wheel for {machine}: {compiler} is not installed", file=sys.stderr)
                continue
            module = made_module(machine, work)
            print(with_module(plain, module, tag_of(machine, module), folder))
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or platform.system() != "Linux":
        sys.exit("usage, on Linux: python gwyddion_plugin/make_wheels.py FOLDER")
    sys.exit(main(Path(sys.argv[1])))
