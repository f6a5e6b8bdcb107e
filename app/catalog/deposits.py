"""Deposit rates (押金): written from a day on, ended, taken back; what was asked keeps its own."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog import repository
from app.catalog.errors import DepositRateTooEarly
from app.catalog.models import DepositKind, DepositRate
from app.catalog.repository import dated, deposits
from app.catalog.service import period_of
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
    await dated.add_row(session, rate)
    return rate
