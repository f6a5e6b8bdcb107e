"""Rolling bottles to the end: of a delivery that failed by our fault."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.network.models import AddressBlock, Block
from app.network.service import first_open_date, list_closed_dates
from app.orders import repository
from app.orders.changes.following import follow_renewed
from app.orders.changes.spells import spells_of, unwanted_days
from app.orders.changes.stays import read_stays
from app.orders.models import Order, OrderLine
from app.orders.repository import Door
from app.orders.rules import ONE_DAY, Rebuilt, Term, rebuild, stock_from


@dataclass(frozen=True)
class RestoreItem:
    """Bottles of a delivery that were not brought by our fault."""

    customer_id: UUID
    order_line_id: UUID
    service_date: date
    delivery_no: int
    bottles: int


async def restore_failed(
    session: AsyncSession, *, items: Sequence[RestoreItem], now: datetime
) -> None:
    """Append bottles that our fault kept back to the end of their lines, after the first open day."""
    asked: dict[tuple[UUID, UUID], list[RestoreItem]] = defaultdict(list)
    for item in items:
        asked[item.customer_id, item.order_line_id].append(item)
    if not asked:
        return
    keys = list(asked)
    lines = await _lock_lines(session, keys)
    terms = await repository.list_terms(session, keys)
    turns = await repository.list_turns(session, keys)
    stops = await repository.list_stops(
        session, {(line.customer_id, line.order_id) for line, _, _ in lines}
    )
    doors = await repository.list_doors(
        session, {(line.customer_id, line.order_id) for line, _, _ in lines}
    )
    by_start: dict[date, list[tuple[UUID, UUID, Rebuilt]]] = defaultdict(list)
    ahead: dict[UUID, tuple[date, set[date]]] = {}
    for line, order, station_id in lines:
        mine = terms[line.order_line_id]
        if not mine or station_id is None:
            continue
        back = _by_product(line, mine, asked[line.customer_id, line.order_line_id])
        if line.unscheduled_bottles:
            # The line waits for somebody to resume: what came back waits with it.
            repository.set_unscheduled(line, back + repository.unscheduled_of(line))
            continue
        its_doors = doors[line.order_id]
        if len(its_doors) > 1:
            start, blocked = await _days_of_moved(session, order, its_doors, now=now)
        else:
            if station_id not in ahead:
                ahead[station_id] = await _days_of_station(session, station_id, now=now)
            start, blocked = ahead[station_id]
        spells = spells_of(stops.get(line.order_id, ()), line.order_line_id)
        result = rebuild(
            mine,
            repository.line_course(line, mine, turns[line.order_line_id], its_doors),
            from_date=start,
            stock=Counter(stock_from(mine, start)) + back,
            blocked={*blocked, *unwanted_days(spells, mine, start)},
        )
        by_start[start].append((line.customer_id, line.order_line_id, result))
    await session.flush()
    for start, rebuilt in by_start.items():
        await repository.replace_terms(session, from_date=start, rebuilt=rebuilt)
    await follow_renewed(session, keys, now=now)


async def _days_of_station(
    session: AsyncSession, station_id: UUID, *, now: datetime
) -> tuple[date, set[date]]:
    """From when bottles may roll, and which days are closed.

    One day beyond the first open one: that one may be freezing at this moment.
    """
    start = ONE_DAY + await first_open_date(session, station_id=station_id, now=now, lead_days=0)
    return start, await list_closed_dates(session, station_id=station_id, from_date=start, now=now)


async def _days_of_moved(
    session: AsyncSession, order: Order, doors: Sequence[Door], *, now: datetime
) -> tuple[date, set[date]]:
    """The same of an order that has moved, or will."""
    stays = await read_stays(session, order, doors, now=now)
    return ONE_DAY + stays.first_open(), set(stays.days.closed)


def _by_product(
    line: OrderLine, terms: Sequence[Term], items: Sequence[RestoreItem]
) -> Counter[UUID]:
    """What a line was to bring on those days."""
    found: Counter[UUID] = Counter()
    for item in items:
        due = [term.product_id for term in terms if term.on(item.service_date)]
        found[due[0] if due else line.product_id] += item.bottles
    return found


async def _lock_lines(
    session: AsyncSession, keys: Sequence[tuple[UUID, UUID]]
) -> list[tuple[OrderLine, Order, UUID | None]]:
    station = (
        select(Block.station_id)
        .join(AddressBlock, AddressBlock.block_id == Block.id)
        .where(
            AddressBlock.customer_id == Order.customer_id,
            AddressBlock.address_id == Order.address_id,
            func.upper_inf(AddressBlock.valid),
        )
        .limit(1)
        .scalar_subquery()
    )
    rows = await session.execute(
        select(OrderLine, Order, station)
        .join(
            Order,
            (Order.customer_id == OrderLine.customer_id) & (Order.order_id == OrderLine.order_id),
        )
        .where(tuple_(OrderLine.customer_id, OrderLine.order_line_id).in_(keys))
        .order_by(Order.customer_id, Order.order_id)
        .with_for_update(of=Order)
    )
    return [(line, order, station_id) for line, order, station_id in rows]
