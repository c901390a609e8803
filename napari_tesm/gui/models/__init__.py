"""What the workspace shows, without napari and Qt: every panel has a model here that tests drive without a screen."""
