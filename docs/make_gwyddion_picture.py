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

from napari_tesm.gwy import metadata_container, metadata_entries, put, read_container, write_container
from napari_tesm.gwyddion_install.building import build_module
from napari_tesm.gwyddion_install.places import own_engine

PICTURE = ROOT / "docs" / "images" / "gwyddion.png"
MAPS = ("D1 (-3 V)", "D2 (-3 V)")
ZOOM_STEPS = 5
SUGGESTED = "Pulse duration: 10 ms; Tip radius: 25 nm ± 2 nm"
"""What was typed last, for another file."""


def silent(path: Path) -> Path:
    """Copy a volume of the sample without what is typed in the picture."""
    container = read_container(ROOT / "sample_data" / "si_c_step.gwy")
    for key in [key for key in container if key.startswith("/brick/0")]:
        del container[key]
    entries = metadata_entries(container["/brick/1/meta"])
    kept = {key: text for key, text in entries.items() if f"{key}:" not in SUGGESTED}
    put(container, "/brick/1/meta", metadata_container(kept), "o")
    write_container(path, container)
    return path


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
        sample = silent(folder / "scan_2.gwy")
        remembered = folder / "home" / ".gwyddion" / "tesm.conf"
        engine = folder / "home" / ".venv" / "bin" / "tesm"
        for path in (remembered, engine):
            path.parent.mkdir(parents=True)
        engine.symlink_to(own_engine())
        remembered.write_text(f"[engine]\ncommand={engine}\n")
        settings = {"entered": SUGGESTED, "entered_of": "scan_1.gwy"}
        lines = [f'"/module/tesm/{key}" string "{text}"' for key, text in settings.items()]
        remembered.with_name("settings").write_text("\n".join(["Gwyddion Settings 1.0", *lines, ""]))
        with session(build_module(folder), sample, folder, display, TESM_ENGINE="") as gwyddion:
            gwyddion.call("tesm_diffusion_maps", "Traces (-3 V)", menu="alt")
            dialog = picture_of(gwyddion, gwyddion.wait_for("Diffusion Maps"), folder / "dialog.png")
            gwyddion.key("alt+v", "alt+o")
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
                ["convert", *white, "-splice", "8x8", dialog, "(", *maps, histogram, "+append", ")", "-append",
                 "-colors", "256", PICTURE], check=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
