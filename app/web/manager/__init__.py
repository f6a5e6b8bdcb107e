"""The manager's pages: the morning live, the eight KPIs to their rows, findings, closed months."""
