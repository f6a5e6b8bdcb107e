"""What people do that must happen once: each request is repeated with its key until answered."""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.clock import wall_now
from app.core.db import Database
from app.core.ids import public_pair
from tests.fixtures.foundation import eventually
from tests.load.calling import Answered, Call, Caller, new_key
from tests.load.city import Household, People

SAFETY = {"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I10"}
"""All invariants but I9: that nothing is stuck is for a worker to keep, which may be missing."""

_REFUNDS = """
SELECT customer_id, refund_id FROM refunds WHERE customer_id = :customer AND reference_id = :order
"""
_EFFECTS = """
SELECT (SELECT count(*) FROM orders
         WHERE placed_at >= :since AND source NOT IN ('tmall', 'jd', 'shop')) AS placed,
       (SELECT count(*) FROM payments
         WHERE created_at >= :since AND channel <> 'marketplace') AS payments,
       (SELECT count(*) FROM order_changes WHERE kind = 'cancel') AS cancelled,
       (SELECT count(*) FROM order_changes
         WHERE kind NOT IN ('cancel', 'undo') AND at >= :since) AS changed,
       (SELECT count(*) FROM order_changes WHERE status = 'undone' AND at >= :since) AS undone,
       (SELECT count(*) FROM refunds) AS refunds,
       (SELECT coalesce(sum(amount_fen), 0)::bigint FROM refunds) AS refund_fen,
       (SELECT count(*) FROM refunds WHERE status = 'succeeded') AS paid_out,
       (SELECT count(*) FROM sync_events WHERE received_at >= :since) AS events,
       (SELECT count(DISTINCT event_id) FROM deliveries d
         WHERE event_id IN (SELECT event_id FROM sync_events WHERE received_at >= :since)) AS told
"""


@dataclass
class Told:
    """What the clients were told was done; a shop's orders come of themselves meanwhile."""

    placed: int = 0
    payments: int = 0
    cancelled: int = 0
    changed: int = 0
    undone: int = 0
    refunds: int = 0
    refund_fen: int = 0
    paid_out: int = 0
    events: int = 0
    told: int = 0


