"""A closed ticket's SMS asks for one tap: a rating, never satisfaction of the standard."""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import SatisfactionAnswer
from app.notifications.models import SmsMessage
from tests.factories.aftersales import Desk
from tests.factories.links import tokens_of
from tests.factories.world import once

PAGE = "http://test/l/"


async def closed(desk: Desk, session: AsyncSession) -> tuple[dict[str, Any], str]:
    """A closed ticket and the token of its SMS."""
    ticket = await desk.file()
    await desk.resolve(ticket["id"])
    await desk.visit(ticket["id"], 4)
    tokens = await tokens_of(session, desk.world.household.customer_id, "ticket_closed")
    return ticket, tokens[-1]


async def rate(desk: Desk, token: str, score: object) -> httpx.Response:
    return await desk.client.post(f"/links/{token}/rating", json={"score": score}, headers=once())


async def ratings(session: AsyncSession) -> list[tuple[str, int]]:
    rows = await session.scalars(select(SatisfactionAnswer).order_by(SatisfactionAnswer.answer_id))
    return [(row.kind, row.score) for row in rows]


async def test_a_tap_is_kept_once_as_a_rating_of_the_desk(
    desk: Desk, session: AsyncSession
) -> None:
    ticket, token = await closed(desk, session)
    shown = (await desk.client.get(f"/links/{token}")).json()
    assert shown["purpose"] == "ticket_rating"
    assert shown["about"]["ticket_no"] == ticket["ticket_no"]
    assert shown["about"]["can_answer"]
    assert await ratings(session) == [("return_visit", 4)], "opening it is no answer"

    for _ in range(2):
        answer = await rate(desk, token, 5)
        assert answer.json() == {"ticket_no": ticket["ticket_no"], "score": 5}
    other = await rate(desk, token, 1)
    assert (other.status_code, other.json()["code"]) == (409, "link_used")
    assert await ratings(session) == [("return_visit", 4), ("rating", 5)]
    rating = (
        await session.scalars(select(SatisfactionAnswer).where(SatisfactionAnswer.kind == "rating"))
    ).one()
    assert rating.deliverer_id is None


@pytest.mark.parametrize("score", [0, 6, "5", None])
async def test_a_score_that_is_none_changes_nothing(
    desk: Desk, session: AsyncSession, score: object
) -> None:
    _, token = await closed(desk, session)
    assert (await rate(desk, token, score)).status_code == 422
    assert await ratings(session) == [("return_visit", 4)]


async def test_a_link_of_another_purpose_rates_nothing(desk: Desk, session: AsyncSession) -> None:
    await closed(desk, session)
    result = (await tokens_of(session, desk.world.household.customer_id, "ticket_resolved"))[-1]
    answer = await rate(desk, result, 5)
    assert (answer.status_code, answer.json()["code"]) == (404, "link_unknown")
    assert await ratings(session) == [("return_visit", 4)]


async def test_a_ticket_taken_up_again_is_rated_when_it_is_closed_again(
    desk: Desk, session: AsyncSession
) -> None:
    ticket, token = await closed(desk, session)
    await desk.act(ticket["id"], "reopen", by=desk.world.household.headers, reason="又漏了")
    late = await rate(desk, token, 5)
    assert (late.status_code, late.json()["code"]) == (409, "link_overtaken")
    await desk.resolve(ticket["id"])
    await desk.visit(ticket["id"], 5)
    tokens = await tokens_of(session, desk.world.household.customer_id, "ticket_closed")
    assert len(set(tokens)) == 2
    assert (await rate(desk, tokens[-1], 3)).status_code == 200
    sent = select(func.count()).where(SmsMessage.template == "ticket_closed")
    assert await session.scalar(sent) == 2


async def test_the_page_takes_the_tap(desk: Desk, session: AsyncSession) -> None:
    ticket, token = await closed(desk, session)
    page = await desk.client.get(f"{PAGE}{token}")
    assert page.status_code == 200
    assert ticket["ticket_no"] in page.text
    assert "请为本次服务评分" in page.text
    ours = {"Origin": "http://test"}
    foreign = await desk.client.post(
        f"{PAGE}{token}/rating", data={"score": "5"}, headers={"Origin": "http://evil.test"}
    )
    assert foreign.status_code == 403
    assert await ratings(session) == [("return_visit", 4)]
    done = await desk.client.post(f"{PAGE}{token}/rating", data={"score": "5"}, headers=ours)
    assert done.status_code == 303
    assert await ratings(session) == [("return_visit", 4), ("rating", 5)]
    assert "您已评分" in (await desk.client.get(f"{PAGE}{token}")).text
