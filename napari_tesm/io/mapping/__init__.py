"""What is what in a file that does not say it: the mapping, its text, its proposal, and the traces it gives."""
