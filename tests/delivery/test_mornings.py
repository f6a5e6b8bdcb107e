"""The morning's counts equal the rows, whatever phones and people do, and in whatever order."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.core.ids import new_id
from app.core.jobs import JobContext
from app.customers.models import CustomerKind
from app.delivery.jobs import run_count_mornings
from app.delivery.make_up import add_make_up
from app.delivery.models import BlockMorning, RouteSheet
from app.delivery.rules import FailureReason
from app.delivery.service import Batch, Confirmation, plan_day, sync
from app.delivery.service.reading import hand_over_route
from app.delivery.service.withdrawing import withdraw
from app.orders.repository.withdrawals import Scope
from app.orders.states import WithdrawalSettle
from tests.delivery.conftest import SYNC_AT, Round
from tests.delivery.test_sync_races import live_round
from tests.factories.delivery import TOMORROW, RunningLine, add_line
from tests.factories.world import MORNING, World

__all__ = ["live_round"]

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEXT_DAY = TOMORROW + timedelta(days=1)
COUNTS = (
    "due", "made", "on_time", "late", "bulk", "partly", "failed", "still_open", "withdrawn",
    "schools_due", "schools_made",
)  # fmt: skip


async def count_by_hand(session: AsyncSession) -> dict[tuple[Any, date], dict[str, Any]]:
    """What the rows say, in plain Python."""
    found: dict[tuple[Any, date], dict[str, Any]] = {}

    def of(row: Any) -> dict[str, Any]:
        empty: dict[str, Any] = dict.fromkeys(COUNTS, 0) | {
            "slots": Counter(),
            "last_tap": None,
            "heard": None,
        }
        return found.setdefault((row.block_id, row.service_date), empty)

    for row in await session.execute(text("SELECT * FROM stops")):
        _count(of(row), row)
    for row in await session.execute(text("SELECT * FROM deliveries WHERE done_at IS NOT NULL")):
        seen = of(row)
        seen["last_tap"] = max(seen["last_tap"] or row.done_at, row.done_at)
        seen["heard"] = max(seen["heard"] or row.recorded_at, row.recorded_at)
    return found


def _count(seen: dict[str, Any], stop: Any) -> None:
    if stop.customer_kind != "household":
        seen["schools_due"] += stop.state != "withdrawn"
        seen["schools_made"] += stop.state == "made"
        return
    if stop.state == "withdrawn":
        seen["withdrawn"] += 1
        return
    seen["due"] += 1
    if stop.state != "made":
        seen["still_open" if stop.state == "planned" else stop.state] += 1
        return
    seen["made"] += 1
    made_at = stop.made_at.astimezone(SHANGHAI)
    seven = datetime.combine(stop.service_date, time(7), tzinfo=SHANGHAI)
    if stop.bulk_marked:
        seen["bulk"] += 1
        return
    seen["on_time" if made_at < seven else "late"] += 1
    same_day = made_at.date() == stop.service_date
    seen["slots"][(made_at.hour * 60 + made_at.minute) // 10 if same_day else 143] += 1


async def assert_equal(session: AsyncSession) -> None:
    """Every count equals its rows, and there is one for every block that has any."""
    expected = await count_by_hand(session)
    kept = await session.scalars(select(BlockMorning).execution_options(populate_existing=True))
    stored = {(one.block_id, one.service_date): one for one in kept}
    assert set(expected) <= set(stored)
    for key, one in stored.items():
        seen = expected.get(key, dict.fromkeys(COUNTS, 0) | {"slots": {}})
        assert {name: getattr(one, name) for name in COUNTS} == {
            name: seen[name] for name in COUNTS
        }
        assert one.made_by_slot == {str(slot): stops for slot, stops in seen["slots"].items()}
        assert (one.last_tap_at, one.last_heard_at) == (seen.get("last_tap"), seen.get("heard"))


@dataclass
class Morning:
    """Two rounds, what was said of them so far, and the time."""

    session: AsyncSession
    world: World
    lines: list[RunningLine]
    now: datetime = SYNC_AT
    said: list[Confirmation] = field(default_factory=list)

    async def tap(self, events: list[Confirmation], *, deliverer: int) -> None:
        """One batch of a phone whose clock is right."""
        batch = Batch(
            deliverer_id=self.world.deliverers[deliverer],
            sent_at=self.now,
            received_at=self.now,
            now=self.now,
            events=events,
        )
        await sync(self.session, batch)
        self.said += events


Act = Callable[[Morning], Awaitable[Any]]
minutes = st.integers(-60, 1600)


@st.composite
def uploads(draw: st.DrawFn) -> Act:
    """Some taps, early or days late, in bulk or not, in full, in part or not at all."""
    deliverer, lateness = draw(st.integers(0, 1)), draw(st.sampled_from([0, 1, 70, 3000]))
    taps = draw(
        st.lists(
            st.tuples(
                st.integers(0, 5), minutes, st.booleans(), st.sampled_from(["all", "none", "some"])
            ),
            min_size=1,
            max_size=6,
        )
    )

    async def act(morning: Morning) -> None:
        morning.now += timedelta(minutes=lateness)
        events = []
        for which, minute, bulk, fate in taps:
            line = morning.lines[which]
            at = datetime.combine(TOMORROW, time(), tzinfo=SHANGHAI) + timedelta(minutes=minute)
            events.append(
                Confirmation(
                    event_id=new_id(),
                    device_at=min(at, morning.now),
                    customer_id=line.customer_id,
                    address_id=line.address_id,
                    service_date=TOMORROW,
                    outcome="not_delivered" if fate == "none" else "delivered",
                    reason=None if fate == "all" else FailureReason.CUSTOMER_ABSENT,
                    bottles=1 if fate == "some" else None,
                    bulk=bulk,
                )
            )
        await morning.tap(events, deliverer=deliverer)

    return act


@st.composite
def corrections(draw: st.DrawFn) -> Act:
    """A stop said otherwise later on, or the same batch once more."""
    which, again, fails = draw(st.integers(0, 50)), draw(st.booleans()), draw(st.booleans())
    deliverer = draw(st.integers(0, 1))

    async def act(morning: Morning) -> None:
        if not morning.said:
            return
        old = morning.said[which % len(morning.said)]
        if not again:
            old = replace(
                old,
                event_id=new_id(),
                corrects=old.event_id,
                device_at=min(old.device_at + timedelta(minutes=which), morning.now),
                outcome="not_delivered" if fails else "delivered",
                reason=FailureReason.LOCKED_GATE if fails else None,
                bottles=None,
            )
        await morning.tap([old], deliverer=deliverer)

    return act


@st.composite
def station_acts(draw: st.DrawFn) -> Act:
    """A stand-in, a make-up of tomorrow, a second plan, a day withdrawn."""
    kind, which = draw(st.sampled_from(["stand_in", "make_up", "plan"])), draw(st.integers(0, 5))

    async def act(morning: Morning) -> None:
        world, line = morning.world, morning.lines[which]
        if kind == "stand_in":
            await hand_over_route(
                morning.session,
                block_id=world.blocks[which % 2],
                service_date=TOMORROW,
                deliverer_id=world.deliverers[which % 2 ^ 1],
                actor="test",
                now=morning.now,
            )
        elif kind == "make_up":
            await add_make_up(
                morning.session,
                customer_id=line.customer_id,
                order_line_id=line.order_line_id,
                service_date=TOMORROW,
                bottles=1,
                cause_id=new_id(),
                now=MORNING,
            )
        else:
            await plan(morning.session, world)

    return act


async def plan(session: AsyncSession, world: World) -> None:
    await plan_day(
        session,
        stations=[world.station_id],
        service_date=TOMORROW,
        now=MORNING + timedelta(hours=7),
    )
    await session.execute(
        text("UPDATE plan_days SET planned_at = :now, state = 'frozen' WHERE service_date = :day"),
        {"now": MORNING, "day": TOMORROW},
    )


class _Undo(Exception):
    """Takes an example's rows back."""


