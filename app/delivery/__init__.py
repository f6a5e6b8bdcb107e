"""The morning: daily plan, route sheets, picking totals, confirmations from deliverers' phones.

Calls `orders` and below.
"""
