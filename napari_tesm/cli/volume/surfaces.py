"""``tesm volume surfaces``: where collector and electrode end, and the thickness between."""

import argparse
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from napari_tesm.cli.arguments import UsageError
from napari_tesm.cli.outputs import outputs_of, paths_asked, print_outcome, refuse_inputs
from napari_tesm.cli.progress import progress_for
from napari_tesm.cli.volume.opening import levels_from_options, volume_to_read
from napari_tesm.files.texts import printable
from napari_tesm.io.gwy.saving import container_from_images
from napari_tesm.volumes.dataset import voxel_in_words, voxel_of
from napari_tesm.volumes.levels import Levels
from napari_tesm.volumes.surfaces import notes_of, nothing_lies_on, surfaces_of
from napari_tesm.volumes.thickness import Thickness, thickness_of_electrode
from napari_tesm.volumes.threshold_surfaces import surfaces_by_thresholds


def run_command(options: argparse.Namespace) -> int:
    """Find the surfaces; see ``tesm volume surfaces --help``."""
    thresholds = _thresholds(options.thresholds)
    for path in paths_asked(options).values():
        refuse_inputs(path, options.file)
    volume = volume_to_read(options)
    with outputs_of(options) as outputs:
        levels = levels_from_options(options, volume)
        progress = progress_for(options.progress)
        if thresholds is None:
            surfaces = surfaces_of(volume, levels, progress=progress)
        else:
            surfaces = surfaces_by_thresholds(volume, levels, thresholds, progress=progress)
        thickness = thickness_of_electrode(surfaces)
        content = _content(volume, levels, surfaces, thickness) | {"thresholds": thresholds}
        outputs.write_container(lambda: container_from_images(list(surfaces.data_vars.values())))
        outputs.write_json(content)
    print_outcome(options, content, _lines(volume, levels, surfaces, thickness))
    return 0


def _thresholds(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        electrode, collector = (float(word) for word in text.split(","))
    except ValueError:
        raise UsageError(
            f"--thresholds takes the attenuations of electrode and collector, like 0.03,0.5, not '{text}'"
        ) from None
    return electrode, collector


def _content(
    volume: xr.Dataset, levels: Levels, surfaces: xr.Dataset, thickness: Thickness
) -> dict[str, Any]:
    electrode = surfaces.attrs["electrode_level"]
    return {
        "voxel": list(voxel_of(volume)),
        "levels": {"air": levels.air, "collector": levels.collector, "electrode": electrode},
        "thickness": {
            key: value for key, value in asdict(thickness).items() if key in ("mean", "sd", "mean_error")
        }
        if thickness.known
        else None,
        "known": float(np.isfinite(surfaces["thickness"].values).mean()),
        "simulated": bool(volume.attrs.get("simulated", False)),
        "cut": surfaces.attrs["cut"] if surfaces.attrs["air"] else None,
        "notes": notes_of(volume, surfaces),
    }


def _lines(volume: xr.Dataset, levels: Levels, surfaces: xr.Dataset, thickness: Thickness) -> list[str]:
    electrode = surfaces.attrs["electrode_level"]
    lines = [f"Note: {note}" for note in notes_of(volume, surfaces)]
    if volume.attrs.get("simulated"):
        lines.append("Simulated volume")
    lines.append(f"Voxel: {voxel_in_words(voxel_of(volume))}")
    lines.append(f"Grey values: air {levels.air:.5g}, collector {levels.collector:.5g}")
    if nothing_lies_on(surfaces):
        lines.append("Nothing lies on the collector: no electrode was found.")
    elif electrode is not None and surfaces.attrs["air"]:
        share = (electrode - levels.air) / levels.contrast
        lines[-1] += f", electrode {electrode:.5g} ({100 * share:.2g} % of the contrast)"
    if not thickness.known:
        lines.append("Thickness: not known")
    elif electrode is not None:
        mean, sd, error = (
            f"{value * 1e6:.3f}" for value in (thickness.mean, thickness.sd, thickness.mean_error)
        )
        lines.append(f"Thickness: {mean} µm, ± {sd} µm over the field, standard error of the mean {error} µm")
    return [printable(line) for line in lines]
