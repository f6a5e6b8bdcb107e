"""What a withdrawal makes of the lines it hits, and its undo (S1 5.2.6): sets where lines are alike."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import Posting, post_many
from app.core.ids import new_id
from app.network.service import list_closed_dates
from app.orders import repository
from app.orders.changes.following import follow_renewed
from app.orders.changes.purses import Purse
from app.orders.changes.spells import spells_of, unwanted_days
from app.orders.changes.stays import read_stays
from app.orders.models import EntitlementEntry, Order, OrderLine, WithdrawnLine
from app.orders.repository import Door, putting_back, taking, withdrawals
from app.orders.repository.withdrawals import Held, Scope
from app.orders.rules import ONE_DAY, Rebuilt, Term, end_date, rebuild, stock_from
from app.orders.states import OrderStatus, WithdrawalSettle

AT_ONCE = 2000
"""Lines that are laid out one by one, read and written together."""
MONEY = "money"
CAUSE = "day_withdrawn"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a withdrawal took; `credit_fen` went to balances, the rest to the lines' ends."""

    lines: int
    households: int
    bottles: int
    credit_fen: int


async def take_out(
    session: AsyncSession,
    scope: Scope,
    *,
    withdrawal_id: UUID,
    settle: WithdrawalSettle,
    reason: str,
    actor: str,
    now: datetime,
) -> Taken:
    """Take a scope's days out of every line, each with a receipt; rolled on, or paid to the balance.

    The caller holds the days of the stations, so no change of these lines runs beside it.
    """
    await withdrawals.prepare_bulk_work(session)
    await taking.take_lines(
        session, scope, withdrawal_id=withdrawal_id, settle=settle.value, now=now
    )
    await taking.move_regular(session, withdrawal_id)
    await withdrawals.end_bulk_work(session)
    closed = {
        station: {
            *scope.days,
            *await list_closed_dates(session, station_id=station, from_date=scope.first, now=now),
        }
        for station in scope.stations
    }
    after: tuple[UUID, UUID] | None = None
    while True:
        rows = await taking.list_irregular(session, withdrawal_id, after=after, limit=AT_ONCE)
        if not rows:
            break
        await _take_one_by_one(session, rows, closed=closed, now=now)
        after = (rows[-1].customer_id, rows[-1].order_line_id)
        session.expunge_all()
    await _follow(session, withdrawal_id, state="taken", now=now, without=scope.days)
    await withdrawals.prepare_bulk_work(session)
    await taking.note_followed(session, withdrawal_id)
    await taking.write_receipts(session, withdrawal_id, reason=reason, actor=actor, now=now)
    await withdrawals.end_bulk_work(session)
    totals = await taking.read_totals(session, withdrawal_id)
    return Taken(totals.lines, totals.households, totals.bottles, totals.credit_fen)


async def _follow(
    session: AsyncSession,
    withdrawal_id: UUID,
    *,
    state: str,
    now: datetime,
    without: Collection[date] = (),
) -> None:
    """Let renewals of a withdrawal's lines begin where these end now."""
    await withdrawals.prepare_bulk_work(session)
    keys = await withdrawals.list_renewed(session, withdrawal_id, state=state)
    await withdrawals.end_bulk_work(session)
    for first in range(0, len(keys), AT_ONCE):
        await follow_renewed(session, keys[first : first + AT_ONCE], now=now, without=without)
        session.expunge_all()


