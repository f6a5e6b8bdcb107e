"""The marketplace gives money back: our order ends or shrinks, the books mirror it, nobody pays twice."""

from datetime import date, timedelta
from typing import Any

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import LedgerTransfer, Refund
from app.core.alerts import list_open_alerts
from app.core.ids import public_pair, public_single
from app.identity.models import Role
from app.marketplaces.jobs import sweep
from app.marketplaces.models import ExternalRefund
from app.orders.models import EntitlementEntry, OrderTerm
from tests.factories.marketplaces import (
    SHOP,
    WHOLE,
    Market,
    given_back,
    our_order,
    outside,
    pushed,
)
from tests.factories.world import once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants


async def placed(market: Market, drain_jobs: Any, **said: Any) -> None:
    await market.open_shop()
    await market.push(pushed("T1", **said))
    await drain_jobs()


async def balance(session: AsyncSession, account: str) -> int:
    rows = await session.scalars(select(LedgerTransfer))
    return sum(
        row.amount_fen * ((row.credit_account == account) - (row.debit_account == account))
        for row in rows
    )


async def given_up(session: AsyncSession) -> list[tuple[int, int]]:
    rows = await session.scalars(
        select(EntitlementEntry)
        .where(EntitlementEntry.kind == "refunded")
        .order_by(EntitlementEntry.entry_id)
    )
    return [(row.bottles, row.value_fen) for row in rows]


async def last_day(session: AsyncSession) -> date:
    return max(row.valid.upper or date.min for row in await session.scalars(select(OrderTerm)))


async def outcome(session: AsyncSession, refund_no: str) -> ExternalRefund:
    session.expire_all()
    return (
        await session.scalars(select(ExternalRefund).where(ExternalRefund.refund_no == refund_no))
    ).one()


async def test_a_whole_refund_ends_the_order(
    market: Market, session: AsyncSession, clock: SetClock, drain_jobs: Any
) -> None:
    await placed(market, drain_jobs)
    told = await market.push(refunds=[given_back("T1", "R1", 9000)])
    assert told["refunds"] == 1
    await drain_jobs()
    order = await our_order(session, "T1")
    assert order.status == "cancelled"
    assert list(await session.scalars(select(OrderTerm))) == []
    assert await given_up(session) == [(30, 9000)]
    refund = (await session.scalars(select(Refund))).one()
    assert (refund.status, refund.amount_fen, refund.to_origin) == ("succeeded", 9000, True)
    assert await balance(session, f"marketplace:tmall:{SHOP}") == 0
    assert await balance(session, "prepaid") == 0
    assert (await outcome(session, "R1")).outcome == "ended"
    again = await market.push(refunds=[given_back("T1", "R1", 9000)])
    assert again["refunds"] == 0
    await drain_jobs()
    assert len(list(await session.scalars(select(Refund)))) == 1, "mirrored once"
    await assert_invariants(session, clock.now())


async def test_a_part_takes_as_many_last_bottles_as_it_pays_for(
    market: Market, session: AsyncSession, clock: SetClock, drain_jobs: Any
) -> None:
    await placed(market, drain_jobs)
    before = await last_day(session)
    await market.push(refunds=[given_back("T1", "R1", 1000, line_no="1")])
    await drain_jobs()
    order = await our_order(session, "T1")
    assert order.status == "delivering"
    assert await given_up(session) == [(3, 900)]
    cut = await outcome(session, "R1")
    assert (cut.outcome, cut.bottles, cut.difference_fen) == ("cut", 3, 100)
    assert before - await last_day(session) == timedelta(days=3)
    await assert_invariants(session, clock.now())

    await market.push(refunds=[given_back("T1", "R2", 8000)])
    await drain_jobs()
    assert (await our_order(session, "T1")).status == "cancelled"
    assert await given_up(session) == [(3, 900), (27, 8100)]
    assert await balance(session, f"marketplace:tmall:{SHOP}") == 0
    await assert_invariants(session, clock.now())


async def test_goodwill_below_a_bottle_is_money_only(
    market: Market, session: AsyncSession, clock: SetClock, drain_jobs: Any
) -> None:
    await placed(market, drain_jobs)
    await market.push(refunds=[given_back("T1", "R1", 200)])
    await drain_jobs()
    kept = await outcome(session, "R1")
    assert (kept.outcome, kept.bottles, kept.difference_fen) == ("nothing", 0, 200)
    assert (await our_order(session, "T1")).status == "delivering"
    assert await balance(session, f"marketplace:tmall:{SHOP}") == -8800
    await assert_invariants(session, clock.now())


async def test_a_refund_before_the_order_is_placed_ends_it_at_the_door(
    market: Market, session: AsyncSession, drain_jobs: Any
) -> None:
    await market.open_shop(mapped=False)
    await market.push(pushed("T1"))
    await drain_jobs()
    await market.push(refunds=[given_back("T1", "R1", 9000)])
    await drain_jobs()
    assert (await outside(session, "T1")).state == "refunded_outside"
    assert (await outcome(session, "R1")).outcome == "before_order"
    assert list(await session.scalars(select(Refund))) == []
    await market.map()
    await drain_jobs()
    assert (await outside(session, "T1")).state == "refunded_outside"


