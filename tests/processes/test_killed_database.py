"""The database server is killed under load: what was acknowledged is there, all serve again (F3)."""

import asyncio
import random
import time

import pytest

from app.core.clock import wall_now
from tests.fixtures.doses import dose
from tests.fixtures.figures import note_figure, note_latencies
from tests.fixtures.foundation import eventually
from tests.fixtures.invariants import assert_invariants
from tests.launcher.watching import postmaster_of
from tests.load.calling import caller
from tests.load.channels import Channels, all_delivering
from tests.load.commands import SAFETY, Clients
from tests.load.whole import Whole, load_small_city, open_var, supervised, two_ports

pytestmark = pytest.mark.processes

KILLS = dose(1, 50)
HOUSEHOLDS = dose(200, 5_000)
CLIENTS = 4
LIMIT_SECONDS = 60


async def test_a_killed_postmaster_loses_nothing_and_all_serve_again() -> None:
    ports = two_ports()
    async with open_var() as var:
        people = await load_small_city(var, households=HOUSEHOLDS, sim_port=ports[1])
        async with supervised(var, people, ports=ports) as (whole, _):
            await kill_under_load(whole)


async def kill_under_load(whole: Whole) -> None:
    chance = random.Random(20260315)
    outages: list[float] = []
    is_over = False
    async with caller(whole.port) as calls:
        clients = Clients(whole.people, calls, whole.database)

        async def kill() -> None:
            nonlocal is_over
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.3, 1.5))
                killed_at = time.monotonic()
                postmaster_of(whole.var).kill()
                await clients.until_somebody_ordered(since=killed_at)
                outages.append(time.monotonic() - killed_at)
            is_over = True

        async with asyncio.TaskGroup() as group:
            group.create_task(kill())
            group.create_task(clients.work(CLIENTS, until=lambda: is_over))
        assert calls.unexpected == []
        assert calls.faults or calls.cut
        await whole.database.dispose()
        await eventually(whole.answers, within_seconds=LIMIT_SECONDS)
        await clients.assert_one_effect_each()
        await assert_the_rest_works(whole, clients)
    async with whole.database.transaction() as session:
        await assert_invariants(session, wall_now(), only=SAFETY)
    note_figure("database_kills", KILLS, "kills")
    note_latencies("database_outage", outages, limits={99: LIMIT_SECONDS * 1000})
    note_figure("database_kills_commands", len(clients.answers) + clients.told.events, "commands")


async def assert_the_rest_works(whole: Whole, clients: Clients) -> None:
    """Simulators notify, the worker reviews: the last orders that were begun come to delivery."""
    channels = Channels(whole.sim_port)
    begun = clients.begun[-3:]
    for _, payment in begun:
        await channels.pay(payment)
    await channels.close()
    delivering = all_delivering(whole.database, [order for order, _ in begun])
    await eventually(delivering, within_seconds=LIMIT_SECONDS * 2)
