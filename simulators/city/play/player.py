"""Which morning is played, and its course from the cut-off before it to half past seven."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from app.core.clock import OPERATOR_ZONE, local_date, local_instant, wall_now
from app.core.errors import SetupError
from simulators.city.play.agenda import Agenda
from simulators.city.play.api import Api, Refused
from simulators.city.play.clock import LEAP, SETTLE_SECONDS, TownClock
from simulators.city.play.convoy import READ_EVERY, Convoy
from simulators.city.play.households import Households
from simulators.city.play.rounds import Rounds
from simulators.city.play.script import BEGINS, ENDS
from simulators.city.play.stage import Fault, Stage

DAY = timedelta(days=1)
PLANNED_WITHIN_SECONDS = 180.0
MADE_UP_DAYS = 13
"""How late the product takes a phone's word."""
AT_CHANNELS = {Fault.SMS_DOWN: "sms_down", Fault.PAYMENTS_LOST: "notify_lost"}


def say_on_screen(text: str) -> None:
    """One line of progress."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for. `once_a_day`: at most one morning a wall day."""

    on: date | None = None
    speed: float = 36.0
    seed: int = 1
    faults: frozenset[Fault] = frozenset()
    endless: bool = False
    once_a_day: bool = False


@dataclass(frozen=True)
class Cast:
    """Who can log in here."""

    passwords: dict[str, str] = field(repr=False)
    deliverers: tuple[str, ...]
    customer_phone: str | None

    @classmethod
    def read(cls, path: Path) -> "Cast":
        """From the file the city's loading wrote; raises SetupError."""
        try:
            logins = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise SetupError(
                f"{path} cannot be read: start the demo once with `make run`, which writes it."
            ) from error
        staff = [one for one in logins if one["role"] != "customer"]
        return cls(
            passwords={one["login"]: one["password"] for one in staff},
            deliverers=tuple(one["login"] for one in staff if one["role"] == "deliverer"),
            customer_phone=next(
                (one["login"] for one in logins if one["role"] == "customer"), None
            ),
        )


