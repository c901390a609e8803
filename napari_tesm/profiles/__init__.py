"""Profiles across steps: values along a drawn line, and the width of the step in them."""

from napari_tesm.profiles.sampling import Profile, profile_along, profiles_along
from napari_tesm.profiles.widths import Kind, StepWidth, width_from_profile

__all__ = ["Kind", "Profile", "StepWidth", "profile_along", "profiles_along", "width_from_profile"]
