"""SQL of the channels' bills, their rows, and the work list of differences."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.billing.bill_models import (
    Bill,
    BillDifference,
    BillDifferenceMove,
    BillFault,
    BillLine,
)
from app.billing.channels.bill_source import LineFacts, ReadBill
from app.billing.errors import BillUnknown, DifferenceUnknown
from app.billing.states import (
    BillStatus,
    DifferenceKind,
    DifferenceState,
    PaymentChannel,
)
from app.core.bulk import copy_rows

BATCH: Final = 200
"""Bills one sweep wakes up; the rest waits for the next."""

NEIGHBOURS: Final = 3
"""Days by which the two sides may put the same money apart: midnight, and what is heard late."""

_MAKE_DAYS: Final = text("""
INSERT INTO channel_bills (bill_id, channel, merchant_account, bill_date, status, created_at,
    tries, next_try_at, line_count, bad_count, paid_count, paid_fen, refund_count, refunded_fen,
    fee_fen, matched_count, ours_paid_fen, ours_refunded_fen)
SELECT uuidv7(), :channel, :merchant, CAST(day AS date), 'waiting', :now, 0, :now,
       0, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM generate_series(CAST(:first AS date), CAST(:last AS date), interval '1 day') AS day
ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Work:
    """What is left to do about a bill: items not settled, and what they are worth in fen.

    `theirs` counts the lines with which our books disagree, settled or not.
    """

    open_count: int = 0
    open_fen: int = 0
    explained_count: int = 0
    theirs: int = 0


async def make_days(
    session: AsyncSession,
    *,
    channel: PaymentChannel,
    merchant: str,
    first: date,
    last: date,
    now: datetime,
) -> None:
    """A waiting bill for every day from first to last that has none."""
    await session.execute(
        _MAKE_DAYS,
        {
            "channel": channel.value,
            "merchant": merchant,
            "first": first,
            "last": last,
            "now": now,
        },
    )


async def find_oldest_date(
    session: AsyncSession, *, channel: PaymentChannel, merchant: str
) -> date | None:
    """The oldest day of a merchant that has a bill, come or not."""
    return await session.scalar(
        select(func.min(Bill.bill_date)).where(
            Bill.channel == channel, Bill.merchant_account == merchant
        )
    )


async def find_by_day(
    session: AsyncSession, *, channel: PaymentChannel, merchant: str, day: date
) -> Bill | None:
    """The bill of a day, as it is now."""
    return await session.scalar(
        select(Bill)
        .where(Bill.channel == channel, Bill.merchant_account == merchant, Bill.bill_date == day)
        .execution_options(populate_existing=True)
    )


async def get_bill(session: AsyncSession, bill_id: UUID, *, lock: bool = False) -> Bill:
    """A bill as it is now; raises BillUnknown."""
    found = await session.get(Bill, bill_id, populate_existing=True, with_for_update=lock or None)
    if found is None:
        raise BillUnknown
    return found


async def list_wanted(session: AsyncSession, *, now: datetime) -> Sequence[UUID]:
    """Bills whose next download has come, oldest first."""
    found = await session.scalars(
        select(Bill.bill_id).where(Bill.next_try_at <= now).order_by(Bill.next_try_at).limit(BATCH)
    )
    return found.all()


async def list_waiting(session: AsyncSession, *, before: date) -> Sequence[Bill]:
    """Bills of days before a date that have not come."""
    found = await session.scalars(
        select(Bill)
        .where(
            Bill.status == BillStatus.WAITING,
            Bill.next_try_at.is_not(None),
            Bill.bill_date < before,
        )
        .order_by(Bill.bill_date)
    )
    return found.all()


async def list_unsettled(session: AsyncSession, *, since: date) -> Sequence[UUID]:
    """Bills of days from a date on that another matching may change, oldest first.

    Those whose differences may yet close by themselves; and the neighbours of a bill that has come
    since, for it may have lost a row which one of theirs had moved to.
    """
    live = select(BillDifference.bill_id).where(
        BillDifference.ended_at.is_(None),
        BillDifference.state != DifferenceState.RESOLVED,
        or_(
            BillDifference.state == DifferenceState.OPEN,
            BillDifference.kind != DifferenceKind.DATE_DIFFERS,
        ),
    )
    other = aliased(Bill)
    came_since = (
        select(other.bill_id)
        .where(
            other.channel == Bill.channel,
            other.merchant_account == Bill.merchant_account,
            other.bill_date.between(Bill.bill_date - NEIGHBOURS, Bill.bill_date + NEIGHBOURS),
            other.bill_id != Bill.bill_id,
            other.taken_at >= Bill.matched_at,
        )
        .exists()
    )
    found = await session.scalars(
        select(Bill.bill_id)
        .where(Bill.bill_date >= since, or_(Bill.bill_id.in_(live), came_since))
        .order_by(Bill.bill_date)
    )
    return found.all()


