"""Two workers, two agents, one ticket: real commits on several connections."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.aftersales.jobs import watch_tickets
from app.core.db import Database
from app.core.jobs import JobContext
from app.identity.models import Role
from tests.factories.aftersales import HOUR, Desk, count_breaches, stored
from tests.factories.links import tokens_of
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock, app_over, make_test_runtime


@pytest.fixture
async def live_desk(
    live_database: Database, clock: SetClock, tmp_path: Path
) -> AsyncIterator[Desk]:
    """The desk over a database of its own."""
    runtime = make_test_runtime(live_database, clock, tmp_path)
    async with live_database.transaction() as session:
        world = await World.build(session, runtime.keys)
    transport = httpx.ASGITransport(app=app_over(runtime), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield Desk(client, world)
    await runtime.http.aclose()


async def test_two_workers_and_an_agent_record_one_breach(
    live_desk: Desk, live_database: Database, clock: SetClock
) -> None:
    tickets = [await live_desk.file() for _ in range(6)]
    clock.set(MORNING + 25 * HOUR)
    context = JobContext(database=live_database, clock=clock)
    await asyncio.gather(
        *(watch_tickets(context, {}) for _ in range(4)),
        *(live_desk.resolve(one["id"], late_reason="核实批次") for one in tickets[:3]),
    )
    async with live_database.transaction() as session:
        for one in tickets:
            assert await count_breaches(session, one["id"]) == 1
            assert (await stored(session, one["id"])).breached_at == MORNING + 24 * HOUR


async def test_two_agents_resolve_and_one_wins(live_desk: Desk, live_database: Database) -> None:
    ticket = await live_desk.file()
    answers = await asyncio.gather(
        *(
            live_desk.client.post(
                f"/tickets/{ticket['id']}/resolve",
                json={"result": f"方案{number}"},
                headers=live_desk.headers | {"Idempotency-Key": f"resolve-{number}"},
            )
            for number in range(4)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    thread = (await live_desk.read(ticket["id"]))["messages"]
    assert len([said for said in thread if said["author"] == "staff"]) == 1


async def test_two_taps_on_a_link_are_one_word(live_desk: Desk, live_database: Database) -> None:
    ticket = await live_desk.file()
    await live_desk.resolve(ticket["id"])
    async with live_database.transaction() as session:
        (token,) = await tokens_of(
            session, live_desk.world.household.customer_id, "ticket_resolved"
        )
    actions = ["not-solved", "not-solved", "confirm", "confirm"]
    answers = await asyncio.gather(
        *(
            live_desk.client.post(f"/links/{token}/{action}", json={}, headers=once())
            for action in actions
        )
    )
    won = {action for action, one in zip(actions, answers, strict=True) if one.status_code == 200}
    assert len(won) == 1, "one of the two words, twice"
    assert sorted(one.status_code for one in answers) == [200, 200, 409, 409]
    async with live_database.transaction() as session:
        row = await stored(session, ticket["id"])
        assert row.reopened_count == (1 if won == {"not-solved"} else 0)
        assert (row.confirmed_at is None) == (won == {"not-solved"})


async def test_two_agents_with_one_version_lose_nothing(
    live_desk: Desk, live_database: Database
) -> None:
    ticket = await live_desk.file()
    answers = await asyncio.gather(
        *(
            live_desk.client.post(
                f"/tickets/{ticket['id']}/reply",
                json={"body": f"答复{number}", "version": 1},
                headers=live_desk.headers | once(),
            )
            for number in range(4)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert {one.json()["code"] for one in answers if one.status_code == 409} == {"ticket_changed"}
    assert len((await live_desk.read(ticket["id"]))["messages"]) == 3


async def test_a_rule_that_changes_while_tickets_come_in_misses_none(
    live_desk: Desk, live_database: Database
) -> None:
    rule = {
        "severity": "general",
        "from_date": TODAY.isoformat(),
        "handle_minutes": 120,
        "levels": [],
    }
    manager = live_desk.world.staff[Role.MANAGER].headers
    filed, changed = await asyncio.gather(
        asyncio.gather(*(live_desk.file() for _ in range(8))),
        live_desk.client.post("/sla-rules", json=rule, headers=manager | once()),
    )
    assert changed.status_code == 201, changed.text
    async with live_database.transaction() as session:
        for one in filed:
            assert (await stored(session, one["id"])).due_at == MORNING + 2 * HOUR
