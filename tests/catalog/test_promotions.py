"""Promotions: gifts or less to pay, through a channel, from a day to a day, with their rule."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog.discounts import charge
from app.catalog.models import StorageClass
from app.catalog.promotions import Offered
from app.catalog.service import Offer
from app.core.ids import new_id, public_single
from app.identity.models import Role
from tests.catalog.test_period_discounts import quoted, tier, tiers
from tests.factories import orders
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock

Json = dict[str, Any]
TOMORROW = TODAY + timedelta(days=1)
GIFTS: Json = {
    "name": "春季满赠",
    "rule": "每订 30 瓶赠 2 瓶，赠品不折现；促销期内不停奶。",
    "buy_bottles": 30,
    "gift_bottles": 2,
    "forbids": ["pause"],
}
LESS: Json = {"name": "开学立减", "rule": "每份立减 10 元。", "off_fen": 1000}


def offered(**said: Any) -> Offered:
    every: Json = {"promotion_id": new_id(), "name": "促销", "rule": "见页面。"}
    every |= {"buy_bottles": None, "gift_bottles": None, "off_permille": None, "off_fen": None}
    return Offered(**(every | {"forbids": frozenset()} | said))


def offer(**said: Any) -> Offer:
    every: Json = {"product_id": new_id(), "code": "M", "name": "奶", "specification": "195ml"}
    every |= {"storage_class": StorageClass.CHILLED, "lead_days": 0, "shelf_life_days": 7}
    return Offer(**(every | {"price_fen": 350, "vat_permille": 90} | said))


@pytest.mark.parametrize(
    ("promotions", "bottles", "gifts", "discount"),
    [
        ([{"buy_bottles": 30, "gift_bottles": 2}], 29, 0, 0),
        ([{"buy_bottles": 30, "gift_bottles": 2}], 30, 2, 0),
        ([{"buy_bottles": 30, "gift_bottles": 2}], 89, 4, 0),
        ([{"off_fen": 1000}], 30, 0, 1000),
        ([{"off_permille": 100}], 30, 0, 1050),
        ([{"buy_bottles": 30, "gift_bottles": 2}, {"off_fen": 1000}], 30, 0, 1000),
        ([{"buy_bottles": 30, "gift_bottles": 3}, {"off_fen": 1000}], 30, 3, 0),
    ],
)
def test_the_promotion_worth_most_holds(
    promotions: list[Json], bottles: int, gifts: int, discount: int
) -> None:
    promoted = offer(promotions=tuple(offered(**one) for one in promotions))
    charged = promoted.charge(bottles=bottles, days=None)
    assert (charged.gift_bottles, charged.discount_fen) == (gifts, discount)
    assert (charged.promotion is None) == (not gifts and not discount)


def test_discounts_do_not_add_up_and_gifts_come_on_top() -> None:
    season = tier(name="季卡", min_days=91, off_permille=100)
    less = offer(tiers=(season,), promotions=(offered(off_permille=50),))
    charged = less.charge(bottles=91, days=91)
    assert (charged.tier, charged.discount_fen) == (season, 3185)
    assert charged.promotion is None, "what grants nothing more binds nobody"
    more = offer(tiers=(season,), promotions=(offered(off_permille=200),))
    assert more.charge(bottles=91, days=91).tier is None
    given_ = offer(tiers=(season,), promotions=(offered(buy_bottles=30, gift_bottles=1),))
    charged = given_.charge(bottles=91, days=91)
    assert (charged.tier, charged.discount_fen, charged.gift_bottles) == (season, 3185, 3)
    smaller = offered(off_permille=90)
    both = offer(tiers=(season,), promotions=(smaller, *given_.promotions))
    assert both.charge(bottles=91, days=91) == charged, "a discount that does not count hides none"


grants = st.builds(
    offered, buy_bottles=st.integers(1, 400), gift_bottles=st.integers(1, 40)
) | st.builds(offered, off_permille=st.integers(1, 900))


@given(
    found=st.lists(tiers, max_size=3),
    promoted=st.lists(grants, max_size=3),
    bottles=st.integers(1, 4000),
    days=st.none() | st.integers(1, 730),
)
def test_a_promotion_never_makes_it_dearer(
    found: list[Any], promoted: list[Offered], bottles: int, days: int | None
) -> None:
    charged = offer(tiers=tuple(found), promotions=tuple(promoted)).charge(
        bottles=bottles, days=days
    )
    plain = charge(found, full_fen=bottles * 350, days=days, bottles=bottles)
    assert 1 <= charged.price_fen <= plain.price_fen
    assert charged.tier is None or charged.discount_fen == plain.discount_fen


async def promote(
    client: httpx.AsyncClient, world: World, said: Json, role: Role = Role.MANAGER
) -> httpx.Response:
    body = {"from_date": TOMORROW.isoformat()} | said
    headers = world.staff[role].headers | once()
    return await client.post("/promotions", json=body, headers=headers)


async def test_a_quote_says_gifts_their_days_and_the_rule(
    client: httpx.AsyncClient, world: World, clock: SetClock
) -> None:
    milk = public_single("prd", world.milk_id)
    made = await promote(client, world, GIFTS | {"product_ids": [milk], "channel": "web"})
    assert made.status_code == 201, made.text
    assert (await client.get("/promotions")).json()["items"] == [], "it begins tomorrow"
    clock.set(MORNING + timedelta(days=1))
    shown = (await client.get("/promotions")).json()["items"]
    assert [(one["name"], one["forbids"]) for one in shown] == [("春季满赠", ["pause"])]
    (line,) = (await quoted(client, world, bottles=60))["lines"]
    assert (line["gift_bottles"], line["price_fen"]) == (4, 60 * 350)
    assert line["promotion"]["rule"] == GIFTS["rule"]
    assert sum(day["bottles"] for day in line["deliveries"]) == 64
    yogurt = public_single("prd", world.yogurt_id)
    (other,) = (await quoted(client, world, bottles=60, product_id=yogurt))["lines"]
    assert (other["gift_bottles"], other["promotion"]) == (0, None)
    body = {"address": orders.ADDRESS, "lines": [orders.line(world, bottles=60)], "source": "phone"}
    by_phone = await client.post("/orders/quote", json=body)
    assert by_phone.json()["lines"][0]["gift_bottles"] == 0


async def test_a_promotion_is_ended_or_taken_back(
    client: httpx.AsyncClient, world: World, clock: SetClock
) -> None:
    coming = (await promote(client, world, LESS)).json()
    headers = world.staff[Role.FINANCE].headers
    gone = await client.delete(f"/promotions/{coming['id']}", headers=headers)
    assert gone.status_code == 204
    running = (await promote(client, world, LESS)).json()
    clock.set(MORNING + timedelta(days=1))
    assert (await quoted(client, world, bottles=30))["discount_fen"] == 1000
    path = f"/promotions/{running['id']}"
    kept = await client.delete(path, headers=headers)
    assert (kept.status_code, kept.json()["code"]) == (409, "period_over")
    ended = await client.patch(path, json={"to_date": TOMORROW.isoformat()}, headers=headers)
    assert ended.json()["to_date"] == TOMORROW.isoformat()
    clock.set(MORNING + timedelta(days=2))
    assert (await quoted(client, world, bottles=30))["discount_fen"] == 0
    every = await client.get("/catalog/promotions", headers=headers)
    assert [one["id"] for one in every.json()["items"]] == [running["id"]]


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"from_date": TODAY.isoformat()}, 400, "promotion_too_early"),
        ({"to_date": TODAY.isoformat()}, 400, "period_invalid"),
        ({"product_ids": [public_single("prd", new_id())]}, 404, "product_not_found"),
        ({"product_ids": []}, 422, None),
        ({"gift_bottles": None}, 422, None),
        ({"off_fen": 100}, 422, None),
        ({"forbids": ["breathing"]}, 422, None),
        ({"rule": ""}, 422, None),
    ],
)
async def test_what_is_wrong_promotes_nothing(
    client: httpx.AsyncClient, world: World, said: Json, status: int, code: str | None
) -> None:
    refused = await promote(client, world, GIFTS | said)
    assert refused.status_code == status, refused.text
    assert code in {None, refused.json()["code"]}
    headers = world.staff[Role.FINANCE].headers
    assert (await client.get("/catalog/promotions", headers=headers)).json()["items"] == []
