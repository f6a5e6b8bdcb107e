"""SQL of the daily plan: a query over terms, set-based from end to end."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.delivery.models import ExceptionReason
from app.delivery.repository import mornings
from app.delivery.repository.scope import DayScope
from app.delivery.repository.setting_aside import JUDGED, SET_ASIDE, SetAside
from app.network.models import PlanDay, PlanDayState
from app.orders.repository.calendar import due_quantity
from app.orders.repository.withdrawals import HELD_DAYS, TAKEN_DAYS, Held, held_values

__all__ = [
    "DayScope",
    "DueLine",
    "drop_withdrawn_stops",
    "end_bulk_work",
    "find_line",
    "insert_deliveries",
    "insert_stops",
    "insert_withdrawn_stops",
    "is_planned",
    "list_blocks_without_deliverer",
    "list_unplanned",
    "lock_plan",
    "mark_planned",
    "prepare_bulk_work",
    "rebuild_totals",
    "try_lock_plan",
]

PLAN_LOCK = 7_300_702
"""First key of the advisory lock that lets one transaction at a time plan a date."""
WORK_MEMORY = "64MB"


_DATE = "CAST(:service_date AS date)"
_QUANTITY = due_quantity("t", _DATE)
_SERVED = f"""
    JOIN address_blocks a ON a.customer_id = t.customer_id AND a.address_id = t.address_id
        AND a.valid @> {_DATE}
    JOIN blocks b ON b.id = a.block_id AND b.is_active AND b.station_id = ANY(:stations)
    JOIN stations s ON s.id = b.station_id AND s.is_active
"""
_STOP_NO = "least(greatest({}.stop_no, 0), 2147483647)::int"

_DELIVERIES = f"""{JUDGED}, {SET_ASIDE}, planned AS (
INSERT INTO deliveries
    (customer_id, service_date, order_line_id, delivery_no, product_id, quantity,
     quantity_delivered, address_id, address_version_id, station_id, block_id, deliverer_id,
     stop_no, status, bulk_marked, restored_bottles)
SELECT j.customer_id, {_DATE}, j.order_line_id, 0, j.product_id, j.quantity,
       0, j.address_id, j.address_version_id, j.station_id, j.block_id, j.deliverer_id,
       {_STOP_NO.format("j")}, 'planned', false, 0
FROM judged j
WHERE j.reason IS NULL AND NOT EXISTS (
      SELECT FROM plan_exceptions x
      WHERE x.customer_id = j.customer_id AND x.order_line_id = j.order_line_id
        AND x.service_date = {_DATE} AND x.resolution IS DISTINCT FROM 'planned')
ORDER BY j.block_id, j.stop_no
{{conflict}}
RETURNING 1
)
SELECT NULL AS station_id, NULL AS reason, count(*) AS lines FROM planned
UNION ALL
SELECT station_id, reason, count(*) FROM set_aside GROUP BY station_id, reason
"""
"""Every line that is due is judged once, and goes the one way or the other."""

_OF_THE_DAY = f"""
    JOIN blocks b ON b.id = d.block_id AND b.station_id = ANY(:stations)
    WHERE d.service_date = {_DATE}
"""

_STOPS = f"""
INSERT INTO stops
    (customer_id, service_date, address_id, customer_kind, city_code, station_id, block_id,
     deliverer_id, stop_no, bottles, state, bulk_marked)
SELECT p.customer_id, {_DATE}, p.address_id, c.kind, s.city_code, p.station_id, p.block_id,
       p.deliverer_id, p.stop_no, p.bottles, 'planned', false
FROM (
    SELECT d.customer_id, d.address_id, any_value(d.station_id) AS station_id,
           any_value(d.block_id) AS block_id, any_value(d.deliverer_id) AS deliverer_id,
           min(d.stop_no) AS stop_no, sum(d.quantity) AS bottles
    FROM deliveries d {_OF_THE_DAY} AND d.status <> 'cancelled' {{customer d}}
    GROUP BY d.customer_id, d.address_id
) p
JOIN customers c ON c.customer_id = p.customer_id
JOIN stations s ON s.id = p.station_id
ORDER BY p.block_id, p.stop_no
"""
_STOPS_AGAIN = f"""{_STOPS}
ON CONFLICT (customer_id, service_date, address_id) DO UPDATE
SET bottles = EXCLUDED.bottles, station_id = EXCLUDED.station_id, block_id = EXCLUDED.block_id,
    deliverer_id = EXCLUDED.deliverer_id, stop_no = EXCLUDED.stop_no,
    city_code = EXCLUDED.city_code,
    state = CASE stops.state WHEN 'withdrawn' THEN 'planned' ELSE stops.state END
