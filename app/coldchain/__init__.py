"""Temperatures as evidence: stores, vehicles, devices, readings, trips and their checks (S1 4.4).

Calls `network` and below.
"""
