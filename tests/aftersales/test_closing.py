"""From the result to the return visit (S1 4.5.3): nothing closes before the customer was asked."""

from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import ReturnVisit, SatisfactionAnswer, TicketEvent, TicketMessage
from app.identity.models import Role
from app.notifications.models import SmsMessage
from tests.factories.aftersales import HOUR, Desk, stored
from tests.factories.world import MORNING
from tests.fixtures.application import SetClock


async def test_a_complaint_from_first_word_to_score(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    household = desk.world.household
    ticket = await desk.file()
    for hours, step in enumerate(("assign", "reply", "resolve", "visit"), start=1):
        clock.set(MORNING + hours * HOUR)
        match step:
            case "assign":
                await desk.act(ticket["id"], "assign")
            case "reply":
                await desk.reply(ticket["id"])
            case "resolve":
                await desk.resolve(ticket["id"])
            case _:
                await desk.act(
                    ticket["id"],
                    "return-visit",
                    reached=True,
                    score=5,
                    manner_score=4,
                    remarks="很满意",
                )

    file = await desk.read(ticket["id"])
    assert file["status"] == "closed"
    assert [event["kind"] for event in file["events"]] == [
        "received",
        "assigned",
        "answered",
        "resolved",
        "visited",
        "closed",
    ]
    assert file["visits"] == [
        {
            "reached": True,
            "score": 5,
            "manner_score": 4,
            "remarks": "很满意",
            "at": (MORNING + 4 * HOUR).isoformat().replace("+00:00", "Z"),
        }
    ]
    answer = (await session.scalars(select(SatisfactionAnswer))).one()
    assert (answer.kind, answer.score) == ("return_visit", 5)
    assert answer.customer_kind == "household"

    templates = {sms.template for sms in await session.scalars(select(SmsMessage))}
    assert templates == {
        "ticket_received",
        "ticket_answered",
        "ticket_resolved",
        "ticket_closed",
    }

    seen = await desk.read(ticket["id"], by=household.headers)
    assert seen["desk"] is None
    assert seen["events"] == []
    assert seen["visits"] == []


async def test_a_result_without_an_earlier_word_is_also_the_first_answer(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    ticket = await desk.file()
    clock.set(MORNING + HOUR)
    resolved = await desk.resolve(ticket["id"], is_unfounded=True)
    assert resolved["status"] == "resolved"
    row = await stored(session, ticket["id"])
    assert row.first_answered_at == row.resolved_at == MORNING + HOUR
    assert row.is_unfounded is True


async def test_an_unreached_customer_is_no_answer_and_closes_nothing(
    desk: Desk, session: AsyncSession
) -> None:
    ticket = await desk.file()
    await desk.resolve(ticket["id"])
    for _ in range(2):
        tried = await desk.visit(ticket["id"], None)
        assert tried["status"] == "resolved"
    assert await session.scalar(select(func.count()).select_from(SatisfactionAnswer)) == 0
    assert await session.scalar(select(func.count()).select_from(ReturnVisit)) == 2
    assert (await desk.visit(ticket["id"], 3))["status"] == "closed"


@pytest.mark.parametrize(
    "said",
    [
        {"reached": True},
        {"reached": False},
        {"reached": False, "score": 5, "remarks": "x"},
        {"reached": True, "score": 0},
        {"reached": True, "score": 6},
        {"reached": False, "manner_score": 5, "remarks": "x"},
    ],
)
async def test_a_visit_says_one_thing(
    desk: Desk, session: AsyncSession, said: dict[str, Any]
) -> None:
    ticket = await desk.file()
    await desk.resolve(ticket["id"])
    refused = await desk.act(ticket["id"], "return-visit", status=422, **said)
    assert refused["code"] == "validation_failed"
    assert (await stored(session, ticket["id"])).status == "resolved"
    assert await session.scalar(select(func.count()).select_from(ReturnVisit)) == 0


async def test_steps_are_not_skipped(desk: Desk, session: AsyncSession) -> None:
    ticket = await desk.file()
    await desk.act(ticket["id"], "return-visit", status=409, reached=True, score=5)
    await desk.act(ticket["id"], "reopen", status=409, reason="?")
    assert (await stored(session, ticket["id"])).status == "open"
    await desk.reply(ticket["id"])
    refused = await desk.act(ticket["id"], "reopen", status=409, reason="?")
    assert refused["code"] == "move_not_allowed"
    await desk.resolve(ticket["id"])
    await desk.act(ticket["id"], "resolve", status=409, result="again")
    await desk.visit(ticket["id"], 4)
    before = await session.scalar(select(func.count()).select_from(TicketEvent))
    refused_now: dict[str, dict[str, Any]] = {
        "reply": {"body": "还有事"},
        "assign": {},
        "compensate": {"credit_fen": 100},
        "return-visit": {"reached": True, "score": 1},
    }
    for action, body in refused_now.items():
        await desk.act(ticket["id"], action, status=409, **body)
    assert await session.scalar(select(func.count()).select_from(TicketEvent)) == before
    messages = await session.scalar(select(func.count()).select_from(TicketMessage)) or 0
    await desk.reply(ticket["id"], audience="internal", body="归档")
    assert await session.scalar(select(func.count()).select_from(TicketMessage)) == messages + 1


async def test_a_closed_ticket_is_reopened_and_asked_again(
    desk: Desk, session: AsyncSession
) -> None:
    household = desk.world.household
    ticket = await desk.file()
    await desk.resolve(ticket["id"])
    await desk.visit(ticket["id"], 2)
    again = await desk.act(ticket["id"], "reopen", by=household.headers, reason="又漏了")
    assert (again["status"], again["closed_at"]) == ("answered", None)
    await desk.resolve(ticket["id"])
    assert (await desk.visit(ticket["id"], 5))["status"] == "closed"
    scores = await session.scalars(select(SatisfactionAnswer.score))
    assert sorted(scores) == [2, 5], "each visit is an answer of its own"
    texts = await session.scalars(
        select(SmsMessage.cause).where(SmsMessage.template == "ticket_resolved")
    )
    assert len(set(texts)) == 2


async def test_only_desk_staff_take_tickets(desk: Desk, session: AsyncSession) -> None:
    ticket = await desk.file()
    for login in ("nobody", "finance"):
        refused = await desk.act(ticket["id"], "assign", status=400, login=login)
        assert refused["code"] == "assignee_unknown"
    assert (await stored(session, ticket["id"])).assignee_id is None


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.STATION_MANAGER, Role.FINANCE])
async def test_others_do_not_act(desk: Desk, session: AsyncSession, role: Role) -> None:
    ticket = await desk.file()
    headers = desk.world.staff[role].headers
    actions: dict[str, dict[str, Any]] = {
        "reply": {"body": "x"},
        "resolve": {"result": "x"},
        "compensate": {"credit_fen": 1},
        "reopen": {"reason": "x"},
    }
    for action, body in actions.items():
        await desk.act(ticket["id"], action, by=headers, status=403, **body)
    assert (await stored(session, ticket["id"])).status == "open"
