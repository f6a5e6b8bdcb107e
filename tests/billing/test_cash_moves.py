"""Change money that stays with a deliverer over days, and cash brought to the office."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError

from app.billing.cash_states import FloatMove
from app.billing.repository.ledger import lock_cash_to_spare
from app.billing.service import cash
from app.core.db import Database
from app.core.errors import AppError
from app.core.idempotency import IdempotencyKey
from app.core.ids import HOUSE, new_id
from app.identity.models import Role
from tests.billing.counting import Counter
from tests.factories.billing import Heard, booked, take_cash
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants

TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture
async def desk(
    client: httpx.AsyncClient, database: Database, world: World, heard: Heard, clock: SetClock
) -> AsyncIterator[Counter]:
    """The desk, while the station has 90 yuan of the second deliverer in its safe."""
    clock.set(MORNING)
    found = Counter(client, database, world)
    async with database.transaction() as session:
        await take_cash(session, world.household, collector_id=world.deliverers[1])
    counted = await found.hand_in(9_000, deliverer=found.deliverer(1), is_signed=True)
    assert counted.status_code == 201, counted.text
    yield found
    async with database.transaction() as session:
        await assert_invariants(session, MORNING, only=("I1", "I3", "I4"))


async def figures(desk: Counter, day: object = TODAY) -> tuple[int, ...]:
    """Opening, handed in, deposited, floats, remitted and closing of a day."""
    found = (await desk.get(f"days/{desk.station}/{day}"))["figures"]
    names = ("opening", "handed_in", "deposited", "floats", "remitted", "closing")
    return tuple(found[f"{name}_fen"] for name in names)


async def in_hand(desk: Counter) -> tuple[int, ...]:
    """Held, float of it, and due by the report of the first deliverer."""
    found = await desk.get("standing")
    [one] = [one for one in found["items"] if one["deliverer"] == desk.deliverer()]
    return one["held_fen"], one["float_fen"], one["due_fen"]


async def collect(desk: Counter, fen: int) -> None:
    """The first deliverer takes cash; what he may pay out again is that, and not his float."""
    async with desk.database.transaction() as session:
        neighbour = await desk.world.add_household(session)
        await take_cash(
            session,
            neighbour,
            collector_id=desk.world.deliverers[0],
            receipt_no="A-0002",
            amount_fen=fen,
        )
        assert await lock_cash_to_spare(session, f"cash:{desk.world.deliverers[0]}") == fen


async def kept(desk: Counter) -> int:
    """What the station's deliverers took today and that reached neither bank nor office."""
    async with desk.database.transaction() as session:
        found = await cash.list_kept_cash(
            session, stations={desk.world.station_id}, first=TODAY, last=TODAY
        )
    return sum(fen for _, _, fen in found)


async def test_a_float_stays_two_days(desk: Counter, clock: SetClock) -> None:
    given = await desk.give(5_000)
    assert given.status_code == 201, given.text
    assert (given.json()["move"], given.json()["move_label"]) == ("given", "发放")
    assert await in_hand(desk) == (5_000, 5_000, 0)
    before = await desk.count()
    empty = await desk.refuse(await desk.hand_in(100), "deliverer_holds_less", before)
    assert empty == {"held_fen": 5_000, "float_fen": 5_000}
    assert (await desk.get("standing", by="customer"))["items"] == []

    await collect(desk, 3_000)
    assert await in_hand(desk) == (8_000, 5_000, 3_000)
    whose = await desk.get("standing", by="customer")
    assert [one["held_fen"] for one in whose["items"]] == [3_000]
    before = await desk.count()
    await desk.refuse(await desk.hand_in(3_001), "deliverer_holds_less", before)
    counted = (await desk.hand_in(3_000, is_signed=True)).json()
    assert (counted["held_fen"], counted["float_fen"], counted["due_fen"]) == (8_000, 5_000, 3_000)
    assert await in_hand(desk) == (5_000, 5_000, 0)
    held = (await desk.client.get("/cash-held", headers=desk.finance.headers)).json()["items"]
    assert [(one["collected_fen"], one["float_fen"], one["held_fen"]) for one in held] == [
        (3_000, 5_000, 5_000),
        (9_000, 0, 0),
    ]
    closed = (await desk.day("close")).json()
    assert closed["figures"]["closing_fen"] == 7_000
    assert await kept(desk) == 12_000
    assert await figures(desk) == (0, 12_000, 0, 5_000, 0, 7_000)
    before = await desk.count()
    for late in (await desk.give(100), await desk.give(100, back=True)):
        await desk.refuse(late, "cash_day_closed", before)

    clock.set(MORNING + timedelta(days=1))
    before = await desk.count()
    most = await desk.refuse(await desk.give(5_001, back=True), "float_is_less", before)
    assert most == {"float_fen": 5_000}
    assert (await desk.give(2_000, back=True)).status_code == 201
    assert await in_hand(desk) == (3_000, 3_000, 0)
    assert await figures(desk, TOMORROW) == (7_000, 0, 0, -2_000, 0, 9_000)
    assert (await desk.give(3_000, back=True)).json()["move_label"] == "收回"
    assert await in_hand(desk) == (0, 0, 0)
    [place] = (await desk.get("standing", by="station"))["items"]
    assert (place["floats_fen"], place["held_fen"], place["with_deliverers_fen"]) == (0, 12_000, 0)
    own, other = desk.world.deliverer_staff
    listed = (await desk.get("floats", own))["items"]
    assert sorted(one["amount_fen"] for one in listed) == [2_000, 3_000, 5_000]
    assert (await desk.get("floats", own, limit=1))["next_cursor"] is not None
    assert (await desk.get("floats", other))["items"] == []
    with pytest.raises(DBAPIError):
        async with desk.database.transaction() as session:
            await session.execute(text("UPDATE cash_floats SET amount_fen = 1"))


