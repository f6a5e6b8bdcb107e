"""Shapes of the JSON API of channels' bills. Amounts are integer fen."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.billing.bill_models import BillDifference, BillDifferenceMove, BillFault
from app.billing.service.bill_desk import BillView
from app.billing.states import (
    BILL_LABELS,
    DIFFERENCE_LABELS,
    DIFFERENCE_STATE_LABELS,
    BillEntry,
    BillOrigin,
    BillStatus,
    DifferenceKind,
    DifferenceState,
    PaymentChannel,
)
from app.core.ids import public_pair, public_single
from app.core.schemas import Answer, Request, ShortText


class BillDayIn(Request):
    """A day whose bill is wanted; `merchant_account` is the acquirer's number of a POS merchant."""

    bill_date: date
    channel: Literal["wechat", "alipay", "unionpay", "pos"] = "wechat"
    merchant_account: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,32}$")] | None = None


class BillSide(BaseModel):
    """What one side says of a day, in fen; `net_fen` is paid less refunded."""

    paid_fen: int
    refunded_fen: int
    net_fen: int


class BillOut(Answer):
    """The bill of a day of a merchant account beside our books.

    `difference_fen` is theirs less ours; `open_fen` is what the open differences are worth.
    """

    id: str
    channel: PaymentChannel
    merchant_account: str
    bill_date: date
    status: BillStatus
    status_label: str
    origin: BillOrigin | None
    taken_at: datetime | None
    matched_at: datetime | None
    is_wanted: bool
    next_try_at: datetime | None
    tries: int
    failure: str | None
    line_count: int
    bad_count: int
    paid_count: int
    refund_count: int
    fee_fen: int
    theirs: BillSide
    ours: BillSide
    difference_fen: int
    matched_count: int
    open_count: int
    open_fen: int
    explained_count: int

    @classmethod
    def of(cls, view: BillView) -> "BillOut":
        """Of a bill and its work."""
        bill, work = view.bill, view.work
        status = BillStatus(bill.status)
        theirs = _side(bill.paid_fen, bill.refunded_fen)
        ours = _side(bill.ours_paid_fen, bill.ours_refunded_fen)
        return cls(
            id=public_single("bil", bill.bill_id),
            channel=PaymentChannel(bill.channel),
            merchant_account=bill.merchant_account,
            bill_date=bill.bill_date,
            status=status,
            status_label=BILL_LABELS[status],
            origin=None if bill.origin is None else BillOrigin(bill.origin),
            taken_at=bill.taken_at,
            matched_at=bill.matched_at,
            is_wanted=bill.next_try_at is not None,
            next_try_at=bill.next_try_at,
            tries=bill.tries,
            failure=bill.failure,
            line_count=bill.line_count,
            bad_count=bill.bad_count,
            paid_count=bill.paid_count,
            refund_count=bill.refund_count,
            fee_fen=bill.fee_fen,
            theirs=theirs,
            ours=ours,
            difference_fen=theirs.net_fen - ours.net_fen,
            matched_count=bill.matched_count,
            open_count=work.open_count,
            open_fen=work.open_fen,
            explained_count=work.explained_count,
        )


def _side(paid_fen: int, refunded_fen: int) -> BillSide:
    return BillSide(paid_fen=paid_fen, refunded_fen=refunded_fen, net_fen=paid_fen - refunded_fen)


class BillFaultOut(Answer):
    """A row that was set aside."""

    line_no: int
    reason: str

    @classmethod
    def of(cls, fault: BillFault) -> "BillFaultOut":
        """Of a row."""
        return cls(line_no=fault.line_no, reason=fault.reason)


class ReasonIn(Request):
    """Why a difference is moved."""

    reason: ShortText


class DifferenceOut(Answer):
    """What a bill and our books disagree about; `is_gone` once both agree."""

    id: str
    bill_id: str
    entry: BillEntry
    number: str
    kind: DifferenceKind
    kind_label: str
    theirs_fen: int | None
    ours_fen: int | None
    ours_date: date | None
    ours_id: str | None
    state: DifferenceState
    state_label: str
    reason: str | None
    settled_by: UUID | None
    opened_at: datetime
    moved_at: datetime
    is_gone: bool

    @classmethod
    def of(cls, found: BillDifference) -> "DifferenceOut":
        """Of a row."""
        kind, state = DifferenceKind(found.kind), DifferenceState(found.state)
        return cls(
            id=public_single("dif", found.difference_id),
            bill_id=public_single("bil", found.bill_id),
            entry=BillEntry(found.entry),
            number=found.number,
            kind=kind,
            kind_label=DIFFERENCE_LABELS[kind],
            theirs_fen=found.theirs_fen,
            ours_fen=found.ours_fen,
            ours_date=found.ours_date,
            ours_id=_ours_id(found),
            state=state,
            state_label=DIFFERENCE_STATE_LABELS[state],
            reason=found.reason,
            settled_by=found.settled_by,
            opened_at=found.opened_at,
            moved_at=found.moved_at,
            is_gone=found.ended_at is not None,
        )


def _ours_id(found: BillDifference) -> str | None:
    if found.customer_id is None or found.row_id is None:
        return None
    prefix = "pay" if found.entry == BillEntry.PAYMENT else "rfd"
    return public_pair(prefix, found.customer_id, found.row_id)


class DifferenceMoveOut(Answer):
    """One move of a difference; without `moved_by` it was the matching itself."""

    kind: DifferenceKind
    state: DifferenceState
    state_label: str
    reason: str | None
    moved_by: UUID | None
    moved_at: datetime


class DifferenceFile(Answer):
    """A difference and its history, oldest first."""

    difference: DifferenceOut
    moves: list[DifferenceMoveOut]

    @classmethod
    def of(cls, found: BillDifference, moves: list[BillDifferenceMove]) -> "DifferenceFile":
        """Of rows."""
        return cls(
            difference=DifferenceOut.of(found),
            moves=[
                DifferenceMoveOut(
                    kind=DifferenceKind(move.kind),
                    state=DifferenceState(move.state),
                    state_label=DIFFERENCE_STATE_LABELS[DifferenceState(move.state)],
                    reason=move.reason,
                    moved_by=move.moved_by,
                    moved_at=move.moved_at,
                )
                for move in moves
            ],
        )
