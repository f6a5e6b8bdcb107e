"""All SQL of marketplaces, cut by noun."""
