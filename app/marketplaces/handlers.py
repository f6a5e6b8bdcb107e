"""Reactions of marketplaces to events from below."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.registration import Reaction
from app.core.runtime import runtime
from app.identity.events import CustomerErased, CustomerExportAsked
from app.links.events import LinkShown
from app.links.states import LinkPurpose
from app.marketplaces.claim_schemas import ClaimAsked
from app.marketplaces.repository import orders as rows
from app.marketplaces.service import refunding, view_claim
from app.marketplaces.service.sealing import open_raw
from app.orders.events import OrderConfirmed, OrderRejected


async def look_at_refunds(session: AsyncSession, event: OrderConfirmed | OrderRejected) -> None:
    """A refund that came while the order was reviewed has its effect once that is decided."""
    for order in await rows.list_of_customer(session, event.customer_id):
        if order.order_id == event.order_id:
            await refunding.wake(session, (order.source, order.number))


async def show_claim(session: AsyncSession, event: LinkShown) -> None:
    """What a link that asks for an address shows."""
    if event.purpose is LinkPurpose.MARKETPLACE_CLAIM:
        view = await view_claim(session, external_id=event.subject_id, now=runtime().clock.now())
        event.about.update(ClaimAsked.of(view).model_dump(mode="json"))


async def export(session: AsyncSession, event: CustomerExportAsked) -> None:
    """The marketplace orders a customer has claimed, as they were told."""
    event.parts["marketplace_orders"] = [
        {
            "source": order.source.value,
            "number": order.number,
            "paid_fen": order.paid_fen,
            "paid_at": order.paid_at.isoformat(),
            "told": open_raw(order),
        }
        for order in await rows.list_of_customer(session, event.customer_id)
    ]


async def forget(session: AsyncSession, event: CustomerErased) -> None:
    """What marketplaces told of an erased customer is dropped; number and amounts stay."""
    await rows.blank_customer(session, event.customer_id)


REACTIONS: list[Reaction] = [
    (OrderConfirmed, look_at_refunds),
    (OrderRejected, look_at_refunds),
    (LinkShown, show_claim),
    (CustomerExportAsked, export),
    (CustomerErased, forget),
]
