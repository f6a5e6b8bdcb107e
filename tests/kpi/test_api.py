"""The dashboard's questions over REST: who may ask what, and how the answers read."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id, public_single
from app.core.pagination import cursor_of
from app.identity.models import Role
from app.kpi.models import KpiTarget
from tests.factories.history import DAY, History
from tests.factories.world import MORNING, TODAY, World
from tests.fixtures.application import SetClock

TODAY_ONLY = {"from": TODAY.isoformat(), "to": TODAY.isoformat()}
EIGHT = [
    "on_time_rate",
    "response_time",
    "internet_rate",
    "satisfaction",
    "delivery_temp_rate",
    "cold_store_temp_rate",
    "complaint_rate",
    "complaint_handled_rate",
]


async def ask(
    client: httpx.AsyncClient,
    world: World,
    *,
    role: Role = Role.MANAGER,
    path: str = "/kpi",
    status: int = 200,
    period: dict[str, str] = TODAY_ONLY,
    **params: Any,
) -> dict[str, Any]:
    """One question, about today unless said otherwise."""
    answer = await client.get(path, params=period | params, headers=world.staff[role].headers)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_eight_stand_on_the_dashboard(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    history = History(session, world)
    for _ in range(19):
        await history.stop(TODAY)
    await history.stop(TODAY, seconds_from_seven=60)
    await session.commit()

    found = await ask(client, world)

    assert [item["key"] for item in found["items"]] == EIGHT
    assert (found["scope"], found["from_date"], found["to_date"]) == (
        "operator",
        "2026-03-15",
        "2026-03-15",
    )
    on_time = found["items"][0]
    assert on_time | {"beside": None} == {
        "key": "on_time_rate",
        "title": "7点前送达服务成功率",
        "value": "95.00",
        "unit": "percent",
        "target": "95",
        "direction": "at_least",
        "status": "met",
        "numerator": 19,
        "denominator": 20,
        "reason": None,
        "beside": None,
    }
    complaints = next(item for item in found["items"] if item["key"] == "complaint_rate")
    assert (complaints["value"], complaints["status"]) == ("0.00", "met")
    others = [item for item in found["items"] if item["denominator"] == 0]
    assert {item["status"] for item in others} == {"no_data"}
    assert {item["value"] for item in others} == {None}
    assert {item["reason"] for item in others} == {"nothing_counted"}


async def test_a_kpi_opens_to_its_rows_page_by_page(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    history = History(session, world)
    for number in range(5):
        await history.stop(TODAY, seconds_from_seven=-60 * number + 60)
    await session.commit()
    path = "/kpi/on_time_rate/rows"
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(3):
        more: dict[str, Any] = {"cursor": cursor} if cursor else {}
        page = await ask(client, world, path=path, limit=2, **more)
        rows += page["items"]
        cursor = page["next_cursor"]
    assert cursor is None
    assert len({row["id"] for row in rows}) == 5
    assert sum(row["numerator"] for row in rows) == 3
    assert rows[0]["kind"] == "stop"
    assert rows[0]["id"].startswith("adr_")
    assert rows[0]["facts"]["block_id"] == public_single("blk", world.blocks[0])

    missed = await ask(client, world, path=path, only_missed=True)
    assert len(missed["items"]) == 2


async def test_complaints_open_to_tickets_first_and_then_to_stops(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    history = History(session, world)
    for _ in range(3):
        await history.stop(TODAY)
    await history.ticket(MORNING - timedelta(hours=1))
    await session.commit()
    path = "/kpi/complaint_rate/rows"
    first = await ask(client, world, path=path, limit=1)
    rest = await ask(client, world, path=path, limit=3, cursor=first["next_cursor"])
    kinds = [row["kind"] for row in first["items"] + rest["items"]]
    assert kinds == ["ticket", "stop", "stop", "stop"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "everything",
        "operator:1",
        "city:",
        "city:上海",
        "city:1234567890123",
        "station:",
        "station:blk_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "station:stn_x",
        "deliverer:dlv_AAAAAAAAAAAAAAAAAAAAAAAAAA",
    ],
)
async def test_a_malformed_scope(client: httpx.AsyncClient, world: World, scope: str) -> None:
    refused = await ask(client, world, status=400, scope=scope)
    assert refused["code"] == "bad_scope"


async def test_a_scope_that_does_not_exist(client: httpx.AsyncClient, world: World) -> None:
    for scope in (
        "city:999999",
        f"station:{public_single('stn', new_id())}",
        f"block:{public_single('blk', new_id())}",
        f"deliverer:{public_single('dlv', new_id())}",
    ):
        refused = await ask(client, world, status=404, scope=scope)
        assert refused["code"] == "not_found"


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-03-16", "2026-03-15"),
        ("2025-01-01", "2026-02-05"),
        ("0001-01-01", "0001-01-02"),
        ("9999-12-30", "9999-12-31"),
    ],
)
async def test_impossible_periods(
    client: httpx.AsyncClient, world: World, first: str, last: str
) -> None:
    for path in ("/kpi", "/kpi/satisfaction/rows"):
        refused = await ask(
            client, world, path=path, status=400, period={"from": first, "to": last}
        )
        assert refused["code"] == "bad_period"


async def test_four_hundred_days_are_a_period(client: httpx.AsyncClient, world: World) -> None:
    await ask(client, world, period={"from": "2025-01-01", "to": "2026-02-04"})


@pytest.mark.parametrize(
    "params",
    [
        {"from": "2026-02-30", "to": "2026-03-01"},
        {"from": "gestern", "to": "2026-03-01"},
        {"scope": "x" * 61},
        {"limit": 0},
        {"limit": 100_000},
    ],
)
async def test_malformed_questions(
    client: httpx.AsyncClient, world: World, params: dict[str, Any]
) -> None:
    refused = await ask(client, world, path="/kpi/on_time_rate/rows", status=422, **params)
    assert refused["code"] == "validation_failed"


@pytest.mark.parametrize("key", EIGHT)
@pytest.mark.parametrize("cursor", ["x", "WzldCg", "Wy0xXQ", "WzAsICJ4IiwgInkiLCAieiJd", "e30"])
async def test_made_up_cursors(
    client: httpx.AsyncClient, world: World, key: str, cursor: str
) -> None:
    """Not JSON, a section that is not there, a negative one, keys that are none, no list."""
    refused = await ask(client, world, path=f"/kpi/{key}/rows", status=400, cursor=cursor)
    assert refused["code"] == "bad_cursor"


async def test_an_unknown_kpi(client: httpx.AsyncClient, world: World) -> None:
    for path in ("/kpi/profit", "/kpi/profit/rows"):
        refused = await ask(client, world, path=path, status=404)
        assert refused["code"] == "kpi_unknown"


async def test_a_definition_says_what_is_counted(client: httpx.AsyncClient, world: World) -> None:
    found = await ask(client, world, path="/kpi/complaint_rate", role=Role.AUDITOR)
    assert found["title"] == "顾客服务投诉率"
    assert found["clause"] == "S1 5.2.1"
    assert found["scopes"] == ["block", "city", "deliverer", "operator", "station"]


async def test_a_station_manager_sees_his_station_and_no_other(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    history = History(session, world)
    await history.stop(TODAY, block=0)
    await history.stop(TODAY, block=1)
    await session.commit()
    manager = Role.STATION_MANAGER
    own = f"station:{public_single('stn', world.station_id)}"

    found = await ask(client, world, role=manager)
    assert found["scope"] == own
    assert found["items"][0]["denominator"] == 2
    assert (await ask(client, world, role=manager, scope=own))["items"] == found["items"]
    for kind, prefix, row_id in (
        ("block", "blk", world.blocks[0]),
        ("deliverer", "dlv", world.deliverers[0]),
    ):
        part = await ask(
            client, world, role=manager, scope=f"{kind}:{public_single(prefix, row_id)}"
        )
        assert part["items"][0]["denominator"] == 1
    for scope in (
        "operator",
        "city:310000",
        f"station:{public_single('stn', new_id())}",
        f"block:{public_single('blk', new_id())}",
    ):
        for path in ("/kpi", "/kpi/on_time_rate/rows"):
            await ask(client, world, role=manager, path=path, scope=scope, status=404)


async def test_a_deliverer_who_helps_out_elsewhere_is_seen_at_home_only(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    history = History(session, world)
    await history.stop(TODAY)
    elsewhere = await history.stop(TODAY)
    elsewhere.station_id = new_id()
    await session.commit()
    scope = f"deliverer:{public_single('dlv', world.deliverers[0])}"
    asked = await ask(client, world, role=Role.STATION_MANAGER, scope=scope)
    assert asked["items"][0]["denominator"] == 1
    assert (await ask(client, world, scope=scope))["items"][0]["denominator"] == 2


@pytest.mark.parametrize("role", Role)
async def test_rights(client: httpx.AsyncClient, world: World, role: Role) -> None:
    headers = world.household.headers if role is Role.CUSTOMER else world.staff[role].headers
    reads = role in {
        Role.MANAGER,
        Role.AUDITOR,
        Role.QUALITY,
        Role.ADMIN,
        Role.STATION_MANAGER,
    }
    for path in ("/kpi", "/kpi/targets", "/kpi/satisfaction", "/kpi/satisfaction/rows"):
        answer = await client.get(path, params=TODAY_ONLY, headers=headers)
        assert answer.status_code == (200 if reads else 403), path
    body = {"value": "97", "from_date": TODAY.isoformat()}
    answer = await client.put("/kpi/targets/on_time_rate", json=body, headers=headers)
    assert answer.status_code == (200 if role is Role.ADMIN else 403)


async def test_without_a_token(client: httpx.AsyncClient, world: World) -> None:
    for path in ("/kpi", "/kpi/targets", "/kpi/satisfaction", "/kpi/satisfaction/rows"):
        assert (await client.get(path, params=TODAY_ONLY)).status_code == 401


async def test_the_operator_sets_a_target_of_his_own(
    client: httpx.AsyncClient, world: World, session: AsyncSession, clock: SetClock
) -> None:
    history = History(session, world)
    for number in range(20):
        await history.stop(TODAY, seconds_from_seven=-1 if number else 1)
        await history.stop(TODAY + DAY, seconds_from_seven=-1 if number else 1)
    await session.commit()
    admin = world.staff[Role.ADMIN].headers
    tomorrow = TODAY + DAY

    async def put(value: str, day: Any, status: int = 200) -> dict[str, Any]:
        answer = await client.put(
            "/kpi/targets/on_time_rate",
            json={"value": value, "from_date": day.isoformat()},
            headers=admin,
        )
        assert answer.status_code == status, answer.text
        said: dict[str, Any] = answer.json()
        return said

    assert (await put("97.5", tomorrow))["value"] == "97.5"
    clock.set(MORNING + DAY)
    today = (await ask(client, world))["items"][0]
    assert (today["target"], today["status"]) == ("95", "met"), "judged by its own day"
    later = (await ask(client, world, period={"from": str(tomorrow), "to": str(tomorrow)}))[
        "items"
    ][0]
    assert (later["target"], later["status"]) == ("97.5", "missed")

    await put("96", tomorrow + DAY)
    targets = (await client.get("/kpi/targets", headers=admin)).json()["items"]
    assert [(one["value"], one["from_date"], one["until"]) for one in targets] == [
        ("97.500", "2026-03-16", "2026-03-16"),
        ("96.000", "2026-03-17", None),
    ]
    await put("98", tomorrow)
    targets = (await client.get("/kpi/targets", headers=admin)).json()["items"]
    assert [(one["value"], one["until"]) for one in targets] == [("98.000", None)]


@pytest.mark.parametrize(
    ("key", "body", "status", "code"),
    [
        ("on_time_rate", {"value": "97", "from_date": "2026-03-14"}, 400, "target_in_the_past"),
        ("on_time_rate", {"value": "100.5", "from_date": "2026-03-15"}, 400, "bad_target"),
        ("profit", {"value": "97", "from_date": "2026-03-15"}, 404, "kpi_unknown"),
        ("on_time_rate", {"value": "0", "from_date": "2026-03-15"}, 422, "validation_failed"),
        ("on_time_rate", {"value": "NaN", "from_date": "2026-03-15"}, 422, "validation_failed"),
        ("on_time_rate", {"value": "97"}, 422, "validation_failed"),
        (
            "on_time_rate",
            {"value": "97", "from_date": "2026-03-15", "key": "x"},
            422,
            "validation_failed",
        ),
    ],
)
async def test_targets_that_are_refused(
    client: httpx.AsyncClient,
    world: World,
    session: AsyncSession,
    key: str,
    body: dict[str, Any],
    status: int,
    code: str,
) -> None:
    answer = await client.put(
        f"/kpi/targets/{key}", json=body, headers=world.staff[Role.ADMIN].headers
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await session.scalar(select(func.count()).select_from(KpiTarget)) == 0


@pytest.mark.parametrize("key", ["response_time", "cold_store_temp_rate"])
@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_cursors_beyond_the_calendar(
    client: httpx.AsyncClient, world: World, key: str, at: str
) -> None:
    someone = "00000000-0000-0000-0000-000000000000"
    places = {
        "response_time": (at, someone, someone),
        "cold_store_temp_rate": ("2026-03-15", someone, at),
    }
    cursor = cursor_of(0, *places[key])
    refused = await ask(client, world, path=f"/kpi/{key}/rows", status=400, cursor=cursor)
    assert refused["code"] == "bad_cursor"
