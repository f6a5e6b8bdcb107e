"""Orders, their lines, history, reviews and entitlements."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from app.core.bulk import as_row, insert_row, own_row
from app.core.db import fetch
from app.core.ids import new_id
from app.orders.errors import OrderUnknown
from app.orders.models import (
    EntitlementEntry,
    Order,
    OrderHistory,
    OrderLine,
    OrderReview,
)
from app.orders.repository.plain import run
from app.orders.states import ORDER_MOVES, OrderStatus

_BILL: Final = """
SELECT order_no, price_fen + deposit_fen, status, pay_before_at, agreement_version FROM orders
WHERE customer_id = $1 AND order_id = $2 FOR UPDATE
"""


_ORDER: Final = "SELECT * FROM orders WHERE customer_id = $1 AND order_id = $2"
_RAISE: Final = """
UPDATE orders SET version = version + 1 WHERE customer_id = $1 AND order_id = $2
"""
_LOCK: Final = f"{_ORDER} FOR UPDATE"
_LINES: Final = """
SELECT * FROM order_lines WHERE customer_id = $1 AND order_id = ANY($2::uuid[])
ORDER BY order_line_id
"""


@dataclass(frozen=True, slots=True)
class Bill:
    """What an order asks its customer to pay (fen, price and deposit), and until when."""

    order_no: str
    due_fen: int
    status: OrderStatus
    pay_before_at: datetime | None
    agreement_version: str | None
    """What the customer has accepted; nothing is paid before."""


async def lock_bill(session: AsyncSession, customer_id: UUID, order_id: UUID) -> Bill:
    """What an order, locked by this, asks to be paid; raises OrderUnknown."""
    found = await fetch(session, _BILL, customer_id, order_id)
    if not found:
        raise OrderUnknown
    order_no, due_fen, status, pay_before_at, agreement = found[0].values()
    return Bill(order_no, due_fen, OrderStatus(status), pay_before_at, agreement)


async def get_order(session: AsyncSession, customer_id: UUID, order_id: UUID) -> Order:
    """One order; raises OrderUnknown."""
    order = await session.get(Order, (customer_id, order_id))
    if order is None:
        raise OrderUnknown
    return order


async def read_order(session: AsyncSession, customer_id: UUID, order_id: UUID) -> Order:
    """One order as it stands, to be read only; raises OrderUnknown."""
    found = await run(session, _ORDER, customer_id, order_id)
    if not found:
        raise OrderUnknown
    return as_row(Order, found[0])


async def raise_version(session: AsyncSession, order: Order) -> None:
    """Note that a locked order has been changed: previews of before are outdated."""
    await run(session, _RAISE, order.customer_id, order.order_id)
    set_committed_value(order, "version", order.version + 1)


async def lock_order(session: AsyncSession, customer_id: UUID, order_id: UUID) -> Order:
    """One order, locked and read anew; raises OrderUnknown."""
    found = await run(session, _LOCK, customer_id, order_id)
    if not found:
        raise OrderUnknown
    return own_row(session, Order, found[0])


async def list_orders(
    session: AsyncSession,
    customer_id: UUID,
    *,
    limit: int,
    before: tuple[datetime, UUID] | None = None,
) -> list[Order]:
    """A customer's orders, newest first."""
    query = select(Order).where(Order.customer_id == customer_id)
    if before is not None:
        query = query.where(tuple_(Order.placed_at, Order.order_id) < before)
    query = query.order_by(Order.placed_at.desc(), Order.order_id.desc()).limit(limit)
    return list(await session.scalars(query))


async def list_lines(
    session: AsyncSession, customer_id: UUID, order_ids: Collection[UUID]
) -> list[OrderLine]:
    """Lines of a customer's orders."""
    found = await run(session, _LINES, customer_id, list(order_ids))
    return [own_row(session, OrderLine, row) for row in found]


async def lock_lines(
    session: AsyncSession, customer_id: UUID, line_ids: Collection[UUID]
) -> list[OrderLine]:
    """Lines of a customer, their orders locked in key order."""
    found = await session.scalars(
        select(OrderLine)
        .join(
            Order,
            (Order.customer_id == OrderLine.customer_id) & (Order.order_id == OrderLine.order_id),
        )
        .where(OrderLine.customer_id == customer_id, OrderLine.order_line_id.in_(line_ids))
        .order_by(OrderLine.order_id, OrderLine.order_line_id)
        .with_for_update(of=Order)
    )
    return list(found)


async def change_status(
    session: AsyncSession,
    order: Order,
    wanted: OrderStatus,
    *,
    at: datetime,
    actor: str,
    reason: str | None = None,
) -> None:
    """Move a locked order along the table, with its history; raises MoveNotAllowed."""
    ORDER_MOVES.require(order.status, wanted)
    add_history(
        session, order, from_status=order.status, to=wanted, at=at, actor=actor, reason=reason
    )
    order.status = wanted
    order.version += 1
    await session.flush()


