"""How a refund ends: paid back, or closed by the channel; and what needs a person."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing import rules
from app.billing.channels.alipay import CALL_LIMIT as ALIPAY_CALL_LIMIT
from app.billing.channels.protocol import CURRENCY, RefundFacts, RefundState
from app.billing.channels.unionpay import CLOSED_FOR_NOW, OUT_OF_HOURS
from app.billing.errors import FactsDiffer
from app.billing.events import RefundSucceeded
from app.billing.models import Payment, Refund
from app.billing.service.ledger import REFUND_PAYABLE, account_of, post, transfer_id
from app.billing.states import REFUND_MOVES, RefundStatus
from app.core.alerts import raise_alert, resolve_alert
from app.core.events import publish

DELAYED = "refund_delayed"
"""Alert: the refund is tried again and again."""
BY_HAND = "refund_by_hand"
"""Alert: the refund goes no further without a person."""


REFUSED = "refused: "
REFUSALS_THAT_PASS = frozenset(
    {
        "NOT_ENOUGH",
        "FREQUENCY_LIMITED",
        "SYSTEM_ERROR",
        "ACQ.SELLER_BALANCE_NOT_ENOUGH",
        ALIPAY_CALL_LIMIT,
        CLOSED_FOR_NOW,
        OUT_OF_HOURS,
    }
)
"""Short balance and throttling: tried again, shown after some tries. Others need a person."""


def is_refused_for_good(refund: Refund) -> bool:
    """Whether the channel's last word was a refusal that trying again will not change."""
    if refund.failure is None or not refund.failure.startswith(REFUSED):
        return False
    return refund.failure.removeprefix(REFUSED) not in REFUSALS_THAT_PASS


def move_refund(refund: Refund, status: RefundStatus) -> None:
    """Change the status; raises MoveNotAllowed."""
    REFUND_MOVES.require(RefundStatus(refund.status), status)
    refund.status = status


async def alert_by_hand(session: AsyncSession, refund: Refund, *, reason: str) -> None:
    """Call for a person."""
    await _alert(session, BY_HAND, refund, reason=reason)


async def alert_delayed(session: AsyncSession, refund: Refund, *, reason: str) -> None:
    """Show that a refund takes long; it is tried again by itself."""
    await _alert(session, DELAYED, refund, reason=reason)


async def succeed(session: AsyncSession, refund: Refund, *, account: str, at: datetime) -> None:
    """Book a refund as paid out of `account`; the refund must be locked by this transaction."""
    move_refund(refund, RefundStatus.SUCCEEDED)
    refund.finished_at = at
    refund.next_try_at = None
    refund.failure = None
    await session.flush()
    await post(
        session,
        customer_id=refund.customer_id,
        debit=REFUND_PAYABLE,
        credit=account,
        amount_fen=refund.amount_fen,
        cause="refund_succeeded",
        reference_id=refund.reference_id,
        source_id=refund.refund_id,
        now=at,
    )
    for kind in (DELAYED, BY_HAND):
        await resolve_alert(session, kind, str(refund.refund_id))
    await publish(
        session,
        RefundSucceeded(
            customer_id=refund.customer_id,
            refund_id=refund.refund_id,
            reference_id=refund.reference_id,
            amount_fen=refund.amount_fen,
            at=at,
        ),
    )


async def take_channel_word(
    session: AsyncSession, payment: Payment, refund: Refund, told: RefundFacts, *, at: datetime
) -> None:
    """Let the channel's state of a refund have its effect; the refund must be locked.

    Late and repeated messages are harmless: a finished refund stays as it is. Raises FactsDiffer,
    with nothing changed, when numbers, merchant, amount or currency are not those we asked for.
    """
    require_same_refund(payment, refund, told)
    refund.channel_refund_id = told.refund_id
    if refund.status == RefundStatus.APPROVED:
        move_refund(refund, RefundStatus.SUBMITTED)
    if refund.status in {RefundStatus.SUCCEEDED, RefundStatus.FAILED}:
        await _notice_contradiction(session, refund, told)
        return
    match told.state:
        case RefundState.SUCCEEDED:
            await succeed(session, refund, account=account_of(payment), at=at)
        case RefundState.CLOSED:
            await _fail(session, refund, at=at)
        case RefundState.ABNORMAL:
            if refund.status != RefundStatus.ABNORMAL:
                move_refund(refund, RefundStatus.ABNORMAL)
                refund.failure = "abnormal"
                await alert_by_hand(session, refund, reason="abnormal")
            refund.next_try_at = at + rules.poll_refund_after(refund.tries, waits_for_a_person=True)
        case RefundState.PROCESSING:
            if refund.status == RefundStatus.SUBMITTED:
                move_refund(refund, RefundStatus.PROCESSING)
                refund.failure = None
                refund.tries = 0
            refund.next_try_at = at + rules.poll_refund_after(refund.tries)
    await session.flush()


async def _fail(session: AsyncSession, refund: Refund, *, at: datetime) -> None:
    move_refund(refund, RefundStatus.FAILED)
    refund.finished_at = at
    refund.next_try_at = None
    refund.failure = "closed by the channel"
    await session.flush()
    await post(
        session,
        customer_id=refund.customer_id,
        debit=REFUND_PAYABLE,
        credit=refund.from_account,
        amount_fen=refund.amount_fen,
        cause="refund_failed",
        reference_id=refund.reference_id,
        source_id=refund.refund_id,
        now=at,
        reverses_id=transfer_id(refund.refund_id, "refund_requested"),
    )
    await alert_by_hand(session, refund, reason="closed by the channel")


async def _notice_contradiction(session: AsyncSession, refund: Refund, told: RefundFacts) -> None:
    paid_twice = refund.status == RefundStatus.SUCCEEDED and not refund.to_origin
    revived = refund.status == RefundStatus.FAILED
    if told.state is RefundState.SUCCEEDED and (paid_twice or revived):
        await _alert(session, "refund_contradicted", refund, reason="the channel paid it as well")


def require_same_refund(payment: Payment, refund: Refund, told: RefundFacts) -> None:
    """Raise FactsDiffer unless the channel speaks of the refund we asked for."""
    asked = rules.RefundedFacts(
        number=refund.out_refund_no,
        payment_number=payment.out_trade_no,
        amount_fen=refund.amount_fen,
        total_fen=payment.captured_fen or 0,
        merchant=payment.merchant_account,
        currency=CURRENCY,
    )
    said = rules.RefundedFacts(
        number=told.number,
        payment_number=told.payment_number,
        amount_fen=told.amount_fen,
        total_fen=told.total_fen,
        merchant=told.merchant,
        currency=told.currency,
    )
    if differing := rules.differing_refunded(asked, said):
        raise FactsDiffer(refund.out_refund_no, differing=differing)


async def _alert(session: AsyncSession, kind: str, refund: Refund, *, reason: str) -> None:
    await raise_alert(
        session,
        kind,
        str(refund.refund_id),
        customer_id=str(refund.customer_id),
        number=refund.out_refund_no,
        reason=reason,
    )
