"""An administrator adds a product and keeps its price; everybody reads what is on sale."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from app.core.db import Database
from app.core.ids import HOUSE, public_single
from app.identity.models import Role
from tests.factories.catalog import add_product
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock

KEFIR: dict[str, Any] = {
    "code": "KEF-250",
    "name": "开菲尔",
    "specification": "250ml 屋顶盒",
    "storage_class": "chilled",
    "max_celsius": 6,
    "shelf_life_days": 14,
    "lead_days": 1,
}


def admin(world: World) -> dict[str, str]:
    return world.staff[Role.ADMIN].headers | once()


async def test_a_product_is_offered_once_it_has_price_and_vat_rate(
    client: httpx.AsyncClient, world: World
) -> None:
    made = await client.post("/products", json=KEFIR, headers=admin(world))
    assert made.status_code == 201
    product = made.json()
    assert product["price_fen"] is None
    assert "KEF-250" not in await codes_on_sale(client)

    price = await client.post(
        f"/products/{product['id']}/prices",
        json={"price_fen": 580, "from_date": "2026-03-01"},
        headers=admin(world),
    )
    assert price.status_code == 201
    assert "KEF-250" not in await codes_on_sale(client), "no VAT rate yet"
    rate = await client.post(
        f"/products/{product['id']}/vat-rates",
        json={"permille": 90, "from_date": "2026-01-01", "to_date": "2026-12-31"},
        headers=admin(world),
    )
    assert rate.status_code == 201
    assert rate.json() | {"id": None} == {
        "id": None,
        "permille": 90,
        "from_date": "2026-01-01",
        "to_date": "2026-12-31",
    }

    offers = (await client.get("/products", params={"q": "开菲"})).json()["items"]
    assert [(offer["code"], offer["price_fen"], offer["lead_days"]) for offer in offers] == [
        ("KEF-250", 580, 1)
    ]


async def codes_on_sale(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get("/products")
    assert answer.status_code == 200
    return [item["code"] for item in answer.json()["items"]]


async def test_a_price_is_replaced_by_ending_it_first(
    client: httpx.AsyncClient, world: World, clock: SetClock
) -> None:
    milk = public_single("prd", world.milk_id)
    new_price = {"price_fen": 390, "from_date": "2026-04-01"}

    refused = await client.post(f"/products/{milk}/prices", json=new_price, headers=admin(world))
    assert (refused.status_code, refused.json()["code"]) == (409, "price_overlap")
    prices = (await client.get(f"/products/{milk}/prices", headers=admin(world))).json()["items"]
    assert [price["price_fen"] for price in prices] == [350]

    ended = await client.patch(
        f"/products/{milk}/prices/{prices[0]['id']}",
        json={"to_date": "2026-03-31"},
        headers=admin(world),
    )
    assert ended.json()["to_date"] == "2026-03-31"
    added = await client.post(f"/products/{milk}/prices", json=new_price, headers=admin(world))
    assert added.status_code == 201

    assert (await client.get(f"/products/{milk}")).json()["price_fen"] == 350
    clock.set(MORNING + timedelta(days=17))
    assert (await client.get(f"/products/{milk}")).json()["price_fen"] == 390


async def test_the_past_stays_and_a_coming_price_can_be_taken_back(
    client: httpx.AsyncClient, world: World
) -> None:
    milk = public_single("prd", world.milk_id)
    headers = admin(world)
    path = f"/products/{milk}/prices"
    running = (await client.get(path, headers=headers)).json()["items"][0]["id"]

    yesterday = await client.patch(
        f"{path}/{running}", json={"to_date": "2026-03-14"}, headers=headers
    )
    assert (yesterday.status_code, yesterday.json()["code"]) == (409, "period_over")
    taken_back = await client.delete(f"{path}/{running}", headers=headers)
    assert (taken_back.status_code, taken_back.json()["code"]) == (409, "period_over")

    await client.patch(f"{path}/{running}", json={"to_date": "2026-03-31"}, headers=headers)
    coming = await client.post(
        path, json={"price_fen": 1, "from_date": "2026-04-01"}, headers=admin(world)
    )
    gone = await client.delete(f"{path}/{coming.json()['id']}", headers=headers)
    assert gone.status_code == 204
    assert len((await client.get(path, headers=headers)).json()["items"]) == 1

    widened = await client.post(
        path,
        json={"price_fen": 1, "from_date": "2026-05-01", "to_date": "2026-05-31"},
        headers=admin(world),
    )
    assert widened.status_code == 201
    over_it = await client.patch(
        f"{path}/{running}", json={"to_date": "2026-05-10"}, headers=headers
    )
    assert (over_it.status_code, over_it.json()["code"]) == (409, "price_overlap")


async def test_vat_rates_do_not_overlap(client: httpx.AsyncClient, world: World) -> None:
    milk = public_single("prd", world.milk_id)
    refused = await client.post(
        f"/products/{milk}/vat-rates",
        json={"permille": 130, "from_date": "2026-07-01"},
        headers=admin(world),
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "vat_rate_overlap")
    rates = await client.get(f"/products/{milk}/vat-rates", headers=admin(world))
    assert [rate["permille"] for rate in rates.json()["items"]] == [90]


async def test_a_vat_rate_ends_so_that_another_can_follow(
    client: httpx.AsyncClient, world: World
) -> None:
    path = f"/products/{public_single('prd', world.milk_id)}/vat-rates"
    headers = world.staff[Role.FINANCE].headers
    [running] = (await client.get(path, headers=headers)).json()["items"]
    gone = await client.patch(
        f"{path}/{running['id']}", json={"to_date": "2026-03-14"}, headers=headers
    )
    assert (gone.status_code, gone.json()["code"]) == (409, "period_over")
    ended = await client.patch(
        f"{path}/{running['id']}", json={"to_date": "2026-06-30"}, headers=headers
    )
    assert (ended.status_code, ended.json()["to_date"]) == (200, "2026-06-30")
    next_one = await client.post(
        path, json={"permille": 130, "from_date": "2026-07-01"}, headers=headers | once()
    )
    assert next_one.status_code == 201, next_one.text
    over_it = await client.patch(
        f"{path}/{running['id']}", json={"to_date": "2026-07-01"}, headers=headers
    )
    assert (over_it.status_code, over_it.json()["code"]) == (409, "vat_rate_overlap")
    rates = (await client.get(path, headers=headers)).json()["items"]
    assert [rate["permille"] for rate in rates] == [90, 130]


async def test_a_product_off_sale_is_no_offer_but_still_found(
    client: httpx.AsyncClient, world: World
) -> None:
    milk = public_single("prd", world.milk_id)
    off = await client.patch(f"/products/{milk}", json={"on_sale": False}, headers=admin(world))
    assert off.json()["on_sale"] is False
    assert await codes_on_sale(client) == ["YOG-200"]
    assert (await client.get(f"/products/{milk}")).json()["name"] == "鲜牛奶"
    kept = await client.get("/catalog/products", params={"on_sale": False}, headers=admin(world))
    assert [item["code"] for item in kept.json()["items"]] == ["MILK-195"]


async def test_code_and_limit_are_checked(client: httpx.AsyncClient, world: World) -> None:
    taken = await client.post("/products", json=KEFIR | {"code": "MILK-195"}, headers=admin(world))
    assert (taken.status_code, taken.json()["code"]) == (409, "product_code_taken")
    warm = await client.post("/products", json=KEFIR | {"max_celsius": None}, headers=admin(world))
    assert (warm.status_code, warm.json()["code"]) == (400, "chilled_without_limit")
    ambient = await client.post(
        "/products", json=KEFIR | {"storage_class": "ambient"}, headers=admin(world)
    )
    assert (ambient.status_code, ambient.json()["max_celsius"]) == (201, None)


async def test_the_same_request_twice_adds_one_product(
    client: httpx.AsyncClient, world: World
) -> None:
    headers = admin(world)
    first = await client.post("/products", json=KEFIR, headers=headers)
    again = await client.post("/products", json=KEFIR, headers=headers)
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    missing = await client.post("/products", json=KEFIR, headers=world.staff[Role.ADMIN].headers)
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")


@pytest.mark.parametrize("role", [Role.MANAGER, Role.STATION_MANAGER, Role.FINANCE])
async def test_only_administrators_keep_the_catalogue(
    client: httpx.AsyncClient, world: World, role: Role
) -> None:
    headers = world.staff[role].headers | once()
    assert (await client.post("/products", json=KEFIR, headers=headers)).status_code == 403
    assert len(await codes_on_sale(client)) == 2


async def test_the_list_turns_pages(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        for number in range(5):
            await add_product(session, code=f"A{number}", name=f"奶{number}")
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params: dict[str, str] = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/products", params=params)).json()
        seen += [item["code"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["A0", "A1", "A2", "A3", "A4", "MILK-195", "YOG-200"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/products?q=%00", 422),
        ("/products?q=%25", 200),
        ("/products?cursor=W10", 400),
        ("/products?cursor=WyJcdTAwMDAiXQ", 400),
        ("/products?storage_class=hot", 422),
        ("/products/prd_nothing", 404),
        (f"/products/{public_single('prd', HOUSE)}", 404),
    ],
)
async def test_bad_reads_are_problems(
    client: httpx.AsyncClient, world: World, path: str, status: int
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    if path.endswith("%25"):
        assert answer.json()["items"] == [], "a wildcard is only a character"


@pytest.mark.parametrize(
    "body",
    [
        {"price_fen": 0, "from_date": "2026-04-01"},
        {"price_fen": 3.5, "from_date": "2026-04-01"},
        {"price_fen": 350, "from_date": "2026-02-30"},
        {"price_fen": 350, "from_date": "9999-12-31"},
        {"price_fen": 350, "from_date": "2026-04-01", "to_date": "9999-12-31"},
        {"price_fen": 350, "from_date": "2026-04-01", "why": "?"},
    ],
)
async def test_bad_prices_are_refused(
    client: httpx.AsyncClient, world: World, body: dict[str, Any]
) -> None:
    milk = public_single("prd", world.milk_id)
    answer = await client.post(f"/products/{milk}/prices", json=body, headers=admin(world))
    assert answer.status_code == 422
    prices = await client.get(f"/products/{milk}/prices", headers=admin(world))
    assert len(prices.json()["items"]) == 1


async def test_a_period_ends_after_it_begins(client: httpx.AsyncClient, world: World) -> None:
    milk = public_single("prd", world.milk_id)
    body = {"price_fen": 1, "from_date": str(date(2019, 5, 2)), "to_date": str(date(2019, 5, 1))}
    answer = await client.post(f"/products/{milk}/prices", json=body, headers=admin(world))
    assert (answer.status_code, answer.json()["code"]) == (400, "period_invalid")
