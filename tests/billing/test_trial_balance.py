"""The trial balance: past dates are closed, and every date adds up to its transfers."""

from datetime import date, time, timedelta

import httpx
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import LedgerDailyTotal
from app.billing.service import close_past_dates, post
from app.core.clock import local_instant
from app.core.db import Database
from app.core.ids import new_id
from app.identity.models import Role
from tests.factories.world import MORNING, TODAY, World
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants

DAYS = [TODAY - timedelta(days=back) for back in (70, 35, 1, 0)]
CARD = "channel:wechat:1"


async def book(
    session: AsyncSession, world: World, day: date, fen: int, *, debit: str, credit: str
) -> None:
    await post(
        session,
        customer_id=world.household.customer_id,
        debit=debit,
        credit=credit,
        amount_fen=fen,
        cause="test",
        reference_id=new_id(),
        source_id=new_id(),
        now=local_instant(day, time(0, 1)),
    )


async def read(
    client: httpx.AsyncClient, world: World, day: date | None = None
) -> dict[str, tuple[int, int, int]]:
    answer = await client.get(
        "/ledger/trial-balance",
        headers=world.staff[Role.AUDITOR].headers,
        params={} if day is None else {"date": day.isoformat()},
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["date"] == (day or TODAY).isoformat()
    assert found["debit_fen"] == found["credit_fen"]
    return {
        one["account"]: (one["debit_fen"], one["credit_fen"], one["balance_fen"])
        for one in found["accounts"]
    }


async def count_totals(database: Database) -> int:
    async with database.transaction() as session:
        await assert_invariants(session, MORNING, only=("I13",))
        return await session.scalar(select(func.count()).select_from(LedgerDailyTotal)) or 0


async def test_any_date_can_be_read_before_and_after_its_closing(
    database: Database, world: World, client: httpx.AsyncClient, clock: SetClock
) -> None:
    assert await read(client, world) == {}
    async with database.transaction() as session:
        for number, day in enumerate(DAYS, 1):
            await book(session, world, day, 1_000 * number, debit=CARD, credit="prepaid")
            await book(session, world, day, number, debit="prepaid", credit="revenue")
    expected: dict[date | None, dict[str, tuple[int, int]]] = {
        DAYS[0] - timedelta(days=1): {},
        DAYS[0]: {CARD: (1_000, 0), "prepaid": (1, 1_000), "revenue": (0, 1)},
        DAYS[1] + timedelta(days=3): {CARD: (3_000, 0), "prepaid": (3, 3_000), "revenue": (0, 3)},
        DAYS[2]: {CARD: (6_000, 0), "prepaid": (6, 6_000), "revenue": (0, 6)},
        None: {CARD: (10_000, 0), "prepaid": (10, 10_000), "revenue": (0, 10)},
    }
    for rows in (0, 9, 9):
        assert await count_totals(database) == rows
        for on, accounts in expected.items():
            assert await read(client, world, on) == {
                name: (debit, credit, credit - debit) for name, (debit, credit) in accounts.items()
            }
        assert await close_past_dates(database, now=clock.now()) == DAYS[2]


async def test_a_transfer_that_came_after_the_closing_is_added_by_the_next_one(
    database: Database, world: World
) -> None:
    midnight = local_instant(TODAY, time(0))
    async with database.transaction() as session:
        await book(session, world, DAYS[2], 500, debit=CARD, credit="prepaid")
    # Within the margin yesterday is still open.
    await close_past_dates(database, now=midnight + timedelta(minutes=30))
    assert await count_totals(database) == 0
    await close_past_dates(database, now=midnight + timedelta(minutes=70))
    assert await count_totals(database) == 2
    async with database.transaction() as session:
        await book(session, world, DAYS[2], 7, debit="prepaid", credit="revenue")
    await close_past_dates(database, now=midnight + timedelta(days=1, hours=2))
    assert await count_totals(database) == 3


async def test_a_coming_date_is_refused_and_others_may_not_look(
    world: World, client: httpx.AsyncClient
) -> None:
    ahead = {"date": (TODAY + timedelta(days=1)).isoformat()}
    headers = world.staff[Role.FINANCE].headers
    refused = await client.get("/ledger/trial-balance", headers=headers, params=ahead)
    assert (refused.status_code, refused.json()["code"]) == (400, "date_not_begun")
    foreign = world.staff[Role.STATION_MANAGER].headers
    assert (await client.get("/ledger/trial-balance", headers=foreign)).status_code == 403
