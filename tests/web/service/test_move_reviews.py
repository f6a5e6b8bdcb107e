"""The reviewers' page: a move stands in the same queue as the orders."""

import httpx
from sqlalchemy import select

from app.core.db import Database
from app.core.ids import public_single
from app.identity.models import Role
from app.orders.models import OrderChange
from app.orders.states import ChangeStatus
from tests.factories.delivery import RunningLine
from tests.factories.world import World
from tests.orders.test_moves import new_address
from tests.web.customer.test_moving import hidden, milk, pages, submit

__all__ = ["milk", "pages"]


async def ask(client: httpx.AsyncClient, world: World, milk: RunningLine) -> str:
    """A move that waits for a reviewer."""
    unclear = await new_address(client, world, compound="", street="漕溪北路", house_no="")
    shown = await client.post(
        f"/orders/{milk.public_order_id}/changes/preview",
        json={"kind": "move", "address_id": unclear},
        headers=world.household.headers,
    )
    assert shown.json()["review"] == "unclear", shown.text
    return unclear


async def test_a_move_is_decided_on_the_page_that_shows_it(
    client: httpx.AsyncClient,
    pages: httpx.AsyncClient,
    world: World,
    milk: RunningLine,
    database: Database,
) -> None:
    unclear = await ask(client, world, milk)
    await submit(pages, milk, "move", address_id=unclear, from_date="2026-03-20")
    reviewer = world.staff[Role.REVIEWER].headers | {"Accept": "text/html"}
    page = await pages.get("/service/reviews", headers=reviewer)
    assert page.status_code == 200
    assert "搬家" in page.text
    assert "2026-03-20" in page.text
    assert "拒绝，仍送原地址" in page.text
    assert "漕溪北路" in page.text
    done = await pages.post(
        f"/service/reviews/{milk.public_order_id}",
        data={
            "decision": "approve",
            "block_id": public_single("blk", world.blocks[1]),
            "change_id": hidden(page.text, "change_id"),
        },
        headers=reviewer,
    )
    assert done.status_code == 303, done.text
    empty = await pages.get("/service/reviews", headers=reviewer)
    assert "没有待审核的订单" in empty.text
    async with database.transaction() as session:
        (change,) = await session.scalars(select(OrderChange))
        assert (change.status, change.effective_date.isoformat()) == (
            ChangeStatus.APPLIED,
            "2026-03-20",
        )
