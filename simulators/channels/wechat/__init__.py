"""WeChat Pay API v3 as the platform speaks it: orders, refunds, bills, notifications.

Owns the platform's side only: its keys, its books and its view of one demo merchant.
"""
