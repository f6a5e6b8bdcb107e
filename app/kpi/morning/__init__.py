"""The morning as it happens: how far every block is, where 07:00 is at risk, live to its viewers."""
