"""What persons do about refunds: approve them, pay them out, settle them by hand."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing import rules
from app.billing.errors import (
    CashAboveLimit,
    CashNotInHand,
    NothingToResolve,
    NotPaidOutByHand,
    RefundExceedsPaid,
    SecondPersonNeeded,
)
from app.billing.models import Payment, Refund, RefundLimit, RefundRule
from app.billing.repository import ledger as ledger_rows
from app.billing.repository import payments as payment_rows
from app.billing.repository import refunds as rows
from app.billing.service.finishing import is_refused_for_good, move_refund, succeed
from app.billing.service.ledger import (
    BALANCE,
    CASH_OFFICE,
    MANUAL_PAYOUT,
    REFUND_PAYABLE,
    account_of,
    post,
)
from app.billing.service.refunds import is_above_limit, left_of, send_to_channel
from app.billing.states import ONLINE_CHANNELS, PaymentChannel, RefundStatus
from app.core.clock import local_date
from app.core.crypto import Cell
from app.core.runtime import keys
from app.core.states import MoveNotAllowed

CALL_MAY_RUN = timedelta(minutes=1)
"""How long a question to the channel may still be under way."""


async def approve_refund(
    session: AsyncSession, *, customer_id: UUID, refund_id: UUID, by: UUID, now: datetime
) -> Refund:
    """A second person lets a refund go; online channels get it, cash and POS are then paid out.

    Raises RefundUnknown, SecondPersonNeeded, NothingToResolve (only by hand), MoveNotAllowed.
    """
    refund = await rows.lock_refund(session, customer_id, refund_id)
    if refund.requested_by == by:
        raise SecondPersonNeeded
    if refund.failure in rules.BY_HAND:
        raise NothingToResolve("the channel does not take it: resolve it by hand")
    move_refund(refund, RefundStatus.APPROVED)
    refund.approved_by, refund.approved_at = by, now
    payment = await payment_rows.get_payment(session, customer_id, refund.payment_id)
    if payment.channel in ONLINE_CHANNELS:
        await send_to_channel(session, refund, now=now)
    elif payment.channel == PaymentChannel.BALANCE:
        await succeed(session, refund, account=BALANCE, at=now)
    await session.flush()
    return refund


async def pay_out(
    session: AsyncSession,
    *,
    customer_id: UUID,
    refund_id: UUID,
    by: UUID,
    evidence: str,
    now: datetime,
) -> Refund:
    """Note that an approved cash or POS refund was handed over; evidence names the paper.

    Raises RefundUnknown, NotPaidOutByHand, SecondPersonNeeded, MoveNotAllowed.
    """
    refund = await rows.lock_refund(session, customer_id, refund_id)
    payment = await payment_rows.get_payment(session, customer_id, refund.payment_id)
    if payment.channel in ONLINE_CHANNELS | {PaymentChannel.MARKETPLACE, PaymentChannel.BALANCE}:
        raise NotPaidOutByHand
    if refund.requested_by == by:
        raise SecondPersonNeeded
    if refund.status != RefundStatus.APPROVED:
        raise MoveNotAllowed(current=refund.status, wanted=RefundStatus.SUCCEEDED.value)
    _note_evidence(refund, by=by, evidence=evidence)
    account = CASH_OFFICE if payment.channel == PaymentChannel.CASH else account_of(payment)
    await succeed(session, refund, account=account, at=now)
    return refund


async def pay_out_cash(
    session: AsyncSession,
    *,
    customer_id: UUID,
    reference_id: UUID,
    cause: str,
    by: UUID,
    collector_id: UUID | None,
    evidence: str,
    now: datetime,
) -> None:
    """Note that the refunds of a cause were handed over in cash where they were due.

    Out of a deliverer's hand, or of the office where `collector_id` is None; without finance up to
    the limit a member of staff may refund alone. Raises NotPaidOutByHand (not paid in cash),
    CashAboveLimit, CashNotInHand, MoveNotAllowed when paid already.
    """
    paid = await payment_rows.lock_captured(session, customer_id, reference_id)
    made = await rows.list_payment_refunds(session, customer_id, [one.payment_id for one in paid])
    asked = [refund for refund in made if refund.cause == cause]
    channels = {one.payment_id: one.channel for one in paid}
    if not asked or any(channels[one.payment_id] != PaymentChannel.CASH for one in asked):
        raise NotPaidOutByHand
    total_fen = sum(refund.amount_fen for refund in asked)
    if any(refund.approved_by is None for refund in asked) and await is_above_limit(
        session, total_fen, requested_by=by, now=now
    ):
        raise CashAboveLimit
    account = CASH_OFFICE
    if collector_id is not None:
        account = f"cash:{collector_id}"
        if await ledger_rows.lock_cash_to_spare(session, account) < total_fen:
            raise CashNotInHand
    for found in asked:
        refund = await rows.lock_refund(session, customer_id, found.refund_id)
        refund.approved_at = refund.approved_at or now
        _note_evidence(refund, by=by, evidence=evidence)
        await succeed(session, refund, account=account, at=now)


async def resolve_manually(
    session: AsyncSession,
    *,
    customer_id: UUID,
    refund_id: UUID,
    by: UUID,
    evidence: str,
    now: datetime,
) -> Refund:
    """Settle by hand what the channel cannot pay back; the refund is marked not to origin.

    Only abnormal, closed, refused and too old or too many ones. Raises RefundUnknown,
    NothingToResolve, SecondPersonNeeded, RefundExceedsPaid.
    """
    unlocked = await rows.get_refund(session, customer_id, refund_id)
    payment = await payment_rows.lock_payment(session, customer_id, unlocked.payment_id)
    refund = await rows.lock_refund(session, customer_id, refund_id)
    if not _needs_a_person(refund):
        raise NothingToResolve
    if refund.asked_at is not None and now - refund.asked_at < CALL_MAY_RUN:
        raise NothingToResolve("the channel is being asked at this moment")
    if refund.requested_by == by:
        raise SecondPersonNeeded
    if refund.status == RefundStatus.FAILED:
        await _owe_again(session, payment, refund, now=now)
    refund.to_origin = False
    refund.approved_by, refund.approved_at = refund.approved_by or by, refund.approved_at or now
    _note_evidence(refund, by=by, evidence=evidence)
    await succeed(session, refund, account=MANUAL_PAYOUT, at=now)
    return refund


async def set_refund_limit(
    session: AsyncSession, *, limit_fen: int, set_by: UUID, now: datetime
) -> Sequence[RefundLimit]:
    """Above how much (fen) a staff member's refund waits for a second person, from today on."""
    await rows.put_refund_limit(
        session, valid_from=local_date(now), limit_fen=limit_fen, set_by=set_by, now=now
    )
    return await rows.list_refund_limits(session)


