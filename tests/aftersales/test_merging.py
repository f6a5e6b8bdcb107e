"""Duplicates: the older ticket stays, so merging never wins time."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from tests.factories.aftersales import HOUR, Desk, count_breaches, stored
from tests.factories.world import MORNING
from tests.fixtures.application import SetClock


async def test_a_second_complaint_about_the_same_thing_is_merged(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    household = desk.world.household
    first = await desk.file()
    clock.set(MORNING + HOUR)
    second = await desk.file(is_food_safety=True)

    merged = await desk.act(second["id"], "merge", into=first["id"])

    assert (merged["status"], merged["merged_into"]) == ("merged", first["id"])
    kept = await desk.read(first["id"])
    assert kept["events"][-1]["kind"] == "took_duplicate"
    assert kept["events"][-1]["reason"] == second["ticket_no"]
    assert kept["is_food_safety"] is True
    assert [item["id"] for item in await desk.queue()] == [first["id"]]
    refused = await desk.act(second["id"], "reply", by=household.headers, status=409, body="还在吗")
    assert refused["code"] == "ticket_finished"


async def test_a_merged_ticket_is_never_late_again(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    first = await desk.file()
    second = await desk.file()
    await desk.act(second["id"], "merge", into=first["id"])
    clock.set(MORNING + 48 * HOUR)
    await desk.resolve(first["id"], late_reason="核实批次")
    assert await count_breaches(session, first["id"]) == 1
    assert await count_breaches(session, second["id"]) == 0


async def test_an_older_ticket_is_not_merged_into_a_newer_one(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    older = await desk.file()
    clock.set(MORNING + HOUR)
    newer = await desk.file()
    refused = await desk.act(older["id"], "merge", status=409, into=newer["id"])
    assert refused["code"] == "not_a_duplicate"
    assert (await stored(session, older["id"])).status == "open"


@pytest.mark.parametrize("how", ["itself", "other kind", "closed", "merged"])
async def test_what_takes_no_duplicate(desk: Desk, session: AsyncSession, how: str) -> None:
    said: dict[str, Any] = {"kind": "request"} if how == "other kind" else {}
    kept = await desk.file(**said)
    ticket = kept if how == "itself" else await desk.file()
    if how == "closed":
        await desk.resolve(kept["id"])
        await desk.visit(kept["id"], 5)
    if how == "merged":
        oldest = ticket
        ticket = await desk.file()
        await desk.act(ticket["id"], "merge", into=oldest["id"])
        kept, ticket = ticket, oldest
    before = (await stored(session, ticket["id"])).status
    refused = await desk.act(ticket["id"], "merge", status=409, into=kept["id"])
    assert refused["code"] == "not_a_duplicate"
    assert (await stored(session, ticket["id"])).status == before


async def test_tickets_of_two_households_are_never_merged(
    desk: Desk, session: AsyncSession
) -> None:
    other = await desk.world.add_household(session)
    await session.commit()
    mine, theirs = await desk.file(), await desk.file(other)
    await desk.act(theirs["id"], "merge", status=404, into=mine["id"])
    assert (await stored(session, theirs["id"])).status == "open"
