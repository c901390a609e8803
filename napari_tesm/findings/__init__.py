"""What a result says: its summary, controls, signal check, examples of fits, and the cell around it."""
