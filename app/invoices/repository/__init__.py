"""All SQL of invoices, cut by noun."""
