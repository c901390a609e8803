"""What lies on napari's canvas: layers of scans, results, regions and grains, kept in step with the models."""
