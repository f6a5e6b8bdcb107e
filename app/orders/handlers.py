"""Reactions of orders to events from below."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.events import PaymentCaptured, RefundSubmitted, RefundSucceeded
from app.core.clock import local_date
from app.core.money import yuan_text
from app.core.registration import Reaction
from app.core.runtime import runtime
from app.customers.errors import AddressInUse
from app.customers.events import (
    AddressChanged,
    AddressRemovalAsked,
    CustomerErasureAsked,
    CustomerExportAsked,
)
from app.customers.service import contact_phone
from app.links.events import LinkShown
from app.links.states import LinkPurpose
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.changes.paying import receive_change_payment
from app.orders.changes.recording import view_recorded
from app.orders.errors import OrdersRunning, OrderUnknown
from app.orders.phone_schemas import OrderAsked
from app.orders.recorded_schemas import RecordedAsked
from app.orders.service import receive_payment
from app.orders.service.telephone import view_by_link
from app.orders.states import ConfirmationKind


async def tell_refund_sent(session: AsyncSession, event: RefundSubmitted) -> None:
    """Tell the customer that money is on its way back."""
    await _tell_of_refund(session, event, "refund_sent")


async def tell_refund(session: AsyncSession, event: RefundSucceeded) -> None:
    """Tell the customer that the channel has given the money back."""
    await _tell_of_refund(session, event, "refund_done")


async def _tell_of_refund(
    session: AsyncSession, event: RefundSubmitted | RefundSucceeded, template: str
) -> None:
    order = await repository.find_order_of(session, event.customer_id, event.reference_id)
    if order is None:
        return
    await send_sms(
        session,
        customer_id=event.customer_id,
        phone=await contact_phone(session, customer_id=event.customer_id),
        template=template,
        parameters={"order": order.order_no, "amount": yuan_text(event.amount_fen)},
        cause=f"{template}:{event.refund_id}",
        now=event.at,
    )


async def tell_paid(session: AsyncSession, event: PaymentCaptured) -> None:
    """Tell the customer that the payment of an order has arrived; a door order has its receipt."""
    try:
        order = await repository.get_order(session, event.customer_id, event.reference_id)
    except OrderUnknown:
        return
    if order.confirmation is ConfirmationKind.OFFLINE or order.paid_at != event.at:
        return
    await send_sms(
        session,
        customer_id=event.customer_id,
        phone=await contact_phone(session, customer_id=event.customer_id),
        template="order_paid",
        parameters={"order": order.order_no, "amount": yuan_text(event.amount_fen)},
        cause=f"order_paid:{event.payment_id}",
        now=event.at,
    )


async def refuse_erasure(session: AsyncSession, event: CustomerErasureAsked) -> None:
    """An account with running orders stays; raises OrdersRunning."""
    if await repository.count_running(session, event.customer_id):
        raise OrdersRunning


async def refuse_removal(session: AsyncSession, event: AddressRemovalAsked) -> None:
    """An address that orders are brought to stays; raises AddressInUse."""
    if await repository.is_in_use(
        session, event.customer_id, address_id=event.address_id, today=local_date(event.at)
    ):
        raise AddressInUse


async def follow_address(session: AsyncSession, event: AddressChanged) -> None:
    """What is written for the door reaches the terms that still run."""
    await repository.follow_address(
        session,
        customer_id=event.customer_id,
        address_id=event.address_id,
        address_version_id=event.new_version_id,
        today=local_date(event.at),
    )


async def export_orders(session: AsyncSession, event: CustomerExportAsked) -> None:
    """The orders' part of a customer's own data."""
    orders = await repository.list_orders(session, event.customer_id, limit=1000)
    event.parts["orders"] = [
        {
            "order_no": order.order_no,
            "status": order.status.value,
            "placed_at": order.placed_at.isoformat(),
            "price_fen": order.price_fen,
        }
        for order in orders
    ]


async def show_phone_order(session: AsyncSession, event: LinkShown) -> None:
    """What a link about a phone order shows."""
    if event.purpose is LinkPurpose.PHONE_ORDER:
        view = await view_by_link(
            session,
            customer_id=event.customer_id,
            order_id=event.subject_id,
            now=runtime().clock.now(),
        )
        event.about.update(OrderAsked.of(view).model_dump(mode="json"))


async def show_recorded_change(session: AsyncSession, event: LinkShown) -> None:
    """What a link about a change recorded at the door shows."""
    if event.purpose is LinkPurpose.CHANGE_CONFIRMATION:
        found = await view_recorded(
            session,
            customer_id=event.customer_id,
            change_id=event.subject_id,
            now=runtime().clock.now(),
        )
        event.about.update(RecordedAsked.of(found).model_dump(mode="json"))


REACTIONS: list[Reaction] = [
    (PaymentCaptured, receive_payment),
    (PaymentCaptured, receive_change_payment),
    (PaymentCaptured, tell_paid),
    (RefundSubmitted, tell_refund_sent),
    (RefundSucceeded, tell_refund),
    (CustomerErasureAsked, refuse_erasure),
    (AddressRemovalAsked, refuse_removal),
    (AddressChanged, follow_address),
    (CustomerExportAsked, export_orders),
    (LinkShown, show_phone_order),
    (LinkShown, show_recorded_change),
]