acts = st.lists(
    st.one_of(uploads(), uploads(), corrections(), station_acts()), min_size=1, max_size=8
)


@settings(max_examples=25)
@given(story=acts, withdrawn=st.booleans())
async def test_the_counts_equal_the_rows_after_any_story(
    database: Database, world: World, story: list[Act], withdrawn: bool
) -> None:
    with suppress(_Undo):
        async with database.transaction() as session:
            households = [
                world.household,
                *[await world.add_household(session, block=n % 2) for n in range(3)],
                await world.add_household(session, kind=CustomerKind.SCHOOL),
            ]
            lines = [
                await add_line(session, home, world.milk_id, quantity=2) for home in households
            ]
            lines.append(await add_line(session, world.household, world.yogurt_id))
            await plan(session, world)
            await assert_equal(session)
            if withdrawn:
                await withdraw(
                    session,
                    Scope(stations=[world.station_id], first=NEXT_DAY, last=NEXT_DAY),
                    settle=WithdrawalSettle.PERIOD,
                    reason="台风",
                    actor="test",
                    now=MORNING,
                )
            morning = Morning(session, world, lines)
            for act in story:
                await act(morning)
                await assert_equal(session)
            raise _Undo


async def test_phones_that_report_at_once_are_all_counted(live_round: Round) -> None:
    """Two phones on one block, over real commits: the counts have what each brought."""
    morning = live_round
    at = morning.phone_time(SYNC_AT - timedelta(hours=1))
    async with morning.database.transaction() as session:
        await hand_over_route(
            session,
            block_id=morning.world.blocks[0],
            service_date=TOMORROW,
            deliverer_id=morning.world.deliverers[1],
            actor="test",
            now=SYNC_AT,
        )
    async with asyncio.timeout(60):
        await asyncio.gather(
            morning.send(_tap(morning.milk, at), deliverer=1),
            morning.send(_tap(morning.neighbour, at), deliverer=0),
            morning.send(_tap(morning.foreign, at), _tap(morning.neighbour, at), deliverer=1),
        )
    async with morning.database.transaction() as session:
        await assert_equal(session)
        kept = list(await session.scalars(select(BlockMorning)))
        assert sum(one.made for one in kept) == 3


