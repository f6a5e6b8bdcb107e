"""The reviewer's queue: why a person must look, and which blocks are near."""

from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id, public_single
from app.identity.models import Role
from app.network.models import CoverageKind, CoverageRule, HouseParity
from app.orders.models import Order, OrderReview
from app.orders.states import OrderStatus
from tests.factories import orders
from tests.factories.world import ALWAYS, MORNING, Household, World


async def waits(
    client: httpx.AsyncClient,
    session: AsyncSession,
    world: World,
    *,
    minutes: int,
    **building: Any,
) -> tuple[str, Household]:
    """A paid order that waits for a reviewer since some minutes after the morning."""
    household = await world.add_household(session, block=None, **building)
    await session.commit()
    placed = await orders.place(client, world, household)
    order = await session.get_one(Order, orders.ids_of(placed))
    at = MORNING + timedelta(minutes=minutes)
    order.status, order.paid_at = OrderStatus.UNDER_REVIEW, at
    session.add(
        OrderReview(
            customer_id=order.customer_id,
            order_id=order.order_id,
            verdict="unclear",
            opened_at=at,
        )
    )
    await session.commit()
    return placed["id"], household


def rule(world: World, block: int, **said: Any) -> CoverageRule:
    return CoverageRule(
        id=new_id(),
        block_id=world.blocks[block],
        city_code="310000",
        first_stop_no=1,
        valid=ALWAYS,
        **{"parity": HouseParity.ALL} | said,
    )


async def queue(client: httpx.AsyncClient, world: World, **asked: Any) -> list[dict[str, Any]]:
    answer = await client.get("/reviews", params=asked, headers=world.staff[Role.REVIEWER].headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_each_order_says_why_it_waits(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    session.add_all(
        rule(world, block, kind=CoverageKind.COMPOUND, district="徐汇区", compound="双界花园")
        for block in (0, 1)
    )
    await session.commit()
    nowhere = await waits(client, session, world, minutes=0, compound="", street="", house_no="")
    number = await waits(
        client, session, world, minutes=1, compound="", street="漕溪北路", house_no=""
    )
    several = await waits(client, session, world, minutes=2, compound="双界花园", street="")
    covered = await waits(client, session, world, minutes=3, compound="梅陇一村", street="")
    outside = await waits(client, session, world, minutes=4, compound="远郊新村", street="")

    found = {item["order_id"]: item for item in await queue(client, world)}
    reasons = [found[one[0]]["reason"] for one in (nowhere, number, several, covered, outside)]
    assert reasons == [
        "place_unknown",
        "check_number",
        "several_blocks",
        "covered_now",
        "uncovered_now",
    ]
    assert list(found) == [one[0] for one in (nowhere, number, several, covered, outside)]
    (near,) = found[number[0]]["candidates"]
    assert near == {
        "block_id": public_single("blk", world.blocks[1]),
        "code": "ST01-02",
        "name": "区块2",
        "station_id": public_single("stn", world.station_id),
        "station": "徐汇奶站",
    }
    assert {one["name"] for one in found[several[0]]["candidates"]} == {"区块1", "区块2"}
    assert found[covered[0]]["suggested_stop_no"] is not None
    assert found[nowhere[0]]["candidates"] == found[outside[0]]["candidates"] == []
    assert "地址中没有" in found[nowhere[0]]["reason_label"]
    for item, one in ((found[each[0]], each[1]) for each in (nowhere, covered)):
        assert one.phone not in str(item), "the building only"


async def test_the_queue_by_city_and_page(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    ids = [
        (await waits(client, session, world, minutes=number, compound="", street=""))[0]
        for number in range(3)
    ]
    assert [one["order_id"] for one in await queue(client, world, city="310000")] == ids
    assert await queue(client, world, city="110000") == []
    headers = world.staff[Role.REVIEWER].headers
    first = await client.get("/reviews", params={"limit": 2}, headers=headers)
    rest = await client.get(
        "/reviews", params={"limit": 2, "cursor": first.json()["next_cursor"]}, headers=headers
    )
    pages = first.json()["items"] + rest.json()["items"]
    assert [one["order_id"] for one in pages] == ids
