"""Talking to the channel about a payment: asking for it, and asking what became of it."""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing import rules
from app.billing.channels.accounts import gateway as configured_gateway
from app.billing.channels.alipay import CALL_LIMIT as ALIPAY_CALL_LIMIT
from app.billing.channels.protocol import (
    Closed,
    Missing,
    OrderRequest,
    PaymentGateway,
    Placed,
    Refused,
    TradeState,
    Transaction,
)
from app.billing.errors import FactsDiffer
from app.billing.models import Payment
from app.billing.repository import payments as rows
from app.billing.service.capturing import (
    FACTS_DIFFER,
    UNCLEAR,
    alert_payment,
    capture,
    end_payment,
    move_payment,
)
from app.billing.service.payments import payer_cell
from app.billing.states import (
    ONLINE_CHANNELS,
    OPEN_PAYMENTS,
    PaymentChannel,
    PaymentMethod,
    PaymentStatus,
)
from app.core.alerts import raise_alert
from app.core.db import Database
from app.core.outbound import Answered, OutcomeUnknown, Unknown, call_outside
from app.core.runtime import keys, runtime

PLACE_REFUSALS_TO_RETRY = frozenset({"FREQUENCY_LIMITED", "SYSTEM_ERROR", ALIPAY_CALL_LIMIT})
PLACE_REFUSALS_TO_LOOK_UP = frozenset(
    {
        "ORDERPAID",
        "ORDER_CLOSED",
        "OUT_TRADE_NO_USED",
        "ACQ.TRADE_HAS_SUCCESS",
        "ACQ.TRADE_HAS_CLOSE",
        "ACQ.CONTEXT_INCONSISTENT",
    }
)

_WHEN_MISSING = {PaymentChannel.WECHAT: "unknown to the channel"}
"""Alipay knows a payment only once its payer has opened the cashier: nothing is wrong there."""

Answer = Placed | Transaction | Missing | Closed | Refused


async def ask_channel(
    database: Database,
    *,
    customer_id: UUID,
    payment_id: UUID,
    gateway: PaymentGateway | None = None,
    now: datetime | None = None,
) -> Payment:
    """Ask the channel for what the payer needs (`handle`), in three steps; call it outside a
    transaction.

    Harmless when repeated. After a time-out the payment is `unknown`: asked again, the channel is
    queried first and the order repeated under the same number. Raises PaymentUnknown.
    """
    await _pursue(database, gateway, customer_id, payment_id, now=now, only_ask=True)
    async with database.transaction() as session:
        return await rows.get_payment(session, customer_id, payment_id)


