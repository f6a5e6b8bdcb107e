"""Bottles our fault kept from the door come back to the line, once; contradictions are shown."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from app.billing.models import LedgerTransfer
from app.core.alerts import Alert
from app.core.events import publish
from app.core.ids import new_id
from app.delivery.make_up import add_make_up
from app.delivery.models import Delivery, DeliveryStatus, PlanException
from app.delivery.service import plan_day
from app.orders.events import OrderCancelled
from app.orders.models import EntitlementEntry, Order, OrderLine
from app.orders.repository import entitle, list_terms
from app.orders.states import OrderStatus
from tests.delivery.conftest import AT_THE_DOOR, SYNC_AT, Round
from tests.factories import orders
from tests.factories.delivery import TOMORROW, RunningLine, stop_done
from tests.fixtures.invariants import assert_invariants

MINUTE = timedelta(minutes=1)
ONE_DAY = timedelta(days=1)


def failed(morning: Round, line: RunningLine, reason: str, **more: Any) -> dict[str, Any]:
    return stop_done(
        line,
        device_at=morning.phone_time(AT_THE_DOOR),
        outcome="not_delivered",
        reason=reason,
        **more,
    )


def delivered(morning: Round, line: RunningLine, *, minutes: int) -> dict[str, Any]:
    at = morning.phone_time(AT_THE_DOOR + minutes * MINUTE)
    return stop_done(line, device_at=at)


async def bottles_called(morning: Round, line: RunningLine) -> int:
    """Bottles all terms of a line bring."""
    async with morning.database.transaction() as session:
        key = (line.customer_id, line.order_line_id)
        terms = (await list_terms(session, [key]))[line.order_line_id]
        return sum(count for term in terms for _, count in term.deliveries())


async def conflicts(morning: Round) -> list[str]:
    async with morning.database.transaction() as session:
        found = await session.scalars(
            select(Alert).where(Alert.kind == "late_conflict", Alert.resolved_at.is_(None))
        )
        return sorted(alert.facts["what"] for alert in found)


async def test_our_fault_adds_a_day_at_the_end_and_the_household_s_does_not(
    morning: Round,
) -> None:
    before = [await bottles_called(morning, line) for line in (morning.milk, morning.neighbour)]
    await morning.send(
        failed(morning, morning.milk, "milk_damaged"), failed(morning, morning.neighbour, "no_box")
    )
    after = [await bottles_called(morning, line) for line in (morning.milk, morning.neighbour)]
    assert [new - old for new, old in zip(after, before, strict=True)] == [2, 0]
    assert (await morning.delivery(morning.milk)).restored_bottles == 2
    assert (await morning.delivery(morning.neighbour)).restored_bottles == 0
    assert await conflicts(morning) == []


async def test_a_short_delivery_gives_back_what_was_missing_and_more_when_corrected(
    morning: Round,
) -> None:
    before = await bottles_called(morning, morning.milk)
    brought_one = {"line": morning.milk.public_id, "delivered_quantity": 1}
    short = stop_done(
        morning.milk,
        device_at=morning.phone_time(AT_THE_DOOR - MINUTE),
        deliveries=[brought_one],
        reason="milk_short",
    )
    await morning.send(short)
    assert await bottles_called(morning, morning.milk) == before + 1
    await morning.send(failed(morning, morning.milk, "vehicle_late"))
    assert await bottles_called(morning, morning.milk) == before + 2
    assert (await morning.delivery(morning.milk)).restored_bottles == 2


async def test_a_repeated_failure_gives_nothing_back_again(morning: Round) -> None:
    before = await bottles_called(morning, morning.milk)
    event = failed(morning, morning.milk, "milk_damaged")
    await morning.send(event)
    await morning.send(event)
    again = failed(morning, morning.milk, "milk_short") | {
        "device_at": morning.phone_time(AT_THE_DOOR + MINUTE).isoformat()
    }
    await morning.send(again)
    assert await bottles_called(morning, morning.milk) == before + 2
    found = await morning.delivery(morning.milk)
    assert (found.reason, found.restored_bottles) == ("milk_short", 2)


async def test_brought_after_all_is_shown_and_never_brings_the_bottle_twice(
    morning: Round,
) -> None:
    """Failed, given back, then corrected to delivered, then to failed again: one bottle in all."""
    before = await bottles_called(morning, morning.neighbour)
    await morning.send(failed(morning, morning.neighbour, "milk_damaged"))
    await morning.send(delivered(morning, morning.neighbour, minutes=1))
    found = await morning.delivery(morning.neighbour)
    assert (found.status, found.restored_bottles) == (DeliveryStatus.DELIVERED, 1)
    assert await bottles_called(morning, morning.neighbour) == before + 1
    assert await conflicts(morning) == ["brought_after_given_back"]

    late = failed(morning, morning.neighbour, "milk_damaged") | {
        "device_at": morning.phone_time(AT_THE_DOOR + 2 * MINUTE).isoformat()
    }
    await morning.send(late)
    assert await bottles_called(morning, morning.neighbour) == before + 1
    assert await conflicts(morning) == []


@pytest.mark.parametrize("corrected", [True, False])
async def test_the_plan_refuses_the_surplus_day_only_when_it_is_one(
    morning: Round, corrected: bool
) -> None:
    line = morning.neighbour
    async with morning.database.transaction() as session:
        await session.execute(_set_bottles(line, 30))
    await morning.send(failed(morning, line, "milk_damaged"))
    if corrected:
        await morning.send(delivered(morning, line, minutes=1))
    async with morning.database.transaction() as session:
        key = (line.customer_id, line.order_line_id)
        terms = (await list_terms(session, [key]))[line.order_line_id]
        days = [day for term in terms for day, _ in term.deliveries()]
        for day in days[1:]:
            await plan_day(
                session, stations=[morning.world.station_id], service_date=day, now=SYNC_AT
            )
        planned = await session.scalar(
            select(func.count())
            .select_from(Delivery)
            .where(Delivery.order_line_id == line.order_line_id)
        )
        aside = list(
            await session.scalars(
                select(PlanException.service_date).where(
                    PlanException.order_line_id == line.order_line_id
                )
            )
        )
    assert len(days) == 31
    assert (planned, aside) == ((30, days[-1:]) if corrected else (31, []))


async def test_a_make_up_our_fault_kept_back_comes_as_a_day_more(morning: Round) -> None:
    """The plan must not take the day for a surplus: the make-up came beside the line's bottles."""
    line, day = morning.neighbour, TOMORROW + ONE_DAY
    async with morning.database.transaction() as session:
        await session.execute(_set_bottles(line, 30))
        await add_make_up(
            session,
            customer_id=line.customer_id,
            order_line_id=line.order_line_id,
            service_date=day,
            bottles=1,
            cause_id=new_id(),
            now=SYNC_AT,
        )
        await plan_day(session, stations=[morning.world.station_id], service_date=day, now=SYNC_AT)
    morning.clock.set(SYNC_AT + ONE_DAY)
    at = morning.phone_time(AT_THE_DOOR + ONE_DAY)
    await morning.send(
        stop_done(
            line,
            device_at=at,
            service_date=day,
            outcome="not_delivered",
            reason="milk_damaged",
        )
    )
    async with morning.database.transaction() as session:
        key = (line.customer_id, line.order_line_id)
        terms = (await list_terms(session, [key]))[line.order_line_id]
        days = [one for term in terms for one, _ in term.deliveries()]
        for one in days[2:]:
            await plan_day(
                session, stations=[morning.world.station_id], service_date=one, now=SYNC_AT
            )
        aside = await session.scalar(select(func.count()).select_from(PlanException))
        planned = await session.scalar(
            select(func.count())
            .select_from(Delivery)
            .where(Delivery.order_line_id == line.order_line_id, Delivery.delivery_no == 0)
        )
    assert (len(days), planned, aside) == (32, 32, 0)


