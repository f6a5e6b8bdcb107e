"""A missed target gets its cause and its action, and somebody else says whether it helped."""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id, public_single
from app.identity.models import Role
from app.kpi.models import KpiFinding, KpiFindingEvent
from tests.factories.history import History
from tests.factories.world import TODAY, World, once

BODY = {
    "key": "on_time_rate",
    "from_date": TODAY.isoformat(),
    "to_date": TODAY.isoformat(),
    "cause": "3号车晚到40分钟",
    "action": "车队提前半小时预冷",
    "responsible": "王站长",
    "due_date": "2026-03-20",
}


@pytest.fixture
async def missed(world: World, session: AsyncSession) -> None:
    """Half of today's stops came late."""
    history = History(session, world)
    await history.stop(TODAY)
    await history.stop(TODAY, seconds_from_seven=60)
    await session.commit()


async def record(
    client: httpx.AsyncClient,
    world: World,
    *,
    role: Role = Role.MANAGER,
    status: int = 201,
    **said: Any,
) -> dict[str, Any]:
    """Write one down."""
    answer = await client.post(
        "/kpi/findings", json=BODY | said, headers=world.staff[role].headers | once()
    )
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def change(
    client: httpx.AsyncClient,
    world: World,
    finding: str,
    *,
    role: Role = Role.MANAGER,
    status: int = 200,
    **said: Any,
) -> dict[str, Any]:
    """Change one."""
    answer = await client.patch(
        f"/kpi/findings/{finding}", json=said, headers=world.staff[role].headers
    )
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def count(session: AsyncSession) -> tuple[int, int]:
    """Findings and events."""
    tables = (KpiFinding, KpiFindingEvent)
    found = [await session.scalar(select(func.count()).select_from(one)) for one in tables]
    return found[0] or 0, found[1] or 0


@pytest.mark.usefixtures("missed")
async def test_from_the_miss_to_the_proof_that_it_helped(
    client: httpx.AsyncClient, world: World
) -> None:
    made = await record(client, world)
    assert (made["value"], made["target"], made["state"]) == ("50.00", "95", "open")
    assert (made["numerator"], made["denominator"], made["is_overdue"]) == (1, 2, False)
    finding = made["id"]
    await change(client, world, finding, state="acting", note="车队已通知")
    await change(client, world, finding, responsible="李队长", due_date="2026-03-22")
    await change(client, world, finding, state="done")
    await change(client, world, finding, state="acting", note="仍有晚点")
    await change(client, world, finding, state="done")
    closed = await change(client, world, finding, role=Role.QUALITY, state="closed")
    assert closed["state"] == "closed"
    headers = world.staff[Role.AUDITOR].headers
    history = (await client.get(f"/kpi/findings/{finding}", headers=headers)).json()["history"]
    assert [step["state"] for step in history] == [
        "open", "acting", "acting", "done", "acting", "done", "closed",
    ]  # fmt: skip
    assert history[2]["changes"] == {"responsible": "王站长", "due_date": "2026-03-20"}
    assert history[1]["note"] == "车队已通知"
    refused = await change(client, world, finding, status=409, cause="别的")
    assert refused["code"] == "move_not_allowed"


@pytest.mark.usefixtures("missed")
async def test_one_open_finding_at_a_time(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    made = await record(client, world)
    refused = await record(client, world, status=409)
    assert (refused["code"], refused["facts"]["finding_id"]) == ("finding_open", made["id"])
    assert await count(session) == (1, 1)
    await change(client, world, made["id"], state="dropped", note="登记有误")
    assert (await record(client, world))["id"] != made["id"]


@pytest.mark.usefixtures("missed")
async def test_the_same_request_again_has_one_effect(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    headers = world.staff[Role.MANAGER].headers | once()
    answers = [await client.post("/kpi/findings", json=BODY, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert await count(session) == (1, 1)


async def test_a_target_that_was_met_needs_no_action(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    for key in ("on_time_rate", "satisfaction"):
        refused = await record(client, world, status=409, key=key)
        assert refused["code"] == "target_not_missed"
    assert await count(session) == (0, 0)


@pytest.mark.usefixtures("missed")
@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"key": "profit"}, 422),
        ({"cause": " "}, 422),
        ({"scope": "city:999999"}, 404),
        ({"scope": "x"}, 400),
        ({"from_date": "2026-03-16"}, 400),
        ({"state": "closed"}, 422),
    ],
)
async def test_what_is_no_finding(
    client: httpx.AsyncClient,
    world: World,
    session: AsyncSession,
    said: dict[str, Any],
    status: int,
) -> None:
    await record(client, world, status=status, **said)
    assert await count(session) == (0, 0)


@pytest.mark.usefixtures("missed")
async def test_a_station_manager_acts_for_his_station_and_verifies_nothing(
    client: httpx.AsyncClient, world: World
) -> None:
    everyones = await record(client, world)
    manager = Role.STATION_MANAGER
    own = await record(client, world, role=manager)
    assert own["scope"] == f"station:{public_single('stn', world.station_id)}"
    await record(client, world, role=manager, status=404, scope="operator")
    headers = world.staff[manager].headers
    listed = (await client.get("/kpi/findings", headers=headers)).json()["items"]
    assert [item["id"] for item in listed] == [own["id"]]
    await change(client, world, everyones["id"], role=manager, status=404, state="acting")
    await change(client, world, own["id"], role=manager, state="done")
    refused = await change(client, world, own["id"], role=manager, status=403, state="closed")
    assert refused["code"] == "verified_by_others"
    for finding in (everyones["id"], public_single("fnd", new_id())):
        answer = await client.get(f"/kpi/findings/{finding}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "finding_unknown")


@pytest.mark.usefixtures("missed")
async def test_findings_by_key_state_and_page(client: httpx.AsyncClient, world: World) -> None:
    blocks = [f"block:{public_single('blk', world.blocks[0])}", "city:310000", "operator"]
    made = [await record(client, world, scope=scope) for scope in blocks]
    await change(client, world, made[0]["id"], state="acting")
    headers = world.staff[Role.MANAGER].headers

    async def ids(**params: Any) -> tuple[list[str], str | None]:
        found = (await client.get("/kpi/findings", params=params, headers=headers)).json()
        return [item["id"] for item in found["items"]], found["next_cursor"]

    first, cursor = await ids(limit=2)
    rest, end = await ids(limit=2, cursor=cursor)
    assert (first + rest, end) == ([one["id"] for one in made[::-1]], None)
    assert (await ids(state="acting"))[0] == [made[0]["id"]]
    assert (await ids(scope="city:310000"))[0] == [made[1]["id"]]
    assert (await ids(key="satisfaction"))[0] == []
    refused = await change(client, world, made[0]["id"], status=400)
    assert refused["code"] == "nothing_changed"
