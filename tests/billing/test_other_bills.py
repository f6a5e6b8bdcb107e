"""The same work list for every channel: Alipay's bill is fetched, a POS acquirer's is brought."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.billing.jobs import ask_for_bills, match_bills, sweep
from app.billing.models import Payment
from app.billing.service import record_door_payment, request_refund
from app.billing.states import BillStatus, PaymentChannel
from app.core.db import Database
from app.core.ids import new_id
from app.core.jobs import JobContext
from app.identity.models import Role
from tests.billing.alipay_trading import pay_alipay
from tests.billing.bill_files import UNIONPAY_MERCHANT, pos_file, pos_row, zm_file, zm_row
from tests.billing.bills import DAY, NEXT_MORNING, Desk, bills, differences, morning_after, set_both
from tests.factories.billing import SLIP, alerts
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

pytestmark = pytest.mark.usefixtures("heard")
POS = PaymentChannel.POS
POS_MERCHANT = SLIP["merchant_no"]


@pytest.fixture(autouse=True)
def same_time(clock: SetClock, payments: Payments) -> None:
    """The channels live in the test's spring."""
    set_both(clock, payments, MORNING)


async def hold(database: Database, clock: SetClock) -> None:
    """The books and the bills add up."""
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only=("I1", "I3", "I9", "I11"))


async def swipe(database: Database, world: World, trace: str, fen: int) -> Payment:
    async with database.transaction() as session:
        return await record_door_payment(
            session,
            customer_id=world.household.customer_id,
            reference_id=new_id(),
            channel=POS,
            amount_fen=fen,
            collector_id=world.deliverers[0],
            receipt_no=f"A-{trace}",
            pos_slip=SLIP | {"trace_no": trace, "reference_no": f"260315{trace}"},
            collected_at=MORNING,
            payment_id=new_id(),
            now=MORNING,
        )


def slip(trace: str) -> str:
    return f"{POS_MERCHANT}|{SLIP['terminal_no']}|{SLIP['batch_no']}|{trace}"


async def everything(database: Database) -> list[list[tuple[Any, ...]]]:
    """Lines, faults, differences and their moves."""
    async with database.transaction() as session:
        return [
            [
                tuple(row)
                for row in await session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2, 3"))
            ]
            for table in (
                "channel_bill_lines",
                "channel_bill_faults",
                "channel_bill_differences",
                "channel_bill_difference_moves",
            )
        ]