async def test_a_double_click_gives_one_float(desk: Counter) -> None:
    body = {"deliverer": desk.deliverer(), "amount_fen": 6_000}
    headers = desk.manager.headers | once()
    answers = []
    for path in ("floats", "floats", "floats/returns"):
        answers.append(await desk.client.post(f"/cash/{path}", json=body, headers=headers))
        async with desk.database.transaction() as session:
            await session.execute(delete(IdempotencyKey))
    assert answers[0].json() == answers[1].json()
    assert answers[2].json()["code"] == "idempotency_key_reused"
    before = await desk.count()
    assert before[2] == 1
    more = await desk.refuse(await desk.give(3_001), "station_holds_less", before)
    assert more == {"held_fen": 3_000}
    await desk.refuse(await desk.give(1, by=desk.world.deliverer_staff[0]), "forbidden", before)
    await desk.refuse(await desk.give(0), "validation_failed", before)


async def test_cash_comes_to_the_office(desk: Counter) -> None:
    before = await desk.count()
    above = await desk.act("remittances", {"amount_fen": 9_001})
    assert await desk.refuse(above, "station_holds_less", before) == {"held_fen": 9_000}
    headers = desk.manager.headers | once()
    sent, again = [
        await desk.client.post("/cash/remittances", json={"amount_fen": 4_000}, headers=headers)
        for _ in "12"
    ]
    assert (sent.status_code, sent.json()) == (201, again.json())
    facts = sent.json()
    assert (facts["number"], facts["state_label"]) == ("ST01-2026-000001", "待财务收讫")
    assert (
        "cash_remitted",
        "cash:office",
        f"cash:station:{desk.world.station_id}",
        4_000,
    ) in await booked(desk.database, HOUSE)
    before = await desk.count()
    open_yet = await desk.refuse(await desk.day("close"), "cash_day_unfinished", before)
    assert open_yet == {"waiting": 0, "unconfirmed": 0, "unreceived": 1}
    glance = await desk.client.get(f"/closings/{TODAY}", headers=desk.finance.headers)
    assert [one["unreceived"] for one in glance.json()["stations"]] == [1]
    path = f"remittances/{facts['id']}"
    await desk.refuse(await desk.act(f"{path}/receive"), "forbidden", before)
    got = await desk.act(f"{path}/receive", by=desk.finance)
    assert (got.status_code, got.json()["state"]) == (200, "received")
    for late in (
        await desk.act(f"{path}/receive", by=desk.finance),
        await desk.act(f"{path}/cancel", {"reason": "晚了"}),
    ):
        await desk.refuse(late, "move_not_allowed", before)

    own = {"station": desk.station, "amount_fen": 1_000}
    wrong = (await desk.act("remittances", own, by=desk.finance)).json()
    before = await desk.count()
    alone = await desk.act(f"remittances/{wrong['id']}/receive", by=desk.finance)
    await desk.refuse(alone, "another_person_needed", before)
    undone = await desk.act(f"remittances/{wrong['id']}/cancel", {"reason": "未送出"})
    assert (undone.json()["number"], undone.json()["state"]) == ("ST01-2026-000002", "cancelled")
    glance = await desk.client.get(f"/closings/{TODAY}", headers=desk.finance.headers)
    [station] = glance.json()["stations"]
    assert (station["remitted_fen"], station["closing_fen"]) == (4_000, 5_000)
    assert (await desk.day("close")).json()["figures"]["remitted_fen"] == 4_000
    assert await figures(desk) == (0, 9_000, 0, 0, 4_000, 5_000)
    [place] = (await desk.get("standing", by="station"))["items"]
    assert (place["remitted_fen"], place["held_fen"]) == (4_000, 5_000)
    assert await kept(desk) == 5_000
    listed = (await desk.get("remittances", None, state="received"))["items"]
    assert [one["id"] for one in listed] == [facts["id"]]
    before = await desk.count()
    late = await desk.act("remittances", {"amount_fen": 1})
    await desk.refuse(late, "cash_day_closed", before)


async def test_two_cashiers_give_the_last_of_the_safe(
    live_city: tuple[Database, World],
) -> None:
    database, world = live_city
    async with database.transaction() as session:
        await take_cash(session, world.household, collector_id=world.deliverers[0])
        await cash.count_hand_in(
            session,
            hand_in_id=new_id(),
            station_id=world.station_id,
            deliverer_id=world.deliverers[0],
            due_fen=9_000,
            counted_fen=9_000,
            reason=None,
            is_signed=True,
            by=world.staff[Role.STATION_MANAGER].account_id,
            own_deliverer_id=None,
            now=MORNING,
        )

    async def give(number: int) -> AppError | None:
        try:
            async with database.transaction() as session:
                await cash.move_float(
                    session,
                    float_id=new_id(),
                    station_id=world.station_id,
                    deliverer_id=world.deliverers[number],
                    move=FloatMove.GIVEN,
                    amount_fen=5_000,
                    by=world.staff[Role.STATION_MANAGER].account_id,
                    own_deliverer_id=None,
                    now=MORNING,
                )
        except AppError as error:
            return error
        return None

    [refused] = [one for one in await asyncio.gather(give(0), give(1)) if one]
    assert (refused.code, refused.facts) == ("station_holds_less", {"held_fen": 4_000})
    async with database.transaction() as session:
        await assert_invariants(session, MORNING, only=("I1", "I4"))
