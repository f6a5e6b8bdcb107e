"""All SQL of billing. Rows are locked parent before child, keys ascending."""
