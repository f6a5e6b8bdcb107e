"""The temperature at the station comes with the phone's batch (S1 4.4.6)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from app.coldchain.models import HandoverCheck, Trip
from app.core.alerts import Alert
from app.core.ids import new_id, public_single
from app.delivery.models import DeliveryStatus
from tests.delivery.conftest import AT_THE_DOOR, Round
from tests.factories.delivery import TOMORROW, stop_done

TAKEN_AT = AT_THE_DOOR - timedelta(minutes=40)


async def load_a_trip(morning: Round, *, trip_no: int = 1, minutes_before: int = 60) -> None:
    loaded_at = TAKEN_AT - timedelta(minutes=minutes_before)
    async with morning.database.transaction() as session:
        session.add(
            Trip(
                vehicle_id=morning.world.vehicle_id,
                service_date=TOMORROW,
                trip_no=trip_no,
                station_id=morning.world.station_id,
                precool_celsius=Decimal("8.0"),
                precool_at=loaded_at - timedelta(minutes=10),
                precool_passed=True,
                cleaned=True,
                loaded_at=loaded_at,
            )
        )


def handover(
    morning: Round, *, block: int = 0, celsius: float = 4.2, **said: Any
) -> dict[str, Any]:
    return {
        "event_id": str(new_id()),
        "kind": "handover",
        "device_at": morning.phone_time(TAKEN_AT).isoformat(),
        "block": public_single("blk", morning.world.blocks[block]),
        "service_date": TOMORROW.isoformat(),
        "celsius": celsius,
    } | said


async def checks(morning: Round) -> list[HandoverCheck]:
    async with morning.database.transaction() as session:
        return list(await session.scalars(select(HandoverCheck)))


async def test_a_share_is_checked_once_at_its_time(morning: Round) -> None:
    await load_a_trip(morning)
    event = handover(morning, product=public_single("prd", morning.world.milk_id))
    first = (await morning.send(event))[0]
    again = (await morning.send(event))[0]
    assert (first["status"], again["status"]) == ("accepted", "duplicate")
    assert first["facts"] == again["facts"] == {"passed": True, "limit_celsius": 6.0}
    (check,) = await checks(morning)
    assert (check.kind, check.block_id) == ("station_to_deliverer", morning.world.blocks[0])
    assert (check.celsius, check.checked_at) == (Decimal("4.2"), TAKEN_AT)
    assert check.checked_by == morning.world.deliverer_staff[0].account_id


async def test_warm_milk_raises_the_alert(morning: Round) -> None:
    await load_a_trip(morning)
    (answer,) = await morning.send(handover(morning, celsius=8.1))
    assert (answer["status"], answer["facts"]["passed"]) == ("accepted", False)
    async with morning.database.transaction() as session:
        kinds = set(await session.scalars(select(Alert.kind)))
    assert "handover_too_warm" in kinds


async def test_it_belongs_to_the_trip_loaded_last_before_it(morning: Round) -> None:
    await load_a_trip(morning, trip_no=1, minutes_before=90)
    await load_a_trip(morning, trip_no=2, minutes_before=20)
    await load_a_trip(morning, trip_no=3, minutes_before=-5)
    await morning.send(handover(morning))
    assert [check.trip_no for check in await checks(morning)] == [2]


async def test_without_a_trip_it_is_refused_and_the_doors_are_not(morning: Round) -> None:
    door = stop_done(morning.milk, device_at=morning.phone_time(AT_THE_DOOR))
    answers = await morning.send(handover(morning), door)
    assert [answer["status"] for answer in answers] == ["refused", "accepted"]
    assert answers[0]["code"] == "no_loaded_trip"
    assert await checks(morning) == []
    assert (await morning.delivery(morning.milk)).status is DeliveryStatus.DELIVERED


async def test_anothers_block_and_nonsense_are_refused(morning: Round) -> None:
    await load_a_trip(morning)
    answers = await morning.send(
        handover(morning, block=1),
        handover(morning, celsius=99),
        handover(morning, product="prd_" + "a" * 26),
    )
    assert [answer["code"] for answer in answers] == [
        "not_your_route",
        "malformed_event",
        "product_not_found",
    ]
    assert await checks(morning) == []
