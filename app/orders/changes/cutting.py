"""What a refund made on a marketplace leaves of an order: cut at its end, or ended.

The arithmetic is that of a cancellation: what was brought keeps its price, the last bottles are
given up first. A refund that is no whole number of bottles leaves a difference, which is told.
"""

from collections import Counter
from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.events import publish
from app.customers.service import contact_phone
from app.network.service import hold_open_day
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.changes.frame import day_to_hold, effect_on
from app.orders.changes.loading import find_server, read_situation
from app.orders.changes.previews import Effect
from app.orders.changes.purses import Move, Purse
from app.orders.changes.situation import LineOutcome, LineState, Situation
from app.orders.changes.wanted import WantedChange
from app.orders.changes.writing import new_change, write_lines
from app.orders.events import OrderCancelled
from app.orders.models import Order, OrderChange
from app.orders.rules import rebuild, stock_from
from app.orders.states import OrderStatus

KIND = "marketplace_refund"


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
        # The day before the order, as every change locks them.
        station_id = (await find_server(session, order, now=now)).station_id
        asked = WantedChange(kind="cancel")
        first = (await read_situation(session, order, asked, now=now)).first_possible()
        day = await day_to_hold(session, station_id, first, now=now)
        await hold_open_day(session, station_id=station_id, service_date=day, now=now)
        order = await repository.lock_order(session, customer_id, order_id)
        if order.status is OrderStatus.DELIVERING:
            situation = await read_situation(session, order, asked, now=now)
            outcomes = _cut_lines(situation, first, refund_fen=refund_fen, line_ids=line_ids)
            return await _write(
                session, order, outcomes, first, cause_id=cause_id, actor=actor, now=now
            )
    order = await repository.lock_order(session, customer_id, order_id)
    if order.status is not OrderStatus.UNDER_REVIEW:
        return Cut(CutOutcome.NOTHING)
    if refund_fen < order.price_fen:
        return Cut(CutOutcome.WAITS)
    await _end(session, order, actor=actor, now=now)
    return Cut(CutOutcome.ENDED, value_fen=order.price_fen)


def _cut_lines(
    situation: Situation, first: date, *, refund_fen: int, line_ids: Collection[UUID] | None
) -> list[tuple[LineOutcome, int]]:
    """What becomes of each line that gives something up, and the bottles that are left of it."""
    rest, outcomes = refund_fen, []
    for state in situation.lines:
        left = state.left(first)
        moves: tuple[Move, ...] = ()
        if line_ids is None or state.line.order_line_id in line_ids:
            moves = _given_up(state, left, rest)
            rest -= sum(move.value_fen for move in moves)
        gone = Counter[UUID]()
        for move in moves:
            gone[move.product_id] += move.bottles
        if _all_paid_given_up(state, left, moves):
            outcomes.append(
                (LineOutcome(state, state.emptied(first), moves, unscheduled=Counter()), 0)
            )
        else:
            outcomes.append(
                (_shortened(situation, state, moves, gone, first), (left - gone).total())
            )
    return outcomes


def _given_up(state: LineState, left: Counter[UUID], rest: int) -> tuple[Move, ...]:
    """The last bottles a refund of `rest` fen pays for, gifts only with the last paid one."""
    purse, moves = state.purse(), []
    for product in _last_first(state, left):
        paid = purse.paid_left(product, left[product])
        count = _most_for(purse, product, paid, left=left[product], rest=rest)
        if count:
            given = purse.give_up("refunded", product, count, left=left[product])
            rest -= sum(move.value_fen for move in given)
            moves += given
        if count < paid:
            return tuple(moves)
    if not moves:
        return ()
    whole = state.purse()
    return tuple(
        move
        for product, count in left.items()
        if count
        for move in whole.give_up("refunded", product, count, left=count)
    )


def _all_paid_given_up(state: LineState, left: Counter[UUID], moves: tuple[Move, ...]) -> bool:
    purse = state.purse()
    paid = sum(purse.paid_left(product, count) for product, count in left.items())
    return bool(moves) and sum(move.bottles for move in moves) >= paid > 0


def _last_first(state: LineState, left: Counter[UUID]) -> list[UUID]:
    """Products still to come: what waits for a resume first, then by their last day."""
    last = {
        term.product_id: max(day for day, _ in term.deliveries())
        for term in state.terms
        if any(term.deliveries())
    }
    waiting = repository.unscheduled_of(state.line)
    products = [product for product, count in left.items() if count]
    return sorted(
        products,
        key=lambda product: (waiting[product] > 0, last.get(product, date.min)),
        reverse=True,
    )


def _most_for(purse: Purse, product: UUID, paid: int, *, left: int, rest: int) -> int:
    """The most paid bottles, from the back, that are worth no more than `rest` fen."""
    fits, fails = 0, paid + 1
    while fails - fits > 1:
        count = (fits + fails) // 2
        moves = deepcopy(purse).give_up("refunded", product, count, left=left)
        if sum(move.value_fen for move in moves) <= rest:
            fits = count
        else:
            fails = count
    return fits


def _shortened(
    situation: Situation,
    state: LineState,
    moves: tuple[Move, ...],
    gone: Counter[UUID],
    first: date,
) -> LineOutcome:
    """The line without the bottles given up; those that wait for a resume go first."""
    waiting = repository.unscheduled_of(state.line)
    from_terms = gone - waiting
    result = rebuild(
        state.terms,
        state.course,
        from_date=first,
        stock=Counter(stock_from(state.terms, first)) - from_terms,
        blocked={*state.without_milk(first), *situation.days.closed},
    )
    return LineOutcome(state, result, moves, unscheduled=waiting - gone)


async def _write(
    session: AsyncSession,
    order: Order,
    outcomes: list[tuple[LineOutcome, int]],
    first: date,
    *,
    cause_id: UUID,
    actor: str,
    now: datetime,
) -> Cut:
    cut = [outcome for outcome, _ in outcomes if outcome.moves]
    bottles = sum(move.bottles for outcome in cut for move in outcome.moves)
    value = sum(move.value_fen for outcome in cut for move in outcome.moves)
    if not bottles:
        return Cut(CutOutcome.NOTHING)
    effect = Effect(
        wanted=WantedChange(kind=KIND),
        effective_date=first,
        first_possible_date=first,
        lines=[effect_on(outcome, first) for outcome in cut],
        refund_fen=value,
    )
    change = new_change(order, effect, actor=actor, now=now)
    session.add(change)
    await session.flush()
    repository.move_change(session, change, None, at=now, actor=actor)
    await write_lines(session, change, cut, now=now)
    if not any(left for _, left in outcomes):
        await _end(session, order, actor=actor, now=now)
        return Cut(CutOutcome.ENDED, bottles, value)
    order.version += 1
    await session.flush()
    await _tell(session, order, change, bottles, cause_id=cause_id, now=now)
    return Cut(CutOutcome.CUT, bottles, value)


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
    change: OrderChange,
    bottles: int,
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
            "date": change.effective_date.isoformat(),
        },
        cause=f"marketplace_refund:{cause_id}",
        now=now,
    )
