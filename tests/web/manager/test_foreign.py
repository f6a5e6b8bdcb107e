"""A station manager's pages end at his station, whatever address he types."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_instant
from app.core.db import Database
from app.core.ids import new_id, public_pair, public_single
from app.delivery.models import RouteSheet
from app.delivery.repository.mornings import rebuild_mornings
from app.identity.models import Role
from app.network.models import Block, Station
from tests.factories.coldchain import add_device, add_store
from tests.factories.history import SEVEN, History
from tests.factories.world import MORNING, TODAY, World
from tests.fixtures.application import SetClock


@pytest.fixture
async def pages(
    client: httpx.AsyncClient, world: World
) -> httpx.AsyncClient:  # fixtures share one loop
    """The pages, asked for in-process by the station manager."""
    client.base_url = "http://test"
    client.headers.update(world.staff[Role.STATION_MANAGER].headers)
    return client


@pytest.fixture
async def foreign(database: Database, world: World, clock: SetClock) -> dict[str, str]:
    """Another station's morning: addresses of what stands there."""
    station_id, block_id = new_id(), new_id()
    async with database.transaction() as session:
        await _build(session, station_id, block_id)
        history = History(session, world)
        stop = await history.stop(TODAY)
        ticket = await history.ticket(local_instant(TODAY, SEVEN))
        values = {"station": station_id, "block": block_id}
        for table in ("stops", "tickets"):
            await session.execute(
                text(f"UPDATE {table} SET station_id = :station, block_id = :block"), values
            )
        store_id = await add_store(session, station_id)
        device_id = await add_device(session, code="FAR", store_id=store_id)
        await rebuild_mornings(session, [(block_id, TODAY)])
    clock.set(local_instant(TODAY, SEVEN) + timedelta(hours=1))
    return {
        "stop": f"/manager/stops/{public_pair('adr', stop.customer_id, stop.address_id)}/{TODAY}",
        "ticket": f"/manager/tickets/{public_pair('tkt', ticket.customer_id, ticket.ticket_id)}",
        "device": f"/manager/devices/{public_single('dev', device_id)}",
        "station": f"/manager?scope=station:{public_single('stn', station_id)}",
        "block": f"/manager?scope=block:{public_single('blk', block_id)}",
        "figures": f"/manager/kpis?scope=block:{public_single('blk', block_id)}",
        "stream": f"/manager/stream?scope=block:{public_single('blk', block_id)}",
        "months": f"/manager/months?scope=station:{public_single('stn', station_id)}",
        "stand_ins": f"/manager/stand-ins/{public_single('blk', block_id)}/{TODAY}",
    }


async def _build(session: AsyncSession, station_id: UUID, block_id: UUID) -> None:
    session.add(
        Station(id=station_id, code="ST99", name="远站", city_code="310000", created_at=MORNING)
    )
    await session.flush()
    session.add(Block(id=block_id, code="ST99-01", name="远块", station_id=station_id))
    session.add(
        RouteSheet(
            block_id=block_id,
            service_date=TODAY,
            station_id=station_id,
            deliverer_id=None,
            stops=1,
            bottles=1,
            planned_at=MORNING,
        )
    )
    await session.flush()


async def test_what_is_another_station_s_is_not_found(
    pages: httpx.AsyncClient, foreign: dict[str, str], world: World
) -> None:
    for what, path in foreign.items():
        answer = await pages.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 404, what
        assert "远" not in answer.text, what
        manager = world.staff[Role.MANAGER].headers
        if what != "stream":
            assert (await pages.get(path, headers=manager)).status_code == 200, what


async def test_a_foreign_round_is_not_given_away(
    pages: httpx.AsyncClient, foreign: dict[str, str], world: World, database: Database
) -> None:
    deliverer = public_single("dlv", world.deliverers[0])
    answer = await pages.post(foreign["stand_ins"], data={"deliverer": deliverer})
    assert answer.status_code == 404
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM route_handovers")) == 0
        kept = await session.scalars(text("SELECT deliverer_id FROM route_sheets"))
        assert kept.all() == [None]


async def test_words_that_are_no_text_are_refused(
    pages: httpx.AsyncClient, world: World, foreign: dict[str, str]
) -> None:
    assert foreign
    block = public_single("blk", world.blocks[0])
    for path in (
        f"/manager/stand-ins/{block}/{TODAY}/names?q=%00",
        "/manager/findings?key=%00",
        "/manager?scope=%00",
    ):
        answer = await pages.get(path)
        assert answer.status_code in {400, 404, 422}, path
