"""Skip, pause, resume, cancel: previewed, then exactly that, or refused."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.core.ids import read_pair
from app.network.models import PlanDay, PlanDayState
from app.network.service import freeze_days, hold_open_day
from app.notifications.models import SmsMessage
from app.orders.models import EntitlementEntry
from app.orders.repository import list_terms
from tests.factories import orders
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock, test_keys
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.orders.conftest import Deliver, pay

TOMORROW = TODAY + timedelta(days=1)
Drain = Callable[[], Awaitable[list[str]]]


async def days_of(session: AsyncSession, order: dict[str, Any]) -> dict[str, int]:
    """The calendar of an order's only line."""
    key = read_pair("lin", order["lines"][0]["id"])
    terms = (await list_terms(session, [key]))[key[1]]
    return {day.isoformat(): count for term in terms for day, count in term.deliveries()}


async def preview(
    client: httpx.AsyncClient, order: dict[str, Any], world: World, **wanted: Any
) -> httpx.Response:
    return await client.post(
        f"/orders/{order['id']}/changes/preview", json=wanted, headers=world.household.headers
    )


async def apply(
    client: httpx.AsyncClient, order: dict[str, Any], world: World, token: str
) -> httpx.Response:
    return await client.post(
        f"/orders/{order['id']}/changes",
        json={"token": token},
        headers=world.household.headers | once(),
    )


async def test_a_skipped_day_rolls_to_the_end_as_previewed(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=5)
    shown = await preview(client, order, world, kind="skip", date=TOMORROW.isoformat())
    assert shown.status_code == 200, shown.text
    assert shown.json()["lines"][0]["days"] == [
        {"date": TOMORROW.isoformat(), "bottles_before": 1, "bottles_after": 0},
        {
            "date": (TODAY + timedelta(days=6)).isoformat(),
            "bottles_before": 0,
            "bottles_after": 1,
        },
    ]
    done = await apply(client, order, world, shown.json()["token"])
    assert done.status_code == 201, done.text
    async with database.transaction() as session:
        days = await days_of(session, order)
        assert list(days) == [(TODAY + timedelta(days=step)).isoformat() for step in range(2, 7)]
        assert "order_change" in set(await session.scalars(select(SmsMessage.template)))
        await assert_invariants(session, MORNING)
    history = await client.get(f"/orders/{order['id']}/history", headers=world.household.headers)
    assert [change["kind"] for change in history.json()["changes"]] == ["skip"]


async def test_pause_then_resume_early(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=10)
    await orders.change(
        client,
        order["id"],
        world.household,
        kind="pause",
        from_date=TODAY + timedelta(days=3),
        until_date=TODAY + timedelta(days=9),
    )
    async with database.transaction() as session:
        days = list(await days_of(session, order))
        assert days[:2] == [TOMORROW.isoformat(), (TODAY + timedelta(days=2)).isoformat()]
        assert days[2] == (TODAY + timedelta(days=10)).isoformat()
    await orders.change(
        client, order["id"], world.household, kind="resume", from_date=TODAY + timedelta(days=5)
    )
    async with database.transaction() as session:
        days = list(await days_of(session, order))
        assert days[2] == (TODAY + timedelta(days=5)).isoformat()
        assert len(days) == 10
        assert "milk_resumed" in set(await session.scalars(select(SmsMessage.template)))


async def test_an_order_on_pause_is_shown_as_paused(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, clock: SetClock
) -> None:
    order = await paid_order(bottles=10)
    await orders.change(
        client,
        order["id"],
        world.household,
        kind="pause",
        from_date=TODAY + timedelta(days=3),
        until_date=TODAY + timedelta(days=9),
    )
    clock.set(MORNING + timedelta(days=2))
    assert (await orders.read(client, order["id"], world.household))["shown_status"] == "delivering"
    clock.set(MORNING + timedelta(days=4))
    assert (await orders.read(client, order["id"], world.household))["shown_status"] == "paused"


async def test_cancel_keeps_what_was_brought_and_refunds_the_rest(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    clock: SetClock,
    database: Database,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=30)
    clock.set(MORNING + timedelta(days=10))
    receipt = await orders.change(
        client, order["id"], world.household, kind="cancel", reason="搬家"
    )
    assert receipt["effective_date"] == (TODAY + timedelta(days=11)).isoformat()
    assert receipt["refund_fen"] == 20 * 350
    await drain_jobs()
    await payments.finish_refunds()
    await drain_jobs()
    refunds = (await client.get("/refunds", headers=world.household.headers)).json()["items"]
    assert [(one["amount_fen"], one["status"]) for one in refunds] == [(7000, "succeeded")]
    assert (await orders.read(client, order["id"], world.household))["status"] == "cancelled"
    async with database.transaction() as session:
        given_up = await session.execute(
            select(EntitlementEntry.bottles, EntitlementEntry.value_fen).where(
                EntitlementEntry.kind == "refunded"
            )
        )
        assert [tuple(row) for row in given_up] == [(20, 7000)]
        await assert_invariants(session, clock.now(), only={"I1", "I2", "I3", "I5"})


