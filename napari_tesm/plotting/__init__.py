"""Functions that draw on a given matplotlib figure or axes; used by the command line and the GUI alike."""
