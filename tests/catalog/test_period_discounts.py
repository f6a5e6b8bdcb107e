"""A long period costs less: by dated rows, of which the largest reached holds."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog.discounts import Tier, charge
from app.core.ids import new_id, public_single
from app.identity.models import Role
from tests.factories import orders
from tests.factories.orders import ADDRESS
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock

Json = dict[str, Any]
TOMORROW = TODAY + timedelta(days=1)
SEASON: Json = {"name": "季卡九五折", "min_days": 91, "off_permille": 50}
YEAR: Json = {"name": "年卡八五折", "min_days": 365, "off_permille": 150}
BULK: Json = {"name": "满 60 瓶减 20 元", "min_bottles": 60, "off_fen": 2000}


def tier(**said: Any) -> Tier:
    every: Json = {"discount_id": new_id(), "name": "优惠", "min_days": None, "min_bottles": None}
    every |= {"off_permille": None, "off_fen": None}
    return Tier(**(every | said))


TIERS = [tier(**SEASON), tier(**YEAR), tier(**BULK)]


@pytest.mark.parametrize(
    ("days", "bottles", "name", "off"),
    [
        (90, 45, None, 0),
        (91, 45, "季卡九五折", 45 * 350 * 50 // 1000),
        (364, 59, "季卡九五折", 59 * 350 * 50 // 1000),
        (365, 365, "年卡八五折", 365 * 350 * 150 // 1000),
        (30, 60, "满 60 瓶减 20 元", 2000),
        (91, 91, "满 60 瓶减 20 元", 2000),
        (None, 365, "满 60 瓶减 20 元", 2000),
        (None, 59, None, 0),
    ],
)
def test_the_largest_reached_holds(
    days: int | None, bottles: int, name: str | None, off: int
) -> None:
    charged = charge(TIERS, full_fen=bottles * 350, days=days, bottles=bottles)
    assert (charged.tier and charged.tier.name, charged.discount_fen) == (name, off)
    assert charged.price_fen == bottles * 350 - off


tiers = st.builds(
    tier,
    min_days=st.integers(1, 730),
    off_permille=st.integers(1, 900),
) | st.builds(tier, min_bottles=st.integers(1, 4000), off_fen=st.integers(1, 10**7))


@given(
    found=st.lists(tiers, max_size=6),
    price=st.integers(1, 10_000),
    bottles=st.integers(1, 4000),
    days=st.none() | st.integers(1, 730),
)
def test_something_is_always_left_to_pay(
    found: list[Tier], price: int, bottles: int, days: int | None
) -> None:
    full = price * bottles
    charged = charge(found, full_fen=full, days=days, bottles=bottles)
    assert 1 <= charged.price_fen <= full
    assert charged.price_fen + charged.discount_fen == full
    assert (charged.tier is None) == (charged.discount_fen == 0)
    reached = [one for one in found if one.is_reached(days=days, bottles=bottles)]
    assert charged.discount_fen == max((one.off(full) for one in reached), default=0)


async def add(
    client: httpx.AsyncClient, world: World, said: Json, role: Role = Role.FINANCE
) -> httpx.Response:
    body = {"from_date": TOMORROW.isoformat()} | said
    headers = world.staff[role].headers | once()
    return await client.post("/period-discounts", json=body, headers=headers)


async def quoted(client: httpx.AsyncClient, world: World, **said: Any) -> Json:
    body = {"address": ADDRESS, "lines": [orders.line(world, **said)]}
    answer = await client.post("/orders/quote", json=body)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def test_a_quote_shows_full_price_discount_and_price(
    client: httpx.AsyncClient, world: World, clock: SetClock
) -> None:
    for said in (SEASON, YEAR, BULK):
        assert (await add(client, world, said)).status_code == 201
    before = await quoted(client, world, cycle_days=365)
    assert (before["full_fen"], before["discount_fen"]) == (127750, 0), "it begins tomorrow"
    clock.set(MORNING + timedelta(days=1))
    year = await quoted(client, world, cycle_days=365)
    assert (year["full_fen"], year["discount_fen"], year["price_fen"]) == (127750, 19162, 108588)
    (line,) = year["lines"]
    assert (line["discount"], line["unit_price_fen"]) == ("年卡八五折", 350)
    placed = await orders.place(client, world, cycle_days=365)
    assert placed["price_fen"] == placed["lines"][0]["paid_fen"] == 108588
    assert placed["lines"][0]["discount_fen"] == 19162


async def test_it_is_ended_and_what_was_bought_keeps_it(
    client: httpx.AsyncClient, world: World, clock: SetClock
) -> None:
    made = (await add(client, world, SEASON)).json()
    clock.set(MORNING + timedelta(days=1))
    placed = await orders.place(client, world, cycle_days=91)
    headers = world.staff[Role.MANAGER].headers
    path = f"/period-discounts/{made['id']}"
    taken_back = await client.delete(path, headers=headers)
    assert (taken_back.status_code, taken_back.json()["code"]) == (409, "period_over")
    past = await client.patch(path, json={"to_date": TODAY.isoformat()}, headers=headers)
    assert (past.status_code, past.json()["code"]) == (409, "period_over")
    ended = await client.patch(path, json={"to_date": TOMORROW.isoformat()}, headers=headers)
    assert ended.json()["to_date"] == TOMORROW.isoformat()
    clock.set(MORNING + timedelta(days=2))
    assert (await quoted(client, world, cycle_days=91))["discount_fen"] == 0
    kept = await orders.read(client, placed["id"], world.household)
    assert kept["lines"][0]["discount_fen"] == 91 * 350 * 50 // 1000
    listed = await client.get(f"/period-discounts?on={TOMORROW.isoformat()}", headers=headers)
    assert [one["id"] for one in listed.json()["items"]] == [made["id"]]
    over = await client.get("/period-discounts?on=2026-03-17", headers=headers)
    assert over.json()["items"] == []


async def test_one_that_has_not_begun_is_taken_back(
    client: httpx.AsyncClient, world: World
) -> None:
    made = (await add(client, world, SEASON)).json()
    headers = world.staff[Role.FINANCE].headers
    gone = await client.delete(f"/period-discounts/{made['id']}", headers=headers)
    assert gone.status_code == 204
    assert (await client.get("/period-discounts", headers=headers)).json()["items"] == []


async def test_of_one_threshold_there_is_one_at_a_time(
    client: httpx.AsyncClient, world: World
) -> None:
    milk = public_single("prd", world.milk_id)
    for said in (SEASON, SEASON | {"product_id": milk}, YEAR):
        assert (await add(client, world, said)).status_code == 201
    for said in (SEASON, SEASON | {"product_id": milk}):
        again = await add(client, world, said | {"off_permille": 80})
        assert (again.status_code, again.json()["code"]) == (409, "discount_overlap")
    headers = world.staff[Role.FINANCE].headers
    page = (await client.get("/period-discounts?limit=2", headers=headers)).json()
    rest = await client.get(
        f"/period-discounts?limit=2&cursor={page['next_cursor']}", headers=headers
    )
    assert (len(page["items"]), len(rest.json()["items"])) == (2, 1)


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"from_date": TODAY.isoformat()}, 400, "discount_too_early"),
        ({"to_date": TODAY.isoformat()}, 400, "period_invalid"),
        ({"product_id": public_single("prd", new_id())}, 404, "product_not_found"),
        ({"min_bottles": 3}, 422, None),
        ({"off_permille": None}, 422, None),
        ({"off_permille": 901}, 422, None),
        ({"name": " "}, 422, None),
    ],
)
async def test_what_is_wrong_holds_nowhere(
    client: httpx.AsyncClient, world: World, said: Json, status: int, code: str | None
) -> None:
    refused = await add(client, world, SEASON | said)
    assert refused.status_code == status, refused.text
    assert code in {None, refused.json()["code"]}
    headers = world.staff[Role.FINANCE].headers
    assert (await client.get("/period-discounts", headers=headers)).json()["items"] == []


async def test_a_service_agent_grants_no_discount(client: httpx.AsyncClient, world: World) -> None:
    assert (await add(client, world, SEASON, Role.SERVICE_AGENT)).status_code == 403
    headers = world.staff[Role.FINANCE].headers
    assert (await client.get("/period-discounts", headers=headers)).json()["items"] == []
