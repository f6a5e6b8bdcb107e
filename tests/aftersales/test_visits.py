"""The call-back list: what waits, what was tried, who has said by link that it is solved."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import public_single
from app.identity.models import Role
from tests.factories.aftersales import HOUR, Desk
from tests.factories.links import tokens_of
from tests.factories.world import MORNING, once
from tests.fixtures.application import SetClock


async def waiting(desk: Desk, **asked: Any) -> list[dict[str, Any]]:
    answer = await desk.client.get("/return-visits", params=asked, headers=desk.headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["ticket"]["id"] for item in items]


async def test_resolved_tickets_wait_until_somebody_is_reached(desk: Desk, clock: SetClock) -> None:
    first, second = await desk.file(), await desk.file(severity="urgent")
    assert await waiting(desk) == []
    await desk.resolve(second["id"])
    clock.set(MORNING + HOUR)
    await desk.resolve(first["id"])
    assert ids(await waiting(desk)) == [second["id"], first["id"]], "the longest due first"

    clock.set(MORNING + 2 * HOUR)
    await desk.visit(second["id"], None)
    clock.set(MORNING + 3 * HOUR)
    await desk.visit(second["id"], None)
    (tried,) = await waiting(desk, tried=True)
    assert (tried["ticket"]["id"], tried["tries"]) == (second["id"], 2)
    assert tried["last_tried_at"] == "2026-03-15T05:00:00Z"
    assert tried["due_at"] == "2026-03-17T02:00:00Z", "two days after the result"
    assert ids(await waiting(desk, tried=False)) == [first["id"]]
    assert ids(await waiting(desk, severity="urgent")) == [second["id"]]

    clock.set(MORNING + 48.5 * HOUR)
    assert ids(await waiting(desk, overdue=True)) == [second["id"]]
    assert ids(await waiting(desk, overdue=False)) == [first["id"]]
    await desk.visit(second["id"], 5)
    assert ids(await waiting(desk)) == [first["id"]]


async def test_tries_of_an_earlier_result_are_not_counted(desk: Desk, clock: SetClock) -> None:
    ticket = await desk.file()
    await desk.resolve(ticket["id"])
    clock.set(MORNING + HOUR)
    await desk.visit(ticket["id"], None)
    clock.set(MORNING + 2 * HOUR)
    await desk.act(ticket["id"], "reopen", reason="批号有误")
    assert await waiting(desk) == []
    clock.set(MORNING + 3 * HOUR)
    await desk.resolve(ticket["id"])
    (again,) = await waiting(desk)
    assert (again["tries"], again["last_tried_at"]) == (0, None)


async def test_who_has_confirmed_by_link_is_seen(desk: Desk, session: AsyncSession) -> None:
    said, silent = await desk.file(), await desk.file()
    await desk.resolve(said["id"])
    token = (await tokens_of(session, desk.world.household.customer_id, "ticket_resolved"))[-1]
    await desk.resolve(silent["id"])
    answer = await desk.client.post(f"/links/{token}/confirm", json={}, headers=once())
    assert answer.status_code == 200, answer.text
    assert ids(await waiting(desk, confirmed=True)) == [said["id"]]
    assert ids(await waiting(desk, confirmed=False)) == [silent["id"]]


async def test_the_list_goes_on_page_by_page(desk: Desk, clock: SetClock) -> None:
    filed = []
    for hours in range(5):
        clock.set(MORNING + hours * HOUR)
        filed.append((await desk.file())["id"])
        await desk.resolve(filed[-1])
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await desk.client.get("/return-visits", params=params, headers=desk.headers)
        seen += ids(page.json()["items"])
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert seen == filed
    bad = await desk.client.get("/return-visits", params={"cursor": "WzFd"}, headers=desk.headers)
    assert (bad.status_code, bad.json()["code"]) == (400, "bad_cursor")


async def test_mine_and_a_stations_own(desk: Desk) -> None:
    mine, other = await desk.file(), await desk.file()
    await desk.act(mine["id"], "assign")
    for one in (mine, other):
        await desk.resolve(one["id"])
    assert ids(await waiting(desk, mine=True)) == [mine["id"]]
    station = public_single("stn", desk.world.station_id)
    assert await waiting(desk, station=station) == []
    manager = desk.world.staff[Role.STATION_MANAGER].headers
    seen = await desk.client.get("/return-visits", headers=manager)
    assert seen.json()["items"] == []
