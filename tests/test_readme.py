"""What the documents print of the shipped sample is what the command prints."""

import re
from pathlib import Path

import numpy as np
import pytest

from napari_tesm import fit, open_dataset, save
from napari_tesm.cli import main
from napari_tesm.regions.shapes import Region
from napari_tesm.regions.step_proposals import steps_from_images

ROOT = Path(__file__).parents[1]


def regions_of_sample(dataset):
    """Return the leftmost step that is found, and a grain beside it."""
    steps = steps_from_images(
        dataset["topography"], dataset["deflection_error"], x=dataset["x"], y=dataset["y"]
    )
    left = min(steps, key=lambda region: np.mean([x for x, _ in region.vertices]))
    corners = ((20e-9, 110e-9), (95e-9, 110e-9), (95e-9, 190e-9), (20e-9, 190e-9))
    grain = Region("rectangle", corners, "grain A", "grain")
    return [Region(left.kind, left.vertices, "left step", "step", left.width), grain]


@pytest.mark.slow
def test_the_table_of_regions_is_that_of_the_command(tmp_path, capsys):
    dataset = open_dataset(ROOT / "sample_data" / "si_c_step.gwy")
    out = tmp_path / "scan_D.gwy"
    save(out, dataset, fit(dataset, tip_radius="25 nm"), regions=regions_of_sample(dataset))
    assert main(["regions", str(out)]) == 0
    printed = capsys.readouterr().out
    (block,) = re.findall(
        r"```\n(D2 \(-3 V\) in.*?)```", (ROOT / "docs" / "command_line.md").read_text("utf-8"), re.DOTALL
    )
    assert block.strip() in printed
