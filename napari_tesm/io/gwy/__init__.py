"""The ``.gwy`` format of Gwyddion: its bytes (mapped reading, streaming writing) and its objects."""
