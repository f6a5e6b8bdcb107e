"""Who may look at what: payments, refunds, the ledger, receipts and cash in hand."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.billing.models import PaymentChannel
from app.billing.service import record_door_payment, request_refund
from app.core.db import Database
from app.core.ids import new_id, public_pair, public_single
from app.core.jobs import JobContext
from app.identity.models import Role
from tests.factories.billing import SLIP, pay_one, start_one, take_cash
from tests.factories.world import MORNING, World
from tests.fixtures.application import SetClock
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

pytestmark = pytest.mark.usefixtures("heard")


async def get(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], **query: Any
) -> httpx.Response:
    return await client.get(path, headers=headers, params=query)


async def test_a_payment_is_shown_to_its_payer_and_to_staff_without_the_code(
    database: Database, world: World, client: httpx.AsyncClient, payments: Payments
) -> None:
    payment = await start_one(database, world.household)
    path = f"/payments/{public_pair('pay', payment.customer_id, payment.payment_id)}"
    own = (await get(client, path, world.household.headers)).json()
    assert own["status"] == "pending"
    assert own["status_label"] == "待支付"
    assert own["amount_fen"] == 10_500
    assert own["handle"] == payment.handle
    for role in (Role.FINANCE, Role.SERVICE_AGENT):
        shown = await get(client, path, world.staff[role].headers)
        assert (shown.status_code, shown.json()["handle"]) == (200, None)
    assert (await get(client, path, world.staff[Role.DELIVERER].headers)).status_code == 403

    payments.pay(payment.out_trade_no)
    await payments.deliver_notifications()
    paid = (await get(client, path, world.household.headers)).json()
    assert (paid["status"], paid["handle"], paid["is_surplus"]) == ("captured", None, False)


async def test_another_customers_payment_is_missing(
    database: Database, world: World, client: httpx.AsyncClient, payments: Payments
) -> None:
    payment = await start_one(database, world.household)
    async with database.transaction() as session:
        neighbour = await world.add_household(session)
    foreign = public_pair("pay", payment.customer_id, payment.payment_id)
    missing = public_pair("pay", neighbour.customer_id, new_id())
    crossed = public_pair("pay", neighbour.customer_id, payment.payment_id)
    answers = [
        await get(client, f"/payments/{public_id}", neighbour.headers)
        for public_id in (foreign, missing, crossed, "pay_x")
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    bodies = [answer.json() for answer in answers]
    assert {body["status"] for body in bodies} == {404}


async def test_refunds_are_listed_for_their_customer_and_for_staff_page_by_page(
    database: Database,
    world: World,
    client: httpx.AsyncClient,
    payments: Payments,
    clock: SetClock,
) -> None:
    async with database.transaction() as session:
        neighbour = await world.add_household(session)
    for household in (world.household, neighbour):
        payment = await pay_one(database, payments, household)
        for number in range(3):
            async with database.transaction() as session:
                await request_refund(
                    session,
                    customer_id=payment.customer_id,
                    reference_id=payment.reference_id,
                    amount_fen=100 + number,
                    cause=f"cause {number}",
                    now=MORNING + timedelta(minutes=number),
                )
    own = (await get(client, "/refunds", world.household.headers)).json()
    assert [item["amount_fen"] for item in own["items"]] == [102, 101, 100]
    assert {item["approved_by"] for item in own["items"]} == {None}
    assert own["next_cursor"] is None

    finance = world.staff[Role.FINANCE].headers
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = (await get(client, "/refunds", finance, **query)).json()
        seen.extend(item["id"] for item in page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 6
    none = (await get(client, "/refunds", finance, status="succeeded")).json()
    assert none["items"] == []
    assert (await get(client, "/refunds", finance, status="gone")).status_code == 422
    assert (await get(client, "/refunds", finance, cursor="WzEsMl0")).status_code == 400
    for role in (Role.AUDITOR, Role.DELIVERER, Role.REVIEWER):
        assert (await get(client, "/refunds", world.staff[role].headers)).status_code == 403


async def test_balances_and_the_age_of_what_waits(
    database: Database,
    world: World,
    client: httpx.AsyncClient,
    payments: Payments,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    payment = await pay_one(database, payments, world.household)
    async with database.transaction() as session:
        await request_refund(
            session,
            customer_id=payment.customer_id,
            reference_id=payment.reference_id,
            amount_fen=500,
            cause="order_cancelled",
            now=MORNING,
        )
    clock.set(MORNING + timedelta(hours=1))
    auditor = world.staff[Role.AUDITOR].headers
    shown = (await get(client, "/ledger/balances", auditor)).json()
    account = f"channel:wechat:{payments.gateway.merchant}"
    totals = {item["account"]: item["balance_fen"] for item in shown["accounts"]}
    assert totals == {account: -10_500, "prepaid": 10_000, "refund_payable": 500}
    assert shown["clearing"] == [
        {
            "account": "refund_payable",
            "balance_fen": 500,
            "open_items": 1,
            "oldest_at": "2026-03-15T02:00:00Z",
            "oldest_age_seconds": 3_600,
        },
        {
            "account": "suspense",
            "balance_fen": 0,
            "open_items": 0,
            "oldest_at": None,
            "oldest_age_seconds": None,
        },
    ]
    await drain(job_context)
    await payments.finish_refunds()
    later = (await get(client, "/ledger/balances", auditor)).json()
    assert [item["open_items"] for item in later["clearing"]] == [0, 0]
    for role in (Role.MANAGER, Role.STATION_MANAGER, Role.ADMIN):
        refused = await get(client, "/ledger/balances", world.staff[role].headers)
        assert refused.status_code == 403


async def test_transfers_of_one_order_page_by_page(
    database: Database, world: World, client: httpx.AsyncClient, payments: Payments
) -> None:
    payment = await pay_one(database, payments, world.household)
    for number in range(3):
        async with database.transaction() as session:
            await request_refund(
                session,
                customer_id=payment.customer_id,
                reference_id=payment.reference_id,
                amount_fen=100,
                cause=f"cause {number}",
                now=MORNING + timedelta(minutes=number + 1),
            )
    headers = world.staff[Role.FINANCE].headers
    reference = public_pair("ord", payment.customer_id, payment.reference_id)
    first = (await get(client, "/ledger/transfers", headers, reference=reference, limit=3)).json()
    rest = (
        await get(
            client,
            "/ledger/transfers",
            headers,
            reference=reference,
            limit=3,
            cursor=first["next_cursor"],
        )
    ).json()
    causes = [item["cause"] for item in (*first["items"], *rest["items"])]
    assert causes == ["payment_captured", *["refund_requested"] * 3]
    assert rest["next_cursor"] is None
    for wrong in ("ord_x", "nothing", ""):
        answer = await get(client, "/ledger/transfers", headers, reference=wrong)
        assert answer.status_code == 404


async def test_receipts_and_cash_in_hand_by_station(
    database: Database, world: World, client: httpx.AsyncClient
) -> None:
    own, stranger = world.deliverers[0], new_id()
    yesterday = MORNING - timedelta(days=1)
    async with database.transaction() as session:
        await take_cash(session, world.household, collector_id=own, receipt_no="A-1")
        await take_cash(session, world.household, collector_id=own, receipt_no="A-2", now=yesterday)
        await take_cash(session, world.household, collector_id=stranger, receipt_no="B-1")
        await record_door_payment(
            session,
            customer_id=world.household.customer_id,
            reference_id=new_id(),
            channel=PaymentChannel.POS,
            amount_fen=6_000,
            collector_id=own,
            receipt_no="A-3",
            pos_slip=SLIP,
            collected_at=MORNING + timedelta(hours=1),
            payment_id=new_id(),
            now=MORNING + timedelta(hours=1),
        )
    finance = world.staff[Role.FINANCE].headers
    station = world.staff[Role.STATION_MANAGER].headers

    async def numbers(headers: dict[str, str], **query: Any) -> list[str]:
        page = (await get(client, "/receipts", headers, **query)).json()
        return [item["receipt_no"] for item in page["items"]]

    assert set(await numbers(finance)) == {"A-1", "A-2", "A-3", "B-1"}
    assert await numbers(station) == ["A-3", "A-1", "A-2"]
    collector = public_single("dlv", own)
    assert await numbers(finance, collector=collector, date="2026-03-15") == ["A-3", "A-1"]
    assert await numbers(station, collector=public_single("dlv", stranger)) == []
    page = (await get(client, "/receipts", finance, limit=3)).json()
    more = await numbers(finance, limit=3, cursor=page["next_cursor"])
    assert len(page["items"]) + len(more) == 4
    assert (await get(client, "/receipts", finance, date="9999-12-31")).status_code == 422
    assert (await get(client, "/receipts", finance, collector="dlv_x")).status_code == 404

    held = (await get(client, "/cash-held", finance)).json()["items"]
    assert {item["collector"]: item["held_fen"] for item in held} == {
        collector: 18_000,
        public_single("dlv", stranger): 9_000,
    }
    seen = (await get(client, "/cash-held", station)).json()["items"]
    assert [item["collector"] for item in seen] == [collector]
    for path in ("/receipts", "/cash-held"):
        refused = await get(client, path, world.staff[Role.DELIVERER].headers)
        assert refused.status_code == 403


async def test_limits_are_set_by_managers_and_read_by_finance(
    world: World, client: httpx.AsyncClient, clock: SetClock
) -> None:
    finance, manager = world.staff[Role.FINANCE].headers, world.staff[Role.MANAGER].headers
    empty = (await get(client, "/refund-limits", finance)).json()
    assert empty == {"items": [], "default_limit_fen": 50_000}
    forbidden = await client.put("/refund-limits", json={"limit_fen": 1}, headers=finance)
    assert forbidden.status_code == 403
    for fen in (1_000, 2_000):
        await client.put("/refund-limits", json={"limit_fen": fen}, headers=manager)
    clock.set(MORNING + timedelta(days=1))
    await client.put("/refund-limits", json={"limit_fen": 3_000}, headers=manager)
    shown = (await get(client, "/refund-limits", finance)).json()["items"]
    assert [(item["valid_from"], item["limit_fen"]) for item in shown] == [
        ("2026-03-16", 3_000),
        ("2026-03-15", 2_000),
    ]
    negative = await client.put("/refund-limits", json={"limit_fen": -1}, headers=manager)
    assert negative.status_code == 422