def _set_bottles(line: RunningLine, bottles: int) -> Any:
    return (
        update(OrderLine)
        .where(OrderLine.order_line_id == line.order_line_id)
        .values(bottles_bought=bottles)
    )


async def cancel(morning: Round, line: RunningLine, *, minutes_after: int) -> None:
    """As orders do it: the status, and the fact for whom it concerns."""
    at = AT_THE_DOOR + minutes_after * MINUTE
    async with morning.database.transaction() as session:
        await session.execute(
            update(Order)
            .where(Order.order_id == line.order_id)
            .values(status=OrderStatus.CANCELLED, ended_at=at)
        )
        await publish(session, OrderCancelled(line.customer_id, line.order_id, at))


async def test_a_tap_from_before_a_cancelling_is_recorded_and_shown(morning: Round) -> None:
    await cancel(morning, morning.neighbour, minutes_after=30)
    answers = await morning.send(delivered(morning, morning.neighbour, minutes=0))
    assert answers[0]["status"] == "accepted"
    assert (await morning.delivery(morning.neighbour)).status is DeliveryStatus.DELIVERED
    assert await conflicts(morning) == ["brought_before_cancelling_reported_after"]


async def test_a_frozen_day_brought_after_a_cancelling_is_no_conflict(morning: Round) -> None:
    await cancel(morning, morning.neighbour, minutes_after=-600)
    await morning.send(delivered(morning, morning.neighbour, minutes=0))
    assert (await morning.delivery(morning.neighbour)).status is DeliveryStatus.DELIVERED
    assert await conflicts(morning) == []


