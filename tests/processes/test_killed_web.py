"""The web process is killed in the middle of requests; who asks again gets one effect (F1)."""

import asyncio
import random

import pytest

from app.core.clock import wall_now
from tests.fixtures.doses import dose
from tests.fixtures.figures import note_figure
from tests.fixtures.invariants import assert_invariants
from tests.load.calling import caller
from tests.load.city import People
from tests.load.commands import SAFETY, Clients
from tests.load.installation import Installation

pytestmark = pytest.mark.processes

KILLS = dose(3, 500)
CLIENTS = 8


async def test_kill_9_of_the_web_process_gives_one_effect_each(
    city: Installation, people: People
) -> None:
    await city.simulate()
    chance = random.Random(20260315)
    kills = 0
    async with caller(city.port) as calls:
        clients = Clients(people, calls, city.database)

        async def kill() -> None:
            nonlocal kills
            while kills < KILLS:
                web = await city.serve()
                await asyncio.sleep(chance.uniform(0.05, 0.6))
                await web.kill()
                kills += 1
            await city.serve()

        async with asyncio.TaskGroup() as group:
            group.create_task(kill())
            group.create_task(clients.work(CLIENTS, until=lambda: kills == KILLS))
        assert calls.cut > 0
        assert calls.unexpected == []
        await clients.assert_one_effect_each()
    told = clients.told
    assert min(told.payments, told.events, told.cancelled, told.changed, told.undone) > 0
    note_figure("web_kills", kills, "kills")
    note_figure("web_kills_cut", calls.cut, "requests")
    note_figure("web_kills_commands", len(clients.answers) + clients.told.events, "commands")
    async with city.database.transaction() as session:
        await assert_invariants(session, wall_now(), only=SAFETY)
