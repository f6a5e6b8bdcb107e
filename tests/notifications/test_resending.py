"""Looking for messages, and having one sent once more by a person with a reason."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text

from app.core.ids import HOUSE, public_pair, public_single
from app.identity.models import Role
from app.notifications.models import SmsAttempt, SmsMessage
from simulators.channels.faults import FaultKind
from tests.factories.notifications import PHONE, Stage
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock


def _id(message: SmsMessage) -> str:
    return public_pair("sms", message.customer_id, message.message_id)


async def _count(stage: Stage) -> int:
    async with stage.database.transaction() as session:
        return int(await session.scalar(select(func.count()).select_from(SmsMessage)) or 0)


async def _search(client: httpx.AsyncClient, world: World, **wanted: Any) -> list[dict[str, Any]]:
    agent = world.staff[Role.SERVICE_AGENT].headers
    answer = await client.post("/sms/search", json=wanted, headers=agent)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_messages_are_found_by_phone_cause_kind_status_and_date(
    client: httpx.AsyncClient, world: World, stage: Stage, clock: SetClock
) -> None:
    customer_id = world.household.customer_id
    await stage.write(cause="ticket_received:1", phone="138 0013 8000")
    await stage.write(cause="ticket_received:2", phone="13900139000", customer_id=customer_id)
    clock.set(MORNING + timedelta(days=1))
    await stage.write(template="ticket_answered", cause="ticket_answered:1", phone="13900139000")
    await stage.work("ticket_answered:1")

    assert [one["cause"] for one in await _search(client, world)] == [
        "ticket_answered:1",
        "ticket_received:2",
        "ticket_received:1",
    ]
    by_phone = await _search(client, world, phone="+86 138-0013-8000")
    assert [one["cause"] for one in by_phone] == ["ticket_received:1"]
    assert by_phone[0]["phone"] == "138****8000"
    assert by_phone[0]["customer"] is None
    assert await _search(client, world, phone="13700137000") == []
    assert len(await _search(client, world, cause="ticket_received:")) == 2
    assert await _search(client, world, cause="ticket%") == []
    assert len(await _search(client, world, kind="ticket_answered")) == 1
    assert len(await _search(client, world, status="accepted")) == 1
    assert len(await _search(client, world, to_date="2026-03-15")) == 2
    assert len(await _search(client, world, from_date="2026-03-16", status="queued")) == 0
    of_customer = await _search(client, world, customer=public_single("cus", customer_id))
    assert [one["cause"] for one in of_customer] == ["ticket_received:2"]


async def test_pages_of_a_search_join_without_a_gap(
    client: httpx.AsyncClient, world: World, stage: Stage
) -> None:
    for number in range(5):
        await stage.write(cause=f"ticket:{number}")
    agent = world.staff[Role.SERVICE_AGENT].headers
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await client.post(f"/sms/search?limit=2{cursor}", json={}, headers=agent)
        page = answer.json()
        seen += [one["cause"] for one in page["items"]]
        cursor = None if page["next_cursor"] is None else f"&cursor={page['next_cursor']}"
    assert seen == [f"ticket:{number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("wanted", "status", "code"),
    [
        ({"phone": "12"}, 400, "phone_invalid"),
        ({"customer": "cus_x"}, 404, "not_found"),
        ({"status": "lost"}, 422, "validation_failed"),
        ({"from_date": "1999-01-01"}, 422, "validation_failed"),
        ({"phones": "1"}, 422, "validation_failed"),
    ],
)
async def test_a_search_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, world: World, wanted: dict[str, str], status: int, code: str
) -> None:
    agent = world.staff[Role.SERVICE_AGENT].headers
    answer = await client.post("/sms/search", json=wanted, headers=agent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_ended_message_goes_once_more_with_who_and_why(
    client: httpx.AsyncClient, world: World, stage: Stage
) -> None:
    stage.arm(FaultKind.SMS_RECEIPT_FAILED, count=1)
    await stage.write()
    message = await stage.work()
    await stage.simulator.advance(5)
    agent = world.staff[Role.SERVICE_AGENT].headers
    path = f"/sms/{_id(message)}/resend"
    key = once()
    for _ in range(2):
        answer = await client.post(path, json={"reason": "顾客开机了"}, headers=agent | key)
        assert answer.status_code == 201
    assert await _count(stage) == 2
    again = answer.json()
    assert again["resend_of"] == _id(message)
    assert again["resend_reason"] == "顾客开机了"
    assert again["resent_by"].startswith("staff:")
    cause = f"resend:{message.message_id}:1"
    assert (await stage.work(cause)).status == "accepted"
    assert [sms.text for sms in stage.outbox()] == [stage.outbox()[0].text] * 2

    detail = (await client.get(f"/sms/{_id(message)}", headers=agent)).json()
    assert detail["status"] == "failed"
    assert [(one["account"], one["outcome"]) for one in detail["tries"]] == [
        ("primary", "accepted")
    ]
    assert PHONE not in str(detail)


async def test_what_cannot_be_resent_is_refused_and_adds_nothing(
    client: httpx.AsyncClient, world: World, stage: Stage, clock: SetClock
) -> None:
    agent = world.staff[Role.SERVICE_AGENT].headers

    async def refused(message: SmsMessage, code: str) -> None:
        before = await _count(stage)
        answer = await client.post(
            f"/sms/{_id(message)}/resend", json={"reason": "x"}, headers=agent | once()
        )
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert await _count(stage) == before

    await stage.write()
    await refused(await stage.message(), "sms_still_on_its_way")
    await stage.write_code()
    await refused(await stage.work("login_code:1"), "sms_code_not_resent")
    late = {"date": "2026-03-15", "until": "09:00"}
    await stage.write(template="delivery_late", parameters=late, cause="late:1")
    await stage.work("late:1")
    clock.set(MORNING + timedelta(hours=3))
    await refused(await stage.message("late:1"), "sms_no_longer_useful")
    await stage.work("ticket:1")
    async with stage.database.transaction() as session:
        await session.execute(
            text("UPDATE sms_messages SET phone_sealed = '' WHERE cause = 'ticket:1'")
        )
    await refused(await stage.message("ticket:1"), "sms_content_gone")
    unknown = public_pair("sms", HOUSE, world.household.customer_id)
    answer = await client.post(
        f"/sms/{unknown}/resend", json={"reason": "x"}, headers=agent | once()
    )
    assert answer.status_code == 404


async def test_an_erased_customer_is_found_by_no_phone_any_more(
    client: httpx.AsyncClient, world: World, stage: Stage
) -> None:
    household = world.household
    await stage.write(customer_id=household.customer_id, phone=household.phone)
    await stage.work()
    assert len(await _search(client, world, phone=household.phone)) == 1
    await stage.simulator.replies.send(phone=household.phone, content="谢谢")
    gone = await client.request("DELETE", "/me", headers=household.headers | once())
    assert gone.status_code in {200, 204}, gone.text
    assert await _search(client, world, phone=household.phone) == []
    async with stage.database.transaction() as session:
        assert (await session.scalars(select(SmsAttempt.phone_index))).all() == [None]
        rows = await session.execute(text("SELECT phone_sealed, content_sealed FROM sms_replies"))
        assert [tuple(row) for row in rows] == [(b"", b"")]
