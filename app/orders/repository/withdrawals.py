"""SQL of withdrawals: their scopes, whom they hit, and their own rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Uuid, any_, func, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.orders.models import Withdrawal, WithdrawnLine
from app.orders.repository.calendar import due_quantity

ACT_LOCK: Final = 7_300_703
"""Advisory lock: one withdrawal, or undo of one, at a time."""
WORK_MEMORY: Final = "64MB"

_DAYS = "unnest(CAST(:days AS date[])) AS d(day)"
SCOPED = f"""
    FROM order_terms t
    JOIN {_DAYS} ON t.valid @> d.day
    JOIN address_blocks a ON a.customer_id = t.customer_id AND a.address_id = t.address_id
        AND a.valid @> d.day
    JOIN blocks b ON b.id = a.block_id AND b.station_id = ANY(CAST(:stations AS uuid[]))
    JOIN order_lines l ON l.customer_id = t.customer_id AND l.order_line_id = t.order_line_id
    JOIN orders o ON o.customer_id = l.customer_id AND o.order_id = l.order_id
        AND o.status = 'delivering'
    WHERE t.valid && daterange(:first, :last, '[]')
      AND (CAST(:blocks AS uuid[]) IS NULL OR b.id = ANY(CAST(:blocks AS uuid[])))
      AND (CAST(:products AS uuid[]) IS NULL OR t.product_id = ANY(CAST(:products AS uuid[])))
      AND {due_quantity("t", "d.day")} > 0
"""

DUE = f"""
due AS (
    SELECT t.customer_id, t.order_line_id, any_value(l.order_id) AS order_id,
           any_value(b.station_id) AS station_id, any_value(b.id) AS block_id,
           array_agg(d.day ORDER BY d.day) AS days,
           sum({due_quantity("t", "d.day")})::bigint AS bottles
    {SCOPED}
    GROUP BY t.customer_id, t.order_line_id
)
"""

TAKEN_DAYS = """
    withdrawn_lines {0}
    CROSS JOIN LATERAL unnest({0}.days) AS d(day)
    JOIN LATERAL jsonb_to_recordset({0}.before) AS b(
        first_date date, until date, product_id uuid, quantity smallint, interval_days smallint,
        anchor_date date, weekday_quantities smallint[], address_id uuid)
        ON d.day >= b.first_date AND d.day < b.until
"""
"""Each day taken from a line (alias `{0}`), and the term `b` that would have brought it."""

Held = Mapping[tuple[UUID, UUID], Collection[date]]
"""Days of lines (customer, line) that stay without milk, because another withdrawal holds them."""

_OTHERS = """
SELECT EXISTS (
    SELECT FROM withdrawals m
    JOIN withdrawals o ON o.id <> m.id AND o.undone_at IS NULL
        AND o.first_date <= m.last_date AND o.last_date >= m.first_date
        AND o.station_ids && m.station_ids
    WHERE m.id = :id)
"""
_HELD = f"""
SELECT w.customer_id, w.order_line_id, array_agg(DISTINCT d.day) AS days
FROM {TAKEN_DAYS.format("w")}
JOIN address_blocks a ON a.customer_id = w.customer_id AND a.address_id = b.address_id
    AND a.valid @> d.day
JOIN withdrawals o ON o.id <> w.withdrawal_id AND o.undone_at IS NULL
    AND d.day BETWEEN o.first_date AND o.last_date AND w.station_id = ANY(o.station_ids)
    AND (o.block_ids IS NULL OR a.block_id = ANY(o.block_ids))
    AND (o.product_ids IS NULL OR b.product_id = ANY(o.product_ids))
WHERE w.withdrawal_id = :id
GROUP BY w.customer_id, w.order_line_id
"""
HELD_LINES = "unnest(CAST(:customers AS uuid[]), CAST(:lines AS uuid[])) AS h(customer_id, line_id)"
HELD_DAYS = """
    unnest(CAST(:customers AS uuid[]), CAST(:lines AS uuid[]), CAST(:held_days AS date[]))
        AS h(customer_id, line_id, day)
"""

_BY_STATION = f"""
WITH {DUE}
SELECT due.station_id, any_value(s.name) AS name, count(*) AS lines,
       count(DISTINCT due.customer_id) AS households, sum(due.bottles)::bigint AS bottles
FROM due JOIN stations s ON s.id = due.station_id
GROUP BY due.station_id ORDER BY any_value(s.code)
"""
_SAMPLE = f"""
WITH {DUE}
SELECT due.customer_id, due.order_id, o.order_no, b.name AS block, p.name AS product, due.days,
       due.bottles
