"""Text with numbers in it, as every program can write it: tables, LabVIEW's .lvm, and folders of them."""

from napari_tesm.io.text.content import content_from_text, is_text
from napari_tesm.io.text.folder import content_from_text_folder, is_text_folder

__all__ = ["content_from_text", "content_from_text_folder", "is_text", "is_text_folder"]
