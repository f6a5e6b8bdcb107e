"""Payments for tests, made the way the product makes them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.events import PaymentCaptured, PaymentClosed, RefundSucceeded
from app.billing.models import LedgerTransfer, Payment, PaymentChannel, Refund
from app.billing.service import ask_channel, open_payment, record_door_payment
from app.core.alerts import Alert, list_open_alerts
from app.core.db import Database
from app.core.events import Event
from app.core.ids import new_id
from app.identity.models import SecurityEvent
from tests.factories.world import MORNING, Household
from tests.fixtures.payments import Payments

QUARTER_HOUR = timedelta(minutes=15)
E = TypeVar("E", bound=Event)
SLIP = {
    "merchant_no": "898310059110001",
    "terminal_no": "20260001",
    "batch_no": "000007",
    "trace_no": "000123",
    "reference_no": "260315100001",
    "card_first6": "622202",
    "card_last4": "1234",
}


@dataclass
class Heard:
    """Events of billing, and a handler that claims what it is told to claim."""

    events: list[Event] = field(default_factory=list)
    claims: bool = True

    async def note(self, _: AsyncSession, event: Event) -> None:
        """Keep the event."""
        self.events.append(event)
        if self.claims and isinstance(event, PaymentCaptured):
            event.claim()

    def of(self, kind: type[E]) -> list[E]:
        """Events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def captured(self) -> list[PaymentCaptured]:
        """Captures, in order."""
        return self.of(PaymentCaptured)

    @property
    def closed(self) -> list[PaymentClosed]:
        """Attempts that ended without money, in order."""
        return self.of(PaymentClosed)

    @property
    def refunded(self) -> list[RefundSucceeded]:
        """Refunds that arrived, in order."""
        return self.of(RefundSucceeded)


async def open_one(
    database: Database,
    household: Household,
    *,
    reference_id: UUID | None = None,
    amount_fen: int = 10_500,
    channel: PaymentChannel = PaymentChannel.WECHAT,
    method: str = "native",
    now: datetime = MORNING,
    payer_openid: str | None = None,
    payer_address: str | None = None,
) -> Payment:
    """An attempt that nobody has asked the channel for yet."""
    async with database.transaction() as session:
        return await open_payment(
            session,
            customer_id=household.customer_id,
            payment_id=new_id(),
            reference_id=reference_id or new_id(),
            amount_fen=amount_fen,
            channel=channel,
            method=method,
            description="随心订 鲜牛奶",
            expires_at=now + QUARTER_HOUR,
            now=now,
            payer_openid=payer_openid,
            payer_address=payer_address,
        )


async def start_one(
    database: Database,
    household: Household,
    *,
    reference_id: UUID | None = None,
    amount_fen: int = 10_500,
    now: datetime = MORNING,
) -> Payment:
    """An attempt that waits for its payer."""
    payment = await open_one(
        database, household, reference_id=reference_id, amount_fen=amount_fen, now=now
    )
    return await ask_channel(
        database, customer_id=household.customer_id, payment_id=payment.payment_id, now=now
    )


async def pay_one(
    database: Database,
    payments: Payments,
    household: Household,
    *,
    reference_id: UUID | None = None,
    amount_fen: int = 10_500,
    now: datetime = MORNING,
) -> Payment:
    """A captured payment: asked for, paid, notified."""
    payment = await start_one(
        database, household, reference_id=reference_id, amount_fen=amount_fen, now=now
    )
    payments.pay(payment.out_trade_no)
    await payments.deliver_notifications()
    return await read_payment(database, payment)


async def take_cash(
    session: AsyncSession,
    household: Household,
    *,
    collector_id: UUID,
    receipt_no: str = "A-0001",
    reference_id: UUID | None = None,
    amount_fen: int = 9_000,
    payment_id: UUID | None = None,
    now: datetime = MORNING,
) -> Payment:
    """Cash at the door."""
    return await record_door_payment(
        session,
        customer_id=household.customer_id,
        reference_id=reference_id or new_id(),
        channel=PaymentChannel.CASH,
        amount_fen=amount_fen,
        collector_id=collector_id,
        receipt_no=receipt_no,
        pos_slip=None,
        collected_at=now,
        payment_id=payment_id or new_id(),
        now=now,
    )


async def read_payment(database: Database, payment: Payment) -> Payment:
    """The payment as it stands now."""
    async with database.transaction() as session:
        found = await session.get_one(Payment, (payment.customer_id, payment.payment_id))
        session.expunge(found)
        return found


async def read_refund(database: Database, refund: Refund) -> Refund:
    """The refund as it stands now."""
    async with database.transaction() as session:
        found = await session.get_one(Refund, (refund.customer_id, refund.refund_id))
        session.expunge(found)
        return found


async def booked(database: Database, customer_id: UUID) -> list[tuple[str, str, str, int]]:
    """A customer's transfers in order: cause, debit, credit, fen."""
    async with database.transaction() as session:
        rows = await session.scalars(
            select(LedgerTransfer)
            .where(LedgerTransfer.customer_id == customer_id)
            .order_by(LedgerTransfer.booked_at, LedgerTransfer.cause)
        )
        return [(row.cause, row.debit_account, row.credit_account, row.amount_fen) for row in rows]


async def alerts(database: Database) -> dict[str, str]:
    """Open alerts: kind -> subject."""
    async with database.transaction() as session:
        found: Sequence[Alert] = await list_open_alerts(session)
        return {alert.kind: alert.subject for alert in found}


async def security_events(database: Database) -> list[str]:
    """Kinds of the security events noted, in order."""
    async with database.transaction() as session:
        return list(await session.scalars(select(SecurityEvent.kind).order_by(SecurityEvent.at)))
