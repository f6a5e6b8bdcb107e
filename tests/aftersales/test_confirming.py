"""The customer says by the link of the SMS whether it is solved (S2 四)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import SatisfactionAnswer, SlaRule, TicketEvent
from app.core.clock import wall_now
from app.core.jobs import JobContext
from app.identity.access import token_hash
from app.links.jobs import SCHEDULES, prune
from app.links.models import Link
from tests.factories.aftersales import HOUR, Desk, stored
from tests.factories.links import tokens_of
from tests.factories.world import MORNING, once
from tests.fixtures.application import SetClock


async def resolved(desk: Desk, session: AsyncSession) -> tuple[dict[str, Any], str]:
    """A resolved ticket and the token of its SMS."""
    ticket = await desk.file()
    await desk.resolve(ticket["id"])
    tokens = await tokens_of(session, desk.world.household.customer_id, "ticket_resolved")
    return ticket, tokens[-1]


async def show(desk: Desk, token: str, status: int = 200) -> dict[str, Any]:
    answer = await desk.client.get(f"/links/{token}")
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def answer(
    desk: Desk, token: str, action: str, *, status: int = 200, **said: Any
) -> dict[str, Any]:
    sent = await desk.client.post(f"/links/{token}/{action}", json=said, headers=once())
    assert sent.status_code == status, sent.text
    found: dict[str, Any] = sent.json()
    return found


async def test_opening_the_link_changes_nothing(desk: Desk, session: AsyncSession) -> None:
    ticket, token = await resolved(desk, session)
    before = await stored(session, ticket["id"])
    version, events = before.version, await session.scalar(select(func.count(TicketEvent.event_id)))
    for _ in range(3):
        link = await show(desk, token)
    assert link["purpose"] == "ticket_result"
    about = link["about"]
    assert about["ticket_no"] == ticket["ticket_no"]
    assert (about["result"], about["status"]) == ("已为您补送。", "resolved")
    assert (about["can_answer"], about["asks_score"]) == (True, False)
    after = await stored(session, ticket["id"])
    assert (after.status, after.version, after.confirmed_at) == ("resolved", version, None)
    assert await session.scalar(select(func.count(TicketEvent.event_id))) == events
    kept = (await session.scalars(select(Link))).one()
    assert (kept.used_at, kept.token_hash) == (None, token_hash(token))
    assert token.encode() not in kept.token_hash


async def test_a_confirmed_result_still_waits_for_its_call_back(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    ticket, token = await resolved(desk, session)
    clock.set(MORNING + 2 * HOUR)
    said = await answer(desk, token, "confirm")
    assert (said["status"], said["confirmed_at"]) == ("resolved", "2026-03-15T04:00:00Z")
    assert said["visit_due_at"] is not None
    assert await answer(desk, token, "confirm") == said, "a second tap is the same word"
    file = await desk.read(ticket["id"])
    assert [event["kind"] for event in file["events"]][-1] == "confirmed"
    assert (await show(desk, token))["used_for"] == "confirmed"
    refused = await answer(desk, token, "not-solved", status=409)
    assert (refused["code"], refused["facts"]) == ("link_used", {"used_for": "confirmed"})
    assert (await stored(session, ticket["id"])).status == "resolved"
    assert (await desk.visit(ticket["id"], 5))["status"] == "closed"


async def test_not_solved_takes_the_ticket_up_again(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    ticket, token = await resolved(desk, session)
    clock.set(MORNING + 5 * HOUR)
    assert (await answer(desk, token, "not-solved", reason="补送的也漏了"))["status"] == "answered"
    await answer(desk, token, "not-solved", reason="补送的也漏了")
    row = await stored(session, ticket["id"])
    assert (row.reopened_count, row.due_at) == (1, MORNING + 29 * HOUR)
    assert row.waiting_since == MORNING + 5 * HOUR
    assert (await desk.read(ticket["id"]))["messages"][-1]["body"] == "补送的也漏了"

    await desk.resolve(ticket["id"])
    fresh = (await tokens_of(session, desk.world.household.customer_id, "ticket_resolved"))[-1]
    assert fresh != token
    assert (await answer(desk, fresh, "confirm"))["confirmed_at"] is not None


async def test_a_link_of_an_earlier_result_answers_nothing(
    desk: Desk, session: AsyncSession
) -> None:
    ticket, token = await resolved(desk, session)
    await desk.act(ticket["id"], "reopen", reason="批号有误")
    refused = await answer(desk, token, "confirm", status=409)
    assert (refused["code"], refused["facts"]) == ("link_overtaken", {"status": "answered"})
    assert not (await show(desk, token))["about"]["can_answer"]
    await desk.resolve(ticket["id"])
    assert (await show(desk, token, 404))["code"] == "link_expired", "a newer one was sent"
    row = await stored(session, ticket["id"])
    assert (row.status, row.confirmed_at) == ("resolved", None)


async def test_where_no_call_back_is_promised_a_score_closes(
    desk: Desk, session: AsyncSession
) -> None:
    await session.execute(
        update(SlaRule).where(SlaRule.severity == "general").values(needs_call_back=False)
    )
    await session.commit()
    ticket, token = await resolved(desk, session)
    assert (await show(desk, token))["about"]["asks_score"]
    assert (await answer(desk, token, "confirm", status=400))["code"] == "score_missing"
    assert (await stored(session, ticket["id"])).confirmed_at is None
    for _ in range(2):
        assert (await answer(desk, token, "confirm", score=4))["status"] == "closed"
    kept = (await session.scalars(select(SatisfactionAnswer))).one()
    assert (kept.kind, kept.score) == ("survey", 4)


async def test_no_score_is_taken_where_somebody_calls(desk: Desk, session: AsyncSession) -> None:
    ticket, token = await resolved(desk, session)
    refused = await answer(desk, token, "confirm", status=400, score=5)
    assert refused["code"] == "score_not_asked"
    assert (await show(desk, token))["used_for"] is None
    assert (await stored(session, ticket["id"])).confirmed_at is None


async def test_a_link_ends(desk: Desk, session: AsyncSession, job_context: JobContext) -> None:
    _, token = await resolved(desk, session)
    await session.execute(update(Link).values(expires_at=wall_now() - timedelta(seconds=1)))
    await session.commit()
    assert (await show(desk, token, 404))["code"] == "link_expired"
    assert (await answer(desk, token, "confirm", status=404))["code"] == "link_expired"
    await prune(job_context, {})
    assert await session.scalar(select(func.count()).select_from(Link)) == 1
    await session.execute(update(Link).values(expires_at=wall_now() - timedelta(days=31)))
    await session.commit()
    await prune(job_context, {})
    assert await session.scalar(select(func.count()).select_from(Link)) == 0
    assert [one.job for one in SCHEDULES] == ["links.prune"]


@pytest.mark.parametrize("token", ["A" * 24, "x" * 20, "_" * 64])
async def test_a_guessed_link_opens_nothing(desk: Desk, token: str) -> None:
    assert (await show(desk, token, 404))["code"] == "link_unknown"
    for action in ("confirm", "not-solved"):
        assert (await answer(desk, token, action, status=404))["code"] == "link_unknown"
    sent = await desk.client.post(
        f"/links/{token}/accept", json={"agreement_version": "2026-01"}, headers=once()
    )
    assert (sent.status_code, sent.json()["code"]) == (404, "link_unknown")


async def test_a_link_is_good_for_its_purpose_only(desk: Desk, session: AsyncSession) -> None:
    _, token = await resolved(desk, session)
    for action, body in (("accept", {"agreement_version": "2026-01"}), ("payments", {})):
        sent = await desk.client.post(f"/links/{token}/{action}", json=body, headers=once())
        assert (sent.status_code, sent.json()["code"]) == (404, "link_unknown")


async def test_an_erased_customers_links_are_gone(desk: Desk, session: AsyncSession) -> None:
    _, token = await resolved(desk, session)
    household = desk.world.household
    erased = await desk.client.delete("/me", headers=household.headers)
    assert erased.status_code == 204, erased.text
    assert (await show(desk, token, 404))["code"] == "link_unknown"
