"""For how long the window of napari stands still while a large scan is opened, fitted and looked at.

    python benchmarks/window_gaps.py [--size 480x512] [--scan FILE.gwy] [--stacks]

prints, for each thing that is done, the longest stretches of processor time (ms) that the thread of the window spends
between two turns of its event loop. A timer of 10 ms asks `time.thread_time`, so other programs on the machine do not
count. With ``--stacks`` it also says in which lines the longest stretch of each step was spent.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

_LIMIT = 0.2
"""Longest stretch that nobody takes for a halt, in s of processor time."""


class Watch:
    """Measures stretches between turns of the event loop, and samples what the thread does meanwhile."""

    def __init__(self) -> None:
        from qtpy.QtCore import QTimer

        self._stretches: list[tuple[float, int]] = []
        self._stacks: list[tuple[int, str]] = []
        self._turn = 0
        self._last = time.thread_time()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(10)

    def sample_stacks(self) -> None:
        """Note every 5 ms where the thread of the window is."""
        thread = threading.main_thread().ident

        def sample() -> None:
            while True:
                time.sleep(0.005)
                frame, lines = sys._current_frames().get(thread or 0), []
                while frame is not None:
                    name = frame.f_code.co_filename
                    if "napari" in name:
                        lines.append(
                            f"{'/'.join(Path(name).parts[-2:])}:{frame.f_lineno} {frame.f_code.co_name}"
                        )
                    frame = frame.f_back
                self._stacks.append((self._turn, " < ".join(lines[:10])))

        threading.Thread(target=sample, daemon=True).start()

    def wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let the window live for a time, or until something has come about."""
        from qtpy.QtCore import QEventLoop, QTimer

        loop, timer = QEventLoop(), QTimer()
        end = time.monotonic() + seconds
        timer.timeout.connect(lambda: loop.quit() if time.monotonic() >= end or until() else None)
        timer.start(5)
        loop.exec()

    def step(
        self, name: str, do: Callable[[], Any], seconds: float, until: Callable[[], bool] = lambda: False
    ) -> None:
        """Do something, wait for what follows from it, and print the longest stretches."""
        from qtpy.QtCore import QTimer

        self.wait(0.3)
        self._stretches.clear()
        self._stacks.clear()
        QTimer.singleShot(0, do)  # as a click or a drop: in a turn of the event loop
        self.wait(seconds, until)
        self.wait(0.3)
        longest = sorted(self._stretches, reverse=True)[:4]
        over = " *" if longest and longest[0][0] > _LIMIT else ""
        print(f"{name:26s}", *(f"{1000 * stretch:5.0f}" for stretch, _ in longest), f"ms{over}", flush=True)
        for stretch, turn in longest:
            if stretch > 0.8 * _LIMIT:
                spent = Counter(stack for at, stack in self._stacks if at == turn)
                for stack, count in spent.most_common(6):
                    print(f"    {1000 * stretch:.0f} ms, {count} samples: {stack}")

    def _tick(self) -> None:
        now = time.thread_time()
        self._stretches.append((now - self._last, self._turn))
        self._last = now
        self._turn += 1


def measure(scan_file: Path, stacks: bool) -> None:
    """Open a scan in a window of napari, fit it and go through the tabs."""
    import napari

    viewer = napari.Viewer()
    watch = Watch()
    if stacks:
        watch.sample_stacks()
    watch.wait(1)
    watch.step("open", lambda: viewer.open(str(scan_file), plugin="napari-tesm"), 8)

    # Not before: what opening a file loads is a part of it.
    from napari_tesm.gui.dock import open_workspace
    from napari_tesm.gui.models.fit import FitModel
    from napari_tesm.gui.models.regions import RegionModel
    from napari_tesm.regions.shapes import Region

    workspace = open_workspace(viewer)
    watch.wait(1)
    scan = workspace.scan
    print(f"{len(viewer.layers)} layers: {', '.join(layer.name for layer in viewer.layers)}")
    watch.step("tip radius: first preview", lambda: FitModel(scan).set(tip_radius="25 nm"), 6)
    watch.step("threshold: preview", lambda: FitModel(scan).set(threshold="20 %"), 6)

    def hover() -> None:
        for place in range(40):
            scan.look_at((10 + 5 * place, 20 + 6 * place))
            watch.wait(0.03)

    watch.step("hover", hover, 1)
    watch.step("pin", lambda: scan.pin((100, 200)), 2)
    watch.step("fit all", workspace.fit_panel.fit_all, 400, lambda: scan.maps is not None)
    watch.step("layers of the fit", lambda: None, 4)
    panels = workspace.panels
    for title in ("Scans", "Regions", "Profile", "Histogram", "Compare", "Grains", "Series", "Fit"):
        watch.step(f"tab {title}", partial(workspace.tabs.setCurrentWidget, panels[title]), 4)
    x, y = scan.x, scan.y
    outline = tuple((x[len(x) * a // 8], y[len(y) * b // 8]) for a, b in ((1, 1), (5, 1), (5, 5), (1, 4)))
    workspace.tabs.setCurrentWidget(workspace.panels["Regions"])
    watch.step("region", lambda: RegionModel.of(scan).add([Region("polygon", outline, "", "step")]), 3)

    def show_traces() -> None:
        for layer in viewer.layers:
            layer.visible = layer.name.startswith("Traces (-3")

    def slide() -> None:
        for time_step in range(20):
            viewer.dims.set_current_step(0, 5 * time_step)
            watch.wait(0.05)

    watch.step("traces", show_traces, 2)
    watch.step("time slider", slide, 1)
    watch.step("3-D", workspace.more_button.show_relief, 3)
    watch.step("3-D off", workspace.more_button.relief_window.close, 2)


def main() -> None:
    """Measure as asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="480x512", help="pixels of a scan that is simulated")
    parser.add_argument("--scan", type=Path, help="a scan that is there, instead")
    parser.add_argument("--stacks", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scan_file = asked.scan
        if scan_file is None:
            from napari_tesm.cli import main as tesm

            scan_file = Path(folder) / "scan.gwy"
            tesm(["simulate", "-o", str(scan_file), "--size", asked.size, "--quiet"])
        measure(scan_file, asked.stacks)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
