"""A renewal begins the day after the last bottle before it, wherever that day moves to."""

from collections import Counter
from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.orders import repository
from app.orders.changes.gifting import refit_gifts
from app.orders.changes.loading import read_lines
from app.orders.changes.situation import LineState
from app.orders.changes.stays import stays_of
from app.orders.models import Order, OrderLine
from app.orders.repository import renewals
from app.orders.rules import ONE_DAY, Rebuilt, end_date, rebuild, stock_from


async def start_after(session: AsyncSession, line: OrderLine) -> date:
    """The day a line not yet begun is wished for: a renewal's follows the line it renews."""
    if line.renews_line_id is None:
        return line.start_date
    terms = await repository.list_terms(session, [(line.customer_id, line.renews_line_id)])
    last = end_date(terms[line.renews_line_id])
    return line.start_date if last is None else last + ONE_DAY


async def follow_renewed(
    session: AsyncSession,
    keys: Collection[tuple[UUID, UUID]],
    *,
    now: datetime,
    without: Collection[date] = (),
) -> None:
    """Let renewals of these lines (customer, line) begin where their ends now are.

    To be called with the lines' orders locked, after their terms are written. A renewal that has
    begun, or whose first day is frozen, stays; one of a line that waits for a resume waits too.
    The days `without` get nothing, though their stations are open on them.
    """
    moved = []
    for order, line, before in await renewals.lock_followers(session, keys):
        if await _follow(session, order, line, before, now=now, without=without):
            moved.append((line.customer_id, line.order_line_id))
    if moved:
        await follow_renewed(session, moved, now=now, without=without)


async def _follow(
    session: AsyncSession,
    order: Order,
    line: OrderLine,
    before: OrderLine,
    *,
    now: datetime,
    without: Collection[date],
) -> bool:
    (state,) = await read_lines(session, order, [line])
    if any(spell.last is None for spell in state.spells):
        return False
    stays = await stays_of(session, order, now=now)
    earliest = stays.first_open()
    days = [day for term in state.terms for day, _ in term.deliveries()]
    if days and days[0] < earliest:
        return False
    stock = Counter(stock_from(state.terms, date.min)) + repository.unscheduled_of(line)
    waits = before.unscheduled_bottles > 0
    start = max(earliest, await start_after(session, line))
    begin = min(start, *(term.first for term in state.terms)) if state.terms else start
    if waits:
        result = rebuild(state.terms, state.course, from_date=begin, stock={})
    else:
        result = _from(state, begin, start, stock, {*stays.days.closed, *without})
    if result.terms == state.terms and waits == bool(line.unscheduled_bottles):
        return False
    repository.set_unscheduled(line, stock if waits else Counter())
    order.version += 1
    await session.flush()
    await repository.replace_terms(
        session, from_date=begin, rebuilt=[(line.customer_id, line.order_line_id, result)]
    )
    await refit_gifts(session, [line], since=begin)
    return True


def _from(
    state: LineState, begin: date, start: date, stock: Counter[UUID], closed: Collection[date]
) -> Rebuilt:
    """All of a line's bottles from a day on, without the days its household took out."""
    ahead = {begin + ONE_DAY * step for step in range((start - begin).days)}
    return rebuild(
        state.terms,
        state.course,
        from_date=begin,
        stock=stock,
        blocked={*ahead, *closed, *state.without_milk(start)},
        keeps_gaps=False,
    )
