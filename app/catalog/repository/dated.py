"""SQL of rows that hold for a period: discounts, promotions, deposit rates."""

from datetime import date
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.errors import (
    DepositRateOverlap,
    DepositRateUnknown,
    DiscountOverlap,
    DiscountUnknown,
    PromotionUnknown,
)
from app.catalog.models import DepositRate, PeriodDiscount, Promotion
from app.core.errors import Conflict, NotFound

Dated = TypeVar("Dated", PeriodDiscount, Promotion, DepositRate)

_EXCLUDED: Final = "23P01"
_UNKNOWN: Final[dict[type, type[NotFound]]] = {
    PeriodDiscount: DiscountUnknown,
    Promotion: PromotionUnknown,
    DepositRate: DepositRateUnknown,
}
_OVERLAP: Final[dict[type, type[Conflict]]] = {
    PeriodDiscount: DiscountOverlap,
    DepositRate: DepositRateOverlap,
}
"""Promotions may hold beside each other."""


async def list_rows(
    session: AsyncSession,
    table: type[Dated],
    *,
    on: date | None,
    limit: int,
    after: tuple[date, UUID] | None,
) -> list[Dated]:
    """Rows of a day or all of them, the latest first day first."""
    first = func.lower(table.valid)
    query = select(table).order_by(first.desc(), table.id.desc()).limit(limit)
    if on is not None:
        query = query.where(table.valid.contains(on))
    if after is not None:
        query = query.where(tuple_(first, table.id) < tuple_(*after))
    return list(await session.scalars(query))


async def lock_row(session: AsyncSession, table: type[Dated], row_id: UUID) -> Dated:
    """One row, locked; raises DiscountUnknown, PromotionUnknown, DepositRateUnknown."""
    found = await session.get(table, row_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise _UNKNOWN[table]
    return found


async def add_row(session: AsyncSession, row: Dated) -> None:
    """Insert a row; raises DiscountOverlap, DepositRateOverlap."""
    try:
        async with session.begin_nested():
            session.add(row)
    except DBAPIError as error:
        raise _said(row, error) from error


async def set_period(session: AsyncSession, row: Dated, period: Range[date]) -> None:
    """Give a row another period; raises DiscountOverlap, DepositRateOverlap."""
    try:
        async with session.begin_nested():
            row.valid = period
    except DBAPIError as error:
        raise _said(row, error) from error


def _said(row: PeriodDiscount | Promotion | DepositRate, error: DBAPIError) -> Exception:
    overlap = _OVERLAP.get(type(row))
    if overlap is None or getattr(error.orig, "sqlstate", None) != _EXCLUDED:
        return error
    return overlap()
