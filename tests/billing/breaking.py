"""Rows that break an invariant, each one only its own."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import Ticket, TicketEvent
from app.aftersales.states import TicketClass, TicketKind, TicketStatus
from app.billing.models import (
    ChannelEvent,
    Payment,
    PaymentChannel,
    PaymentMethod,
    PaymentStatus,
    Receipt,
    Refund,
    RefundStatus,
)
from app.billing.service import post
from app.core.alerts import raise_alert
from app.core.ids import new_id
from app.delivery.models import Delivery, DeliveryStatus
from app.identity.models import AccessLogEntry, Role
from app.network.models import PlanDay
from app.notifications.models import SmsMessage, SmsReceipt
from app.notifications.states import SmsStatus
from app.orders.models import Order, OrderLine, OrderReview
from app.orders.states import ConfirmationKind, OrderSource, OrderStatus
from tests.factories.billing import take_cash
from tests.factories.world import MORNING, TODAY, World

LONG_AGO = MORNING - timedelta(days=10)
Plant = Callable[[AsyncSession, World], Awaitable[object]]


def payment(world: World, **changed: Any) -> Payment:
    facts: dict[str, Any] = {
        "customer_id": world.household.customer_id,
        "payment_id": new_id(),
        "reference_id": new_id(),
        "channel": PaymentChannel.WECHAT,
        "method": PaymentMethod.NATIVE,
        "merchant_account": "9900000001",
        "out_trade_no": "P1",
        "amount_fen": 1_000,
        "description": "",
        "status": PaymentStatus.PENDING,
        "expires_at": MORNING,
        "created_at": MORNING,
    }
    return Payment(**facts | changed)


def refund(paid: Payment, **changed: Any) -> Refund:
    facts: dict[str, Any] = {
        "customer_id": paid.customer_id,
        "refund_id": new_id(),
        "payment_id": paid.payment_id,
        "reference_id": paid.reference_id,
        "cause": "test",
        "out_refund_no": "R1",
        "amount_fen": 1_000,
        "from_account": "prepaid",
        "status": RefundStatus.PROCESSING,
        "created_at": MORNING,
    }
    return Refund(**facts | changed)


async def book(
    session: AsyncSession, paid: Payment, debit: str, credit: str, cause: str, **changed: Any
) -> None:
    facts: dict[str, Any] = {
        "customer_id": paid.customer_id,
        "debit": debit,
        "credit": credit,
        "amount_fen": 1_000,
        "cause": cause,
        "reference_id": paid.reference_id,
        "source_id": paid.payment_id,
        "now": MORNING,
    }
    await post(session, **facts | changed)


async def captured(session: AsyncSession, world: World, **changed: Any) -> Payment:
    """A captured and booked payment with an alert, so that nothing else is broken."""
    facts: dict[str, Any] = {
        "status": PaymentStatus.CAPTURED,
        "captured_at": MORNING,
        "captured_fen": 1_000,
    }
    paid = payment(world, **facts | changed)
    session.add(paid)
    await session.flush()
    await book(session, paid, "channel:wechat:9900000001", "prepaid", "payment_captured")
    await raise_alert(session, "unmatched_payment", str(paid.payment_id))
    return paid


async def order(session: AsyncSession, world: World, **changed: Any) -> Order:
    facts: dict[str, Any] = {
        "customer_id": world.household.customer_id,
        "order_id": new_id(),
        "order_no": "TEST",
        "status": OrderStatus.PENDING_PAYMENT,
        "confirmation": ConfirmationKind.ONLINE,
        "source": OrderSource.WEB,
        "address_id": world.household.address_id,
        "price_fen": 1_000,
        "placed_at": MORNING,
        "pay_before_at": MORNING + timedelta(minutes=15),
        "version": 1,
    }
    made = Order(**facts | changed)
    session.add(made)
    await session.flush()
    return made


async def line_of_one(session: AsyncSession, world: World) -> OrderLine:
    made = await order(session, world)
    line = OrderLine(
        customer_id=made.customer_id,
        order_line_id=new_id(),
        order_id=made.order_id,
        product_id=world.milk_id,
        quantity=1,
        interval_days=1,
        start_date=TODAY,
        bottles_bought=1,
        paid_fen=350,
        vat_permille=90,
    )
    session.add(line)
    await session.flush()
    return line


async def delivery(session: AsyncSession, world: World, **changed: Any) -> None:
    line = await line_of_one(session, world)
    facts: dict[str, Any] = {
        "customer_id": line.customer_id,
        "service_date": TODAY,
        "order_line_id": line.order_line_id,
        "delivery_no": 1,
        "product_id": world.milk_id,
        "quantity": 1,
        "quantity_delivered": 0,
        "address_id": world.household.address_id,
        "address_version_id": world.household.address_version_id,
        "station_id": world.station_id,
        "block_id": world.blocks[0],
        "stop_no": 1,
        "status": DeliveryStatus.CANCELLED,
        "cause_id": new_id(),
    }
    session.add(Delivery(**facts | changed))


def sms(world: World, **changed: Any) -> SmsMessage:
    facts: dict[str, Any] = {
        "customer_id": world.household.customer_id,
        "message_id": new_id(),
        "cause": "test",
        "template": "order_confirmed",
        "phone_sealed": b"",
        "parameters_sealed": b"",
        "status": SmsStatus.DELIVERED,
        "attempts": 1,
        "due_at": MORNING,
        "send_before_at": MORNING,
        "created_at": MORNING,
    }
    return SmsMessage(**facts | changed)


def ticket(world: World, **changed: Any) -> Ticket:
    facts: dict[str, Any] = {
        "customer_id": world.household.customer_id,
        "ticket_id": new_id(),
        "ticket_no": "T1",
        "kind": TicketKind.COMPLAINT,
        "severity": TicketClass.GENERAL,
        "category": "leaking",
        "channel": "phone",
        "status": TicketStatus.OPEN,
        "customer_kind": "household",
        "subject": "",
        "received_at": MORNING - timedelta(hours=25),
        "answer_due_at": MORNING - timedelta(hours=1),
        "due_at": MORNING - timedelta(hours=1),
    }
    return Ticket(**facts | changed)


async def unbooked_capture(session: AsyncSession, world: World) -> None:
    paid = payment(world, status=PaymentStatus.CAPTURED, captured_at=MORNING, captured_fen=1_000)
    session.add(paid)
    await raise_alert(session, "unmatched_payment", str(paid.payment_id))


async def capture_without_payment(session: AsyncSession, world: World) -> None:
    await book(session, payment(world), "channel:wechat:1", "prepaid", "payment_captured")


async def owed_without_refund(session: AsyncSession, world: World) -> None:
    await book(session, payment(world), "prepaid", "refund_payable", "odd")


async def forgotten_suspense(session: AsyncSession, world: World) -> None:
    await book(session, payment(world), "prepaid", "suspense", "odd")


async def refund_without_payout(session: AsyncSession, world: World) -> None:
    session.add(refund(await captured(session, world), status=RefundStatus.SUCCEEDED))


async def unpaid_order(session: AsyncSession, world: World) -> None:
    made = await order(session, world, status=OrderStatus.UNDER_REVIEW, paid_at=MORNING)
    session.add(
        OrderReview(
            customer_id=made.customer_id,
            order_id=made.order_id,
            verdict="unclear",
            opened_at=MORNING,
        )
    )


async def money_for_nothing(session: AsyncSession, world: World) -> None:
    paid = payment(world, status=PaymentStatus.CAPTURED, captured_at=MORNING, captured_fen=1_000)
    session.add(paid)
    await session.flush()
    await book(session, paid, "channel:wechat:9900000001", "prepaid", "payment_captured")


async def refunded_twice(session: AsyncSession, world: World) -> None:
    paid = await captured(session, world)
    for cause in ("one", "two"):
        made = refund(paid, cause=cause, amount_fen=600)
        session.add(made)
        await session.flush()
        await book(
            session,
            paid,
            "prepaid",
            "refund_payable",
            "refund_requested",
            amount_fen=600,
            source_id=made.refund_id,
        )


async def refunded_elsewhere(session: AsyncSession, world: World) -> None:
    paid = await captured(session, world)
    made = refund(paid, status=RefundStatus.SUCCEEDED, to_origin=True)
    session.add(made)
    await session.flush()
    source = {"source_id": made.refund_id}
    await book(session, paid, "prepaid", "refund_payable", "refund_requested", **source)
    await book(session, paid, "refund_payable", "manual_payout", "refund_succeeded", **source)


async def cash_not_in_hand(session: AsyncSession, world: World) -> None:
    paid = await take_cash(session, world.household, collector_id=world.deliverers[0])
    await raise_alert(session, "unmatched_payment", str(paid.payment_id))
    await session.execute(
        update(Receipt).where(Receipt.payment_id == paid.payment_id).values(amount_fen=8_000)
    )


async def delivery_without_term(session: AsyncSession, world: World) -> None:
    await delivery(session, world, delivery_no=0)


async def make_up_without_cause(session: AsyncSession, world: World) -> None:
    await delivery(session, world, cause_id=None)


async def sms_sent_twice(session: AsyncSession, world: World) -> None:
    sent = sms(world)
    session.add(sent)
    await session.flush()
    for number in ("b1", "b2"):
        session.add(
            SmsReceipt(
                provider="aliyun",
                provider_message_id=number,
                customer_id=sent.customer_id,
                message_id=sent.message_id,
                facts={},
            )
        )


async def stuck_sms(session: AsyncSession, world: World) -> None:
    session.add(sms(world, status=SmsStatus.SENDING, created_at=LONG_AGO))


async def late_ticket(session: AsyncSession, world: World) -> None:
    session.add(ticket(world))


async def late_ticket_resolved_silently(session: AsyncSession, world: World) -> None:
    session.add(ticket(world, status=TicketStatus.RESOLVED, resolved_at=MORNING))


async def breach_not_on_the_ticket(session: AsyncSession, world: World) -> None:
    late = ticket(world)
    session.add(late)
    await session.flush()
    session.add(
        TicketEvent(
            customer_id=late.customer_id,
            event_id=new_id(),
            ticket_id=late.ticket_id,
            kind="breached",
            actor="system",
            at=MORNING,
        )
    )


async def stuck_payment(session: AsyncSession, world: World) -> None:
    session.add(payment(world, expires_at=LONG_AGO))


async def stuck_refund(session: AsyncSession, world: World) -> None:
    paid = await captured(session, world)
    made = refund(paid, created_at=LONG_AGO)
    session.add(made)
    await session.flush()
    source = {"source_id": made.refund_id}
    await book(session, paid, "prepaid", "refund_payable", "refund_requested", **source)


async def unhandled_event(session: AsyncSession, world: World) -> None:
    session.add(
        ChannelEvent(channel="wechat", event_id="e", kind="X", number="P1", received_at=LONG_AGO)
    )


async def stuck_order(session: AsyncSession, world: World) -> None:
    await order(session, world, pay_before_at=LONG_AGO)


async def missed_plan(session: AsyncSession, world: World) -> None:
    await session.execute(
        update(PlanDay)
        .where(PlanDay.service_date == TODAY + timedelta(days=1))
        .values(cutoff_at=MORNING - timedelta(hours=1))
    )


async def nameless_look(session: AsyncSession, world: World) -> None:
    session.add(
        AccessLogEntry(
            account_id=world.staff[Role.SERVICE_AGENT].account_id,
            id=new_id(),
            customer_id=world.household.customer_id,
            subject="phone",
            reason=" ",
            at=MORNING,
        )
    )


PLANTS: list[tuple[Plant, str]] = [
    (unbooked_capture, "I1 every captured payment is booked once"),
    (capture_without_payment, "I1 every captured payment is booked once"),
    (owed_without_refund, "I1 refund_payable holds the open refunds"),
    (forgotten_suspense, "I1 suspense holds only surplus that the channel did not take back"),
    (refund_without_payout, "I1 every refund is paid out once"),
    (unpaid_order, "I2 the price of an order is paid"),
    (money_for_nothing, "I2 captured money has its order, goes back, or is shown"),
    (refunded_twice, "I3 no payment gives back more than was captured"),
    (refunded_elsewhere, "I3 refunds go back the way the money came, or are marked"),
    (cash_not_in_hand, "I4 cash collected less cash handed in is cash held"),
    (sms_sent_twice, "I6 no SMS was submitted twice without saying so"),
    (late_ticket, "I7 every ticket past its deadline has one breach record"),
    (late_ticket_resolved_silently, "I7 every ticket past its deadline has one breach record"),
    (breach_not_on_the_ticket, "I7 every ticket past its deadline has one breach record"),
    (delivery_without_term, "I8 every delivery has its cause"),
    (make_up_without_cause, "I8 every delivery has its cause"),
    (stuck_payment, "I9 no payment or refund is stuck"),
    (stuck_refund, "I9 no payment or refund is stuck"),
    (unhandled_event, "I9 no payment or refund is stuck"),
    (stuck_order, "I9 no order is stuck"),
    (stuck_sms, "I9 no SMS is stuck"),
    (missed_plan, "I9 no service date misses its plan"),
    (nameless_look, "I10 every look at personal data names a member of staff and a reason"),
]
