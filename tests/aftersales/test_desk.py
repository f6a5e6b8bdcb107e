"""Teams, classes, the queue's filters, searches, the agent's page, two agents at once."""

from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import TeamMember, Ticket, TicketEvent, TicketMessage
from app.core.db import Database
from app.identity.models import Role, StaffAccount
from tests.factories.aftersales import HOUR, Desk, add_delivery, stored
from tests.factories.delivery import add_line
from tests.factories.orders import place
from tests.factories.world import MORNING, TODAY, once
from tests.fixtures.application import SetClock


async def login_of(session: AsyncSession, desk: Desk, role: Role) -> str:
    account = await session.get_one(StaffAccount, desk.world.staff[role].account_id)
    return account.login


async def set_team(desk: Desk, team: str, *logins: str, status: int = 200) -> dict[str, Any]:
    answer = await desk.client.put(
        f"/teams/{team}/members",
        json={"logins": list(logins)},
        headers=desk.world.staff[Role.MANAGER].headers,
    )
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_ticket_goes_from_team_to_team_to_person(desk: Desk, session: AsyncSession) -> None:
    quality, agent = [
        await login_of(session, desk, role) for role in (Role.QUALITY, Role.SERVICE_AGENT)
    ]
    teams = await set_team(desk, "quality", quality)
    assert [(one["team"], one["label"]) for one in teams["items"]] == [
        ("response", "响应小组"),
        ("technical", "技术支持组"),
        ("quality", "质检小组"),
        ("training", "培训小组"),
    ]
    ticket = await desk.file(category="taste")
    assert (await desk.read(ticket["id"]))["desk"]["team"] == "response"

    taken = await desk.act(ticket["id"], "assign")
    assert taken["desk"]["assignee"] == agent
    handed = await desk.act(ticket["id"], "assign", team="quality")
    assert (handed["desk"]["team"], handed["desk"]["assignee"]) == ("quality", None)

    refused = await desk.act(ticket["id"], "assign", status=400, team="quality", login=agent)
    assert refused["code"] == "not_in_team"
    row = await stored(session, ticket["id"])
    assert (row.team, row.assignee_id) == ("quality", None)

    given = await desk.act(ticket["id"], "assign", team="quality", login=quality)
    assert given["desk"]["assignee"] == quality
    read = await desk.client.get("/teams", headers=desk.headers)
    running = {one["team"]: one["running"] for one in read.json()["items"]}
    assert running == {"response": 0, "technical": 0, "quality": 1, "training": 0}
    assert read.json()["items"][2]["members"] == [{"login": quality, "display_name": "quality"}]


async def test_a_team_takes_members_of_the_desk_only(desk: Desk, session: AsyncSession) -> None:
    agent = await login_of(session, desk, Role.SERVICE_AGENT)
    await set_team(desk, "response", agent)
    finance = await login_of(session, desk, Role.FINANCE)
    for stranger in ("nobody", finance):
        refused = await set_team(desk, "response", agent, stranger, status=400)
        assert (refused["code"], refused["facts"]) == ("assignee_unknown", {"login": stranger})
    assert await session.scalar(select(func.count()).select_from(TeamMember)) == 1
    assert (await set_team(desk, "response"))["items"][0]["members"] == []


async def test_grading_anew_is_kept_with_its_reason(desk: Desk, session: AsyncSession) -> None:
    ticket = await desk.file()
    assert (ticket["severity"], ticket["handling"]) == ("general", "common")
    graded = await desk.act(
        ticket["id"], "classify", severity="urgent", is_food_safety=True, reason="孩子腹泻"
    )
    assert (graded["severity"], graded["handling"]) == ("urgent", "emergency")
    line = (await desk.read(ticket["id"]))["events"][-1]
    assert line["kind"] == "classified"
    assert line["reason"] == (
        "severity general -> urgent, handling common -> emergency, food_safety false -> true: 孩子腹泻"
    )
    assert line["actor_name"] == "service_agent"

    before = await session.scalar(select(func.count()).select_from(TicketEvent))
    nothing_new: list[dict[str, Any]] = [{"severity": "urgent"}, {"handling": "common"}, {}]
    for wanted in nothing_new:
        refused = await desk.act(ticket["id"], "classify", status=400, reason="x", **wanted)
        assert refused["code"] == "nothing_to_classify"
    await desk.act(ticket["id"], "classify", status=422, severity="major")
    assert await session.scalar(select(func.count()).select_from(TicketEvent)) == before

    calmer = await desk.act(
        ticket["id"], "classify", severity="general", handling="complex", reason="已就医，待检测"
    )
    assert (calmer["severity"], calmer["handling"]) == ("general", "complex")


