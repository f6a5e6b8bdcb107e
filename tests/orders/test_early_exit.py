"""A card that ends early: what was brought costs what the term really used costs, and never more
than was paid (法释〔2025〕4号)."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog.discounts import Tier, charge
from app.core.db import Database
from app.core.ids import new_id, public_single
from app.identity.models import Role
from app.orders.changes.purses import Move
from app.orders.changes.settling import CancelRule, Settled, settle_line
from app.orders.models import OrderLine
from app.orders.states import CardArithmetic, Fault
from tests.catalog.test_period_discounts import SEASON, YEAR, add, tier, tiers
from tests.factories import orders
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants
from tests.orders.conftest import Deliver
from tests.orders.test_changes import preview

MILK, LINE = new_id(), new_id()
Json = dict[str, Any]
LADDER = [tier(**SEASON), tier(**YEAR)]


def settle(
    brought: int,
    *,
    ladder: list[Tier],
    bottles: int = 365,
    days: int | None = 365,
    unit_fen: int = 350,
    fault: Fault = Fault.HOUSEHOLD,
    extra: tuple[Move, ...] = (),
) -> Settled:
    """A card of which so many bottles were brought; its moves are worth what is refunded."""
    price = charge(ladder, full_fen=bottles * unit_fen, days=days, bottles=bottles)
    line = OrderLine(
        order_line_id=LINE,
        product_id=MILK,
        cycle_days=days,
        bottles_bought=bottles,
        unit_price_fen=unit_fen,
        discount_id=price.tier and price.tier.discount_id,
    )
    rule = CancelRule(
        policy_id="cpl_x",
        articles="法释〔2025〕4号",
        full_refund_days=7,
        card_days=90,
        card_arithmetic=CardArithmetic.TERM_PRICE,
        paid_date=TODAY - timedelta(days=30),
        had_before=frozenset(),
        today=TODAY,
        tiers={LINE: ladder},
        fault=fault,
    )
    left, paid = bottles - brought, price.price_fen
    rest = Move("refunded", MILK, left, paid - paid * brought // bottles)
    had = [Move("bought", MILK, bottles, paid), *extra]
    moves, settled = settle_line(rule, line, had, [rest] if left else [])
    assert sum(move.value_fen for move in moves) == settled.refund_fen
    assert settled.worth_fen == settled.kept_fen + settled.refund_fen == paid
    return settled


@pytest.mark.parametrize(
    ("brought", "kept", "discount"),
    [
        (10, 10 * 350, None),
        (90, 90 * 350, None),
        (91, 91 * 350 - 91 * 350 * 50 // 1000, "季卡九五折"),
        (200, 200 * 350 - 200 * 350 * 50 // 1000, "季卡九五折"),
        (360, 365 * 350 - 365 * 350 * 150 // 1000, "季卡九五折"),
        (364, 365 * 350 - 365 * 350 * 150 // 1000, "季卡九五折"),
    ],
)
def test_a_year_card_left_early_costs_what_its_term_costs(
    brought: int, kept: int, discount: str | None
) -> None:
    """The last two would cost more than the card did: all that was paid is kept, nothing is owed."""
    settled = settle(brought, ladder=LADDER)
    assert (settled.settlement.value, settled.kept_fen) == ("term_price", kept)
    said = settled.as_json(LINE)
    assert (said["used_days"], said["used_discount"]) == (brought, discount)
    assert said["used_full_fen"] == brought * 350


def test_our_own_fault_costs_the_household_no_discount() -> None:
    paid = 365 * 350 - 365 * 350 * 150 // 1000
    settled = settle(100, ladder=LADDER, fault=Fault.OPERATOR)
    assert (settled.settlement.value, settled.kept_fen) == ("price_paid", paid * 100 // 365)


def test_what_was_swapped_keeps_the_price_paid() -> None:
    other = new_id()
    swapped = (Move("swapped_out", MILK, 1, 297), Move("swapped_in", other, 1, 297))
    assert settle(100, ladder=LADDER, extra=swapped).settlement.value == "price_paid"


def test_two_bottles_a_day_use_half_the_days() -> None:
    said = settle(182, ladder=LADDER, bottles=730).as_json(LINE)
    assert (said["used_days"], said["used_discount"]) == (91, "季卡九五折")


@given(
    ladder=st.lists(tiers, max_size=5),
    bottles=st.integers(1, 1500),
    part=st.integers(0, 1000),
    days=st.none() | st.integers(1, 730),
    unit_fen=st.integers(1, 5000),
)
def test_nobody_pays_more_than_the_term_used_nor_more_than_he_paid(
    ladder: list[Tier], bottles: int, part: int, days: int | None, unit_fen: int
) -> None:
    brought = bottles * part // 1000
    settled = settle(brought, ladder=ladder, bottles=bottles, days=days, unit_fen=unit_fen)
    assert 0 <= settled.kept_fen <= settled.worth_fen
    if settled.used is not None:
        asked = settled.used.charged.price_fen
        assert settled.kept_fen == min(asked, settled.worth_fen)
        assert asked <= brought * unit_fen
    if brought == bottles:
        assert settled.refund_fen == 0
    if brought == 0:
        assert settled.refund_fen == settled.worth_fen


@given(
    permille=st.lists(st.integers(1, 900), min_size=2, max_size=2),
    days=st.lists(st.integers(1, 730), min_size=2, max_size=2, unique=True),
    brought=st.integers(0, 729),
)
def test_with_rising_percentages_one_bottle_more_is_never_refunded_more(
    permille: list[int], days: list[int], brought: int
) -> None:
    """Up to the rounding of a tier that begins there: never more than the discount it grants."""
    ladder = [
        tier(min_days=first, off_permille=off)
        for first, off in zip(sorted(days), sorted(permille), strict=True)
    ]
    now = settle(brought, ladder=ladder, bottles=730, days=730)
    more = settle(brought + 1, ladder=ladder, bottles=730, days=730)
    granted = 0 if more.used is None else more.used.charged.discount_fen
    assert more.refund_fen <= now.refund_fen + granted


async def year_card(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, clock: SetClock
) -> Json:
    """Bought on the 16th, delivered from the 17th on."""
    for said in (SEASON, YEAR):
        assert (await add(client, world, said)).status_code == 201
    clock.set(MORNING + timedelta(days=1))
    return await paid_order(cycle_days=365)


async def test_a_year_card_is_cancelled_after_its_first_week(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    database: Database,
) -> None:
    order = await year_card(client, world, paid_order, clock)
    paid = order["price_fen"]
    assert paid == 365 * 350 - 365 * 350 * 150 // 1000
    # The row is over before the household leaves: its own day's rows settle it all the same.
    headers = world.staff[Role.FINANCE].headers
    for one in (await client.get("/period-discounts", headers=headers)).json()["items"]:
        await client.patch(
            f"/period-discounts/{one['id']}",
            json={"to_date": (TODAY + timedelta(days=1)).isoformat()},
            headers=headers,
        )
    await orders.change(
        client,
        order["id"],
        world.household,
        kind="pause",
        from_date=TODAY + timedelta(days=4),
        until_date=TODAY + timedelta(days=6),
    )
    clock.set(MORNING + timedelta(days=12))
    shown = (await preview(client, order, world, kind="cancel")).json()
    (line,) = shown["settlement"]["lines"]
    kept = line["bottles_kept"]
    assert kept > 0
    assert (line["settlement"], line["used_days"]) == ("term_price", kept)
    assert (line["used_full_fen"], line["used_discount"]) == (kept * 350, None)
    assert (line["kept_fen"], shown["refund_fen"]) == (kept * 350, paid - kept * 350)
    receipt = await orders.change(client, order["id"], world.household, kind="cancel")
    assert receipt["settlement"] == shown["settlement"]
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only={"I1", "I2", "I3", "I5", "I6"})


async def test_only_staff_say_that_it_is_our_fault(
    client: httpx.AsyncClient, world: World, paid_order: Deliver, clock: SetClock
) -> None:
    order = await year_card(client, world, paid_order, clock)
    clock.set(MORNING + timedelta(days=12))
    refused = await preview(client, order, world, kind="cancel", fault="operator")
    assert (refused.status_code, refused.json()["code"]) == (403, "fault_not_yours")
    by_agent = await client.post(
        f"/orders/{order['id']}/changes/preview",
        json={"kind": "cancel", "fault": "operator", "reason": "长期停送"},
        headers=world.staff[Role.SERVICE_AGENT].headers,
    )
    (line,) = by_agent.json()["settlement"]["lines"]
    assert line["settlement"] == "price_paid"
    assert line["kept_fen"] == order["price_fen"] * line["bottles_kept"] // 365
    assert line["used_full_fen"] is None


async def test_a_card_is_paused_skipped_and_undone_as_any_line(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
    database: Database,
) -> None:
    order = await year_card(client, world, paid_order, clock)
    made = await orders.change(
        client, order["id"], world.household, kind="skip", date=TODAY + timedelta(days=5)
    )
    assert (made["refund_fen"], made["credit_fen"], made["pay_fen"]) == (0, 0, 0)
    undone = await client.post(
        f"/orders/{order['id']}/changes/{made['id']}/undo",
        headers=world.household.headers | once(),
    )
    assert undone.status_code == 201, undone.text
    again = await orders.read(client, order["id"], world.household)
    assert again["lines"] == order["lines"]
    async with database.transaction() as session:
        await assert_invariants(session, clock.now(), only={"I1", "I2", "I5", "I6"})


async def test_an_added_card_and_a_renewal_have_the_discount_of_their_period(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    clock: SetClock,
) -> None:
    order = await year_card(client, world, paid_order, clock)
    full = 365 * 350
    price = full - full * 150 // 1000
    added = await preview(
        client,
        order,
        world,
        kind="add_product",
        product_id=public_single("prd", world.milk_id),
        pattern=orders.EVERY_DAY,
        cycle_days=365,
    )
    assert added.json()["pay_fen"] == price
    renewed = await orders.change(
        client, order["id"], world.household, kind="renew", agreement_version="2026-01"
    )
    renewal = await orders.read(client, renewed["renewal_order_id"], world.household)
    assert (renewal["price_fen"], renewal["lines"][0]["discount_fen"]) == (price, full - price)
