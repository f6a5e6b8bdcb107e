"""Counting whole days for every station at once, and keeping what was counted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import SatisfactionAnswer, Ticket
from app.core.clock import OPERATOR_ZONE
from app.customers.models import Address, AddressVersion
from app.delivery.models import BlockMorning
from app.kpi.definitions import KpiKey
from app.kpi.models import KpiDay, KpiDayMark
from app.kpi.repository import orders, satisfaction, tickets
from app.kpi.rules import Period
from app.kpi.scopes import OPERATOR
from app.network.models import Block, Station
from app.orders.models import Order
from app.orders.states import INTERNET_SOURCES

_DIRTY = """
SELECT d.day FROM (
    SELECT m.service_date AS day FROM block_mornings m
    LEFT JOIN kpi_day_marks k ON k.service_date = m.service_date
    WHERE m.service_date BETWEEN :first AND :last
    GROUP BY m.service_date, k.mornings HAVING sum(m.version) IS DISTINCT FROM k.mornings
    UNION
    SELECT t.day FROM (
        SELECT t.*, (timezone(:zone, t.received_at))::date AS day FROM tickets t
        WHERE t.received_at >= :starts_at AND t.received_at < :ends_at
    ) t
    LEFT JOIN kpi_day_marks k ON k.service_date = t.day
    WHERE k.service_date IS NULL OR t.status IN ('open', 'answered') OR EXISTS (
        SELECT FROM ticket_events e
        WHERE e.customer_id = t.customer_id AND e.ticket_id = t.ticket_id
          AND e.at >= k.computed_at)
) d ORDER BY d.day
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one place adds to a KPI of a day; a place without a station counts for its city.

    Blocks are named only where they are kept: their stops stand in their mornings.
    """

    key: KpiKey
    city_code: str | None
    station_id: UUID | None
    numerator: int
    denominator: int
    longest: timedelta | None = None
    block_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class DayFigure:
    """A KPI of one day and scope."""

    scope: str
    service_date: date
    key: KpiKey
    numerator: int
    denominator: int
    longest_ms: int | None


async def list_dirty(session: AsyncSession, period: Period) -> list[date]:
    """Days of the period whose mornings or tickets changed since they were counted."""
    rows = await session.scalars(
        text(_DIRTY),
        {
            "first": period.first,
            "last": period.last,
            "starts_at": period.starts_at,
            "ends_at": period.ends_at,
            "zone": OPERATOR_ZONE.key,
        },
    )
    return list(rows)


async def lock_day(session: AsyncSession, day: date, *, now: datetime) -> None:
    """One worker at a time counts a day."""
    await session.execute(
        insert(KpiDayMark)
        .values(service_date=day, mornings=-1, computed_at=now)
        .on_conflict_do_update(
            index_elements=[KpiDayMark.service_date], set_={"mornings": KpiDayMark.mornings}
        )
    )


async def mark_day(session: AsyncSession, day: date, *, mornings: int, now: datetime) -> None:
    """Write down when a locked day was counted, and from which mornings."""
    mark = await session.get_one(KpiDayMark, day, populate_existing=True)
    mark.mornings, mark.computed_at = mornings, now


async def has_mornings(session: AsyncSession, period: Period) -> bool:
    """Whether any block had a morning in a period."""
    found = await session.scalar(
        select(BlockMorning.service_date)
        .where(BlockMorning.service_date.between(period.first, period.last))
        .limit(1)
    )
    return found is not None


async def sum_versions(session: AsyncSession, day: date) -> int:
    """The mornings' versions of a day."""
    found = await session.scalar(
        select(func.coalesce(func.sum(BlockMorning.version), 0)).where(
            BlockMorning.service_date == day
        )
    )
    return int(found or 0)


async def count_stops(session: AsyncSession, day: date) -> list[tuple[str, UUID, int, int, int]]:
    """Household stops of a day by station: (city, station, on time, due, served)."""
    rows = await session.execute(
        select(
            BlockMorning.city_code,
            BlockMorning.station_id,
            func.sum(BlockMorning.on_time),
            func.sum(BlockMorning.due),
            func.sum(BlockMorning.made + BlockMorning.partly),
        )
        .where(BlockMorning.service_date == day)
        .group_by(BlockMorning.city_code, BlockMorning.station_id)
    )
    return [(row[0], row[1], int(row[2]), int(row[3]), int(row[4])) for row in rows]


async def count_tickets(session: AsyncSession, day: date, *, now: datetime) -> list[Piece]:
    """Answer times and complaints of a day by block."""
    wait = tickets.waited(now)
    complaint = (tickets.COMPLAINT, tickets.HOUSEHOLD)
    rows = await session.execute(
        select(
            Ticket.city_code,
            Ticket.station_id,
            Ticket.block_id,
            func.count(),
            func.count().filter(tickets.answered_in_time(now)),
            func.max(wait),
            func.count().filter(*complaint),
            func.count().filter(*complaint, tickets.handling_due(now)),
            func.count().filter(*complaint, tickets.HANDLED),
        )
        .where(tickets.COUNTED, *tickets.received_in(Period(day, day), OPERATOR, now=now))
        .group_by(Ticket.city_code, Ticket.station_id, Ticket.block_id)
    )
    pieces: list[Piece] = []
    for city, station, block, count, in_time, longest, received, due, handled in rows:
        pieces.append(Piece(KpiKey.RESPONSE_TIME, city, station, in_time, count, longest, block))
        if received:
            pieces += [
                Piece(KpiKey.COMPLAINT_RATE, city, station, received, 0, block_id=block),
                Piece(KpiKey.COMPLAINT_HANDLED_RATE, city, station, handled, due, block_id=block),
            ]
    return pieces


