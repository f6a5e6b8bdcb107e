"""Cash in: what deliverers took at doors, in every scope of the morning, as the ledger has it."""

from datetime import timedelta
from typing import Any

import httpx

from app.core.db import Database
from app.core.ids import new_id, public_single
from app.identity.models import Role
from app.network.models import Station
from app.workforce.models import Deliverer
from tests.factories.billing import take_cash
from tests.factories.world import MORNING, TODAY, World
from tests.orders.test_door_orders import SLIP, door_order, send


async def cash_of(
    client: httpx.AsyncClient,
    world: World,
    scope: str,
    *,
    day: object = TODAY,
    role: Role = Role.MANAGER,
) -> dict[str, Any]:
    """What the morning says of cash."""
    answer = await client.get(
        f"/mornings/{day}", params={"scope": scope}, headers=world.staff[role].headers
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["cash"]
    return found


def parts_of(cash: dict[str, Any]) -> list[tuple[str | None, int, int]]:
    return [(part["title"], part["amount_fen"], part["receipts"]) for part in cash["parts"]]


async def test_cash_of_every_scope(client: httpx.AsyncClient, world: World) -> None:
    station = f"station:{public_single('stn', world.station_id)}"
    block = f"block:{public_single('blk', world.blocks[0])}"
    first, second = (f"deliverer:{public_single('dlv', one)}" for one in world.deliverers[:2])
    assert await cash_of(client, world, "operator") == {
        "amount_fen": 0, "receipts": 0, "parts": [],
    }  # fmt: skip

    again = door_order(world)
    for body in (again, again, door_order(world, phone="13811113333", amount_fen=9_950)):
        assert (await send(client, world, body)).status_code in {200, 201}
    by_card = door_order(world, phone="13811114444", pay_channel="pos", pos_slip=SLIP)
    assert (await send(client, world, by_card)).status_code == 201

    taken = 20_450
    for scope, title in (
        ("operator", "上海市"),
        ("city:310000", "徐汇奶站"),
        (station, "送奶员1"),
        (block, "送奶员1"),
        (first, "区块1"),
    ):
        cash = await cash_of(client, world, scope)
        assert (cash["amount_fen"], cash["receipts"]) == (taken, 2), scope
        assert parts_of(cash) == [(title, taken, 2)], scope
    assert (await cash_of(client, world, second))["amount_fen"] == 0
    assert (await cash_of(client, world, "operator", day=TODAY - timedelta(days=1)))["parts"] == []


async def test_cash_without_a_block_counts_at_the_deliverers_station_and_for_no_other(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    far = new_id()
    async with database.transaction() as session:
        session.add(
            Station(id=far, code="ST99", name="远郊奶站", city_code="310000", created_at=MORNING)
        )
        await session.flush()
        home, away = [await session.get_one(Deliverer, one) for one in world.deliverers[:2]]
        home.station_id, away.station_id = world.station_id, far
        for number, (who, fen) in enumerate(((home, 300), (away, 5_000))):
            await take_cash(
                session,
                world.household,
                collector_id=who.id,
                receipt_no=f"B-{number}",
                amount_fen=fen,
                now=MORNING,
            )
    city = await cash_of(client, world, "city:310000")
    assert parts_of(city) == [("远郊奶站", 5_000, 1), ("徐汇奶站", 300, 1)]
    own = f"station:{public_single('stn', world.station_id)}"
    for role in (Role.MANAGER, Role.STATION_MANAGER):
        assert (await cash_of(client, world, own, role=role))["amount_fen"] == 300
    unplaced = await cash_of(
        client, world, f"deliverer:{public_single('dlv', world.deliverers[0])}"
    )
    assert unplaced["parts"] == [{"scope": None, "title": None, "amount_fen": 300, "receipts": 1}]
