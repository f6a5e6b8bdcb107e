"""After a whole story: no phone, name, door or token outside the sealed columns and the SMS."""

import io
from collections.abc import Awaitable, Callable

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.base import Base
from app.core.db import Database
from tests.e2e import test_story
from tests.e2e.conftest import sms
from tests.factories.notifications import Stage
from tests.factories.world import World
from tests.fixtures.application import SetClock
from tests.fixtures.payments import Payments

__all__ = ["sms"]
QUEUE = ("pgqueuer", "pgqueuer_log")


async def dump(session: AsyncSession) -> str:
    """Every row of every table as text; bytes in hexadecimal."""
    parts = []
    for name in (*sorted(Base.metadata.tables), *QUEUE):
        rows = await session.scalars(text(f"SELECT t::text FROM {name} t"))
        parts += [f"{name}: {row}" for row in rows]
    return "\n".join(parts)


def secrets_of(world: World) -> list[str]:
    """What must not be read anywhere."""
    people = [world.household.phone, test_story.PHONE, "13811112222"]
    doors = ["301室", "502室", "周女士", "王女士", "陈先生"]
    tokens = [world.household.token, *(member.token for member in world.staff.values())]
    return [*people, *doors, *tokens]


async def test_a_story_leaves_nobody_in_logs_jobs_or_the_dump(
    client: httpx.AsyncClient,
    world: World,
    payments: Payments,
    sms: Stage,  # the fixture of that name
    clock: SetClock,
    database: Database,
    drain_jobs: Callable[[], Awaitable[list[str]]],
    written: io.StringIO,
) -> None:
    await test_story.test_from_an_order_to_the_doorstep(
        client, world, payments, sms, clock, database, drain_jobs
    )
    logs = written.getvalue()
    async with database.transaction() as session:
        rows = await dump(session)
    assert logs.count('"event": "request"') + logs.count('"event":"request"') > 20, logs[:500]
    assert "orders: " in rows
    assert "梅陇一村" in rows, "buildings are plain"
    for secret in secrets_of(world):
        assert secret not in logs, secret
        found = [row for row in rows.splitlines() if secret in row or _hex(secret) in row]
        assert not found, (secret, found)


def _hex(secret: str) -> str:
    return secret.encode().hex()
