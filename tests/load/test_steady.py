"""A working day's mixed requests at a steady rate: nothing fails, nothing grows (T2)."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from app.core.clock import wall_now
from app.core.invariants import check_invariants
from tests.fixtures.doses import SOAK, dose
from tests.fixtures.figures import note_figure, note_latencies
from tests.fixtures.foundation import eventually
from tests.load.calling import Call, Caller, caller, new_key
from tests.load.channels import Channels, all_delivering
from tests.load.city import People, month_of
from tests.load.installation import Installation
from tests.load.programs import Program

pytestmark = pytest.mark.processes

SECONDS = dose(3, 1800)
PER_SECOND = dose(30, 150)
WARM_UP = 0.2
"""The share of the run after which memory is watched."""
MEGABYTE = 1_000_000


class Day:
    """Requests as a dairy's day mixes them."""

    def __init__(self, city: Installation, people: People, calls: Caller) -> None:
        self._people = people
        self._calls = calls
        self._chance = random.Random(20260315)
        self._simulated = Channels(city.sim_port)
        self.seconds: list[float] = []
        self.paid: list[str] = []
        self._kinds: list[tuple[Callable[[], Awaitable[object]], int]] = [
            (self._quote, 26),
            (self._list_orders, 18),
            (self._read_order, 12),
            (self._upload, 16),
            (self._place, 10),
            (self._pay, 4),
            (self._route, 5),
            (self._readings, 5),
            (self._complain, 2),
            (self._rates, 2),
        ]

    async def one(self, due_at: float) -> None:
        """One action of somebody; what it waited since it was due counts."""
        (act,) = self._chance.choices(
            [kind for kind, _ in self._kinds], [weight for _, weight in self._kinds]
        )
        await act()
        self.seconds.append(time.monotonic() - due_at)

    async def close(self) -> None:
        """Hang up."""
        await self._simulated.close()

    async def _ask(self, call: Call) -> Any:
        return (await self._calls.until_answered(call)).ok()

    async def _quote(self) -> None:
        home = self._chance.choice(self._people.households)
        lines = [month_of(self._chance.choice(self._people.products))]
        body = {"address": home.building, "lines": lines}
        await self._ask(Call("POST", "/orders/quote", body=body))

    async def _list_orders(self) -> None:
        home = self._chance.choice(self._people.households)
        await self._ask(Call("GET", "/orders", home.token))

    async def _read_order(self) -> None:
        home = self._chance.choice(self._people.households)
        await self._ask(Call("GET", f"/orders/{home.order}", home.token))

    async def _place(self) -> tuple[str, str]:
        home = self._chance.choice(self._people.households)
        body = home.new_order(self._chance.choice(self._people.products))
        answer = await self._ask(Call("POST", "/orders", home.token, body, new_key()))
        return home.token, str(answer["id"])

    async def _pay(self) -> None:
        token, order = await self._place()
        call = Call("POST", f"/orders/{order}/payments", token, {}, new_key())
        await self._simulated.pay((await self._ask(call))["id"])
        self.paid.append(order)

    async def _upload(self) -> None:
        one = self._chance.choice(self._people.rounds)
        body = one.batch(one.stops[:20], self._people.today)
        answer = await self._ask(Call("POST", "/sync", one.token, body))
        assert {said["status"] for said in answer["answers"]} == {"accepted"}, answer

    async def _route(self) -> None:
        one = self._chance.choice(self._people.rounds)
        await self._ask(Call("GET", f"/routes?date={self._people.today}", one.token))

    async def _readings(self) -> None:
        now = wall_now()
        readings = [
            {"device": code, "at": (now - timedelta(seconds=back)).isoformat(), "celsius": 4.0}
            for code in self._people.devices
            for back in range(0, 60, 10)
        ]
        body = {"readings": readings}
        await self._ask(Call("POST", "/coldchain/readings", self._people.staff["quality"], body))

    async def _complain(self) -> None:
        home = self._chance.choice(self._people.households)
        body = {"kind": "complaint", "category": "late", "body": "今天七点还没有送到"}
        await self._ask(Call("POST", "/tickets", home.token, body, new_key()))

    async def _rates(self) -> None:
        today = self._people.today
        path = f"/kpi?from={today - timedelta(days=1)}&to={today}"
        await self._ask(Call("GET", path, self._people.staff["manager"]))


class Memory:
    """What a process holds, looked at every second."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.seen: list[tuple[float, float]] = []

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look as long as the block runs."""
        task = asyncio.create_task(self._look())
        try:
            yield
        finally:
            task.cancel()

    async def _look(self) -> None:
        while True:
            self.seen.append((time.monotonic(), self._program.rss_bytes / MEGABYTE))
            await asyncio.sleep(1)

    @property
    def megabytes_per_minute(self) -> float:
        """Slope of the least-squares line after the warm-up."""
        seen = self.seen[int(len(self.seen) * WARM_UP) :]
        middle_at = sum(at for at, _ in seen) / len(seen)
        middle = sum(size for _, size in seen) / len(seen)
        spread = sum((at - middle_at) ** 2 for at, _ in seen)
        if not spread:
            return 0.0
        return 60 * sum((at - middle_at) * (size - middle) for at, size in seen) / spread


async def test_a_steady_day_has_no_error(city: Installation, people: People) -> None:
    web, _, _ = await asyncio.gather(city.serve(), city.work(), city.simulate())
    memory = Memory(web)
    async with caller(city.port, connections=64) as calls, memory.watched():
        day = Day(city, people, calls)
        started = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(SECONDS * PER_SECOND):
                    due_at = started + number / PER_SECOND
                    await asyncio.sleep(max(0.0, due_at - time.monotonic()))
                    group.create_task(day.one(due_at))
        finally:
            await day.close()
        seconds = time.monotonic() - started
    # A machine that has no time may say "come again", which the clients do; a soak's may not.
    assert (calls.faults if SOAK else calls.unexpected) == []
    assert len(day.seconds) == SECONDS * PER_SECOND
    assert web.is_alive
    await eventually(all_delivering(city.database, day.paid), within_seconds=300)

    async def all_holds() -> bool:
        async with city.database.transaction() as session:
            return not await check_invariants(session, now=wall_now())

    await eventually(all_holds, within_seconds=120)
    note_latencies("steady", day.seconds, limits={95: 300, 99: 1000})
    note_figure("steady_rate", len(day.seconds) / seconds, "requests/s", PER_SECOND)
    note_figure("steady_memory_slope", memory.megabytes_per_minute, "MB/min", 0)
    note_figure("steady_memory", memory.seen[-1][1], "MB")
