"""Attempts to pay: opened, ended early, and woken up."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing import rules
from app.billing.channels.accounts import gateway
from app.billing.errors import PayerMissing, PaymentMethodUnknown
from app.billing.models import Payment
from app.billing.repository import payments as rows
from app.billing.service.from_balance import pay_from_balance
from app.billing.states import METHODS, PaymentChannel, PaymentMethod, PaymentStatus
from app.core.bulk import insert_unless_there
from app.core.clock import wall_now
from app.core.crypto import Cell
from app.core.enqueueing import enqueue, enqueue_many
from app.core.runtime import keys

ASK_JOB = "billing.ask_channel"
QUERY_JOB = "billing.query_payment"
WAKE_UP_AFTER = timedelta(seconds=15)
"""The request that opened the payment asks by itself; the job is there for when it died."""
SHORTEST_AT_CHANNEL = timedelta(minutes=1)
"""WeChat Pay gives every payment at least a minute."""


async def open_payment(
    session: AsyncSession,
    *,
    customer_id: UUID,
    payment_id: UUID,
    reference_id: UUID,
    amount_fen: int,
    channel: PaymentChannel,
    method: str,
    description: str,
    expires_at: datetime,
    now: datetime,
    payer_openid: str | None = None,
    payer_address: str | None = None,
) -> Payment:
    """Write an attempt to pay, its number and its wake-up; call `ask_channel` after the commit.

    The same `payment_id` again is the same attempt, as it stands. `jsapi` needs the payer's
    openid, WeChat's `h5` the payer's network address. From the `balance` it is captured at once.
    Raises ChannelNotConfigured, PaymentMethodUnknown, PayerMissing, BalanceShort; ValueError unless
    `amount_fen` > 0.
    """
    if amount_fen <= 0:
        raise ValueError("a payment is positive")
    payer = {"openid": payer_openid, "address": payer_address}
    asked_method = _require_method(channel, method, payer)
    if channel is PaymentChannel.BALANCE:
        return await pay_from_balance(
            session,
            customer_id=customer_id,
            payment_id=payment_id,
            reference_id=reference_id,
            amount_fen=amount_fen,
            description=description[: rules.WECHAT_DESCRIPTION_LENGTH],
            now=now,
        )
    payment = Payment(
        customer_id=customer_id,
        payment_id=payment_id,
        reference_id=reference_id,
        channel=channel,
        method=asked_method,
        amount_fen=amount_fen,
        description=description[: rules.WECHAT_DESCRIPTION_LENGTH],
        payer_sealed=(
            keys().seal(json.dumps(payer), payer_cell(payment_id)) if any(payer.values()) else None
        ),
        expires_at=expires_at,
        created_at=now,
    )
    return await _begin(session, payment, now=now)


async def _begin(session: AsyncSession, payment: Payment, *, now: datetime) -> Payment:
    """Give a new attempt its account, number and wake-up, unless it is there."""
    channel = PaymentChannel(payment.channel)
    payment.merchant_account = gateway(channel).merchant
    payment.out_trade_no = number_at(channel, "P", payment.payment_id)
    payment.status = PaymentStatus.CREATED
    payment.channel_expires_at = wall_now() + max(payment.expires_at - now, SHORTEST_AT_CHANNEL)
    payment.tries = 0
    payment.next_try_at = now + rules.poll_payment_after(0)
    if not await insert_unless_there(session, payment):
        return await rows.get_payment(session, payment.customer_id, payment.payment_id)
    await rows.claim_number(
        session,
        channel=channel.value,
        number=payment.out_trade_no,
        kind="payment",
        customer_id=payment.customer_id,
        row_id=payment.payment_id,
    )
    await enqueue(
        session, ASK_JOB, _payload(payment), dedupe_key=_key(ASK_JOB, payment), after=WAKE_UP_AFTER
    )
    return payment


def number_at(channel: PaymentChannel, prefix: str, row_id: UUID) -> str:
    """Our number of a new payment or refund at a channel."""
    if channel is PaymentChannel.UNIONPAY:
        return rules.timed_number(prefix, row_id, at=wall_now())
    return rules.channel_number(prefix, row_id)


def _require_method(
    channel: PaymentChannel, method: str, payer: Mapping[str, str | None]
) -> PaymentMethod:
    if method not in METHODS.get(channel, ()):
        raise PaymentMethodUnknown(channel=channel.value, method=method)
    if method == PaymentMethod.JSAPI and not payer["openid"]:
        raise PayerMissing("jsapi needs the payer's openid")
    if channel is PaymentChannel.WECHAT and method == PaymentMethod.H5 and not payer["address"]:
        raise PayerMissing("h5 needs the payer's network address")
    return PaymentMethod(method)


async def close_open_payments(
    session: AsyncSession, *, customer_id: UUID, reference_id: UUID, now: datetime
) -> int:
    """End the time to pay for a reference now: the channel is told at once, by a job.

    Answers how many attempts are closed. Money that was faster is still captured.
    """
    found = await rows.lock_open(session, customer_id, reference_id)
    for payment in found:
        payment.expires_at = min(payment.expires_at, now)
        payment.next_try_at = now
        await enqueue(session, QUERY_JOB, _payload(payment), dedupe_key=_key(QUERY_JOB, payment))
    await session.flush()
    return len(found)


async def wake_due_payments(session: AsyncSession, *, now: datetime) -> int:
    """Enqueue every open payment whose next try has come; answers how many."""
    due = await rows.list_due_payments(session, now=now)
    for job in (ASK_JOB, QUERY_JOB):
        meant = [payment for payment in due if _job_for(payment, now=now) == job]
        await enqueue_many(
            session,
            job,
            [_payload(payment) for payment in meant],
            dedupe_keys=[_key(job, payment) for payment in meant],
        )
    return len(due)


def _job_for(payment: Payment, *, now: datetime) -> str:
    is_asking = payment.status != PaymentStatus.PENDING and payment.expires_at > now
    return ASK_JOB if is_asking else QUERY_JOB


def payer_cell(payment_id: UUID) -> Cell:
    """Where a payer's openid or address is sealed."""
    return Cell("payments", "payer", payment_id)


def _payload(payment: Payment) -> dict[str, str]:
    return {"customer_id": str(payment.customer_id), "payment_id": str(payment.payment_id)}


def _key(job: str, payment: Payment) -> str:
    return f"{job}:{payment.payment_id}"