class Player:
    """Plays mornings through the API."""

    def __init__(
        self,
        *,
        product: httpx.AsyncClient,
        channels: httpx.AsyncClient,
        cast: Cast,
        wishes: Wishes,
        settle_seconds: float = SETTLE_SECONDS,
        leap: timedelta = LEAP,
        say: Callable[[str], None] = say_on_screen,
    ) -> None:
        self._cast = cast
        self._wishes = wishes
        self._say = say
        self.api = Api(product, cast.passwords)
        self.channels = Api(channels, {})
        self.clock = TownClock(
            self.api, speed=wishes.speed, settle_seconds=settle_seconds, leap=leap
        )
        self.stages: list[Stage] = []

    async def play(self) -> list[str]:
        """Play what is wished; answers what failed. The clock counts at 1 again in any case."""
        try:
            now = await self.clock.read()
        except Refused as refusal:
            raise SetupError(
                "A morning is played only in a demo started by this version's `make run` "
                f"({refusal})."
            ) from refusal
        on = self._wishes.on or self.next_morning(now)
        if on is None:
            self._say("今天的早晨已演示 this wall day's morning has been played")
        else:
            await self._play_from(on, now)
        if self._wishes.once_a_day:
            await self._measure_on()
        return [failure for stage in self.stages for failure in stage.agenda.failures]

    def next_morning(self, now: datetime) -> date | None:
        """The morning the clock stands in or comes to; None when today's has had its turn."""
        today = local_date(now)
        if now < local_instant(today, ENDS):
            return today
        moved_at = self.clock.moved_at
        wall_today = local_date(wall_now())
        has_been = moved_at is not None and local_date(moved_at) == wall_today < today
        return None if self._wishes.once_a_day and has_been else today + DAY

    async def _play_from(self, on: date, now: datetime) -> None:
        await self._arm_faults()
        try:
            if self._wishes.on is None:
                await self._make_up_mornings(before=on, now=now)
            await self.play_morning(on)
            while self._wishes.endless:
                on += DAY
                await self.play_morning(on)
        finally:
            await asyncio.shield(self._leave())

    async def _leave(self) -> None:
        for fault in await self._armed():
            await self.channels.call("DELETE", f"/control/faults/{fault['id']}")
        await self.clock.move(speed=1)

    async def _arm_faults(self) -> None:
        known = {fault["kind"] for fault in await self._armed()}
        for kind in self._kinds - known:
            await self.channels.post("/control/faults", {"kind": kind})

    @property
    def _kinds(self) -> set[str]:
        return {kind for fault, kind in AT_CHANNELS.items() if fault in self._wishes.faults}

    async def _armed(self) -> list[dict[str, Any]]:
        """Our faults at the channels, those of a player that was killed among them."""
        if not self._kinds:
            return []
        armed = await self.channels.get("/control/faults")
        return [fault for fault in armed if fault["kind"] in self._kinds and fault["count"] is None]

    # -- mornings

    async def play_morning(self, on: date) -> None:
        """One morning to its end; one that is over is made up by late phones."""
        now = await self.clock.read()
        is_past = now >= local_instant(on, ENDS)
        rounds = await self._until_planned(on)
        begins, ends = local_instant(on, BEGINS), local_instant(on, ENDS)
        if not is_past:
            if self.clock.now() < begins:
                await self.clock.move(at=begins, speed=self._wishes.speed)
            else:
                await self.clock.move(speed=self._wishes.speed)
        stage = self._stage(on, is_past=is_past)
        if len(stage.deliverers) < rounds:
            self._say(
                f"只有 {len(stage.deliverers)} 位送奶员有账号 only so many deliverers of {rounds} "
                "rounds can log in: load the city anew, into an empty VAR_DIR"
            )
        self._say(f"{on} 开始{'补录' if is_past else '演示'} begins at {self._shown()}")
        vehicles = await self.api.list_all("/vehicles", who="manager")
        Convoy(stage, vehicles).prepare()
        Rounds(stage).prepare()
        Households(stage, customer_phone=self._cast.customer_phone).prepare()
        await stage.agenda.run(self.clock, ends_at=None if is_past else ends)
        if not is_past:
            await self.clock.move(speed=1)
        await self._tell(stage)

    def _stage(self, on: date, *, is_past: bool) -> Stage:
        stage = Stage(
            on=on,
            seed=self._wishes.seed,
            api=self.api,
            channels=self.channels,
            clock=self.clock,
            agenda=Agenda(self._say),
            faults=self._wishes.faults,
            deliverers=self._cast.deliverers,
            say=self._say,
            is_past=is_past,
        )
        self.stages.append(stage)
        return stage

    async def _until_planned(self, on: date) -> int:
        """Put the clock past the cut-off if it has not been there, and wait for the worker.

        Answers how many rounds were planned.
        """
        stations = await self.api.list_all("/stations", who="manager")
        cutoffs = [
            datetime.fromisoformat(day["cutoff_at"])
            for station in stations
            for day in await self._days(station["id"], on)
            if day["state"] == "open"
        ]
        if cutoffs:
            await self._pass_to(max(cutoffs) + timedelta(minutes=1))
        counted = [-1]

        async def is_planned() -> bool:
            for station in stations:
                if any(day["state"] == "open" for day in await self._days(station["id"], on)):
                    return False
            routes = await self.api.get("/routes", who="manager", date=on)
            counted.append(len(routes["items"]))
            return counted[-1] == counted[-2] > 0

        if not await self.clock.until(is_planned, seconds=PLANNED_WITHIN_SECONDS):
            raise SetupError(f"{on} has not been planned: is the worker running? 当天没有路线单。")
        return counted[-1]

    async def _pass_to(self, at: datetime) -> None:
        """Days at a time, as far as the product lets the clock go in one move."""
        while at - await self.clock.read() > timedelta(days=6):
            await self.clock.move(at=self.clock.now() + timedelta(days=6), speed=1)
        if self.clock.now() < at:
            await self.clock.move(at=at, speed=1)

    async def _days(self, station: str, on: date) -> list[dict[str, Any]]:
        shown = await self.api.get(f"/stations/{station}/plan-days", who="manager", from_=on, to=on)
        found: list[dict[str, Any]] = shown["items"]
        return found

    async def _make_up_mornings(self, *, before: date, now: datetime) -> None:
        """Play the mornings that passed while nothing ran."""
        first = max(
            local_date(now) - timedelta(days=MADE_UP_DAYS), before - timedelta(days=MADE_UP_DAYS)
        )
        for back in range((before - first).days):
            on = first + back * DAY
            await self._until_late_plan(on)
            shown = await self._on_time(on)
            if shown["denominator"] and not shown["numerator"]:
                await self.play_morning(on)

    async def _until_late_plan(self, on: date) -> None:
        """Wait while the worker, which did not run either, makes the plan of a day that has passed."""
        stations = await self.api.list_all("/stations", who="manager")

        async def is_planned() -> bool:
            for station in stations:
                for day in await self._days(station["id"], on):
                    if day["state"] != "withdrawn" and day["planned_at"] is None:
                        return False
            return True

        await self.clock.until(is_planned, seconds=PLANNED_WITHIN_SECONDS)

    async def _on_time(self, on: date) -> dict[str, Any]:
        kpis = await self.api.get("/kpi", who="manager", from_=on, to=on)
        found: dict[str, Any] = next(one for one in kpis["items"] if one["key"] == "on_time_rate")
        return found

    # -- afterwards

    async def _measure_on(self) -> None:
        """Only the thermometers go on, so that no device falls silent; until we are stopped."""
        stage = self._stage(local_date(self.clock.now()), is_past=False)
        thermometers = Convoy(stage, []).thermometers
        while True:
            await thermometers.send()
            await asyncio.sleep(READ_EVERY.total_seconds())
            await self.clock.read()

    async def _tell(self, stage: Stage) -> None:
        shown = await self._on_time(stage.on)
        counts = ", ".join(f"{name} {number}" for name, number in sorted(stage.done.items()))
        self._say(
            f"{stage.on} 结束 over at {self._shown()}: {counts}; "
            f"7点前 on time {shown['numerator']}/{shown['denominator']}; "
            f"未成 failed {len(stage.agenda.failures)}"
        )

    def _shown(self) -> str:
        return f"{self.clock.now().astimezone(OPERATOR_ZONE):%m-%d %H:%M}"
