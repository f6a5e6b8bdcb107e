"""An address is covered, unclear or uncovered (S1 4.3.1)."""

from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database, fetch
from app.core.ids import public_single
from app.identity.models import Role
from app.network import service
from app.network.models import Block, CoverageKind, HouseParity, PlanDayState, Station
from app.network.repository.coverage import CANDIDATES, candidate_arguments
from app.network.rules import Coverage, RuleBook, bounding_box, decide, read_place
from tests.factories.network import (
    CITY,
    Written,
    a_rule,
    add_block,
    add_rule,
    add_station,
    close_day,
)
from tests.factories.world import TODAY, World, once

SQUARE = [(121.40, 31.10), (121.42, 31.10), (121.42, 31.12), (121.40, 31.12)]
INSIDE: dict[str, Any] = {"longitude": 121.41, "latitude": 31.11}


async def check(session: AsyncSession, building: Written) -> Coverage:
    return await service.check_coverage(session, building=building, on=TODAY)


@pytest.mark.parametrize(
    ("building", "block", "stop_no"),
    [
        (Written(district="徐汇区", compound="梅陇一村", house_no="12号"), 0, 112),
        (Written(district="徐汇", compound="梅陇 一村12号楼"), 0, 112),
        (Written(compound="梅陇一村", house_no="8弄３号"), 0, 103),
        (Written(district="徐汇区", street="漕溪北路", house_no="33"), 1, 232),
        (Written(district="徐汇", street="徐汇区漕溪北路３３号"), 1, 232),
        (Written(street="漕溪北路33弄4号"), 1, 232),
    ],
)
async def test_a_known_building_is_covered(
    world: World, session: AsyncSession, building: Written, block: int, stop_no: int
) -> None:
    assert await check(session, building) == Coverage(
        "covered",
        station_id=world.station_id,
        block_id=world.blocks[block],
        stop_no=stop_no,
    )


@pytest.mark.parametrize(
    "building",
    [
        Written(street="漕溪北路", house_no="34"),
        Written(street="漕溪北路", house_no="201"),
        Written(street="漕溪南路", house_no="33"),
        Written(compound="梅陇二村"),
        Written(longitude=121.41, latitude=31.11),
        Written(city_code="110000", compound="梅陇一村"),
    ],
    ids=["even side", "beyond the range", "other street", "other compound", "no polygon", "city"],
)
async def test_an_unknown_building_is_uncovered(
    world: World, session: AsyncSession, building: Written
) -> None:
    assert await check(session, building) == Coverage("uncovered")


async def test_what_a_person_must_look_at_is_unclear(world: World, session: AsyncSession) -> None:
    elsewhere = await check(session, Written(district="闵行区", compound="梅陇一村"))
    assert elsewhere == Coverage("unclear", candidates=(world.blocks[0],))
    no_number = await check(session, Written(street="漕溪北路"))
    assert no_number == Coverage("unclear", candidates=(world.blocks[1],))
    nothing = await check(session, Written(district="徐汇区", house_no="12"))
    assert nothing == Coverage("unclear")

    await add_rule(session, world.blocks[1], compound="梅陇一村")
    both = await check(session, Written(compound="梅陇一村"))
    assert both == Coverage("unclear", candidates=tuple(sorted(world.blocks)))


async def test_the_compound_beats_the_street_and_the_street_the_polygon(
    world: World, session: AsyncSession
) -> None:
    first, second = world.blocks
    third = await add_block(session, station_id=world.station_id, code="ST01-03")
    await add_rule(session, third, polygon=SQUARE, first_stop_no=700)
    everything: dict[str, Any] = {
        "compound": "梅陇一村",
        "street": "漕溪北路",
        "house_no": "33",
    } | INSIDE

    verdict = await check(session, Written(**everything))
    assert verdict.block_id == first
    verdict = await check(session, Written(**everything | {"compound": ""}))
    assert verdict.block_id == second
    verdict = await check(session, Written(**everything | {"compound": "", "street": "新路"}))
    assert (verdict.block_id, verdict.stop_no) == (third, 733)
    outside = await check(session, Written(street="新路", longitude=121.43, latitude=31.11))
    assert outside.verdict == "uncovered"
    no_number = await check(session, Written(street="漕溪北路", **INSIDE))
    assert no_number.block_id == third, "the map knows what the missing number leaves open"


