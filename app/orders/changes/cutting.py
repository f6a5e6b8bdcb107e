"""What a refund made on a marketplace leaves of an order: cut at its end, or ended.

The arithmetic is that of a cancellation: what was brought keeps its price, the last bottles are
given up first. A refund that is no whole number of bottles leaves a difference, which is told.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.customers.service import contact_phone
from app.network.service import hold_open_days
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.changes.computing import effect_on
from app.orders.changes.loading import read_situation
from app.orders.changes.previews import Effect
from app.orders.changes.purses import Move
from app.orders.changes.situation import LineOutcome, LineState, Situation
from app.orders.changes.stays import stays_of
from app.orders.changes.wanted import WantedChange
from app.orders.changes.writing import end_order, new_change, write_lines
from app.orders.models import Order
from app.orders.rules import rebuild, stock_from
from app.orders.states import OrderStatus

KIND: Final = "marketplace_refund"
"""Its record among the order's changes: shown like them, never asked for or undone here."""
WHY: Final = "refunded on the marketplace"


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
    line_ids: Collection[UUID],
    cause_id: UUID,
    actor: str,
    now: datetime,
) -> Cut:
    """Take from lines of an order what a refund of `refund_fen` made elsewhere pays for.

    No money moves here. Raises OrderUnknown, NoOpenDay, DayClosed when the first day froze
    meanwhile, OrderNotChangeable when nobody serves it.
    """
    order = await repository.get_order(session, customer_id, order_id)
    first: date | None = None
    if order.status is OrderStatus.DELIVERING:
        stays = await stays_of(session, order, now=now)
        first = stays.first_open()
        await hold_open_days(session, holds=stays.holds(first), now=now)
    order = await repository.lock_order(session, customer_id, order_id)
    if order.status is OrderStatus.DELIVERING and first is not None:
        situation = await read_situation(session, order, WantedChange("cancel"), now=now)
        lines = give_up_worth(situation, first, refund_fen=refund_fen, line_ids=line_ids)
        return await _write(session, order, first, lines, cause_id=cause_id, actor=actor, now=now)
    if order.status not in {OrderStatus.UNDER_REVIEW, OrderStatus.DELIVERING}:
        return Cut(CutOutcome.NOTHING)
    if order.status is OrderStatus.DELIVERING or refund_fen < order.price_fen:
        return Cut(CutOutcome.WAITS)
    await end_order(session, order, reason=WHY, actor=actor, now=now)
    return Cut(CutOutcome.ENDED, value_fen=order.price_fen)


def give_up_worth(
    situation: Situation, first: date, *, refund_fen: int, line_ids: Collection[UUID]
) -> list[LineOutcome]:
    """The lines without the last bottles that the refund pays for; all named, gifts too, when it
    pays for all of them. Bottles worth nothing do not go for a part.
    """
    meant = [state for state in situation.lines if state.line.order_line_id in line_ids]
    all_of_them = [(state, state.left(first)) for state in meant]
    worth = sum(_value(_given_up(state, first, gone)) for state, gone in all_of_them)
    if 0 < worth <= refund_fen:
        return [_without(situation, state, first, gone) for state, gone in all_of_them]
    outcomes, rest = [], refund_fen
    for state in meant:
        outcome = _without(situation, state, first, _last_worth(state, first, rest))
        rest -= _value(outcome.moves)
        outcomes.append(outcome)
    return outcomes


def _value(moves: Sequence[Move]) -> int:
    return sum(move.value_fen for move in moves)


def _given_up(state: LineState, first: date, gone: Counter[UUID]) -> tuple[Move, ...]:
    left, purse = state.left(first), state.purse()
    return tuple(
        move
        for product, count in gone.items()
        if count
        for move in purse.give_up("refunded", product, count, left=left[product])
    )


def _last_worth(state: LineState, first: date, rest_fen: int) -> Counter[UUID]:
    """The last bottles that are worth something, and together no more than `rest_fen`."""
    left, purse = state.left(first), state.purse()
    gone: Counter[UUID] = Counter()
    for product in _last_first(state, first):
        worth = _value(purse.give_up("refunded", product, 1, left=left[product]))
        left[product] -= 1
        if worth > rest_fen:
            break
        if worth:
            gone[product] += 1
            rest_fen -= worth
    return gone


def _last_first(state: LineState, first: date) -> Iterator[UUID]:
    """Products of the bottles to come, from the last on; those that wait come after all days."""
    yield from repository.unscheduled_of(state.line).elements()
    for term in reversed(state.terms):
        for day, count in reversed(term.deliveries()):
            if day >= first:
                yield from [term.product_id] * count


def _without(
    situation: Situation, state: LineState, first: date, gone: Counter[UUID]
) -> LineOutcome:
    """A line without some bottles: those that wait for a resume go before those with a day."""
    waiting = repository.unscheduled_of(state.line)
    from_waiting = waiting & gone
    result = rebuild(
        state.terms,
        state.course,
        from_date=first,
        stock=Counter(stock_from(state.terms, first)) - (gone - from_waiting),
        blocked={*state.without_milk(first), *situation.days.closed},
    )
    return LineOutcome(
        state, result, _given_up(state, first, gone), unscheduled=waiting - from_waiting
    )


async def _write(
    session: AsyncSession,
    order: Order,
    first: date,
    lines: Sequence[LineOutcome],
    *,
    cause_id: UUID,
    actor: str,
    now: datetime,
) -> Cut:
    cut = [one for one in lines if one.moves]
    if not cut:
        return Cut(CutOutcome.NOTHING)
    bottles = sum(move.bottles for one in cut for move in one.moves)
    value_fen = sum(_value(one.moves) for one in cut)
    effect = Effect(
        wanted=WantedChange(KIND),
        effective_date=first,
        first_possible_date=first,
        lines=[effect_on(one, first) for one in cut],
        refund_fen=value_fen,
    )
    change = new_change(order, effect, actor=actor, now=now)
    session.add(change)
    await session.flush()
    repository.move_change(session, change, None, at=now, actor=actor)
    await write_lines(session, change, cut, now=now)
    if await _has_bottles_left(session, order, first):
        order.version += 1
        outcome, what = CutOutcome.CUT, f"平台退款，减少{bottles}瓶"
    else:
        await end_order(session, order, reason=WHY, actor=actor, now=now)
        outcome, what = CutOutcome.ENDED, "平台已退款，停止送奶"
    await session.flush()
    await _tell(session, order, what, first, cause_id=cause_id, now=now)
    return Cut(outcome, bottles, value_fen)


async def _has_bottles_left(session: AsyncSession, order: Order, first: date) -> bool:
    lines = await repository.list_lines(session, order.customer_id, [order.order_id])
    keys = [(line.customer_id, line.order_line_id) for line in lines]
    terms = await repository.list_terms(session, keys)
    return any(
        line.unscheduled_bottles or stock_from(terms[line.order_line_id], first) for line in lines
    )


async def _tell(
    session: AsyncSession,
    order: Order,
    what: str,
    first: date,
    *,
    cause_id: UUID,
    now: datetime,
) -> None:
    await send_sms(
        session,
        customer_id=order.customer_id,
        phone=await contact_phone(session, customer_id=order.customer_id),
        template="order_change",
        parameters={"order": order.order_no, "what": what, "date": first.isoformat()},
        cause=f"marketplace_refund:{cause_id}",
        now=now,
    )
