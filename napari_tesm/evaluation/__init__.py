"""How do traces become maps: the recipe, what it comes to for a dataset, and the run over all pixels."""