async def test_a_big_compound_is_cut_by_its_buildings(world: World, session: AsyncSession) -> None:
    for block_id, low, high in ((world.blocks[0], 1, 50), (world.blocks[1], 51, 99)):
        await add_rule(
            session, block_id, compound="康健新村", house_from=low, house_to=high, first_stop_no=0
        )
    near = await check(session, Written(compound="康健新村", house_no="50号"))
    far = await check(session, Written(compound="康健新村", house_no="51号"))
    assert (near.block_id, far.block_id) == tuple(world.blocks)
    unknown = await check(session, Written(compound="康健新村"))
    assert unknown == Coverage("unclear", candidates=tuple(sorted(world.blocks)))


async def test_rules_end_and_blocks_close(world: World, session: AsyncSession) -> None:
    building = Written(compound="梅陇一村")
    block = await session.get_one(Block, world.blocks[0])
    block.is_active = False
    await session.flush()
    assert (await check(session, building)).verdict == "uncovered"
    block.is_active = True
    station = await session.get_one(Station, world.station_id)
    station.is_active = False
    await session.flush()
    assert (await check(session, building)).verdict == "uncovered"
    station.is_active = True
    await session.flush()
    before = await service.check_coverage(session, building=building, on=date(2019, 12, 31))
    assert before.verdict == "uncovered"


async def test_many_buildings_get_the_verdicts_they_get_alone(
    world: World, session: AsyncSession
) -> None:
    third = await add_block(session, station_id=world.station_id, code="ST01-03")
    await add_rule(session, third, polygon=SQUARE)
    buildings = [Written(compound="梅陇一村", house_no=f"{number}号") for number in range(3)] + [
        Written(street="漕溪北路", house_no="33", district="闵行"),
        Written(street="漕溪北路", house_no="33", district="徐汇"),
        Written(street="新路", **INSIDE),
        Written(street="新路"),
        Written(),
        Written(city_code="110000", compound="梅陇一村"),
    ]
    many = await service.match_many(session, buildings=buildings, on=TODAY)
    assert many == [await check(session, building) for building in buildings]
    assert {verdict.verdict for verdict in many} == {"covered", "unclear", "uncovered"}
    assert await service.match_many(session, buildings=[], on=TODAY) == []


POINTS = st.tuples(st.integers(0, 12), st.integers(0, 12))
NAMES = st.sampled_from(["", "甲村", "乙村"])


@given(st.data())
def test_the_book_of_rules_finds_what_a_full_search_finds(data: st.DataObject) -> None:
    rules = []
    for number in range(data.draw(st.integers(0, 8))):
        corner = data.draw(POINTS)
        ring = ((corner[0], corner[1]), (corner[0] + 3, corner[1]), (corner[0], corner[1] + 3))
        scaled = tuple((x / 100, y / 100) for x, y in ring)
        kind = data.draw(st.sampled_from(CoverageKind))
        name = data.draw(NAMES.filter(bool))
        rules.append(
            a_rule(
                kind=kind,
                compound=name if kind is CoverageKind.COMPOUND else "",
                street=name if kind is CoverageKind.STREET else "",
                ring=scaled if kind is CoverageKind.POLYGON else (),
                box=bounding_box(scaled) if kind is CoverageKind.POLYGON else None,
                district=data.draw(st.sampled_from(["", "徐汇", "闵行"])),
                house_to=data.draw(st.one_of(st.none(), st.integers(1, 9))),
                first_stop_no=number,
            )
        )
    x, y = data.draw(POINTS)
    building = Written(
        compound=data.draw(NAMES),
        street=data.draw(NAMES),
        district=data.draw(st.sampled_from(["", "徐汇区"])),
        house_no=data.draw(st.sampled_from(["", "3号", "12号"])),
        longitude=x / 100,
        latitude=y / 100,
    )
    assert RuleBook(rules).check(building) == decide(read_place(building), rules)