async def set_refund_rule(session: AsyncSession, rule: RefundRule) -> Sequence[RefundRule]:
    """How a channel gives money back from a date on; refunds asked for before are asked again."""
    await rows.put_refund_rule(session, rule)
    return await rows.list_refund_rules(session)


def _needs_a_person(refund: Refund) -> bool:
    match RefundStatus(refund.status):
        case RefundStatus.ABNORMAL | RefundStatus.FAILED:
            return True
        case RefundStatus.REQUESTED | RefundStatus.APPROVED:
            return refund.failure in rules.BY_HAND
        case RefundStatus.SUBMITTED:
            return is_refused_for_good(refund)
        case _:
            return False


async def _owe_again(
    session: AsyncSession, payment: Payment, refund: Refund, *, now: datetime
) -> None:
    made = await rows.list_payment_refunds(session, refund.customer_id, [refund.payment_id])
    left_fen = left_of(payment, made).left_fen
    if refund.amount_fen > left_fen:
        raise RefundExceedsPaid(asked_fen=refund.amount_fen, refundable_fen=left_fen)
    await post(
        session,
        customer_id=refund.customer_id,
        debit=refund.from_account,
        credit=REFUND_PAYABLE,
        amount_fen=refund.amount_fen,
        cause="refund_reopened",
        reference_id=refund.reference_id,
        source_id=refund.refund_id,
        now=now,
    )


def _note_evidence(refund: Refund, *, by: UUID, evidence: str) -> None:
    refund.settled_by = by
    refund.evidence_sealed = keys().seal(evidence, evidence_cell(refund.refund_id))


def evidence_cell(refund_id: UUID) -> Cell:
    """Where the evidence of a payment by hand is sealed."""
    return Cell("refunds", "evidence", refund_id)