async def query_payment(
    database: Database,
    *,
    customer_id: UUID,
    payment_id: UUID,
    gateway: PaymentGateway | None = None,
    now: datetime | None = None,
) -> Payment:
    """Ask the channel what became of an open payment: capture it, close it after its time, or
    go on waiting. Repairs a lost notification. Raises PaymentUnknown.
    """
    await _pursue(database, gateway, customer_id, payment_id, now=now, only_ask=False)
    async with database.transaction() as session:
        return await rows.get_payment(session, customer_id, payment_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """What the outside call needs to know of a payment."""

    account: PaymentGateway
    customer_id: UUID
    payment_id: UUID
    order: OrderRequest
    asked_before: bool
    has_handle: bool
    is_over: bool


async def _pursue(
    database: Database,
    gateway: PaymentGateway | None,
    customer_id: UUID,
    payment_id: UUID,
    *,
    now: datetime | None,
    only_ask: bool,
) -> None:
    at = now or runtime().clock.now()

    async def prepare(session: AsyncSession) -> _Attempt | None:
        payment = await rows.lock_payment(session, customer_id, payment_id)
        if payment.status not in OPEN_PAYMENTS or payment.channel not in ONLINE_CHANNELS:
            return None
        if only_ask and payment.status == PaymentStatus.PENDING:
            return None
        account = gateway or configured_gateway(PaymentChannel(payment.channel))
        attempt = _attempt(payment, account, at=at)
        payment.asked_at = payment.asked_at or at
        payment.next_try_at = at + rules.poll_payment_after(payment.tries)
        payment.tries += 1
        return attempt

    async def call(attempt: _Attempt) -> Answer:
        return await _converse(attempt)

    async def record(
        session: AsyncSession, attempt: _Attempt, outcome: Answered[Answer] | Unknown
    ) -> None:
        payment = await rows.lock_payment(session, attempt.customer_id, attempt.payment_id)
        await _record(session, payment, outcome, appid=attempt.account.appid, at=at)

    await call_outside(database, prepare=prepare, call=call, record=record)


def _attempt(payment: Payment, account: PaymentGateway, *, at: datetime) -> _Attempt:
    payer: dict[str, str | None] = {}
    if payment.payer_sealed is not None:
        payer = json.loads(keys().open(payment.payer_sealed, payer_cell(payment.payment_id)))
    return _Attempt(
        account=account,
        customer_id=payment.customer_id,
        payment_id=payment.payment_id,
        order=OrderRequest(
            method=PaymentMethod(payment.method).value,
            number=payment.out_trade_no,
            amount_fen=payment.amount_fen,
            description=payment.description,
            expires_at=payment.channel_expires_at or payment.expires_at,
            payer_openid=payer.get("openid"),
            payer_address=payer.get("address"),
        ),
        asked_before=payment.asked_at is not None,
        has_handle=payment.handle is not None,
        is_over=at >= payment.expires_at,
    )


async def _converse(attempt: _Attempt) -> Answer:
    """Talk to the channel until it is clear how the payment stands."""
    account, number = attempt.account, attempt.order.number
    if attempt.asked_before:
        known = await _look_up(account, number)
        if isinstance(known, Transaction) and known.state is not TradeState.NOT_PAID:
            return known
        if attempt.is_over:
            return Closed() if isinstance(known, Missing) else await _close(account, number)
        if attempt.has_handle:
            return known
    elif attempt.is_over:
        return Closed()
    placed = await account.place_order(attempt.order)
    if isinstance(placed, Refused) and placed.code in PLACE_REFUSALS_TO_LOOK_UP:
        return await _look_up(account, number)
    if isinstance(placed, Refused) and placed.code in PLACE_REFUSALS_TO_RETRY:
        raise OutcomeUnknown(placed.code)
    return placed


async def _look_up(account: PaymentGateway, number: str) -> Transaction | Missing:
    known = await account.query_order(number)
    if isinstance(known, Refused):
        # a refused question says nothing about the payment
        raise OutcomeUnknown(known.code)
    return known


async def _close(account: PaymentGateway, number: str) -> Transaction | Missing | Closed:
    closed = await account.close_order(number)
    if isinstance(closed, Refused):
        # paid in this very moment, perhaps: the query says so, or the next round closes
        return await _look_up(account, number)
    return Closed()


async def _record(
    session: AsyncSession,
    payment: Payment,
    outcome: Answered[Answer] | Unknown,
    *,
    appid: str,
    at: datetime,
) -> None:
    if payment.status not in OPEN_PAYMENTS:
        return
    if isinstance(outcome, Unknown):
        payment.failure = outcome.reason
        if payment.status == PaymentStatus.CREATED:
            move_payment(payment, PaymentStatus.UNKNOWN)
        if payment.tries >= rules.ALERT_AFTER_TRIES:
            await alert_payment(session, UNCLEAR, payment, reason=outcome.reason)
        return
    match outcome.value:
        case Placed(handle):
            payment.handle = handle
            _wait_for_payer(payment)
        case Transaction() as told if told.state is TradeState.PAID:
            await _capture_or_alert(session, payment, told, appid=appid, at=at)
        case Transaction() as told if told.state is TradeState.NOT_PAID:
            if payment.handle is not None:
                _wait_for_payer(payment)
        case Transaction() | Closed():
            await end_payment(session, payment, PaymentStatus.CLOSED, at=at)
        case Missing():
            payment.failure = _WHEN_MISSING.get(PaymentChannel(payment.channel))
        case Refused(code):
            payment.failure = code
            await alert_payment(session, "payment_refused", payment, code=code)
            await end_payment(session, payment, PaymentStatus.FAILED, at=at)


def _wait_for_payer(payment: Payment) -> None:
    payment.failure = None
    if payment.status != PaymentStatus.PENDING:
        move_payment(payment, PaymentStatus.PENDING)


async def _capture_or_alert(
    session: AsyncSession, payment: Payment, told: Transaction, *, appid: str, at: datetime
) -> None:
    try:
        await capture(session, payment, told, appid=appid, at=at)
    except FactsDiffer as error:
        payment.failure = "facts_differ"
        await raise_alert(session, FACTS_DIFFER, error.number, differing=error.differing)