FROM due
JOIN orders o ON o.customer_id = due.customer_id AND o.order_id = due.order_id
JOIN order_lines l ON l.customer_id = due.customer_id AND l.order_line_id = due.order_line_id
JOIN products p ON p.id = l.product_id
JOIN blocks b ON b.id = due.block_id
ORDER BY due.customer_id, due.order_line_id LIMIT :limit
"""


_HOUSEHOLDS = """
SELECT w.customer_id, max(w.until_after) - 1 AS last_date,
       max(w.until_before) - 1 AS last_before, sum(w.credit_fen)::bigint AS credit_fen,
       bool_or(w.state = 'put_back') AS is_put_back
FROM withdrawn_lines w
WHERE w.withdrawal_id = :id AND w.customer_id > CAST(:after AS uuid)
GROUP BY w.customer_id ORDER BY w.customer_id LIMIT :limit
"""

_RENEWED = """
SELECT w.customer_id, w.order_line_id
FROM withdrawn_lines w
JOIN order_lines f ON f.customer_id = w.customer_id AND f.renews_line_id = w.order_line_id
WHERE w.withdrawal_id = :id AND w.state = :state AND f.renews_line_id IS NOT NULL
ORDER BY w.customer_id, w.order_line_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Stations, of these some blocks and products only, and the days."""

    stations: Collection[UUID]
    blocks: Collection[UUID] | None = None
    products: Collection[UUID] | None = None
    first: date
    last: date

    @property
    def is_whole(self) -> bool:
        """Whether the stations bring nothing at all."""
        return self.blocks is None and self.products is None

    @property
    def days(self) -> list[date]:
        """Its days, both ends included."""
        span = range(self.first.toordinal(), self.last.toordinal() + 1)
        return [date.fromordinal(day) for day in span]

    def values(self) -> dict[str, object]:
        """Values of the statements."""
        return {
            "stations": sorted(self.stations),
            "blocks": None if self.blocks is None else sorted(self.blocks),
            "products": None if self.products is None else sorted(self.products),
            "first": self.first,
            "last": self.last,
            "days": self.days,
        }


async def lock_acts(session: AsyncSession) -> None:
    """One withdrawal, or undo of one, at a time; held until commit."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ACT_LOCK})


async def prepare_bulk_work(session: AsyncSession) -> None:
    """Settings of this transaction for statements over whole stations (see the daily plan)."""
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


async def count_hit(session: AsyncSession, scope: Scope) -> Sequence[Row[Any]]:
    """Lines, households and bottles that a scope would hit, by station."""
    return (await session.execute(text(_BY_STATION), scope.values())).all()


async def sample_hit(session: AsyncSession, scope: Scope, *, limit: int) -> Sequence[Row[Any]]:
    """Some of the lines that a scope would hit."""
    return (await session.execute(text(_SAMPLE), scope.values() | {"limit": limit})).all()


async def find_withdrawal(session: AsyncSession, withdrawal_id: UUID) -> Withdrawal | None:
    """One withdrawal, read anew."""
    return await session.get(Withdrawal, withdrawal_id, populate_existing=True)


