"""Small machinery: cursors, alerts, partitions, the mark of a demo."""

import asyncio
import base64
import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text, update

from app.core import housekeeping
from app.core.alerts import list_open_alerts, raise_alert, resolve_alert
from app.core.clock import wall_now
from app.core.db import Database
from app.core.demo import find_mark, mark_demo, require_same_kind
from app.core.errors import SetupError
from app.core.idempotency import IdempotencyKey, claim_key
from app.core.jobs import JobContext, OnceKey
from app.core.pagination import BadCursor, PageRequest, cursor_of
from app.core.partitions import PARTITIONED, ensure_partitions, month_after
from app.core.schedule import ClockSlot
from tests.fixtures.application import SetClock
from tests.fixtures.foundation import scalar


@given(st.lists(st.integers(-(2**62), 2**62) | st.text("abc王0-9", max_size=20), max_size=4))
def test_a_cursor_returns_what_it_was_made_of(keys: list[int | str]) -> None:
    assert PageRequest(cursor=cursor_of(*keys)).after == keys


def forged(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "====",
        "王",
        "\x00",
        "a" * 499,
        forged({"a": 1}),
        forged("abc"),
        forged(None),
        forged([None]),
        forged([True]),
        forged([1.5]),
        forged([["a"]]),
        forged([2**63]),
        forged(["a\x00b"]),
        forged(["\ud800"]),
        base64.urlsafe_b64encode(b"[" * 370).decode(),
        base64.urlsafe_b64encode(b"[" + b"9" * 360 + b"]").decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_forged_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        PageRequest(cursor=cursor)


@given(st.text(max_size=500))
def test_no_cursor_is_a_surprise(cursor: str) -> None:
    with suppress(BadCursor):
        assert isinstance(PageRequest(cursor=cursor).after, list)


async def test_an_alert_is_open_once_per_subject_and_again_after_it_was_resolved(
    database: Database,
) -> None:
    async with database.transaction() as session:
        assert await raise_alert(session, "late", "order-1", payment_id=UUID(int=7), amount=3)
        assert not await raise_alert(session, "late", "order-1")
        assert await raise_alert(session, "late", "order-2")
        assert await raise_alert(session, "lost", "order-1")
        (alert,) = [
            alert
            for alert in await list_open_alerts(session)
            if (alert.kind, alert.subject) == ("late", "order-1")
        ]
        assert alert.facts == {"payment_id": str(UUID(int=7)), "amount": 3}
        await resolve_alert(session, "late", "order-1")
        await resolve_alert(session, "late", "order-1")
        left = {(alert.kind, alert.subject) for alert in await list_open_alerts(session)}
        assert left == {("late", "order-2"), ("lost", "order-1")}
        assert await raise_alert(session, "late", "order-1")
    assert await scalar(database, "SELECT count(*) FROM alerts") == 4


async def test_of_many_that_raise_an_alert_at_once_one_opens_it(real: Database) -> None:
    async def open_it(number: int) -> bool:
        async with real.transaction() as session:
            return await raise_alert(session, "late", "order-1", number=number)

    assert sum(await asyncio.gather(*(open_it(number) for number in range(8)))) == 1
    assert await scalar(real, "SELECT count(*) FROM alerts") == 1


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(-600, 600))
def test_months_are_counted_as_on_a_calendar(day: date, count: int) -> None:
    there = month_after(day.replace(day=1), count)
    assert there.day == 1
    assert (there.year - day.year) * 12 + there.month - day.month == count


async def partitions(database: Database) -> int:
    return int(
        str(
            await scalar(
                database, "SELECT count(*) FROM pg_class WHERE relispartition AND relkind = 'r'"
            )
        )
    )


async def test_partitions_are_made_once_and_ahead(database: Database) -> None:
    before = await partitions(database)
    async with database.connection() as connection:
        assert await ensure_partitions(connection, around=date(2026, 3, 15)) == 0
        assert await ensure_partitions(connection, around=date(2026, 4, 1)) == len(PARTITIONED)
        assert await ensure_partitions(connection, around=date(2026, 4, 30)) == 0
        assert await ensure_partitions(connection, around=date(2027, 1, 31)) == 9 * len(PARTITIONED)
    assert await partitions(database) == before + 10 * len(PARTITIONED)


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (datetime(2026, 3, 31, 23, 59, 59, 999999, tzinfo=UTC), "2026_03"),
        (datetime(2026, 4, 1, tzinfo=UTC), "2026_04"),
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), "2026_12"),
        (datetime(2027, 1, 1, tzinfo=UTC), "2027_01"),
    ],
)
async def test_the_last_moment_of_a_month_lies_in_it(
    database: Database, at: datetime, month: str
) -> None:
    async with database.transaction() as session:
        bounds = await session.scalar(
            text("SELECT pg_get_partition_constraintdef(CAST(:name AS regclass))"),
            {"name": f"temperature_readings_{month}"},
        )
        column = await session.scalar(
            text(
                "SELECT attname FROM pg_partitioned_table p JOIN pg_attribute a"
                " ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]"
                " WHERE partrelid = 'temperature_readings'::regclass"
            )
        )
        inside = await session.scalar(
            text(f"SELECT {bounds} FROM (SELECT CAST(:at AS timestamptz) AS {column}) row"),
            {"at": at},
        )
    assert inside is True


async def test_the_daily_work_makes_partitions_and_forgets_what_is_old(
    database: Database,
) -> None:
    clock = SetClock(datetime(2026, 5, 20, tzinfo=UTC))
    context = JobContext(database=database, clock=clock)
    before = await partitions(database)
    async with database.transaction() as session:
        session.add(OnceKey(key="old", done_at=wall_now() - timedelta(days=31)))
        for day in (1, 10):
            session.add(ClockSlot(name="test", slot_at=datetime(2026, 3, day, tzinfo=UTC)))
        await claim_key(database, caller="anna", key="new-key-1", fingerprint=b"")
        await claim_key(database, caller="anna", key="old-key-1", fingerprint=b"")
        await session.execute(
            update(IdempotencyKey)
            .where(IdempotencyKey.key == "old-key-1")
            .values(started_at=wall_now() - timedelta(days=4))
        )
    handlers = {spec.name: spec.handler for spec in housekeeping.JOBS}
    assert set(handlers) == {schedule.job for schedule in housekeeping.SCHEDULES}
    for handler in handlers.values():
        await handler(context, {})
    assert await partitions(database) == before + 2 * len(PARTITIONED)
    assert await scalar(database, "SELECT count(*) FROM once_keys") == 0
    assert await scalar(database, "SELECT max(slot_at) FROM clock_slots") == datetime(
        2026, 3, 10, tzinfo=UTC
    )
    assert await scalar(database, "SELECT count(*) FROM clock_slots") == 1
    assert await scalar(database, "SELECT string_agg(key, '') FROM idempotency_keys") == "new-key-1"


async def test_only_an_empty_database_becomes_a_demo(database: Database) -> None:
    async with database.transaction() as session:
        await require_same_kind(session, demo=False)
        with pytest.raises(SetupError, match="not marked as a demo"):
            await require_same_kind(session, demo=True)
        with pytest.raises(SetupError, match="needs an empty database"):
            await mark_demo(session, was_empty=False)
        assert await find_mark(session) is None
        await mark_demo(session, was_empty=True)
        await mark_demo(session, was_empty=False)
        await require_same_kind(session, demo=True)
        with pytest.raises(SetupError, match="marked as a demo"):
            await require_same_kind(session, demo=False)
