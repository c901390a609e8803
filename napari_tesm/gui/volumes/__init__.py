"""The napari widget *Electrode volume*: volumes opened, their surfaces found and looked at, several states together."""
