"""Files: one module per format; nothing here knows a screen."""
