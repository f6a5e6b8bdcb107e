"""The order's page says what became of a deposit: paid, held, due back, returned."""

import re

import httpx

from app.core.db import Database
from app.identity.models import Role
from tests.factories.world import World, once
from tests.orders.conftest import Deliver, paid_order
from tests.orders.test_deposit_stories import boxed, due_back, end_all
from tests.orders.test_deposits import hang, open_boxes
from tests.web.customer.test_moving import pages

__all__ = ["boxed", "pages", "paid_order"]


async def panel(pages: httpx.AsyncClient, order_id: str) -> str:
    """The panel's words, without its markup."""
    page = await pages.get(f"/my/orders/{order_id}")
    assert page.status_code == 200, page.text
    found = re.search(r"<h2>押金</h2>(.*?)</section>", page.text, re.DOTALL)
    assert found is not None, "the page has no panel of deposits"
    return " ".join(re.sub(r"<[^>]+>", " ", found.group(1)).split())


async def test_the_panel_follows_the_deposit(
    client: httpx.AsyncClient,
    pages: httpx.AsyncClient,
    database: Database,
    boxed: World,
    paid_order: Deliver,
) -> None:
    order = await paid_order(bottles=5)
    held = "订单结束、归还后退回"
    assert await panel(pages, order["id"]) == (
        f"空瓶押金 {held} ¥2.00 已收 奶箱押金 {held} ¥30.00 已收"
    )
    [box] = await open_boxes(client, boxed)
    await hang(client, boxed, box["id"])
    assert await end_all(database) == 1
    assert (await panel(pages, order["id"])).count("请归还奶箱或空瓶，核对后退款") == 2
    manager = boxed.staff[Role.STATION_MANAGER]
    due = await due_back(client, manager)
    back = await client.post(
        f"/deposits/{due['box']}/return", json={}, headers=manager.headers | once()
    )
    assert back.status_code == 201, back.text
    kept = await client.post(
        f"/deposits/{due['bottles']}/keep",
        json={"reason": "空瓶未归还"},
        headers=boxed.staff[Role.FINANCE].headers | once(),
    )
    assert kept.status_code == 201, kept.text
    assert await panel(pages, order["id"]) == (
        "空瓶押金 空瓶未归还 ¥2.00 不退 奶箱押金 退款进度见“钱款” ¥30.00 已退"
    )


async def test_an_order_without_a_deposit_has_no_panel(
    pages: httpx.AsyncClient, world: World, paid_order: Deliver
) -> None:
    order = await paid_order(bottles=5)
    page = await pages.get(f"/my/orders/{order['id']}")
    assert page.status_code == 200
    assert "押金" not in page.text