WHERE stops.bottles <> EXCLUDED.bottles OR stops.state = 'withdrawn'
RETURNING stops.block_id, old.block_id AS block_before
"""

_WITHDRAWN_STOPS = f"""
INSERT INTO stops
    (customer_id, service_date, address_id, customer_kind, city_code, station_id, block_id,
     deliverer_id, stop_no, bottles, state, bulk_marked)
SELECT t.customer_id, {_DATE}, t.address_id, any_value(c.kind), any_value(s.city_code),
       any_value(b.station_id), any_value(b.id), NULL, min({_STOP_NO.format("a")}), sum({_QUANTITY}),
       'withdrawn', false
FROM order_terms t {_SERVED}
    JOIN customers c ON c.customer_id = t.customer_id
    JOIN order_lines l ON l.customer_id = t.customer_id AND l.order_line_id = t.order_line_id
    JOIN orders o ON o.customer_id = l.customer_id AND o.order_id = l.order_id
        AND o.status IN ('delivering', 'cancelled')
WHERE t.valid @> {_DATE} AND {_QUANTITY} > 0
  AND (CAST(:blocks AS uuid[]) IS NULL OR b.id = ANY(CAST(:blocks AS uuid[])))
  AND (CAST(:products AS uuid[]) IS NULL OR t.product_id = ANY(CAST(:products AS uuid[])))
GROUP BY t.customer_id, t.address_id
ON CONFLICT (customer_id, service_date, address_id) DO UPDATE
SET bottles = stops.bottles + EXCLUDED.bottles
WHERE stops.state = 'withdrawn'
"""

_DROP_WITHDRAWN = f"""
WITH back AS MATERIALIZED (
    SELECT DISTINCT w.customer_id, d.day, b.address_id
    FROM {TAKEN_DAYS.format("w")}
    WHERE w.withdrawal_id = :id AND w.state = 'put_back' AND NOT EXISTS (
        SELECT FROM {HELD_DAYS}
        WHERE h.customer_id = w.customer_id AND h.line_id = w.order_line_id AND h.day = d.day)
), claims AS MATERIALIZED (
    SELECT x.customer_id, d.day, b.address_id, {due_quantity("b", "d.day")} AS bottles
    FROM withdrawals o
    JOIN {TAKEN_DAYS.format("x")} ON x.withdrawal_id = o.id
    WHERE o.first_date <= :last AND o.last_date >= :first AND x.state <> 'put_back'
    UNION ALL
    SELECT x.customer_id, d.day, b.address_id, {due_quantity("b", "d.day")}
    FROM {TAKEN_DAYS.format("x")}
    JOIN {HELD_DAYS} ON h.customer_id = x.customer_id AND h.line_id = x.order_line_id
        AND h.day = d.day
    WHERE x.withdrawal_id = :id AND x.state = 'put_back'
), claimed AS MATERIALIZED (
    SELECT c.customer_id, c.day, c.address_id, sum(c.bottles) AS bottles
    FROM claims c
    JOIN back k ON k.customer_id = c.customer_id AND k.day = c.day AND k.address_id = c.address_id
    GROUP BY c.customer_id, c.day, c.address_id
), kept AS (
    UPDATE stops s SET bottles = c.bottles
    FROM claimed c
    WHERE s.service_date BETWEEN :first AND :last AND s.state = 'withdrawn'
      AND s.customer_id = c.customer_id AND s.service_date = c.day AND s.address_id = c.address_id
), dropped AS (
    DELETE FROM stops s
    USING back k
    WHERE s.service_date BETWEEN :first AND :last AND s.state = 'withdrawn'
      AND s.customer_id = k.customer_id AND s.service_date = k.day AND s.address_id = k.address_id
      AND NOT EXISTS (
          SELECT FROM claimed c
          WHERE c.customer_id = k.customer_id AND c.day = k.day AND c.address_id = k.address_id)
    RETURNING s.service_date, s.block_id
)
SELECT service_date, block_id FROM dropped
"""
"""A stop that another line's withdrawal claims too stays, with that line's bottles."""

_ROUTE_SHEETS = f"""
INSERT INTO route_sheets
    (block_id, service_date, station_id, deliverer_id, stops, bottles, planned_at)
