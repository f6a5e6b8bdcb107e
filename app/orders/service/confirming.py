"""Putting an order into delivery: block, terms, entitlement, history (S1 4.3)."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.service import get_lead_days
from app.core.events import publish
from app.customers.service import get_address
from app.network.service import (
    assign_address,
    find_serving,
    first_open_date,
    hold_open_day,
    list_closed_dates,
)
from app.orders import repository
from app.orders.changes.destinations import ServedBy
from app.orders.changes.following import follow_renewed, start_after
from app.orders.changes.gifting import promise_gifts
from app.orders.events import OrderConfirmed
from app.orders.models import Order, OrderLine
from app.orders.rules import Placement, lay_out
from app.orders.service.installing import await_box
from app.orders.states import OrderStatus


async def confirm_order(
    session: AsyncSession,
    order: Order,
    *,
    served_by: ServedBy,
    actor: str,
    now: datetime,
    reason: str | None = None,
) -> date:
    """Move a locked order to `delivering`; answers the first delivery date.

    The first day (the intended one, if the box comes first) is the one wished for, or the first still possible now; it is held open until
    commit, so that it is in the plan. Raises DayClosed when the day froze meanwhile.
    """
    lines = await repository.list_lines(session, order.customer_id, [order.order_id])
    address = await get_address(session, customer_id=order.customer_id, address_id=order.address_id)
    starts = await _held_starts(session, lines, station_id=served_by.station_id, now=now)
    await assign_address(
        session,
        customer_id=order.customer_id,
        address_id=order.address_id,
        block_id=served_by.block_id,
        stop_no=served_by.stop_no,
        valid_from=await _served_from(session, order, served_by, min(starts), now=now),
    )
    closed = await list_closed_dates(
        session, station_id=served_by.station_id, from_date=min(starts), now=now
    )
    waits = await await_box(
        session,
        order,
        lines,
        station_id=served_by.station_id,
        due_date=min(starts),
        actor=actor,
        now=now,
    )
    for line, start in zip(lines, starts, strict=True):
        line.anchor_date = line.anchor_date or start
        _entitle(session, line, now=now)
        if waits:
            line.unscheduled_bottles = line.bottles_bought + line.gift_bottles
            continue
        await _lay_out_line(
            session,
            line,
            start,
            address_version_id=address.address_version_id,
            address_id=order.address_id,
            blocked=closed,
        )
    order.confirmed_at = now
    await repository.change_status(
        session, order, OrderStatus.DELIVERING, at=now, actor=actor, reason=reason
    )
    await _follow_waiting(session, lines, now=now)
    await publish(
        session, OrderConfirmed(customer_id=order.customer_id, order_id=order.order_id, at=now)
    )
    return min(starts)


async def _held_starts(
    session: AsyncSession, lines: Sequence[OrderLine], *, station_id: UUID, now: datetime
) -> list[date]:
    """The first day of each line, held open; raises DayClosed."""
    lead_days = await get_lead_days(session, product_ids={line.product_id for line in lines})
    starts = [
        await first_open_date(
            session,
            station_id=station_id,
            now=now,
            lead_days=lead_days[line.product_id],
            wished=await start_after(session, line),
        )
        for line in lines
    ]
    for start in sorted(set(starts)):
        await hold_open_day(session, station_id=station_id, service_date=start, now=now)
    return starts


async def _served_from(
    session: AsyncSession, order: Order, served_by: ServedBy, start: date, *, now: datetime
) -> date:
    """From when on the block serves the address: changes may bring milk before the first day.

    The first day still open, unless somebody serves it already or another block will.
    """
    opens = await first_open_date(session, station_id=served_by.station_id, now=now, lead_days=0)
    if opens >= start:
        return start
    address = {"customer_id": order.customer_id, "address_id": order.address_id}
    standing = await find_serving(session, **address, on=opens)
    coming = await find_serving(session, **address, on=start)
    other = coming is not None and coming.block_id != served_by.block_id
    return start if standing is not None or other else opens


async def _follow_waiting(
    session: AsyncSession, lines: Sequence[OrderLine], *, now: datetime
) -> None:
    """A renewal of a line that waits for a resume has no end to follow yet, and waits as well."""
    before = [(line.customer_id, line.renews_line_id) for line in lines if line.renews_line_id]
    await follow_renewed(session, before, now=now)


async def _lay_out_line(
    session: AsyncSession,
    line: OrderLine,
    start: date,
    *,
    address_id: UUID,
    address_version_id: UUID,
    blocked: Collection[date],
) -> None:
    placement = Placement(
        repository.pattern_of(line),
        line.anchor_date or start,
        line.product_id,
        address_id,
        address_version_id,
    )
    bottles = line.bottles_bought + line.gift_bottles
    terms = lay_out(placement, start=start, bottles=bottles, blocked=blocked)
    await repository.insert_terms(session, line.customer_id, line.order_line_id, terms)
    await promise_gifts(session, line, terms)


def _entitle(session: AsyncSession, line: OrderLine, *, now: datetime) -> None:
    repository.entitle(
        session, line, kind="bought", bottles=line.bottles_bought, value_fen=line.paid_fen, now=now
    )
    if line.gift_bottles:
        repository.entitle(
            session, line, kind="gift", bottles=line.gift_bottles, value_fen=0, now=now
        )
