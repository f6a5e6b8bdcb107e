"""Bottles our fault kept from a door go back to their line, once; conflicts are shown to a person.

What a phone reports late is recorded as it was. Where it contradicts something that happened
meanwhile, an alert `late_conflict` is opened and nothing is taken back by itself.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.alerts import raise_alert, resolve_alert
from app.core.errors import AppError
from app.delivery.repository import confirming
from app.delivery.repository.confirming import DeliveryKey, DueDelivery, DueStop
from app.orders.service import RestoreItem, restore_failed
from app.orders.states import OrderStatus

LATE_CONFLICT = "late_conflict"


async def settle(session: AsyncSession, stops: Sequence[DueStop], *, now: datetime) -> None:
    """After a batch: give back what is owed and not yet given back, show each contradiction."""
    to_restore: dict[DeliveryKey, tuple[int, int]] = {}
    for stop in stops:
        for delivery in stop.deliveries:
            if not delivery.changed:
                continue
            if delivery.order_status is OrderStatus.CANCELLED:
                await _show_late_delivery(session, stop, delivery)
            if delivery.owed or delivery.restored:
                await _settle_one(session, stop, delivery, to_restore)
    if to_restore:
        await _restore(session, to_restore, now=now)


async def _settle_one(
    session: AsyncSession,
    stop: DueStop,
    delivery: DueDelivery,
    to_restore: dict[DeliveryKey, tuple[int, int]],
) -> None:
    key = stop.delivery_key(delivery)
    missing = delivery.owed - delivery.restored
    if missing < 0:
        # The bottle was given back and then brought after all: the plan sets the surplus day
        # aside when it comes, and a person decides.
        await _show(session, key, what="brought_after_given_back", owed=delivery.owed)
    elif missing == 0:
        await resolve_alert(session, LATE_CONFLICT, _subject(key))
    elif delivery.order_status is OrderStatus.DELIVERING:
        to_restore[key] = (delivery.owed, missing)
    else:
        await _show(session, key, what="failed_after_order_ended", owed=delivery.owed)


async def _restore(
    session: AsyncSession, to_restore: Mapping[DeliveryKey, tuple[int, int]], *, now: datetime
) -> None:
    items = [
        RestoreItem(
            customer_id=customer_id,
            order_line_id=line_id,
            service_date=service_date,
            delivery_no=number,
            bottles=missing,
        )
        for (customer_id, service_date, line_id, number), (_, missing) in to_restore.items()
    ]
    try:
        async with session.begin_nested():
            await restore_failed(session, items=items, now=now)
    except AppError as error:
        for key, (bottles, _) in to_restore.items():
            await _show(session, key, what=f"not_given_back:{error.code}", owed=bottles)
        return
    await confirming.set_restored(
        session, {key: bottles for key, (bottles, _) in to_restore.items()}
    )


async def _show_late_delivery(session: AsyncSession, stop: DueStop, delivery: DueDelivery) -> None:
    ended_at, done_at = delivery.order_ended_at, delivery.done_at
    if delivery.delivered and ended_at is not None and done_at is not None and done_at <= ended_at:
        key = stop.delivery_key(delivery)
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
