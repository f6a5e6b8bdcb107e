"""Finance's work list: each way to differ becomes an item, and closes by itself or by a person."""

import gzip
from datetime import timedelta

import httpx
import pytest

from app.billing.channels.protocol import OrderRequest, Placed
from app.billing.jobs import match_bills
from app.billing.service import query_payment
from app.core.clock import wall_now
from app.core.db import Database
from app.core.ids import new_id, public_pair, public_single
from app.core.jobs import JobContext
from app.identity.models import Role
from tests.billing.bills import (
    DAY,
    NEXT_MORNING,
    Day,
    Desk,
    bill_of,
    differences,
    morning_after,
    row,
    set_both,
)
from tests.factories.billing import alerts, pay_one, start_one
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

pytestmark = pytest.mark.usefixtures("heard")
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def same_time(clock: SetClock, payments: Payments) -> None:
    """The platform lives in the test's spring."""
    set_both(clock, payments, MORNING)


async def hold(database: Database, clock: SetClock) -> None:
    """The books and the bills add up."""
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only=("I1", "I3", "I9", "I11"))


@pytest.fixture
def desk(client: httpx.AsyncClient, world: World) -> Desk:
    """Finance at work."""
    return Desk(client, world)


@pytest.fixture
async def day(
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
    same_time: None,
) -> Day:
    """The next morning, before the bill is there."""
    agreed = await pay_one(database, payments, world.household)
    off = await pay_one(database, payments, world.household, amount_fen=3_000)
    missing = await pay_one(database, payments, world.household, amount_fen=2_000)
    late = await start_one(database, world.household, amount_fen=4_000)
    payments.pay(late.out_trade_no)
    await drain(job_context)
    clock.set(NEXT_MORNING)
    return Day(agreed, off, missing, late)


async def test_every_kind_of_difference_becomes_an_item(
    desk: Desk, day: Day, client: httpx.AsyncClient, database: Database, payments: Payments
) -> None:
    merchant = payments.gateway.merchant
    facts = await desk.bring("2026-03-15", day.file(merchant))
    assert [facts[name] for name in ("line_count", "bad_count", "matched_count")] == [6, 1, 1]
    assert (facts["open_count"], facts["origin"], facts["is_wanted"]) == (5, "file", False)
    assert facts["open_fen"] == 1 + 4_000 + 5 + 100 + 2_000
    assert facts["difference_fen"] == 1 + 4_000 + 5 - 100 - 2_000
    assert await differences(database) == {
        day.off.out_trade_no: ("amount_differs", "open"),
        day.late.out_trade_no: ("only_theirs", "open"),
        "STRANGER1": ("only_theirs", "open"),
        "RSTRANGER": ("only_theirs", "open"),
        day.missing.out_trade_no: ("only_ours", "open"),
    }
    assert (await alerts(database))["bill_rows_unread"] == f"wechat:{merchant}:2026-03-15"
    faults = await client.get(f"{desk.path}/faults", headers=desk.headers)
    assert faults.json()["items"] == [{"line_no": 6, "reason": "amount"}]
    assert list(await desk.items(kind="only_ours")) == [day.missing.out_trade_no]
    assert len(await desk.items(kind="only_theirs", state="open")) == 3
    first = await client.get(f"{desk.path}/differences?limit=3", headers=desk.headers)
    rest = await desk.items(cursor=first.json()["next_cursor"])
    shown = [item["number"] for item in first.json()["items"]] + list(rest)
    assert sorted(shown) == sorted(await desk.items())


