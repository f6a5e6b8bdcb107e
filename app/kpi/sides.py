"""Counts that stand beside the morning: tickets that wait (S1 4.5.2)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import Ticket
from app.aftersales.states import RUNNING
from app.kpi.repository.places import in_scope
from app.kpi.scopes import Scope


@dataclass(frozen=True, slots=True)
class Waiting:
    """Tickets that are not handled yet, and those of them past their time."""

    tickets: int
    overdue: int


async def count_waiting(session: AsyncSession, *, scope: Scope, now: datetime) -> Waiting:
    """Tickets of a scope that still wait at `now`."""
    row = (
        await session.execute(
            select(func.count(), func.count().filter(Ticket.due_at < now)).where(
                Ticket.status.in_(RUNNING), *in_scope(Ticket, scope)
            )
        )
    ).one()
    return Waiting(*row)
