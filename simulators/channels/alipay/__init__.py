"""Alipay: the gateway, trades, refunds, notifications, and a cashier page.

Gateway protocol with RSA2 keys; sources are in the modules that use them.
"""
