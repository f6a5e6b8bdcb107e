"""All SQL of KPIs: one aggregate per KPI, and the rows behind it. One module per kind of row."""