async def test_candidates_of_five_thousand_rules_come_from_indexes(
    world: World, session: AsyncSession
) -> None:
    block_id = world.blocks[0]
    for kind, names in (
        ("compound", "'小区' || n, NULL, NULL, NULL, NULL, NULL, NULL"),
        ("street", "NULL, '路' || n, NULL, NULL, NULL, NULL, NULL"),
        ("polygon", "NULL, NULL, '[]'::jsonb, n, n, n + 0.5, n + 0.5"),
    ):
        await session.execute(
            text(
                "INSERT INTO coverage_rules (id, block_id, city_code, kind, parity, first_stop_no,"
                " valid, compound, street, polygon, west, south, east, north)"
                f" SELECT uuidv7(), :block, '310000', '{kind}', 'all', 0,"
                f" daterange('2020-01-01', NULL), {names}"
                " FROM generate_series(1, 1667) AS n"
            ),
            {"block": block_id},
        )
    await session.execute(text("ANALYZE coverage_rules"))
    place = read_place(Written(compound="小区7", street="路7", longitude=70.2, latitude=70.2))
    explain = f"EXPLAIN (ANALYZE, COSTS off, TIMING off) {CANDIDATES}"
    lines = await fetch(session, explain, *candidate_arguments(place, on=TODAY))
    plan = "\n".join(line[0] for line in lines)
    assert "Seq Scan on coverage_rules" not in plan, plan
    for index in ("compound", "street", "box"):
        assert f"ix_coverage_rules_{index}" in plan, plan


# Over HTTP


def keeper(world: World) -> dict[str, str]:
    return world.staff[Role.MANAGER].headers | once()


