"""Rounds as their deliverer, a station and others see them; stand-ins; the morning in numbers."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from app.core.ids import new_id, public_single
from app.delivery.models import RouteHandover, RouteSheet
from app.identity.models import AccessLogEntry, Role
from app.workforce.models import Deliverer
from tests.delivery.conftest import AT_THE_DOOR, Round
from tests.factories.delivery import TOMORROW, stop_done
from tests.factories.world import MORNING
from tests.orders.test_door_orders import door_order


def path(morning: Round, block: int = 0) -> str:
    return f"/routes/{public_single('blk', morning.world.blocks[block])}/{TOMORROW}"


async def read(morning: Round, caller: Any, block: int = 0) -> httpx.Response:
    return await morning.client.get(path(morning, block), headers=caller.headers)


async def looks(morning: Round) -> int:
    async with morning.database.transaction() as session:
        return int(await session.scalar(select(func.count()).select_from(AccessLogEntry)) or 0)


async def test_the_own_deliverer_sees_doors_in_stop_order(morning: Round) -> None:
    answer = await read(morning, morning.world.deliverer_staff[0])
    assert answer.status_code == 200, answer.text
    sheet = answer.json()
    assert (sheet["stops"], sheet["bottles"]) == (2, 4)
    items = sheet["items"]
    assert [item["stop_no"] for item in items] == sorted(item["stop_no"] for item in items)
    home = next(item for item in items if item["stop"] == morning.milk.public_address_id)
    assert (home["compound"], home["door"], home["recipient"]) == ("梅陇一村", "301室", "王女士")
    assert home["phone"] == "139****0001"
    assert {one["line_id"]: one["quantity"] for one in home["deliveries"]} == {
        morning.milk.public_id: 2,
        morning.yogurt.public_id: 1,
    }
    assert await looks(morning) == 2


async def test_another_deliverer_s_round_does_not_exist(morning: Round) -> None:
    foreign = await read(morning, morning.world.deliverer_staff[1])
    missing = await morning.client.get(
        f"/routes/{public_single('blk', new_id())}/{TOMORROW}",
        headers=morning.world.deliverer_staff[1].headers,
    )
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.json()["code"] == missing.json()["code"] == "route_not_found"
    listed = await morning.client.get(
        "/routes", params={"date": str(TOMORROW)}, headers=morning.world.deliverer_staff[1].headers
    )
    blocks = [item["block_id"] for item in listed.json()["items"]]
    assert blocks == [public_single("blk", morning.world.blocks[1])]
    assert await looks(morning) == 0


@pytest.mark.parametrize("role", [Role.STATION_MANAGER, Role.MANAGER])
async def test_managers_see_buildings_only(morning: Round, role: Role) -> None:
    answer = await read(morning, morning.world.staff[role])
    assert answer.status_code == 200
    for item in answer.json()["items"]:
        assert item["compound"] == "梅陇一村"
        assert {item[key] for key in ("door", "recipient", "phone", "note")} == {None}
    assert await looks(morning) == 0


async def test_yesterday_s_doors_are_closed(morning: Round) -> None:
    morning.clock.set(MORNING + timedelta(days=2))
    answer = await read(morning, morning.world.deliverer_staff[0])
    assert answer.status_code == 200
    assert {item["door"] for item in answer.json()["items"]} == {None}


async def test_a_station_manager_sees_the_own_station_only(morning: Round) -> None:
    async with morning.database.transaction() as session:
        elsewhere = await morning.world.add_staff(
            session, Role.STATION_MANAGER, station_id=new_id()
        )
    assert (await read(morning, elsewhere)).status_code == 404
    picking = f"/stations/{public_single('stn', morning.world.station_id)}/picking"
    refused = await morning.client.get(picking, headers=elsewhere.headers)
    assert refused.status_code == 404
    own = await morning.client.get(
        picking,
        params={"date": str(TOMORROW)},
        headers=morning.world.staff[Role.STATION_MANAGER].headers,
    )
    milk = public_single("prd", morning.world.milk_id)
    assert {"product_id": milk, "bottles": 4} in own.json()["totals"]
    assert {
        "block_id": public_single("blk", morning.world.blocks[0]),
        "product_id": milk,
        "bottles": 3,
    } in own.json()["items"]


async def give(morning: Round, deliverer: object, role: Role = Role.STATION_MANAGER) -> Any:
    return await morning.client.post(
        f"{path(morning)}/stand-in",
        json={"deliverer_id": public_single("dlv", deliverer)},  # type: ignore[arg-type]  # an id
        headers=morning.world.staff[role].headers,
    )


async def test_a_stand_in_gets_what_is_not_made_yet(morning: Round) -> None:
    at = morning.phone_time(AT_THE_DOOR)
    await morning.send(stop_done(morning.neighbour, device_at=at))
    async with morning.database.transaction() as session:
        await session.execute(update(Deliverer).values(station_id=morning.world.station_id))
    given = await give(morning, morning.world.deliverers[1])
    assert given.status_code == 200, given.text
    assert (await read(morning, morning.world.deliverer_staff[0])).status_code == 404
    assert (await read(morning, morning.world.deliverer_staff[1])).status_code == 200
    made, open_one = await morning.delivery(morning.neighbour), await morning.delivery(morning.milk)
    assert made.deliverer_id == morning.world.deliverers[0]
    assert open_one.deliverer_id == morning.world.deliverers[1]
    answers = await morning.send(stop_done(morning.milk, device_at=at), deliverer=1)
    assert answers[0]["status"] == "accepted"


async def test_who_had_the_round_before_may_still_tell_what_he_did(morning: Round) -> None:
    """A stand-in gives the round on: his phone was offline, and what it tells late counts as his."""
    world = morning.world
    async with morning.database.transaction() as session:
        await session.execute(update(Deliverer).values(station_id=world.station_id))
        third = Deliverer(
            id=new_id(),
            employee_no="D-third",
            name="替班",
            station_id=world.station_id,
            created_at=MORNING,
        )
        session.add(third)
    at = morning.phone_time(AT_THE_DOOR)
    unknown = await morning.send(stop_done(morning.milk, device_at=at), deliverer=1)
    assert unknown[0]["code"] == "not_your_route"
    await give(morning, world.deliverers[1])
    await give(morning, third.id)
    await give(morning, third.id)
    late = await morning.send(
        stop_done(morning.milk, device_at=at),
        stop_done(morning.yogurt, device_at=at),
        deliverer=1,
    )
    first = await morning.send(stop_done(morning.neighbour, device_at=at), deliverer=0)
    assert {one["status"] for one in late + first} == {"accepted"}
    assert (await morning.stop(morning.milk)).deliverer_id == world.deliverers[1]
    assert (await morning.stop(morning.neighbour)).deliverer_id == world.deliverers[0]
    async with morning.database.transaction() as session:
        given = list(await session.scalars(select(RouteHandover).order_by(RouteHandover.id)))
    assert [(one.from_deliverer_id, one.to_deliverer_id) for one in given] == [
        (world.deliverers[0], world.deliverers[1]),
        (world.deliverers[1], third.id),
    ]
    assert {one.actor[:6] for one in given} == {"staff:"}


async def test_a_round_is_not_given_to_somebody_who_left_or_is_elsewhere(morning: Round) -> None:
    async with morning.database.transaction() as session:
        await session.execute(update(Deliverer).values(station_id=None))
    assert (await give(morning, morning.world.deliverers[1])).status_code == 404
    async with morning.database.transaction() as session:
        await session.execute(
            update(Deliverer).values(is_active=False, station_id=morning.world.station_id)
        )
    assert (await give(morning, morning.world.deliverers[1], Role.MANAGER)).status_code == 404
    assert (await give(morning, new_id(), Role.MANAGER)).status_code == 404
    async with morning.database.transaction() as session:
        held = await session.scalars(
            select(RouteSheet.deliverer_id).where(RouteSheet.block_id == morning.world.blocks[0])
        )
        assert list(held) == [morning.world.deliverers[0]]


async def test_the_morning_in_numbers(morning: Round) -> None:
    at = morning.phone_time(AT_THE_DOOR)
    sale = {
        "event_id": str(new_id()),
        "kind": "offline_order",
        "device_at": at.isoformat(),
        "order": door_order(morning.world),
    }
    await morning.send(stop_done(morning.milk, device_at=at), sale)
    answer = await morning.client.get(
        "/me/morning", headers=morning.world.deliverer_staff[0].headers
    )
    assert answer.json() == {
        "service_date": str(TOMORROW),
        "stops": 2,
        "made": 1,
        "partly": 0,
        "failed": 0,
        "bottles": 4,
        "cash_held_fen": 10500,
    }


async def test_a_household_sees_the_deliveries_of_its_own_order(morning: Round) -> None:
    await morning.send(stop_done(morning.milk, device_at=morning.phone_time(AT_THE_DOOR)))
    mine = await morning.client.get(
        f"/orders/{morning.milk.public_order_id}/deliveries",
        headers=morning.world.household.headers,
    )
    assert [(one["status"], one["quantity_delivered"]) for one in mine.json()["items"]] == [
        ("delivered", 2)
    ]
    foreign = await morning.client.get(
        f"/orders/{morning.neighbour.public_order_id}/deliveries",
        headers=morning.world.household.headers,
    )
    assert foreign.status_code == 404
