"""Two clocks of 24 hours each, escalation before they end, one breach when they do (I7).

The stories other ticket systems have as bugs: an answer must stop its clock, an update must not
overrule a first answer, a reply must show, a reopened ticket must run again, no calendar may shift
a deadline.
"""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import clocks
from app.aftersales.jobs import SCHEDULES, watch_tickets
from app.aftersales.models import TicketEvent
from app.core.alerts import list_open_alerts
from app.core.jobs import JobContext
from app.identity.models import Role
from tests.factories.aftersales import HOUR, Desk, count_breaches, stored
from tests.factories.world import MORNING
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants

DAY = 24 * HOUR
SECOND = HOUR / 3600
NEW_YEARS_EVE = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)
"""23:59:59 in Shanghai."""


async def test_an_answer_by_a_person_stops_the_answer_clock(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    ticket = await desk.file()
    clock.set(MORNING + HOUR)
    await desk.reply(ticket["id"], audience="internal", body="查一下昨天谁送的")
    assert (await stored(session, ticket["id"])).first_answered_at is None, "a note is no answer"

    clock.set(MORNING + 2 * HOUR)
    answered = await desk.reply(ticket["id"])
    assert answered["status"] == "answered"
    row = await stored(session, ticket["id"])
    assert row.first_answered_at == MORNING + 2 * HOUR
    assert row.waiting_since is None
    assert row.due_at == MORNING + DAY, "handling goes on"


async def test_later_words_never_move_the_first_answer_or_a_deadline(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    household = desk.world.household
    ticket = await desk.file()
    clock.set(MORNING + HOUR)
    await desk.reply(ticket["id"])
    clock.set(MORNING + 3 * HOUR)
    await desk.act(ticket["id"], "reply", by=household.headers, body="还没人来")
    row = await stored(session, ticket["id"])
    assert row.status == "answered"
    assert row.waiting_since == MORNING + 3 * HOUR, "the desk sees who waits"

    clock.set(MORNING + 4 * HOUR)
    await desk.act(ticket["id"], "reply", by=household.headers, body="喂？")
    row = await stored(session, ticket["id"])
    assert row.waiting_since == MORNING + 3 * HOUR, "since the first unanswered word"

    clock.set(MORNING + 5 * HOUR)
    await desk.reply(ticket["id"])
    row = await stored(session, ticket["id"])
    assert row.waiting_since is None, "a reply shows at once"
    assert row.first_answered_at == MORNING + HOUR
    assert row.due_at == MORNING + DAY


async def test_escalation_comes_before_the_deadline_and_once(
    desk: Desk, session: AsyncSession, clock: SetClock, job_context: JobContext
) -> None:
    general = await desk.file()
    urgent = await desk.file(severity="urgent")

    async def look(hours: float) -> set[str]:
        clock.set(MORNING + hours * HOUR)
        await watch_tickets(job_context, {})
        return {item["id"] for item in await desk.queue() if item["desk"]["escalated_at"]}

    assert await look(1.9) == set()
    assert await look(2) == {urgent["id"]}
    assert await look(19.99) == {urgent["id"]}
    assert await look(20) == {urgent["id"], general["id"]}
    await look(21)
    events = await session.scalar(
        select(func.count()).select_from(TicketEvent).where(TicketEvent.kind == "escalated")
    )
    assert events == 2
    alerts = {alert.subject for alert in await list_open_alerts(session)}
    assert alerts == {general["id"], urgent["id"]}

    await desk.resolve(general["id"])
    assert {alert.subject for alert in await list_open_alerts(session)} == {urgent["id"]}


async def test_a_breach_is_recorded_exactly_once(
    desk: Desk, session: AsyncSession, clock: SetClock, job_context: JobContext
) -> None:
    ticket = await desk.file()
    clock.set(MORNING + DAY)
    await watch_tickets(job_context, {})
    assert await count_breaches(session, ticket["id"]) == 0, "the last instant is in time"

    clock.set(MORNING + DAY + SECOND)
    for _ in range(3):
        await watch_tickets(job_context, {})
    assert await count_breaches(session, ticket["id"]) == 1
    row = await stored(session, ticket["id"])
    assert row.breached_at == MORNING + DAY
    await assert_invariants(session, clock.now(), only={"I7"})


async def test_late_work_records_the_breach_the_sweep_had_no_time_for(
    desk: Desk, session: AsyncSession, clock: SetClock, job_context: JobContext
) -> None:
    ticket = await desk.file()
    clock.set(MORNING + DAY + HOUR)
    refused = await desk.act(ticket["id"], "resolve", status=400, result="已补送")
    assert refused["code"] == "late_reason_missing"
    assert (await stored(session, ticket["id"])).status == "open"
    assert await count_breaches(session, ticket["id"]) == 0, "the refusal left no trace"

    await desk.resolve(ticket["id"], late_reason="节后来电量大")
    await watch_tickets(job_context, {})
    assert await count_breaches(session, ticket["id"]) == 1
    row = await stored(session, ticket["id"])
    assert (row.status, row.late_reason) == ("resolved", "节后来电量大")
    await assert_invariants(session, clock.now(), only={"I7"})


async def test_a_reopened_ticket_runs_again_and_keeps_its_history(
    desk: Desk, session: AsyncSession, clock: SetClock, job_context: JobContext
) -> None:
    household = desk.world.household
    ticket = await desk.file()
    clock.set(MORNING + DAY + HOUR)
    await watch_tickets(job_context, {})
    await desk.resolve(ticket["id"], late_reason="找不到当班送奶员")
    clock.set(MORNING + 2 * DAY)
    reopened = await desk.act(ticket["id"], "reopen", by=household.headers, reason="补送的也漏了")

    assert reopened["status"] == "answered"
    row = await stored(session, ticket["id"])
    assert row.resolved_at is None, "reopened is not resolved"
    assert row.due_at == MORNING + 3 * DAY
    assert row.first_answered_at == MORNING + DAY + HOUR
    assert row.waiting_since == MORNING + 2 * DAY
    assert row.reopened_count == 1
    assert row.escalated_at is None, "it can be escalated anew"

    clock.set(MORNING + 3 * DAY - 4 * HOUR)
    await watch_tickets(job_context, {})
    row = await stored(session, ticket["id"])
    assert row.escalated_at == clock.now()

    clock.set(MORNING + 4 * DAY)
    await watch_tickets(job_context, {})
    assert await count_breaches(session, ticket["id"]) == 1, "one record, however often"
    await assert_invariants(session, clock.now(), only={"I7"})


@pytest.mark.parametrize("start", [NEW_YEARS_EVE, datetime(2028, 2, 28, 15, 59, 59, tzinfo=UTC)])
async def test_midnight_new_year_and_leap_day_move_no_deadline(
    desk: Desk,
    session: AsyncSession,
    clock: SetClock,
    job_context: JobContext,
    start: datetime,
) -> None:
    clock.set(start)
    ticket = await desk.file()
    clock.set(start + DAY)
    await watch_tickets(job_context, {})
    assert await count_breaches(session, ticket["id"]) == 0
    clock.set(start + DAY + SECOND)
    await watch_tickets(job_context, {})
    assert await count_breaches(session, ticket["id"]) == 1


async def test_a_clock_that_jumps_back_undoes_and_repeats_nothing(
    desk: Desk, session: AsyncSession, clock: SetClock, job_context: JobContext
) -> None:
    ticket = await desk.file()
    clock.set(MORNING + DAY + HOUR)
    await watch_tickets(job_context, {})
    clock.set(MORNING + HOUR)
    await watch_tickets(job_context, {})
    clock.set(MORNING + DAY + HOUR)
    await watch_tickets(job_context, {})
    assert await count_breaches(session, ticket["id"]) == 1


async def test_one_sweep_works_off_a_backlog_in_one_go(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    ids = [(await desk.file())["id"] for _ in range(5)]
    settled = ids.pop()
    await desk.resolve(settled)
    clock.set(MORNING + 2 * DAY)
    assert await clocks.watch_tickets(session, now=clock.now()) == (4, 4)
    assert await clocks.watch_tickets(session, now=clock.now()) == (0, 0)
    assert await count_breaches(session, settled) == 0


def test_the_sweep_runs_every_minute() -> None:
    assert [(one.job, one.every) for one in SCHEDULES] == [("aftersales.watch_tickets", HOUR / 60)]


async def test_a_ticket_handed_on_keeps_its_clock(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    ticket = await desk.file()
    clock.set(MORNING + HOUR)
    quality = desk.world.staff[Role.QUALITY].headers
    taken = await desk.act(ticket["id"], "assign", by=quality)
    assert taken["desk"]["assignee"].startswith("quality-")
    row = await stored(session, ticket["id"])
    assert row.due_at == MORNING + DAY
    assert row.first_answered_at is None
