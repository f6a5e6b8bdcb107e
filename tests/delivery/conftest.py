"""A planned morning: two households on the first deliverer's round, one on the second's."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import wall_now
from app.core.db import Database
from app.delivery.models import Delivery, Stop
from app.delivery.service import plan_day
from tests.factories.delivery import TOMORROW, RunningLine, add_line
from tests.factories.world import MORNING, World
from tests.fixtures.application import SetClock

AT_THE_DOOR = MORNING + timedelta(hours=18, minutes=30)
"""04:30 in Shanghai on the morning of the round."""
SYNC_AT = MORNING + timedelta(hours=20, minutes=10)
"""06:10: the phone finds the network."""


@dataclass
class Round:
    """The morning, its lines, and the phone that reports it."""

    client: httpx.AsyncClient
    database: Database
    world: World
    clock: SetClock
    milk: RunningLine
    yogurt: RunningLine
    neighbour: RunningLine
    foreign: RunningLine

    def phone_time(self, business: datetime) -> datetime:
        """What a right phone shows at a business instant, when the server's clock stands."""
        return self.sent_at - (self.clock.now() - business)

    async def send(
        self,
        *events: dict[str, Any],
        deliverer: int = 0,
        sent_at: datetime | None = None,
    ) -> list[dict[str, Any]]:
        """Send a batch; answers the answers."""
        answer = await self.post(*events, deliverer=deliverer, sent_at=sent_at)
        assert answer.status_code == 200, answer.text
        answers: list[dict[str, Any]] = answer.json()["answers"]
        return answers

    async def post(
        self, *events: dict[str, Any], deliverer: int = 0, sent_at: datetime | None = None
    ) -> httpx.Response:
        """Send a batch; answers the response."""
        body = {
            "batch_id": "01930000-0000-7000-8000-000000000001",
            "sent_at": (sent_at or self.sent_at).isoformat(),
            "events": list(events),
        }
        return await self.client.post(
            "/sync",
            content=json.dumps(body, default=str),
            headers=self.world.deliverer_staff[deliverer].headers
            | {"Content-Type": "application/json"},
        )

    async def delivery(self, line: RunningLine) -> Delivery:
        """The planned delivery of a line, as it stands."""
        async with self.database.transaction() as session:
            found = await session.scalars(
                select(Delivery).where(
                    Delivery.order_line_id == line.order_line_id, Delivery.delivery_no == 0
                )
            )
            return found.one()

    async def stop(self, line: RunningLine) -> Stop:
        """The stop of a line, as it stands."""
        async with self.database.transaction() as session:
            found = await session.scalars(
                select(Stop).where(
                    Stop.customer_id == line.customer_id, Stop.service_date == TOMORROW
                )
            )
            return found.one()

    sent_at: datetime = MORNING


async def build_round(
    session: AsyncSession, world: World
) -> tuple[RunningLine, RunningLine, RunningLine, RunningLine]:
    """Lines and the plan of their morning."""
    neighbour = await world.add_household(session, block=0, stop_no=7)
    far = await world.add_household(session, block=1)
    lines = (
        await add_line(session, world.household, world.milk_id, quantity=2),
        await add_line(session, world.household, world.yogurt_id),
        await add_line(session, neighbour, world.milk_id),
        await add_line(session, far, world.milk_id),
    )
    await plan_day(
        session,
        stations=[world.station_id],
        service_date=TOMORROW,
        now=MORNING + timedelta(hours=7),
    )
    return lines


@pytest.fixture
async def morning(
    client: httpx.AsyncClient, database: Database, world: World, clock: SetClock
) -> Round:
    """A planned round at 06:10."""
    async with database.transaction() as session:
        lines = await build_round(session, world)
    clock.set(SYNC_AT)
    return Round(client, database, world, clock, *lines, sent_at=wall_now())


CountStatements = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def count_statements(database: Database) -> CountStatements:
    """Collects the SQL sent while it is open."""
    engine = database.engine.sync_engine

    @contextmanager
    def collect() -> Iterator[list[str]]:
        sent: list[str] = []

        def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
            sent.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        try:
            yield sent
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return collect
