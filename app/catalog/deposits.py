"""Deposit rates (押金): written from a day on, ended, taken back; what was asked keeps its own."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import repository
from app.catalog.errors import DepositRateTooEarly, PeriodInvalid, PeriodOver
from app.catalog.models import DepositKind, DepositRate
from app.catalog.repository import deposits
from app.catalog.service import ONE_DAY, period_of
from app.core.ids import new_id


@dataclass(frozen=True, slots=True)
class DepositNeed:
    """A deposit that products call for, in fen; `product_id` names the bottles' product."""

    kind: DepositKind
    product_id: UUID | None
    amount_fen: int


async def list_needs(
    session: AsyncSession, *, bottles: Mapping[UUID, int], box: bool, on: date
) -> list[DepositNeed]:
    """What products call for on a day, in fen; `bottles` says how many come at most at once.

    One box serves all that is brought to a door; without a rate of the day nothing is asked.
    """
    rates = await deposits.list_rates_on(session, product_ids=bottles, on=on)
    return [
        DepositNeed(kind, product_id, amount_fen * bottles.get(product_id, 0))
        if product_id is not None
        else DepositNeed(kind, None, amount_fen)
        for kind, product_id, amount_fen in sorted(rates, key=lambda one: (one[0], str(one[1])))
        if product_id is not None or box
    ]


async def needs_box(session: AsyncSession, *, product_ids: Collection[UUID]) -> bool:
    """Whether any of these products is left in a milk box."""
    return bool(await deposits.list_needing_box(session, product_ids))


async def add_rate(
    session: AsyncSession,
    *,
    kind: DepositKind,
    product_id: UUID | None,
    amount_fen: int,
    from_date: date,
    to_date: date | None,
    actor: str,
    now: datetime,
    today: date,
) -> DepositRate:
    """Ask so much (fen) for a box, or for each bottle of a product, the last day included.

    Raises DepositRateTooEarly, PeriodInvalid, ProductUnknown, DepositRateOverlap.
    """
    if from_date < today:
        raise DepositRateTooEarly
    if product_id is not None:
        await repository.get_product(session, product_id)
    rate = DepositRate(
        id=new_id(),
        kind=kind,
        product_id=product_id,
        amount_fen=amount_fen,
        valid=period_of(from_date, to_date),
        created_by=actor,
        created_at=now,
    )
    await deposits.add_rate(session, rate)
    return rate


async def end_rate(
    session: AsyncSession, *, rate_id: UUID, to_date: date, today: date
) -> DepositRate:
    """Give a rate another last day, today at the earliest.

    Raises DepositRateUnknown, PeriodInvalid, PeriodOver, DepositRateOverlap.
    """
    rate = await deposits.lock_rate(session, rate_id)
    first, until = rate.valid.lower, rate.valid.upper
    if to_date < today or (until is not None and until <= today):
        raise PeriodOver
    if first is not None and to_date < first:
        raise PeriodInvalid
    await deposits.set_period(session, rate, Range(first, to_date + ONE_DAY, bounds="[)"))
    return rate


async def drop_rate(session: AsyncSession, *, rate_id: UUID, today: date) -> None:
    """Take back a rate that has not begun; raises DepositRateUnknown, PeriodOver."""
    rate = await deposits.lock_rate(session, rate_id)
    if rate.valid.lower is None or rate.valid.lower <= today:
        raise PeriodOver
    await session.delete(rate)
    await session.flush()


async def list_rates(
    session: AsyncSession, *, on: date | None, limit: int, after: tuple[date, UUID] | None
) -> list[DepositRate]:
    """Rates that hold on a day, or all where `on` is None; the latest first."""
    return await deposits.list_rates(session, on=on, limit=limit, after=after)
