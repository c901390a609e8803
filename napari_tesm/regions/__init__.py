"""Which parts of an image are looked at: shapes, what is measured in them, profiles, and steps found by themselves."""
