"""Texts as rows: read, edited and looked at over REST; only what is approved goes out."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.core.jobs import JobContext
from app.identity.models import Role
from app.notifications.jobs import sweep
from app.notifications.templates import KINDS
from tests.factories.notifications import Stage
from tests.factories.world import MORNING, World, once
from tests.fixtures.application import SetClock

TEXT = "您好，我们已收到您的反馈，编号${ticket}，将在24小时内答复。"


async def _all(client: httpx.AsyncClient, world: World) -> list[dict[str, Any]]:
    answer = await client.get("/sms/templates", headers=world.staff[Role.ADMIN].headers)
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def _add(client: httpx.AsyncClient, world: World, **changes: Any) -> httpx.Response:
    body = {"kind": "ticket_received", "text": TEXT, "from_date": "2026-03-16"} | changes
    return await client.post(
        "/sms/templates", json=body, headers=world.staff[Role.ADMIN].headers | once()
    )


async def test_a_kind_that_came_with_a_new_version_gets_its_text(
    client: httpx.AsyncClient,
    world: World,
    stage: Stage,
    job_context: JobContext,
) -> None:
    async with stage.database.transaction() as session:
        await session.execute(
            text("DELETE FROM sms_templates WHERE kind IN ('ticket_received', 'ticket_answered')")
        )
    # what causes the message goes on; the message waits for the text's approval
    await stage.write()
    assert (await stage.work()).failure == "not_approved"
    for _ in range(2):
        await sweep(job_context, {})
    items = await _all(client, world)
    assert sorted(one["kind"] for one in items) == sorted(KINDS)
    fresh = [one for one in items if one["kind"] in {"ticket_received", "ticket_answered"}]
    assert {code["approval"] for one in fresh for code in one["codes"]} == {"draft"}


async def test_a_fresh_installation_has_every_text_and_none_is_approved_yet(
    client: httpx.AsyncClient, world: World, job_context: JobContext
) -> None:
    await sweep(job_context, {})
    items = await _all(client, world)
    assert {one["kind"]: one["text"] for one in items} == {
        code: kind.text for code, kind in KINDS.items()
    }
    for one in items:
        kind = KINDS[one["kind"]]
        assert one["category"] == kind.category
        assert tuple(one["variables"]) == kind.variables
        assert one["useful_minutes"] * 60 == kind.useful.total_seconds()
        assert one["useful_until"] == (None if kind.until is None else kind.until.isoformat())
        assert [code["account"] for code in one["codes"]] == ["primary", "backup"]
        assert {code["approval"] for code in one["codes"]} == {"draft"}
        assert {code["provider_code"] for code in one["codes"]} == {kind.provider_code}


async def test_a_new_text_starts_another_day_once_it_is_approved(
    client: httpx.AsyncClient, world: World, stage: Stage, clock: SetClock
) -> None:
    added = await _add(client, world, useful_minutes=60)
    assert added.status_code == 201
    template = added.json()
    assert (template["useful_minutes"], template["from_date"]) == (60, "2026-03-16")
    assert {code["approval"] for code in template["codes"]} == {"draft"}
    kept = [one for one in await _all(client, world) if one["kind"] == "ticket_received"]
    assert [one["until_date"] for one in kept] == ["2026-03-15", None]

    await stage.write(cause="ticket:1")
    assert (await stage.work("ticket:1")).status == "accepted"
    clock.set(MORNING + timedelta(days=1))
    await stage.write(cause="ticket:2")
    message = await stage.work("ticket:2")
    assert (message.status, message.failure) == ("queued", "not_approved")

    admin = world.staff[Role.ADMIN].headers
    path = f"/sms/templates/{template['id']}/approvals/primary"
    missing = await client.put(
        path, json={"provider_code": "", "approval": "approved"}, headers=admin
    )
    assert (missing.status_code, missing.json()["code"]) == (422, "sms_provider_code_missing")
    stage.simulator.sms.templates.register({"SMS_471230001": TEXT})
    approved = await client.put(
        path,
        json={"provider_code": "SMS_471230001", "approval": "approved", "note": "3月15日通过"},
        headers=admin,
    )
    assert approved.status_code == 200
    assert approved.json()["codes"][0]["approval"] == "approved"
    await stage.wait(minutes=2)
    assert (await stage.work("ticket:2")).status == "accepted"
    assert stage.outbox()[0].text == f"【随心订】{TEXT.replace('${ticket}', 'T2603150001')}"
    assert stage.outbox()[0].template_code == "SMS_471230001"
    alerts = await client.get("/alerts", headers=admin)
    assert alerts.json()["items"] == []


async def test_an_unchanged_text_with_other_hours_keeps_its_reviews(
    client: httpx.AsyncClient, world: World, stage: Stage
) -> None:
    first = KINDS["delivery_late"].text
    added = await _add(
        client, world, kind="delivery_late", text=first, useful_until=None, useful_minutes=120
    )
    assert added.status_code == 201
    template = added.json()
    assert (template["useful_until"], template["useful_minutes"]) == (None, 120)
    assert {code["approval"] for code in template["codes"]} == {"approved"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "birthday"}, "sms_kind_unknown"),
        ({"from_date": "2026-03-15"}, "sms_template_too_early"),
        ({"text": "编号${number}"}, "sms_text_refused"),
        ({"text": "编号${ticket}${ticket}"}, "sms_text_refused"),
        ({"text": "【随心订】编号${ticket}"}, "sms_text_refused"),
        ({"text": "编号${ticket}。拒收请回复R"}, "sms_text_refused"),
        ({"kind": "login_code", "text": "密码是${code}"}, "sms_text_refused"),
        ({"kind": "login_code", "text": "您的验证码"}, "sms_text_refused"),
        ({"kind": "ticket_closed", "text": "编号${ticket}已办结"}, "sms_text_refused"),
        ({"kind": "promotion", "text": "${news}"}, "sms_text_refused"),
        ({"text": ""}, "validation_failed"),
        ({"text": "字" * 501}, "validation_failed"),
        ({"useful_minutes": 0}, "validation_failed"),
        ({"useful_until": "12:00Z"}, "validation_failed"),
    ],
)
async def test_a_text_the_provider_would_not_take_changes_nothing(
    client: httpx.AsyncClient, world: World, changes: dict[str, Any], code: str
) -> None:
    before = await _all(client, world)
    answer = await _add(client, world, **changes)
    assert answer.json()["code"] == code, answer.text
    assert await _all(client, world) == before


async def test_a_text_is_looked_at_with_sample_values(
    client: httpx.AsyncClient, world: World, stage: Stage
) -> None:
    admin = world.staff[Role.ADMIN].headers
    shown = await client.post(
        "/sms/templates/preview", json={"kind": "ticket_received"}, headers=admin
    )
    assert shown.json() == {
        "shown": "【随心订】我们已收到您的反馈，编号T2603150001，24小时内答复您。",
        "length": 38,
        "parts": 1,
        "objections": [],
    }
    long = await client.post(
        "/sms/templates/preview",
        json={
            "kind": "order_rejected",
            "text": "订单${order}未通过：${reason}" + "。" * 70,
            "values": {"reason": "【远】"},
        },
        headers=admin,
    )
    assert long.json()["shown"].startswith("【随心订】订单A2K7M9P3QX未通过：[远]")
    assert long.json()["parts"] == 2
    unknown = await client.post("/sms/templates/preview", json={"kind": "birthday"}, headers=admin)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "sms_kind_unknown")


async def test_two_texts_from_one_day_leave_the_later_one(
    client: httpx.AsyncClient, world: World
) -> None:
    assert (await _add(client, world)).status_code == 201
    assert (await _add(client, world, text=TEXT + "谢谢。")).status_code == 201
    assert (await _add(client, world, from_date="2026-03-20")).status_code == 201
    kept = [one for one in await _all(client, world) if one["kind"] == "ticket_received"]
    assert [(one["from_date"], one["until_date"]) for one in kept] == [
        (None, "2026-03-15"),
        ("2026-03-16", "2026-03-19"),
        ("2026-03-20", None),
    ]