async def test_cancelling_before_review_refunds_everything(
    client: httpx.AsyncClient, world: World, payments: Payments, drain_jobs: Drain
) -> None:
    placed = await orders.place(client, world)
    number = await pay(client, payments, placed["id"], world.household)
    await payments.deliver_notifications()
    receipt = await orders.change(client, placed["id"], world.household, kind="cancel")
    assert receipt["refund_fen"] == placed["price_fen"]
    await drain_jobs()
    assert [fen for _, fen, _ in payments.refunds(number)] == [placed["price_fen"]]


@pytest.mark.parametrize(
    ("wanted", "status", "code"),
    [
        ({"kind": "skip", "date": TODAY.isoformat()}, 409, "day_frozen"),
        ({"kind": "skip", "date": "2026-12-01"}, 409, "nothing_to_change"),
        (
            {"kind": "pause", "from_date": "2026-03-20", "until_date": "2026-03-18"},
            409,
            "nothing_to_change",
        ),
        ({"kind": "skip", "date": "2026-13-01"}, 422, "validation_failed"),
        ({"kind": "swap"}, 422, "validation_failed"),
    ],
)
async def test_impossible_changes(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    wanted: dict[str, Any],
    status: int,
    code: str,
) -> None:
    order = await paid_order(bottles=5)
    answer = await preview(client, order, world, **wanted)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    async with database.transaction() as session:
        assert len(await days_of(session, order)) == 5


async def test_a_token_is_good_for_one_state_of_one_order(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, clock: SetClock
) -> None:
    order = await paid_order(bottles=5)
    other = await paid_order(bottles=5)
    wanted = {"kind": "skip", "date": TOMORROW.isoformat()}
    token = (await preview(client, order, world, **wanted)).json()["token"]
    stolen = await apply(client, other, world, token)
    assert (stolen.status_code, stolen.json()["code"]) == (400, "preview_invalid")
    forged = await apply(client, order, world, token[:-8] + "AAAAAAAA")
    assert (forged.status_code, forged.json()["code"]) == (400, "preview_invalid")
    assert (await apply(client, order, world, token)).status_code == 201
    again = await apply(client, order, world, token)
    assert (again.status_code, again.json()["code"]) == (409, "preview_outdated")
    later = (await preview(client, other, world, kind="skip", date=TOMORROW.isoformat())).json()[
        "token"
    ]
    clock.set(MORNING + timedelta(hours=7))
    missed = await apply(client, other, world, later)
    assert (missed.status_code, missed.json()["code"]) == (409, "preview_outdated")


async def test_a_day_frozen_between_preview_and_change_refuses_it(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=5)
    shown = await preview(client, order, world, kind="skip", date=TOMORROW.isoformat())
    async with database.transaction() as session:
        await session.execute(
            update(PlanDay)
            .where(PlanDay.service_date == TOMORROW)
            .values(state=PlanDayState.FROZEN)
        )
    answer = await apply(client, order, world, shown.json()["token"])
    assert (answer.status_code, answer.json()["code"]) == (409, "preview_outdated")
    async with database.transaction() as session:
        assert TOMORROW.isoformat() in await days_of(session, order)


async def test_freezing_waits_for_a_change_that_holds_the_day(live_database: Database) -> None:
    """Two connections: the freeze cannot overtake a change that has begun."""
    async with live_database.transaction() as session:
        world = await World.build(session, test_keys())
    late = MORNING + timedelta(hours=6)
    holding, release = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with live_database.transaction() as session:
            await hold_open_day(
                session, station_id=world.station_id, service_date=TOMORROW, now=MORNING
            )
            holding.set()
            await release.wait()

    async def freeze() -> int:
        await holding.wait()
        async with live_database.transaction() as session:
            return len(await freeze_days(session, now=late))

    held, frozen = asyncio.create_task(hold()), asyncio.create_task(freeze())
    await holding.wait()
    done, _ = await asyncio.wait({frozen}, timeout=0.3)
    assert not done
    release.set()
    await held
    assert await asyncio.wait_for(frozen, 10) >= 1
