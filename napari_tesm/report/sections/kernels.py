"""Which kernel the traces of the main pulse support, and whether it describes them."""

import math
from dataclasses import replace
from typing import Final

from napari_tesm.data.dataset import thinned
from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.files.sentences import Sentence
from napari_tesm.model_choice.maps import KernelChoice, choice_of_kernels, with_averages
from napari_tesm.model_choice.votes import CLEAR, KernelVotes
from napari_tesm.plotting.kernel_choice import draw_kernel_choice
from napari_tesm.report.data import ReportData, ReportScan
from napari_tesm.report.section import ReportFigure, Section
from napari_tesm.scan.tables import table_of_votes

_MOST_TRACES: Final = 128 * 128
"""A map is thinned to as many: its kernel is known by then."""


def section_from_data(data: ReportData) -> Section | None:
    """Return the votes of the main pulse's traces; None where there are no traces to ask."""
    scan = data.main
    if scan.dataset is None:
        return None
    section = Section("kernels", "Which kernel the traces support")
    whole = scan.dataset.isel(pulse=[scan.main_pulse])
    step = max(1, math.ceil(math.sqrt(whole.sizes["y"] * whole.sizes["x"] / _MOST_TRACES)))
    dataset = thinned(whole, step)
    # The kernel of the maps plays no part in the question.
    recipe = replace(scan.recipe, kernel=Recipe().kernel, geometry=Recipe().geometry)
    try:
        evaluation = Evaluation.of(dataset, recipe)
        choice = with_averages(choice_of_kernels(evaluation), evaluation)
    except ValueError as error:
        return section.lacking(Sentence("Kernels cannot be compared: {error}.", error=error))
    votes = choice.votes[0]
    label = scan.labels[scan.main_pulse]
    section.paragraphs.append(votes.sentence())
    section.paragraphs.append(
        "All kernels were fitted to the same samples of every trace with a response, from the start of the pulse on. "
        f"AICc weighs how close they come against their parameters; a kernel is preferred clearly beyond {CLEAR:g}. It "
        "only ranks: whether the best one describes the traces is said by its misfit, the share of what it leaves over "
        "that all traces of one relaxation time have in common, which noise has not. The map of it shows where. Noise "
        "that is not white was measured, and residuals decorrelated before AICc was taken."
        + (f" Of this large map one pixel in {step**2} was asked." if step > 1 else "")
    )
    section.paragraphs += [average.sentence() for average in choice.averages_of(0)]
    used = scan.recipe.kernel
    if votes.is_doubtful:
        section.warnings.append(f"Which kernel: {votes.sentence()}")
    elif votes.judged and used != votes.recommended():
        section.warnings.append(
            f"D was taken with the kernel '{used}', and the traces support '{votes.recommended()}': "
            f"{_comparison(votes, used)}."
        )
    if votes.judged:
        section.figures.append(_figure(scan, choice, label))
        caption = (
            "AICc is that of all traces together, above the best kernel's; the noise counts as a parameter."
        )
        section.tables.append(replace(table_of_votes(votes), name="kernels", caption=caption))
    section.numbers |= {"scan": scan.name, "pulse": label, "every": step, **votes.to_dict()}
    section.numbers["diffusion"] = [average.to_dict() for average in choice.averages_of(0)]
    return section


def _comparison(votes: KernelVotes, used: str) -> str:
    if used not in votes.kernels:
        return "it was not among those compared"
    words = f"AICc of the map {votes.behind(used):.0f} larger"
    misfit = votes.misfit_share(used)
    return words if misfit is None else f"{words}, {100 * max(misfit, 0):.1f} % of its residuals are misfit"


def _figure(scan: ReportScan, choice: KernelChoice, label: str) -> ReportFigure:
    votes = choice.votes[0]
    return ReportFigure(
        "kernels",
        f"{scan.name}: kernel that describes each pixel best {label}, by how much its AICc is ahead, the misfit of "
        f"the kernel that the map supports, and the votes; n = {votes.judged} traces with a response, "
        f"{votes.left_out} without a vote are grey.",
        lambda figure: draw_kernel_choice(figure, choice, in_words=False),
        (12.6, 3.2),
    )
