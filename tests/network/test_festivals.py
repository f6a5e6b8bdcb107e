"""The calendar of festivals ends; who promises days beyond it is told."""

from datetime import date

import httpx
import pytest
from sqlalchemy import select

from app.core.alerts import Alert
from app.core.clock import local_instant
from app.core.db import Database
from app.core.jobs import JobContext
from app.identity.models import Role
from app.network.jobs import JOBS, SCHEDULES
from app.network.rules import find_year_without_festivals
from app.network.service import find_festival_gap
from tests.factories.history import SEVEN
from tests.factories.world import World
from tests.fixtures.application import SetClock

UNHEARD_OF = 2090
"""No calendar is published so far ahead."""
DECEMBER = date(UNHEARD_OF - 1, 12, 1)


def test_a_year_that_nobody_has_published_is_a_gap() -> None:
    assert find_year_without_festivals(date(2025, 12, 1), date(2026, 2, 1)) is None
    assert find_year_without_festivals(date(2026, 1, 1), date(UNHEARD_OF, 1, 1)) is not None
    assert find_festival_gap(date(2026, 3, 15)) is None
    assert find_festival_gap(DECEMBER) == UNHEARD_OF - 1


async def run(context: JobContext) -> None:
    (job,) = [one for one in JOBS if one.name == "network.watch_festivals"]
    await job.handler(context, {})


async def test_the_alert_stands_once_and_ends_with_the_calendar(
    database: Database, job_context: JobContext, clock: SetClock
) -> None:
    assert any(one.job == "network.watch_festivals" for one in SCHEDULES)
    clock.set(local_instant(DECEMBER, SEVEN))
    for _ in range(2):
        await run(job_context)
    async with database.transaction() as session:
        (alert,) = (await session.scalars(select(Alert))).all()
        assert (alert.kind, alert.facts) == ("festivals_unknown", {"year": UNHEARD_OF - 1})
        assert alert.resolved_at is None
    clock.set(local_instant(date(2026, 3, 15), SEVEN))
    await run(job_context)
    async with database.transaction() as session:
        (alert,) = (await session.scalars(select(Alert))).all()
        assert alert.resolved_at is not None


@pytest.mark.parametrize(
    ("role", "day", "is_told"),
    [
        (Role.MANAGER, DECEMBER, True),
        (Role.STATION_MANAGER, DECEMBER, False),
        (Role.MANAGER, date(2026, 3, 15), False),
    ],
)
async def test_the_dashboard_tells_those_who_can_mend_it(
    client: httpx.AsyncClient,
    world: World,
    clock: SetClock,
    role: Role,
    day: date,
    is_told: bool,
) -> None:
    clock.set(local_instant(day, SEVEN))
    page = await client.get("http://test/manager?period=today", headers=world.staff[role].headers)
    assert page.status_code == 200
    assert (f"{UNHEARD_OF - 1} 年的法定节假日还没有收录" in page.text) is is_told
