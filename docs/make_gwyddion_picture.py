"""Take the picture of docs/gwyddion.md from a real Gwyddion with the shipped (simulated) sample.

Needs what the tests of the Gwyddion module need (``make system-packages``) and brings a screen of its own::

    .venv/bin/python docs/make_gwyddion_picture.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from gwyddion.gui_session import Session, screen, session

from napari_tesm.gwyddion_install.building import build_module
from napari_tesm.gwyddion_install.places import own_engine

PICTURE = ROOT / "docs" / "images" / "gwyddion.png"
MAPS = ("D1 (-3 V)", "D2 (-3 V)")
ZOOM_STEPS = 6


def window_of(gwyddion: Session, name: str) -> str:
    windows = gwyddion.wait(lambda found: any(name in title for title in found), name)
    return next(window for title, window in windows.items() if name in title)


def picture_of(gwyddion: Session, window: str, path: Path) -> Path:
    gwyddion.focus(window)
    subprocess.run(["import", "-frame", "-window", window, path], env=gwyddion.environment, check=True)
    return path


def main() -> None:
    with tempfile.TemporaryDirectory() as name, screen() as display:
        folder = Path(name)
        sample = ROOT / "sample_data" / "si_c_step.gwy"
        remembered = folder / "home" / ".gwyddion" / "tesm.conf"
        engine = folder / "home" / ".venv" / "bin" / "tesm"
        for path in (remembered, engine):
            path.parent.mkdir(parents=True)
        engine.symlink_to(own_engine())
        remembered.write_text(f"[engine]\ncommand={engine}\n")
        with session(build_module(folder), sample, folder, display, TESM_ENGINE="") as gwyddion:
            gwyddion.call("tesm_diffusion_maps", "Traces (-3 V)", menu="alt")
            dialog = picture_of(gwyddion, gwyddion.wait_for("Diffusion Maps"), folder / "dialog.png")
            gwyddion.key("alt+o")
            graph = window_of(gwyddion, "t-ESM histogram")
            gwyddion.wait_for_peace()
            maps = []
            for number, title in enumerate(MAPS):
                window = window_of(gwyddion, f"[{title}]")
                gwyddion.focus(window)
                gwyddion.key(*["plus"] * ZOOM_STEPS)
                maps.append(picture_of(gwyddion, window, folder / f"{number}.png"))
            histogram = picture_of(gwyddion, graph, folder / "graph.png")
            white = ["-background", "white", "-gravity", "northwest"]
            subprocess.run(
                ["convert", *white, "-splice", "8x8", dialog, "(", "(", *maps, "+append", ")", histogram,
                 "-append", ")", "+append", "-colors", "128", PICTURE], check=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
