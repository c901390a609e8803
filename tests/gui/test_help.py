"""The ? of the workspace: the page about the tab that is seen, from files that travel with the package."""

import re
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("qtpy")
from napari_tesm.gui import help_pages
from napari_tesm.gui.help_pages import PAGES, anchor_of, folder_of_pages, page_text

ROOT = Path(__file__).parents[2]


def test_every_tab_has_a_page_and_its_heading():
    from napari_tesm.gui.panels.workspace import _TABS

    assert {title for title, _ in _TABS} <= PAGES.keys()
    for link in PAGES.values():
        name, _, anchor = link.partition("#")
        text = page_text(folder_of_pages() / name)
        headings = {anchor_of(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        assert not anchor or anchor in headings, link


def test_pages_that_travel_lead_to_such_that_do():
    said = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = said["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    travelling = {Path(name).name for name in included if name.endswith(".md")}
    assert {link.partition("#")[0] for link in PAGES.values()} <= travelling
    at_home = {"architecture.md", "index.md"}
    for name in travelling:
        links = re.findall(r"\]\(([\w/.]+\.md)", (ROOT / "docs" / name).read_text("utf-8"))
        assert {link for link in links if not link.startswith("..")} - travelling <= at_home, name


def test_what_is_for_the_site_alone_is_left_out(tmp_path):
    page = tmp_path / "p.md"
    page.write_text("---\nnosearch: true\n---\n# Title\n\n```{toctree}\na\n```\n\n```sh\ntesm\n```\n")
    assert page_text(page) == "# Title\n\n\n```sh\ntesm\n```\n"


def test_the_page_of_the_tab_is_opened_and_links_are_followed(viewer, qtbot, monkeypatch):
    from qtpy.QtCore import Qt, QUrl

    from napari_tesm.gui.dock import open_workspace
    from napari_tesm.gui.panels.help_window import HelpWindow

    workspace = open_workspace(viewer)
    workspace.tabs.setCurrentIndex([workspace.tabs.tabText(n) for n in range(8)].index("Grains"))
    qtbot.mouseClick(workspace.help_button, Qt.MouseButton.LeftButton)
    (window,) = workspace.findChildren(HelpWindow)
    shown = window.browser.toPlainText()
    assert shown.startswith("Grains and their boundaries")
    assert "```" not in shown
    workspace.tabs.setCurrentIndex(0)
    workspace.explain()
    assert workspace.findChildren(HelpWindow) == [window]
    assert window.browser.textCursor().block().text() == "Several scans"
    window.browser.anchorClicked.emit(QUrl("kernels.md#the-wrong-kernel"))
    assert window.browser.textCursor().block().text() == "The wrong kernel"
    window.go_back()
    assert window.browser.textCursor().block().text() == "Several scans"
    monkeypatch.setattr(help_pages, "PACKAGE", Path("/nowhere/p"))
    assert not window.show_page("kernels.md")
