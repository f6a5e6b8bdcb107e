"""A morning of the demo city is played through the API, once, whatever is killed meanwhile."""

import asyncio
import os
import stat
import time as wall_time
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from app.core.clock import OPERATOR_ZONE
from app.core.config import DatabaseSettings
from app.core.db import Database
from app.core.demo import mark_demo
from simulators.city.play import households
from simulators.city.play.player import Player
from simulators.city.play.stage import Fault
from tests.fixtures.database import cloned_database
from tests.fixtures.invariants import assert_invariants
from tests.fixtures.server import database_url
from tests.simulators.town import PATIENCE_SECONDS, Town, deliverer_logins

pytestmark = pytest.mark.processes

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """The city, running; the tests of this file play one morning after another in it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    database_name = f"town_{worker}_{os.getpid()}"
    async with cloned_database(database_name) as database:
        async with database.transaction() as session:
            await mark_demo(session, was_empty=True)
        made = Town(database_url(database_name), tmp_path_factory.mktemp("town"))
        made.load()
        try:
            made.start_all()
            await leave_morning(made)
            yield made
        finally:
            await made.stop()


async def leave_morning(town: Town) -> None:
    """Go on to noon where a morning has begun: the script of one is played from 4:00 on."""
    idle = town.player(said=[])
    now = (await idle.clock.read()).astimezone(OPERATOR_ZONE)
    if time(3, 30) <= now.time() < time(12):
        await idle.clock.move(at=now.replace(hour=12, minute=0), speed=1)


async def next_morning(player: Player) -> date:
    found = player.next_morning(await player.clock.read())
    assert found is not None
    return found


async def assert_nothing_broken(town: Town, player: Player) -> None:
    database = Database(DatabaseSettings(database_url=town.database_url))
    try:
        async with database.transaction() as session:
            await assert_invariants(session, player.clock.now())
    finally:
        await database.dispose()


def test_every_deliverer_has_a_login_in_a_private_file(town: Town) -> None:
    file: Path = town.var / "demo" / "logins.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    logins = deliverer_logins(town.var)
    assert (len(logins), len(set(logins)), logins[0]) == (20, 20, "deliverer")


async def test_a_morning_survives_kills_of_web_and_player(town: Town) -> None:
    said: list[str] = []
    player = town.player(said=said)
    on = await next_morning(player)
    five = datetime.fromisoformat(f"{on}T05:00:00").replace(tzinfo=OPERATOR_ZONE)
    playing = asyncio.ensure_future(player.play())
    end = wall_time.monotonic() + 2 * PATIENCE_SECONDS
    while not player.stages or player.clock.now() < five:
        assert not playing.done(), said
        assert wall_time.monotonic() < end, said
        await asyncio.sleep(0.05)
    town.kill("web")
    await asyncio.sleep(0)
    playing.cancel()
    await asyncio.to_thread(town.start_web)
    await asyncio.gather(playing, return_exceptions=True)
    begun = await town.rows("SELECT count(*) FROM sync_events")
    assert begun[0][0] > 0

    again = town.player(said=said, on=on)
    assert await again.play() == [], said
    stops = await town.expect_script(again, on)
    events = await town.rows(
        "SELECT count(*) FROM sync_events WHERE kind = 'stop_done' AND content->>'service_date' = $1",
        on.isoformat(),
    )
    assert events[0][0] == stops > 0
    trips = await town.rows("SELECT arrived_at FROM trips WHERE service_date = $1", on)
    assert [row[0] is not None for row in trips] == [True]
    door = await town.rows(
        "SELECT count(*) FROM orders WHERE source = 'door' AND confirmed_at > $1", five - DAY
    )
    assert door[0][0] == 2
    ended = await town.rows("SELECT status FROM orders WHERE status = 'rejected'")
    refunds = await town.rows("SELECT status FROM refunds")
    assert ([row[0] for row in ended], [row[0] for row in refunds]) == (["rejected"], ["succeeded"])
    tickets = await town.rows("SELECT status FROM tickets WHERE received_at > $1", five)
    assert [row[0] for row in tickets] == ["closed"] * 4
    assert again.clock.now() >= five + timedelta(hours=2, minutes=30)
    await assert_nothing_broken(town, again)


async def test_a_morning_played_again_adds_nothing(town: Town) -> None:
    said: list[str] = []
    player = town.player(said=said)
    on = await next_morning(player) - DAY
    before = await town.counts()
    again = town.player(said=said, on=on)
    assert await again.play() == []
    assert await town.counts() == before
    assert again.stages[0].done["accepted"] == again.stages[0].done["duplicate"] == 0


async def test_lost_notices_late_phones_and_an_ill_deliverer(town: Town) -> None:
    said: list[str] = []
    faults = {Fault.PAYMENTS_LOST, Fault.PHONES_OFFLINE, Fault.DELIVERER_ILL}
    player = town.player(said=said, faults=frozenset(faults))
    on = await next_morning(player)
    assert await player.play() == [], said
    assert player.stages[0].done["refunds"] == 1
    assert any("病假" in line for line in said)
    by_hand = await town.rows(
        "SELECT deliverer_id FROM route_sheets WHERE service_date = $1"
        " GROUP BY deliverer_id HAVING count(*) > 1",
        on,
    )
    assert len(by_hand) == 1
    assert await town.expect_script(player, on) > 0
    seven = datetime.fromisoformat(f"{on}T07:00:00").replace(tzinfo=OPERATOR_ZONE)
    late = await town.rows(
        "SELECT count(*) FROM deliveries WHERE service_date = $1 AND done_at < $2"
        " AND recorded_at >= $2",
        on,
        seven,
    )
    assert late[0][0] > 0
    await assert_nothing_broken(town, player)


async def test_what_passed_while_nothing_ran_is_made_up_and_no_sms_comes(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The household that waits for its code telephones instead; the order is not placed."""
    monkeypatch.setattr(households, "SMS_SECONDS", 3.0)
    said: list[str] = []
    idle = town.player(said=said)
    missed = await next_morning(idle)
    later = datetime.fromisoformat(f"{missed}T12:00:00").replace(tzinfo=OPERATOR_ZONE)
    await idle.clock.move(at=later, speed=1)
    orders = await town.rows("SELECT count(*) FROM orders WHERE source = 'mini_program'")
    player = town.player(said=said, faults=frozenset({Fault.SMS_DOWN}))
    assert await next_morning(player) == missed + DAY
    assert await player.play() == [], said
    for on in (missed, missed + DAY):
        assert await town.expect_script(player, on) > 0
    trips = await town.rows("SELECT count(*) FROM trips WHERE service_date >= $1", missed)
    assert trips[0][0] == 2
    assert said.count("验证码短信没有到 no login code came") == 2
    assert await town.rows("SELECT count(*) FROM orders WHERE source = 'mini_program'") == orders
    assert [stage.done["tickets"] for stage in player.stages] == [0, 4]
    assert await player.channels.get("/control/faults") == []
