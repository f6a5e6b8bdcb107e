"""Talking to the channel about a refund: submitting it, and asking what became of it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing import rules
from app.billing.channels.accounts import gateway as configured_gateway
from app.billing.channels.protocol import PaymentGateway, RefundFacts, RefundRequest, Refused
from app.billing.errors import FactsDiffer
from app.billing.events import RefundSubmitted
from app.billing.models import Payment, Refund
from app.billing.repository import payments as payment_rows
from app.billing.repository import refunds as rows
from app.billing.service.capturing import FACTS_DIFFER
from app.billing.service.finishing import (
    REFUSED,
    alert_by_hand,
    alert_delayed,
    is_refused_for_good,
    move_refund,
    take_channel_word,
)
from app.billing.states import ASKABLE_REFUNDS, ONLINE_CHANNELS, PaymentChannel, RefundStatus
from app.core.alerts import raise_alert
from app.core.clock import local_date
from app.core.db import Database
from app.core.events import publish
from app.core.outbound import Answered, OutcomeUnknown, Unknown, call_outside
from app.core.runtime import runtime

REASON_SHOWN = "随心订退款"


async def submit_refund(
    database: Database,
    *,
    customer_id: UUID,
    refund_id: UUID,
    gateway: PaymentGateway | None = None,
    now: datetime | None = None,
) -> None:
    """Submit an approved refund, or ask how one under way stands; in three steps.

    The number never changes: after a time-out the channel is queried first, then asked again
    under the same number. Only its word makes a refund succeed. Raises RefundUnknown.
    """
    at = now or runtime().clock.now()

    async def prepare(session: AsyncSession) -> _Attempt | None:
        return await _prepare(session, gateway, customer_id, refund_id, at=at)

    async def call(attempt: _Attempt) -> RefundFacts | Refused:
        return await _converse(attempt)

    async def record(
        session: AsyncSession,
        attempt: _Attempt,
        outcome: Answered[RefundFacts | Refused] | Unknown,
    ) -> None:
        del attempt
        await _record(session, customer_id, refund_id, outcome, at=at)

    await call_outside(database, prepare=prepare, call=call, record=record)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """What the outside call needs to know of a refund."""

    account: PaymentGateway
    request: RefundRequest
    asked_before: bool
    is_accepted: bool


async def _prepare(
    session: AsyncSession,
    gateway: PaymentGateway | None,
    customer_id: UUID,
    refund_id: UUID,
    *,
    at: datetime,
) -> _Attempt | None:
    refund = await rows.lock_refund(session, customer_id, refund_id)
    payment = await payment_rows.get_payment(session, customer_id, refund.payment_id)
    if refund.status not in ASKABLE_REFUNDS or payment.channel not in ONLINE_CHANNELS:
        return None
    account = gateway or configured_gateway(PaymentChannel(payment.channel))
    asked_before = refund.asked_at is not None
    if refund.status == RefundStatus.APPROVED:
        if not await _may_ask_now(session, payment, refund, at=at):
            return None
        move_refund(refund, RefundStatus.SUBMITTED)
        await publish(
            session,
            RefundSubmitted(
                customer_id=customer_id,
                refund_id=refund_id,
                reference_id=refund.reference_id,
                amount_fen=refund.amount_fen,
                at=at,
            ),
        )
    if refund.status == RefundStatus.SUBMITTED:
        refund.asked_at = at
    refund.tries += 1
    refund.next_try_at = at + rules.retry_refund_after(refund.tries, refused=False)
    return _Attempt(
        account=account,
        request=RefundRequest(
            number=refund.out_refund_no,
            payment_number=payment.out_trade_no,
            amount_fen=refund.amount_fen,
            total_fen=payment.captured_fen or 0,
            reason=REASON_SHOWN,
        ),
        asked_before=asked_before,
        is_accepted=refund.status != RefundStatus.SUBMITTED,
    )


async def _may_ask_now(
    session: AsyncSession, payment: Payment, refund: Refund, *, at: datetime
) -> bool:
    terms = (await rows.read_terms(session, on=local_date(at))).of(PaymentChannel(payment.channel))
    not_before = rules.refund_not_before(terms, await rows.last_refund_asked_at(session, refund))
    if not_before is not None and at < not_before:
        refund.next_try_at = not_before
        return False
    obstacle = rules.refund_obstacle(
        terms, captured_at=payment.captured_at or at, refunds_before=0, now=at
    )
    if obstacle is not None:
        refund.failure, refund.next_try_at = obstacle, None
        await alert_by_hand(session, refund, reason=obstacle)
        return False
    return True


async def _converse(attempt: _Attempt) -> RefundFacts | Refused:
    account = attempt.account
    if attempt.asked_before:
        known = await account.query_refund(attempt.request)
        if isinstance(known, RefundFacts):
            return known
        if isinstance(known, Refused):
            # a refused question says nothing about the refund
            raise OutcomeUnknown(known.code)
        if attempt.is_accepted:
            raise OutcomeUnknown("the channel forgot an accepted refund")
    return await account.submit_refund(attempt.request)


async def _record(
    session: AsyncSession,
    customer_id: UUID,
    refund_id: UUID,
    outcome: Answered[RefundFacts | Refused] | Unknown,
    *,
    at: datetime,
) -> None:
    refund = await rows.lock_refund(session, customer_id, refund_id)
    if refund.status not in ASKABLE_REFUNDS:
        return
    if isinstance(outcome, Unknown):
        refund.failure = outcome.reason
        if refund.tries >= rules.ALERT_AFTER_TRIES:
            await alert_delayed(session, refund, reason=outcome.reason)
        return
    if isinstance(outcome.value, Refused):
        await _record_refusal(session, refund, outcome.value.code, at=at)
        return
    payment = await payment_rows.get_payment(session, customer_id, refund.payment_id)
    try:
        await take_channel_word(session, payment, refund, outcome.value, at=at)
    except FactsDiffer as error:
        refund.failure = "facts_differ"
        await raise_alert(session, FACTS_DIFFER, error.number, differing=error.differing)


async def _record_refusal(
    session: AsyncSession, refund: Refund, code: str, *, at: datetime
) -> None:
    refund.failure = REFUSED + code
    refund.next_try_at = at + rules.retry_refund_after(refund.tries, refused=True)
    if is_refused_for_good(refund):
        await alert_by_hand(session, refund, reason=code)
    elif refund.tries >= rules.ALERT_AFTER_TRIES:
        await alert_delayed(session, refund, reason=code)
