"""Dealers, their stations and terms in SQL."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.network.errors import DealerUnknown
from app.network.models import Dealer, DealerStation, DealerTerm, Station
from app.network.repository.dated import to_range
from app.network.rules import Period


async def get_dealer(session: AsyncSession, dealer_id: UUID) -> Dealer:
    """One dealer; raises DealerUnknown."""
    dealer = await session.get(Dealer, dealer_id)
    if dealer is None:
        raise DealerUnknown
    return dealer


async def lock_dealers(session: AsyncSession, dealer_ids: Collection[UUID]) -> list[Dealer]:
    """Dealers under their row locks, ids ascending; raises DealerUnknown."""
    found = await session.scalars(
        select(Dealer)
        .where(Dealer.id.in_(dealer_ids))
        .order_by(Dealer.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    dealers = list(found)
    if len(dealers) != len(set(dealer_ids)):
        raise DealerUnknown
    return dealers


async def list_dealers(
    session: AsyncSession, *, is_active: bool | None, after_code: str | None, limit: int
) -> list[Dealer]:
    """Dealers by code."""
    query = select(Dealer)
    if is_active is not None:
        query = query.where(Dealer.is_active == is_active)
    if after_code is not None:
        query = query.where(Dealer.code > after_code)
    return list(await session.scalars(query.order_by(Dealer.code).limit(limit)))


async def list_holdings(
    session: AsyncSession, *, station_id: UUID, period: Period
) -> list[DealerStation]:
    """Whose a station is on the days of a period, oldest first."""
    found = await session.scalars(
        select(DealerStation)
        .where(
            DealerStation.station_id == station_id, DealerStation.valid.overlaps(to_range(period))
        )
        .order_by(DealerStation.valid)
    )
    return list(found)


async def list_stations(
    session: AsyncSession, *, dealer_id: UUID
) -> list[tuple[DealerStation, Station]]:
    """Stations a dealer had, has and will have, by code and time."""
    rows = await session.execute(
        select(DealerStation, Station)
        .join(Station, Station.id == DealerStation.station_id)
        .where(DealerStation.dealer_id == dealer_id)
        .order_by(Station.code, DealerStation.valid)
    )
    return [(row[0], row[1]) for row in rows]


async def list_terms(session: AsyncSession, *, dealer_id: UUID) -> list[DealerTerm]:
    """A dealer's terms, oldest first."""
    found = await session.scalars(
        select(DealerTerm)
        .where(DealerTerm.dealer_id == dealer_id)
        .order_by(DealerTerm.valid_from)
        .execution_options(populate_existing=True)
    )
    return list(found)


async def put_term(session: AsyncSession, term: DealerTerm) -> None:
    """Write a dealer's term of a date, over one of the same date."""
    values = {
        column.key: getattr(term, column.key) for column in DealerTerm.__mapper__.column_attrs
    }
    statement = insert(DealerTerm).values(values)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[DealerTerm.dealer_id, DealerTerm.valid_from],
            set_={key: statement.excluded[key] for key in values},
        )
    )


def first_day(row: DealerStation, period: Period) -> date:
    """The first day a holding and a period share; the caller knows that they overlap."""
    starts = [day for day in (row.valid.lower, period.first) if day is not None]
    return max(starts, default=date.min)