async def _take_one_by_one(
    session: AsyncSession,
    rows: Sequence[WithdrawnLine],
    *,
    closed: dict[UUID, set[date]],
    now: datetime,
) -> None:
    keys = [(row.customer_id, row.order_line_id) for row in rows]
    found = await session.scalars(
        select(OrderLine).where(tuple_(OrderLine.customer_id, OrderLine.order_line_id).in_(keys))
    )
    lines = {line.order_line_id: line for line in found}
    terms = await repository.list_terms(session, keys)
    turns = await repository.list_turns(session, keys)
    stops = await repository.list_stops(session, {(row.customer_id, row.order_id) for row in rows})
    doors = await repository.list_doors(session, {(row.customer_id, row.order_id) for row in rows})
    paid = [lines[row.order_line_id] for row in rows if row.settle == MONEY]
    moves = await repository.list_moves(session, paid)
    rebuilt: dict[date, list[tuple[UUID, UUID, Rebuilt]]] = defaultdict(list)
    entries: list[dict[str, Any]] = []
    for row in rows:
        line, mine, first = lines[row.order_line_id], terms[row.order_line_id], row.days[0]
        purse = Purse(moves[row.order_line_id]) if row.settle == MONEY else None
        given = _credit(mine, row, purse)
        entries += [_entry(row, product, *what, now=now) for product, what in given.items()]
        row.credit_bottles = sum(count for count, _ in given.values())
        row.credit_fen = sum(value for _, value in given.values())
        spells = spells_of(stops.get(row.order_id, ()), row.order_line_id)
        its_doors = doors[row.order_id]
        course = repository.line_course(line, mine, turns[row.order_line_id], its_doors)
        stock = Counter(stock_from(mine, first))
        stock.subtract({product: count for product, (count, _) in given.items()})
        result = rebuild(
            mine,
            course,
            from_date=first,
            stock=+stock,
            blocked={
                *await _closed_of(session, row, its_doors, closed=closed, now=now),
                *unwanted_days(spells, mine, first),
            },
        )
        last = end_date(result.terms)
        row.until_after = None if last is None else last + ONE_DAY
        rebuilt[first].append((row.customer_id, row.order_line_id, result))
    await session.flush()
    for first, results in rebuilt.items():
        await repository.replace_terms(session, from_date=first, rebuilt=results)
    if entries:
        await session.execute(insert(EntitlementEntry), entries)
        await _book(session, rows, now=now)


async def _closed_of(
    session: AsyncSession,
    row: WithdrawnLine,
    doors: Sequence[Door],
    *,
    closed: dict[UUID, set[date]],
    now: datetime,
) -> set[date]:
    """Days that bring a line nothing: those of the station, of a moved order those of all of its own.

    Another station's days are not held here, and need not be: it brings later than this one, so
    none of them freezes now.
    """
    if len(doors) == 1:
        return closed[row.station_id]
    order = await session.get_one(Order, (row.customer_id, row.order_id))
    stays = await read_stays(session, order, doors, now=now)
    known = {day for day in closed[row.station_id] if stays.station_on(day) == row.station_id}
    return {*stays.days.closed, *known}


def _credit(
    terms: Sequence[Term], row: WithdrawnLine, purse: Purse | None
) -> dict[UUID, tuple[int, int]]:
    """Bottles and value (fen) of what the days would have brought and was paid for, by product."""
    if purse is None:
        return {}
    left = stock_from(terms, row.days[0])
    wanted: Counter[UUID] = Counter()
    for term in terms:
        wanted[term.product_id] += sum(term.on(day) for day in row.days)
    given: dict[UUID, tuple[int, int]] = {}
    for product, count in wanted.items():
        paid = min(count, purse.paid_left(product, left.get(product, 0)))
        for move in purse.give_up("credited", product, paid, left=left[product]) if paid else ():
            if move.value_fen:
                given[product] = (move.bottles, move.value_fen)
    return given


def _entry(
    row: WithdrawnLine, product_id: UUID, bottles: int, value_fen: int, *, now: datetime
) -> dict[str, Any]:
    return {
        "customer_id": row.customer_id,
        "entry_id": new_id(),
        "order_line_id": row.order_line_id,
        "kind": "credited",
        "bottles": bottles,
        "value_fen": value_fen,
        "product_id": product_id,
        "at": now,
        "cause_id": row.change_id,
    }


async def _book(session: AsyncSession, rows: Sequence[WithdrawnLine], *, now: datetime) -> None:
    """What was paid for the days goes to the households' balances: one transfer per line."""
    await post_many(
        session, _postings(rows), debit="prepaid", credit="balance", cause=CAUSE, now=now
    )


def _postings(rows: Sequence[WithdrawnLine]) -> list[Posting]:
    return [
        Posting(
            customer_id=row.customer_id,
            amount_fen=row.credit_fen,
            reference_id=row.change_id,
            source_id=row.change_id,
            part=row.order_line_id,
        )
        for row in rows
        if row.credit_fen
    ]