@dataclass
class Clients:
    """Households, deliverers and finance at work, each stop and each running order used once."""

    people: People
    calls: Caller
    database: Database
    chance: random.Random = field(default_factory=lambda: random.Random(20260315))
    told: Told = field(default_factory=Told)
    answers: list[tuple[Call, Answered]] = field(default_factory=list)
    """Requests with a key and what they were answered."""
    began_at: datetime = field(default_factory=wall_now)
    begun: list[tuple[str, str]] = field(default_factory=list)
    """Orders that wait for their payer, with the payment."""
    with_channel: bool = True
    """Whether somebody at the channel answers."""

    def __post_init__(self) -> None:
        """Deal out what is used once."""
        self._ordered_at = 0.0
        self._payers = itertools.cycle(self.people.households)
        self._leavers = iter(self.people.households[::2])
        movers = [home for home in self.people.households[1::2] if home.is_plain]
        self._movers = zip(movers, itertools.cycle(_wanted(self.people)), strict=False)
        self._stops = ((one, stop) for one in self.people.rounds for stop in one.stops)

    @property
    def acts(self) -> list[Callable[[], Awaitable[None]]]:
        """All that people do."""
        return [self.order, self.upload, self.cancel, self.change]

    async def work(self, clients: int, until: Callable[[], bool]) -> None:
        """Let so many act one request after the other, until told to stop."""
        acts = self.acts

        async def keep_busy(number: int) -> None:
            for act in itertools.islice(itertools.cycle(acts), number, None):
                if until():
                    return
                await act()

        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(keep_busy(number))

    async def once(self, call: Call) -> Any:
        """Ask with a key until answered; the body."""
        answer = await self.calls.until_answered(call)
        self.answers.append((call, answer))
        return answer.ok()

    async def order(self) -> None:
        """Place an order and, with a channel, start its payment."""
        home = next(self._payers)
        body = home.new_order(self.people.products[0])
        order = str((await self.once(Call("POST", "/orders", home.token, body, new_key())))["id"])
        self.told.placed += 1
        self._ordered_at = time.monotonic()
        if not self.with_channel:
            return
        path = f"/orders/{order}/payments"
        payment = await self.once(Call("POST", path, home.token, {}, new_key()))
        assert payment["status"] == "pending", payment
        self.told.payments += 1
        self.begun.append((order, str(payment["id"])))

    async def until_somebody_ordered(self, *, since: float) -> None:
        """Wait for an acknowledged order after a moment (monotonic seconds)."""

        async def somebody_has() -> bool:
            return self._ordered_at > since

        await eventually(somebody_has, within_seconds=120)

    async def upload(self) -> None:
        """A deliverer's phone tells of one stop."""
        dealt = next(self._stops, None)
        if dealt is None:
            return
        one, stop = dealt
        call = Call("POST", "/sync", one.token, one.batch([stop], self.people.today), name="sync")
        (said,) = (await self.calls.until_answered(call)).ok()["answers"]
        assert said["status"] in {"accepted", "duplicate"}, said
        self.told.events += 1
        self.told.told += 1

    async def cancel(self) -> None:
        """A household leaves; what was paid in cash is approved and paid out by finance."""
        home = next(self._leavers, None)
        if home is None:
            return
        shown, answer = await self._confirm(home, {"kind": "cancel"})
        assert answer["refund_fen"] == shown["refund_fen"]
        self.told.cancelled += 1
        self.told.refunds += 1
        self.told.refund_fen += shown["refund_fen"]
        if home.source == "door":
            await self._pay_out(home)

    async def change(self) -> None:
        """A household changes what comes, and every other one takes it back again."""
        home, wanted = next(self._movers, (None, {}))
        if home is None:
            return
        shown, receipt = await self._confirm(home, wanted)
        assert receipt["effective_date"] == shown["effective_date"]
        self.told.changed += 1
        if self.told.changed % 2:
            path = f"/orders/{home.order}/changes/{receipt['id']}/undo"
            await self.once(Call("POST", path, home.token, None, new_key()))
            self.told.undone += 1

    async def _confirm(self, home: Household, wanted: dict[str, Any]) -> tuple[Any, Any]:
        """What a change would do, and its receipt."""
        path = f"/orders/{home.order}/changes"
        while True:
            asked = Call("POST", f"{path}/preview", home.token, wanted)
            shown = (await self.calls.until_answered(asked)).ok()
            call = Call("POST", path, home.token, {"token": shown["token"]}, new_key())
            answer = await self.calls.until_answered(call)
            if answer.status != 409:  # a cut-off passed between the two
                break
        self.answers.append((call, answer))
        return shown, answer.ok()

    async def _pay_out(self, home: Household) -> None:
        finance = self.people.staff["finance"]
        path = f"/refunds/{await self._refund_of(home)}"
        await self.once(Call("POST", f"{path}/approve", finance, None, new_key()))
        paper = {"evidence": "收据 2026-0315"}
        paid = await self.once(Call("POST", f"{path}/paid-out", finance, paper, new_key()))
        assert paid["status"] == "succeeded", paid
        self.told.paid_out += 1

    async def _refund_of(self, home: Household) -> str:
        found: list[str] = []

        async def look() -> bool:
            with contextlib.suppress(DBAPIError, OSError):
                async with self.database.transaction() as session:
                    wanted = {"customer": home.customer_id, "order": home.order_id}
                    for row in await session.execute(text(_REFUNDS), wanted):
                        found[:] = [public_pair("rfd", *row)]
            return bool(found)

        await eventually(look, within_seconds=120)  # the database may be away
        return found[0]

    async def assert_one_effect_each(self) -> None:
        """The rows are what was told, and every answer is given again as it was."""
        async with self.database.transaction() as session:
            row = (await session.execute(text(_EFFECTS), {"since": self.began_at})).one()
        assert row._asdict() == asdict(self.told)
        for call, first in self.answers:
            again = await self.calls.until_answered(call)
            assert (again.status, again.body) == (first.status, first.body)
            assert again.headers["idempotent-replayed"] == "true"


def _wanted(people: People) -> list[dict[str, Any]]:
    """Changes of every kind that costs nothing, far enough ahead to be possible."""
    day, last = (people.today + timedelta(days=count) for count in (5, 8))
    return [
        {"kind": "skip", "date": f"{day}"},
        {"kind": "pause", "from_date": f"{day}", "until_date": f"{last}", "settle": "money"},
        {"kind": "one_day_quantity", "date": f"{day}", "quantity": 2},
        {"kind": "pause", "from_date": f"{day}"},
        {"kind": "change_quantity", "from_date": f"{day}", "quantity": 2},
        {"kind": "skip", "date": f"{last}", "settle": "money"},
        {
            "kind": "change_pattern",
            "from_date": f"{day}",
            "pattern": {"kind": "every_days", "interval_days": 2, "quantity": 1},
        },
    ]
