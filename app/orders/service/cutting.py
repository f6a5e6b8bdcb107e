"""What a refund made on a marketplace leaves of an order: cut at its end, or ended.

The arithmetic is that of a cancellation: what was brought keeps its price, the last bottles are
given up first. A refund that is no whole number of bottles leaves a difference, which is told.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.events import publish
from app.customers.service import Building, contact_phone, get_address
from app.network.service import first_open_date, hold_open_day, list_closed_dates
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.events import OrderCancelled
from app.orders.models import EntitlementEntry, Order, OrderLine
from app.orders.rules import Rebuilt, Term, bottles_from, bottles_worth, rebuild
from app.orders.service.changing import find_order_serving
from app.orders.service.confirming import entitle
from app.orders.service.rolling import placement_of
from app.orders.states import OrderStatus


class CutOutcome(StrEnum):
    """What a refund made elsewhere did to an order."""

    ENDED = "ended"
    CUT = "cut"
    NOTHING = "nothing"
    """Too little for a bottle, or the order was over already."""
    WAITS = "waits"
    """A part of an order that is still reviewed: asked again once it is decided."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Bottles given up, and what they were worth in fen."""

    outcome: CutOutcome
    bottles: int = 0
    value_fen: int = 0


@dataclass(frozen=True, slots=True)
class _Share:
    line: OrderLine
    terms: Sequence[Term]
    left: int
    given_up: int
    value_fen: int


async def cut_order(
    session: AsyncSession,
    *,
    customer_id: UUID,
    order_id: UUID,
    refund_fen: int,
    line_ids: Collection[UUID] | None,
    cause_id: UUID,
    actor: str,
    now: datetime,
) -> Cut:
    """Take from an order what a refund of `refund_fen` made elsewhere pays for.

    `line_ids` are the lines it is for; None means all. No money moves here. Raises OrderUnknown,
    DayClosed when the first day froze meanwhile, OrderNotChangeable when nobody serves it.
    """
    order = await repository.get_order(session, customer_id, order_id)
    if order.status is OrderStatus.DELIVERING:
        station_id = (await find_order_serving(session, order, now=now)).station_id
        effective = await first_open_date(session, station_id=station_id, now=now, lead_days=0)
        await hold_open_day(session, station_id=station_id, service_date=effective, now=now)
        order = await repository.lock_order(session, customer_id, order_id)
        if order.status is OrderStatus.DELIVERING:
            shares = await _shares(
                session, order, effective, refund_fen=refund_fen, line_ids=line_ids
            )
            closed = await list_closed_dates(
                session, station_id=station_id, from_date=effective, now=now
            )
            return await _write(
                session, order, shares, effective, closed, cause_id=cause_id, actor=actor, now=now
            )
    order = await repository.lock_order(session, customer_id, order_id)
    if order.status is not OrderStatus.UNDER_REVIEW:
        return Cut(CutOutcome.NOTHING)
    if refund_fen < order.price_fen:
        return Cut(CutOutcome.WAITS)
    await _end(session, order, actor=actor, now=now)
    return Cut(CutOutcome.ENDED, value_fen=order.price_fen)


async def _shares(
    session: AsyncSession,
    order: Order,
    effective: date,
    *,
    refund_fen: int,
    line_ids: Collection[UUID] | None,
) -> list[_Share]:
    lines = await repository.list_lines(session, order.customer_id, [order.order_id])
    keys = [(line.customer_id, line.order_line_id) for line in lines]
    terms = await repository.list_terms(session, keys)
    given_before = await _given_up(session, order.customer_id, [key[1] for key in keys])
    rest, shares = refund_fen, []
    for line in lines:
        mine = terms[line.order_line_id]
        left = bottles_from(mine, effective) + line.unscheduled_bottles
        given = given_before.get(line.order_line_id, 0)
        kept = line.bottles_bought - given
        used = min(max(line.bottles_bought + line.gift_bottles - given - left, 0), kept)
        is_meant = line_ids is None or line.order_line_id in line_ids
        bottles, value = bottles_worth(
            rest if is_meant else 0,
            paid_fen=line.paid_fen,
            bottles_bought=line.bottles_bought,
            used=used,
            kept=kept,
        )
        rest -= value
        is_all = bottles == kept - used and bottles > 0
        shares.append(_Share(line, mine, left, left if is_all else bottles, value))
    return shares


