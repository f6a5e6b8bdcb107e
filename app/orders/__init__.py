"""Orders from quote to end: life cycle, lines and terms, review, changes, the paper book.

Calls `billing`, `network`, `catalog`, `customers` and `notifications`; reacts to billing's events.
"""
