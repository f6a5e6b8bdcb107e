"""SQL of a day at a glance: every station's cash of a date, and differences over all bills."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.bill_models import Bill, BillDifference
from app.billing.cash_models import BankDeposit
from app.billing.cash_states import CashDayState
from app.billing.repository.cash import HOMES
from app.billing.repository.cash_days import KIND_OF_MOVE
from app.billing.states import DifferenceKind, DifferenceState, PaymentChannel
from app.core.clock import local_instant
from app.core.ids import HOUSE

_STATIONS: Final = text(f"""
WITH closed AS (
    SELECT DISTINCT ON (c.station_id) c.station_id, c.business_date, c.closing_fen
    FROM cash_days c WHERE c.state = 'closed' AND c.business_date < :day
    ORDER BY c.station_id, c.business_date DESC
), moves AS (
    SELECT t.reference_id AS station_id, t.booked_date, {KIND_OF_MOVE} AS kind,
           CASE 'cash:station:' || t.reference_id
                WHEN t.debit_account THEN t.amount_fen
                WHEN t.credit_account THEN -t.amount_fen ELSE 0 END AS fen,
           CASE 'cash_difference' WHEN t.credit_account THEN t.amount_fen
                WHEN t.debit_account THEN -t.amount_fen ELSE 0 END AS difference
    FROM ledger_transfers t
    LEFT JOIN closed c ON c.station_id = t.reference_id
    WHERE t.customer_id = :house AND t.booked_date <= :day
      AND (c.business_date IS NULL OR t.booked_date > c.business_date)
), sums AS (
    SELECT m.station_id,
           sum(m.fen) FILTER (WHERE m.booked_date < :day) AS before_fen,
           sum(m.fen) FILTER (WHERE m.booked_date = :day AND m.kind = 'hand_in') AS handed_in_fen,
           sum(m.difference) FILTER (WHERE m.booked_date = :day) AS difference_fen,
           -sum(m.fen) FILTER (WHERE m.booked_date = :day AND m.kind = 'bank') AS deposited_fen,
           -sum(m.fen) FILTER (WHERE m.booked_date = :day AND m.kind = 'float') AS floats_fen,
           -sum(m.fen) FILTER (WHERE m.booked_date = :day AND m.kind = 'office') AS remitted_fen
    FROM moves m GROUP BY m.station_id
), taken AS (
    SELECT h.station_id, sum(t.amount_fen) AS fen
    FROM ledger_transfers t JOIN ({HOMES}) h ON t.debit_account = 'cash:' || h.id
    WHERE t.booked_date = :day AND t.debit_account LIKE 'cash:%' AND t.cause = 'cash_received'
    GROUP BY h.station_id
), unfinished AS (
    SELECT n.station_id, count(*) FILTER (WHERE n.state = 'waiting') AS waiting,
           count(*) FILTER (WHERE n.state = 'booked') AS unconfirmed
    FROM cash_hand_ins n
    WHERE (n.state = 'waiting' OR n.state = 'booked' AND n.confirmed_at IS NULL)
      AND CASE n.state WHEN 'waiting' THEN n.counted_at < :until ELSE n.booked_date <= :day END
    GROUP BY n.station_id
), on_the_way AS (
    SELECT r.station_id, count(*) AS unreceived FROM cash_remittances r
    WHERE r.state = 'sent' AND r.booked_date <= :day GROUP BY r.station_id
)
SELECT s.id, s.name, coalesce(d.state, 'open') AS state, d.closed_at,
       coalesce(d.opening_fen, coalesce(c.closing_fen, 0) + coalesce(m.before_fen, 0))::bigint
           AS opening_fen,
       coalesce(d.taken_fen, t.fen, 0)::bigint AS taken_fen,
       coalesce(d.handed_in_fen, m.handed_in_fen, 0)::bigint AS handed_in_fen,
       coalesce(d.difference_fen, m.difference_fen, 0)::bigint AS difference_fen,
       coalesce(d.deposited_fen, m.deposited_fen, 0)::bigint AS deposited_fen,
       coalesce(d.floats_fen, m.floats_fen, 0)::bigint AS floats_fen,
       coalesce(d.remitted_fen, m.remitted_fen, 0)::bigint AS remitted_fen,
       coalesce(u.waiting, 0) AS waiting, coalesce(u.unconfirmed, 0) AS unconfirmed,
       coalesce(o.unreceived, 0) AS unreceived