async def _given_up(
    session: AsyncSession, customer_id: UUID, line_ids: Collection[UUID]
) -> dict[UUID, int]:
    rows = await session.execute(
        select(EntitlementEntry.order_line_id, func.sum(EntitlementEntry.bottles))
        .where(
            EntitlementEntry.customer_id == customer_id,
            EntitlementEntry.order_line_id.in_(line_ids),
            EntitlementEntry.kind == "refunded",
        )
        .group_by(EntitlementEntry.order_line_id)
    )
    return {line_id: int(bottles) for line_id, bottles in rows}


async def _write(
    session: AsyncSession,
    order: Order,
    shares: Sequence[_Share],
    effective: date,
    closed: Collection[date],
    *,
    cause_id: UUID,
    actor: str,
    now: datetime,
) -> Cut:
    bottles = sum(share.given_up for share in shares)
    if not bottles:
        return Cut(CutOutcome.NOTHING)
    address = await get_address(session, customer_id=order.customer_id, address_id=order.address_id)
    rebuilt = [
        (share.line.customer_id, share.line.order_line_id, result)
        for share in shares
        if (result := _shortened(share, address, effective, closed)) is not None
    ]
    await repository.replace_terms(session, from_date=effective, rebuilt=rebuilt)
    for share in shares:
        if share.given_up:
            entitle(
                session,
                share.line,
                kind="refunded",
                bottles=share.given_up,
                value_fen=share.value_fen,
                now=now,
                cause_id=cause_id,
            )
            share.line.unscheduled_bottles -= min(share.given_up, share.line.unscheduled_bottles)
    cut = Cut(CutOutcome.CUT, bottles, sum(share.value_fen for share in shares))
    if all(share.given_up == share.left for share in shares):
        await _end(session, order, actor=actor, now=now)
        return Cut(CutOutcome.ENDED, cut.bottles, cut.value_fen)
    repository.add_history(
        session,
        order,
        from_status=order.status,
        to=order.status,
        at=now,
        actor=actor,
        reason=f"refunded on the marketplace: {bottles} bottles given up",
    )
    order.version += 1
    await session.flush()
    await _tell(session, order, bottles, effective, cause_id=cause_id, now=now)
    return cut


def _shortened(
    share: _Share, address: Building, effective: date, closed: Collection[date]
) -> Rebuilt | None:
    """The terms without the bottles given up; those that wait for a pause's end go first."""
    from_terms = share.given_up - min(share.given_up, share.line.unscheduled_bottles)
    if not from_terms:
        return None
    return rebuild(
        share.terms,
        placement_of(share.line, share.terms, address),
        from_date=effective,
        bottles=bottles_from(share.terms, effective) - from_terms,
        blocked=closed,
    )


async def _end(session: AsyncSession, order: Order, *, actor: str, now: datetime) -> None:
    order.ended_at = now
    await repository.change_status(
        session,
        order,
        OrderStatus.CANCELLED,
        at=now,
        actor=actor,
        reason="refunded on the marketplace",
    )
    await publish(
        session, OrderCancelled(customer_id=order.customer_id, order_id=order.order_id, at=now)
    )


async def _tell(
    session: AsyncSession,
    order: Order,
    bottles: int,
    effective: date,
    *,
    cause_id: UUID,
    now: datetime,
) -> None:
    await send_sms(
        session,
        customer_id=order.customer_id,
        phone=await contact_phone(session, customer_id=order.customer_id),
        template="order_change",
        parameters={
            "order": order.order_no,
            "what": f"平台退款，减少{bottles}瓶",
            "date": effective.isoformat(),
        },
        cause=f"marketplace_refund:{cause_id}",
        now=now,
    )
