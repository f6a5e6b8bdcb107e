"""Tickets: how soon they were answered, how many were complaints, which were handled."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Interval, and_, func, literal, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import Ticket
from app.aftersales.states import TicketKind, TicketStatus
from app.core.base import UtcDateTime
from app.customers.models import CustomerKind
from app.kpi.repository.places import in_scope
from app.kpi.rules import ANSWER_LIMIT, HANDLE_LIMIT, Period
from app.kpi.scopes import Scope

HOUSEHOLD = Ticket.customer_kind == CustomerKind.HOUSEHOLD.value
COUNTED = Ticket.status != TicketStatus.MERGED
COMPLAINT = Ticket.kind == TicketKind.COMPLAINT
HANDLED = Ticket.status.in_((TicketStatus.RESOLVED, TicketStatus.CLOSED))
HANDLED_IN_TIME = and_(
    HANDLED, Ticket.resolved_at - Ticket.received_at <= literal(HANDLE_LIMIT, Interval())
)


@dataclass(frozen=True, slots=True)
class ResponseTimes:
    """How long customers waited for a person; open ones count the time so far."""

    tickets: int
    in_time: int
    unanswered: int
    longest: timedelta | None
    median: timedelta | None
    p95: timedelta | None
    schools: int
    schools_in_time: int
    schools_longest: timedelta | None


@dataclass(frozen=True, slots=True)
class ComplaintCounts:
    """Complaints of one kind of customer; `received` leaves merged ones out."""

    received: int = 0
    merged: int = 0
    unfounded: int = 0
    due: int = 0
    handled: int = 0
    handled_in_time: int = 0
    reopened: int = 0


def received_in(period: Period, scope: Scope, *, now: datetime) -> list[ColumnElement[bool]]:
    """Conditions of tickets received in a period, as known at `now`."""
    return [
        Ticket.received_at >= period.starts_at,
        Ticket.received_at < period.ends_at,
        Ticket.received_at <= now,
        *in_scope(Ticket, scope),
    ]


def waited(now: datetime) -> ColumnElement[timedelta]:
    """From receipt to the first answer by a person, or until now."""
    answered = func.coalesce(Ticket.first_answered_at, literal(now, UtcDateTime()))
    return type_coerce(answered - Ticket.received_at, Interval())


def answered_in_time(now: datetime) -> ColumnElement[bool]:
    """Whether a person answered, or may still answer, within 24 hours."""
    return waited(now) <= literal(ANSWER_LIMIT, Interval())


def handling_due(now: datetime) -> ColumnElement[bool]:
    """Handled, or its 24 hours have run out; whatever clock the desk has set anew."""
    return or_(HANDLED, Ticket.received_at <= now - HANDLE_LIMIT)


async def measure_response(
    session: AsyncSession, *, scope: Scope, period: Period, now: datetime
) -> ResponseTimes:
    """Answer times of all tickets received in the period, merged ones left out."""
    wait = waited(now)
    in_time = answered_in_time(now)
    school = ~HOUSEHOLD
    row = (
        await session.execute(
            select(
                func.count(),
                func.count().filter(in_time),
                func.count().filter(Ticket.first_answered_at.is_(None)),
                func.max(wait),
                func.percentile_disc(0.5).within_group(wait),
                func.percentile_disc(0.95).within_group(wait),
                func.count().filter(school),
                func.count().filter(school, in_time),
                func.max(wait).filter(school),
            ).where(COUNTED, *received_in(period, scope, now=now))
        )
    ).one()
    return ResponseTimes(*row)


async def count_complaints(
    session: AsyncSession, *, scope: Scope, period: Period, now: datetime
) -> tuple[ComplaintCounts, ComplaintCounts]:
    """Complaints received in the period, of households and of schools."""
    rows = await session.execute(
        select(
            HOUSEHOLD,
            func.count().filter(COUNTED),
            func.count().filter(~COUNTED),
            func.count().filter(COUNTED, Ticket.is_unfounded.is_(True)),
            func.count().filter(COUNTED, handling_due(now)),
            func.count().filter(COUNTED, HANDLED),
            func.count().filter(COUNTED, HANDLED_IN_TIME),
            func.count().filter(COUNTED, Ticket.reopened_count > 0),
        )
        .where(COMPLAINT, *received_in(period, scope, now=now))
        .group_by(HOUSEHOLD)
    )
    counts = {row[0]: ComplaintCounts(*row[1:]) for row in rows}
    return counts.get(True, ComplaintCounts()), counts.get(False, ComplaintCounts())
