"""Households hear on the morning itself that their milk comes late, or why it did not come."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from app.core.clock import OPERATOR_ZONE
from app.delivery.repository.doorstep_news import WaitingDoor
from app.delivery.rules import FailureReason
from app.delivery.service.doorstep_news import expected_by, tell_doors
from app.notifications.models import SmsMessage
from tests.delivery.conftest import AT_THE_DOOR, SYNC_AT, Round
from tests.factories.delivery import stop_done

MINUTES = timedelta(minutes=1)
SEVEN = SYNC_AT + 50 * MINUTES


async def tell(morning: Round, slot: datetime) -> int:
    """Run the job of one slot, on time."""
    morning.clock.set(slot)
    return await tell_doors(morning.database, slot=slot, now=slot)


async def told(morning: Round) -> list[tuple[str, UUID]]:
    """Kind and household of all messages."""
    async with morning.database.transaction() as session:
        rows = await session.execute(
            select(SmsMessage.template, SmsMessage.customer_id).order_by(SmsMessage.message_id)
        )
        return [(kind, customer_id) for kind, customer_id in rows]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (FailureReason.MILK_SHORT, "delivery_failed"),
        (FailureReason.LOCKED_GATE, "delivery_not_left"),
    ],
)
async def test_a_failed_door_is_told_once_after_ten_minutes(
    morning: Round, reason: FailureReason, kind: str
) -> None:
    await morning.send(
        stop_done(
            morning.neighbour,
            device_at=morning.phone_time(AT_THE_DOOR),
            outcome="not_delivered",
            reason=reason.value,
        )
    )
    assert await tell(morning, SYNC_AT + 5 * MINUTES) == 0
    assert await tell(morning, SYNC_AT + 11 * MINUTES) == 1
    assert await tell(morning, SYNC_AT + 11 * MINUTES) == 0
    assert await tell(morning, SYNC_AT + 20 * MINUTES) == 0
    assert await told(morning) == [(kind, morning.neighbour.customer_id)]


async def test_a_wrong_tap_that_was_mended_in_time_is_not_told(morning: Round) -> None:
    failed = stop_done(
        morning.neighbour,
        device_at=morning.phone_time(AT_THE_DOOR),
        outcome="not_delivered",
        reason="locked_gate",
    )
    await morning.send(failed)
    await morning.send(
        stop_done(morning.neighbour, device_at=morning.phone_time(AT_THE_DOOR + MINUTES))
    )
    assert await tell(morning, SYNC_AT + 11 * MINUTES) == 0


async def test_at_seven_those_still_waiting_on_a_round_that_is_heard_of_are_told_until_when(
    morning: Round,
) -> None:
    await morning.send(stop_done(morning.milk, device_at=morning.phone_time(AT_THE_DOOR)))
    assert await tell(morning, SYNC_AT + 5 * MINUTES) == 0  # before 7:00 nobody is late
    assert await tell(morning, SEVEN) == 0  # silent for fifty minutes: may be done long since

    morning.clock.set(SEVEN - 5 * MINUTES)
    late = morning.phone_time(SEVEN - 6 * MINUTES)
    await morning.send(stop_done(morning.milk, device_at=late))
    assert await tell(morning, SEVEN) == 1
    assert await tell(morning, SEVEN + 5 * MINUTES) == 0
    # The other deliverer's round was never heard of.
    assert await told(morning) == [("delivery_late", morning.neighbour.customer_id)]


def test_the_promised_time_follows_the_pace_of_the_round() -> None:
    first = datetime(2026, 3, 16, 5, 0, tzinfo=OPERATOR_ZONE)

    def by(*, done: int, minutes: int, doors: int) -> str:
        last = first + timedelta(minutes=minutes)
        nobody = UUID(int=0)
        return f"{expected_by(WaitingDoor(nobody, nobody, done, first, last, doors)):%H:%M}"

    assert by(done=61, minutes=120, doors=1) == "07:20"  # 7:00 + 2 min a door + 15, rounded up
    assert by(done=61, minutes=120, doors=20) == "08:00"
    assert by(done=1, minutes=0, doors=5) == "05:20"  # one tap is no pace
    assert by(done=3, minutes=120, doors=90) == "12:00"  # no later promise is made
