"""Where milk goes: cities, stations, blocks, coverage, who serves which door, days of the plan.

Calls `workforce`, `customers` and `core`.
"""
