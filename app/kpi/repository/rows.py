"""The rows behind the KPIs, page by page: each says what it adds to numerator and denominator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    case,
    cast,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import ReturnVisit, SatisfactionAnswer, Ticket
from app.core.ids import public_pair, public_single
from app.delivery.models import Delivery, DeliveryStatus, Stop, StopState
from app.kpi.repository import orders, satisfaction, stops, tickets
from app.kpi.repository.places import in_scope
from app.kpi.rules import Period, hours
from app.kpi.scopes import Scope
from app.orders.models import OrderLine

SortKey = tuple[date | datetime, UUID, UUID]
"""When, customer, row."""


@dataclass(frozen=True, slots=True)
class KpiRow:
    """One row of a KPI: what it is, when it counts, and what it adds. No personal data."""

    kind: str
    id: str
    at: date | datetime
    numerator: int
    denominator: int
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """One table of rows: `statement` has sort_at, customer_id, row_id, numerator, denominator."""

    statement: Select[*tuple[Any, ...]]
    present: Callable[[Row[*tuple[Any, ...]]], KpiRow]
    by_date: bool = False


def _one_if(condition: Any) -> Any:
    return cast(case((condition, 1), else_=0), Integer)


async def list_rows(
    session: AsyncSession,
    source: Source,
    *,
    after: SortKey | None,
    limit: int,
    only_missed: bool,
) -> list[tuple[SortKey, KpiRow]]:
    """A page of a source in order of time; `only_missed` leaves out what counted in full."""
    rows = source.statement.subquery()
    key = (rows.c.sort_at, rows.c.customer_id, rows.c.row_id)
    statement = select(rows).order_by(*key).limit(limit)
    if only_missed:
        statement = statement.where(rows.c.numerator < rows.c.denominator)
    if after is not None:
        statement = statement.where(tuple_(*key) > tuple_(*(literal(part) for part in after)))
    return [
        ((row.sort_at, row.customer_id, row.row_id), source.present(row))
        for row in await session.execute(statement)
    ]


def stops_due(scope: Scope, period: Period) -> Source:
    """Household stops of `on_time_rate`; withdrawn ones are listed and add nothing."""
    return Source(
        statement=_stops(
            scope,
            period,
            numerator=_one_if(stops.made_on_time(period)),
            denominator=_one_if(Stop.state != StopState.WITHDRAWN),
        ),
        present=_present_stop,
        by_date=True,
    )


def stops_served(scope: Scope, period: Period) -> Source:
    """Household stops at which something was brought: the denominator of `complaint_rate`."""
    statement = _stops(scope, period, numerator=literal(0), denominator=literal(1))
    return Source(
        statement=statement.where(Stop.state.in_((StopState.MADE, StopState.PARTLY))),
        present=_present_stop,
        by_date=True,
    )


def _stops(
    scope: Scope, period: Period, *, numerator: Any, denominator: Any
) -> Select[*tuple[Any, ...]]:
    return select(
        Stop.service_date.label("sort_at"),
        Stop.customer_id,
        Stop.address_id.label("row_id"),
        numerator.label("numerator"),
        denominator.label("denominator"),
        Stop.state,
        Stop.made_at,
        Stop.bulk_marked,
        Stop.station_id,
        Stop.block_id,
        Stop.deliverer_id,
        _orders_of_stop().label("order_ids"),
    ).where(
        stops.HOUSEHOLD,
        Stop.service_date.between(period.first, period.last),
        *in_scope(Stop, scope),
    )


def _orders_of_stop() -> ColumnElement[list[UUID]]:
    """Orders whose lines came to a stop; read for the rows of a page alone."""
    return (
        select(func.array_agg(OrderLine.order_id.distinct()))
        .join(
            Delivery,
            (Delivery.customer_id == OrderLine.customer_id)
            & (Delivery.order_line_id == OrderLine.order_line_id),
        )
        .where(
            Delivery.customer_id == Stop.customer_id,
            Delivery.service_date == Stop.service_date,
            Delivery.address_id == Stop.address_id,
            Delivery.status != DeliveryStatus.CANCELLED,
        )
        .correlate(Stop)
        .scalar_subquery()
    )


def _present_stop(row: Row[*tuple[Any, ...]]) -> KpiRow:
    address = public_pair("adr", row.customer_id, row.row_id)
    return KpiRow(
        kind="stop",
        id=f"{address}@{row.sort_at.isoformat()}",
        at=row.sort_at,
        numerator=row.numerator,
        denominator=row.denominator,
        facts={
            "state": row.state,
            "made_at": None if row.made_at is None else row.made_at.isoformat(),
            "bulk_marked": row.bulk_marked,
            "order_ids": [
                public_pair("ord", row.customer_id, one) for one in sorted(row.order_ids or ())
            ],
            **_places(row),
        },
    )


def _places(row: Row[*tuple[Any, ...]]) -> dict[str, str | None]:
    return {
        "station_id": _single("stn", row.station_id),
        "block_id": _single("blk", row.block_id),
        "deliverer_id": _single("dlv", row.deliverer_id),
    }


def _single(prefix: str, row_id: UUID | None) -> str | None:
    return None if row_id is None else public_single(prefix, row_id)


def _pair(prefix: str, customer_id: UUID, row_id: UUID | None) -> str | None:
    return None if row_id is None else public_pair(prefix, customer_id, row_id)


def tickets_received(scope: Scope, period: Period, *, now: datetime) -> Source:
    """Tickets of `response_time`."""
    statement = _tickets(
        scope,
        period,
        now=now,
        numerator=_one_if(tickets.answered_in_time(now)),
        denominator=literal(1),
    )
    return Source(statement=statement, present=_present_ticket)


def complaints_received(scope: Scope, period: Period, *, now: datetime) -> Source:
    """Household complaints: the numerator of `complaint_rate`."""
    statement = _tickets(scope, period, now=now, numerator=literal(1), denominator=literal(0))
    return Source(
        statement=statement.where(tickets.COMPLAINT, tickets.HOUSEHOLD), present=_present_ticket
    )


def complaints_due(scope: Scope, period: Period, *, now: datetime) -> Source:
    """Household complaints of `complaint_handled_rate`; those still in time add nothing."""
    statement = _tickets(
        scope,
        period,
        now=now,
        numerator=_one_if(tickets.HANDLED),
        denominator=_one_if(tickets.handling_due(now)),
    )
    return Source(
        statement=statement.where(tickets.COMPLAINT, tickets.HOUSEHOLD), present=_present_ticket
    )


def _tickets(
    scope: Scope, period: Period, *, now: datetime, numerator: Any, denominator: Any
) -> Select[*tuple[Any, ...]]:
    return select(
        Ticket.received_at.label("sort_at"),
        Ticket.customer_id,
        Ticket.ticket_id.label("row_id"),
        numerator.label("numerator"),
        denominator.label("denominator"),
        Ticket.ticket_no,
        Ticket.kind,
        Ticket.category,
        Ticket.status,
        Ticket.first_answered_at,
        Ticket.resolved_at,
        Ticket.is_unfounded,
        Ticket.order_id,
        tickets.waited(now).label("waited"),
        Ticket.station_id,
        Ticket.block_id,
        Ticket.deliverer_id,
    ).where(tickets.COUNTED, *tickets.received_in(period, scope, now=now))


def _present_ticket(row: Row[*tuple[Any, ...]]) -> KpiRow:
    return KpiRow(
        kind="ticket",
        id=public_pair("tkt", row.customer_id, row.row_id),
        at=row.sort_at,
        numerator=row.numerator,
        denominator=row.denominator,
        facts={
            "ticket_no": row.ticket_no,
            "kind": row.kind,
            "category": row.category,
            "status": row.status,
            "waited_hours": str(hours(row.waited)),
            "answered": row.first_answered_at is not None,
            "resolved_at": None if row.resolved_at is None else row.resolved_at.isoformat(),
            "is_unfounded": row.is_unfounded,
            "order_id": _pair("ord", row.customer_id, row.order_id),
            **_places(row),
        },
    )


def answers_given(scope: Scope, period: Period) -> Source:
    """Household answers of `satisfaction`."""
    statement = select(
        SatisfactionAnswer.at.label("sort_at"),
        SatisfactionAnswer.customer_id,
        SatisfactionAnswer.answer_id.label("row_id"),
        _one_if(satisfaction.GOOD).label("numerator"),
        literal(1).label("denominator"),
        SatisfactionAnswer.kind,
        SatisfactionAnswer.score,
        select(ReturnVisit.ticket_id)
        .where(
            ReturnVisit.customer_id == SatisfactionAnswer.customer_id,
            ReturnVisit.visit_id == SatisfactionAnswer.source_id,
        )
        .scalar_subquery()
        .label("ticket_id"),
        SatisfactionAnswer.station_id,
        SatisfactionAnswer.block_id,
        SatisfactionAnswer.deliverer_id,
    ).where(
        satisfaction.HOUSEHOLD,
        SatisfactionAnswer.kind.in_(satisfaction.ASKED_KINDS),
        *satisfaction.given_in(period, scope),
    )
    return Source(statement=statement, present=_present_answer)


def _present_answer(row: Row[*tuple[Any, ...]]) -> KpiRow:
    return KpiRow(
        kind="answer",
        id=public_pair("ans", row.customer_id, row.row_id),
        at=row.sort_at,
        numerator=row.numerator,
        denominator=row.denominator,
        facts={
            "kind": row.kind,
            "score": row.score,
            "ticket_id": _pair("tkt", row.customer_id, row.ticket_id),
            **_places(row),
        },
    )


def orders_confirmed(scope: Scope, period: Period) -> Source:
    """Household orders of `internet_rate`; those of unknown source add nothing."""
    chosen = orders.confirmed_orders(scope, period).subquery()
    statement = select(
        chosen.c.confirmed_at.label("sort_at"),
        chosen.c.customer_id,
        chosen.c.order_id.label("row_id"),
        _one_if(orders.is_internet(chosen.c.source)).label("numerator"),
        _one_if(chosen.c.source.is_not(None)).label("denominator"),
        chosen.c.source,
    )
    return Source(statement=statement, present=_present_order)


def _present_order(row: Row[*tuple[Any, ...]]) -> KpiRow:
    return KpiRow(
        kind="order",
        id=public_pair("ord", row.customer_id, row.row_id),
        at=row.sort_at,
        numerator=row.numerator,
        denominator=row.denominator,
        facts={"source": row.source},
    )
