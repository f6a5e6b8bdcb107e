"""Who sees which ticket: foreign and missing look the same."""

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id, public_pair, public_single
from app.identity.models import Role
from tests.factories.aftersales import Desk
from tests.factories.delivery import add_line
from tests.factories.world import StaffMember


async def test_a_household_sees_its_own_tickets_only(desk: Desk, session: AsyncSession) -> None:
    other = await desk.world.add_household(session)
    await session.commit()
    mine = await desk.file()
    missing = public_pair("tkt", other.customer_id, new_id())
    for ticket_id in (mine["id"], missing, "tkt_nonsense"):
        answer = await desk.client.get(f"/tickets/{ticket_id}", headers=other.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        refused = await desk.act(ticket_id, "reply", by=other.headers, status=404, body="x")
        assert refused["code"] == "not_found"
        await desk.act(ticket_id, "reopen", by=other.headers, status=404, reason="x")
    theirs = await desk.client.get("/tickets", headers=other.headers)
    assert theirs.json()["items"] == []


async def test_internal_notes_stay_inside(desk: Desk) -> None:
    household = desk.world.household
    ticket = await desk.file()
    await desk.reply(ticket["id"], audience="internal", body="顾客第三次投诉")
    await desk.reply(ticket["id"], body="非常抱歉")
    seen = await desk.read(ticket["id"], by=household.headers)
    assert [said["body"] for said in seen["messages"]][-1] == "非常抱歉"
    assert "顾客第三次投诉" not in str(seen)
    inside = await desk.read(ticket["id"])
    assert [said["audience"] for said in inside["messages"]] == [
        "public",
        "public",
        "internal",
        "public",
    ]
    await desk.act(
        ticket["id"], "reply", by=household.headers, status=403, audience="internal", body="x"
    )


async def test_a_station_manager_reads_his_station(desk: Desk, session: AsyncSession) -> None:
    world = desk.world
    line = await add_line(session, world.household, world.milk_id)
    elsewhere: StaffMember = await world.add_staff(
        session, Role.STATION_MANAGER, station_id=new_id()
    )
    nowhere: StaffMember = await world.add_staff(session, Role.STATION_MANAGER)
    await session.commit()
    here = await desk.file(order_id=line.public_order_id)
    unplaced = await desk.file(kind="consultation", category="other")
    manager = world.staff[Role.STATION_MANAGER].headers

    listed = await desk.client.get("/tickets", headers=manager)
    assert [item["id"] for item in listed.json()["items"]] == [here["id"]]
    await desk.read(here["id"], by=manager)
    await desk.read(unplaced["id"], by=manager, status=404)
    await desk.read(here["id"], by=elsewhere.headers, status=404)
    foreign = await desk.client.get(
        "/tickets", params={"station": public_single("stn", new_id())}, headers=manager
    )
    assert foreign.status_code == 404
    unheld = await desk.client.get("/tickets", headers=nowhere.headers)
    assert unheld.status_code == 403


@pytest.mark.parametrize("role", [Role.DELIVERER, Role.FINANCE, Role.REVIEWER, Role.SCHOOL])
async def test_other_roles_read_nothing(desk: Desk, role: Role) -> None:
    ticket = await desk.file()
    headers = desk.world.staff[role].headers
    assert (await desk.client.get("/tickets", headers=headers)).status_code == 403
    await desk.read(ticket["id"], by=headers, status=403)


async def test_without_a_token_there_is_nothing(desk: Desk) -> None:
    ticket = await desk.file()
    for path in ("/tickets", f"/tickets/{ticket['id']}"):
        assert (await desk.client.get(path)).status_code == 401
