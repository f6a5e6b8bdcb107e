"""The invariants see what they are there to see: each planted break is named, and only it."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.jobs import VIOLATED, check_all_invariants
from app.billing.models import Refund, RefundStatus
from app.billing.service import approve_refund, request_refund
from app.core import invariants
from app.core.alerts import list_open_alerts
from app.core.db import Database
from app.core.invariants import check_invariants, list_invariants
from app.core.jobs import JobContext
from app.delivery.models import BlockMorning
from app.identity.models import Role
from tests.billing import (
    breaking_cash,
    breaking_changes,
    breaking_channels,
    breaking_dealers,
    breaking_invoices,
    breaking_revenue,
)
from tests.billing.breaking import PLANTS, Plant, refund_without_payout
from tests.factories.billing import Heard, pay_one, take_cash
from tests.factories.world import MORNING, TODAY, World
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.jobs import drain
from tests.fixtures.payments import Payments

PROVED_BY_KEYS = {
    "I1 transfers move money between two accounts",
    "I8 one planned delivery per line and date",
}
"""The database refuses the rows that would break them."""


async def miscounted_morning(session: AsyncSession, world: World) -> None:
    """A morning that knows of a stop nobody has."""
    session.add(
        BlockMorning(
            block_id=world.blocks[0],
            service_date=TODAY,
            station_id=world.station_id,
            city_code="310000",
            due=1,
            still_open=1,
        )
    )


ALL_PLANTS = [
    *PLANTS,
    *breaking_changes.PLANTS,
    *breaking_revenue.PLANTS,
    *breaking_cash.PLANTS,
    *breaking_invoices.PLANTS,
    *breaking_dealers.PLANTS,
    *breaking_channels.PLANTS,
    (miscounted_morning, "I11 a block's morning adds up to its stops"),
]


async def violated(database: Database) -> list[str]:
    async with database.transaction() as session:
        return [found.name for found in await check_invariants(session, now=MORNING)]


async def test_a_fresh_city_breaks_nothing(database: Database, world: World) -> None:
    assert await violated(database) == []


@pytest.mark.parametrize(
    ("plant", "name"), ALL_PLANTS, ids=[plant.__name__ for plant, _ in ALL_PLANTS]
)
async def test_a_planted_break_is_found(
    database: Database, world: World, plant: Plant, name: str
) -> None:
    async with database.transaction() as session:
        await plant(session, world)
    assert await violated(database) == [name]
    async with database.transaction() as session:
        with pytest.raises(AssertionError, match=re.escape(name)):
            await assert_invariants(session, MORNING)
        await assert_invariants(session, MORNING, only=("I0",))


def test_every_invariant_has_been_seen_broken() -> None:
    names = [invariant.name for invariant in list_invariants()]
    assert len(names) == len(set(names))
    assert set(names) == {name for _, name in ALL_PLANTS} | PROVED_BY_KEYS
    numbers = {name.split()[0] for name in names}
    assert numbers == {f"I{number}" for number in range(1, 14)}


def test_the_clock_comes_from_outside() -> None:
    text = Path(invariants.__file__).with_suffix(".sql").read_text()
    assert re.search(r"\bnow\(\)|current_(date|timestamp)", text, re.IGNORECASE) is None


async def test_payments_refunds_and_cash_keep_the_books_in_order(
    database: Database, world: World, payments: Payments, heard: Heard, job_context: JobContext
) -> None:
    payment = await pay_one(database, payments, world.household)
    async with database.transaction() as session:
        await take_cash(session, world.household, collector_id=world.deliverers[0])
        await request_refund(
            session,
            customer_id=payment.customer_id,
            reference_id=payment.reference_id,
            amount_fen=10_500,
            cause="order_rejected",
            now=MORNING,
        )
    for _ in range(2):
        async with database.transaction() as session:
            await assert_invariants(session, MORNING, only=("I1", "I3", "I4", "I9"))
        await drain(job_context)
        await payments.finish_refunds()
    async with database.transaction() as session:
        await assert_invariants(session, MORNING, only=("I1", "I3", "I4", "I9"))


async def test_cash_approved_late_waits_for_its_owner_and_is_not_called_stuck(
    database: Database, world: World, heard: Heard
) -> None:
    async with database.transaction() as session:
        payment = await take_cash(session, world.household, collector_id=world.deliverers[0])
        [refund] = await request_refund(
            session,
            customer_id=payment.customer_id,
            reference_id=payment.reference_id,
            amount_fen=9_000,
            cause="order_cancelled",
            now=MORNING,
        )
        approved_at = MORNING + timedelta(days=3)
        await approve_refund(
            session,
            customer_id=refund.customer_id,
            refund_id=refund.refund_id,
            by=world.staff[Role.FINANCE].account_id,
            now=approved_at,
        )
        await assert_invariants(session, approved_at + timedelta(days=6), only=("I9",))
        stuck = await check_invariants(session, now=approved_at + timedelta(days=8))
    assert [row["what"] for found in stuck for row in found.rows] == ["refund approved"]


async def test_the_nightly_job_raises_an_alert_and_takes_it_back(
    database: Database, world: World, job_context: JobContext
) -> None:
    async def open_alerts() -> dict[str, object]:
        async with database.transaction() as session:
            found = await list_open_alerts(session)
        return {alert.subject: alert.facts["rows"] for alert in found if alert.kind == VIOLATED}

    await check_all_invariants(job_context, {})
    assert await open_alerts() == {}
    async with database.transaction() as session:
        await refund_without_payout(session, world)
    for _ in range(2):
        await check_all_invariants(job_context, {})
        assert await open_alerts() == {"I1 every refund is paid out once": 1}
    async with database.transaction() as session:
        await session.execute(update(Refund).values(status=RefundStatus.FAILED))
    await check_all_invariants(job_context, {})
    assert await open_alerts() == {}
