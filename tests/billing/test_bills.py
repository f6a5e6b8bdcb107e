"""The channel's bill of a day beside our books (S1 5.2.7): what agrees, what does not, and who
says why.
"""

from datetime import date, timedelta

import httpx
import pytest
from sqlalchemy import text

from app.billing.jobs import ask_for_bills, sweep, watch_bills
from app.billing.states import BillStatus
from app.core.clock import local_date
from app.core.db import Database
from app.core.ids import HOUSE, new_id, public_single
from app.core.jobs import JobContext
from app.identity.models import Role
from simulators.channels.faults import FaultKind
from tests.billing.bills import (
    DAY,
    NEXT_MORNING,
    alter,
    bill_of,
    bills,
    differences,
    give_back,
    morning_after,
    public_id,
    row,
    set_both,
)
from tests.factories.billing import alerts, booked, pay_one
from tests.factories.world import MORNING, TODAY, World, once
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


async def test_a_day_of_payments_and_refunds_agrees_and_is_asked_for_once(
    client: httpx.AsyncClient,
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    paid = await pay_one(database, payments, world.household)
    await pay_one(database, payments, world.household, amount_fen=2_005)
    await give_back(database, paid, 700)
    await drain(job_context)
    await payments.finish_refunds()
    done = await morning_after(clock, payments, job_context)
    assert done.count("billing.download_bill") == 2  # the other is Alipay's
    [bill] = await bills(database)
    assert (bill.status, bill.bill_date, bill.next_try_at) == (BillStatus.LOADED, TODAY, None)
    assert await differences(database) == {}
    await hold(database, clock)

    await ask_for_bills(job_context, {})
    await sweep(job_context, {})
    await watch_bills(job_context, {})
    assert "billing.download_bill" not in await drain(job_context)
    assert "bill_missing" not in await alerts(database)

    auditor = world.staff[Role.AUDITOR].headers
    shown = (await client.get("/bills?channel=wechat", headers=auditor)).json()["items"]
    assert len(shown) == 1
    facts = shown[0]
    assert facts["theirs"] == {"paid_fen": 12_505, "refunded_fen": 700, "net_fen": 11_805}
    assert facts["ours"] == facts["theirs"]
    assert facts["fee_fen"] == 63 + 12 - 4
    channel = f"channel:wechat:{payments.gateway.merchant}"
    kept = [("channel_fee", "channel_fee", channel, 71)]
    assert await booked(database, HOUSE) == kept
    counts = ("line_count", "bad_count", "matched_count", "open_count", "difference_fen")
    assert [facts[name] for name in counts] == [3, 0, 3, 0, 0]

    again = await client.post(
        f"/bills/{facts['id']}/download", headers=world.staff[Role.FINANCE].headers | once()
    )
    assert (again.status_code, again.json()["is_wanted"]) == (202, True)
    assert "billing.download_bill" in await drain(job_context)
    assert await differences(database) == {}
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM channel_bill_lines")) == 3
    assert await booked(database, HOUSE) == kept
    await hold(database, clock)


async def test_a_broken_hash_is_tried_again_and_missed_at_noon(
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    await pay_one(database, payments, world.household)
    broken = alter(payments, b"`not the bill")
    assert "billing.download_bill" in await morning_after(clock, payments, job_context)
    [bill] = await bills(database)
    assert (bill.status, bill.tries) == (BillStatus.WAITING, 1)
    assert "does not fit its hash" in str(bill.failure)
    await sweep(job_context, {})
    assert await drain(job_context) == []

    set_both(clock, payments, MORNING + DAY + timedelta(hours=2))
    await watch_bills(job_context, {})
    subject = f"wechat:{payments.gateway.merchant}:2026-03-15"
    assert (await alerts(database))["bill_missing"] == subject
    payments.http._transport = broken.inner
    await drain(job_context)
    [bill] = await bills(database)
    assert (bill.status, bill.failure, broken.downloads) == (BillStatus.LOADED, None, 1)
    assert "bill_missing" not in await alerts(database)
    assert await differences(database) == {}


async def test_a_signed_download_goes_nowhere_else(
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    await pay_one(database, payments, world.household)
    elsewhere = alter(payments, b"")
    payments.simulator.wechat_api._bills._base_url = "http://127.0.0.1:8001.example"
    await morning_after(clock, payments, job_context)
    [bill] = await bills(database)
    assert "not the platform's" in str(bill.failure)
    assert (bill.status, elsewhere.downloads) == (BillStatus.WAITING, 0)


async def test_no_data_is_a_normal_day_and_days_off_are_made_up(
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    await morning_after(clock, payments, job_context)
    set_both(clock, payments, NEXT_MORNING + 3 * DAY)
    payments.fault(FaultKind.SYSTEM_ERROR, endpoint="bill")
    await ask_for_bills(job_context, {})
    await drain(job_context)
    found = await bills(database)
    assert [bill.bill_date - TODAY for bill in found] == [number * DAY for number in range(4)]
    assert sorted(bill.status.value for bill in found) == ["empty"] * 3 + ["waiting"]
    clock.set(clock.now() + 5 * MINUTE)
    await sweep(job_context, {})
    await drain(job_context)
    assert {bill.status for bill in await bills(database)} == {BillStatus.EMPTY}
    assert await alerts(database) == {}


async def test_what_is_no_bill_changes_nothing(
    client: httpx.AsyncClient,
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
) -> None:
    finance = world.staff[Role.FINANCE].headers
    today = {"bill_date": local_date(clock.now()).isoformat()}
    early = await client.post("/bills", json=today, headers=finance | once())
    assert (early.status_code, early.json()["code"]) == (409, "bill_not_ready")
    old = await client.post("/bills", json={"bill_date": "2025-03-15"}, headers=finance | once())
    assert (old.status_code, old.json()["is_wanted"]) == (201, False)
    path = f"/bills/{old.json()['id']}"
    refused = await client.post(f"{path}/download", headers=finance | once())
    assert (refused.status_code, refused.json()["code"]) == (409, "bill_too_old")
    merchant = payments.gateway.merchant
    for content in (
        b"",
        b"\x1f\x8bbroken",
        bill_of([row(merchant)], counted=2),
        bill_of([row("1900000109", 交易时间="2025-03-15 10:00:00")]),
    ):
        answer = await client.post(f"{path}/file", content=content, headers=finance | once())
        assert (answer.status_code, answer.json()["code"]) == (400, "bill_file_malformed")
    [bill] = await bills(database)
    assert (bill.status, bill.line_count, bill.bill_date) == ("waiting", 0, date(2025, 3, 15))
    auditor = world.staff[Role.AUDITOR].headers
    answer = await client.post(f"{path}/file", content=b"", headers=auditor | once())
    assert answer.status_code == 403
    unknown = await client.get(
        f"/bills/{public_single('bil', new_id())}/differences", headers=finance
    )
    assert (unknown.status_code, unknown.json()["code"]) == (404, "bill_unknown")
    assert public_id(bill) == old.json()["id"]