async def test_an_acquirers_file_is_laid_beside_the_slips(
    client: httpx.AsyncClient,
    database: Database,
    world: World,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    for trace, fen in (("000123", 9_000), ("000124", 3_000), ("000125", 2_000), ("000126", 700)):
        await swipe(database, world, trace, fen)
    clock.set(NEXT_MORNING)
    desk = Desk(client, world)
    wanted = {"channel": "pos", "merchant_account": POS_MERCHANT}
    file = pos_file(
        [
            pos_row("000123", "90.00"),
            pos_row("000124", "30.01"),
            pos_row("000199", "5.00"),
            pos_row("000200", "x"),
            pos_row("000123", "9.00", kind="退货", batch="000008"),
        ]
    )
    facts = await desk.bring("2026-03-15", file, **wanted)
    assert (facts["channel"], facts["merchant_account"]) == ("pos", POS_MERCHANT)
    counts = ("line_count", "bad_count", "matched_count", "open_count", "open_fen")
    assert [facts[name] for name in counts] == [4, 1, 1, 5, 1 + 500 + 900 + 2_000 + 700]
    assert facts["theirs"]["paid_fen"] == 9_000 + 3_001 + 500
    assert facts["ours"] == {"paid_fen": 14_700, "refunded_fen": 0, "net_fen": 14_700}
    told = {
        slip("000124"): ("amount_differs", "open"),
        slip("000199"): ("only_theirs", "open"),
        slip("000123").replace("000007", "000008"): ("only_theirs", "open"),
        slip("000125"): ("only_ours", "open"),
        slip("000126"): ("only_ours", "open"),
    }
    assert await differences(database) == told
    faults = await client.get(f"{desk.path}/faults", headers=desk.headers)
    assert faults.json()["items"] == [{"line_no": 6, "reason": "amount"}]
    assert (await alerts(database))["bill_rows_unread"] == f"pos:{POS_MERCHANT}:2026-03-15"
    await hold(database, clock)

    before = await everything(database)
    again = await desk.bring("2026-03-15", file, **wanted)
    await match_bills(job_context, {})
    assert [again[name] for name in counts] == [facts[name] for name in counts]
    assert await everything(database) == before

    # the terminal settled one slip a day late
    first = desk.path
    clock.set(NEXT_MORNING + DAY)
    late = pos_file([pos_row("000125", "20.00")], encoding="utf-8")
    await desk.bring("2026-03-16", late, **wanted)
    assert [(item["kind"], item["state"]) for item in (await desk.items()).values()] == [
        ("date_differs", "explained")
    ]
    await drain(job_context)
    desk.path = first
    assert [number for number, item in (await desk.items()).items() if item["is_gone"]] == [
        slip("000125")
    ]
    await hold(database, clock)


async def test_a_bill_that_comes_as_a_file_is_nobody_elses_to_ask_for(
    client: httpx.AsyncClient,
    database: Database,
    world: World,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    finance = world.staff[Role.FINANCE].headers
    day = {"bill_date": "2026-03-15", "channel": "pos", "merchant_account": POS_MERCHANT}

    async def ask(**changed: str | None) -> tuple[int, str]:
        wanted = {name: said for name, said in (day | changed).items() if said is not None}
        answer = await client.post("/bills", json=wanted, headers=finance | once())
        return answer.status_code, answer.json().get("code") or answer.json()["id"]

    assert await ask() == (409, "bill_not_ready")
    clock.set(NEXT_MORNING)
    assert await ask(merchant_account=None) == (400, "bill_merchant_missing")
    assert (await ask(channel="cash"))[0] == 422
    assert (await ask(merchant_account="a|b"))[0] == 422
    assert await ask(channel="wechat") == (503, "channel_not_configured")
    assert await bills(database, POS) == []

    status, bill_id = await ask()
    assert (status, await ask()) == (201, (201, bill_id))
    refused = await client.post(f"/bills/{bill_id}/download", headers=finance | once())
    assert (refused.status_code, refused.json()["code"]) == (409, "bill_comes_as_file")
    assert "billing.download_bill" not in await drain(job_context)
    for content in (b"", zm_file([zm_row("P1", 1)]), pos_file([pos_row("1", "x")])):
        answer = await client.post(
            f"/bills/{bill_id}/file", content=content, headers=finance | once()
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "bill_file_malformed")
    [bill] = await bills(database, POS)
    assert (bill.status, bill.line_count, bill.next_try_at) == (BillStatus.WAITING, 0, None)
    shown = await client.get("/bills?channel=pos", headers=finance)
    assert [item["id"] for item in shown.json()["items"]] == [bill_id]
    assert (await client.get("/bills?channel=alipay", headers=finance)).json()["items"] == []


async def test_unionpays_file_finds_its_strangers(
    client: httpx.AsyncClient, database: Database, world: World, clock: SetClock
) -> None:
    clock.set(NEXT_MORNING)
    desk = Desk(client, world)
    facts = await desk.bring(
        "2026-03-15",
        zm_file([zm_row("STRANGER1", 500), zm_row("STRANGER2", 100, kind="04")]),
        channel="unionpay",
        merchant_account=UNIONPAY_MERCHANT,
    )
    assert (facts["paid_count"], facts["refund_count"], facts["fee_fen"]) == (1, 1, 120)
    assert await differences(database) == {
        "STRANGER1": ("only_theirs", "open"),
        "STRANGER2": ("only_theirs", "open"),
    }
    await hold(database, clock)


async def test_alipays_bill_is_fetched_and_agrees(
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    paid = await pay_alipay(database, payments, world.household)
    await pay_alipay(database, payments, world.household)
    async with database.transaction() as session:
        await request_refund(
            session,
            customer_id=paid.customer_id,
            reference_id=paid.reference_id,
            amount_fen=700,
            cause="order_rejected",
            now=MORNING,
        )
    await drain(job_context)
    await payments.deliver_notifications()
    await morning_after(clock, payments, job_context)
    [bill] = await bills(database, PaymentChannel.ALIPAY)
    assert (bill.status, bill.merchant_account, bill.bill_date) == (
        *(BillStatus.LOADED, payments.alipay.merchant),
        TODAY,
    )
    assert (bill.line_count, bill.bad_count, bill.matched_count) == (3, 0, 3)
    assert (bill.paid_fen, bill.refunded_fen, bill.fee_fen) == (21_000, 700, 126)
    assert (bill.ours_paid_fen, bill.ours_refunded_fen) == (21_000, 700)
    assert await differences(database) == {}
    await hold(database, clock)


async def test_money_that_only_alipay_knows_of_is_found_and_a_strange_address_is_not_followed(
    database: Database,
    world: World,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    trades = payments.simulator.alipay.trades
    trades.place(
        "alipay.trade.precreate",
        out_trade_no="STRANGER1",
        total_fen=500,
        subject="门店, 收款",
        expires_at=None,
        notify_url="",
    )
    trades.pay("STRANGER1")
    made = payments.simulator.alipay.bills
    for minutes, address, why in (
        (6, "http://127.0.0.1:8002", "the bill's address is not Alipay's"),
        (22, "https://alipay.com.example", "the bill's address is not Alipay's"),
        (53, "http://127.0.0.1:8001.example", "the bill has no address"),
        (114, "http://127.0.0.1:8001", None),
    ):
        made._base_url = address
        set_both(clock, payments, MORNING + DAY + timedelta(minutes=minutes))
        await (ask_for_bills if minutes == 6 else sweep)(job_context, {})
        await drain(job_context)
        [bill] = await bills(database, PaymentChannel.ALIPAY)
        assert bill.failure == (why and f"OutcomeUnknown: {why}")
    assert bill.status == BillStatus.LOADED
    assert await differences(database) == {"STRANGER1": ("only_theirs", "open")}
    await hold(database, clock)
