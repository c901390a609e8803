"""Data of reports for tests: a small simulated scan of both polarities, fitted once.

It is pulled to one and a half times its width, so that its pixels are 9 nm wide and 6 nm high.
"""

from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import numpy as np
from examples import CORNER

from napari_tesm.evaluation.evaluation import Evaluation
from napari_tesm.evaluation.recipe import Recipe
from napari_tesm.interface import fit
from napari_tesm.report.choices import choose_examples
from napari_tesm.report.data import InputFile, ReportData, ReportScan
from napari_tesm.simulation import simulate
from napari_tesm.simulation.scene import STEP_ANGLE

STRETCH = 1.5
WIDER = 1 / np.hypot(np.sin(STEP_ANGLE) / STRETCH, np.cos(STEP_ANGLE))
"""By how much distances from the step, which lies aslant, and its width grow with it."""
RECIPE = Recipe(tip_radius=25e-9, tip_radius_error=2e-9)


@cache
def simulation(size=(40, 32)):
    simulated = simulate(size=size, samples=100, seed=1)
    truth = simulated.truth.assign(distance=simulated.truth["distance"] * WIDER)
    return replace(simulated, dataset=_on_its_place(simulated.dataset), truth=_on_its_place(truth))


def _on_its_place(dataset):
    """Return a dataset with wider pixels, the corner of the image at `CORNER`."""
    moved = {
        "y": dataset["y"].copy(data=dataset["y"].values + CORNER[0]),
        "x": dataset["x"].copy(data=dataset["x"].values * STRETCH + CORNER[1]),
    }
    return dataset.assign_coords(moved)


@cache
def fitted(recipe=RECIPE, size=(40, 32)):
    dataset = Evaluation.of(simulation(size).dataset, recipe).dataset
    return dataset, fit(dataset, recipe=recipe)


def example_scan(recipe=RECIPE, *, pulses=(0, 1), without=(), **properties):
    """Return a scan of some of the two pulses (+3 V, -3 V), some of its images left out."""
    dataset, maps = fitted(recipe)
    dataset, maps = dataset.isel(pulse=list(pulses)), maps.isel(pulse=list(pulses))
    channels = [one for one in dataset.data_vars.values() if one.dims == ("y", "x")]
    return ReportScan(
        properties.pop("label", "scan"), dataset,
        [one for one in channels if one.attrs["long_name"] not in without],
        file=InputFile("scan.gwy", "ab" * 32), maps=maps, recipe=recipe, **properties,
    )  # fmt: skip


def example_data(*scans, chosen=True, **properties):
    """Return the data of a report on some scans, by default on one."""
    members = list(scans) or [example_scan()]
    if chosen:
        for scan in members:
            choose_examples(scan)
    files = [scan.file for scan in members]
    return ReportData(members, recipe=members[0].recipe, files=files, **properties)


class StrictPage(HTMLParser):
    """Read a page and refuse what a validator refuses: open elements, double ids, links to nowhere, requests."""

    VOID = frozenset({"meta", "link", "img", "br", "hr"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.targets, self.elements, self.words = [], [], [], [], []

    @classmethod
    def of(cls, text):
        page = cls()
        page.feed(text)
        page.close()
        assert text.startswith("<!DOCTYPE html>")
        assert not page.open, f"never closed: {page.open}"
        assert len(page.ids) == len(set(page.ids))
        assert set(page.targets) <= set(page.ids)
        return page

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        assert len(named) == len(attrs), f"an attribute of <{tag}> is there twice"
        self.elements.append((tag, named))
        assert tag not in {"script", "iframe", "object", "embed", "form"}
        assert not any(name.startswith("on") for name in named)
        for name in ("src", "href", "srcset", "poster"):
            where = named.get(name, "")
            assert where.startswith(("#", "data:")) or not where, f"<{tag}> asks for {where}"
            if where.startswith("#"):
                self.targets.append(where[1:])
        if "id" in named:
            self.ids.append(named["id"])
        if tag == "img":
            assert named["alt"]
            assert int(named["width"]) > 0
            assert int(named["height"]) > 0
        if tag == "p":
            assert "p" not in self.open
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> without a beginning"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)
        else:
            assert "url(" not in data
            assert "@import" not in data

    def count(self, tag):
        return sum(name == tag for name, _ in self.elements)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def finite(values):
    """Return the finite values of an array."""
    numbers = np.asarray(values, dtype=float)
    return numbers[np.isfinite(numbers)]
