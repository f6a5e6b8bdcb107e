"""What cancelling gives back: by the dated row in force when the order was bought, shown with why."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.db import Database
from app.core.ids import new_id
from app.identity.models import Role
from app.orders.changes.purses import Move
from app.orders.changes.settling import CancelRule, settle_line
from app.orders.models import OrderLine
from app.orders.states import CardArithmetic
from tests.factories import orders
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.orders.conftest import Deliver
from tests.orders.test_changes import Drain
from tests.orders.test_kinds_of_change import Json, iso

MILK = new_id()


def rule(**said: Any) -> CancelRule:
    wanted: dict[str, Any] = {
        "policy_id": "cpl_x",
        "articles": "法释〔2025〕4号",
        "full_refund_days": 7,
        "card_days": 90,
        "card_arithmetic": CardArithmetic.LIST_PRICE,
        "paid_date": TODAY - timedelta(days=30),
        "had_before": frozenset(),
        "today": TODAY,
    }
    return CancelRule(**(wanted | said))


def settle(brought: int, **said: Any) -> tuple[str, int, int]:
    """A 90-day card of 90 bottles for 29900 fen, list price 350: how it is settled."""
    line = OrderLine(product_id=MILK, cycle_days=90, unit_price_fen=350)
    bought = Move("bought", MILK, 90, 29900)
    left = 90 - brought
    rest = Move("refunded", MILK, left, 29900 - 29900 * brought // 90)
    moves, settled = settle_line(rule(**said), line, [bought], [rest] if left else [])
    assert sum(move.value_fen for move in moves) == settled.refund_fen
    assert settled.worth_fen == settled.kept_fen + settled.refund_fen == 29900
    return settled.settlement.value, settled.bottles_kept, settled.refund_fen


@pytest.mark.parametrize(
    ("brought", "said", "wanted"),
    [
        (3, {"paid_date": TODAY - timedelta(days=7)}, ("full_refund", 3, 29900)),
        (3, {"paid_date": TODAY - timedelta(days=8)}, ("list_price", 3, 29900 - 3 * 350)),
        (
            3,
            {"paid_date": TODAY, "had_before": frozenset({MILK})},
            ("list_price", 3, 29900 - 3 * 350),
        ),
        (3, {"paid_date": None}, ("list_price", 3, 29900 - 3 * 350)),
        (88, {}, ("list_price", 88, 0)),
        (3, {"card_days": 91}, ("price_paid", 3, 29900 - 996)),
        (3, {"card_arithmetic": CardArithmetic.PRICE_PAID}, ("price_paid", 3, 29900 - 996)),
    ],
)
def test_each_row_has_its_arithmetic(
    brought: int, said: dict[str, Any], wanted: tuple[str, int, int]
) -> None:
    assert settle(brought, **said) == wanted


@given(
    brought=st.integers(0, 90), days=st.integers(0, 60), how=st.sampled_from(list(CardArithmetic))
)
def test_nobody_owes_more_than_he_paid(brought: int, days: int, how: CardArithmetic) -> None:
    paid = TODAY - timedelta(days=days)
    _, _, refund = settle(brought, paid_date=paid, card_arithmetic=how)
    assert 0 <= refund <= 29900


async def cancelled(client: httpx.AsyncClient, order: Json, world: World) -> Json:
    """Preview it, do it; both say the same."""
    shown = await client.post(
        f"/orders/{order['id']}/changes/preview",
        json={"kind": "cancel"},
        headers=world.household.headers,
    )
    receipt = await orders.change(client, order["id"], world.household, kind="cancel")
    assert shown.json()["settlement"] == receipt["settlement"]
    assert shown.json()["rule"] == receipt["rule"]
    return receipt


async def test_within_a_week_all_goes_back_and_the_law_is_named(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    database: Database,
    clock: SetClock,
    drain_jobs: Drain,
) -> None:
    order = await paid_order(bottles=30)
    clock.set(MORNING + timedelta(days=4))
    receipt = await cancelled(client, order, world)
    (line,) = receipt["settlement"]["lines"]
    assert "法释〔2025〕4号" in receipt["settlement"]["articles"]
    assert (line["settlement"], line["refund_fen"], line["kept_fen"]) == ("full_refund", 10500, 0)
    assert receipt["refund_fen"] == 10500
    # The next order of the same milk keeps what was brought at its price.
    clock.set(MORNING + timedelta(days=4, minutes=5))
    again = await paid_order(bottles=30)
    clock.set(MORNING + timedelta(days=8, minutes=5))
    receipt = await cancelled(client, again, world)
    (line,) = receipt["settlement"]["lines"]
    assert line["settlement"] == "price_paid"
    assert line["refund_fen"] == 10500 - 350 * line["bottles_kept"] < 10500
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only={"I1", "I2", "I3", "I5"})


def policy(from_date: date | str, **said: Any) -> Json:
    day = from_date if isinstance(from_date, str) else from_date.isoformat()
    return {
        "from_date": day,
        "articles": "消费者权益保护法实施条例第二十二条",
        "full_refund_days": 0,
        "card_arithmetic": "list_price",
    } | said


async def test_a_new_policy_begins_on_a_day_to_come_and_old_orders_keep_theirs(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, clock: SetClock
) -> None:
    finance = world.staff[Role.FINANCE].headers
    early = await client.post("/cancel-policies", json=policy(TODAY), headers=finance | once())
    assert (early.status_code, early.json()["code"]) == (400, "policy_too_early")
    listed = await client.get("/cancel-policies", headers=finance)
    assert len(listed.json()["items"]) == 2
    order = await paid_order(bottles=30)
    added = await client.post("/cancel-policies", json=policy(iso(1)), headers=finance | once())
    assert added.status_code == 201, added.text
    listed = await client.get("/cancel-policies", headers=finance)
    assert [item["until_date"] for item in listed.json()["items"]][-2:] == [iso(0), None]
    clock.set(MORNING + timedelta(days=2))
    kept = await cancelled(client, order, world)
    assert kept["settlement"]["lines"][0]["settlement"] == "full_refund"
    assert kept["rule"] == listed.json()["items"][-2]["id"] != added.json()["id"]
