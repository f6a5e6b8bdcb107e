"""Changes that cost money: they wait for a payment of their own and are computed again then.

What was shown must still hold when the money is there; otherwise it goes back by itself.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.events import PaymentCaptured
from app.billing.models import Payment, PaymentChannel
from app.billing.service import (
    close_open_payments,
    is_word_waiting,
    open_payment,
    request_refund,
    return_surplus,
)
from app.core.enqueueing import enqueue, enqueue_many
from app.core.errors import AppError
from app.core.money import yuan_text
from app.customers.service import contact_phone
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.changes.computing import Computed, compute
from app.orders.changes.kinds import KINDS
from app.orders.changes.stays import hold_from
from app.orders.changes.wanted import WantedChange
from app.orders.changes.writing import let_happen
from app.orders.errors import ChangeNotPayable, ChangeUnknown, PreviewOutdated
from app.orders.models import Order, OrderChange
from app.orders.repository.installations import cancel_needless
from app.orders.repository.recorded import expire_waiting
from app.orders.states import ChangeStatus

SETTLE_JOB = "orders.settle_change"
GRACE = timedelta(minutes=15)
"""How long a payment may still arrive after the time to pay ended."""
BATCH = 500


async def start_change_payment(
    session: AsyncSession,
    *,
    customer_id: UUID,
    order_id: UUID,
    change_id: UUID,
    payment_id: UUID,
    method: str,
    now: datetime,
    channel: PaymentChannel = PaymentChannel.WECHAT,
    openid: str | None = None,
    payer_address: str | None = None,
) -> Payment:
    """Open a payment attempt for a change that waits for it; call `ask_channel` after the commit.

    Raises ChangeUnknown, ChangeNotPayable and what `open_payment` raises.
    """
    order = await repository.lock_order(session, customer_id, order_id)
    change = await repository.get_change(session, customer_id, change_id, lock=True)
    if change.order_id != order_id:
        raise ChangeUnknown
    until = change.pay_before_at
    if change.status is not ChangeStatus.AWAITING_PAYMENT or until is None or until <= now:
        raise ChangeNotPayable(status=change.status.value)
    return await open_payment(
        session,
        customer_id=customer_id,
        payment_id=payment_id,
        reference_id=change_id,
        amount_fen=change.pay_fen,
        channel=channel,
        method=method,
        description=f"随心订 {order.order_no} {KINDS[change.kind].label}",
        expires_at=until,
        payer_openid=openid if method == "jsapi" else None,
        payer_address=(
            payer_address if channel is PaymentChannel.WECHAT and method == "h5" else None
        ),
        now=now,
    )


async def receive_change_payment(session: AsyncSession, captured: PaymentCaptured) -> None:
    """A payment of a change was captured: it is settled by a job, or the money goes back."""
    try:
        found = await repository.get_change(session, captured.customer_id, captured.reference_id)
    except ChangeUnknown:
        return
    captured.claim()
    await repository.lock_order(session, found.customer_id, found.order_id)
    change = await repository.get_change(session, found.customer_id, found.change_id, lock=True)
    if change.status is not ChangeStatus.AWAITING_PAYMENT or change.pay_fen != captured.amount_fen:
        await return_surplus(
            session,
            customer_id=captured.customer_id,
            payment_id=captured.payment_id,
            reason=f"change is {change.status.value}",
            now=captured.at,
        )
        return
    repository.move_change(session, change, ChangeStatus.PAID, at=captured.at, actor="system")
    await session.flush()
    await enqueue(session, SETTLE_JOB, _payload(change), dedupe_key=_key(change))


async def settle_change(
    session: AsyncSession, *, customer_id: UUID, change_id: UUID, now: datetime
) -> None:
    """Let a paid change happen, or give its money back; harmless when repeated."""
    found = await repository.get_change(session, customer_id, change_id)
    if found.status is not ChangeStatus.PAID:
        return
    refusal = await _hold_day(session, found, now=now)
    order = await repository.lock_order(session, customer_id, found.order_id)
    change = await repository.get_change(session, customer_id, change_id, lock=True)
    if change.status is not ChangeStatus.PAID:
        return
    computed: Computed | None = None
    if refusal is None:
        try:
            computed = await compute(
                session, order, WantedChange.from_json(change.request), now=now
            )
        except AppError as error:
            refusal = error.code
    if computed is not None and computed.effect.as_json() != change.preview:
        refusal = PreviewOutdated.code
    if refusal is not None or computed is None:
        await _refuse(session, order, change, reason=refusal or PreviewOutdated.code, now=now)
        return
    repository.move_change(session, change, ChangeStatus.APPLIED, at=now, actor="system")
    await let_happen(
        session, order, change, computed.effect, computed.outcome, actor=change.actor, now=now
    )


async def _hold_day(session: AsyncSession, change: OrderChange, *, now: datetime) -> str | None:
    """Keep the change's first day open; the code of the refusal when it is not."""
    order = await repository.get_order(session, change.customer_id, change.order_id)
    try:
        await hold_from(session, order, change.effective_date, now=now)
    except AppError as error:
        return error.code
    return None


async def _refuse(
    session: AsyncSession, order: Order, change: OrderChange, *, reason: str, now: datetime
) -> None:
    repository.move_change(
        session, change, ChangeStatus.REFUSED, at=now, actor="system", reason=reason
    )
    await session.flush()
    await request_refund(
        session,
        customer_id=change.customer_id,
        reference_id=change.change_id,
        amount_fen=change.pay_fen,
        cause=f"change_refused:{change.change_id}",
        now=now,
    )
    await send_sms(
        session,
        customer_id=change.customer_id,
        phone=await contact_phone(session, customer_id=change.customer_id),
        template="change_refused",
        parameters={
            "order": order.order_no,
            "what": KINDS[change.kind].label,
            "amount": yuan_text(change.pay_fen),
        },
        cause=f"change_refused:{change.change_id}",
        now=now,
    )


async def sweep_changes(session: AsyncSession, *, now: datetime) -> None:
    """Expire what waits in vain (payment, word, review), and wake paid ones that nobody settled."""
    for customer_id, change_id in await repository.list_unpaid_changes(
        session, before=now - GRACE, limit=BATCH
    ):
        found = await repository.get_change(session, customer_id, change_id)
        await repository.lock_order(session, customer_id, found.order_id)
        if await is_word_waiting(session, customer_id=customer_id, reference_id=change_id):
            continue
        change = await repository.get_change(session, customer_id, change_id, lock=True)
        if change.status is ChangeStatus.AWAITING_PAYMENT:
            await close_open_payments(
                session, customer_id=customer_id, reference_id=change_id, now=now
            )
            repository.move_change(session, change, ChangeStatus.EXPIRED, at=now, actor="system")
    await expire_waiting(session, now=now, limit=BATCH)
    await cancel_needless(session, now=now, limit=BATCH)
    paid = await repository.list_paid_changes(session, limit=BATCH)
    await enqueue_many(
        session,
        SETTLE_JOB,
        [_named(customer_id, change_id) for customer_id, change_id in paid],
        dedupe_keys=[f"{SETTLE_JOB}:{change_id}" for _, change_id in paid],
    )


def _payload(change: OrderChange) -> dict[str, Any]:
    return _named(change.customer_id, change.change_id)


def _named(customer_id: UUID, change_id: UUID) -> dict[str, Any]:
    return {"customer_id": str(customer_id), "change_id": str(change_id)}


def _key(change: OrderChange) -> str:
    return f"{SETTLE_JOB}:{change.change_id}"