async def test_a_late_capture_and_a_later_bill_close_their_own(
    desk: Desk,
    day: Day,
    database: Database,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    merchant = payments.gateway.merchant
    await desk.bring("2026-03-15", day.file(merchant))
    [stranger] = [item for item in (await desk.items()).values() if item["number"] == "STRANGER1"]
    first = desk.path
    await query_payment(
        database, customer_id=day.late.customer_id, payment_id=day.late.payment_id, now=clock.now()
    )
    clock.set(NEXT_MORNING + DAY)
    number = day.missing.out_trade_no
    next_day = bill_of(
        [row(merchant, 交易时间="2026-03-16 00:00:01", 商户订单号=number, 订单金额="20.00")]
    )
    await desk.bring("2026-03-16", gzip.compress(next_day))
    assert [item["kind"] for item in (await desk.items()).values()] == ["date_differs"]
    assert (await desk.items())[number]["state"] == "explained"
    assert "billing.match_bills" in await drain(job_context)
    desk.path = first
    items = await desk.items()
    late = items[day.late.out_trade_no]
    assert (late["kind"], late["state"]) == ("date_differs", "resolved")
    assert [number for number, item in items.items() if item["is_gone"]] == [number]
    assert await desk.act(items[number], "reopen") == (409, "difference_gone")
    assert items["STRANGER1"] == stranger
    await match_bills(job_context, {})
    assert await desk.items() == items
    await hold(database, clock)


async def test_finance_explains_resolves_and_opens_again(
    desk: Desk,
    day: Day,
    client: httpx.AsyncClient,
    payments: Payments,
    job_context: JobContext,
) -> None:
    await desk.bring("2026-03-15", day.file(payments.gateway.merchant))
    item = (await desk.items())["STRANGER1"]
    key = once()
    assert await desk.act(item, "explain", key=key) == (200, "explained")
    assert await desk.act(item, "explain", key=key) == (200, "explained")
    assert await desk.act(item, "explain") == (409, "move_not_allowed")
    await match_bills(job_context, {})
    assert (await desk.items())["STRANGER1"]["state"] == "explained"
    assert await desk.act(item, "resolve") == (200, "resolved")
    assert await desk.act(item, "reopen") == (200, "open")
    other = {"bill_id": public_single("bil", new_id()), "id": item["id"]}
    assert await desk.act(other, "resolve") == (404, "difference_unknown")
    history = await client.get(f"{desk.path}/differences/{item['id']}", headers=desk.headers)
    moves = history.json()["moves"]
    assert [move["state"] for move in moves] == ["open", "explained", "resolved", "open"]
    assert [move["moved_by"] is None for move in moves] == [True, False, False, False]


async def test_the_platform_knows_of_money_that_we_do_not(
    client: httpx.AsyncClient,
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    await pay_one(database, payments, world.household)
    too_little = await start_one(database, world.household, amount_fen=2_000)
    payments.pay(too_little.out_trade_no, amount_fen=1_999)
    await payments.deliver_notifications()
    stranger = OrderRequest(
        method="native",
        number="STRANGER1",
        amount_fen=5,
        description="门店收款",
        expires_at=wall_now() + MINUTE * 5,
    )
    assert isinstance(await payments.gateway.place_order(stranger), Placed)
    payments.pay("STRANGER1")
    await morning_after(clock, payments, job_context)
    assert await differences(database) == {
        too_little.out_trade_no: ("only_theirs", "open"),
        "STRANGER1": ("only_theirs", "open"),
    }
    auditor = world.staff[Role.AUDITOR].headers
    [bill] = (await client.get("/bills?with_open=true", headers=auditor)).json()["items"]
    assert (bill["matched_count"], bill["open_count"], bill["open_fen"]) == (1, 2, 2_004)
    items = (await client.get(f"/bills/{bill['id']}/differences", headers=auditor)).json()["items"]
    known = {item["number"]: item["ours_id"] for item in items}
    ours = public_pair("pay", too_little.customer_id, too_little.payment_id)
    assert known == {too_little.out_trade_no: ours, "STRANGER1": None}
    refused = await client.post(
        f"/bills/{bill['id']}/differences/{items[0]['id']}/resolve",
        json={"reason": "已核实"},
        headers=auditor | once(),
    )
    assert refused.status_code == 403
    assert (await client.get("/bills?with_open=true&until=2026-03-14", headers=auditor)).json() == {
        "items": [],
        "next_cursor": None,
    }
