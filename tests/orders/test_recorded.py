"""A change asked for at the door: the deliverer writes it down, the household's word makes it count."""

from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select

from app.core.db import Database
from app.core.ids import read_pair
from app.delivery.models import RouteSheet
from app.identity.models import Role
from app.notifications.models import SmsMessage
from app.orders.changes.paying import sweep_changes
from app.orders.models import ChangeHistory, Order, OrderChange
from tests.factories import orders
from tests.factories.links import tokens_of
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.orders.conftest import Deliver
from tests.orders.test_kinds_of_change import DAY, Json, bottles, iso, on

EVERY_OTHER_DAY = {"kind": "every_days", "interval_days": 2, "quantity": 1}
SKIP = {"kind": "skip", "date": iso(2)}


async def record(
    client: httpx.AsyncClient,
    world: World,
    order: Json,
    change: Json,
    *,
    deliverer: int = 0,
    **said: Any,
) -> httpx.Response:
    return await client.post(
        "/recorded-changes",
        json={"line_id": order["lines"][0]["id"], "change": change} | said,
        headers=world.deliverer_staff[deliverer].headers | once(),
    )


async def recorded(client: httpx.AsyncClient, world: World, order: Json, change: Json) -> Json:
    answer = await record(client, world, order, change)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def asked(client: httpx.AsyncClient, world: World, order: Json, change_id: str) -> Json:
    answer = await client.get(
        f"/orders/{order['id']}/changes/{change_id}/confirmation", headers=world.household.headers
    )
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def answer(
    client: httpx.AsyncClient, world: World, order: Json, change_id: str, **said: Any
) -> httpx.Response:
    what = "confirmation" if said else "refusal"
    return await client.post(
        f"/orders/{order['id']}/changes/{change_id}/{what}",
        json=said or None,
        headers=world.household.headers | once(),
    )


async def own_list(client: httpx.AsyncClient, world: World, deliverer: int = 0) -> list[Json]:
    found = await client.get("/recorded-changes", headers=world.deliverer_staff[deliverer].headers)
    items: list[Json] = found.json()["items"]
    return items


async def hold_true(database: Database) -> None:
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)


async def test_what_is_written_down_counts_when_the_household_says_so(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=4)
    before = await bottles(database, order)
    shown = await client.post(
        "/recorded-changes/preview",
        json={"line_id": order["lines"][0]["id"], "change": SKIP},
        headers=world.deliverer_staff[0].headers,
    )
    assert (shown.status_code, shown.json()["needs_confirmation"]) == (200, True)
    made = await recorded(client, world, order, SKIP)
    assert (made["change"]["status"], made["change"]["status_label"]) == (
        "awaiting_confirmation",
        "待顾客确认",
    )
    assert made["confirm_before_at"] == f"{iso(1)}T08:00:00Z", "the cut-off of the day it is for"
    assert await bottles(database, order) == before, "nothing has changed yet"
    again = await recorded(client, world, order, SKIP)
    assert again["id"] == made["id"], "the same wish is written down once"
    async with database.transaction() as session:
        sent = await session.scalars(
            select(SmsMessage.template).where(SmsMessage.template == "change_recorded")
        )
        assert len(list(sent)) == 1

    question = await asked(client, world, order, made["id"])
    assert (question["has_changed"], question["effective_date"]) == (False, iso(2))
    wrong = await answer(client, world, order, made["id"], seen="0" * 64)
    assert (wrong.status_code, wrong.json()["code"]) == (409, "preview_outdated")
    assert await bottles(database, order) == before
    done = await answer(client, world, order, made["id"], seen=question["seen"])
    assert (done.status_code, done.json()["status"]) == (201, "applied")
    assert await bottles(database, order) == {1: 1, 3: 1, 4: 1, 5: 1}
    twice = await answer(client, world, order, made["id"], seen=question["seen"])
    assert twice.status_code == 201
    assert await bottles(database, order) == {1: 1, 3: 1, 4: 1, 5: 1}, "a second yes adds nothing"
    (mine,) = await own_list(client, world)
    assert (mine["change"]["status"], mine["order_no"]) == ("applied", order["order_no"])
    assert await own_list(client, world, 1) == []
    async with database.transaction() as session:
        change = (
            await session.scalars(select(OrderChange).where(OrderChange.kind == "skip"))
        ).one()
        actors = list(
            await session.scalars(
                select(ChangeHistory.actor).where(ChangeHistory.change_id == change.change_id)
            )
        )
        assert change.recorded_by == world.deliverers[0]
        assert actors == [f"deliverer:{world.deliverers[0]}", "customer"]
    await hold_true(database)


