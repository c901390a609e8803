"""A window with a page of the documentation, opened by the ? of the workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import (
    QColor,
    QDesktopServices,
    QImageReader,
    QKeySequence,
    QPalette,
    QTextCursor,
    QTextDocument,
)
from qtpy.QtWidgets import QHBoxLayout, QShortcut, QTextBrowser, QVBoxLayout, QWidget

from napari_tesm.gui.help_pages import PAGES, anchor_of, folder_of_pages, page_text
from napari_tesm.gui.panels.widgets import button, laid_out
from napari_tesm.gui.saying import say

_SIZE: Final = (760, 820)
_HOME: Final = "napari.md"
_DARK: Final = 128
_LINKS: Final = {True: "#7ab8ff", False: "#0b57d0"}
"""On dark and on light: 4.5 to 1 against the theme at least."""
_PICTURES: Final = 700
"""Pixels that a picture is wide at most."""


class HelpWindow(QWidget):
    """Pages of the documentation, with links followed from one to the other.

    Parameters
    ----------
    parent : QWidget
        Whose window it lies above.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle("t-ESM help")
        self.resize(*_SIZE)
        self.browser = QTextBrowser()
        self.browser.setOpenLinks(False)
        self.browser.anchorClicked.connect(self._follow)
        self._shown: list[str] = []
        self.back_button = button("Back", "The page before", self.go_back)
        self.home_button = button("Contents", "What napari says and does", lambda: self.show_page(_HOME))
        laid_out(
            QVBoxLayout(self), laid_out(QHBoxLayout(), self.back_button, self.home_button, None), self.browser
        )
        QShortcut(QKeySequence(QKeySequence.StandardKey.Cancel), self, self.close)

    def show_page(self, link: str) -> bool:
        """Show a page, at a heading where the link names one; return whether it is there."""
        name, _, anchor = link.partition("#")
        folder = folder_of_pages()
        path = None if folder is None else folder / name
        if path is None or not path.is_file():
            return False
        self._fill(path, anchor)
        self._shown.append(link)
        self.back_button.setEnabled(len(self._shown) > 1)
        self.show()
        self.raise_()
        self.activateWindow()
        return True

    def go_back(self) -> None:
        """Show the page before."""
        if len(self._shown) > 1:
            self._shown.pop()
            self.show_page(self._shown.pop())

    def _fill(self, path: Path, anchor: str) -> None:
        document = self.browser.document()
        document.setBaseUrl(QUrl.fromLocalFile(f"{path.parent}/"))
        document.setMarkdown(page_text(path), QTextDocument.MarkdownFeature.MarkdownDialectGitHub)
        self._dress(path.parent)
        block = document.begin()
        while block.isValid() and anchor:
            if block.blockFormat().headingLevel() and anchor_of(block.text()) == anchor:
                # The end first, so that the heading then comes to lie at the top.
                self.browser.moveCursor(QTextCursor.MoveOperation.End)
                self.browser.setTextCursor(QTextCursor(block))
                return
            block = block.next()
        self.browser.moveCursor(QTextCursor.MoveOperation.Start)

    def _dress(self, folder: Path) -> None:
        """Give links a colour that is read on this background, and pictures a width that the window has."""
        dark = self.browser.palette().color(QPalette.ColorRole.Base).lightness() < _DARK
        colour = QColor(_LINKS[dark])
        block = self.browser.document().begin()
        while block.isValid():
            pieces = []
            place = block.begin()
            while not place.atEnd():
                pieces.append(place.fragment())
                place += 1
            for piece in pieces:
                kind = piece.charFormat()
                if (image := kind.toImageFormat()).isValid():
                    image.setWidth(min(QImageReader(str(folder / image.name())).size().width(), _PICTURES))
                    kind = image
                elif kind.isAnchor():
                    kind.setForeground(colour)
                else:
                    continue
                cursor = QTextCursor(self.browser.document())
                cursor.setPosition(piece.position())
                cursor.setPosition(piece.position() + piece.length(), QTextCursor.MoveMode.KeepAnchor)
                cursor.setCharFormat(kind)
            block = block.next()

    def _follow(self, url: QUrl) -> None:
        link = url.toString()
        if url.scheme() in ("http", "https"):
            QDesktopServices.openUrl(url)
        elif link.startswith("#"):
            page = self._shown[-1].partition("#")[0]
            self.show_page(f"{page}{link}")
        elif not self.show_page(link.removeprefix(f"{url.scheme()}:")):
            say(f"{link.rpartition('/')[2]} does not travel with the package: it is in the repository.")


def open_help(parent: QWidget, title: str) -> None:
    """Open the page about a tab, in the one help window of a widget."""
    found = parent.findChildren(HelpWindow)
    window = found[0] if found else HelpWindow(parent)
    if not window.show_page(PAGES.get(title, _HOME)):
        say("The pages of help are not there: install the package anew, with its docs.", warning=True)
