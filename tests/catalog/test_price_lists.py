"""Prices by city and channel: the nearest one holds, what was bought keeps its own."""

from datetime import timedelta
from itertools import product
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.catalog.models import PriceChannel, ProductPrice
from app.core.db import Database
from app.core.ids import new_id, public_single
from app.identity.models import Role
from tests.factories import orders
from tests.factories.orders import ADDRESS
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock

SHANGHAI, ELSEWHERE = "310000", "320500"
Json = dict[str, Any]


async def add(
    client: httpx.AsyncClient, world: World, said: Json, role: Role = Role.FINANCE
) -> httpx.Response:
    milk = public_single("prd", world.milk_id)
    body = {"price_fen": 300, "from_date": TODAY.isoformat()} | said
    headers = world.staff[role].headers | once()
    return await client.post(f"/products/{milk}/prices", json=body, headers=headers)


async def quoted(client: httpx.AsyncClient, world: World, **said: Any) -> int:
    body = {"address": ADDRESS, "lines": [orders.line(world, bottles=10)]} | said
    answer = await client.post("/orders/quote", json=body)
    assert answer.status_code == 200, answer.text
    unit: int = answer.json()["lines"][0]["unit_price_fen"]
    return unit


PRICES = {
    (SHANGHAI, PriceChannel.WEB): 310,
    (SHANGHAI, None): 320,
    (None, PriceChannel.WEB): 330,
}


@pytest.mark.parametrize("written", list(product((True, False), repeat=3)))
async def test_the_nearest_price_holds(
    client: httpx.AsyncClient, world: World, database: Database, written: tuple[bool, ...]
) -> None:
    """City and channel, else the city, else the channel, else the general one."""
    chosen = [market for market, there in zip(PRICES, written, strict=True) if there]
    async with database.transaction() as session:
        general = await session.scalar(
            select(ProductPrice).where(ProductPrice.product_id == world.milk_id)
        )
        assert general is not None
        for city, channel in chosen:
            session.add(
                ProductPrice(
                    id=new_id(),
                    product_id=world.milk_id,
                    city_code=city,
                    channel=channel,
                    valid=general.valid,
                    price_fen=PRICES[city, channel],
                )
            )
    nearest = next((PRICES[market] for market in PRICES if market in chosen), 350)
    assert await quoted(client, world) == nearest
    by_phone = 320 if (SHANGHAI, None) in chosen else 350
    assert await quoted(client, world, source="phone") == by_phone
    far = ADDRESS | {"city_code": ELSEWHERE}
    assert await quoted(client, world, address=far) == (330 if (None, "web") in chosen else 350)
    shown = await client.get("/products", params={"city": SHANGHAI})
    assert {one["code"]: one["price_fen"] for one in shown.json()["items"]}["MILK-195"] == nearest
    listed = await client.get(
        "/catalog/products",
        params={"city": SHANGHAI, "channel": "phone"},
        headers=world.staff[Role.MANAGER].headers,
    )
    assert len(listed.json()["items"]) == 2, "one row for a product, however many prices it has"
    assert listed.json()["items"][0]["price_fen"] == by_phone


async def test_a_placed_line_keeps_its_price_and_what_comes_after_has_the_new_one(
    client: httpx.AsyncClient, world: World, clock: SetClock
) -> None:
    placed = await orders.place(client, world, bottles=10)
    made = await add(client, world, {"city_code": SHANGHAI, "channel": "web"})
    assert made.status_code == 201, made.text
    kept = await orders.read(client, placed["id"], world.household)
    assert (kept["price_fen"], kept["lines"][0]["unit_price_fen"]) == (3500, 350)
    later = await orders.place(client, world, bottles=10)
    assert (later["price_fen"], later["lines"][0]["unit_price_fen"]) == (3000, 300)

    milk = public_single("prd", world.milk_id)
    ended = await client.patch(
        f"/products/{milk}/prices/{made.json()['id']}",
        json={"to_date": TODAY.isoformat()},
        headers=world.staff[Role.MANAGER].headers,
    )
    assert ended.status_code == 200, ended.text
    assert await quoted(client, world) == 300
    clock.set(MORNING + timedelta(days=1))
    assert await quoted(client, world) == 350, "the general price is there again"


async def test_markets_do_not_overlap_themselves_but_each_other(
    client: httpx.AsyncClient, world: World
) -> None:
    markets: list[Json] = [{"city_code": SHANGHAI}, {"channel": "web"}, {"channel": "phone"}]
    for market in markets:
        assert (await add(client, world, market)).status_code == 201
        again = await add(client, world, market)
        assert (again.status_code, again.json()["code"]) == (409, "price_overlap")
    milk = public_single("prd", world.milk_id)
    headers = world.staff[Role.AUDITOR].headers
    listed = await client.get(f"/products/{milk}/prices", headers=headers)
    assert len(listed.json()["items"]) == 4
    of_web = await client.get(f"/products/{milk}/prices?channel=web", headers=headers)
    assert [one["channel"] for one in of_web.json()["items"]] == ["web"]


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"city_code": "999999"}, 400, "price_city_unknown"),
        ({"city_code": "上海"}, 422, None),
        ({"channel": "pigeon"}, 422, None),
        ({"price_fen": 0}, 422, None),
    ],
)
async def test_what_is_wrong_writes_no_price(
    client: httpx.AsyncClient, world: World, said: Json, status: int, code: str | None
) -> None:
    refused = await add(client, world, said)
    assert refused.status_code == status
    assert code in {None, refused.json()["code"]}
    assert await quoted(client, world) == 350


async def test_a_station_manager_writes_no_price(client: httpx.AsyncClient, world: World) -> None:
    refused = await add(client, world, {"channel": "web"}, Role.STATION_MANAGER)
    assert refused.status_code == 403
    assert await quoted(client, world) == 350


async def test_without_a_price_for_the_market_nothing_is_quoted(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        general = await session.scalar(
            select(ProductPrice).where(ProductPrice.product_id == world.milk_id)
        )
        assert general is not None
        general.channel = PriceChannel.PHONE
    body = {"address": ADDRESS, "lines": [orders.line(world)]}
    refused = await client.post("/orders/quote", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "product_without_price")
    assert await quoted(client, world, source="phone") == 350
