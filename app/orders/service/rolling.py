"""Rolling bottles to the end: of a delivery that failed by our fault."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
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
from app.orders.models import Order, OrderLine
from app.orders.rules import (
    ONE_DAY,
    Course,
    Rebuilt,
    Term,
    rebuild,
    stock_from,
)


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
        session, {(line.customer_id, line.order_id) for line, _ in lines}
    )
    starts: dict[UUID, date] = {}
    by_start: dict[date, list[tuple[UUID, UUID, Rebuilt]]] = defaultdict(list)
    for line, station_id in lines:
        mine = terms[line.order_line_id]
        if not mine or station_id is None:
            continue
        back = _by_product(line, mine, asked[line.customer_id, line.order_line_id])
        if line.unscheduled_bottles:
            # The line waits for somebody to resume: what came back waits with it.
            repository.set_unscheduled(line, back + repository.unscheduled_of(line))
            continue
        if station_id not in starts:
            # One day beyond the first open one: that one may be freezing at this moment.
            starts[station_id] = ONE_DAY + await first_open_date(
                session, station_id=station_id, now=now, lead_days=0
            )
        start = starts[station_id]
        blocked = await list_closed_dates(session, station_id=station_id, from_date=start, now=now)
        spells = spells_of(stops.get(line.order_id, ()), line.order_line_id)
        result = rebuild(
            mine,
            _course(line, mine, turns),
            from_date=start,
            stock=Counter(stock_from(mine, start)) + back,
            blocked={*blocked, *unwanted_days(spells, mine, start)},
        )
        by_start[start].append((line.customer_id, line.order_line_id, result))
    await session.flush()
    for start, rebuilt in by_start.items():
        await repository.replace_terms(session, from_date=start, rebuilt=rebuilt)
    await follow_renewed(session, keys, now=now)


def _course(
    line: OrderLine, terms: Sequence[Term], turns: Mapping[UUID, Sequence[repository.Turn]]
) -> Course:
    return repository.course_of(repository.placement_of(line, terms), turns[line.order_line_id])


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
) -> list[tuple[OrderLine, UUID | None]]:
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
        select(OrderLine, station)
        .join(
            Order,
            (Order.customer_id == OrderLine.customer_id) & (Order.order_id == OrderLine.order_id),
        )
        .where(tuple_(OrderLine.customer_id, OrderLine.order_line_id).in_(keys))
        .order_by(Order.customer_id, Order.order_id)
        .with_for_update(of=Order)
    )
    return [(line, station_id) for line, station_id in rows]
