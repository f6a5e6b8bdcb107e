"""Use cases of the workforce: deliverers and the station they work from."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.workforce import repository
from app.workforce.errors import EmployeeNumberTaken
from app.workforce.models import Deliverer


async def create_deliverer(
    session: AsyncSession,
    *,
    employee_no: str,
    name: str,
    station_id: UUID | None,
    now: datetime,
) -> Deliverer:
    """Add a deliverer; raises EmployeeNumberTaken, StationOfDelivererUnknown (S1 4.4.1)."""
    deliverer = Deliverer(
        id=new_id(),
        employee_no=employee_no,
        name=name,
        station_id=station_id,
        is_active=True,
        created_at=now,
    )
    if not await repository.add_deliverer(session, deliverer):
        raise EmployeeNumberTaken(employee_no=employee_no)
    return deliverer


async def get_deliverer(session: AsyncSession, *, deliverer_id: UUID) -> Deliverer:
    """One deliverer; raises DelivererUnknown."""
    return await repository.get_deliverer(session, deliverer_id)


async def list_deliverers(
    session: AsyncSession,
    *,
    station_id: UUID | None = None,
    is_active: bool | None = None,
    limit: int = 1000,
    after_employee_no: str | None = None,
) -> list[Deliverer]:
    """Deliverers by employee number, of one station or of all."""
    return await repository.list_deliverers(
        session,
        station_id=station_id,
        is_active=is_active,
        limit=limit,
        after_employee_no=after_employee_no,
    )


async def change_deliverer(
    session: AsyncSession, *, deliverer_id: UUID, changes: dict[str, Any]
) -> Deliverer:
    """Change what `changes` names; raises DelivererUnknown, StationOfDelivererUnknown."""
    deliverer = await repository.get_deliverer(session, deliverer_id, lock=True)
    await repository.change_deliverer(session, deliverer, changes)
    return deliverer


async def match_deliverers(
    session: AsyncSession, *, names: Collection[str]
) -> dict[str, tuple[UUID, ...]]:
    """Deliverers behind written names or employee numbers; several where a name is shared."""
    found: dict[str, set[UUID]] = defaultdict(set)
    for deliverer in await repository.list_called(session, names=names):
        found[deliverer.name].add(deliverer.id)
        found[deliverer.employee_no].add(deliverer.id)
    return {name: tuple(sorted(found.get(name, ()))) for name in set(names)}