SELECT p.block_id, {_DATE}, p.station_id, g.deliverer_id, p.stops, p.bottles, :now
FROM (
    SELECT d.block_id, any_value(d.station_id) AS station_id, count(*) AS stops,
           sum(d.bottles) AS bottles
    FROM stops d {_OF_THE_DAY} AND d.state <> 'withdrawn'
    GROUP BY d.block_id
) p
LEFT JOIN block_deliverers g ON g.block_id = p.block_id AND g.valid @> {_DATE}
ON CONFLICT (block_id, service_date) DO UPDATE
    SET stops = EXCLUDED.stops, bottles = EXCLUDED.bottles
    WHERE route_sheets.stops <> EXCLUDED.stops OR route_sheets.bottles <> EXCLUDED.bottles
"""

_PICKING_TOTALS = f"""
INSERT INTO picking_totals (block_id, service_date, product_id, station_id, bottles)
SELECT d.block_id, {_DATE}, d.product_id, any_value(d.station_id), sum(d.quantity)
FROM deliveries d {_OF_THE_DAY} AND d.status <> 'cancelled'
GROUP BY d.block_id, d.product_id
ON CONFLICT (block_id, service_date, product_id) DO UPDATE SET bottles = EXCLUDED.bottles
    WHERE picking_totals.bottles <> EXCLUDED.bottles
"""


async def lock_plan(session: AsyncSession, service_date: date) -> None:
    """Wait until nobody else plans this date; held until the transaction ends."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(:lock, :day)"),
        {"lock": PLAN_LOCK, "day": service_date.toordinal()},
    )


async def try_lock_plan(session: AsyncSession, service_date: date) -> bool:
    """Like `lock_plan`, but answers false at once when somebody else plans this date."""
    locked = await session.scalar(
        text("SELECT pg_try_advisory_xact_lock(:lock, :day)"),
        {"lock": PLAN_LOCK, "day": service_date.toordinal()},
    )
    return bool(locked)


async def prepare_bulk_work(session: AsyncSession) -> None:
    """Settings of this transaction for statements over whole stations.

    The planner multiplies the selectivities of `customer_id` and the second key column as if they
    were independent, expects one row and loops over indexes; hash joins are five times as fast.
    """
    await session.execute(
        text(
            "SELECT set_config('work_mem', :memory, true), set_config('jit', 'off', true),"
            " set_config('enable_nestloop', 'off', true)"
        ),
        {"memory": WORK_MEMORY},
    )


async def end_bulk_work(session: AsyncSession) -> None:
    """Back to what suits small statements."""
    await session.execute(text("SELECT set_config('enable_nestloop', 'on', true)"))


async def insert_deliveries(
    session: AsyncSession, scope: DayScope, *, again: bool, now: datetime
) -> tuple[int, list[SetAside]]:
    """Plan what is due, and set aside what cannot be: how many deliveries, and which lines.

    `again` leaves alone what is planned already.
    """
    sql = _DELIVERIES.replace("{conflict}", "ON CONFLICT DO NOTHING" if again else "")
    counted = list(await session.execute(*scope.bind(sql, now=now)))
    return sum(row.lines for row in counted if row.reason is None), [
        SetAside(row.station_id, ExceptionReason(row.reason), row.lines)
        for row in counted
        if row.reason is not None
    ]


async def insert_stops(session: AsyncSession, scope: DayScope, *, again: bool) -> int:
    """One stop per address with deliveries; `again` brings those that exist up to date.

    The blocks' mornings are counted anew, also those that lost a stop.
    """
    if not again:
        count = await _count(session, scope, _STOPS)
        await mornings.rebuild_day(
            session, scope.service_date, await mornings.list_blocks(session, scope)
        )
        return count
    written = list(await session.execute(*scope.bind(_STOPS_AGAIN)))
    blocks = {block_id for row in written for block_id in row if block_id is not None}
    await mornings.rebuild_day(session, scope.service_date, blocks)
    return len(written)


