"""From an order to the doorstep: one household, one deliverer, one manager, three days."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx

from app.core.clock import wall_now
from app.core.db import Database
from app.core.ids import new_id, public_single
from app.core.jobs import JobContext
from app.delivery.jobs import run_freeze_and_plan
from app.identity.models import Role
from tests.factories import orders
from tests.factories.notifications import Stage
from tests.factories.world import MORNING, TODAY, Household, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.orders.conftest import pay
from tests.orders.test_door_orders import door_order

Drain = Callable[[], Awaitable[list[str]]]
TOMORROW = TODAY + timedelta(days=1)
PHONE = "13712345678"


async def log_in(
    client: httpx.AsyncClient, sms: Stage, drain_jobs: Drain, phone: str
) -> dict[str, str]:
    """As the app does: ask for a code, read it off the SMS, log in."""
    asked = await client.post("/auth/sms-codes", json={"phone": phone})
    assert asked.status_code == 202, asked.text
    await drain_jobs()
    code = re.search(r"\d{6}", sms.outbox(phone)[0].text)
    assert code is not None
    answer = await client.post(
        "/auth/sms-login",
        json={"request_id": asked.json()["request_id"], "phone": phone, "code": code.group()},
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def drive_the_van(client: httpx.AsyncClient, world: World, clock: SetClock) -> None:
    """Pre-cool, check, load, drive, hand over; loading first is refused (S1 4.4.3)."""
    quality = world.staff[Role.QUALITY].headers
    opened = await client.post(
        "/trips",
        json={
            "vehicle": public_single("veh", world.vehicle_id),
            "service_date": TOMORROW.isoformat(),
        },
        headers=quality | once(),
    )
    assert opened.status_code == 201, opened.text
    trip = f"/trips/{opened.json()['id']}"
    early = await client.post(f"{trip}/load", headers=quality)
    assert (early.status_code, early.json()["code"]) == (409, "precool_not_passed")
    for step, body in (
        ("precool", {"celsius": 12.0, "cleaned": True}),
        ("load", None),
        ("handovers", {"kind": "loading", "celsius": 4.0}),
        ("depart", None),
        ("legs", None),
        ("legs/1/end", None),
        ("arrive", None),
        ("handovers", {"kind": "vehicle_to_station", "celsius": 4.5}),
    ):
        clock.set(clock.at + timedelta(minutes=10))
        answer = await client.post(f"{trip}/{step}", json=body, headers=quality | once())
        assert answer.status_code in {200, 201}, (step, answer.text)


async def tap(
    client: httpx.AsyncClient, world: World, events: list[dict[str, Any]], sent_at: datetime
) -> list[dict[str, Any]]:
    answer = await client.post(
        "/sync",
        json={"batch_id": str(new_id()), "sent_at": sent_at.isoformat(), "events": events},
        headers=world.deliverer_staff[0].headers,
    )
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["answers"]
    return found


async def test_from_an_order_to_the_doorstep(
    client: httpx.AsyncClient,
    world: World,
    payments: Payments,
    sms: Stage,
    clock: SetClock,
    database: Database,
    drain_jobs: Drain,
) -> None:
    # A household asks whether it is served, gets a quote, logs in, orders, pays by WeChat.
    served = await client.post("/coverage/check", json=orders.ADDRESS)
    assert served.json()["verdict"] == "covered", served.text
    quoted = await client.post(
        "/orders/quote", json={"address": orders.ADDRESS, "lines": [orders.line(world)]}
    )
    assert quoted.json()["price_fen"] == 30 * 350
    headers = await log_in(client, sms, drain_jobs, PHONE)
    address = orders.ADDRESS | {"door": "301室", "recipient": "周女士", "phone": PHONE}
    saved = await client.post("/me/addresses", json=address, headers=headers | once())
    assert saved.status_code == 201, saved.text
    body = {
        "address_id": saved.json()["id"],
        "lines": [orders.line(world)],
        "agreement_version": "2026-01",
        "source": "mini_program",
    }
    placed = await client.post("/orders", json=body, headers=headers | once())
    assert placed.status_code == 201, placed.text
    order_id = placed.json()["id"]
    household = Household(new_id(), new_id(), new_id(), PHONE, headers["Authorization"][7:])
    await pay(client, payments, order_id, household)
    await payments.deliver_notifications()
    await drain_jobs()
    order = await orders.read(client, order_id, household)
    assert order["status"] == "delivering"
    assert order["order_no"] in sms.outbox(PHONE)[0].text

    # At the cut-off tomorrow is frozen and planned; the sheet and the picking list come out.
    clock.set(MORNING + timedelta(hours=7))
    await run_freeze_and_plan(JobContext(database=database, clock=clock), {})
    block = public_single("blk", world.blocks[0])
    station = public_single("stn", world.station_id)
    manager = world.staff[Role.MANAGER].headers
    picking = await client.get(
        f"/stations/{station}/picking", params={"date": TOMORROW.isoformat()}, headers=manager
    )
    assert picking.json()["totals"] == [
        {"product_id": public_single("prd", world.milk_id), "bottles": 1}
    ]
    await drive_the_van(client, world, clock)

    # The deliverer reads his sheet, taps without network at 4:30, takes a new order for cash.
    clock.set(MORNING + timedelta(hours=18, minutes=30))
    sheet = await client.get(
        f"/routes/{block}/{TOMORROW}", headers=world.deliverer_staff[0].headers
    )
    assert sheet.status_code == 200, sheet.text
    stop = sheet.json()["items"][0]
    assert (stop["door"], stop["recipient"]) == ("301室", "周女士")
    foreign = await client.get(
        f"/routes/{block}/{TOMORROW}", headers=world.deliverer_staff[1].headers
    )
    assert foreign.status_code == 404
    tapped_ago = timedelta(hours=1, minutes=40)
    clock.set(MORNING + timedelta(hours=20, minutes=10))
    now = wall_now()
    done = {
        "event_id": str(new_id()),
        "kind": "stop_done",
        "device_at": (now - tapped_ago).isoformat(),
        "stop": stop["stop"],
        "service_date": TOMORROW.isoformat(),
        "outcome": "delivered",
        "celsius": 4.2,
    }
    sale = {
        "event_id": str(new_id()),
        "kind": "offline_order",
        "device_at": (now - tapped_ago).isoformat(),
        "order": door_order(world),
    }
    answers = await tap(client, world, [done, sale], now)
    assert [one["status"] for one in answers] == ["accepted", "accepted"], answers
    repeated = await tap(client, world, [sale, done], wall_now())
    assert [one["status"] for one in repeated] == ["duplicate", "duplicate"], repeated

    # A household complains of a leaking bottle: answered, compensated, called back.
    clock.set(MORNING + timedelta(hours=22))
    ticket = await client.post(
        "/tickets",
        json={
            "kind": "complaint",
            "category": "leaking",
            "body": "瓶子漏了",
            "order_id": order_id,
            "service_date": TOMORROW.isoformat(),
        },
        headers=headers | once(),
    )
    assert ticket.status_code == 201, ticket.text
    path = f"/tickets/{ticket.json()['id']}"
    agent = world.staff[Role.SERVICE_AGENT].headers
    for step, said in (
        ("reply", {"body": "非常抱歉，明早为您补送"}),
        (
            "compensate",
            {
                "make_up": {
                    "service_date": str(TOMORROW + timedelta(days=1)),
                    "bottles": 1,
                    "order_line_id": order["lines"][0]["id"],
                }
            },
        ),
        ("resolve", {"result": "已补送"}),
        ("return-visit", {"reached": True, "score": 5}),
    ):
        answer = await client.post(f"{path}/{step}", json=said, headers=agent | once())
        assert answer.status_code in {200, 201}, (step, answer.text)
    assert (await client.get(path, headers=headers)).json()["status"] == "closed"

    # Another one is outside the area: rejected, told, refunded to WeChat.
    async with database.transaction() as session:
        far = await world.add_household(session, compound="无人小区", street="不通路", block=None)
    distant = await orders.place(client, world, far)
    number = await pay(client, payments, distant["id"], far)
    await payments.deliver_notifications()
    await drain_jobs()
    await payments.finish_refunds()
    await drain_jobs()
    assert (await orders.read(client, distant["id"], far))["status"] == "rejected"
    assert [status for _, _, status in payments.refunds(number)] == ["SUCCESS"]

    # At the end the KPIs stand there, each open down to its rows, and all promises hold.
    clock.set(MORNING + timedelta(days=2))
    shown = await client.get(
        "/kpi", params={"from": TODAY.isoformat(), "to": TOMORROW.isoformat()}, headers=manager
    )
    assert shown.status_code == 200, shown.text
    kpis = {item["key"]: item for item in shown.json()["items"]}
    assert (kpis["on_time_rate"]["numerator"], kpis["on_time_rate"]["denominator"]) == (1, 1)
    assert kpis["satisfaction"]["numerator"] == 1
    assert kpis["complaint_handled_rate"]["status"] == "met"
    assert kpis["internet_rate"]["denominator"] == 2
    rows = await client.get(
        "/kpi/on_time_rate/rows",
        params={"from": TODAY.isoformat(), "to": TOMORROW.isoformat()},
        headers=manager,
    )
    assert len(rows.json()["items"]) == 1
    async with database.transaction() as session:
        await assert_invariants(session, clock.now())
