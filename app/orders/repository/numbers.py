"""Numbers that are unique over all customers, and the agreements in force."""

from collections.abc import Collection
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import fetch
from app.orders.models import Order, OrderAgreement, OrderNumber

_CLAIM_NUMBER: Final = """
INSERT INTO order_numbers (number, customer_id, order_id) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING RETURNING number
"""
_CURRENT_VERSION: Final = """
SELECT version FROM order_agreements WHERE effective_date <= $1
ORDER BY effective_date DESC, version DESC LIMIT 1
"""


async def claim_number(
    session: AsyncSession, number: str, *, customer_id: UUID, order_id: UUID
) -> bool:
    """Take a globally unique number for an order; false when it is taken."""
    return bool(await fetch(session, _CLAIM_NUMBER, number, customer_id, order_id))


async def find_number(session: AsyncSession, number: str) -> tuple[UUID, UUID] | None:
    """(customer_id, order_id) of a number."""
    row = await session.get(OrderNumber, number)
    return None if row is None else (row.customer_id, row.order_id)


async def read_order_numbers(
    session: AsyncSession, keys: Collection[tuple[UUID, UUID]]
) -> dict[UUID, str]:
    """Our short numbers by order, of `(customer_id, order_id)`; what is no order is left out."""
    if not keys:
        return {}
    rows = await session.execute(
        select(Order.order_id, Order.order_no).where(
            tuple_(Order.customer_id, Order.order_id).in_(keys)
        )
    )
    return {row.order_id: row.order_no for row in rows}


async def known_numbers(session: AsyncSession, numbers: Collection[str]) -> set[str]:
    """Those of the numbers that are taken."""
    found = await session.scalars(select(OrderNumber.number).where(OrderNumber.number.in_(numbers)))
    return set(found)


async def current_version(session: AsyncSession, *, on: date) -> str | None:
    """The version of the agreement in force on a date."""
    found = await fetch(session, _CURRENT_VERSION, on)
    return found[0]["version"] if found else None


async def current_agreement(session: AsyncSession, *, on: date) -> OrderAgreement | None:
    """The agreement in force on a date."""
    found: OrderAgreement | None = await session.scalar(
        select(OrderAgreement)
        .where(OrderAgreement.effective_date <= on)
        .order_by(OrderAgreement.effective_date.desc(), OrderAgreement.version.desc())
        .limit(1)
    )
    return found