async def insert_withdrawn_stops(
    session: AsyncSession,
    scope: DayScope,
    *,
    blocks: Collection[UUID] | None = None,
    products: Collection[UUID] | None = None,
) -> int:
    """Stops that would have been due on a day the operator withdraws, of some blocks or products."""
    result = await session.execute(
        *scope.bind(
            _WITHDRAWN_STOPS,
            blocks=None if blocks is None else sorted(blocks),
            products=None if products is None else sorted(products),
        )
    )
    await mornings.rebuild_day(
        session, scope.service_date, await mornings.list_blocks(session, scope)
    )
    return int(getattr(result, "rowcount", 0))


async def drop_withdrawn_stops(
    session: AsyncSession, *, withdrawal_id: UUID, held: Held, first: date, last: date
) -> int:
    """Take away what a withdrawal had listed and its undo has put back; answers how many."""
    values = held_values(held) | {"id": withdrawal_id, "first": first, "last": last}
    dropped = (await session.execute(text(_DROP_WITHDRAWN), values)).all()
    for day in sorted({row.service_date for row in dropped}):
        blocks = {row.block_id for row in dropped if row.service_date == day}
        await mornings.rebuild_day(session, day, blocks)
    return len(dropped)


async def rebuild_totals(session: AsyncSession, scope: DayScope, *, now: datetime) -> None:
    """Route sheets from the stops, picking totals from the deliveries."""
    await session.execute(*scope.bind(_ROUTE_SHEETS, now=now))
    await session.execute(*scope.bind(_PICKING_TOTALS))


async def list_unplanned(session: AsyncSession) -> list[tuple[date, UUID]]:
    """Frozen days nobody has planned yet: (service date, station), oldest first."""
    rows = await session.execute(
        select(PlanDay.service_date, PlanDay.station_id)
        .where(PlanDay.state == PlanDayState.FROZEN, PlanDay.planned_at.is_(None))
        .order_by(PlanDay.service_date, PlanDay.station_id)
    )
    return [(row.service_date, row.station_id) for row in rows]


async def mark_planned(session: AsyncSession, scope: DayScope, *, now: datetime) -> None:
    """Write down that these days have their plan."""
    await session.execute(
        update(PlanDay)
        .where(
            PlanDay.service_date == scope.service_date,
            PlanDay.station_id.in_(scope.stations),
            PlanDay.planned_at.is_(None),
        )
        .values(planned_at=now)
    )


async def list_blocks_without_deliverer(session: AsyncSession, scope: DayScope) -> list[UUID]:
    """Blocks of the plan that nobody goes round."""
    sql = """
        SELECT block_id FROM route_sheets
        WHERE service_date = :service_date AND station_id = ANY(:stations)
          AND deliverer_id IS NULL
        ORDER BY block_id
    """
    return list(await session.scalars(*scope.bind(sql)))


async def is_planned(session: AsyncSession, scope: DayScope) -> bool:
    """Whether the days of all stations of the scope have their plan."""
    planned = await session.scalars(
        select(PlanDay.planned_at).where(
            PlanDay.service_date == scope.service_date, PlanDay.station_id.in_(scope.stations)
        )
    )
    found = list(planned)
    return len(found) == len(scope.stations) and None not in found


@dataclass(frozen=True, slots=True)
class DueLine:
    """Where a line goes on a date, by whom, and with how many bottles."""

    address_id: UUID
    station_id: UUID | None
    bottles: int | None


async def find_line(
    session: AsyncSession, *, line: tuple[UUID, UUID], service_date: date
) -> DueLine | None:
    """What a line calls for on a date; None when it has no term on it."""
    sql = f"""
        SELECT t.address_id, b.station_id, {_QUANTITY} AS bottles
        FROM order_terms t
        LEFT JOIN address_blocks a ON a.customer_id = t.customer_id
            AND a.address_id = t.address_id AND a.valid @> {_DATE}
        LEFT JOIN blocks b ON b.id = a.block_id
        WHERE t.customer_id = :customer_id AND t.order_line_id = :order_line_id
          AND t.valid @> {_DATE}
    """
    values = {"customer_id": line[0], "order_line_id": line[1], "service_date": service_date}
    row = (await session.execute(text(sql), values)).one_or_none()
    return None if row is None else DueLine(row.address_id, row.station_id, row.bottles)


async def _count(session: AsyncSession, scope: DayScope, sql: str) -> int:
    result = await session.execute(*scope.bind(sql))
    return int(getattr(result, "rowcount", 0))
