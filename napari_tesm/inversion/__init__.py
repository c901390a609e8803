"""What is D(x, y) itself, where ions diffuse between pixels during a pulse: one inversion of all traces of a map."""
