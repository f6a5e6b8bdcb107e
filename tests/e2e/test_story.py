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


async def order_and_pay(
    client: httpx.AsyncClient, world: World, payments: Payments, sms: Stage, drain_jobs: Drain
) -> tuple[dict[str, Any], Household]:
    """Is it served? A quote, a login by SMS, an order, a payment by WeChat; the review approves."""
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
    household = Household(new_id(), new_id(), new_id(), PHONE, headers["Authorization"][7:])
    await pay(client, payments, placed.json()["id"], household)
    await payments.deliver_notifications()
    await drain_jobs()
    order = await orders.read(client, placed.json()["id"], household)
    assert order["status"] == "delivering"
    assert order["order_no"] in sms.outbox(PHONE)[0].text
    return order, household


async def read_the_sheet(client: httpx.AsyncClient, world: World) -> dict[str, Any]:
    """Picking totals for the station, the round for its deliverer and for nobody else."""
    station = public_single("stn", world.station_id)
    picking = await client.get(
        f"/stations/{station}/picking",
        params={"date": TOMORROW.isoformat()},
        headers=world.staff[Role.MANAGER].headers,
    )
    assert picking.json()["totals"] == [
        {"product_id": public_single("prd", world.milk_id), "bottles": 1}
    ]
    path = f"/routes/{public_single('blk', world.blocks[0])}/{TOMORROW}"
    foreign = await client.get(path, headers=world.deliverer_staff[1].headers)
    assert foreign.status_code == 404
    sheet = await client.get(path, headers=world.deliverer_staff[0].headers)
    assert sheet.status_code == 200, sheet.text
    stop: dict[str, Any] = sheet.json()["items"][0]
    assert (stop["door"], stop["recipient"]) == ("301室", "周女士")
    return stop


async def work_the_morning(client: httpx.AsyncClient, world: World, stop: dict[str, Any]) -> None:
    """Taps without network at 4:30, a new order for cash; the phone syncs at 6:10, twice."""
    tapped_at = (wall_now() - timedelta(hours=1, minutes=40)).isoformat()
    done = {
        "event_id": str(new_id()),
        "kind": "stop_done",
        "device_at": tapped_at,
        "stop": stop["stop"],
        "service_date": TOMORROW.isoformat(),
        "outcome": "delivered",
        "celsius": 4.2,
    }
    sale = {
        "event_id": str(new_id()),
        "kind": "offline_order",
        "device_at": tapped_at,
        "order": door_order(world),
    }
    answers = await tap(client, world, [done, sale], wall_now())
    assert [one["status"] for one in answers] == ["accepted", "accepted"], answers
    repeated = await tap(client, world, [sale, done], wall_now())
    assert [one["status"] for one in repeated] == ["duplicate", "duplicate"], repeated


async def complain(
    client: httpx.AsyncClient, world: World, order: dict[str, Any], headers: dict[str, str]
) -> None:
    """A leaking bottle: answered, compensated, resolved, called back."""
    said = {
        "kind": "complaint",
        "category": "leaking",
        "body": "瓶子漏了",
        "order_id": order["id"],
        "service_date": TOMORROW.isoformat(),
    }
    ticket = await client.post("/tickets", json=said, headers=headers | once())
    assert ticket.status_code == 201, ticket.text
    path = f"/tickets/{ticket.json()['id']}"
    make_up = {
        "service_date": str(TOMORROW + timedelta(days=1)),
        "bottles": 1,
        "order_line_id": order["lines"][0]["id"],
    }
    agent = world.staff[Role.SERVICE_AGENT].headers
    for step, body in (
        ("reply", {"body": "非常抱歉，明早为您补送"}),
        ("compensate", {"make_up": make_up}),
        ("resolve", {"result": "已补送"}),
        ("return-visit", {"reached": True, "score": 5}),
    ):
        answer = await client.post(f"{path}/{step}", json=body, headers=agent | once())
        assert answer.status_code in {200, 201}, (step, answer.text)
    assert (await client.get(path, headers=headers)).json()["status"] == "closed"


async def order_from_outside(
    client: httpx.AsyncClient,
    world: World,
    payments: Payments,
    database: Database,
    drain_jobs: Drain,
) -> None:
    """Rejected, told, refunded to WeChat."""
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


async def read_the_kpis(client: httpx.AsyncClient, world: World) -> None:
    """The eight stand there, each open down to its rows."""
    manager = world.staff[Role.MANAGER].headers
    period = {"from": TODAY.isoformat(), "to": TOMORROW.isoformat()}
    shown = await client.get("/kpi", params=period, headers=manager)
    assert shown.status_code == 200, shown.text
    kpis = {item["key"]: item for item in shown.json()["items"]}
    assert len(kpis) == 8
    assert (kpis["on_time_rate"]["numerator"], kpis["on_time_rate"]["denominator"]) == (1, 1)
    assert kpis["satisfaction"]["numerator"] == 1
    assert kpis["complaint_handled_rate"]["status"] == "met"
    assert kpis["internet_rate"]["denominator"] == 2
    rows = await client.get("/kpi/on_time_rate/rows", params=period, headers=manager)
    assert len(rows.json()["items"]) == 1


async def test_from_an_order_to_the_doorstep(
    client: httpx.AsyncClient,
    world: World,
    payments: Payments,
    sms: Stage,
    clock: SetClock,
    database: Database,
    drain_jobs: Drain,
) -> None:
    order, household = await order_and_pay(client, world, payments, sms, drain_jobs)
    clock.set(MORNING + timedelta(hours=7))
    await run_freeze_and_plan(JobContext(database=database, clock=clock), {})
    await drive_the_van(client, world, clock)
    clock.set(MORNING + timedelta(hours=18, minutes=30))
    stop = await read_the_sheet(client, world)
    clock.set(MORNING + timedelta(hours=20, minutes=10))
    await work_the_morning(client, world, stop)
    clock.set(MORNING + timedelta(hours=22))
    await complain(client, world, order, household.headers)
    await order_from_outside(client, world, payments, database, drain_jobs)
    clock.set(MORNING + timedelta(days=2))
    await read_the_kpis(client, world)
    async with database.transaction() as session:
        await assert_invariants(session, clock.now())
