"""The manager watches the morning: figures of every scope, blocks at risk, their drill-down."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_instant
from app.core.ids import new_id, public_single
from app.delivery.models import StopState
from app.delivery.repository.mornings import rebuild_mornings
from app.identity.models import Role
from tests.delivery.conftest import AT_THE_DOOR, SYNC_AT, Round, build_round
from tests.factories.delivery import TOMORROW, stop_done
from tests.factories.history import SEVEN, History
from tests.factories.world import TODAY, World
from tests.fixtures.application import SetClock

BLOCKS = f"/mornings/{TODAY}/blocks"


async def ask(
    client: httpx.AsyncClient,
    world: World,
    path: str,
    *,
    role: Role = Role.MANAGER,
    status: int = 200,
    **params: Any,
) -> dict[str, Any]:
    """One question."""
    answer = await client.get(path, params=params, headers=world.staff[role].headers)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def write_morning(session: AsyncSession, world: World) -> None:
    """Block 0: 10 due, 6 on time, 1 late, 1 bulk, 1 failed, 1 open. Block 1: 4 open, 1 withdrawn."""
    history = History(session, world)
    for number in range(6):
        await history.stop(TODAY, seconds_from_seven=-3600 - 600 * number)
    await history.stop(TODAY, seconds_from_seven=0)
    await history.stop(TODAY, bulk_marked=True)
    await history.stop(TODAY, state=StopState.FAILED)
    await history.stop(TODAY, state=StopState.PLANNED)
    for _ in range(4):
        await history.stop(TODAY, state=StopState.PLANNED, block=1)
    await history.stop(TODAY, state=StopState.WITHDRAWN, block=1)
    await rebuild_mornings(session, [(block, TODAY) for block in world.blocks])
    await session.commit()


async def test_a_morning_of_every_scope(
    client: httpx.AsyncClient, world: World, session: AsyncSession, clock: SetClock
) -> None:
    await write_morning(session, world)
    clock.set(local_instant(TODAY, SEVEN) + timedelta(hours=1))
    whole = await ask(client, world, f"/mornings/{TODAY}")
    counts = whole["whole"]["counts"]
    assert counts == {
        "due": 14, "done": 9, "made": 8, "on_time": 6, "late": 1, "bulk": 1, "partly": 0,
        "failed": 1, "still_open": 5, "withdrawn": 1, "schools_due": 0, "schools_made": 0,
        "share": "42.85", "share_of_done": "66.66",
    }  # fmt: skip
    assert [part["scope"] for part in whole["parts"]] == ["city:310000"]
    assert whole["curve"][-1]["made"] == 7
    assert [point["made"] for point in whole["curve"]][:3] == [1, 2, 3]

    city = await ask(client, world, f"/mornings/{TODAY}", scope="city:310000")
    station = f"station:{public_single('stn', world.station_id)}"
    assert [(part["scope"], part["title"]) for part in city["parts"]] == [(station, "徐汇奶站")]
    found = await ask(client, world, f"/mornings/{TODAY}", scope=station)
    assert {part["counts"]["due"] for part in found["parts"]} == {10, 4}
    for each in (city, found):
        assert each["whole"]["counts"] == counts
    block = f"block:{public_single('blk', world.blocks[0])}"
    one = await ask(client, world, f"/mornings/{TODAY}", scope=block)
    assert one["whole"]["counts"]["due"] == 10
    deliverer = f"deliverer:{public_single('dlv', world.deliverers[0])}"
    assert [(part["scope"], part["counts"]["on_time"]) for part in one["deliverers"]] == [
        (deliverer, 6)
    ]
    his = await ask(client, world, f"/mornings/{TODAY}", scope=deliverer)
    assert his["deliverers"] == one["deliverers"]


async def test_a_date_without_rounds_is_an_empty_morning(
    client: httpx.AsyncClient, world: World
) -> None:
    empty = await ask(client, world, "/mornings/2026-03-14")
    assert (empty["whole"]["counts"]["due"], empty["whole"]["counts"]["share"]) == (0, None)
    assert (empty["parts"], empty["curve"]) == ([], [])
    assert (await ask(client, world, "/mornings/2026-03-14/blocks"))["items"] == []


async def test_blocks_at_risk_come_first_and_page_by_page(
    client: httpx.AsyncClient, world: World, session: AsyncSession, clock: SetClock
) -> None:
    await write_morning(session, world)
    clock.set(local_instant(TODAY, SEVEN))
    first = await ask(client, world, BLOCKS, limit=1)
    second = await ask(client, world, BLOCKS, limit=1, cursor=first["next_cursor"])
    rows = first["items"] + second["items"]
    assert second["next_cursor"] is None
    assert [row["block_id"] for row in rows] == [
        public_single("blk", block) for block in (world.blocks[1], world.blocks[0])
    ]
    assert [row["stops_at_risk"] for row in rows] == [4, 3]
    assert [row["risks"] for row in rows] == [["not_started"], ["failed_stops"]]

    only = await ask(client, world, BLOCKS, risk="not_started")
    assert [row["stops_at_risk"] for row in only["items"]] == [4]
    for sort in ("share", "open"):
        found = await ask(client, world, BLOCKS, sort=sort)
        assert found["items"][0]["counts"]["due"] == 4
    for sort in ("code", "station"):
        found = await ask(client, world, BLOCKS, sort=sort)
        codes = [row["code"] for row in found["items"]]
        assert codes == sorted(codes)


@pytest.mark.parametrize("cursor", ["x", "WzldCg", "WzAsMF0", "e30"])
async def test_made_up_cursors(client: httpx.AsyncClient, world: World, cursor: str) -> None:
    refused = await ask(client, world, BLOCKS, status=400, cursor=cursor)
    assert refused["code"] == "bad_cursor"


async def test_a_station_manager_watches_his_station_alone(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    await write_morning(session, world)
    manager = Role.STATION_MANAGER
    own = await ask(client, world, f"/mornings/{TODAY}", role=manager)
    assert own["scope"] == f"station:{public_single('stn', world.station_id)}"
    assert own["whole"]["counts"]["due"] == 14
    for scope in ("operator", "city:310000", f"station:{public_single('stn', new_id())}"):
        for path in (f"/mornings/{TODAY}", BLOCKS):
            await ask(client, world, path, role=manager, status=404, scope=scope)


async def test_a_phone_moves_the_morning_as_it_reports(
    client: httpx.AsyncClient, world: World, session: AsyncSession, clock: SetClock
) -> None:
    lines = await build_round(session, world)
    await session.commit()
    clock.set(SYNC_AT)
    morning = Round(client, None, world, clock, *lines)  # type: ignore[arg-type]  # no database asked
    before = await ask(client, world, f"/mornings/{TOMORROW}")
    assert before["whole"]["counts"]["due"] == 3
    assert before["whole"]["counts"]["still_open"] == 3

    await morning.send(
        stop_done(morning.milk, device_at=morning.phone_time(AT_THE_DOOR)),
        stop_done(
            morning.neighbour,
            device_at=morning.phone_time(AT_THE_DOOR + timedelta(minutes=1)),
            outcome="not_delivered",
            reason="no_box",
        ),
    )
    after = (await ask(client, world, f"/mornings/{TOMORROW}/blocks", sort="code"))["items"]
    block = next(row for row in after if row["block_id"] == public_single("blk", world.blocks[0]))
    assert (block["counts"]["on_time"], block["counts"]["failed"]) == (1, 1)
    assert block["risks"] == ["behind_pace", "failed_stops"]
    assert block["last_heard_at"] == SYNC_AT.isoformat().replace("+00:00", "Z")