async def count_answers(session: AsyncSession, day: date) -> list[Piece]:
    """Household answers of a day by block."""
    rows = await session.execute(
        select(
            SatisfactionAnswer.city_code,
            SatisfactionAnswer.station_id,
            SatisfactionAnswer.block_id,
            func.count().filter(satisfaction.GOOD),
            func.count(),
        )
        .where(
            satisfaction.HOUSEHOLD,
            SatisfactionAnswer.kind.in_(satisfaction.ASKED_KINDS),
            *satisfaction.given_in(Period(day, day), OPERATOR),
        )
        .group_by(
            SatisfactionAnswer.city_code,
            SatisfactionAnswer.station_id,
            SatisfactionAnswer.block_id,
        )
    )
    return [
        Piece(KpiKey.SATISFACTION, city, station, good, count, block_id=block)
        for city, station, block, good, count in rows
    ]


async def count_orders(session: AsyncSession, day: date) -> tuple[list[Piece], list[Piece]]:
    """Household orders of a day: by the city of their address, and by the block that serves it."""
    chosen = orders.confirmed_orders(OPERATOR, Period(day, day))
    internet = func.count().filter(Order.source.in_(sorted(INTERNET_SOURCES)))
    known = func.count().filter(Order.source.is_not(None))
    by_city = await session.execute(
        chosen.join(
            Address,
            (Address.customer_id == Order.customer_id) & (Address.address_id == Order.address_id),
        )
        .join(
            AddressVersion,
            (AddressVersion.customer_id == Address.customer_id)
            & (AddressVersion.address_version_id == Address.current_version_id),
        )
        .with_only_columns(AddressVersion.city_code, internet, known)
        .group_by(AddressVersion.city_code)
    )
    placed = orders.placed_orders(chosen)
    by_block = await session.execute(
        select(
            Block.station_id,
            Block.id,
            func.count().filter(orders.is_internet(placed.c.source)),
            func.count().filter(placed.c.source.is_not(None)),
        )
        .join(Block, Block.id == placed.c.block_id)
        .group_by(Block.id)
    )
    return (
        [Piece(KpiKey.INTERNET_RATE, city, None, good, count) for city, good, count in by_city],
        [
            Piece(KpiKey.INTERNET_RATE, None, station, good, count, block_id=block)
            for station, block, good, count in by_block
        ],
    )


async def cities_of_stations(session: AsyncSession) -> dict[UUID, str]:
    """Which city a station is in."""
    rows = await session.execute(select(Station.id, Station.city_code))
    return {row[0]: row[1] for row in rows}


async def replace_day(session: AsyncSession, day: date, figures: Iterable[DayFigure]) -> None:
    """Keep a day's figures in place of those there were."""
    await session.execute(delete(KpiDay).where(KpiDay.service_date == day))
    rows = list(figures)
    sql = """
        INSERT INTO kpi_days (scope, service_date, key, numerator, denominator, longest_ms)
        SELECT e.scope, :day, e.key, e.numerator, e.denominator, e.longest_ms
        FROM unnest(CAST(:scopes AS text[]), CAST(:keys AS text[]), CAST(:numerators AS bigint[]),
                    CAST(:denominators AS bigint[]), CAST(:longest AS bigint[]))
            AS e(scope, key, numerator, denominator, longest_ms)
    """
    await session.execute(
        text(sql),
        {
            "day": day,
            "scopes": [row.scope for row in rows],
            "keys": [row.key.value for row in rows],
            "numerators": [row.numerator for row in rows],
            "denominators": [row.denominator for row in rows],
            "longest": [row.longest_ms for row in rows],
        },
    )


async def list_days(
    session: AsyncSession, *, scope: str, period: Period, keys: Sequence[KpiKey]
) -> list[KpiDay]:
    """Kept figures of a scope by date."""
    found = await session.scalars(
        select(KpiDay)
        .where(
            KpiDay.scope == scope,
            KpiDay.service_date.between(period.first, period.last),
            KpiDay.key.in_([key.value for key in keys]),
        )
        .order_by(KpiDay.service_date)
    )
    return list(found)


async def list_block_days(
    session: AsyncSession, *, block_id: UUID, period: Period
) -> list[tuple[date, int, int, int]]:
    """A block's mornings: (date, on time, due, served)."""
    rows = await session.execute(
        select(
            BlockMorning.service_date,
            BlockMorning.on_time,
            BlockMorning.due,
            BlockMorning.made + BlockMorning.partly,
        )
        .where(
            BlockMorning.block_id == block_id,
            BlockMorning.service_date.between(period.first, period.last),
        )
        .order_by(BlockMorning.service_date)
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def sum_block_days(
    session: AsyncSession, *, period: Period, block_id: UUID | None = None
) -> list[tuple[UUID, int, int, int]]:
    """The mornings of one block or all, added up: (block, on time, due, served)."""
    statement = (
        select(
            BlockMorning.block_id,
            func.sum(BlockMorning.on_time),
            func.sum(BlockMorning.due),
            func.sum(BlockMorning.made + BlockMorning.partly),
        )
        .where(BlockMorning.service_date.between(period.first, period.last))
        .group_by(BlockMorning.block_id)
    )
    if block_id is not None:
        statement = statement.where(BlockMorning.block_id == block_id)
    rows = await session.execute(statement)
    return [(row[0], int(row[1]), int(row[2]), int(row[3])) for row in rows]


async def oldest_mark(session: AsyncSession, period: Period) -> datetime | None:
    """When the period's least fresh day was counted."""
    found: datetime | None = await session.scalar(
        select(func.min(KpiDayMark.computed_at)).where(
            KpiDayMark.service_date.between(period.first, period.last)
        )
    )
    return found
