"""Tickets with a 24-hour clock, compensation, return visits and satisfaction (S1 4.5, 5.2.8).

Calls `delivery` and below.
"""