async def test_by_the_link_of_the_sms(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=4)
    made = await recorded(client, world, order, {"kind": "change_quantity", "quantity": 2})
    async with database.transaction() as session:
        (token,) = await tokens_of(session, world.household.customer_id, "change_recorded")
    shown = (await client.get(f"/links/{token}")).json()
    assert (shown["purpose"], shown["about"]["order_no"]) == (
        "change_confirmation",
        order["order_no"],
    )
    assert world.household.phone not in str(shown)
    path = f"/links/{token}/change-confirmation"
    done = await client.post(path, json={"seen": shown["about"]["seen"]}, headers=once())
    assert (done.status_code, done.json()["status"]) == (201, "applied"), done.text
    assert await bottles(database, order) == {1: 2, 2: 2}
    same = await client.post(path, json={"seen": shown["about"]["seen"]}, headers=once())
    assert same.status_code == 201
    other = await client.post(f"/links/{token}/change-refusal", headers=once())
    assert other.status_code == 409
    assert await bottles(database, order) == {1: 2, 2: 2}
    assert (await asked(client, world, order, made["id"]))["seen"] is None
    await hold_true(database)


async def test_what_has_changed_since_is_shown_anew(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=4)
    made = await recorded(client, world, order, SKIP)
    seen = (await asked(client, world, order, made["id"]))["seen"]
    await orders.change(client, order["id"], world.household, kind="skip", date=on(3))
    before = await bottles(database, order)
    refused = await answer(client, world, order, made["id"], seen=seen)
    assert (refused.status_code, refused.json()["code"]) == (409, "preview_outdated")
    assert await bottles(database, order) == before
    fresh = await asked(client, world, order, made["id"])
    assert fresh["has_changed"] is True
    done = await answer(client, world, order, made["id"], seen=fresh["seen"])
    assert done.status_code == 201, done.text
    assert await bottles(database, order) == {1: 1, 4: 1, 5: 1, 6: 1}
    await hold_true(database)


async def test_declined_taken_back_and_expired_change_nothing(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
) -> None:
    order = await paid_order(bottles=5)
    before = await bottles(database, order)
    declined = await recorded(client, world, order, SKIP)
    no = await answer(client, world, order, declined["id"])
    assert (no.status_code, no.json()["status"]) == (201, "declined")
    taken = await recorded(client, world, order, {"kind": "pause", "from_date": iso(3)})
    path = f"/recorded-changes/{taken['id']}/withdrawal"
    foreign = await client.post(path, headers=world.deliverer_staff[1].headers | once())
    assert foreign.status_code == 404
    back = await client.post(path, headers=world.deliverer_staff[0].headers | once())
    assert (back.status_code, back.json()["change"]["status"]) == (201, "undone")
    late = await recorded(client, world, order, {"kind": "skip", "date": iso(3)})
    seen = (await asked(client, world, order, late["id"]))["seen"]
    clock.set(MORNING + DAY * 2 + timedelta(hours=6))
    gone = await answer(client, world, order, late["id"], seen=seen)
    assert (gone.status_code, gone.json()["code"]) == (409, "change_not_waiting")
    async with database.transaction() as session:
        await sweep_changes(session, now=clock.now())
    statuses = [one["change"]["status"] for one in await own_list(client, world)]
    assert statuses == ["expired", "undone", "declined"]
    for one in (declined, taken, late):
        assert (await answer(client, world, order, one["id"], seen=seen)).status_code == 409
    assert await bottles(database, order) == before
    await hold_true(database)


async def test_a_rule_lets_a_kind_count_at_once(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
) -> None:
    order = await paid_order(bottles=5)
    rule = {"kind": "skip", "from_date": iso(1), "needs_confirmation": False}
    manager = world.staff[Role.MANAGER].headers
    early = await client.post(
        "/confirmation-rules",
        json=rule | {"from_date": TODAY.isoformat()},
        headers=manager | once(),
    )
    assert (early.status_code, early.json()["code"]) == (400, "policy_too_early")
    made = await client.post("/confirmation-rules", json=rule, headers=manager | once())
    assert made.status_code == 201, made.text
    waits = await recorded(client, world, order, SKIP)
    assert waits["change"]["status"] == "awaiting_confirmation", "the rule begins tomorrow"
    clock.set(MORNING + DAY)
    done = await recorded(client, world, order, {"kind": "skip", "date": iso(3)})
    assert (done["change"]["status"], done["change"]["actor"]) == (
        "applied",
        f"deliverer:{world.deliverers[0]}",
    )
    assert await bottles(database, order) == {1: 1, 2: 1, 4: 1, 5: 1, 6: 1}
    pause = await recorded(client, world, order, {"kind": "pause", "from_date": iso(4)})
    assert pause["change"]["status"] == "awaiting_confirmation"
    listed = await client.get("/confirmation-rules", headers=manager)
    assert [one["kind"] for one in listed.json()["items"]] == ["skip"]
    await hold_true(database)


