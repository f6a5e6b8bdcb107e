"""All SQL of hand-ins, bank deposits and the limit of differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.cash_errors import BankDepositUnknown, HandInUnknown
from app.billing.cash_models import BankDeposit, CashDifferenceLimit, HandIn
from app.billing.cash_states import HandInState
from app.network.models import Station
from app.workforce.models import Deliverer

After = tuple[datetime, UUID]

HOMES: Final = """
SELECT d.id, d.name, coalesce(d.station_id, (
    SELECT b.station_id FROM block_deliverers v JOIN blocks b ON b.id = v.block_id
    WHERE v.deliverer_id = d.id AND lower(v.valid) <= :today
    ORDER BY upper(v.valid) DESC NULLS FIRST, lower(v.valid) DESC, b.code LIMIT 1
)) AS station_id
FROM deliverers d
"""
"""Each deliverer's one station: his own, else that of the block he serves or served last."""


@dataclass(frozen=True, slots=True)
class HandInView:
    """A hand-in with the names people read."""

    row: HandIn
    station_code: str
    deliverer_name: str

    @property
    def number(self) -> str:
        """Number of its receipt: station, year, number within both."""
        return f"{self.station_code}-{self.row.year}-{self.row.receipt_no:06}"


async def find_home(session: AsyncSession, deliverer_id: UUID, *, today: date) -> UUID | None:
    """The station a deliverer belongs to."""
    found: UUID | None = await session.scalar(
        text(f"SELECT h.station_id FROM ({HOMES}) h WHERE h.id = :deliverer_id"),
        {"deliverer_id": deliverer_id, "today": today},
    )
    return found


async def last_receipt_no(session: AsyncSession, *, station_id: UUID, year: int) -> int | None:
    """The last number given, None before the first; the caller holds the station's cash."""
    return await session.scalar(
        select(func.max(HandIn.receipt_no)).where(
            HandIn.station_id == station_id, HandIn.year == year
        )
    )


async def has_waiting(session: AsyncSession, deliverer_id: UUID) -> bool:
    """Whether a hand-in of the deliverer waits for its second person."""
    found = await session.scalar(
        select(HandIn.hand_in_id).where(
            HandIn.deliverer_id == deliverer_id, HandIn.state == HandInState.WAITING
        )
    )
    return found is not None


async def find_hand_in(session: AsyncSession, hand_in_id: UUID) -> HandIn | None:
    """A hand-in as it is now."""
    return await session.get(HandIn, hand_in_id, populate_existing=True)


async def get_hand_in(session: AsyncSession, hand_in_id: UUID, *, lock: bool = False) -> HandIn:
    """A hand-in as it is now, under its row lock where asked; raises HandInUnknown."""
    found = await session.get(
        HandIn, hand_in_id, populate_existing=True, with_for_update=lock or None
    )
    if found is None:
        raise HandInUnknown
    return found


async def view_hand_in(session: AsyncSession, row: HandIn) -> HandInView:
    """A hand-in with its names."""
    found = await session.execute(_views().where(HandIn.hand_in_id == row.hand_in_id))
    _, code, name = found.one()
    return HandInView(row, code, name)


async def list_hand_ins(
    session: AsyncSession,
    *,
    station_id: UUID | None,
    deliverer_id: UUID | None,
    state: HandInState | None,
    since: datetime | None,
    until: datetime | None,
    after: After | None,
    limit: int,
) -> list[HandInView]:
    """Hand-ins counted within [since, until), newest first."""
    wanted: list[ColumnElement[bool]] = []
    if station_id is not None:
        wanted.append(HandIn.station_id == station_id)
    if deliverer_id is not None:
        wanted.append(HandIn.deliverer_id == deliverer_id)
    if state is not None:
        wanted.append(HandIn.state == state)
    if since is not None:
        wanted.append(HandIn.counted_at >= since)
    if until is not None:
        wanted.append(HandIn.counted_at < until)
    if after is not None:
        wanted.append(tuple_(HandIn.counted_at, HandIn.hand_in_id) < tuple_(*after))
    found = await session.execute(
        _views()
        .where(*wanted)
        .order_by(HandIn.counted_at.desc(), HandIn.hand_in_id.desc())
        .limit(limit)
    )
    return [HandInView(row, code, name) for row, code, name in found]


def _views() -> Select[HandIn, str, str]:
    return (
        select(HandIn, Station.code, Deliverer.name)
        .join(Station, Station.id == HandIn.station_id)
        .join(Deliverer, Deliverer.id == HandIn.deliverer_id)
    )


async def get_bank_deposit(
    session: AsyncSession, deposit_id: UUID, *, lock: bool = False
) -> BankDeposit:
    """A bank deposit as it is now, under its row lock where asked; raises BankDepositUnknown."""
    found = await session.get(
        BankDeposit, deposit_id, populate_existing=True, with_for_update=lock or None
    )
    if found is None:
        raise BankDepositUnknown
    return found


async def is_slip_taken(session: AsyncSession, *, station_id: UUID, slip_no: str) -> bool:
    """Whether a deposit of the station that counts has this slip; the caller holds its cash."""
    found = await session.scalar(
        select(BankDeposit.deposit_id).where(
            BankDeposit.station_id == station_id,
            BankDeposit.slip_no == slip_no,
            BankDeposit.cancelled_at.is_(None),
        )
    )
    return found is not None


async def list_bank_deposits(
    session: AsyncSession, *, station_id: UUID | None, after: After | None, limit: int
) -> Sequence[BankDeposit]:
    """Bank deposits, newest first."""
    wanted: list[ColumnElement[bool]] = []
    if station_id is not None:
        wanted.append(BankDeposit.station_id == station_id)
    if after is not None:
        wanted.append(tuple_(BankDeposit.booked_at, BankDeposit.deposit_id) < tuple_(*after))
    found = await session.scalars(
        select(BankDeposit)
        .where(*wanted)
        .order_by(BankDeposit.booked_at.desc(), BankDeposit.deposit_id.desc())
        .limit(limit)
    )
    return found.all()


async def find_difference_limit(session: AsyncSession, *, on: date) -> int | None:
    """The limit in force on a date, in fen."""
    return await session.scalar(
        select(CashDifferenceLimit.limit_fen)
        .where(CashDifferenceLimit.valid_from <= on)
        .order_by(CashDifferenceLimit.valid_from.desc())
        .limit(1)
    )


async def list_difference_limits(session: AsyncSession) -> Sequence[CashDifferenceLimit]:
    """All limits, newest first."""
    found = await session.scalars(
        select(CashDifferenceLimit).order_by(CashDifferenceLimit.valid_from.desc())
    )
    return found.all()


async def put_difference_limit(
    session: AsyncSession, *, valid_from: date, limit_fen: int, set_by: UUID, now: datetime
) -> None:
    """Set the limit from a date on; a second one for the same date replaces the first."""
    facts = {"limit_fen": limit_fen, "set_by": set_by, "set_at": now}
    await session.execute(
        insert(CashDifferenceLimit)
        .values(valid_from=valid_from, **facts)
        .on_conflict_do_update(index_elements=[CashDifferenceLimit.valid_from], set_=facts)
    )
