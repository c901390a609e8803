"""Take the pictures of docs/gwyddion.md from a real Gwyddion with the shipped (simulated) sample.

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

from napari_tesm.cli import main as tesm
from napari_tesm.gwy import metadata_container, metadata_entries, put, read_container, write_container
from napari_tesm.gwyddion_install.building import build_module
from napari_tesm.gwyddion_install.places import own_engine

PICTURE = ROOT / "docs" / "images" / "gwyddion.png"
MENU_PICTURE = ROOT / "docs" / "images" / "gwyddion_menu.png"
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


def take_dialog_and_maps(display: str) -> None:
    with tempfile.TemporaryDirectory() as name:
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
            put_together(PICTURE, dialog, [*maps, histogram])


def fitted(path: Path) -> Path:
    """Fit the sample, and take from its volumes most of what they say of their pulses."""
    maps = path.with_name("maps.gwy")
    assert tesm(["fit", str(ROOT / "sample_data" / "si_c_step.gwy"), "-o", str(maps), "--quiet"]) == 0
    container = read_container(maps)
    for number, kept in enumerate((["Tip radius"], ["Tip radius", "Pulse start"])):
        entries = metadata_entries(container[f"/brick/{number}/meta"])
        left = {key: text for key, text in entries.items() if key in kept}
        put(container, f"/brick/{number}/meta", metadata_container(left), "o")
    write_container(path, container)
    return path


def take_menu(display: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sample = fitted(folder / "scan.gwy")
        with session(
            build_module(folder), sample, folder, display, TESM_ENGINE=str(own_engine())
        ) as gwyddion:
            gwyddion.call("tesm_protocol", "Topography")
            protocol = picture_of(gwyddion, gwyddion.wait_for("Protocol"), folder / "protocol.png")
            # Taken over from the titles; start and duration in the line for all.
            gwyddion.key("alt+t", *"1ms", "Tab", *"10ms", "alt+o")
            gwyddion.call("tesm_null_curve", "Topography")
            gwyddion.wait_for("Null Curve")
            gwyddion.key("alt+o")
            graph = picture_of(gwyddion, window_of(gwyddion, "null curve: D2/D1"), folder / "null.png")
            gwyddion.wait_for_peace()
            gwyddion.call("tesm_grains", "Topography")
            gwyddion.wait_for("Grains")
            gwyddion.key("alt+o")
            maps = []
            for number, title in enumerate(("Grains", "D2 (+3 V) with grain boundaries")):
                window = window_of(gwyddion, f"[{title}]")
                gwyddion.wait_for_peace()
                gwyddion.focus(window)
                gwyddion.key(*["plus"] * ZOOM_STEPS)
                maps.append(picture_of(gwyddion, window, folder / f"{number}.png"))
            put_together(MENU_PICTURE, protocol, [*maps, graph])


def put_together(path: Path, above: Path, below: list[Path]) -> None:
    white = ["-background", "white", "-gravity", "northwest"]
    subprocess.run(
        [
            "convert",
            *white,
            "-splice",
            "8x8",
            above,
            "(",
            *below,
            "+append",
            ")",
            "-append",
            "-colors",
            "256",
            path,
        ],
        check=True,
    )


def main() -> None:
    with screen() as display:
        take_dialog_and_maps(display)
        take_menu(display)


if __name__ == "__main__":
    main()