async def replace_rows(session: AsyncSession, bill_id: UUID, read: ReadBill) -> None:
    """The rows of a bill instead of those it had, by COPY; the bill must be locked."""
    await session.execute(delete(BillLine).where(BillLine.bill_id == bill_id))
    await session.execute(delete(BillFault).where(BillFault.bill_id == bill_id))
    await copy_rows(
        session,
        BillLine.__tablename__,
        ["bill_id", *LineFacts._fields],
        ((bill_id, *line) for line in read.lines),
    )
    await copy_rows(
        session,
        BillFault.__tablename__,
        ["bill_id", "line_no", "reason"],
        ((bill_id, fault.line_no, fault.reason) for fault in read.faults),
    )


async def list_bills(
    session: AsyncSession,
    *,
    since: date | None,
    until: date | None,
    status: BillStatus | None,
    channel: PaymentChannel | None,
    with_open: bool,
    after: tuple[date, UUID] | None,
    limit: int,
) -> Sequence[Bill]:
    """Bills, newest day first; `until` is the last day."""
    wanted: list[ColumnElement[bool]] = []
    if since is not None:
        wanted.append(Bill.bill_date >= since)
    if until is not None:
        wanted.append(Bill.bill_date <= until)
    if status is not None:
        wanted.append(Bill.status == status)
    if channel is not None:
        wanted.append(Bill.channel == channel)
    if with_open:
        items = select(BillDifference.bill_id).where(BillDifference.state == DifferenceState.OPEN)
        wanted.append(Bill.bill_id.in_(items))
    if after is not None:
        wanted.append(tuple_(Bill.bill_date, Bill.bill_id) < tuple_(*after))
    found = await session.scalars(
        select(Bill)
        .where(*wanted)
        .order_by(Bill.bill_date.desc(), Bill.bill_id.desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return found.all()


async def count_work(session: AsyncSession, bill_ids: Collection[UUID]) -> Mapping[UUID, Work]:
    """What is left to do about these bills; those without differences are absent."""
    is_open = BillDifference.state == DifferenceState.OPEN
    worth = func.abs(
        func.coalesce(BillDifference.theirs_fen, 0) - func.coalesce(BillDifference.ours_fen, 0)
    )
    rows = await session.execute(
        select(
            BillDifference.bill_id,
            func.count().filter(is_open),
            func.coalesce(func.sum(worth).filter(is_open), 0),
            func.count().filter(BillDifference.state == DifferenceState.EXPLAINED),
            func.count().filter(
                BillDifference.ended_at.is_(None), BillDifference.theirs_fen.is_not(None)
            ),
        )
        .where(BillDifference.bill_id.in_(bill_ids))
        .group_by(BillDifference.bill_id)
    )
    return {
        bill_id: Work(opened, int(worth_fen), explained, theirs)
        for bill_id, opened, worth_fen, explained, theirs in rows
    }


async def list_differences(
    session: AsyncSession,
    bill_id: UUID,
    *,
    kind: DifferenceKind | None,
    state: DifferenceState | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[BillDifference]:
    """Differences of a bill, oldest first."""
    wanted: list[ColumnElement[bool]] = [BillDifference.bill_id == bill_id]
    if kind is not None:
        wanted.append(BillDifference.kind == kind)
    if state is not None:
        wanted.append(BillDifference.state == state)
    if after is not None:
        wanted.append(
            tuple_(BillDifference.opened_at, BillDifference.difference_id) > tuple_(*after)
        )
    found = await session.scalars(
        select(BillDifference)
        .where(*wanted)
        .order_by(BillDifference.opened_at, BillDifference.difference_id)
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return found.all()


async def get_difference(
    session: AsyncSession, *, bill_id: UUID, difference_id: UUID, lock: bool
) -> BillDifference:
    """A difference of a bill as it is now; raises DifferenceUnknown."""
    found = await session.get(
        BillDifference, difference_id, populate_existing=True, with_for_update=lock or None
    )
    if found is None or found.bill_id != bill_id:
        raise DifferenceUnknown
    return found


async def list_moves(session: AsyncSession, difference_id: UUID) -> Sequence[BillDifferenceMove]:
    """What happened to a difference, oldest first."""
    found = await session.scalars(
        select(BillDifferenceMove)
        .where(BillDifferenceMove.difference_id == difference_id)
        .order_by(BillDifferenceMove.move_id)
    )
    return found.all()


async def list_faults(
    session: AsyncSession, bill_id: UUID, *, after_line: int, limit: int
) -> Sequence[BillFault]:
    """Rows set aside, in the order of the file."""
    found = await session.scalars(
        select(BillFault)
        .where(BillFault.bill_id == bill_id, BillFault.line_no > after_line)
        .order_by(BillFault.line_no)
        .limit(limit)
    )
    return found.all()
