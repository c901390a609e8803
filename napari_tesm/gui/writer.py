"""File → Save in napari: the layers of a scan as one .gwy file."""

from collections.abc import Sequence
from typing import Any

from napari.layers import Layer

from napari_tesm.gui.layers.grain_layer import take_painted_labels
from napari_tesm.gui.models.region_shapes import reading_from_layer
from napari_tesm.gui.models.scan import role_of
from napari_tesm.gui.saving import save_scan


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
    drawn = [
        (data, options, role)
        for (data, options, kind), role in zip(layer_data, roles, strict=True)
        if role.get("kind") == "regions" and kind == "shapes"
    ]
    # Of copies, which have the same role, the one that the panels follow.
    drawn.sort(key=lambda one: one[1].get("name") != _name_of_player(one[2]))
    for data, options, _ in drawn[:1]:
        # Somebody may have drawn while no panel was there to notice.
        layer = Layer.create(data, {**options, "metadata": {}}, "shapes")
        scan.set_regions(reading_from_layer(layer, scan.display, known=scan.regions).regions)
    painted = [
        (data, options, role)
        for (data, options, kind), role in zip(layer_data, roles, strict=True)
        if role.get("kind") == "grains" and kind == "labels"
    ]
    painted.sort(key=lambda one: one[1].get("name") != _name_of_player(one[2]))
    for data, _, _ in painted[:1]:
        take_painted_labels(scan, data)
    return [str(save_scan(scan, path, overwrite=True))]


def _name_of_player(role: dict[str, Any]) -> str:
    player = role["player"]() if "player" in role else None
    return "" if player is None else str(player.name)
