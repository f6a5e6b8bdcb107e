"""All SQL of the workforce."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.workforce.errors import DelivererUnknown, StationOfDelivererUnknown
from app.workforce.models import Deliverer

FOREIGN_KEY_VIOLATION = "23503"


async def get_deliverer(
    session: AsyncSession, deliverer_id: UUID, *, lock: bool = False
) -> Deliverer:
    """One deliverer; raises DelivererUnknown."""
    deliverer = await session.get(
        Deliverer, deliverer_id, with_for_update=lock or None, populate_existing=lock
    )
    if deliverer is None:
        raise DelivererUnknown
    return deliverer


async def list_deliverers(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    is_active: bool | None,
    limit: int,
    after_employee_no: str | None,
) -> list[Deliverer]:
    """Deliverers by employee number."""
    query = select(Deliverer).order_by(Deliverer.employee_no).limit(limit)
    if station_id is not None:
        query = query.where(Deliverer.station_id == station_id)
    if is_active is not None:
        query = query.where(Deliverer.is_active.is_(is_active))
    if after_employee_no is not None:
        query = query.where(Deliverer.employee_no > after_employee_no)
    return list(await session.scalars(query))


async def list_called(session: AsyncSession, *, names: Collection[str]) -> list[Deliverer]:
    """Deliverers whose name or employee number is among `names`."""
    return list(
        await session.scalars(
            select(Deliverer).where(Deliverer.name.in_(names) | Deliverer.employee_no.in_(names))
        )
    )


async def add_deliverer(session: AsyncSession, deliverer: Deliverer) -> bool:
    """Insert a deliverer; false when the number is taken. Raises StationOfDelivererUnknown."""
    values = {
        column.key: getattr(deliverer, column.key) for column in Deliverer.__mapper__.column_attrs
    }
    try:
        async with session.begin_nested():
            added = await session.scalar(
                insert(Deliverer).values(values).on_conflict_do_nothing().returning(Deliverer.id)
            )
    except DBAPIError as error:
        raise_station_unknown(error)
        raise
    return added is not None


async def change_deliverer(
    session: AsyncSession, deliverer: Deliverer, changes: Mapping[str, Any]
) -> None:
    """Write changes of a deliverer; raises StationOfDelivererUnknown."""
    try:
        async with session.begin_nested():
            for field, value in changes.items():
                setattr(deliverer, field, value)
    except DBAPIError as error:
        raise_station_unknown(error)
        raise


def raise_station_unknown(error: DBAPIError) -> None:
    """Name the business fact behind a missing foreign key."""
    if getattr(error.orig, "sqlstate", None) == FOREIGN_KEY_VIOLATION:
        raise StationOfDelivererUnknown from error