async def put_back(
    session: AsyncSession, *, withdrawal_id: UUID, first_date: date, actor: str, now: datetime
) -> int:
    """Undo a withdrawal whose days are open again; answers how many lines stay as they are.

    A line that nothing has happened to gets its days as they were. One that has been changed since
    is laid out anew with the days free again that no other withdrawal holds; it stays as it is when
    none is, its credit is spent, its order has ended, or it waits for somebody to resume it.
    """
    await withdrawals.prepare_bulk_work(session)
    held = await withdrawals.list_held(session, withdrawal_id)
    await putting_back.judge_taken(session, withdrawal_id, held)
    await putting_back.put_back(session, withdrawal_id, now=now)
    await withdrawals.end_bulk_work(session)
    after: tuple[UUID, UUID] | None = None
    while rows := await putting_back.list_returned(
        session, withdrawal_id, after=after, limit=AT_ONCE
    ):
        await post_many(
            session,
            _postings(rows),
            debit="balance",
            credit="prepaid",
            cause=f"{CAUSE}_undone",
            now=now,
            reverses=CAUSE,
        )
        after = (rows[-1].customer_id, rows[-1].order_line_id)
        session.expunge_all()
    after = None
    while rows := await putting_back.list_taken(session, withdrawal_id, after=after, limit=AT_ONCE):
        after = (rows[-1].customer_id, rows[-1].order_line_id)
        await _put_back_changed(session, rows, held=held, first_date=first_date, now=now)
        session.expunge_all()
    await _follow(session, withdrawal_id, state="put_back", now=now)
    await withdrawals.prepare_bulk_work(session)
    kept = await putting_back.close_receipts(session, withdrawal_id, actor=actor, now=now)
    await withdrawals.end_bulk_work(session)
    return kept


async def _put_back_changed(
    session: AsyncSession,
    rows: Sequence[WithdrawnLine],
    *,
    held: Held,
    first_date: date,
    now: datetime,
) -> None:
    keys = [(row.customer_id, row.order_line_id) for row in rows]
    found = await session.execute(
        select(OrderLine, Order.status)
        .join(
            Order,
            (Order.customer_id == OrderLine.customer_id) & (Order.order_id == OrderLine.order_id),
        )
        .where(tuple_(OrderLine.customer_id, OrderLine.order_line_id).in_(keys))
    )
    lines = {line.order_line_id: (line, status) for line, status in found}
    terms = await repository.list_terms(session, keys)
    turns = await repository.list_turns(session, keys)
    stops = await repository.list_stops(session, {(row.customer_id, row.order_id) for row in rows})
    doors = await repository.list_doors(session, {(row.customer_id, row.order_id) for row in rows})
    closed = {
        station: await list_closed_dates(session, station_id=station, from_date=first_date, now=now)
        for station in {row.station_id for row in rows}
    }
    rebuilt: dict[date, list[tuple[UUID, UUID, Rebuilt]]] = defaultdict(list)
    for row in rows:
        line, status = lines[row.order_line_id]
        mine, first = terms[row.order_line_id], row.days[0]
        stands = status is OrderStatus.DELIVERING and not line.unscheduled_bottles
        freed = set(row.days) - set(held.get((row.customer_id, row.order_line_id), ()))
        if row.credit_fen or not stands or not freed or not stock_from(mine, first):
            row.state = "kept"
            continue
        row.state = "put_back"
        spells = spells_of(stops.get(row.order_id, ()), row.order_line_id)
        its_doors = doors[row.order_id]
        course = repository.line_course(line, mine, turns[row.order_line_id], its_doors)
        result = rebuild(
            mine,
            course,
            from_date=first,
            stock=stock_from(mine, first),
            blocked={
                *await _closed_of(session, row, its_doors, closed=closed, now=now),
                *unwanted_days(spells, mine, first),
            },
            freed=freed,
        )
        rebuilt[first].append((row.customer_id, row.order_line_id, result))
    await session.flush()
    for first, results in rebuilt.items():
        await repository.replace_terms(session, from_date=first, rebuilt=results)