async def test_a_visitor_asks_about_an_address(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    address = {"city_code": CITY, "district": "徐汇区", "compound": "梅陇一村", "house_no": "12号"}
    covered = await client.post("/coverage/check", json=address)
    assert covered.status_code == 200
    assert covered.json() == {
        "verdict": "covered",
        "station": public_single("stn", world.station_id),
        "station_name": "徐汇奶站",
        "block_code": "ST01-01",
        "first_possible_date": "2026-03-16",
        "message": "您的地址由徐汇奶站配送，最早可从2026年3月16日起送。",
    }
    async with database.transaction() as session:
        tomorrow = TODAY + timedelta(days=1)
        await close_day(session, world.station_id, tomorrow, PlanDayState.WITHDRAWN)
    later = (await client.post("/coverage/check", json=address)).json()
    assert later["first_possible_date"] == "2026-03-17"

    unclear = (await client.post("/coverage/check", json=address | {"district": "闵行区"})).json()
    assert (unclear["verdict"], unclear["station"]) == ("unclear", None)
    assert "人工确认" in unclear["message"]
    uncovered = (await client.post("/coverage/check", json=address | {"compound": "某村"})).json()
    assert (uncovered["verdict"], uncovered["first_possible_date"]) == ("uncovered", None)
    assert "不在配送范围" in uncovered["message"]


async def test_a_station_without_days_covers_without_a_date(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        station_id = await add_station(session, code="ST02")
        block_id = await add_block(session, station_id=station_id, code="ST02-01")
        await add_rule(session, block_id, compound="新村")
    answer = (
        await client.post("/coverage/check", json={"city_code": CITY, "compound": "新村"})
    ).json()
    assert (answer["verdict"], answer["first_possible_date"]) == ("covered", None)
    assert answer["message"] == "您的地址由ST02奶站配送，目前暂无可选的起送日期。"


@pytest.mark.parametrize(
    "address",
    [
        {},
        {"city_code": "Shanghai"},
        {"city_code": CITY, "longitude": "NaN"},
        {"city_code": CITY, "longitude": 200},
        {"city_code": CITY, "compound": "村" * 101},
        {"city_code": CITY, "compound": "a\u0000b"},
        {"city_code": CITY, "room": "301"},
    ],
)
async def test_a_malformed_address_is_refused(
    client: httpx.AsyncClient, world: World, address: dict[str, Any]
) -> None:
    answer = await client.post("/coverage/check", json=address)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_a_manager_draws_a_polygon(client: httpx.AsyncClient, world: World) -> None:
    rule = {
        "block": public_single("blk", world.blocks[1]),
        "kind": "polygon",
        "polygon": [*SQUARE, SQUARE[0]],
        "first_stop_no": 500,
        "from_date": str(TODAY),
    }
    made = await client.post("/coverage-rules", json=rule, headers=keeper(world))
    assert made.status_code == 201, made.text
    assert made.json()["polygon"] == [list(corner) for corner in SQUARE]
    address = {"city_code": CITY, "street": "新路", **INSIDE}
    assert (await client.post("/coverage/check", json=address)).json()["block_code"] == "ST01-02"

    path = f"/coverage-rules/{made.json()['id']}"
    past = await client.patch(path, json={"to_date": "2026-03-14"}, headers=keeper(world))
    assert (past.status_code, past.json()["code"]) == (409, "period_over")
    ended = await client.patch(path, json={"to_date": str(TODAY)}, headers=keeper(world))
    assert (ended.status_code, ended.json()["to_date"]) == (200, str(TODAY))
    listed = await client.get("/coverage-rules", params={"kind": "polygon"}, headers=keeper(world))
    assert [item["id"] for item in listed.json()["items"]] == [made.json()["id"]]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "compound", "compound": " "}, "coverage_rule_invalid"),
        ({"kind": "street", "street": "漕溪北路12号"}, "coverage_rule_invalid"),
        ({"kind": "street", "street": "路", "compound": "村"}, "coverage_rule_invalid"),
        (
            {"kind": "street", "street": "路", "house_from": 9, "house_to": 8},
            "coverage_rule_invalid",
        ),
        ({"kind": "polygon", "polygon": SQUARE, "parity": "odd"}, "coverage_rule_invalid"),
        ({"kind": "polygon", "polygon": SQUARE[:2]}, "polygon_invalid"),
        ({"kind": "polygon", "polygon": [[0, 0], [1, 1], [1, 0], [0, 1]]}, "polygon_invalid"),
        ({"kind": "polygon", "polygon": [[0, 0], [3, 0], [0, 3]]}, "polygon_invalid"),
        ({"kind": "compound", "compound": "村", "to_date": "2026-03-14"}, "period_invalid"),
    ],
)
async def test_rules_that_name_nothing_are_refused(
    client: httpx.AsyncClient, world: World, changes: dict[str, Any], code: str
) -> None:
    body = {"block": public_single("blk", world.blocks[0]), "from_date": str(TODAY)} | changes
    answer = await client.post("/coverage-rules", json=body, headers=keeper(world))
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text
    listed = await client.get("/coverage-rules", headers=keeper(world))
    assert len(listed.json()["items"]) == 2


async def test_rules_are_read_by_page_and_station(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        other = await add_station(session, code="ST02")
        block_id = await add_block(session, station_id=other, code="ST02-01")
        await add_rule(session, block_id, street="新路", parity=HouseParity.EVEN)
    first = (await client.get("/coverage-rules?limit=2", headers=keeper(world))).json()
    rest = await client.get(
        "/coverage-rules", params={"cursor": first["next_cursor"]}, headers=keeper(world)
    )
    assert [item["block_code"] for item in first["items"] + rest.json()["items"]] == [
        "ST01-01",
        "ST01-02",
        "ST02-01",
    ]
    own = world.staff[Role.STATION_MANAGER].headers
    seen = (await client.get("/coverage-rules", headers=own)).json()["items"]
    assert {item["block_code"] for item in seen} == {"ST01-01", "ST01-02"}
    foreign = await client.get(
        "/coverage-rules", params={"station": public_single("stn", other)}, headers=own
    )
    assert (foreign.status_code, foreign.json()["code"]) == (404, "station_not_found")
    refused = await client.get("/coverage-rules?cursor=WyJ4Il0", headers=keeper(world))
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")
