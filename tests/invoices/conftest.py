"""Fixtures of invoices' tests."""

from tests.orders.conftest import paid_order

__all__ = ["paid_order"]
