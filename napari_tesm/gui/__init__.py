"""The napari plugin: the only room that imports napari, Qt or magicgui."""
