"""How an attempt to pay ends: captured by verified facts, or closed without money."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing import rules
from app.billing.channels.protocol import CURRENCY, Transaction
from app.billing.errors import FactsDiffer
from app.billing.events import PaymentCaptured, PaymentClosed
from app.billing.models import Payment
from app.billing.service.ledger import PREPAID, account_of, post
from app.billing.states import PAYMENT_MOVES, PaymentChannel, PaymentStatus
from app.core.alerts import raise_alert, resolve_alert
from app.core.events import publish

FACTS_DIFFER = "facts_differ"
"""Alert: the channel's word about a number of ours is not about what we asked for."""
UNCLEAR = "payment_unclear"
"""Alert: the channel has not said for a while how a payment stands."""


async def capture(
    session: AsyncSession, payment: Payment, told: Transaction, *, appid: str, at: datetime
) -> bool:
    """Book money the channel says has come; the payment must be locked by this transaction.

    False when it was captured before. A payment already closed or failed on our side is captured
    all the same: the money is there, and the handler of PaymentCaptured decides what becomes of
    it. Raises FactsDiffer, with nothing changed, when merchant, app, number, amount or currency
    are not those we asked for.
    """
    require_same_payment(payment, told, appid=appid)
    if payment.status == PaymentStatus.CAPTURED:
        return False
    move_payment(payment, PaymentStatus.CAPTURED)
    payment.captured_at = at
    payment.captured_fen = payment.amount_fen
    payment.channel_transaction_id = told.transaction_id
    payment.next_try_at = None
    payment.failure = None
    await session.flush()
    await book_captured(session, payment, amount_fen=payment.amount_fen, at=at)
    return True


async def book_captured(
    session: AsyncSession, payment: Payment, *, amount_fen: int, at: datetime
) -> None:
    """Book captured money as prepaid, and let it pay for what it was asked for."""
    await post(
        session,
        customer_id=payment.customer_id,
        debit=account_of(payment),
        credit=PREPAID,
        amount_fen=amount_fen,
        cause="payment_captured",
        reference_id=payment.reference_id,
        source_id=payment.payment_id,
        now=at,
    )
    await resolve_alert(session, UNCLEAR, str(payment.payment_id))
    captured = PaymentCaptured(
        customer_id=payment.customer_id,
        payment_id=payment.payment_id,
        reference_id=payment.reference_id,
        amount_fen=amount_fen,
        channel=PaymentChannel(payment.channel),
        at=at,
    )
    await publish(session, captured)
    if not captured.is_claimed:
        await alert_payment(
            session, "unmatched_payment", payment, reason="nobody knows the reference"
        )


def require_same_payment(payment: Payment, told: Transaction, *, appid: str) -> None:
    """Raise FactsDiffer unless the channel speaks of the payment we asked for.

    Of a captured one also the transaction must be the one it was captured by.
    """
    asked = rules.PaidFacts(
        merchant=payment.merchant_account,
        appid=appid,
        number=payment.out_trade_no,
        amount_fen=payment.amount_fen,
        currency=CURRENCY,
    )
    said = rules.PaidFacts(
        merchant=told.merchant,
        appid=told.appid,
        number=told.number,
        amount_fen=-1 if told.amount_fen is None else told.amount_fen,
        currency=told.currency or "",
    )
    if (differing := rules.differing_paid(asked, said)) or not told.transaction_id:
        raise FactsDiffer(payment.out_trade_no, differing=differing or ["transaction_id"])
    is_captured = payment.status == PaymentStatus.CAPTURED
    if is_captured and payment.channel_transaction_id != told.transaction_id:
        raise FactsDiffer(payment.out_trade_no, differing=["transaction_id"])


async def end_payment(
    session: AsyncSession, payment: Payment, status: PaymentStatus, *, at: datetime
) -> None:
    """Give an attempt up: nobody can pay it any more, or the channel refused it."""
    move_payment(payment, status)
    payment.next_try_at = None
    await resolve_alert(session, UNCLEAR, str(payment.payment_id))
    await session.flush()
    await publish(
        session,
        PaymentClosed(
            customer_id=payment.customer_id,
            payment_id=payment.payment_id,
            reference_id=payment.reference_id,
            status=status,
            at=at,
        ),
    )


def move_payment(payment: Payment, status: PaymentStatus) -> None:
    """Change the status; raises MoveNotAllowed."""
    PAYMENT_MOVES.require(PaymentStatus(payment.status), status)
    payment.status = status


async def alert_payment(
    session: AsyncSession, kind: str, payment: Payment, **facts: object
) -> None:
    """Open an alert about a payment."""
    known = {"customer_id": str(payment.customer_id), "number": payment.out_trade_no}
    await raise_alert(session, kind, str(payment.payment_id), **known, **facts)
