"""What rows that hold for a period share: listed, ended, taken back before they begin."""

from datetime import date
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.errors import PeriodInvalid, PeriodOver
from app.catalog.repository import dated
from app.catalog.repository.dated import Dated
from app.catalog.service import ONE_DAY


async def list_rows(
    session: AsyncSession,
    table: type[Dated],
    *,
    on: date | None,
    limit: int,
    after: tuple[date, UUID] | None,
) -> list[Dated]:
    """Rows that hold on a day, or all where `on` is None; the latest first."""
    return await dated.list_rows(session, table, on=on, limit=limit, after=after)


async def end_row(
    session: AsyncSession, table: type[Dated], *, row_id: UUID, to_date: date, today: date
) -> Dated:
    """Give a row another last day, today at the earliest.

    Raises DiscountUnknown, PromotionUnknown, DepositRateUnknown, PeriodInvalid, PeriodOver (past,
    or a last day in the past), DiscountOverlap, DepositRateOverlap.
    """
    row = await dated.lock_row(session, table, row_id)
    first, until = row.valid.lower, row.valid.upper
    if to_date < today or (until is not None and until <= today):
        raise PeriodOver
    if first is not None and to_date < first:
        raise PeriodInvalid
    await dated.set_period(session, row, Range(first, to_date + ONE_DAY, bounds="[)"))
    return row


async def drop_row(session: AsyncSession, table: type[Dated], *, row_id: UUID, today: date) -> None:
    """Take back a row that has not begun; raises PeriodOver, and when it is unknown as `end_row`."""
    row = await dated.lock_row(session, table, row_id)
    if row.valid.lower is None or row.valid.lower <= today:
        raise PeriodOver
    await session.delete(row)
    await session.flush()
