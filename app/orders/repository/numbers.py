"""Numbers that are unique over all customers, and the agreements in force."""

from collections.abc import Collection
from datetime import date
from typing import Final, cast
from uuid import UUID

from sqlalchemy import Table, bindparam, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.models import (
    Order,
    OrderAgreement,
    OrderHistory,
    OrderLine,
    OrderNumber,
)

_NUMBERS: Final = cast("Table", OrderNumber.__table__)
_AGREEMENTS: Final = cast("Table", OrderAgreement.__table__)
# What every order runs is built once, on tables: building it costs more than running it.
_CLAIM_NUMBER: Final = upsert(_NUMBERS).on_conflict_do_nothing().returning(_NUMBERS.c.number)
_CURRENT_VERSION: Final = (
    select(_AGREEMENTS.c.version)
    .where(_AGREEMENTS.c.effective_date <= bindparam("on"))
    .order_by(_AGREEMENTS.c.effective_date.desc(), _AGREEMENTS.c.version.desc())
    .limit(1)
)
_INSERT_ORDER: Final = insert(cast("Table", Order.__table__))
_INSERT_HISTORY: Final = insert(cast("Table", OrderHistory.__table__))
_INSERT_LINE: Final = insert(cast("Table", OrderLine.__table__))


async def claim_number(
    session: AsyncSession, number: str, *, customer_id: UUID, order_id: UUID
) -> bool:
    """Take a globally unique number for an order; false when it is taken."""
    claimed = await session.scalar(
        _CLAIM_NUMBER, {"number": number, "customer_id": customer_id, "order_id": order_id}
    )
    return claimed is not None


async def find_number(session: AsyncSession, number: str) -> tuple[UUID, UUID] | None:
    """(customer_id, order_id) of a number."""
    row = await session.get(OrderNumber, number)
    return None if row is None else (row.customer_id, row.order_id)


async def known_numbers(session: AsyncSession, numbers: Collection[str]) -> set[str]:
    """Those of the numbers that are taken."""
    found = await session.scalars(select(OrderNumber.number).where(OrderNumber.number.in_(numbers)))
    return set(found)


async def current_agreement(session: AsyncSession, *, on: date) -> OrderAgreement | None:
    """The agreement in force on a date."""
    found: OrderAgreement | None = await session.scalar(
        select(OrderAgreement)
        .where(OrderAgreement.effective_date <= on)
        .order_by(OrderAgreement.effective_date.desc(), OrderAgreement.version.desc())
        .limit(1)
    )
    return found
