"""A ticket comes in: receipt at once, clocks start, the right round is found."""

from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import Ticket, TicketMessage
from app.core.db import Database
from app.core.ids import public_pair, public_single
from app.core.pagination import cursor_of
from app.customers.models import CustomerKind
from app.identity.models import Role
from app.notifications.models import SmsMessage
from tests.factories.aftersales import HOUR, Desk, add_delivery, stored
from tests.factories.delivery import add_line
from tests.factories.world import MORNING, TODAY, once
from tests.fixtures.application import SetClock


async def test_a_leaking_bottle_is_reported_and_received_at_once(
    desk: Desk, session: AsyncSession
) -> None:
    ticket = await desk.file()

    assert ticket["status"] == "open"
    assert ticket["subject"] == "投诉：漏奶破损"
    assert ticket["received_at"] == MORNING.isoformat().replace("+00:00", "Z")
    row = await stored(session, ticket["id"])
    assert row.due_at == row.answer_due_at == MORNING + 24 * HOUR

    thread = (await desk.read(ticket["id"], by=desk.world.household.headers))["messages"]
    assert [said["author"] for said in thread] == ["customer", "system"]
    assert thread[0]["body"] == desk.complaint["body"]
    assert ticket["ticket_no"] in thread[1]["body"]

    sms = (await session.scalars(select(SmsMessage))).all()
    assert [message.template for message in sms] == ["ticket_received"]
    assert row.first_answered_at is None, "an automatic receipt is no answer"


async def test_the_words_are_sealed_at_rest(desk: Desk, session: AsyncSession) -> None:
    ticket = await desk.file(body="我是王女士，电话13900001234，瓶子漏了")
    row = await stored(session, ticket["id"])
    assert "王女士" not in row.subject
    for message in await session.scalars(select(TicketMessage)):
        assert "王女士".encode() not in message.body_sealed


async def test_a_complaint_about_a_delivery_names_block_and_deliverer(
    desk: Desk, session: AsyncSession, database: Database
) -> None:
    world = desk.world
    line = await add_line(session, world.household, world.milk_id, first=TODAY)
    block_id, deliverer_id = await add_delivery(session, world, line, TODAY, block=1)
    await session.commit()

    ticket = await desk.file(order_line_id=line.public_id, service_date=TODAY.isoformat())

    row = await stored(session, ticket["id"])
    assert (row.block_id, row.deliverer_id) == (block_id, deliverer_id), "who went, not who goes"
    assert (row.station_id, row.city_code) == (world.station_id, "310000")
    assert row.order_id == line.order_id
    assert ticket["order_id"] == line.public_order_id
    assert ticket["desk"] is None


async def test_without_a_delivery_the_round_that_serves_the_door_is_taken(
    desk: Desk, session: AsyncSession
) -> None:
    world = desk.world
    line = await add_line(session, world.household, world.milk_id)
    await session.commit()
    ticket = await desk.file(order_id=line.public_order_id, kind="consultation", category="other")
    row = await stored(session, ticket["id"])
    assert (row.block_id, row.station_id) == (world.blocks[0], world.station_id)
    assert row.order_line_id is None


async def test_a_question_from_nowhere_belongs_to_no_station(
    desk: Desk, session: AsyncSession
) -> None:
    ticket = await desk.file(kind="consultation", category="billing")
    row = await stored(session, ticket["id"])
    assert row.station_id is None


async def test_a_line_of_another_household_is_not_found(desk: Desk, session: AsyncSession) -> None:
    world = desk.world
    other = await world.add_household(session)
    line = await add_line(session, other, world.milk_id)
    await session.commit()
    for named in (
        {"order_line_id": line.public_id},
        {"order_id": line.public_order_id},
        {"order_id": public_pair("ord", world.household.customer_id, line.order_id)},
        {"order_line_id": public_pair("lin", world.household.customer_id, line.order_id)},
    ):
        answer = await desk.client.post(
            "/tickets", json=desk.complaint | named, headers=world.household.headers | once()
        )
        assert answer.status_code == 404, named
    assert await session.scalar(select(func.count()).select_from(Ticket)) == 0


async def test_an_agent_writes_down_a_call(desk: Desk, session: AsyncSession) -> None:
    household = desk.world.household
    answer = await desk.client.post(
        "/tickets",
        json=desk.complaint | {"channel": "phone", "phone": household.phone},
        headers=desk.headers | once(),
    )
    assert answer.status_code == 201, answer.text
    ticket = answer.json()
    assert ticket["desk"]["assignee"] is None
    row = await stored(session, ticket["id"])
    assert row.customer_id == household.customer_id
    mine = await desk.client.get("/tickets", headers=household.headers)
    assert [item["id"] for item in mine.json()["items"]] == [ticket["id"]]
    thread = (await desk.read(ticket["id"]))["messages"]
    assert thread[0]["author"] == "customer", "the words are the customer's"


