"""Findings and their history in SQL."""

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.kpi.errors import FindingUnknown
from app.kpi.models import KpiFinding, KpiFindingEvent
from app.kpi.states import FINDING_MOVES, FindingState

RUNNING = [state for state in FindingState if not FINDING_MOVES.is_final(state)]


async def find_running(
    session: AsyncSession, *, key: str, scope: str, first: date, last: date
) -> KpiFinding | None:
    """The finding of a KPI, scope and period that is not closed."""
    found: KpiFinding | None = await session.scalar(
        select(KpiFinding).where(
            KpiFinding.key == key,
            KpiFinding.scope == scope,
            KpiFinding.first_date == first,
            KpiFinding.last_date == last,
            KpiFinding.state.in_(RUNNING),
        )
    )
    return found


async def list_running(
    session: AsyncSession, *, scope: str, first: date, last: date
) -> list[KpiFinding]:
    """Findings of a scope and period that are not closed."""
    found = await session.scalars(
        select(KpiFinding)
        .where(
            KpiFinding.scope == scope,
            KpiFinding.first_date == first,
            KpiFinding.last_date == last,
            KpiFinding.state.in_(RUNNING),
        )
        .order_by(KpiFinding.key)
    )
    return list(found)


async def get_finding(
    session: AsyncSession, finding_id: UUID, *, station_id: UUID | None, lock: bool = False
) -> KpiFinding:
    """One finding; raises FindingUnknown, also for one outside of the caller's station."""
    found = await session.get(
        KpiFinding, finding_id, with_for_update=lock or None, populate_existing=lock
    )
    if found is None or station_id not in {None, found.station_id}:
        raise FindingUnknown
    return found


async def list_findings(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    key: str | None,
    scope: str | None,
    states: Collection[FindingState],
    limit: int,
    after: tuple[datetime, UUID] | None,
) -> list[KpiFinding]:
    """Findings, the newest first."""
    query = select(KpiFinding).order_by(KpiFinding.created_at.desc(), KpiFinding.id.desc())
    if station_id is not None:
        query = query.where(KpiFinding.station_id == station_id)
    if key is not None:
        query = query.where(KpiFinding.key == key)
    if scope is not None:
        query = query.where(KpiFinding.scope == scope)
    if states:
        query = query.where(KpiFinding.state.in_(states))
    if after is not None:
        query = query.where(tuple_(KpiFinding.created_at, KpiFinding.id) < after)
    return list(await session.scalars(query.limit(limit)))


async def list_events(session: AsyncSession, finding_id: UUID) -> list[KpiFindingEvent]:
    """The history of a finding, from its beginning."""
    rows = await session.scalars(
        select(KpiFindingEvent)
        .where(KpiFindingEvent.finding_id == finding_id)
        .order_by(KpiFindingEvent.at, KpiFindingEvent.id)
    )
    return list(rows)