async def resting(client: httpx.AsyncClient, world: World, deliverer: int = 0) -> list[Json]:
    found = await client.get("/me/resting-doors", headers=world.deliverer_staff[deliverer].headers)
    assert found.status_code == 200, found.text
    items: list[Json] = found.json()["items"]
    return items


async def test_a_household_without_milk_today_is_found_and_takes_its_credit(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=3, pattern=EVERY_OTHER_DAY)
    over = await paid_order(bottles=2)
    await orders.change(client, over["id"], world.household, kind="pause", from_date=on(1))
    (door,) = await resting(client, world)
    assert (door["recipient"], door["door"]) != (None, None)
    assert "****" in door["phone"]
    found = {line["line_id"]: line["next_date"] for line in door["lines"]}
    assert found == {order["lines"][0]["id"]: iso(1), over["lines"][0]["id"]: None}
    assert await resting(client, world, 1) == [], "another round"

    wish = {"kind": "skip", "date": iso(3), "settle": "money"}
    endless = {"kind": "pause", "from_date": iso(3), "settle": "money"}
    refused = await record(client, world, order, endless)
    assert (refused.status_code, refused.json()["code"]) == (400, "pause_needs_end")
    before = await bottles(database, order)
    made = await recorded(client, world, order, wish)
    assert (made["change"]["status"], await bottles(database, order)) == (
        "awaiting_confirmation",
        before,
    )
    question = await asked(client, world, order, made["id"])
    assert question["credit_fen"] == 350
    done = await answer(client, world, order, made["id"], seen=question["seen"])
    assert (done.status_code, done.json()["credit_fen"]) == (201, 350)
    assert await bottles(database, order) == {1: 1, 5: 1}, "nothing rolls to the end"
    await recorded(client, world, over, {"kind": "resume", "from_date": iso(2)})
    await hold_true(database)


async def test_a_stand_in_writes_down_for_the_whole_round_he_goes(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=3)
    assert (await record(client, world, order, SKIP, deliverer=1)).status_code == 404
    async with database.transaction() as session:
        session.add(
            RouteSheet(
                service_date=TODAY,
                block_id=world.blocks[0],
                station_id=world.station_id,
                deliverer_id=world.deliverers[1],
                stops=0,
                bottles=0,
                planned_at=MORNING,
            )
        )
    assert len(await resting(client, world, 1)) == 1
    assert (await record(client, world, order, SKIP, deliverer=1)).status_code == 201
    await hold_true(database)


async def test_a_deliverer_writes_down_only_for_his_own_round(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=4)
    foreign = await record(client, world, order, SKIP, deliverer=1)
    assert foreign.status_code == 404
    swap = await record(client, world, order, {"kind": "swap", "product_id": "prd_x"})
    assert swap.status_code == 422
    frozen = await record(client, world, order, {"kind": "skip", "date": TODAY.isoformat()})
    assert (frozen.status_code, frozen.json()["code"]) == (409, "day_frozen")
    async with database.transaction() as session:
        assert list(await session.scalars(select(OrderChange))) == []
    await hold_true(database)


async def test_a_pause_confirmed_after_a_resume_is_the_later_word(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=4)
    made = await recorded(
        client, world, order, {"kind": "pause", "from_date": iso(2), "until_date": iso(4)}
    )
    await orders.change(client, order["id"], world.household, kind="skip", date=on(1))
    await orders.change(client, order["id"], world.household, kind="resume", from_date=on(1))
    question = await asked(client, world, order, made["id"])
    done = await answer(client, world, order, made["id"], seen=question["seen"])
    assert done.status_code == 201, done.text
    assert await bottles(database, order) == {1: 1, 5: 1, 6: 1, 7: 1}
    await orders.change(
        client, order["id"], world.household, kind="change_quantity", from_date=on(1), quantity=2
    )
    assert await bottles(database, order) == {1: 2, 5: 2}, "the paused days stay without milk"
    await hold_true(database)


async def test_a_cancelled_order_asks_nobody_any_more(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=4)
    made = await recorded(client, world, order, SKIP)
    await orders.change(client, order["id"], world.household, kind="cancel")
    question = await asked(client, world, order, made["id"])
    assert (question["seen"], question["refusal"]) == (None, "order_finished")
    async with database.transaction() as session:
        await sweep_changes(session, now=MORNING)
    async with database.transaction() as session:
        change = await session.get_one(OrderChange, read_pair("chg", made["id"]))
        assert change.status == "expired"
        assert (await session.get_one(Order, orders.ids_of(order))).status == "cancelled"
    await hold_true(database)
