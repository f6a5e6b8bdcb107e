"""All SQL of delivery, cut by noun."""
