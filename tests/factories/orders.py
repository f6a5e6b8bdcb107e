"""Ordering as a household does it, through the API."""

from datetime import date
from typing import Any

import httpx

from app.core.ids import public_pair, public_single, read_pair
from tests.factories.world import Household, World, once

EVERY_DAY = {"kind": "every_days", "interval_days": 1, "quantity": 1}
ADDRESS = {
    "city_code": "310000",
    "district": "徐汇区",
    "compound": "梅陇一村",
    "house_no": "12号",
}


def line(world: World, **said: Any) -> dict[str, Any]:
    """A wanted line; thirty bottles of milk, one a day, unless said otherwise."""
    wanted = {"product_id": public_single("prd", world.milk_id), "pattern": EVERY_DAY} | said
    if "bottles" not in wanted and "cycle_days" not in wanted:
        wanted["cycle_days"] = 30
    return wanted


def order_body(world: World, household: Household, **said: Any) -> dict[str, Any]:
    """Body of POST /orders."""
    return {
        "address_id": public_pair("adr", household.customer_id, household.address_id),
        "lines": [line(world, **said)],
        "agreement_version": "2026-01",
        "source": "mini_program",
    }


async def place(
    client: httpx.AsyncClient, world: World, household: Household | None = None, **said: Any
) -> dict[str, Any]:
    """Place an order; answers its JSON."""
    orderer = household or world.household
    answer = await client.post(
        "/orders", json=order_body(world, orderer, **said), headers=orderer.headers | once()
    )
    assert answer.status_code == 201, answer.text
    placed: dict[str, Any] = answer.json()
    return placed


async def read(client: httpx.AsyncClient, order_id: str, household: Household) -> dict[str, Any]:
    """The order as the household sees it."""
    answer = await client.get(f"/orders/{order_id}", headers=household.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def change(
    client: httpx.AsyncClient, order_id: str, household: Household, **wanted: Any
) -> dict[str, Any]:
    """Preview a change and do it; answers the receipt."""
    body = {
        key: value.isoformat() if isinstance(value, date) else value
        for key, value in wanted.items()
    }
    preview = await client.post(
        f"/orders/{order_id}/changes/preview", json=body, headers=household.headers
    )
    assert preview.status_code == 200, preview.text
    answer = await client.post(
        f"/orders/{order_id}/changes",
        json={"token": preview.json()["token"]},
        headers=household.headers | once(),
    )
    assert answer.status_code == 201, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


def ids_of(order: dict[str, Any]) -> tuple[Any, Any]:
    """(customer_id, order_id) behind an order's JSON."""
    return read_pair("ord", order["id"])
