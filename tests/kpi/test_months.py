"""A month is closed once and stands as it was reported, beside what came late."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_instant
from app.core.db import Database
from app.core.ids import public_single
from app.core.jobs import JobContext
from app.delivery.models import StopState
from app.delivery.repository.mornings import rebuild_mornings
from app.identity.models import Role
from app.kpi.jobs import run_refresh_days
from app.kpi.models import KpiMonth, KpiMonthFigure
from tests.factories.history import SEVEN, History
from tests.factories.world import World, once
from tests.fixtures.application import SetClock

MARCH = "/kpi/months/2026-03/close"
LAST = date(2026, 3, 31)
APRIL = local_instant(date(2026, 4, 1), SEVEN) - timedelta(hours=7)


async def close(
    client: httpx.AsyncClient,
    world: World,
    *,
    path: str = MARCH,
    role: Role = Role.MANAGER,
    status: int = 201,
) -> dict[str, Any]:
    """Close a month."""
    answer = await client.post(path, headers=world.staff[role].headers | once())
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
async def march(world: World, database: Database) -> None:
    """Three stops on two days of March, one of them late; a complaint that waited ten hours."""
    async with database.transaction() as session:
        history = History(session, world)
        await history.stop(LAST)
        await history.stop(LAST - timedelta(days=30))
        await history.stop(LAST, state=StopState.PLANNED, block=1)
        await history.ticket(local_instant(LAST, SEVEN), answered_after=timedelta(hours=10))
        days = (LAST, LAST - timedelta(days=30))
        await rebuild_mornings(session, [(block, day) for block in world.blocks for day in days])


async def read(client: httpx.AsyncClient, world: World, **params: str) -> dict[str, Any]:
    """March as reported and as known now, by KPI."""
    answer = await client.get(
        "/kpi/months/2026-03", params=params, headers=world.staff[Role.MANAGER].headers
    )
    assert answer.status_code == 200, answer.text
    return {item["key"]: item for item in answer.json()["items"]}


@pytest.mark.usefixtures("march")
async def test_what_comes_late_stands_beside_what_was_reported(
    client: httpx.AsyncClient,
    world: World,
    database: Database,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    clock.set(APRIL)
    assert (await close(client, world))["month"] == "2026-03"
    on_time = (await read(client, world))["on_time_rate"]
    assert on_time["reported"] == on_time["now"]
    assert on_time["reported"] == {
        "value": "66.66", "status": "missed", "numerator": 2, "denominator": 3,
    }  # fmt: skip
    answered = (await read(client, world))["response_time"]["reported"]
    assert (answered["value"], answered["numerator"]) == ("10.00", 1)

    async with database.transaction() as session:
        await session.execute(
            text("UPDATE stops SET state = 'made', made_at = :at WHERE state = 'planned'"),
            {"at": local_instant(LAST, SEVEN) - timedelta(hours=1)},
        )
        await rebuild_mornings(session, [(block, LAST) for block in world.blocks])
    await run_refresh_days(job_context, {})
    for scope in ("operator", "city:310000", f"station:{public_single('stn', world.station_id)}"):
        on_time = (await read(client, world, scope=scope))["on_time_rate"]
        assert on_time["reported"]["value"] == "66.66"
        assert (on_time["now"]["value"], on_time["difference"]) == ("100.00", "33.34")
    empty = (await read(client, world))["satisfaction"]
    assert (empty["reported"]["value"], empty["difference"]) == (None, None)


@pytest.mark.usefixtures("march")
async def test_a_block_has_its_months_too(
    client: httpx.AsyncClient,
    world: World,
    database: Database,
    clock: SetClock,
    job_context: JobContext,
) -> None:
    clock.set(APRIL)
    await close(client, world)
    first, second = (f"block:{public_single('blk', one)}" for one in world.blocks[:2])
    mine = await read(client, world, scope=first)
    assert list(mine) == [
        "on_time_rate", "response_time", "internet_rate", "satisfaction", "complaint_rate",
        "complaint_handled_rate",
    ]  # fmt: skip
    assert mine["on_time_rate"]["reported"] == {
        "value": "100.00", "status": "met", "numerator": 2, "denominator": 2,
    }  # fmt: skip
    assert mine["response_time"]["reported"]["value"] == "10.00"
    complaints = mine["complaint_rate"]["reported"]
    assert (complaints["numerator"], complaints["denominator"]) == (1, 2)
    late = (await read(client, world, scope=second))["on_time_rate"]
    assert (late["reported"]["numerator"], late["reported"]["denominator"]) == (0, 1)

    async with database.transaction() as session:
        await session.execute(
            text("UPDATE stops SET state = 'made', made_at = :at WHERE state = 'planned'"),
            {"at": local_instant(LAST, SEVEN) - timedelta(hours=1)},
        )
        await rebuild_mornings(session, [(world.blocks[1], LAST)])
    await run_refresh_days(job_context, {})
    late = (await read(client, world, scope=second))["on_time_rate"]
    assert late["reported"]["value"] == "0.00"
    assert (late["now"]["value"], late["difference"]) == ("100.00", "100.00")


@pytest.mark.usefixtures("march")
async def test_a_month_is_closed_after_its_end_and_once(
    client: httpx.AsyncClient, world: World, session: AsyncSession, clock: SetClock
) -> None:
    clock.set(APRIL - timedelta(microseconds=1))
    early = await close(client, world, status=409)
    assert (early["code"], early["facts"]["closable_from"]) == ("month_not_over", "2026-04-01")
    assert await session.scalar(select(func.count()).select_from(KpiMonth)) == 0
    clock.set(APRIL)
    await close(client, world)
    figures = await session.scalar(select(func.count()).select_from(KpiMonthFigure))
    clock.set(APRIL + timedelta(days=1))
    again = await close(client, world, status=409)
    assert (again["code"], again["facts"]["closed_at"]) == ("month_closed", APRIL.isoformat())
    assert await session.scalar(select(func.count()).select_from(KpiMonthFigure)) == figures
    assert figures


@pytest.mark.usefixtures("march")
async def test_nobody_rewrites_a_closed_month(
    client: httpx.AsyncClient, world: World, database: Database, clock: SetClock
) -> None:
    clock.set(APRIL)
    await close(client, world)
    for sql in (
        "UPDATE kpi_month_figures SET numerator = 3",
        "DELETE FROM kpi_month_figures",
        "DELETE FROM kpi_months",
        "UPDATE kpi_finding_events SET note = ''",
    ):
        with pytest.raises(DBAPIError) as refused:
            async with database.transaction() as session:
                await session.execute(text(sql))
        assert getattr(refused.value.orig, "sqlstate", "") == "42501"


async def test_months_by_page_and_what_is_none(
    client: httpx.AsyncClient, world: World, clock: SetClock
) -> None:
    clock.set(APRIL)
    headers = world.staff[Role.MANAGER].headers
    for month in ("2026-01", "2026-02", "2026-03"):
        await close(client, world, path=f"/kpi/months/{month}/close")
    first = (await client.get("/kpi/months?limit=2", headers=headers)).json()
    rest = await client.get(
        "/kpi/months", params={"limit": 2, "cursor": first["next_cursor"]}, headers=headers
    )
    months = [item["month"] for item in first["items"] + rest.json()["items"]]
    assert months == ["2026-03", "2026-02", "2026-01"]
    for month in ("2026-13", "2026-3", "march", "1999-12"):
        refused = await close(client, world, path=f"/kpi/months/{month}/close", status=400)
        assert refused["code"] == "bad_month"
    unknown = await client.get("/kpi/months/2025-12", headers=headers)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "month_unknown")
    block = f"block:{public_single('blk', world.blocks[0])}"
    empty = await client.get("/kpi/months", params={"scope": block}, headers=headers)
    assert (empty.status_code, empty.json()["items"]) == (200, []), "no milk went there"
    deliverer = f"deliverer:{public_single('dlv', world.deliverers[0])}"
    below = await client.get("/kpi/months", params={"scope": deliverer}, headers=headers)
    assert (below.status_code, below.json()["code"]) == (400, "bad_scope")
    own = await client.get("/kpi/months", headers=world.staff[Role.STATION_MANAGER].headers)
    assert {item["scope"] for item in own.json()["items"]} == {
        f"station:{public_single('stn', world.station_id)}"
    }
