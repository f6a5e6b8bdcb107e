"""All SQL of a station's days of cash: the row every booking locks, and what a day adds up to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_models import CashDay, CashDayMove
from app.billing.cash_states import CashDayState
from app.billing.repository.cash import HOMES
from app.core.clock import local_instant
from app.core.ids import HOUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class CashFigures:
    """What a station's day of cash adds up to, in fen.

    Closing = opening + handed in - deposited - floats - remitted; floats are given less taken back.
    """

    opening_fen: int
    taken_fen: int
    handed_in_fen: int
    difference_fen: int
    deposited_fen: int
    floats_fen: int
    remitted_fen: int
    closing_fen: int


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Hand-ins up to a day that wait for a second person, or for the deliverer's yes.

    And remittances that the office has not received.
    """

    waiting: int
    unconfirmed: int
    unreceived: int


async def lock_day(session: AsyncSession, station_id: UUID, day: date) -> CashDay:
    """The station's day under its row lock, made where it is not there yet."""
    await session.execute(
        insert(CashDay)
        .values(station_id=station_id, business_date=day, state=CashDayState.OPEN)
        .on_conflict_do_nothing()
    )
    return await session.get_one(
        CashDay, (station_id, day), with_for_update=True, populate_existing=True
    )


async def find_day(session: AsyncSession, station_id: UUID, day: date) -> CashDay | None:
    """The station's day as it is now; None where nothing was booked."""
    return await session.get(CashDay, (station_id, day), populate_existing=True)


async def list_days(
    session: AsyncSession, *, station_id: UUID | None, after: tuple[date, UUID] | None, limit: int
) -> Sequence[CashDay]:
    """Days on which something was booked or closed, newest first."""
    wanted: list[ColumnElement[bool]] = []
    if station_id is not None:
        wanted.append(CashDay.station_id == station_id)
    if after is not None:
        day, last = after
        wanted.append(
            or_(
                CashDay.business_date < day,
                and_(CashDay.business_date == day, CashDay.station_id > last),
            )
        )
    found = await session.scalars(
        select(CashDay)
        .where(*wanted)
        .order_by(CashDay.business_date.desc(), CashDay.station_id)
        .limit(limit)
    )
    return found.all()


async def list_moves(session: AsyncSession, station_id: UUID, day: date) -> Sequence[CashDayMove]:
    """How often and why a day was closed and reopened, oldest first."""
    found = await session.scalars(
        select(CashDayMove)
        .where(CashDayMove.station_id == station_id, CashDayMove.business_date == day)
        .order_by(CashDayMove.move_id)
    )
    return found.all()


KIND_OF_MOVE: Final = """
CASE WHEN t.cause LIKE 'cash\\_banked%' THEN 'bank' WHEN t.cause LIKE 'cash\\_float%' THEN 'float'
     WHEN t.cause LIKE 'cash\\_remitted%' THEN 'office' ELSE 'hand_in' END
"""
"""Where cash of a station comes from or goes to, by a transfer `t` of the house about it."""

_FIGURES: Final = f"""
SELECT coalesce(sum(m.fen) FILTER (WHERE m.booked_date < :day), 0)::bigint AS opening_fen,
       coalesce(sum(m.fen) FILTER (WHERE m.booked_date = :day AND m.kind = 'hand_in'), 0)::bigint
           AS handed_in_fen,
       coalesce(sum(m.difference) FILTER (WHERE m.booked_date = :day), 0)::bigint
           AS difference_fen,
       coalesce(-sum(m.fen) FILTER (WHERE m.booked_date = :day AND m.kind = 'bank'), 0)::bigint
           AS deposited_fen,
       coalesce(-sum(m.fen) FILTER (WHERE m.booked_date = :day AND m.kind = 'float'), 0)::bigint
           AS floats_fen,
       coalesce(-sum(m.fen) FILTER (WHERE m.booked_date = :day AND m.kind = 'office'), 0)::bigint
           AS remitted_fen,
       coalesce(sum(m.fen), 0)::bigint AS closing_fen,
       (SELECT coalesce(sum(t.amount_fen), 0)::bigint
        FROM ledger_transfers t JOIN ({HOMES}) h ON t.debit_account = 'cash:' || h.id
        WHERE t.booked_date = :day AND t.debit_account LIKE 'cash:%'
          AND t.cause = 'cash_received' AND h.station_id = :station_id) AS taken_fen
FROM (
    SELECT t.booked_date, {KIND_OF_MOVE} AS kind,
           CASE :account WHEN t.debit_account THEN t.amount_fen
                WHEN t.credit_account THEN -t.amount_fen ELSE 0 END AS fen,
           CASE 'cash_difference' WHEN t.credit_account THEN t.amount_fen
                WHEN t.debit_account THEN -t.amount_fen ELSE 0 END AS difference
    FROM ledger_transfers t
    WHERE t.customer_id = :house AND t.reference_id = :station_id AND t.booked_date <= :day
) m
"""


async def sum_day(session: AsyncSession, *, station_id: UUID, day: date) -> CashFigures:
    """What the ledger says of a station's day."""
    found = await session.execute(
        text(_FIGURES),
        {
            "house": HOUSE,
            "station_id": station_id,
            "account": f"cash:station:{station_id}",
            "day": day,
            "today": day,
        },
    )
    return CashFigures(**found.mappings().one())


async def count_unfinished(session: AsyncSession, *, station_id: UUID, day: date) -> Unfinished:
    """Hand-ins and remittances up to the end of a day that keep it from being closed."""
    found = await session.execute(
        text(
            "SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting,"
            " count(*) FILTER (WHERE state = 'booked') AS unconfirmed,"
            " (SELECT count(*) FROM cash_remittances WHERE station_id = :station_id"
            " AND state = 'sent' AND booked_date <= :day) AS unreceived FROM cash_hand_ins"
            " WHERE station_id = :station_id"
            " AND (state = 'waiting' OR state = 'booked' AND confirmed_at IS NULL)"
            " AND CASE state WHEN 'waiting' THEN counted_at < :until ELSE booked_date <= :day END"
        ),
        {
            "station_id": station_id,
            "day": day,
            "until": local_instant(day + timedelta(days=1), time()),
        },
    )
    row = found.one()
    return Unfinished(row.waiting, row.unconfirmed, row.unreceived)
