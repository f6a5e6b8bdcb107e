"""Deposits for boxes and bottles, and milk boxes that the first delivery waits for."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import Refund
from app.catalog.models import DepositKind, DepositRate, Product
from app.core.db import Database
from app.core.ids import new_id, public_single
from app.identity.models import Role
from app.orders.models import OrderTerm
from tests.factories import orders
from tests.factories.world import ALWAYS, MORNING, World, once
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.orders.conftest import Deliver, pay

BOX_FEN = 3_000
BOTTLE_FEN = 200
MONEY = ("I1", "I2", "I3", "I4", "I5")


async def ask_deposits(session: AsyncSession, world: World, *, bottles: bool = False) -> None:
    """The milk needs a box; a box costs a deposit, and its bottles if asked."""
    await session.execute(update(Product).where(Product.id == world.milk_id).values(needs_box=True))
    rates: list[tuple[DepositKind, UUID | None, int]] = [(DepositKind.BOX, None, BOX_FEN)]
    if bottles:
        rates.append((DepositKind.BOTTLES, world.milk_id, BOTTLE_FEN))
    for kind, product_id, fen in rates:
        session.add(
            DepositRate(
                id=new_id(),
                kind=kind,
                product_id=product_id,
                amount_fen=fen,
                valid=ALWAYS,
                created_by="test",
                created_at=MORNING,
            )
        )
    await session.flush()


@pytest.fixture
async def boxed(database: Database, world: World) -> World:
    async with database.transaction() as session:
        await ask_deposits(session, world, bottles=True)
    return world


async def money_is_in_order(database: Database) -> None:
    async with database.transaction() as session:
        await assert_invariants(session, MORNING, only=MONEY)


async def count_terms(database: Database) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(OrderTerm)) or 0


async def refunded(database: Database) -> dict[str, int]:
    async with database.transaction() as session:
        rows = await session.execute(
            select(Refund.from_account, func.sum(Refund.amount_fen)).group_by(Refund.from_account)
        )
        return {account: int(fen) for account, fen in rows}


async def open_boxes(client: httpx.AsyncClient, world: World) -> list[dict[str, Any]]:
    answer = await client.get(
        "/box-installations", headers=world.staff[Role.STATION_MANAGER].headers
    )
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def hang(client: httpx.AsyncClient, world: World, box: str, act: str = "done") -> Any:
    return await client.post(
        f"/box-installations/{box}/{act}",
        json={"note": "挂在门左侧"},
        headers=world.staff[Role.STATION_MANAGER].headers | once(),
    )


async def test_a_quote_shows_the_deposit_apart_and_a_payment_takes_both(
    client: httpx.AsyncClient, database: Database, boxed: World, paid_order: Deliver
) -> None:
    quoted = await client.post(
        "/orders/quote",
        json={"address": orders.ADDRESS, "lines": [orders.line(boxed)]},
    )
    said = quoted.json()
    assert (said["price_fen"], said["deposit_fen"], said["due_fen"]) == (10_500, 3_200, 13_700)
    assert [(one["kind"], one["amount_fen"]) for one in said["deposits"]] == [
        ("bottles", BOTTLE_FEN),
        ("box", BOX_FEN),
    ]
    assert said["needs_box"]
    order = await paid_order()
    assert (order["price_fen"], order["due_fen"]) == (10_500, 13_700)
    assert {one["state"] for one in order["deposits"]} == {"held"}
    await money_is_in_order(database)
    again = await paid_order()
    assert again["deposit_fen"] == 0
    assert again["deposits"] == []
    await money_is_in_order(database)


async def test_two_orders_placed_at_once_pay_one_deposit_and_the_other_goes_back(
    client: httpx.AsyncClient,
    database: Database,
    boxed: World,
    payments: Payments,
    drain_jobs: Callable[[], Awaitable[list[str]]],
) -> None:
    placed = [await orders.place(client, boxed) for _ in range(2)]
    assert [one["deposit_fen"] for one in placed] == [3_200, 3_200]
    for one in placed:
        await pay(client, payments, one["id"], boxed.household)
    await payments.deliver_notifications()
    await drain_jobs()
    seen = [await orders.read(client, one["id"], boxed.household) for one in placed]
    states = sorted(one["state"] for order in seen for one in order["deposits"])
    assert states == ["held", "held", "returned", "returned"]
    assert await refunded(database) == {"deposit": 3_200}
    await money_is_in_order(database)


async def test_the_first_delivery_waits_for_the_box_and_begins_when_it_hangs(
    client: httpx.AsyncClient, database: Database, boxed: World, paid_order: Deliver
) -> None:
    order = await paid_order()
    assert (order["status"], order["label"]) == ("delivering", "等待安装奶箱")
    assert order["lines"][0]["bottles_left"] == 30
    assert await count_terms(database) == 0
    refused = await client.post(
        f"/orders/{order['id']}/changes/preview",
        json={"kind": "resume", "from_date": "2026-03-20"},
        headers=boxed.household.headers,
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "box_not_installed")
    [box] = await open_boxes(client, boxed)
    assert box["state_label"] == "待安装"
    assert (await hang(client, boxed, box["id"])).status_code == 201
    begun = await orders.read(client, order["id"], boxed.household)
    assert begun["shown_status"] == "not_started"
    assert begun["lines"][0]["bottles_left"] == 30
    assert await count_terms(database) > 0
    assert await open_boxes(client, boxed) == []
    twice = await hang(client, boxed, box["id"])
    assert (twice.status_code, twice.json()["code"]) == (409, "move_not_allowed")
    assert (await hang(client, boxed, box["id"], "undo")).status_code == 201
    waits = await orders.read(client, order["id"], boxed.household)
    assert (waits["shown_status"], waits["lines"][0]["bottles_left"]) == ("awaiting_box", 30)
    assert await count_terms(database) == 0
    await money_is_in_order(database)


async def test_an_order_cancelled_before_its_box_hangs_gets_all_back(
    client: httpx.AsyncClient, database: Database, boxed: World, paid_order: Deliver
) -> None:
    order = await paid_order()
    await orders.change(client, order["id"], boxed.household, kind="cancel", reason="搬家")
    ended = await orders.read(client, order["id"], boxed.household)
    assert {one["state"] for one in ended["deposits"]} == {"returned"}
    assert await refunded(database) == {"prepaid": 10_500, "deposit": 3_200}
    assert await open_boxes(client, boxed) == []
    await money_is_in_order(database)


async def test_a_box_that_hung_is_due_back_and_its_deposit_goes_back_once(
    client: httpx.AsyncClient, database: Database, boxed: World, paid_order: Deliver
) -> None:
    order = await paid_order()
    [box] = await open_boxes(client, boxed)
    await hang(client, boxed, box["id"])
    early = await client.post(
        f"/deposits/{order['deposits'][0]['id']}/return",
        json={},
        headers=boxed.staff[Role.FINANCE].headers | once(),
    )
    assert early.status_code == 409
    assert await refunded(database) == {}
    await orders.change(client, order["id"], boxed.household, kind="cancel", reason="搬家")
    assert await refunded(database) == {"prepaid": 10_500}
    due = await client.get("/deposits", headers=boxed.staff[Role.STATION_MANAGER].headers)
    by_kind = {one["kind"]: one for one in due.json()["items"]}
    assert set(by_kind) == {"box", "bottles"}
    kept = await client.post(
        f"/deposits/{by_kind['bottles']['id']}/keep",
        json={"reason": "空瓶未归还"},
        headers=boxed.staff[Role.FINANCE].headers | once(),
    )
    assert (kept.status_code, kept.json()["state"]) == (201, "kept")
    await money_is_in_order(database)
    released = await client.post(
        f"/deposits/{by_kind['bottles']['id']}/release",
        json={"note": "第二天归还"},
        headers=boxed.staff[Role.FINANCE].headers | once(),
    )
    assert released.json()["state"] == "due_back"
    for one in by_kind.values():
        back = await client.post(
            f"/deposits/{one['id']}/return",
            json={"note": "完好"},
            headers=boxed.staff[Role.STATION_MANAGER].headers | once(),
        )
        assert (back.status_code, back.json()["state_label"]) == (201, "已退")
    assert await refunded(database) == {"prepaid": 10_500, "deposit": 3_200}
    twice = await client.post(
        f"/deposits/{by_kind['box']['id']}/return",
        json={},
        headers=boxed.staff[Role.FINANCE].headers | once(),
    )
    assert twice.status_code == 409
    assert await refunded(database) == {"prepaid": 10_500, "deposit": 3_200}
    await money_is_in_order(database)
    new = await orders.place(client, boxed)
    assert new["deposit_fen"] == 3_200


async def test_rates_are_kept_by_those_who_answer_for_money(
    client: httpx.AsyncClient, world: World
) -> None:
    body = {"kind": "box", "amount_fen": BOX_FEN, "from_date": "2026-03-15"}
    headers = world.staff[Role.FINANCE].headers
    made = await client.post("/deposit-rates", json=body, headers=headers | once())
    assert made.status_code == 201, made.text
    overlap = await client.post("/deposit-rates", json=body, headers=headers | once())
    assert (overlap.status_code, overlap.json()["code"]) == (409, "deposit_rate_overlap")
    past = body | {"from_date": "2026-03-14"}
    early = await client.post("/deposit-rates", json=past, headers=headers | once())
    assert (early.status_code, early.json()["code"]) == (400, "deposit_rate_too_early")
    unnamed = body | {"kind": "bottles"}
    assert (
        await client.post("/deposit-rates", json=unnamed, headers=headers | once())
    ).status_code == 422
    named = body | {"kind": "bottles", "product_id": public_single("prd", world.milk_id)}
    assert (
        await client.post("/deposit-rates", json=named, headers=headers | once())
    ).status_code == 201
    ended = await client.patch(
        f"/deposit-rates/{made.json()['id']}", json={"to_date": "2026-03-31"}, headers=headers
    )
    assert ended.json()["to_date"] == "2026-03-31"
    listed = await client.get("/deposit-rates", headers=headers)
    assert len(listed.json()["items"]) == 2