async def test_a_refund_that_comes_before_its_order(
    market: Market, session: AsyncSession, drain_jobs: Any, clock: SetClock
) -> None:
    await market.open_shop()
    await market.push(refunds=[given_back("T1", "R1", 3000)])
    await drain_jobs()
    await market.push(pushed("T1"))
    await drain_jobs()
    (waiting,) = await market.listed(state="needs_review")
    assert waiting["reason"] == "partly_refunded"
    path = f"/marketplace-orders/{waiting['id']}/decision"
    await market.post(path, Role.MANAGER, status=200, decision="place")
    await drain_jobs()
    assert (await our_order(session, "T1")).status == "delivering"
    assert await given_up(session) == [(10, 3000)], "cut once the review had let it through"
    assert await balance(session, f"marketplace:tmall:{SHOP}") == -6000
    await assert_invariants(session, clock.now())


async def test_a_part_waits_while_the_order_is_reviewed(
    market: Market, session: AsyncSession, clock: SetClock, drain_jobs: Any, job_context: Any
) -> None:
    unclear = WHOLE | {"address": "漕溪北路底层商铺"}
    await placed(market, drain_jobs, receiver=unclear)
    order = await our_order(session, "T1")
    assert order.status == "under_review"
    public_id = public_pair("ord", order.customer_id, order.order_id)
    await market.push(refunds=[given_back("T1", "R1", 3000)])
    await drain_jobs()
    assert (await outcome(session, "R1")).outcome == "waits"
    clock.set(clock.now() + timedelta(minutes=8))
    await sweep(job_context, {})
    await drain_jobs()
    assert (await outcome(session, "R1")).outcome == "waits"
    answer = await market.client.post(
        f"/orders/{public_id}/review",
        json={
            "decision": "approve",
            "block_id": public_single("blk", market.world.blocks[0]),
        },
        headers=market.headers(Role.REVIEWER),
    )
    assert answer.status_code == 201, answer.text
    await drain_jobs()
    assert (await outcome(session, "R1")).outcome == "cut"
    assert await given_up(session) == [(10, 3000)]
    await assert_invariants(session, clock.now())


async def test_a_rejected_order_is_refunded_by_the_marketplace_in_parts(
    market: Market, session: AsyncSession, clock: SetClock, drain_jobs: Any
) -> None:
    await placed(market, drain_jobs, receiver=WHOLE | {"address": "天涯路999号1室"})
    order = await our_order(session, "T1")
    if order.status == "under_review":
        await market.client.post(
            f"/orders/{public_pair('ord', order.customer_id, order.order_id)}/review",
            json={"decision": "reject", "reason": "太远"},
            headers=market.headers(Role.REVIEWER),
        )
        await drain_jobs()
    assert (await our_order(session, "T1")).status == "rejected"
    waiting = (await session.scalars(select(Refund))).one()
    assert (waiting.status, waiting.amount_fen) == ("approved", 9000)
    assert [alert.kind for alert in await list_open_alerts(session)] == ["refund_by_hand"]
    paid = await market.client.post(
        f"/refunds/{public_pair('rfd', waiting.customer_id, waiting.refund_id)}/paid-out",
        json={"evidence": "现金"},
        headers=market.headers(Role.FINANCE),
    )
    assert paid.json()["code"] == "not_paid_out_by_hand", "never refunded by us"
    await market.push(refunds=[given_back("T1", "R1", 4000)])
    await drain_jobs()
    await assert_invariants(session, clock.now())
    assert await balance(session, "refund_payable") == 5000
    await market.push(refunds=[given_back("T1", "R2", 5000)])
    await drain_jobs()
    assert await balance(session, "refund_payable") == 0
    assert await balance(session, f"marketplace:tmall:{SHOP}") == 0
    assert await list_open_alerts(session) == []
    await assert_invariants(session, clock.now())


async def test_more_than_was_paid_is_shown_and_not_booked(
    market: Market, session: AsyncSession, clock: SetClock, drain_jobs: Any
) -> None:
    await placed(market, drain_jobs)
    await market.push(refunds=[given_back("T1", "R1", 9001)])
    await drain_jobs()
    assert (await outcome(session, "R1")).outcome == "exceeds"
    assert list(await session.scalars(select(Refund))) == []
    assert (await our_order(session, "T1")).status == "delivering"
    assert [alert.kind for alert in await list_open_alerts(session)] == [
        "marketplace_refund_exceeds"
    ]
    await assert_invariants(session, clock.now())


async def test_a_cancel_asked_of_us_names_the_marketplace(
    market: Market, client: httpx.AsyncClient, session: AsyncSession, drain_jobs: Any
) -> None:
    await placed(market, drain_jobs)
    order = await our_order(session, "T1")
    answer = await client.post(
        f"/orders/{public_pair('ord', order.customer_id, order.order_id)}/changes/preview",
        json={"kind": "cancel"},
        headers=market.headers(Role.SERVICE_AGENT) | once(),
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_on_marketplace")
    assert answer.json()["facts"] == {"source": "tmall", "outside_number": "T1"}
    skip = await client.post(
        f"/orders/{public_pair('ord', order.customer_id, order.order_id)}/changes/preview",
        json={"kind": "skip", "date": "2026-03-20"},
        headers=market.headers(Role.SERVICE_AGENT) | once(),
    )
    assert skip.status_code == 200, "everything else is as for every order"
