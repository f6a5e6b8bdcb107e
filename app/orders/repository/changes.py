"""Changes of orders: accepted ones, those that wait, and what they say about a line."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import fetch
from app.core.ids import new_id
from app.orders.changes.spells import Stop
from app.orders.errors import ChangeUnknown
from app.orders.models import ChangeHistory, Order, OrderChange, OrderLine
from app.orders.repository.plain import key_columns, run
from app.orders.states import CHANGE_MOVES, ChangeStatus

_STOPS = """
SELECT c.order_id, c.kind, c.effective_date, CAST(c.request->>'last_date' AS date),
       CAST(c.request->>'line_id' AS uuid)
FROM unnest($1::uuid[], $2::uuid[]) AS k(customer_id, order_id)
JOIN order_changes c ON c.customer_id = k.customer_id AND c.order_id = k.order_id
WHERE c.kind IN ('skip', 'pause', 'resume') AND c.status = 'applied'
ORDER BY c.order_id, coalesce(c.confirmed_at, c.at), c.change_id
"""
_INSERT_CHANGE = """
WITH made AS (
    INSERT INTO order_changes
        (customer_id, change_id, order_id, kind, status, effective_date, request, preview, footprint,
         rule, pay_fen, credit_fen, resumes_date, actor, at, recorded_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    RETURNING customer_id, change_id, status, at, actor
)
INSERT INTO order_change_history (customer_id, entry_id, change_id, to_status, at, actor)
SELECT customer_id, $17, change_id, status, at, actor FROM made
"""


async def list_changes(
    session: AsyncSession, customer_id: UUID, order_id: UUID
) -> list[OrderChange]:
    """Changes of an order, oldest first."""
    found = await session.scalars(
        select(OrderChange)
        .where(OrderChange.customer_id == customer_id, OrderChange.order_id == order_id)
        .order_by(OrderChange.change_id)
    )
    return list(found)


async def get_change(
    session: AsyncSession, customer_id: UUID, change_id: UUID, *, lock: bool = False
) -> OrderChange:
    """One change, read anew, locked if asked; raises ChangeUnknown."""
    change = await session.get(
        OrderChange,
        (customer_id, change_id),
        with_for_update=lock or None,
        populate_existing=True,
    )
    if change is None:
        raise ChangeUnknown
    return change


async def find_order_of(
    session: AsyncSession, customer_id: UUID, reference_id: UUID
) -> Order | None:
    """The order a payment's reference is about: itself, or that of a change."""
    order = await session.get(Order, (customer_id, reference_id))
    if order is not None:
        return order
    change = await session.get(OrderChange, (customer_id, reference_id))
    return None if change is None else await session.get(Order, (customer_id, change.order_id))


async def find_later_change(session: AsyncSession, change: OrderChange) -> OrderChange | None:
    """The first change of the same order that was asked for after another had happened, and stands.

    One asked for before and settled later has left its mark in the terms.
    """
    happened = await session.scalar(
        select(ChangeHistory.entry_id)
        .where(
            ChangeHistory.customer_id == change.customer_id,
            ChangeHistory.change_id == change.change_id,
            ChangeHistory.to_status == ChangeStatus.APPLIED.value,
        )
        .order_by(ChangeHistory.entry_id.desc())
        .limit(1)
    )
    found: OrderChange | None = await session.scalar(
        select(OrderChange)
        .where(
            OrderChange.customer_id == change.customer_id,
            OrderChange.order_id == change.order_id,
            OrderChange.change_id > (happened or change.change_id),
            OrderChange.status == ChangeStatus.APPLIED,
            # A renewal follows the end of its order by itself.
            OrderChange.kind != "renew",
        )
        .order_by(OrderChange.change_id)
        .limit(1)
    )
    return found


async def list_unpaid_changes(
    session: AsyncSession, *, before: datetime, limit: int
) -> list[tuple[UUID, UUID]]:
    """(customer_id, change_id) of changes whose time to pay ended before an instant."""
    rows = await session.execute(
        select(OrderChange.customer_id, OrderChange.change_id)
        .where(
            OrderChange.status == ChangeStatus.AWAITING_PAYMENT,
            OrderChange.pay_before_at < before,
        )
        .order_by(OrderChange.pay_before_at)
        .limit(limit)
    )
    return [(row.customer_id, row.change_id) for row in rows]


async def list_paid_changes(session: AsyncSession, *, limit: int) -> list[tuple[UUID, UUID]]:
    """(customer_id, change_id) of changes that are paid and have not happened."""
    rows = await session.execute(
        select(OrderChange.customer_id, OrderChange.change_id)
        .where(OrderChange.status == ChangeStatus.PAID)
        .order_by(OrderChange.pay_before_at)
        .limit(limit)
    )
    return [(row.customer_id, row.change_id) for row in rows]


async def list_paid_into(session: AsyncSession, customer_id: UUID, order_id: UUID) -> list[UUID]:
    """Changes of an order that happened and were paid, newest first."""
    rows = await session.scalars(
        select(OrderChange.change_id)
        .where(
            OrderChange.customer_id == customer_id,
            OrderChange.order_id == order_id,
            OrderChange.status == ChangeStatus.APPLIED,
            OrderChange.pay_fen > 0,
        )
        .order_by(OrderChange.change_id.desc())
    )
    return list(rows)


async def list_stops(
    session: AsyncSession, orders: Collection[tuple[UUID, UUID]]
) -> dict[UUID, list[Stop]]:
    """Accepted skips, pauses and resumes by order, oldest first; keys (customer_id, order_id)."""
    stops: dict[UUID, list[Stop]] = defaultdict(list)
    if orders:
        for order_id, *stop in await run(session, _STOPS, *key_columns(orders)):
            stops[order_id].append(_stop(*stop))
    return stops


def _stop(kind: str, first: date, last: date | None, line_id: UUID | None) -> Stop:
    return Stop(kind=kind, line_id=line_id, first=first, last=last)


async def insert_change(session: AsyncSession, change: OrderChange) -> None:
    """Write a change that has just happened, and its history; it does not belong to the session.

    What is pending is not written yet: it may name the change.
    """
    await fetch(
        session,
        _INSERT_CHANGE,
        change.customer_id,
        change.change_id,
        change.order_id,
        change.kind,
        change.status.value,
        change.effective_date,
        *(json.dumps(value) for value in (change.request, change.preview, change.footprint)),
        change.rule,
        change.pay_fen,
        change.credit_fen,
        change.resumes_date,
        change.actor,
        change.at,
        change.recorded_by,
        new_id(),
    )


def move_change(
    session: AsyncSession,
    change: OrderChange,
    wanted: ChangeStatus | None,
    *,
    at: datetime,
    actor: str,
    reason: str | None = None,
) -> None:
    """Move a change along the table, with its history; None: it has just been written.

    Raises MoveNotAllowed.
    """
    before = None if wanted is None else change.status
    if wanted is not None:
        CHANGE_MOVES.require(change.status, wanted)
        change.status = wanted
    session.add(
        ChangeHistory(
            customer_id=change.customer_id,
            entry_id=new_id(),
            change_id=change.change_id,
            from_status=None if before is None else before.value,
            to_status=change.status.value,
            at=at,
            actor=actor,
            reason=reason,
        )
    )


def unscheduled_of(line: OrderLine) -> Counter[UUID]:
    """Bottles of a line that wait for somebody to resume, by product."""
    if line.unscheduled_products is None:
        return Counter({line.product_id: line.unscheduled_bottles})
    return Counter({UUID(key): count for key, count in line.unscheduled_products.items()})


def set_unscheduled(line: OrderLine, stock: Counter[UUID]) -> None:
    """Let these bottles of a line wait."""
    line.unscheduled_bottles = stock.total()
    mixed = {str(key): count for key, count in stock.items() if count}
    line.unscheduled_products = None if set(mixed) <= {str(line.product_id)} else mixed


_RESUMING = """
SELECT c.customer_id, c.change_id, o.order_no, c.resumes_date
FROM order_changes c
JOIN orders o ON o.customer_id = c.customer_id AND o.order_id = c.order_id
    AND o.status = 'delivering'
WHERE c.resumes_date = :tomorrow AND c.status = 'applied'
  AND NOT EXISTS (
      SELECT FROM order_changes later
      WHERE later.customer_id = c.customer_id AND later.order_id = c.order_id
        AND (coalesce(later.confirmed_at, later.at), later.change_id)
            > (coalesce(c.confirmed_at, c.at), c.change_id)
        AND later.status = 'applied'
        AND later.kind IN ('pause', 'resume'))
  AND EXISTS (
      SELECT FROM order_lines l
      JOIN order_terms t ON t.customer_id = l.customer_id AND t.order_line_id = l.order_line_id
          AND t.valid @> CAST(:tomorrow AS date)
      WHERE l.customer_id = c.customer_id AND l.order_id = c.order_id)
  AND c.change_id > CAST(:after AS uuid)
ORDER BY c.change_id
LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Resuming:
    """An order to whose door milk comes again by itself."""

    customer_id: UUID
    change_id: UUID
    order_no: str
    resumes_date: date


async def list_resuming(
    session: AsyncSession, *, tomorrow: date, after: UUID, limit: int
) -> list[Resuming]:
    """Pauses that end by themselves on a day, unless something later was asked for."""
    rows = await session.execute(
        text(_RESUMING), {"tomorrow": tomorrow, "after": after, "limit": limit}
    )
    return [Resuming(*row) for row in rows]