def _tap(line: RunningLine, at: datetime) -> dict[str, Any]:
    return {
        "event_id": str(new_id()),
        "kind": "stop_done",
        "device_at": at.isoformat(),
        "stop": line.public_address_id,
        "service_date": TOMORROW.isoformat(),
        "outcome": "delivered",
    }


async def test_rounds_nobody_counted_are_counted_by_the_job_or_the_first_phone(
    morning: Round, job_context: JobContext
) -> None:
    async with morning.database.transaction() as session:
        await session.execute(delete(BlockMorning))
    await morning.send(_tap(morning.milk, morning.phone_time(SYNC_AT)))
    async with morning.database.transaction() as session:
        assert len(list(await session.scalars(select(BlockMorning)))) == 1
    await run_count_mornings(job_context, {})
    async with morning.database.transaction() as session:
        assert len(list(await session.scalars(select(RouteSheet)))) == 2
        await assert_equal(session)


async def test_a_stop_said_otherwise_leaves_no_trace_in_the_curve(morning: Round) -> None:
    at = morning.phone_time(SYNC_AT - timedelta(hours=1))
    later = morning.phone_time(SYNC_AT - timedelta(minutes=5))
    for tap in (_tap(morning.milk, at), _tap(morning.neighbour, at), _tap(morning.milk, later)):
        await morning.send(tap)
    failed = _tap(morning.neighbour, later) | {"outcome": "not_delivered", "reason": "no_box"}
    await morning.send(failed)
    async with morning.database.transaction() as session:
        await assert_equal(session)
        key = (morning.world.blocks[0], TOMORROW)
        kept = await session.get_one(BlockMorning, key)
        assert (kept.made_by_slot, kept.made, kept.failed) == ({"36": 1}, 1, 1)
