"""The catalogue of answers: kept by managers, filled in on the server (S1 5.2.9)."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import AnswerTemplate, TicketMessage
from app.delivery.models import DeliveryStatus
from app.identity.models import Role
from tests.factories.aftersales import HOUR, Desk, add_delivery
from tests.factories.delivery import add_line
from tests.factories.world import MORNING, TODAY, once
from tests.fixtures.application import SetClock


async def add(desk: Desk, *, status: int = 201, **said: Any) -> dict[str, Any]:
    body = {"purpose": "answer", "title": "送达说明", "text": "单号{工单号}"} | said
    answer = await desk.client.post(
        "/answer-templates", json=body, headers=desk.world.staff[Role.MANAGER].headers | once()
    )
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def change(desk: Desk, template: dict[str, Any], **said: Any) -> dict[str, Any]:
    answer = await desk.client.patch(
        f"/answer-templates/{template['id']}",
        json=said,
        headers=desk.world.staff[Role.MANAGER].headers,
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def catalogue(desk: Desk, **asked: Any) -> list[dict[str, Any]]:
    answer = await desk.client.get("/answer-templates", params=asked, headers=desk.headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_an_apology_and_a_commitment_are_there_from_the_start(desk: Desk) -> None:
    assert {one["purpose"] for one in await catalogue(desk)} >= {"apology", "commitment"}
    assert [one["label"] for one in await catalogue(desk, purpose="apology")] == ["致歉"]


async def test_an_answer_by_template_says_what_happened(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    world = desk.world
    line = await add_line(session, world.household, world.milk_id, first=TODAY)
    await add_delivery(session, world, line, TODAY, done_at=MORNING - 4 * HOUR)
    await session.commit()
    ticket = await desk.file(order_line_id=line.public_id, service_date=TODAY.isoformat())
    template = await add(
        desk,
        text="{顾客称呼}您好，{配送日期}的奶由{奶站}于{送达时间}送达（{工单号}/{订单号}），{客服姓名}。",
    )
    draft = await desk.client.post(
        f"/tickets/{ticket['id']}/draft", json={"template_id": template["id"]}, headers=desk.headers
    )
    assert draft.status_code == 200, draft.text
    order_no = line.order_id.hex[-10:]
    said = (
        f"王女士您好，3月15日的奶由徐汇奶站于3月15日06:00送达（{ticket['ticket_no']}/{order_no}）"
        "，service_agent。"
    )
    assert draft.json() == {"text": said}
    assert len((await desk.read(ticket["id"]))["messages"]) == 2, "a draft says nothing"

    await desk.act(ticket["id"], "reply", template_id=template["id"], body="有事请回电。")
    seen = await desk.read(ticket["id"], by=world.household.headers)
    assert seen["messages"][-1]["body"] == f"{said}\n有事请回电。"
    kept = await session.scalars(
        select(TicketMessage.template_id).where(TicketMessage.template_id.is_not(None))
    )
    assert len(kept.all()) == 1, "which texts are used is known"


async def test_a_template_that_asks_for_more_than_the_ticket_says_is_not_sent(
    desk: Desk, session: AsyncSession
) -> None:
    world = desk.world
    line = await add_line(session, world.household, world.milk_id, first=TODAY)
    await add_delivery(session, world, line, TODAY, status=DeliveryStatus.FAILED, done_at=MORNING)
    await session.commit()
    ticket = await desk.file(order_line_id=line.public_id, service_date=TODAY.isoformat())
    template = await add(desk, text="{送达时间}送达，{补偿内容}")
    refused = await desk.act(ticket["id"], "reply", status=400, template_id=template["id"])
    assert refused["code"] == "placeholder_empty"
    assert refused["facts"] == {"missing": ["补偿内容", "送达时间"]}
    file = await desk.read(ticket["id"])
    assert (file["status"], len(file["messages"]), file["version"]) == ("open", 2, 1)


async def test_compensation_is_told_in_words(desk: Desk) -> None:
    ticket = await desk.file()
    await desk.act(ticket["id"], "compensate", status=201, credit_fen=350)
    template = await add(desk, text="已办理：{补偿内容}")
    await desk.act(ticket["id"], "reply", template_id=template["id"])
    assert (await desk.read(ticket["id"]))["messages"][-1]["body"] == "已办理：账户补偿3.50元"


async def test_an_unknown_placeholder_is_refused_when_saved(
    desk: Desk, session: AsyncSession
) -> None:
    kept = await add(desk)
    before = (await session.scalars(select(AnswerTemplate.text))).all()
    refused = await add(desk, status=400, title="另一个", text="{电话}{工单号}")
    assert refused["code"] == "placeholder_unknown"
    assert refused["facts"]["unknown"] == ["电话"]
    assert "顾客称呼" in refused["facts"]["known"]
    answer = await desk.client.patch(
        f"/answer-templates/{kept['id']}",
        json={"text": "{身份证}"},
        headers=desk.world.staff[Role.MANAGER].headers,
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "placeholder_unknown")
    assert (await session.scalars(select(AnswerTemplate.text))).all() == before


async def test_a_text_out_of_use_is_listed_on_request_and_not_sent(desk: Desk) -> None:
    ticket = await desk.file()
    template = await add(desk, category="leaking")
    assert template["id"] in {one["id"] for one in await catalogue(desk, category="leaking")}
    assert template["id"] not in {one["id"] for one in await catalogue(desk, category="late")}
    changed = await change(desk, template, is_active=False, category=None)
    assert (changed["is_active"], changed["category"]) == (False, None)
    refused = await desk.act(ticket["id"], "reply", status=409, template_id=template["id"])
    assert refused["code"] == "template_inactive"
    assert template["id"] not in {one["id"] for one in await catalogue(desk)}
    assert template["id"] in {one["id"] for one in await catalogue(desk, with_inactive=True)}
    assert (await change(desk, template, is_active=True))["is_active"]
    await desk.act(ticket["id"], "reply", template_id=template["id"])


async def test_titles_are_told_apart(desk: Desk) -> None:
    await add(desk)
    assert (await add(desk, status=409))["code"] == "template_title_taken"


@pytest.mark.parametrize("role", [Role.SERVICE_AGENT, Role.AUDITOR])
async def test_only_managers_write_the_catalogue(desk: Desk, role: Role) -> None:
    answer = await desk.client.post(
        "/answer-templates",
        json={"purpose": "answer", "title": "x", "text": "y"},
        headers=desk.world.staff[role].headers | once(),
    )
    assert answer.status_code == 403


async def test_customers_do_not_answer_by_template(desk: Desk) -> None:
    ticket = await desk.file()
    template = await add(desk)
    await desk.act(
        ticket["id"],
        "reply",
        by=desk.world.household.headers,
        status=403,
        template_id=template["id"],
    )