async def lock_withdrawal(session: AsyncSession, withdrawal_id: UUID) -> Withdrawal:
    """One withdrawal that is there, read anew and held until commit."""
    query = (
        select(Withdrawal)
        .where(Withdrawal.id == withdrawal_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(query)).one()


_WHOLE_OVER = """
SELECT id FROM withdrawals
WHERE last_date >= :first AND first_date <= :last AND undone_at IS NULL
  AND station_ids && CAST(:stations AS uuid[]) AND block_ids IS NULL AND product_ids IS NULL
ORDER BY at DESC, id DESC LIMIT 1
"""


async def find_whole_over(session: AsyncSession, scope: Scope) -> UUID | None:
    """The newest withdrawal in force of whole stations on days of a scope."""
    values = {"stations": sorted(scope.stations), "first": scope.first, "last": scope.last}
    found: UUID | None = await session.scalar(text(_WHOLE_OVER), values)
    return found


async def list_held(session: AsyncSession, withdrawal_id: UUID) -> Held:
    """Days of its lines that another withdrawal in force holds as well."""
    if not await session.scalar(text(_OTHERS), {"id": withdrawal_id}):
        return {}
    found = await session.execute(text(_HELD), {"id": withdrawal_id})
    return {(customer_id, line_id): set(days) for customer_id, line_id, days in found}


def held_values(held: Held) -> dict[str, object]:
    """Values of statements with `HELD_LINES` or `HELD_DAYS`."""
    rows = [(*key, day) for key, days in held.items() for day in sorted(days)]
    customers, lines, days = zip(*rows, strict=True) if rows else ((), (), ())
    return {"customers": list(customers), "lines": list(lines), "held_days": list(days)}


async def list_untold(session: AsyncSession, *, before: datetime) -> list[tuple[UUID, bool]]:
    """Withdrawals, or undos (true), before an instant whose households have not all been told."""
    found = await session.execute(
        select(Withdrawal.id, Withdrawal.undone_at.is_not(None)).where(
            Withdrawal.told_at.is_(None),
            func.coalesce(Withdrawal.undone_at, Withdrawal.at) < before,
        )
    )
    return [(row[0], row[1]) for row in found]


async def mark_told(
    session: AsyncSession, withdrawal_id: UUID, *, is_undo: bool, now: datetime
) -> None:
    """Write down that all have been told, unless it has been undone since."""
    await session.execute(
        update(Withdrawal)
        .where(Withdrawal.id == withdrawal_id, Withdrawal.undone_at.is_not(None) == is_undo)
        .values(told_at=now)
        .execution_options(synchronize_session=False)
    )


_UNKNOWN = """
SELECT EXISTS (
    SELECT FROM unnest(CAST(:stations AS uuid[])) AS x(id)
    WHERE NOT EXISTS (SELECT FROM stations s WHERE s.id = x.id)
    UNION ALL
    SELECT FROM unnest(CAST(:blocks AS uuid[])) AS x(id)
    WHERE NOT EXISTS (SELECT FROM blocks b WHERE b.id = x.id
                      AND b.station_id = ANY(CAST(:stations AS uuid[])))
    UNION ALL
    SELECT FROM unnest(CAST(:products AS uuid[])) AS x(id)
    WHERE NOT EXISTS (SELECT FROM products p WHERE p.id = x.id))
"""


async def is_known(session: AsyncSession, scope: Scope) -> bool:
    """Whether its stations, blocks (of these stations) and products exist."""
    values = scope.values()
    wanted = {name: values[name] for name in ("stations", "blocks", "products")}
    return not await session.scalar(text(_UNKNOWN), wanted)


async def list_withdrawals(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Withdrawal]:
    """Withdrawals (of one station), newest first."""
    query = select(Withdrawal).order_by(Withdrawal.at.desc(), Withdrawal.id.desc()).limit(limit)
    if station_id is not None:
        query = query.where(literal(station_id, Uuid) == any_(Withdrawal.station_ids))
    if before is not None:
        query = query.where(
            (Withdrawal.at < before[0])
            | ((Withdrawal.at == before[0]) & (Withdrawal.id < before[1]))
        )
    return list(await session.scalars(query))


async def list_partial_on(session: AsyncSession, day: date) -> list[Withdrawal]:
    """Withdrawals in force on a day that leave the day itself open: of some blocks or products."""
    found = await session.scalars(
        select(Withdrawal)
        .where(
            Withdrawal.first_date <= day,
            Withdrawal.last_date >= day,
            Withdrawal.undone_at.is_(None),
            Withdrawal.block_ids.is_not(None) | Withdrawal.product_ids.is_not(None),
        )
        .order_by(Withdrawal.at)
    )
    return list(found)


async def list_renewed(
    session: AsyncSession, withdrawal_id: UUID, *, state: str
) -> list[tuple[UUID, UUID]]:
    """Keys (customer, line) of a withdrawal's lines in a state that another order goes on from."""
    found = await session.execute(text(_RENEWED), {"id": withdrawal_id, "state": state})
    return [(customer_id, line_id) for customer_id, line_id in found]


async def list_households(
    session: AsyncSession, withdrawal_id: UUID, *, after: UUID, limit: int
) -> Sequence[Row[Any]]:
    """Households of a withdrawal by id: last day, credit (fen), whether something was put back."""
    values = {"id": withdrawal_id, "after": after, "limit": limit}
    return (await session.execute(text(_HOUSEHOLDS), values)).all()


def beyond(query: Any, after: tuple[UUID, UUID] | None) -> Any:
    """Only lines behind a key (customer, line)."""
    if after is None:
        return query
    customer, line = WithdrawnLine.customer_id, WithdrawnLine.order_line_id
    return query.where((customer > after[0]) | ((customer == after[0]) & (line > after[1])))