def add_history(
    session: AsyncSession,
    order: Order,
    *,
    from_status: OrderStatus | None,
    to: OrderStatus,
    at: datetime,
    actor: str,
    reason: str | None = None,
) -> None:
    """One entry: who, when, why."""
    session.add(_move(order, from_status=from_status, to=to, at=at, actor=actor, reason=reason))


def _move(
    order: Order,
    *,
    from_status: OrderStatus | None,
    to: OrderStatus,
    at: datetime,
    actor: str,
    reason: str | None = None,
) -> OrderHistory:
    return OrderHistory(
        customer_id=order.customer_id,
        entry_id=new_id(),
        order_id=order.order_id,
        from_status=None if from_status is None else from_status.value,
        to_status=to.value,
        at=at,
        actor=actor,
        reason=reason,
    )


async def insert_order(
    session: AsyncSession, order: Order, lines: Sequence[OrderLine], *, at: datetime, actor: str
) -> None:
    """Write a new order, its first move and its lines, past the session.

    The rows do not belong to the session afterwards: whoever changes them reads them again.
    """
    move = _move(order, from_status=None, to=order.status, at=at, actor=actor)
    for row in (order, move, *lines):
        await insert_row(session, row)


async def list_history(
    session: AsyncSession, customer_id: UUID, order_id: UUID
) -> list[OrderHistory]:
    """Moves of an order, oldest first."""
    found = await session.scalars(
        select(OrderHistory)
        .where(OrderHistory.customer_id == customer_id, OrderHistory.order_id == order_id)
        .order_by(OrderHistory.entry_id)
    )
    return list(found)


async def entitled(session: AsyncSession, keys: Collection[tuple[UUID, UUID]]) -> dict[UUID, int]:
    """Bottles each line is entitled to, gifts included, what was given up taken off."""
    if not keys:
        return {}
    taken = EntitlementEntry.kind.in_(
        ("swapped_out", "transferred_out", "credited", "refunded", "forfeited")
    )
    total = func.sum(EntitlementEntry.bottles).filter(~taken)
    gone = func.sum(EntitlementEntry.bottles).filter(taken)
    rows = await session.execute(
        select(EntitlementEntry.order_line_id, func.coalesce(total, 0) - func.coalesce(gone, 0))
        .where(tuple_(EntitlementEntry.customer_id, EntitlementEntry.order_line_id).in_(keys))
        .group_by(EntitlementEntry.order_line_id)
    )
    return {line_id: int(bottles) for line_id, bottles in rows}


async def find_order_of_line(
    session: AsyncSession, customer_id: UUID, order_line_id: UUID
) -> UUID | None:
    """The order that a line belongs to."""
    found: UUID | None = await session.scalar(
        select(OrderLine.order_id).where(
            OrderLine.customer_id == customer_id, OrderLine.order_line_id == order_line_id
        )
    )
    return found


async def due_to_expire(
    session: AsyncSession, *, before: datetime, limit: int
) -> list[tuple[UUID, UUID]]:
    """Unpaid orders whose time to pay ended before an instant."""
    rows = await session.execute(
        select(Order.customer_id, Order.order_id)
        .where(Order.status == OrderStatus.PENDING_PAYMENT, Order.pay_before_at < before)
        .order_by(Order.placed_at)
        .limit(limit)
    )
    return [(row.customer_id, row.order_id) for row in rows]


async def stuck_in_review(
    session: AsyncSession, *, before: datetime, limit: int
) -> list[tuple[UUID, UUID]]:
    """Paid orders nobody has looked at since an instant."""
    looked = (
        select(OrderReview.order_id)
        .where(OrderReview.customer_id == Order.customer_id, OrderReview.order_id == Order.order_id)
        .exists()
    )
    rows = await session.execute(
        select(Order.customer_id, Order.order_id)
        .where(Order.status == OrderStatus.UNDER_REVIEW, Order.paid_at < before, ~looked)
        .order_by(Order.placed_at)
        .limit(limit)
    )
    return [(row.customer_id, row.order_id) for row in rows]


RUNNING: Final = (OrderStatus.PENDING_PAYMENT, OrderStatus.UNDER_REVIEW, OrderStatus.DELIVERING)
"""Statuses of orders that are not over."""


async def list_running(session: AsyncSession, customer_id: UUID) -> list[Order]:
    """A customer's orders that are not over, newest first."""
    found = await session.scalars(
        select(Order)
        .where(Order.customer_id == customer_id, Order.status.in_(RUNNING))
        .order_by(Order.placed_at.desc(), Order.order_id.desc())
    )
    return list(found)


async def count_running(session: AsyncSession, customer_id: UUID) -> int:
    """Orders of a customer that are not over."""
    query = (
        select(func.count())
        .select_from(Order)
        .where(Order.customer_id == customer_id, Order.status.in_(RUNNING))
    )
    return await session.scalar(query) or 0
