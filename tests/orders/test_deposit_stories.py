"""The way of a deposit to its end: refused, brought to the end, taken over, in cash, renewed."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.billing.models import LedgerTransfer, Refund
from app.billing.service import wake_due_refunds
from app.core.db import Database
from app.core.ids import new_id, public_pair
from app.core.runtime import Runtime
from app.identity.models import Role
from app.orders.importing.command import import_file
from app.orders.models import BoxInstallation, Deposit, DepositMove
from app.orders.service.ending import complete_ended_orders
from tests.factories import network, orders
from tests.factories.world import MORNING, Household, StaffMember, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.orders.conftest import Deliver, pay
from tests.orders.importing.test_import import HEADER
from tests.orders.test_deposits import (
    BOTTLE_FEN,
    BOX_FEN,
    ask_deposits,
    hang,
    open_boxes,
    refunded,
)
from tests.orders.test_renewals import AGREED, renew

Drain = Callable[[], Awaitable[list[str]]]
DEPOSITS_FEN = BOX_FEN + BOTTLE_FEN
MONEY = ("I1", "I2", "I3", "I4", "I5")
PAPER = {"evidence": "押金收条 0017"}


@pytest.fixture
async def boxed(database: Database, world: World) -> World:
    async with database.transaction() as session:
        await ask_deposits(session, world, bottles=True)
    return world


async def hold_true(database: Database) -> None:
    async with database.transaction() as session:
        await assert_invariants(session, MORNING, only=MONEY)


async def held(database: Database, account: str) -> int:
    """What an account holds: credits less debits."""
    async with database.transaction() as session:
        credit, debit = [
            await session.scalar(select(func.sum(LedgerTransfer.amount_fen)).where(side == account))
            for side in (LedgerTransfer.credit_account, LedgerTransfer.debit_account)
        ]
        return int(credit or 0) - int(debit or 0)


async def end_all(database: Database, *, days: int = 60) -> int:
    """Every order that has no days left by then is complete."""
    async with database.transaction() as session:
        return await complete_ended_orders(session, now=MORNING + timedelta(days=days))


async def settle_refunds(
    database: Database, clock: SetClock, payments: Payments, drain_jobs: Drain
) -> None:
    """Let the channel pay back: of one payment one refund a minute."""
    for _ in range(3):
        await drain_jobs()
        await payments.finish_refunds()
        await payments.advance(120)
        clock.set(clock.now() + timedelta(minutes=2))
        async with database.transaction() as session:
            await wake_due_refunds(session, now=clock.now())
    async with database.transaction() as session:
        assert set(await session.scalars(select(Refund.status))) == {"succeeded"}


async def act(
    client: httpx.AsyncClient, who: StaffMember, deposit: str, act: str, **said: Any
) -> httpx.Response:
    return await client.post(f"/deposits/{deposit}/{act}", json=said, headers=who.headers | once())


async def due_back(client: httpx.AsyncClient, who: StaffMember) -> dict[str, str]:
    """Deposits that wait for box or bottles, as somebody sees them: kind -> id."""
    answer = await client.get("/deposits", headers=who.headers)
    assert answer.status_code == 200, answer.text
    return {one["kind"]: one["id"] for one in answer.json()["items"]}


async def test_a_rejected_order_gets_price_and_deposits_back_by_themselves(
    client: httpx.AsyncClient,
    database: Database,
    boxed: World,
    payments: Payments,
    paid_order: Deliver,
    drain_jobs: Drain,
    clock: SetClock,
) -> None:
    async with database.transaction() as session:
        far = await boxed.add_household(
            session, compound="远方花园", street="无名路", house_no="1", block=None
        )
    order = await paid_order(far)
    assert order["status"] == "rejected"
    assert {one["state_label"] for one in order["deposits"]} == {"已退"}
    assert await open_boxes(client, boxed) == []
    await settle_refunds(database, clock, payments, drain_jobs)
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(BoxInstallation)) == 0
    assert await refunded(database) == {"prepaid": 10_500, "deposit": DEPOSITS_FEN}
    assert [await held(database, one) for one in ("deposit", "refund_payable", "prepaid")] == [
        0
    ] * 3
    await hold_true(database)


async def test_two_orders_of_a_door_rejected_one_after_the_other_leave_nothing_due_back(
    client: httpx.AsyncClient, database: Database, boxed: World, paid_order: Deliver
) -> None:
    """The second asked no deposit, since the first had paid it; none ever had a box."""
    async with database.transaction() as session:
        unclear = await boxed.add_household(
            session, compound="不详小区", street="梅陇路", house_no="12", block=None
        )
        await network.add_rule(
            session,
            boxed.blocks[1],
            district="徐汇区",
            street="梅陇路",
            house_from=1,
            house_to=199,
        )
        await network.add_rule(
            session,
            boxed.blocks[0],
            district="徐汇区",
            street="梅陇路",
            house_from=1,
            house_to=199,
        )
    made = [await paid_order(unclear) for _ in range(2)]
    assert [one["status"] for one in made] == ["under_review"] * 2
    assert [one["deposit_fen"] for one in made] == [DEPOSITS_FEN, 0]
    for one in made:
        decided = await client.post(
            f"/orders/{one['id']}/review",
            json={"decision": "reject", "reason": "不在范围"},
            headers=boxed.staff[Role.REVIEWER].headers | once(),
        )
        assert decided.status_code == 201, decided.text
    ended = await orders.read(client, made[0]["id"], unclear)
    assert {one["state"] for one in ended["deposits"]} == {"returned"}
    assert await refunded(database) == {"prepaid": 21_000, "deposit": DEPOSITS_FEN}
    await hold_true(database)


async def test_a_completed_order_pays_its_deposit_back_to_where_it_came_from(
    client: httpx.AsyncClient,
    database: Database,
    boxed: World,
    payments: Payments,
    paid_order: Deliver,
    drain_jobs: Drain,
    clock: SetClock,
) -> None:
    order = await paid_order(bottles=5)
    [box] = await open_boxes(client, boxed)
    assert (await hang(client, boxed, box["id"])).status_code == 201
    assert await end_all(database) == 1
    assert await end_all(database) == 0
    seen = await orders.read(client, order["id"], boxed.household)
    assert (seen["status"], {one["state"] for one in seen["deposits"]}) == (
        "completed",
        {"due_back"},
    )
    assert await refunded(database) == {}
    deliverer = boxed.deliverer_staff[0]
    due = await due_back(client, deliverer)
    assert set(due) == {"box", "bottles"}
    for deposit in due.values():
        assert (await act(client, deliverer, deposit, "return", note="完好")).status_code == 201
    await settle_refunds(database, clock, payments, drain_jobs)
    assert await refunded(database) == {"deposit": DEPOSITS_FEN}
    assert await held(database, "deposit") == await held(database, "refund_payable") == 0
    async with database.transaction() as session:
        assert list(await session.scalars(select(BoxInstallation.state))) == ["removed"]
    for deposit in due.values():
        refused = await act(client, boxed.staff[Role.FINANCE], deposit, "paid-out", **PAPER)
        assert (refused.status_code, refused.json()["code"]) == (409, "not_paid_out_by_hand")
    await hold_true(database)


async def test_a_deposit_of_the_paper_book_becomes_balance(
    client: httpx.AsyncClient,
    database: Database,
    boxed: World,
    runtime: Runtime,
    tmp_path: Path,
) -> None:
    book = tmp_path / "名册.csv"
    rows = [
        f"A1,王一,{boxed.household.phone},徐汇区梅陇一村12号301室,鲜牛奶,,1,,,2026-03-01,5,3.5,20,,,,,电话"
    ]
    book.write_bytes("\n".join([HEADER, *rows, ""]).encode("gb18030"))
    assert await import_file(runtime, book, city_code="310000", check_only=False)
    assert await held(database, "deposit") == 2_000
    assert await open_boxes(client, boxed) == [], "who has a box needs none"
    assert await end_all(database) == 1
    manager = boxed.staff[Role.STATION_MANAGER]
    due = await due_back(client, manager)
    assert (await act(client, manager, due["box"], "return")).status_code == 201
    assert [await held(database, one) for one in ("deposit", "balance")] == [0, 2_000]
    assert await refunded(database) == {}
    again = await act(client, manager, due["box"], "return")
    assert (again.status_code, again.json()["code"]) == (409, "move_not_allowed")
    assert await held(database, "balance") == 2_000
    async with database.transaction() as session:
        address_id = await session.scalar(select(Deposit.address_id))
    asked = await client.post(
        "/orders",
        json=orders.order_body(boxed, boxed.household)
        | {"address_id": public_pair("adr", boxed.household.customer_id, address_id or new_id())},
        headers=boxed.household.headers | once(),
    )
    assert asked.json()["deposit_fen"] == DEPOSITS_FEN, "the next one asks anew"
    await hold_true(database)


async def test_deposits_of_other_doors_look_as_if_they_were_not(
    client: httpx.AsyncClient, database: Database, boxed: World, paid_order: Deliver
) -> None:
    async with database.transaction() as session:
        station_id = await network.add_station(session, code="ST02")
        elsewhere = await boxed.add_staff(session, Role.STATION_MANAGER, station_id=station_id)
        nowhere = await boxed.add_staff(session, Role.STATION_MANAGER)
    await paid_order(bottles=5)
    [box] = await open_boxes(client, boxed)
    strangers = [elsewhere, nowhere, boxed.deliverer_staff[1]]
    for who in strangers:
        listed = await client.get("/box-installations", headers=who.headers)
        assert listed.json()["items"] == []
        answer = await client.post(
            f"/box-installations/{box['id']}/done", json={}, headers=who.headers | once()
        )
        assert answer.status_code == 404, answer.text
    assert (await hang(client, boxed, box["id"])).status_code == 201
    assert await end_all(database) == 1
    deposit = (await due_back(client, boxed.staff[Role.FINANCE]))["box"]
    for who in strangers:
        assert await due_back(client, who) == {}
        for named, said in (("return", {}), ("paid-out", PAPER)):
            assert (await act(client, who, deposit, named, **said)).status_code == 404
    for role, named in (
        (Role.SERVICE_AGENT, "return"),
        (Role.MANAGER, "paid-out"),
        (Role.STATION_MANAGER, "keep"),
    ):
        refused = await act(client, boxed.staff[role], deposit, named, reason="x", **PAPER)
        assert refused.status_code == 403, refused.text
    household = await client.post(
        f"/deposits/{deposit}/return", json={}, headers=boxed.household.headers | once()
    )
    assert household.status_code == 403
    assert await refunded(database) == {}
    assert set(await due_back(client, boxed.staff[Role.FINANCE])) == {"box", "bottles"}
    await hold_true(database)


async def test_a_renewal_asks_no_second_deposit_and_keeps_the_first(
    client: httpx.AsyncClient,
    database: Database,
    boxed: World,
    payments: Payments,
    paid_order: Deliver,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=5)
    [box] = await open_boxes(client, boxed)
    assert (await hang(client, boxed, box["id"])).status_code == 201
    shown = await client.post(
        f"/orders/{order['id']}/changes/preview", json=AGREED, headers=boxed.household.headers
    )
    assert shown.json()["pay_fen"] == 5 * 350
    renewal = await renew(client, boxed, payments, drain_jobs, order)
    assert (renewal["deposit_fen"], renewal["due_fen"], renewal["deposits"]) == (0, 5 * 350, [])
    assert renewal["shown_status"] == "not_started"
    assert await open_boxes(client, boxed) == []
    assert await end_all(database, days=9) == 1
    states = await states_of(client, order, boxed.household)
    assert states == {"held"}, "another order runs at the door"
    assert await end_all(database) == 1
    assert await states_of(client, order, boxed.household) == {"due_back"}
    async with database.transaction() as session:
        moves = list(await session.scalars(select(DepositMove.to_state)))
    assert sorted(moves) == ["due_back", "due_back", "held", "held"]
    new = await orders.place(client, boxed)
    assert new["deposit_fen"] == 0, "box and bottles are still there"
    await pay(client, payments, new["id"], boxed.household)
    await payments.deliver_notifications()
    await drain_jobs()
    assert await states_of(client, order, boxed.household) == {"held"}
    await hold_true(database)


async def states_of(
    client: httpx.AsyncClient, order: dict[str, Any], household: Household
) -> set[str]:
    seen = await orders.read(client, order["id"], household)
    return {one["state"] for one in seen["deposits"]}
