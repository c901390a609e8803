"""The noise of an instrument as it is: what it is made of, and what follows for errors and gates."""
