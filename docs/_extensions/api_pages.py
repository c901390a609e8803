"""The reference of the Python interface: a page for each room that says what is public in it (`__all__`)."""

from generated import write_page
from sphinx.application import Sphinx

ROOMS = {
    "napari_tesm": "Open, fit, save: what most scripts need",
    "napari_tesm.fitting": "The engine alone: plain arrays, no units, no files",
    "napari_tesm.simulation": "Scans, recordings and traces with known diffusion coefficients",
    "napari_tesm.recording": "Continuous recordings cut into traces",
    "napari_tesm.scan": "A scan with all the work that was done on it",
    "napari_tesm.series": "Several voltages over one area",
    "napari_tesm.grains": "Grains, their boundaries, and maps in both",
    "napari_tesm.registration": "How far one image is from another",
    "napari_tesm.io.volumes": "Electrode volumes opened and written",
}


def _write(app: Sphinx) -> None:
    pages = {"index": _index()} | {name: _page(name, words) for name, words in ROOMS.items()}
    for name, content in pages.items():
        write_page(f"api/{name}.rst", content)


def _page(name: str, words: str) -> str:
    return f"{name}\n{'=' * len(name)}\n\n{words}.\n\n.. automodule:: {name}\n   :members:\n"


def _index() -> str:
    rows = "".join(f"   * - :doc:`{name}`\n     - {words}\n" for name, words in ROOMS.items())
    tree = "".join(f"   {name}\n" for name in ROOMS)
    return (
        "Python interface\n================\n\n"
        "Datasets and maps are ``xarray.Dataset``; numbers are SI. Nothing is guessed: what a file does not say and a "
        "call does not give is an error that names it.\n\n"
        f".. list-table::\n   :widths: 40 60\n\n{rows}\n.. toctree::\n   :hidden:\n\n{tree}"
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True}