async def test_a_failure_of_an_ended_order_waits_for_a_person(morning: Round) -> None:
    await cancel(morning, morning.neighbour, minutes_after=-600)
    before = await bottles_called(morning, morning.neighbour)
    await morning.send(failed(morning, morning.neighbour, "vehicle_late"))
    assert await bottles_called(morning, morning.neighbour) == before
    assert (await morning.delivery(morning.neighbour)).restored_bottles == 0
    assert await conflicts(morning) == ["failed_after_order_ended"]


async def entries(morning: Round, line: RunningLine) -> list[tuple[str, int, int]]:
    """What the line gained and gave up after it was bought and cut."""
    async with morning.database.transaction() as session:
        await assert_invariants(session, SYNC_AT, only={"I5"})
        found = await session.scalars(
            select(EntitlementEntry)
            .where(EntitlementEntry.order_line_id == line.order_line_id)
            .order_by(EntitlementEntry.entry_id)
        )
        return [(one.kind, one.bottles, one.value_fen) for one in found][2:]


async def as_many_as_planned(morning: Round, line: RunningLine) -> int:
    """Let a line have bought what its terms bring; answers how many."""
    bottles = await bottles_called(morning, line)
    async with morning.database.transaction() as session:
        await session.execute(_set_bottles(line, bottles))
        found = await session.get(OrderLine, (line.customer_id, line.order_line_id))
        assert found is not None
        less = 1000 - bottles
        entitle(session, found, kind="forfeited", bottles=less, value_fen=less * 350, now=SYNC_AT)
    return bottles


async def written_off(morning: Round) -> list[tuple[str, str, int]]:
    async with morning.database.transaction() as session:
        found = await session.scalars(
            select(LedgerTransfer)
            .where(LedgerTransfer.cause == "brought_after_given_up")
            .order_by(LedgerTransfer.transfer_id)
        )
        return sorted((one.debit_account, one.credit_account, one.amount_fen) for one in found)


async def test_brought_after_its_money_went_back_is_booked_as_brought_at_our_cost(
    morning: Round, client: httpx.AsyncClient
) -> None:
    """Failed by our fault, given back, cancelled, and then the phone says it had been there."""
    line, household = morning.milk, morning.world.household
    await as_many_as_planned(morning, line)
    await morning.send(failed(morning, line, "milk_damaged"))
    receipt = await orders.change(client, line.public_order_id, household, kind="cancel")
    bought = receipt["refund_fen"] // 350
    assert await entries(morning, line) == [("refunded", bought, 350 * bought)]

    await morning.send(delivered(morning, line, minutes=1))
    assert (await entries(morning, line))[1:] == [("restored", 2, 700)]
    assert await written_off(morning) == [("compensation", "prepaid", 700)]
    # The other order of the household runs on.
    assert await conflicts(morning) == ["brought_after_given_back", "brought_after_money_went_back"]

    late = failed(morning, line, "milk_damaged") | {
        "device_at": morning.phone_time(AT_THE_DOOR + 2 * MINUTE).isoformat()
    }
    await morning.send(late)
    assert (await entries(morning, line))[2:] == [("forfeited", 2, 700)]
    assert sum(fen for debit, _, fen in await written_off(morning) if debit == "prepaid") == 700
    assert await conflicts(morning) == []


async def test_cancelling_gives_nothing_back_for_what_was_brought_after_all(
    morning: Round, client: httpx.AsyncClient
) -> None:
    """Given back, then brought after all: the day too many is worth nothing when the order ends."""
    line, household = morning.milk, morning.world.household
    before = await as_many_as_planned(morning, line)
    await morning.send(failed(morning, line, "milk_damaged"))
    await morning.send(delivered(morning, line, minutes=1))
    receipt = await orders.change(client, line.public_order_id, household, kind="cancel")
    assert receipt["refund_fen"] == (before - 2) * 350
    assert await entries(morning, line) == [("refunded", before - 2, receipt["refund_fen"])]
    assert await written_off(morning) == []