async def test_an_urgent_ticket_is_an_emergency_from_the_first_word(desk: Desk) -> None:
    ticket = await desk.file(severity="urgent", handling="common")
    assert ticket["handling"] == "emergency"


async def test_whose_is_what_in_the_queue(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    agent = await login_of(session, desk, Role.SERVICE_AGENT)
    mine = await desk.file()
    await desk.act(mine["id"], "assign")
    technical = await desk.file(category="other")
    await desk.act(technical["id"], "assign", team="technical")
    await desk.act(technical["id"], "classify", handling="complex", reason="需要工程师")
    sick = await desk.file(is_food_safety=True, category="taste")

    async def ids(**filters: Any) -> set[str]:
        return {item["id"] for item in await desk.queue(**filters)}

    assert await ids(mine=True) == await ids(assignee=agent) == {mine["id"]}
    assert await ids(assigned=False) == {technical["id"], sick["id"]}
    assert await ids(team="technical") == {technical["id"]}
    assert await ids(handling="complex") == {technical["id"]}
    assert await ids(food_safety=True) == {sick["id"]}
    assert await ids(severity=["general", "major"]) == {mine["id"], technical["id"], sick["id"]}
    nobody = await desk.client.get("/tickets", params={"assignee": "x"}, headers=desk.headers)
    assert (nobody.status_code, nobody.json()["code"]) == (400, "assignee_unknown")


async def test_overdue_and_due_soon_look_at_every_clock(desk: Desk, clock: SetClock) -> None:
    household = desk.world.household
    old = await desk.file()
    clock.set(MORNING + 10 * HOUR)
    await desk.reply(old["id"])
    young = await desk.file(kind="request")

    async def ids(due: str) -> set[str]:
        return {item["id"] for item in await desk.queue(due=due)}

    assert await ids("due_soon") == await ids("overdue") == set()
    clock.set(MORNING + 21 * HOUR)
    assert (await ids("due_soon"), await ids("overdue")) == ({old["id"]}, set())
    clock.set(MORNING + 25 * HOUR)
    assert (await ids("due_soon"), await ids("overdue")) == (set(), {old["id"]})
    await desk.resolve(old["id"], late_reason="等待厂家回复")
    await desk.reply(young["id"])
    clock.set(MORNING + 26 * HOUR)
    spoken = await desk.act(young["id"], "reply", by=household.headers, body="什么时候能好？")
    assert spoken["desk"] is None
    waits = (await desk.read(young["id"]))["desk"]["reply_due_at"]
    assert waits == (MORNING + 50 * HOUR).isoformat().replace("+00:00", "Z")
    await desk.reply(young["id"])
    assert (await desk.read(young["id"]))["desk"]["reply_due_at"] is None


async def test_a_caller_is_found_by_phone_order_or_ticket_number(
    desk: Desk, session: AsyncSession
) -> None:
    world = desk.world
    other = await world.add_household(session)
    order = await place(desk.client, world)
    about = await desk.file(order_id=order["id"], kind="request", category="other")
    plain = await desk.file()
    foreign = await desk.file(other)
    await desk.resolve(plain["id"])

    async def found(text: str) -> list[str]:
        answer = await desk.client.post(
            "/tickets/search", json={"text": text}, headers=desk.headers
        )
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    assert await found(world.household.phone) == [plain["id"], about["id"]], "whatever its status"
    assert await found(f"+86 {other.phone[:3]} {other.phone[3:]}") == [foreign["id"]]
    assert await found(order["order_no"]) == [about["id"]]
    assert await found(plain["ticket_no"].lower()) == [plain["id"]]
    for text in ("13800000000", "NOSUCH", "漏奶漏奶"):
        assert await found(text) == []

    manager = world.staff[Role.STATION_MANAGER].headers
    answer = await desk.client.post(
        "/tickets/search", json={"text": plain["ticket_no"]}, headers=manager
    )
    assert answer.json()["items"] == [], "a station manager finds his station's tickets only"


async def test_the_ticket_page_in_few_statements(
    desk: Desk, session: AsyncSession, database: Database
) -> None:
    world = desk.world
    line = await add_line(session, world.household, world.milk_id, first=TODAY)
    await add_delivery(session, world, line, TODAY)
    await session.commit()
    ticket = await desk.file(order_line_id=line.public_id, service_date=TODAY.isoformat())
    earlier = await desk.file(kind="request")
    for _ in range(3):
        await desk.reply(ticket["id"])

    async def read() -> tuple[dict[str, Any], int]:
        counted = []

        def count(*_: object) -> None:
            counted.append(1)

        engine = database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", count)
        answer = await desk.client.get(f"/tickets/{ticket['id']}/desk", headers=desk.headers)
        event.remove(engine, "before_cursor_execute", count)
        assert answer.status_code == 200, answer.text
        return answer.json(), len(counted)

    page, statements = await read()
    assert page["ticket"]["ticket_no"] == ticket["ticket_no"]
    assert len(page["ticket"]["messages"]) == 5
    assert page["ticket"]["messages"][-1]["author_name"] == "service_agent"
    assert page["customer"]["name"] == "王**"
    assert world.household.phone not in str(page), "masked"
    assert [order["id"] for order in page["orders"]] == [line.public_order_id]
    (brought,) = page["deliveries"]
    assert (brought["product"], brought["station"], brought["status"]) == (
        "鲜牛奶",
        "徐汇奶站",
        "delivered",
    )
    assert [one["id"] for one in page["other_tickets"]] == [earlier["id"]]
    for _ in range(5):
        await desk.file(kind="consultation")
    assert (await read())[1] == statements, "the same number, however much there is"
    assert statements <= 19


async def test_the_page_is_not_for_strangers(desk: Desk, session: AsyncSession) -> None:
    ticket = await desk.file()
    path = f"/tickets/{ticket['id']}/desk"
    manager = desk.world.staff[Role.STATION_MANAGER].headers
    assert (await desk.client.get(path, headers=manager)).status_code == 404
    assert (await desk.client.get(path, headers=desk.world.household.headers)).status_code == 403


async def test_the_second_of_two_agents_is_told_who_changed_what(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    ticket = await desk.file()
    seen = (await desk.read(ticket["id"]))["version"]
    clock.set(MORNING + HOUR)
    quality = desk.world.staff[Role.QUALITY].headers
    first = await desk.act(ticket["id"], "reply", by=quality, body="已联系奶站", version=seen)
    assert first["version"] == seen + 1

    counts = select(
        select(func.count()).select_from(TicketMessage).scalar_subquery(),
        select(func.count()).select_from(TicketEvent).scalar_subquery(),
    )
    before = (await session.execute(counts)).one()
    late: dict[str, dict[str, Any]] = {
        "reply": {"body": "我们马上补送"},
        "assign": {},
        "classify": {"severity": "major", "reason": "x"},
        "resolve": {"result": "已补送"},
        "compensate": {"credit_fen": 100},
    }
    for action, body in late.items():
        refused = await desk.act(ticket["id"], action, status=409, version=seen, **body)
        assert refused["code"] == "ticket_changed"
        assert refused["facts"] == {
            "version": seen + 1,
            "changed_by": await login_of(session, desk, Role.QUALITY),
            "changed_at": clock.now().isoformat(),
            "act": "replied",
            "act_label": "答复",
        }
    assert (await session.execute(counts)).one() == before
    row = await stored(session, ticket["id"])
    assert (row.version, row.status, row.severity) == (seen + 1, "answered", "general")

    again = await desk.act(ticket["id"], "resolve", result="已补送", version=seen + 1)
    assert again["status"] == "resolved", "with the page read anew it goes through"
    told = await desk.act(
        ticket["id"],
        "reopen",
        by=desk.world.household.headers,
        status=409,
        reason="?",
        version=seen,
    )
    assert told["facts"]["changed_by"] == "staff", "customers are not told which"


async def test_the_customers_word_changes_the_version_the_sweep_does_not(
    desk: Desk, session: AsyncSession, clock: SetClock
) -> None:
    ticket = await desk.file()
    clock.set(MORNING + 30 * HOUR)
    await desk.act(ticket["id"], "reply", by=desk.world.household.headers, body="在吗")
    refused = await desk.act(
        ticket["id"], "resolve", status=409, result="x", late_reason="y", version=1
    )
    assert (refused["facts"]["changed_by"], refused["facts"]["act"]) == ("customer", "replied")
    assert (await stored(session, ticket["id"])).status == "open"


@pytest.mark.parametrize("version", [0, -1, "1", 1.5, 2**40])
async def test_a_version_is_a_number(desk: Desk, session: AsyncSession, version: Any) -> None:
    ticket = await desk.file()
    answer = await desk.client.post(
        f"/tickets/{ticket['id']}/reply",
        json={"body": "x", "version": version},
        headers=desk.headers | once(),
    )
    assert answer.status_code == 422
    assert (await session.scalars(select(Ticket.version))).all() == [1]
