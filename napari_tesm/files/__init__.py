"""Files as bytes: mapped, replaced whole or not at all, read lazily; libraries that may be missing."""
