"""The Gwyddion module on this computer: built, put where Gwyddion looks for it, checked, taken away again."""

from napari_tesm.gwyddion_install.building import OtherSystemError
from napari_tesm.gwyddion_install.installation import Installed, install, uninstall
from napari_tesm.gwyddion_install.programs import MADE_FOR
from napari_tesm.gwyddion_install.status import Status, status

__all__ = ["MADE_FOR", "Installed", "OtherSystemError", "Status", "install", "status", "uninstall"]
