"""Orders taken at the door come with the phone's batch; a bad one leaves the others."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from app.core.alerts import Alert
from app.core.ids import new_id, read_pair
from app.delivery.models import DeliveryStatus, SyncEvent
from app.delivery.service import syncing
from app.orders.models import Order
from tests.delivery.conftest import AT_THE_DOOR, Round
from tests.factories.delivery import stop_done
from tests.orders.test_door_orders import door_order


def sale(morning: Round, **said: Any) -> dict[str, Any]:
    return {
        "event_id": str(new_id()),
        "kind": "offline_order",
        "device_at": morning.phone_time(AT_THE_DOOR).isoformat(),
        "order": door_order(morning.world, **said),
    }


async def orders_taken(morning: Round) -> list[Order]:
    async with morning.database.transaction() as session:
        found = await session.scalars(
            select(Order).where(Order.deliverer_id == morning.world.deliverers[0])
        )
        return list(found)


async def test_an_order_is_taken_at_the_time_of_the_tap_and_answered_again(morning: Round) -> None:
    event = sale(morning)
    first = (await morning.send(event))[0]
    again = (await morning.send(event))[0]
    (order,) = await orders_taken(morning)
    assert order.placed_at == AT_THE_DOOR
    assert read_pair("ord", first["facts"]["order_id"]) == (order.customer_id, order.order_id)
    assert first["facts"]["order_no"] == order.order_no
    assert (first["status"], again["status"]) == ("accepted", "duplicate")
    assert again["facts"] == first["facts"]


async def test_what_is_kept_names_no_household(morning: Round) -> None:
    await morning.send(sale(morning))
    async with morning.database.transaction() as session:
        kept = (await session.scalars(select(SyncEvent))).one()
    text = f"{kept.content}{kept.answer}"
    for personal in ("陈先生", "13811112222", "502室", "漕溪北路"):
        assert personal not in text


async def test_a_refused_order_leaves_the_rest_of_the_batch(morning: Round) -> None:
    outdated = sale(morning, agreement_version="1999-01")
    unknown = sale(morning, product_id="prd_" + "a" * 26)
    nonsense = sale(morning, product_id="milk")
    before, after = (
        stop_done(line, device_at=morning.phone_time(AT_THE_DOOR))
        for line in (morning.milk, morning.neighbour)
    )
    good = sale(morning)
    answers = await morning.send(before, outdated, unknown, nonsense, after, good)
    assert [answer["status"] for answer in answers] == [
        "accepted", "refused", "refused", "refused", "accepted", "accepted",
    ]  # fmt: skip
    assert answers[1]["code"] == "agreement_outdated"
    assert answers[3]["code"] == "malformed_event"
    assert len(await orders_taken(morning)) == 1
    assert (await morning.delivery(morning.neighbour)).status is DeliveryStatus.DELIVERED
    again = await morning.send(outdated)
    assert (again[0]["status"], again[0]["code"]) == ("refused", "agreement_outdated")


async def test_an_order_the_database_refuses_is_shown_to_a_person(
    morning: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused(Exception):
        """What the driver says of a broken constraint."""

        sqlstate = "23514"

    async def break_down(*_: object, **__: object) -> None:
        raise IntegrityError("INSERT", {}, Refused())

    monkeypatch.setattr(syncing, "place_door_order", break_down)
    tapped = stop_done(morning.milk, device_at=morning.phone_time(AT_THE_DOOR))
    answers = await morning.send(sale(morning), tapped)
    assert [answer.get("code") for answer in answers] == ["not_storable", None]
    async with morning.database.transaction() as session:
        alert = (await session.scalars(select(Alert))).one()
    assert (alert.kind, alert.facts["amount_fen"]) == ("sync_event_not_storable", 10500)
    assert (await morning.delivery(morning.milk)).status is DeliveryStatus.DELIVERED


async def test_money_of_a_future_tap_is_not_taken(morning: Round) -> None:
    event = sale(morning)
    event["device_at"] = (morning.sent_at + timedelta(hours=1)).isoformat()
    answer = (await morning.send(event))[0]
    assert answer["code"] == "device_time_impossible"
    assert await orders_taken(morning) == []
    async with morning.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(SyncEvent)) == 1
