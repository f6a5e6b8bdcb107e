"""Refunds asked for. Never more goes back than was captured."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing import rules
from app.billing.errors import (
    PaymentNotCaptured,
    SecondPersonNeeded,
)
from app.billing.models import Payment, Refund
from app.billing.repository import ledger as ledger_rows
from app.billing.repository import payments as payment_rows
from app.billing.repository import refunds as rows
from app.billing.service.finishing import (
    alert_by_hand,
    move_refund,
)
from app.billing.service.ledger import (
    DEPOSIT,
    PREPAID,
    REFUND_PAYABLE,
    SUSPENSE,
    post,
)
from app.billing.service.payments import number_at
from app.billing.states import ONLINE_CHANNELS, PaymentChannel, PaymentStatus, RefundStatus
from app.core.clock import local_date
from app.core.enqueueing import enqueue, enqueue_many
from app.core.ids import new_id

SUBMIT_JOB = "billing.submit_refund"
SURPLUS = "surplus"


async def request_refund(
    session: AsyncSession,
    *,
    customer_id: UUID,
    reference_id: UUID,
    amount_fen: int,
    cause: str,
    now: datetime,
    approved_by: UUID | None = None,
    requested_by: UUID | None = None,
    from_account: str = PREPAID,
) -> list[Refund]:
    """Give money of a reference back, newest payment first; once per cause, 0 gives nothing.

    Payments whose channel takes no more refunds (`refund_rules`) give only what no other holds.

    `from_account` gives it up: what is prepaid, unless it is a deposit.

    WeChat Pay and Alipay: submitted by a job, unless a member of staff asked (`requested_by`) for
    more than the limit. Cash and POS wait for finance, a marketplace's for the marketplace. Raises
    RefundExceedsPaid, SecondPersonNeeded; ValueError for a negative amount.
    """
    if amount_fen == 0:
        return []
    if approved_by is not None and approved_by == requested_by:
        raise SecondPersonNeeded
    paid = await payment_rows.lock_captured(session, customer_id, reference_id)
    made = await rows.list_payment_refunds(session, customer_id, [p.payment_id for p in paid])
    if known := [refund for refund in made if refund.cause == cause]:
        return known
    terms = await rows.read_terms(session, on=local_date(now))
    shares = rules.spread_refund(
        amount_fen, [_offer(payment, made, terms, now=now) for payment in paid]
    )
    waits = approved_by is None and await is_above_limit(
        session, amount_fen, requested_by=requested_by, now=now
    )
    by_id = {payment.payment_id: payment for payment in paid}
    return [
        await add_refund(
            session,
            by_id[share.payment_id],
            amount_fen=share.amount_fen,
            cause=cause,
            from_account=from_account,
            refunds_before=len(_counted(by_id[share.payment_id], made)),
            waits=waits,
            requested_by=requested_by,
            approved_by=approved_by,
            now=now,
        )
        for share in shares
    ]


async def find_refundable_fen(
    session: AsyncSession, *, customer_id: UUID, reference_id: UUID
) -> int:
    """What could still go back for a reference, in fen, its deposits apart; holds the payments'
    locks.
    """
    paid = await payment_rows.lock_captured(session, customer_id, reference_id)
    made = await rows.list_payment_refunds(session, customer_id, [p.payment_id for p in paid])
    left_fen = sum(left_of(payment, made).left_fen for payment in paid)
    if left_fen == 0:
        return 0
    held_fen = await ledger_rows.find_balance(
        session, customer_id=customer_id, reference_id=reference_id, account=DEPOSIT
    )
    return max(left_fen - held_fen, 0)


async def return_surplus(
    session: AsyncSession, *, customer_id: UUID, payment_id: UUID, reason: str, now: datetime
) -> list[Refund]:
    """Give back a captured payment that has nothing to pay for: late, second, or of another amount.

    Moves its money from `prepaid` to `suspense` and refunds it in full; harmless when repeated.
    Raises PaymentUnknown, PaymentNotCaptured.
    """
    payment = await payment_rows.lock_payment(session, customer_id, payment_id)
    if payment.status != PaymentStatus.CAPTURED:
        raise PaymentNotCaptured
    made = await rows.list_payment_refunds(session, customer_id, [payment_id])
    if payment.unmatched_reason is not None:
        return [refund for refund in made if refund.cause == SURPLUS]
    payment.unmatched_reason = reason[:200]
    left_fen = left_of(payment, made).left_fen
    if left_fen == 0:
        await session.flush()
        return []
    await post(
        session,
        customer_id=customer_id,
        debit=PREPAID,
        credit=SUSPENSE,
        amount_fen=left_fen,
        cause="surplus_found",
        reference_id=payment.reference_id,
        source_id=payment_id,
        now=now,
    )
    refund = await add_refund(
        session,
        payment,
        amount_fen=left_fen,
        cause=SURPLUS,
        from_account=SUSPENSE,
        refunds_before=len(_counted(payment, made)),
        waits=False,
        requested_by=None,
        approved_by=None,
        now=now,
    )
    return [refund]


async def wake_due_refunds(session: AsyncSession, *, now: datetime) -> int:
    """Enqueue every refund the channel should be asked about now; answers how many."""
    due = await rows.list_due_refunds(session, now=now)
    await enqueue_many(
        session,
        SUBMIT_JOB,
        [_payload(refund) for refund in due],
        dedupe_keys=[_key(refund) for refund in due],
    )
    return len(due)


async def is_above_limit(
    session: AsyncSession, amount_fen: int, *, requested_by: UUID | None, now: datetime
) -> bool:
    """Whether a member of staff may not give back so much (fen) alone."""
    if requested_by is None:
        return False
    limit = await rows.find_refund_limit(session, on=local_date(now))
    return amount_fen > (rules.DEFAULT_REFUND_LIMIT_FEN if limit is None else limit)


def _counted(payment: Payment, made: Sequence[Refund]) -> list[Refund]:
    return [
        refund
        for refund in made
        if refund.payment_id == payment.payment_id and refund.status != RefundStatus.FAILED
    ]


def _offer(
    payment: Payment, made: Sequence[Refund], terms: rows.TermsOfDay, *, now: datetime
) -> rules.Refundable:
    left = left_of(payment, made)
    obstacle = rules.refund_obstacle(
        terms.of(PaymentChannel(payment.channel)),
        captured_at=left.captured_at,
        refunds_before=len(_counted(payment, made)),
        now=now,
    )
    return replace(left, is_taken_back=obstacle is None)


def left_of(payment: Payment, made: Sequence[Refund]) -> rules.Refundable:
    """What is left of a payment after the refunds made of it; lock the payment before."""
    if payment.captured_at is None or payment.captured_fen is None:
        raise PaymentNotCaptured
    taken = sum(refund.amount_fen for refund in _counted(payment, made))
    return rules.Refundable(payment.payment_id, payment.captured_at, payment.captured_fen - taken)


async def add_refund(
    session: AsyncSession,
    payment: Payment,
    *,
    amount_fen: int,
    cause: str,
    from_account: str,
    refunds_before: int,
    waits: bool,
    requested_by: UUID | None,
    approved_by: UUID | None,
    now: datetime,
) -> Refund:
    """One refund of a locked payment, owed from now on."""
    refund_id = new_id()
    refund = Refund(
        customer_id=payment.customer_id,
        refund_id=refund_id,
        payment_id=payment.payment_id,
        reference_id=payment.reference_id,
        cause=cause,
        out_refund_no=number_at(PaymentChannel(payment.channel), "R", refund_id),
        amount_fen=amount_fen,
        from_account=from_account,
        status=RefundStatus.REQUESTED,
        created_at=now,
        requested_by=requested_by,
    )
    session.add(refund)
    await session.flush()
    await post(
        session,
        customer_id=payment.customer_id,
        debit=from_account,
        credit=REFUND_PAYABLE,
        amount_fen=amount_fen,
        cause="refund_requested",
        reference_id=payment.reference_id,
        source_id=refund_id,
        now=now,
    )
    if approved_by is not None:
        refund.approved_by, refund.approved_at = approved_by, now
    if payment.channel in ONLINE_CHANNELS:
        await _start_online(
            session, payment, refund, refunds_before=refunds_before, waits=waits, now=now
        )
    elif payment.channel == PaymentChannel.MARKETPLACE:
        await _await_marketplace(session, refund, now=now)
    elif approved_by is not None:
        move_refund(refund, RefundStatus.APPROVED)
    await session.flush()
    return refund


async def _start_online(
    session: AsyncSession,
    payment: Payment,
    refund: Refund,
    *,
    refunds_before: int,
    waits: bool,
    now: datetime,
) -> None:
    await payment_rows.claim_number(
        session,
        channel=PaymentChannel(payment.channel).value,
        number=refund.out_refund_no,
        kind="refund",
        customer_id=refund.customer_id,
        row_id=refund.refund_id,
    )
    terms = await rows.read_terms(session, on=local_date(now))
    obstacle = rules.refund_obstacle(
        terms.of(PaymentChannel(payment.channel)),
        captured_at=payment.captured_at or now,
        refunds_before=refunds_before,
        now=now,
    )
    if obstacle is not None:
        refund.failure = obstacle
        await alert_by_hand(session, refund, reason=obstacle)
    elif not waits:
        move_refund(refund, RefundStatus.APPROVED)
        refund.approved_at = now
        await send_to_channel(session, refund, now=now)


async def _await_marketplace(session: AsyncSession, refund: Refund, *, now: datetime) -> None:
    """Only the marketplace gives it back; `mirror_refund` hears of it."""
    move_refund(refund, RefundStatus.APPROVED)
    refund.approved_at = refund.approved_at or now
    await alert_by_hand(session, refund, reason="on_marketplace")


async def send_to_channel(session: AsyncSession, refund: Refund, *, now: datetime) -> None:
    """Let a job submit an approved refund."""
    refund.next_try_at = now
    await enqueue(session, SUBMIT_JOB, _payload(refund), dedupe_key=_key(refund))


def _payload(refund: Refund) -> dict[str, str]:
    return {"customer_id": str(refund.customer_id), "refund_id": str(refund.refund_id)}


def _key(refund: Refund) -> str:
    return f"{SUBMIT_JOB}:{refund.refund_id}"