async def test_a_call_from_an_unknown_number_opens_an_account(
    desk: Desk, session: AsyncSession
) -> None:
    answer = await desk.client.post(
        "/tickets",
        json={
            "kind": "consultation",
            "category": "other",
            "channel": "phone",
            "body": "能送到青浦吗？",
            "phone": "13811112222",
        },
        headers=desk.headers | once(),
    )
    assert answer.status_code == 201, answer.text
    assert (await stored(session, answer.json()["id"])).customer_kind == CustomerKind.HOUSEHOLD


@pytest.mark.parametrize("named", [{}, {"phone": "13811112222", "order_id": "both"}])
async def test_an_agent_names_one_customer(
    desk: Desk, session: AsyncSession, named: dict[str, str]
) -> None:
    line = await add_line(session, desk.world.household, desk.world.milk_id)
    await session.commit()
    named = {
        key: line.public_order_id if value == "both" else value for key, value in named.items()
    }
    answer = await desk.client.post(
        "/tickets", json=desk.complaint | named, headers=desk.headers | once()
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "customer_not_named")
    assert await session.scalar(select(func.count()).select_from(Ticket)) == 0


async def test_customers_do_not_file_by_telephone(desk: Desk, session: AsyncSession) -> None:
    answer = await desk.client.post(
        "/tickets",
        json=desk.complaint | {"channel": "phone"},
        headers=desk.world.household.headers | once(),
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "channel_not_yours")
    assert await session.scalar(select(func.count()).select_from(Ticket)) == 0


async def test_the_same_key_is_the_same_ticket(desk: Desk, session: AsyncSession) -> None:
    headers = desk.world.household.headers | once()
    first = await desk.client.post("/tickets", json=desk.complaint, headers=headers)
    again = await desk.client.post("/tickets", json=desk.complaint, headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert await session.scalar(select(func.count()).select_from(Ticket)) == 1
    assert await session.scalar(select(func.count()).select_from(SmsMessage)) == 1
    other = await desk.client.post(
        "/tickets", json=desk.complaint | {"body": "另一件事"}, headers=headers
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_urgent_and_food_safety_come_first_in_the_queue(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    at = MORNING
    filed = {}
    wanted: dict[str, dict[str, Any]] = {
        "oldest": {},
        "major": {"severity": "major"},
        "urgent": {"severity": "urgent"},
        "sick": {"is_food_safety": True, "category": "taste"},
    }
    for name, said in wanted.items():
        clock.set(at)
        filed[name] = (await desk.file(**said))["id"]
        at += HOUR
    order = [item["id"] for item in await desk.queue()]
    assert order == [filed[name] for name in ("urgent", "sick", "major", "oldest")]

    by_page = []
    cursor: str | None = None
    for _ in range(4):
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await desk.client.get("/tickets", params=params, headers=desk.headers)).json()
        by_page += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert by_page == order
    assert cursor is None


async def test_filters_of_the_queue(desk: Desk, session: AsyncSession) -> None:
    world = desk.world
    line = await add_line(session, world.household, world.milk_id)
    await session.commit()
    here = await desk.file(order_id=line.public_order_id)
    question = await desk.file(kind="consultation", category="other", severity="major")
    done = await desk.file(kind="request", category="other")
    await desk.resolve(done["id"])

    async def ids(**filters: str | list[str]) -> set[str]:
        return {item["id"] for item in await desk.queue(**filters)}

    assert await ids() == {here["id"], question["id"]}, "by default what is running"
    assert await ids(status="resolved") == {done["id"]}
    assert await ids(status=["resolved", "open"]) == {here["id"], question["id"], done["id"]}
    assert await ids(kind="consultation") == {question["id"]}
    assert await ids(severity="major") == {question["id"]}
    assert await ids(station=public_single("stn", world.station_id)) == {here["id"]}
    assert await ids(due_before="2026-03-16T02:00:00Z") == set()
    assert await ids(due_before="2026-03-16T02:00:01Z") == {here["id"], question["id"]}


@pytest.mark.parametrize("cursor", ["x", "WzEsMl0", "WyJhIiwgMSwgMiwgM10"])
async def test_a_made_up_cursor_is_refused(desk: Desk, cursor: str) -> None:
    answer = await desk.client.get("/tickets", params={"cursor": cursor}, headers=desk.headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


async def test_staff_of_other_roles_do_not_file(desk: Desk) -> None:
    for role in (Role.DELIVERER, Role.FINANCE, Role.AUDITOR, Role.SCHOOL):
        answer = await desk.client.post(
            "/tickets", json=desk.complaint, headers=desk.world.staff[role].headers | once()
        )
        assert answer.status_code == 403, role


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_instants_beyond_the_calendar_are_refused(desk: Desk, at: str) -> None:
    filtered = await desk.client.get("/tickets", params={"due_before": at}, headers=desk.headers)
    assert (filtered.status_code, filtered.json()["code"]) == (422, "validation_failed")
    someone = "00000000-0000-0000-0000-000000000000"
    cursor = cursor_of(0, at, someone, someone)
    paged = await desk.client.get("/tickets", params={"cursor": cursor}, headers=desk.headers)
    assert (paged.status_code, paged.json()["code"]) == (400, "bad_cursor")
