"""What is owed in milk: by station, dealer and age, always as much as the trial balance says."""

import io
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
from openpyxl import load_workbook
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import post
from app.core.db import Database
from app.core.ids import new_id
from app.delivery.service.earning import post_revenue
from app.delivery.service.liability import custody_of
from app.identity.models import Role
from app.orders.models import Order
from tests.factories.dealers import add_dealer, give_station
from tests.factories.delivery import RunningLine
from tests.factories.revenue import add_round, bring, noon, paid_line
from tests.factories.world import MORNING, TODAY, World
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants

AGES = ("to_30_fen", "to_90_fen", "to_180_fen", "to_365_fen", "over_365_fen")


async def paid_days_ago(session: AsyncSession, line: RunningLine, days: int) -> None:
    await session.execute(
        update(Order)
        .where(Order.customer_id == line.customer_id, Order.order_id == line.order_id)
        .values(paid_at=MORNING - timedelta(days=days))
    )


async def read(client: httpx.AsyncClient, world: World, day: date) -> dict[str, Any]:
    """The liability of a date, compared with the trial balance of the same date."""
    headers = world.staff[Role.AUDITOR].headers
    wanted = {"date": day.isoformat()}
    answer = await client.get("/ledger/prepaid", params=wanted, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    books = await client.get("/ledger/trial-balance", params=wanted, headers=headers)
    held = {one["account"]: one["balance_fen"] for one in books.json()["accounts"]}
    assert found["total_fen"] == held.get("prepaid", 0)
    assert found["total_fen"] == sum(one["total_fen"] for one in found["items"])
    for one in found["items"]:
        assert one["total_fen"] == sum(one[age] for age in AGES)
    return found


def ages(one: dict[str, Any]) -> list[int]:
    return [one[age] for age in AGES]


async def book(
    session: AsyncSession, customer_id: UUID, debit: str, credit: str, fen: int, about: UUID
) -> None:
    await post(
        session,
        customer_id=customer_id,
        debit=debit,
        credit=credit,
        amount_fen=fen,
        cause="test",
        reference_id=about,
        source_id=new_id(),
        now=MORNING,
    )


async def owe(database: Database, world: World) -> None:
    """A dealer's household with an old and a new order; another one without a station.

    The station is the dealer's today only; milk is brought today and tomorrow.
    """
    async with database.transaction() as session:
        dealer = await add_dealer(session)
        await give_station(session, dealer, world.station_id, TODAY, TODAY + timedelta(days=1))
        old = await paid_line(session, world, bottles=2, paid_fen=700)
        new = await paid_line(session, world, bottles=30, paid_fen=9_000)
        await paid_days_ago(session, old, 100)
        await paid_days_ago(session, new, 5)
        for line, days in ((old, 2), (new, 1)):
            for step in range(days):
                await bring(session, world, line, TODAY + timedelta(days=step))
        for step in range(2):
            await add_round(session, world, TODAY + timedelta(days=step))
        outside = await world.add_household(session, block=None)
        stray = await paid_line(session, world, outside, bottles=10, paid_fen=3_001)
        await paid_days_ago(session, stray, 400)
        customer_id = outside.customer_id
        await book(session, customer_id, "prepaid", "refund_payable", 1_000, stray.order_id)
        await book(session, customer_id, "opening", "prepaid", 50, new_id())


async def test_balances_by_station_dealer_and_age_are_the_prepaid_account(
    database: Database, world: World, client: httpx.AsyncClient, clock: SetClock
) -> None:
    await owe(database, world)
    await post_revenue(database, now=noon(TODAY))
    assert (await read(client, world, TODAY - timedelta(days=1)))["items"] == []
    found = await read(client, world, TODAY)
    mine, nobody = found["items"]
    assert (mine["station_code"], mine["dealer_name"]) == ("ST01", "经销商D01")
    # 350 and 300 fen were earned, both of the order that is a hundred days old.
    assert ages(mine) == [9_000, 0, 50, 0, 0]
    assert (nobody["station"], nobody["dealer"]) == (None, None)
    assert ages(nobody) == [50, 0, 0, 0, 2_001]

    clock.set(noon(TODAY + timedelta(days=40)))
    await post_revenue(database, now=noon(TODAY + timedelta(days=1)))
    mine, nobody = (await read(client, world, TODAY + timedelta(days=40)))["items"]
    assert mine["dealer_name"] is None
    assert ages(mine) == [0, 8_700, 0, 0, 0]
    assert ages(nobody) == [0, 50, 0, 0, 2_001]
    assert ages((await read(client, world, TODAY))["items"][0]) == [9_000, 0, 50, 0, 0]
    ahead = await client.get(
        "/ledger/prepaid",
        params={"date": (TODAY + timedelta(days=41)).isoformat()},
        headers=world.staff[Role.FINANCE].headers,
    )
    assert ahead.status_code == 400
    async with database.transaction() as session:
        await assert_invariants(session, noon(TODAY), only=("I12", "I13"))


async def test_the_custody_share_follows_the_policy_of_the_date(
    database: Database, world: World, client: httpx.AsyncClient
) -> None:
    async with database.transaction() as session:
        await paid_line(session, world, bottles=10, paid_fen=3_001)
    assert (await read(client, world, TODAY))["custody_fen"] is None
    manager = world.staff[Role.MANAGER].headers
    for first, permille in (("2026-01-01", 200), ("2026-03-16", 300)):
        body = {
            "valid_from": first,
            "permille": permille,
            "article": "单用途商业预付卡管理办法第二十六条",
        }
        answer = await client.put("/custody-policies", json=body, headers=manager)
        assert answer.status_code == 200, answer.text
    found = await read(client, world, TODAY)
    assert (found["policy"]["permille"], found["custody_fen"]) == (200, 601)
    file = await client.get("/ledger/prepaid/file.xlsx", headers=world.staff[Role.FINANCE].headers)
    sheet = load_workbook(io.BytesIO(file.content)).active
    assert sheet is not None
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert [row[2] for row in cells[1:]] == ["徐汇奶站", "合计"]
    assert [row[-1] for row in cells[1:]] == [30.01, 30.01]
    assert custody_of(-5, 200) == 0
