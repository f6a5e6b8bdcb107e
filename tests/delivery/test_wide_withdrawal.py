"""A scope of stations, blocks, products and days is withdrawn in one act, and put back by another."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

import httpx
from sqlalchemy import func, select, text

from app.billing.models import LedgerTransfer
from app.core.db import Database, Session
from app.core.ids import HOUSE, new_id, public_single, read_pair, read_single
from app.core.jobs import JobContext
from app.delivery.jobs import run_freeze_and_plan, run_sweep_withdrawals
from app.delivery.models import Delivery, Stop
from app.delivery.service.withdrawal_news import TELL_JOB, tell_households
from app.identity.models import Role
from app.network.models import PlanDay
from app.notifications.models import SmsMessage
from app.orders.models import (
    EntitlementEntry,
    OrderChange,
)
from app.orders.repository import list_terms
from tests.factories import orders
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.orders.conftest import Deliver, paid_order

Drain = Callable[[], Awaitable[list[str]]]
__all__ = ["paid_order"]


def ahead(days: int) -> date:
    return TODAY + timedelta(days=days)


def body(world: World, **said: Any) -> dict[str, Any]:
    return {
        "stations": [public_single("stn", world.station_id)],
        "first_date": ahead(2).isoformat(),
        "last_date": ahead(4).isoformat(),
    } | said


async def ask(
    client: httpx.AsyncClient, world: World, path: str = "", role: Role = Role.MANAGER, **said: Any
) -> httpx.Response:
    sent = None if path.endswith("/undo") else body(world, **said)
    headers = world.staff[role].headers | once()
    return await client.post(f"/withdrawals{path}", json=sent, headers=headers)


async def withdraw(client: httpx.AsyncClient, world: World, **said: Any) -> dict[str, Any]:
    answer = await ask(client, world, reason="春节休市", **said)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def days_of(database: Database, order: dict[str, Any]) -> list[date]:
    async with database.transaction() as session:
        key = read_pair("lin", order["lines"][0]["id"])
        terms = (await list_terms(session, [key]))[key[1]]
        return [day for term in terms for day, _ in term.deliveries()]


async def test_a_festival_is_previewed_withdrawn_and_told_once(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=6)
    again = await paid_order(bottles=2, product_id=public_single("prd", world.yogurt_id))
    seen = await ask(client, world, "/preview")
    assert seen.status_code == 200, seen.text
    hit = seen.json()
    assert (hit["lines"], hit["households"], hit["bottles"]) == (2, 1, 4)
    assert hit["stations"][0]["name"] == "徐汇奶站"
    assert {line["order_no"] for line in hit["sample"]} == {order["order_no"], again["order_no"]}
    assert await days_of(database, order) == [ahead(n) for n in (1, 2, 3, 4, 5, 6)]

    made = await withdraw(client, world)
    assert (made["lines"], made["households"], made["bottles"]) == (2, 1, 4)
    assert (made["stops"], made["credit_fen"]) == (3, 0)
    await drain_jobs()
    assert await days_of(database, order) == [ahead(n) for n in (1, 5, 6, 7, 8, 9)]
    assert await days_of(database, again) == [ahead(1), ahead(5)]
    async with database.transaction() as session:
        told = select(SmsMessage.cause).where(SmsMessage.template == "day_withdrawn")
        assert len(list(await session.scalars(told))) == 1
        assert set(await session.scalars(select(Stop.state))) == {"withdrawn"}
    found = await client.get(
        f"/withdrawals/{made['id']}", headers=world.staff[Role.SERVICE_AGENT].headers
    )
    assert found.json()["told_at"] is not None
    listed = await client.get("/withdrawals", headers=world.staff[Role.MANAGER].headers)
    assert [row["id"] for row in listed.json()["items"]] == [made["id"]]
    async with database.transaction() as session:
        receipts = list(await session.scalars(select(OrderChange.preview)))
        ends = sorted(
            (line["end_before"], line["end_after"]) for one in receipts for line in one["lines"]
        )
    assert ends == [
        (ahead(2).isoformat(), ahead(5).isoformat()),
        (ahead(6).isoformat(), ahead(9).isoformat()),
    ]


async def test_an_undo_is_told_while_a_worker_tells_the_withdrawal(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    drain_jobs: Drain,
) -> None:
    await paid_order(bottles=6)
    await drain_jobs()
    made = await withdraw(client, world)
    picked = "UPDATE pgqueuer SET status = 'picked' WHERE entrypoint = :job"
    async with database.transaction() as session:
        await session.execute(text(picked), {"job": TELL_JOB})
    withdrawal_id = read_single("wdr", made["id"])
    async with database.transaction() as session:
        await tell_households(
            session, withdrawal_id=withdrawal_id, is_undo=False, after=HOUSE, now=MORNING
        )
    undone = await ask(client, world, f"/{made['id']}/undo")
    assert undone.status_code == 200, undone.text
    await drain_jobs()
    async with database.transaction() as session:
        late = await tell_households(
            session, withdrawal_id=withdrawal_id, is_undo=False, after=HOUSE, now=MORNING
        )
        kinds = select(SmsMessage.template).where(SmsMessage.cause.endswith(str(withdrawal_id)))
        assert late is None
        assert sorted(await session.scalars(kinds)) == ["day_withdrawn", "withdrawal_undone"]
    found = await client.get(
        f"/withdrawals/{made['id']}", headers=world.staff[Role.MANAGER].headers
    )
    assert found.json()["told_at"] is not None


async def test_an_undo_before_the_freeze_puts_everything_back(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=6)
    made = await withdraw(client, world)
    await drain_jobs()
    undone = await ask(client, world, f"/{made['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert undone.json()["kept_lines"] == 0
    await drain_jobs()
    assert await days_of(database, order) == [ahead(n) for n in (1, 2, 3, 4, 5, 6)]
    async with database.transaction() as session:
        assert list(await session.scalars(select(Stop))) == []
        assert set(await session.scalars(select(PlanDay.state))) == {"open"}
        assert (await session.scalars(select(OrderChange.status))).all() == ["undone"]
        assert "withdrawal_undone" in set(await session.scalars(select(SmsMessage.template)))
    twice = await ask(client, world, f"/{made['id']}/undo")
    assert (twice.status_code, twice.json()["code"]) == (409, "withdrawal_undone")


async def test_after_the_cut_off_of_its_first_day_it_stands(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
) -> None:
    order = await paid_order(bottles=6)
    made = await withdraw(client, world)
    before = await days_of(database, order)
    clock.set(MORNING + timedelta(days=1, hours=9))
    refused = await ask(client, world, f"/{made['id']}/undo")
    assert (refused.status_code, refused.json()["code"]) == (409, "withdrawal_begun")
    assert await days_of(database, order) == before
    late = await ask(client, world, reason="停电", first_date=ahead(2).isoformat())
    assert (late.status_code, late.json()["code"]) == (409, "day_closed")


async def test_an_order_changed_since_is_laid_out_with_the_days_free_again(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=6)
    made = await withdraw(client, world)
    await orders.change(
        client, order["id"], world.household, kind="skip", date=ahead(5), settle="period"
    )
    undone = await ask(client, world, f"/{made['id']}/undo")
    assert undone.json()["kept_lines"] == 0
    assert await days_of(database, order) == [ahead(n) for n in (1, 2, 3, 4, 6, 7)]


async def test_credit_goes_to_the_balance_and_back(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=6)
    made = await withdraw(client, world, settle="money")
    assert made["credit_fen"] == 3 * 350
    assert await days_of(database, order) == [ahead(n) for n in (1, 5, 6)]
    await drain_jobs()
    async with database.transaction() as session:
        assert await balance(session) == 3 * 350
        assert "day_withdrawn_credited" in set(await session.scalars(select(SmsMessage.template)))
    await ask(client, world, f"/{made['id']}/undo")
    assert await days_of(database, order) == [ahead(n) for n in (1, 2, 3, 4, 5, 6)]
    async with database.transaction() as session:
        assert await balance(session) == 0
        kinds = list(await session.scalars(select(EntitlementEntry.kind)))
        assert sorted(kinds) == ["bought", "credited", "restored"]


async def balance(session: Session) -> int:
    signed = func.sum(
        text("CASE WHEN credit_account = 'balance' THEN amount_fen ELSE -amount_fen END")
    )
    query = select(signed).select_from(LedgerTransfer)
    account = text("'balance' IN (credit_account, debit_account)")
    return int(await session.scalar(query.where(account)) or 0)


async def test_each_order_follows_what_its_customer_chose(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    rolls = await paid_order(bottles=6)
    credited = await paid_order(bottles=8)
    await orders.change(
        client, credited["id"], world.household, kind="skip", date=ahead(1), settle="money"
    )
    made = await withdraw(client, world)
    assert made["credit_fen"] == 3 * 350
    assert await days_of(database, rolls) == [ahead(n) for n in (1, 5, 6, 7, 8, 9)]
    assert await days_of(database, credited) == [ahead(n) for n in (5, 6, 7, 8)]


async def test_one_block_and_product_only_and_what_comes_onto_the_day_later(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
) -> None:
    milk = await paid_order(bottles=4)
    yogurt = await paid_order(bottles=4, product_id=public_single("prd", world.yogurt_id))
    day = ahead(1).isoformat()
    made = await withdraw(
        client,
        world,
        blocks=[public_single("blk", world.blocks[0])],
        products=[public_single("prd", world.milk_id)],
        first_date=day,
        last_date=day,
    )
    assert made["lines"] == 1
    assert await days_of(database, milk) == [ahead(n) for n in (2, 3, 4, 5)]
    assert await days_of(database, yogurt) == [ahead(n) for n in (1, 2, 3, 4)]
    late = await paid_order(bottles=2)
    assert await days_of(database, late) == [ahead(1), ahead(2)]
    clock.set(MORNING + timedelta(hours=7))
    await run_freeze_and_plan(JobContext(database=database, clock=clock), {})
    assert await days_of(database, late) == [ahead(2), ahead(3)]
    async with database.transaction() as session:
        planned = set(await session.scalars(select(Delivery.product_id)))
        assert planned == {world.yogurt_id}
        assert (await session.scalars(select(Stop.state))).one() == "planned"


async def test_what_is_refused_changes_nothing(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, database: Database
) -> None:
    order = await paid_order(bottles=6)
    before = await days_of(database, order)
    foreign = public_single("blk", new_id())
    for said, code in (
        ({"last_date": ahead(40).isoformat()}, "withdrawal_too_long"),
        ({"last_date": ahead(1).isoformat()}, "withdrawal_too_long"),
        ({"blocks": [foreign]}, "withdrawal_scope_unknown"),
        ({"products": ["prd_x"]}, "withdrawal_scope_unknown"),
        ({"first_date": TODAY.isoformat()}, "day_closed"),
    ):
        refused = await ask(client, world, reason="停电", **said)
        assert refused.json()["code"] == code
        seen = await ask(client, world, "/preview", **said)
        assert seen.json()["code"] == code
    other = [public_single("stn", world.station_id), public_single("stn", new_id())]
    manager = await ask(client, world, reason="停电", role=Role.STATION_MANAGER, stations=other)
    assert manager.status_code == 404
    assert await days_of(database, order) == before


async def test_a_lost_telling_is_woken(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    database: Database,
    clock: SetClock,
    drain_jobs: Drain,
) -> None:
    await paid_order(bottles=6)
    await withdraw(client, world)
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM pgqueuer"))
    clock.set(MORNING + timedelta(minutes=11))
    await run_sweep_withdrawals(JobContext(database=database, clock=clock), {})
    await drain_jobs()
    async with database.transaction() as session:
        assert "day_withdrawn" in set(await session.scalars(select(SmsMessage.template)))
