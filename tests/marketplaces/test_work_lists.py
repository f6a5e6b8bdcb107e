"""What does not go on by itself: SKUs nobody knows, addresses that are hidden, amounts that differ."""

from typing import Any

import httpx
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import Product
from app.core.ids import public_single
from app.customers.models import Address, Customer
from app.identity.models import AccessLogEntry, Role
from app.marketplaces.jobs import sweep
from app.marketplaces.states import ExternalState
from app.notifications.models import SmsMessage
from app.orders.models import Order, OrderLine
from tests.factories.marketplaces import (
    ADDRESS,
    MASKED,
    SKU,
    Market,
    our_order,
    outside,
    pushed,
)
from tests.factories.world import once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants


async def orders_of(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(Order)) or 0


async def test_mapping_an_sku_once_releases_all_that_wait(
    market: Market, session: AsyncSession, drain_jobs: Any
) -> None:
    await market.open_shop(mapped=False)
    await market.push(pushed("T1"), pushed("T2"))
    await drain_jobs()
    assert {one["state"] for one in await market.listed(state="needs_sku")} == {"needs_sku"}
    (work,) = (await market.get("/marketplaces/unmapped-skus"))["items"]
    assert (work["sku"], work["orders"], work["title"]) == (SKU, 2, "鲜牛奶月卡30瓶")
    mapped = await market.map(bottles=15)
    assert mapped["released"] == 2
    await drain_jobs()
    assert await orders_of(session) == 2
    assert (await market.get("/marketplaces/unmapped-skus"))["items"] == []
    assert {line.bottles_bought for line in await session.scalars(select(OrderLine))} == {15}


async def test_a_mapping_that_raced_the_judgement_is_found_by_the_sweep(
    market: Market, session: AsyncSession, drain_jobs: Any, job_context: Any
) -> None:
    await market.open_shop(mapped=False)
    await market.push(pushed("T1"))
    await drain_jobs()
    await market.map()
    order = await outside(session, "T1")
    assert order.state == "received"
    # the judgement saw no mapping and came last
    order.state = ExternalState.NEEDS_SKU
    await session.commit()
    await sweep(job_context, {})
    await drain_jobs()
    assert (await outside(session, "T1")).state == "placed"


async def test_a_hidden_address_is_asked_for_in_the_shop_s_chat(
    market: Market,
    client: httpx.AsyncClient,
    session: AsyncSession,
    clock: SetClock,
    drain_jobs: Any,
) -> None:
    await market.open_shop()
    await market.push(pushed("T1", receiver=MASKED))
    await drain_jobs()
    (waiting,) = await market.listed(state="needs_address")
    assert (waiting["receiver_phone"], waiting["claim_links"]) == ("*******0001", 0)
    path = f"/marketplace-orders/{waiting['id']}"
    missing = await client.get(f"{path}/claim-text", headers=market.headers(Role.SERVICE_AGENT))
    assert (missing.status_code, missing.json()["code"]) == (404, "claim_link_not_found")
    made = await market.post(f"{path}/claim-link", Role.SERVICE_AGENT)
    assert made["sent_by"] == "chat"
    token = await market.claim_token("T1")

    asked = (await client.get(f"/links/{token}")).json()["about"]
    assert (asked["marketplace"], asked["number_tail"], asked["can_claim"]) == ("天猫", "T1", True)
    assert asked["lines"][0]["bottles"] == 30
    assert "李" not in str(asked)
    assert await session.scalar(select(func.count()).select_from(Customer)) == 1

    done = await market.claim(token)
    assert done["state"] == "placed"
    assert (await market.claim(token))["state"] == "placed", "a second tap is the same order"
    await drain_jobs()
    order = await our_order(session, "T1")
    assert (order.status, order.agreed_through) == ("delivering", "sms_link")
    assert await orders_of(session) == 1
    shown = (await client.get(f"/links/{token}")).json()["about"]
    assert (shown["can_claim"], shown["label"], shown["order_no"]) == (
        False,
        "配送中",
        order.order_no,
    )
    await assert_invariants(session, clock.now())


async def test_a_phone_that_is_told_gets_the_link_by_sms(
    market: Market, session: AsyncSession, drain_jobs: Any
) -> None:
    await market.open_shop(listing=None)
    await market.push(pushed("T1"))
    await drain_jobs()
    (waiting,) = await market.listed(state="needs_address")
    assert (waiting["reason"], waiting["claim_by_sms"]) == ("agreement", True)
    sent = (await session.scalars(select(SmsMessage))).one()
    assert sent.template == "marketplace_claim"
    token = await market.claim_token("T1")
    await market.claim(token)
    assert await orders_of(session) == 1


async def test_a_claim_that_is_refused_changes_nothing(
    market: Market, client: httpx.AsyncClient, session: AsyncSession, drain_jobs: Any
) -> None:
    await market.open_shop()
    await market.push(pushed("T1", receiver=MASKED))
    await drain_jobs()
    (waiting,) = await market.listed()
    path = f"/marketplace-orders/{waiting['id']}/claim-link"
    await market.post(path, Role.SERVICE_AGENT)
    old = await market.claim_token("T1")
    await market.post(path, Role.SERVICE_AGENT)
    token = await market.claim_token("T1")
    assert (await market.claim(old, status=404))["code"] == "link_expired"
    outdated = await market.claim(token, status=409, agreement_version="2020-01")
    assert outdated["code"] == "agreement_outdated"
    half = await market.claim(token, status=422, address={**ADDRESS, "door": " "})
    assert half["code"] == "validation_failed"
    assert await orders_of(session) == 0
    assert await session.scalar(select(func.count()).select_from(Address)) == 1
    assert (await outside(session, "T1")).state == "needs_address"