FROM stations s
LEFT JOIN cash_days d ON d.station_id = s.id AND d.business_date = :day
LEFT JOIN closed c ON c.station_id = s.id
LEFT JOIN sums m ON m.station_id = s.id
LEFT JOIN taken t ON t.station_id = s.id
LEFT JOIN unfinished u ON u.station_id = s.id
LEFT JOIN on_the_way o ON o.station_id = s.id
WHERE s.is_active OR d.station_id IS NOT NULL OR m.station_id IS NOT NULL
ORDER BY s.code
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class StationDay:
    """A station's cash of a date, as it was closed or as the ledger has it now, in fen.

    `waiting` and `unconfirmed` hand-ins and `unreceived` remittances keep the day from being closed.
    """

    station_id: UUID
    name: str
    state: CashDayState
    closed_at: datetime | None
    opening_fen: int
    taken_fen: int
    handed_in_fen: int
    difference_fen: int
    deposited_fen: int
    floats_fen: int
    remitted_fen: int
    waiting: int
    unconfirmed: int
    unreceived: int

    @property
    def closing_fen(self) -> int:
        """What is left in the station's safe."""
        left = self.deposited_fen + self.floats_fen + self.remitted_fen
        return self.opening_fen + self.handed_in_fen - left

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is booked on the day."""
        return self.state is CashDayState.CLOSED

    @property
    def is_idle(self) -> bool:
        """Whether nothing happened and nothing lies in the safe: there is nothing to close."""
        came = self.opening_fen or self.taken_fen or self.handed_in_fen
        left = self.deposited_fen or self.floats_fen or self.remitted_fen
        return not (self.is_closed or came or left or self.is_unfinished)

    @property
    def is_unfinished(self) -> bool:
        """Whether hand-ins or remittances wait for somebody's yes."""
        return bool(self.waiting or self.unconfirmed or self.unreceived)


async def list_station_days(session: AsyncSession, *, day: date) -> list[StationDay]:
    """Every station's cash of a date, by code; in one statement for all of them."""
    rows = await session.execute(
        _STATIONS,
        {
            "house": HOUSE,
            "day": day,
            "today": day,
            "until": local_instant(day + timedelta(days=1), time()),
        },
    )
    return [
        StationDay(
            station_id=row.id,
            name=row.name,
            state=CashDayState(row.state),
            closed_at=row.closed_at,
            opening_fen=row.opening_fen,
            taken_fen=row.taken_fen,
            handed_in_fen=row.handed_in_fen,
            difference_fen=row.difference_fen,
            deposited_fen=row.deposited_fen,
            floats_fen=row.floats_fen,
            remitted_fen=row.remitted_fen,
            waiting=row.waiting,
            unconfirmed=row.unconfirmed,
            unreceived=row.unreceived,
        )
        for row in rows
    ]


async def list_deposits_of(
    session: AsyncSession, *, day: date, station_id: UUID | None, limit: int
) -> Sequence[BankDeposit]:
    """Bank deposits booked on a date, newest first."""
    wanted: list[ColumnElement[bool]] = [
        BankDeposit.booked_at >= local_instant(day, time()),
        BankDeposit.booked_at < local_instant(day + timedelta(days=1), time()),
    ]
    if station_id is not None:
        wanted.append(BankDeposit.station_id == station_id)
    found = await session.scalars(
        select(BankDeposit)
        .where(*wanted)
        .order_by(BankDeposit.booked_at.desc(), BankDeposit.deposit_id.desc())
        .limit(limit)
    )
    return found.all()


async def list_differences(
    session: AsyncSession,
    *,
    kind: DifferenceKind | None,
    channel: PaymentChannel | None,
    state: DifferenceState | None,
    day: date | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[tuple[BillDifference, Bill]]:
    """Differences over all bills with their bill, oldest first."""
    wanted: list[ColumnElement[bool]] = []
    if kind is not None:
        wanted.append(BillDifference.kind == kind)
    if channel is not None:
        wanted.append(Bill.channel == channel)
    if state is not None:
        wanted.append(BillDifference.state == state)
    if day is not None:
        wanted.append(Bill.bill_date == day)
    if after is not None:
        wanted.append(
            tuple_(BillDifference.opened_at, BillDifference.difference_id) > tuple_(*after)
        )
    rows = await session.execute(
        select(BillDifference, Bill)
        .join(Bill, Bill.bill_id == BillDifference.bill_id)
        .where(*wanted)
        .order_by(BillDifference.opened_at, BillDifference.difference_id)
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [(difference, bill) for difference, bill in rows]
