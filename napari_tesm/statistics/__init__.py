"""Values of a map described; regions or maps compared, whose neighbouring pixels are no independent values."""
