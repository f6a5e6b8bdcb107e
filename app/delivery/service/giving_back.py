"""Bottles our fault kept from a door go back to their line, once; conflicts are shown to a person.

What a phone reports late is recorded as it was. Where it contradicts something that happened
meanwhile, an alert `late_conflict` is opened and nothing is taken back from a household by itself:
a bottle that was brought after its money had gone back is booked as brought, at our cost.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.alerts import raise_alert, resolve_alert
from app.core.clock import local_date
from app.core.errors import AppError
from app.delivery.repository import confirming, spent
from app.delivery.repository.confirming import DeliveryKey, DueDelivery, DueStop
from app.delivery.rules import OLDEST_SERVICE_DATE
from app.orders.events import OrderCancelled, SpentBottlesAsked
from app.orders.service import RestoreItem, correct_given_up, restore_failed

LATE_CONFLICT = "late_conflict"


async def note_cancelled_order(session: AsyncSession, event: OrderCancelled) -> None:
    """Remember on an order's deliveries when it was cancelled: a tap may come to light later."""
    await confirming.note_order_end(
        session,
        customer_id=event.customer_id,
        order_id=event.order_id,
        at=event.at,
        since=local_date(event.at) - OLDEST_SERVICE_DATE,
    )


async def tell_spent(session: AsyncSession, event: SpentBottlesAsked) -> None:
    """What lines have had at the door."""
    event.spent.update(
        await spent.list_spent(
            session, customer_id=event.customer_id, order_line_ids=event.order_line_ids
        )
    )


async def settle(session: AsyncSession, stops: Sequence[DueStop], *, now: datetime) -> None:
    """After a batch: give back what is owed and not yet given back, show each contradiction."""
    missing: dict[DeliveryKey, DueDelivery] = {}
    given_back: dict[DeliveryKey, DueDelivery] = {}
    for stop in stops:
        for delivery in stop.deliveries:
            if not delivery.changed:
                continue
            key = stop.delivery_key(delivery)
            if delivery.order_ended_at is not None and not delivery.restored:
                await _show_late_delivery(session, key, delivery)
            if delivery.owed > delivery.restored:
                missing[key] = delivery
            elif delivery.restored:
                given_back[key] = delivery
    if missing:
        await _give_back(session, missing, now=now)
    if given_back:
        kept = await correct_given_up(
            session, lines={(key[0], key[2]) for key in given_back}, now=now
        )
        for key, delivery in given_back.items():
            await _compare(session, key, delivery, written_off=kept.get(key[2], 0))


async def _compare(
    session: AsyncSession, key: DeliveryKey, delivery: DueDelivery, *, written_off: int
) -> None:
    if delivery.owed == delivery.restored:
        await resolve_alert(session, LATE_CONFLICT, _subject(key))
    elif written_off and delivery.delivered:
        await _show(session, key, what="brought_after_money_went_back", owed=delivery.owed)
    else:
        # The bottle was given back and then brought after all: the plan sets the surplus day
        # aside when it comes, and a person decides.
        await _show(session, key, what="brought_after_given_back", owed=delivery.owed)


async def _give_back(
    session: AsyncSession, missing: Mapping[DeliveryKey, DueDelivery], *, now: datetime
) -> None:
    running = await confirming.list_running(session, {(key[0], key[2]) for key in missing})
    to_restore: dict[DeliveryKey, DueDelivery] = {}
    for key, delivery in missing.items():
        if (key[0], key[2]) in running:
            to_restore[key] = delivery
        else:
            await _show(session, key, what="failed_after_order_ended", owed=delivery.owed)
    if to_restore:
        await _restore(session, to_restore, now=now)


async def _restore(
    session: AsyncSession, to_restore: Mapping[DeliveryKey, DueDelivery], *, now: datetime
) -> None:
    items = [
        RestoreItem(
            customer_id=customer_id,
            order_line_id=line_id,
            service_date=service_date,
            delivery_no=number,
            bottles=delivery.owed - delivery.restored,
        )
        for (customer_id, service_date, line_id, number), delivery in to_restore.items()
    ]
    try:
        async with session.begin_nested():
            await restore_failed(session, items=items, now=now)
    except AppError as error:
        for key, delivery in to_restore.items():
            await _show(session, key, what=f"not_given_back:{error.code}", owed=delivery.owed)
        return
    await confirming.set_restored(
        session, {key: delivery.owed for key, delivery in to_restore.items()}
    )


async def _show_late_delivery(
    session: AsyncSession, key: DeliveryKey, delivery: DueDelivery
) -> None:
    ended_at, done_at = delivery.order_ended_at, delivery.done_at
    if delivery.delivered and ended_at is not None and done_at is not None and done_at <= ended_at:
        await _show(session, key, what="brought_before_cancelling_reported_after")


def _subject(key: DeliveryKey) -> str:
    _, service_date, line_id, number = key
    return f"{line_id}:{service_date.isoformat()}:{number}"


async def _show(session: AsyncSession, key: DeliveryKey, *, what: str, owed: int = 0) -> None:
    customer_id, service_date, line_id, number = key
    await raise_alert(
        session,
        LATE_CONFLICT,
        _subject(key),
        what=what,
        customer_id=str(customer_id),
        order_line_id=str(line_id),
        service_date=service_date.isoformat(),
        delivery_no=number,
        bottles_owed=owed,
    )
