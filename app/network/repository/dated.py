"""Dated rows that replace each other: cut-offs of a station, deliverers of a block, dealers."""

from datetime import date
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.core.ids import new_id
from app.network.models import BlockDeliverer, DealerStation, StationCutoff
from app.network.rules import Period

Dated = TypeVar("Dated", StationCutoff, BlockDeliverer, DealerStation)


def to_range(period: Period) -> Range[date]:
    """A period as the database keeps it."""
    return Range(period.first, period.until, bounds="[)")


def to_period(stored: Range[date]) -> Period:
    """A stored range as a period."""
    return Period(stored.lower, stored.upper)


async def cut_out(
    session: AsyncSession,
    model: type[Dated],
    owner: InstrumentedAttribute[UUID],
    owner_id: UUID,
    taken: Period,
) -> None:
    """Take the days of `taken` from the owner's rows; the owner's row is locked by the caller."""
    rows = await session.scalars(
        select(model)
        .where(owner == owner_id, model.valid.overlaps(to_range(taken)))
        .order_by(model.valid)
        .with_for_update()
    )
    for row in rows.all():
        left = to_period(row.valid).without(taken)
        if not left:
            await session.delete(row)
        else:
            row.valid = to_range(left[0])
        await session.flush()
        session.add_all(_copy(row, piece) for piece in left[1:])
        await session.flush()


def _copy(row: Dated, period: Period) -> Dated:
    values = {column.key: getattr(row, column.key) for column in type(row).__mapper__.column_attrs}
    return type(row)(**values | {"id": new_id(), "valid": to_range(period)})
