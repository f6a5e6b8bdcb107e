"""The demo city: Shanghai's districts and streets, made-up compounds and people, 30 days of history.

Writes through the product's own tables and keys; deterministic by seed.
"""
