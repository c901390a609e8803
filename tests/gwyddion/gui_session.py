"""The real Gwyddion on a screen of its own, driven by its accelerators; every step leaves a screenshot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = ("Xvfb", "openbox", "xdotool", "import", "gwyddion")
KEYS = {"tesm_diffusion_maps": "F11", "tesm_displacement_map": "F10", "tesm_region_statistics": "F9",
        "tesm_open_in_napari": "F8", "tesm_lateral_diffusion": "F7", "tesm_null_curve": "F6", "tesm_grains": "F5",
        "tesm_report": "F4", "tesm_protocol": "F3"}  # fmt: skip
_ITEMS = {"tesm_diffusion_maps": "Diffusion Maps", "tesm_displacement_map": "Displacement Map",
          "tesm_region_statistics": "Region Statistics", "tesm_open_in_napari": "Open in napari",
          "tesm_lateral_diffusion": "Lateral Diffusion", "tesm_null_curve": "Null Curve", "tesm_grains": "Grains",
          "tesm_report": "Report", "tesm_protocol": "Protocol"}  # fmt: skip
PATIENCE = 180  # s; the machine may have other things to do


def missing_tools() -> list[str]:
    return [name for name in TOOLS if shutil.which(name) is None]


@contextmanager
def screen() -> Iterator[str]:
    """A display of its own, with a window manager as people have one; yields its name."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1400x1000x24", "-nolisten", "tcp"],
        pass_fds=[writing], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    try:
        with os.fdopen(reading) as numbers:
            display = f":{numbers.readline().strip()}"
        manager = subprocess.Popen(
            ["openbox", "--sm-disable"], env=os.environ | {"DISPLAY": display}, stderr=subprocess.DEVNULL
        )
        yield display
        manager.terminate()
        manager.wait()
    finally:
        server.terminate()
        server.wait()


@dataclass
class Session:
    """A running Gwyddion."""

    home: Path
    environment: dict[str, str]
    process: subprocess.Popen[str]
    shots: Path
    _count: int = field(default=0)

    def windows(self) -> dict[str, str]:
        """Return title -> window of all windows that are shown."""
        windows = {}
        for window in self._xdotool("search", "--onlyvisible", "--name", ".", quiet=True).split():
            name = self._xdotool("getwindowname", window, quiet=True).strip()
            if name:
                windows[name] = window
        return windows

    def wait(self, condition: Callable[[dict[str, str]], object], what: str) -> dict[str, str]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            windows = self.windows()
            if condition(windows):
                return windows
            time.sleep(0.1)
        self.shot(f"missing {what}")
        raise AssertionError(f"{what}: not after {PATIENCE} s; there are {list(self.windows())}")

    def wait_for(self, name: str) -> str:
        """Return the window whose title begins so, once it is there."""
        windows = self.wait(lambda windows: any(title.startswith(name) for title in windows), name)
        return next(window for title, window in windows.items() if title.startswith(name))

    def wait_for_peace(self) -> None:
        """Wait until windows neither come nor go: the last one to open takes the focus, and is the current one."""
        seen, since = self.windows(), time.monotonic()
        while time.monotonic() < since + 1:
            time.sleep(0.1)
            if (now := self.windows()) != seen:
                seen, since = now, time.monotonic()

    def call(self, function: str, item: str, *, menu: str = "control") -> None:
        """Focus the window of an item of the file and call a function by its accelerator.

        The menu is that of Data Process ("control") or of Volume Data ("alt").
        """
        windows = self.wait(lambda windows: any(f"[{item}]" in title for title in windows), item)
        self.focus(next(window for title, window in windows.items() if f"[{item}]" in title))
        self.key(f"{menu.replace('control', 'ctrl')}+shift+{KEYS[function]}")

    def focus(self, window: str) -> None:
        self._xdotool("windowactivate", "--sync", window)
        time.sleep(0.3)

    def key(self, *keys: str) -> None:
        self._xdotool("key", *keys)
        time.sleep(0.3)

    def shot(self, name: str) -> Path:
        self._count += 1
        path = self.shots / f"{self._count:02d} {name}.png"
        subprocess.run(["import", "-window", "root", path], env=self.environment, check=True)
        return path

    def console(self) -> str:
        return (self.home / "console").read_text(errors="replace")

    def problems(self) -> list[str]:
        """What GLib complained about on the console."""
        return re.findall(r".*(?:WARNING|CRITICAL|ERROR).*", self.console())

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in (self.home / "tmp").iterdir())

    def _xdotool(self, *words: str, quiet: bool = False) -> str:
        done = subprocess.run(
            ["xdotool", *words], env=self.environment, capture_output=True, text=True, timeout=30
        )
        assert quiet or done.returncode == 0, f"xdotool {' '.join(words)}: {done.stderr}"
        return done.stdout


@contextmanager
def session(module: Path, file: Path, folder: Path, display: str, **environment: str) -> Iterator[Session]:
    """Gwyddion with the module installed for a new user and a file open."""
    home, shots = folder / "home", Path(os.environ.get("TESM_SCREENSHOTS", folder / "screenshots"))
    for path in (home / "tmp", home / ".gwyddion" / "ui", home / ".gwyddion" / "modules", shots):
        path.mkdir(parents=True, exist_ok=True)
    shutil.copy(module, home / ".gwyddion" / "modules")
    menus = {"proc": ("Data Process", "<Control>"), "volume": ("Volume Data", "<Alt>")}
    (home / ".gwyddion" / "ui" / "accel_map").write_text(
        "".join(
            f'(gtk_accel_path "<{kind}>/{menu}/t-ESM/{_ITEMS[name]}" "{modifier}<Shift>{key}")\n'
            for kind, (menu, modifier) in menus.items()
            for name, key in KEYS.items()
        )
    )
    own = {"HOME": str(home), "TMPDIR": str(home / "tmp"), "DISPLAY": display, "GDK_BACKEND": "x11"}
    settings = os.environ | own | environment
    with (home / "console").open("w") as console:
        process = subprocess.Popen(
            ["gwyddion", "--new-instance", "--no-splash", "--disable-gl", "--no-log-to-file", str(file)],
            env=settings, stdout=console, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        running = Session(home, settings, process, shots)
        try:
            running.wait_for("Data Browser")
            running.wait_for_peace()
            yield running
        finally:
            process.terminate()
            process.wait(timeout=30)
