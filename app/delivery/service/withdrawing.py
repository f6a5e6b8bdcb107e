"""The operator takes a station's day out before its freeze: festival, flood, road closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.jobs import enqueue
from app.customers.service import contact_phone
from app.delivery.make_up import move_make_ups
from app.delivery.models import Stop, StopState
from app.delivery.service.planning import mark_withdrawn
from app.network import service as network
from app.notifications.service import send_sms
from app.orders.service import roll_withdrawn_day

TELL_JOB = "delivery.tell_withdrawn"
BATCH = 200
_LAST_DAYS = """
SELECT t.customer_id, max(upper(t.valid)) - 1 AS last_date
FROM order_terms t
JOIN order_lines l USING (customer_id, order_line_id)
JOIN orders o ON o.customer_id = l.customer_id AND o.order_id = l.order_id
WHERE t.customer_id = ANY(CAST(:customers AS uuid[])) AND o.status = 'delivering'
GROUP BY t.customer_id
"""


@dataclass(frozen=True)
class Withdrawn:
    """What a withdrawal moved."""

    stops: int
    lines: int
    make_ups: int


async def withdraw_day(
    session: AsyncSession,
    *,
    station_id: UUID,
    service_date: date,
    reason: str,
    actor: str,
    now: datetime,
) -> Withdrawn:
    """Withdraw a day: list its stops, roll its bottles to the end, tell the households by SMS.

    Raises DayClosed when the day is frozen, withdrawn already or past its cut-off.
    """
    await network.withdraw_day(
        session, station_id=station_id, service_date=service_date, reason=reason, now=now
    )
    stops = await mark_withdrawn(session, station_id=station_id, service_date=service_date, now=now)
    rolled = await roll_withdrawn_day(
        session,
        station_id=station_id,
        service_date=service_date,
        reason=reason,
        actor=actor,
        now=now,
    )
    moved = await move_make_ups(session, station_id=station_id, service_date=service_date, now=now)
    await enqueue(session, TELL_JOB, tell_payload(station_id, service_date, reason, after=None))
    return Withdrawn(stops=stops, lines=len(rolled), make_ups=moved)


def tell_payload(
    station_id: UUID, service_date: date, reason: str, *, after: UUID | None
) -> dict[str, Any]:
    """Payload of TELL_JOB: the next households after a customer id."""
    return {
        "station_id": str(station_id),
        "service_date": service_date.isoformat(),
        "reason": reason,
        "after": None if after is None else str(after),
    }


async def tell_households(
    session: AsyncSession,
    *,
    station_id: UUID,
    service_date: date,
    reason: str,
    after: UUID | None,
    now: datetime,
) -> UUID | None:
    """Send the SMS of one batch of households; answers the last one told, None at the end."""
    query = (
        select(Stop.customer_id)
        .where(
            Stop.service_date == service_date,
            Stop.station_id == station_id,
            Stop.state == StopState.WITHDRAWN,
        )
        .distinct()
        .order_by(Stop.customer_id)
        .limit(BATCH)
    )
    if after is not None:
        query = query.where(Stop.customer_id > after)
    customers = list(await session.scalars(query))
    ends = await _last_days(session, customers)
    for customer_id in customers:
        await send_sms(
            session,
            customer_id=customer_id,
            phone=await contact_phone(session, customer_id=customer_id),
            template="day_withdrawn",
            parameters={
                "date": service_date.isoformat(),
                "reason": reason[:20],
                "new_end": ends.get(customer_id, service_date).isoformat(),
            },
            cause=f"day_withdrawn:{service_date.isoformat()}",
            now=now,
        )
    return customers[-1] if len(customers) == BATCH else None


async def _last_days(session: AsyncSession, customers: Sequence[UUID]) -> dict[UUID, date]:
    rows = await session.execute(text(_LAST_DAYS), {"customers": list(customers)})
    return {row.customer_id: row.last_date for row in rows}
