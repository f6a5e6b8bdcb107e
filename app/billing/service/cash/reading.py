"""Where cash stands, as finance, stations and auditors read it (S1 5.2.7)."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.repository import standing as rows
from app.billing.repository.standing import (
    After,
    CustomerStanding,
    DelivererStanding,
    StationStanding,
)


async def list_deliverer_standing(
    session: AsyncSession, *, station_id: UUID | None, today: date, after: After | None, limit: int
) -> list[DelivererStanding]:
    """Each deliverer's cash, most first: collected + float - handed in - paid out - short = held."""
    return await rows.list_deliverers(
        session, station_id=station_id, today=today, after=after, limit=limit
    )


async def list_station_standing(
    session: AsyncSession, *, station_id: UUID | None, today: date, after: After | None, limit: int
) -> list[StationStanding]:
    """Each station's cash, most first: what came in less what left it is held."""
    return await rows.list_stations(
        session, station_id=station_id, today=today, after=after, limit=limit
    )


async def list_customer_standing(
    session: AsyncSession, *, station_id: UUID | None, today: date, after: After | None, limit: int
) -> list[CustomerStanding]:
    """Whose cash is still in a deliverer's hand, most first; oldest money is handed in first."""
    return await rows.list_customers(
        session, station_id=station_id, today=today, after=after, limit=limit
    )


async def list_kept_cash(
    session: AsyncSession, *, stations: Collection[UUID], first: date, last: date
) -> list[tuple[UUID, date, int]]:
    """Station, date and fen of cash taken at doors that reached neither bank nor office on those days."""
    return await rows.list_kept(session, stations=stations, first=first, last=last)
