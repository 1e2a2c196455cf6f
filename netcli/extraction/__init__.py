"""Features of trained nets: what a blob holds for each item of a set, and the files that keep it."""
