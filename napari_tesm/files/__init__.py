"""Files as bytes: read piece by piece, replaced whole or not at all, read lazily; libraries that may be missing."""
