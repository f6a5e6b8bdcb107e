"""A renewal goes on from its order wherever a withdrawal, or its undo, moves that order's end."""

import httpx
import pytest
from sqlalchemy import select

from app.core.db import Database
from app.orders.models import OrderChange
from tests.delivery.test_wide_withdrawal import ahead, ask, days_of, withdraw
from tests.factories.world import MORNING, World
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.payments import Payments
from tests.orders.conftest import Deliver, paid_order
from tests.orders.test_changes import Drain
from tests.orders.test_renewals import renew

__all__ = ["paid_order"]


@pytest.mark.parametrize(
    ("last", "settle", "moved"),
    [
        # The renewal is not hit itself, or is; it is credited for the days it is hit on.
        (3, "period", ([1, 4, 5, 6], [7, 8, 9, 10], [11, 12, 13, 14])),
        (6, "period", ([1, 7, 8, 9], [10, 11, 12, 13], [14, 15, 16, 17])),
        (6, "money", ([1], [7, 8], [9, 10, 11, 12])),
    ],
)
async def test_renewals_follow_a_withdrawal_and_its_undo(
    client: httpx.AsyncClient,
    world: World,
    paid_order: Deliver,
    payments: Payments,
    database: Database,
    drain_jobs: Drain,
    last: int,
    settle: str,
    moved: tuple[list[int], ...],
) -> None:
    first = await paid_order(bottles=4)
    second = await renew(client, world, payments, drain_jobs, first)
    third = await renew(client, world, payments, drain_jobs, second)
    row = (first, second, third)
    before = [[ahead(n) for n in days] for days in ([1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12])]
    assert [await days_of(database, order) for order in row] == before

    made = await withdraw(client, world, last_date=ahead(last).isoformat(), settle=settle)
    assert [await days_of(database, order) for order in row] == [
        [ahead(n) for n in days] for days in moved
    ]
    async with database.transaction() as session:
        said = select(OrderChange.preview).where(OrderChange.kind == "day_withdrawn")
        receipts = list(await session.scalars(said))
        ends = {line["end_after"] for receipt in receipts for line in receipt["lines"]}
        hit = [days for days, was in zip(moved, before, strict=True) if was[0] <= ahead(last)]
        assert ends == {ahead(days[-1]).isoformat() for days in hit}
        await assert_invariants(session, MORNING)

    undone = await ask(client, world, f"/{made['id']}/undo")
    assert (undone.status_code, undone.json()["kept_lines"]) == (200, 0), undone.text
    assert [await days_of(database, order) for order in row] == before
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)