async def test_amounts_that_do_not_match_wait_for_a_person(
    market: Market, session: AsyncSession, clock: SetClock, drain_jobs: Any
) -> None:
    await market.open_shop()
    lines = [
        {"line_no": "1", "sku": SKU, "units": 1, "paid_fen": 9000},
        {"line_no": "2", "sku": SKU, "units": 2, "paid_fen": 18001},
    ]
    await market.push(pushed("T1", paid_fen=25000, lines=lines))
    await drain_jobs()
    (waiting,) = await market.listed(state="needs_review")
    assert waiting["reason"] == "amount_mismatch"
    story = await market.one("T1")
    assert story["moves"][-1]["facts"] == {"paid_fen": 25000, "lines_fen": 27001}
    path = f"/marketplace-orders/{waiting['id']}/decision"
    await market.post(path, Role.SERVICE_AGENT, status=200, decision="place", reason="店铺优惠")
    await drain_jobs()
    bought = list(await session.scalars(select(OrderLine).order_by(OrderLine.order_line_id)))
    assert [line.bottles_bought for line in bought] == [30, 60]
    assert sum(line.paid_fen for line in bought) == 25000
    await assert_invariants(session, clock.now())
    again = await market.post(path, Role.SERVICE_AGENT, status=409, decision="place")
    assert again["code"] == "no_marketplace_review_waiting"


async def test_a_refused_order_waits_for_the_shop_s_refund(
    market: Market, session: AsyncSession, drain_jobs: Any
) -> None:
    await market.open_shop()
    await market.push(pushed("T1", receiver=MASKED))
    await drain_jobs()
    (waiting,) = await market.listed()
    path = f"/marketplace-orders/{waiting['id']}/decision"
    bare = await market.post(path, Role.SERVICE_AGENT, status=422, decision="refuse")
    assert bare["code"] == "validation_failed"
    await market.post(path, Role.SERVICE_AGENT, status=200, decision="refuse", reason="太远")
    story = await market.one("T1")
    assert (story["state"], story["reason"]) == ("refused", "太远")
    link = await market.post(
        f"/marketplace-orders/{waiting['id']}/claim-link", Role.SERVICE_AGENT, status=409
    )
    assert link["code"] == "marketplace_order_not_claimable"
    assert await orders_of(session) == 0


async def test_a_product_off_sale_is_put_before_a_person(
    market: Market, session: AsyncSession, drain_jobs: Any
) -> None:
    await market.open_shop()
    milk = await session.get_one(Product, market.world.milk_id)
    milk.on_sale = False
    await session.commit()
    await market.push(pushed("T1"))
    await drain_jobs()
    (waiting,) = await market.listed(state="needs_review")
    assert waiting["reason"] == "product_not_on_sale"
    assert await orders_of(session) == 0
    assert await session.scalar(select(func.count()).select_from(Customer)) == 1, "rolled back"


async def test_the_receiver_is_opened_with_a_reason_that_is_logged(
    market: Market, session: AsyncSession, drain_jobs: Any
) -> None:
    await market.open_shop()
    await market.push(pushed("T1", receiver=MASKED))
    await drain_jobs()
    (waiting,) = await market.listed()
    opened = await market.post(
        f"/marketplace-orders/{waiting['id']}/reveal",
        Role.SERVICE_AGENT,
        status=200,
        reason="核对地址",
    )
    assert opened["address"] == "梅陇****"
    assert opened["raw"]["number"] == "T1"
    entry = (await session.scalars(select(AccessLogEntry))).one()
    assert entry.reason == "核对地址"


async def test_canvassers_are_known_by_code_or_number(
    market: Market, client: httpx.AsyncClient, session: AsyncSession, drain_jobs: Any
) -> None:
    await market.open_shop()
    second = public_single("dlv", market.world.deliverers[1])
    await market.post(
        "/marketplaces/promotion-codes", Role.MANAGER, code="spring66", deliverer_id=second
    )
    taken = await market.post(
        "/marketplaces/promotion-codes",
        Role.MANAGER,
        status=409,
        code="SPRING66",
        deliverer_id=second,
    )
    assert taken["code"] == "promotion_code_taken"
    await market.push(
        pushed("T1", promotion_code="Spring66"),
        pushed("T2", remark="送奶员 d001 推荐，谢谢"),
        pushed("T3", remark="请早点送"),
    )
    await drain_jobs()
    rows = (await market.get("/marketplaces/canvassers?from_date=2026-03-15&to_date=2026-03-15"))[
        "items"
    ]
    assert [
        (row["employee_no"], row["orders"], row["bottles"], row["paid_fen"]) for row in rows
    ] == [
        ("D001", 1, 30, 9000),
        ("D002", 1, 30, 9000),
    ]
    assert (await our_order(session, "T1")).deliverer_id == market.world.deliverers[1]
    mine = await market.listed(canvasser=second)
    assert [one["number"] for one in mine] == ["T1"]
    off = await client.patch(
        "/marketplaces/promotion-codes/spring66",
        json={"is_active": False},
        headers=market.headers(Role.MANAGER) | once(),
    )
    assert off.json()["is_active"] is False
    await market.push(pushed("T4", promotion_code="SPRING66"))
    assert (await outside(session, "T4")).canvasser_id is None
