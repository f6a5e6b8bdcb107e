"""Finance's work list of what a channel's bill and our books disagree about (S1 5.2.7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.bill_models import Bill, BillDifference, BillDifferenceMove, BillFault
from app.billing.errors import DifferenceGone
from app.billing.repository import bills as rows
from app.billing.repository.bills import Work
from app.billing.states import (
    DIFFERENCE_MOVES,
    BillStatus,
    DifferenceKind,
    DifferenceState,
    PaymentChannel,
)
from app.core.ids import new_id

NO_WORK: Final = Work()


@dataclass(frozen=True, slots=True)
class BillView:
    """A bill with what is left to do about it."""

    bill: Bill
    work: Work


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
) -> Sequence[BillView]:
    """Bills, newest day first; `with_open` only those with open differences."""
    found = await rows.list_bills(
        session,
        since=since,
        until=until,
        status=status,
        channel=channel,
        with_open=with_open,
        after=after,
        limit=limit,
    )
    work: Mapping[UUID, Work] = await rows.count_work(session, [bill.bill_id for bill in found])
    return [BillView(bill, work.get(bill.bill_id, NO_WORK)) for bill in found]


async def view_bill(session: AsyncSession, *, bill_id: UUID) -> BillView:
    """One bill; raises BillUnknown."""
    bill = await rows.get_bill(session, bill_id)
    work = await rows.count_work(session, [bill_id])
    return BillView(bill, work.get(bill_id, NO_WORK))


async def list_faults(
    session: AsyncSession, *, bill_id: UUID, after_line: int, limit: int
) -> Sequence[BillFault]:
    """Rows of a bill that were set aside, in the order of the file; raises BillUnknown."""
    await rows.get_bill(session, bill_id)
    return await rows.list_faults(session, bill_id, after_line=after_line, limit=limit)


async def list_differences(
    session: AsyncSession,
    *,
    bill_id: UUID,
    kind: DifferenceKind | None,
    state: DifferenceState | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[BillDifference]:
    """Differences of a bill, oldest first; raises BillUnknown."""
    await rows.get_bill(session, bill_id)
    return await rows.list_differences(
        session, bill_id, kind=kind, state=state, after=after, limit=limit
    )


async def view_difference(
    session: AsyncSession, *, bill_id: UUID, difference_id: UUID
) -> tuple[BillDifference, Sequence[BillDifferenceMove]]:
    """A difference and what happened to it, oldest first; raises DifferenceUnknown."""
    found = await rows.get_difference(
        session, bill_id=bill_id, difference_id=difference_id, lock=False
    )
    return found, await rows.list_moves(session, difference_id)


async def move_difference(
    session: AsyncSession,
    *,
    bill_id: UUID,
    difference_id: UUID,
    state: DifferenceState,
    reason: str,
    by: UUID,
    now: datetime,
) -> BillDifference:
    """Explain a difference, resolve it, or open it again, with a reason.

    Raises DifferenceUnknown, DifferenceGone where both sides agree by now, MoveNotAllowed.
    """
    found = await rows.get_difference(
        session, bill_id=bill_id, difference_id=difference_id, lock=True
    )
    if found.ended_at is not None:
        raise DifferenceGone
    DIFFERENCE_MOVES.require(DifferenceState(found.state), state)
    found.state, found.reason, found.settled_by, found.moved_at = state, reason, by, now
    session.add(
        BillDifferenceMove(
            move_id=new_id(),
            difference_id=difference_id,
            kind=found.kind,
            state=state,
            reason=reason,
            moved_by=by,
            moved_at=now,
        )
    )
    await session.flush()
    return found
