"""File → Save in napari: the layers of a scan as one .gwy file."""

from collections.abc import Sequence
from typing import Any

from napari.layers import Layer

from napari_tesm.gui.layers.grain_layer import take_painted_labels
from napari_tesm.gui.models.agreement import sentence_about_maps
from napari_tesm.gui.models.region_shapes import reading_from_layer
from napari_tesm.gui.models.scan import role_of
from napari_tesm.gui.saying import say


def write_layers(path: str, layer_data: Sequence[tuple[Any, dict[str, Any], str]]) -> list[str]:
    """Write the scan that layers belong to, with results, regions and points, and return the path.

    Raises
    ------
    ValueError
        If the layers belong to no scan of this plugin, or to several.
    """
    roles = [role_of(options.get("metadata", {})) for _, options, _ in layer_data]
    scans = list(dict.fromkeys(role["scan"] for role in roles if "scan" in role))
    if not scans:
        raise ValueError("none of these layers comes from t-ESM data: choose another file type than .gwy")
    if len(scans) > 1:
        names = " and ".join(scan.name for scan in scans)
        raise ValueError(
            f"these layers belong to different scans ({names}): save the layers of one at a time"
        )
    scan = scans[0]
    # Somebody may have drawn or painted while no panel was there to notice.
    drawn = _data_of(layer_data, "regions", "shapes")
    if drawn is not None:
        layer = Layer.create(drawn[0], {**drawn[1], "metadata": {}}, "shapes")
        scan.set_regions(reading_from_layer(layer, scan.display, before=scan.regions).regions)
    painted = _data_of(layer_data, "grains", "labels")
    if painted is not None:
        take_painted_labels(scan, painted[0])
    if sentence := sentence_about_maps(scan):
        say(sentence, warning=True)
    return [str(scan.save(path, overwrite=True))]


def _data_of(
    layer_data: Sequence[tuple[Any, dict[str, Any], str]], role: str, kind: str
) -> tuple[Any, dict[str, Any]] | None:
    """Return data and options of the layer of a role; of copies, which have it too, that which the panels follow."""
    layers = []
    for data, options, of_kind in layer_data:
        written = role_of(options.get("metadata", {}))
        if written.get("kind") == role and of_kind == kind:
            player = written["player"]() if "player" in written else None
            layers.append(
                (options.get("name") != ("" if player is None else str(player.name)), data, options)
            )
    return min(layers, key=lambda layer: layer[0])[1:] if layers else None
