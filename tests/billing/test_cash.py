"""A morning's cash: from doors into a hand, counted at the station, paid in at the bank, closed."""

from collections.abc import AsyncIterator
from datetime import date, time, timedelta

import httpx
import pytest
from sqlalchemy import delete, func, select, text
from sqlalchemy.exc import DBAPIError

from app.billing.cash_models import CashDay, HandIn
from app.core.clock import local_instant
from app.core.db import Database
from app.core.idempotency import IdempotencyKey
from app.core.ids import HOUSE, public_single
from app.core.pagination import cursor_of
from app.identity.models import Role
from app.network.models import Station
from tests.billing.counting import Counter
from tests.factories.billing import Heard, booked, take_cash
from tests.factories.world import MORNING, TODAY, World, once
from tests.fixtures.application import SetClock
from tests.fixtures.invariants import assert_invariants


@pytest.fixture
async def desk(
    client: httpx.AsyncClient, database: Database, world: World, heard: Heard, clock: SetClock
) -> AsyncIterator[Counter]:
    """The desk, while the first deliverer holds 120 yuan of two households."""
    async with database.transaction() as session:
        neighbour = await world.add_household(session)
        await take_cash(session, world.household, collector_id=world.deliverers[0])
        await take_cash(
            session,
            neighbour,
            collector_id=world.deliverers[0],
            receipt_no="A-0002",
            amount_fen=3_000,
            now=MORNING + timedelta(minutes=5),
        )
    clock.set(MORNING + timedelta(hours=1))
    yield Counter(client, database, world)
    async with database.transaction() as session:
        await assert_invariants(session, MORNING, only=("I1", "I3", "I4"))


async def test_a_morning_s_cash_comes_to_the_bank(desk: Counter) -> None:
    first = await desk.hand_in(10_000)
    assert first.status_code == 201, first.text
    facts = first.json()
    assert facts["receipt_no"] == "ST01-2026-000001"
    assert (facts["held_fen"], facts["difference_fen"]) == (12_000, 0)
    assert (facts["state"], facts["state_label"]) == ("booked", "已入账")
    whose = await desk.get("standing", by="customer")
    assert [(one["held_fen"], one["collected_fen"]) for one in whose["items"]] == [(2_000, 3_000)]

    short = (await desk.hand_in(2_000, 1_950, reason="少找零一张", is_signed=True)).json()
    assert (short["receipt_no"], short["difference_fen"]) == ("ST01-2026-000002", -50)
    assert await booked(desk.database, HOUSE) == [
        ("cash_handed_in", f"cash:station:{desk.world.station_id}", hand(desk), 10_000),
        ("cash_handed_in", f"cash:station:{desk.world.station_id}", hand(desk), 1_950),
        ("cash_shortage", "cash_difference", hand(desk), 50),
    ]
    [one] = (await desk.get("standing"))["items"]
    del one["last_hand_in_at"], one["name"]
    assert one == {
        "deliverer": desk.deliverer(),
        "station": desk.station,
        "collected_fen": 12_000,
        "handed_in_fen": 11_950,
        "paid_out_fen": 0,
        "short_fen": 50,
        "float_fen": 0,
        "due_fen": 0,
        "held_fen": 0,
    }
    before = await desk.count()
    await desk.refuse(await desk.bank(11_951), "station_holds_less", before)
    assert (await desk.bank(11_000)).status_code == 201
    before = await desk.count()
    await desk.refuse(await desk.bank(10), "slip_number_taken", before)

    open_yet = await desk.refuse(await desk.day("close"), "cash_day_unfinished", before)
    assert (open_yet["waiting"], open_yet["unconfirmed"]) == (0, 1)
    own, other = desk.world.deliverer_staff
    path = f"hand-ins/{facts['id']}/confirm"
    assert (await desk.act(path, by=other)).status_code == 404
    confirmed = await desk.act(path, by=own)
    assert confirmed.json()["confirmation"] == "app"
    assert (await desk.act(path)).json()["code"] == "hand_in_confirmed"
    closed = await desk.day("close")
    assert closed.json()["figures"] == {
        "opening_fen": 0,
        "taken_fen": 12_000,
        "handed_in_fen": 11_950,
        "difference_fen": -50,
        "deposited_fen": 11_000,
        "floats_fen": 0,
        "remitted_fen": 0,
        "closing_fen": 950,
    }
    auditor = desk.world.staff[Role.AUDITOR]
    [place] = (await desk.get("standing", auditor, by="station"))["items"]
    assert (place["held_fen"], place["last_closed_date"]) == (950, str(TODAY))


def hand(desk: Counter) -> str:
    """The ledger account of the first deliverer's cash."""
    return f"cash:{desk.world.deliverers[0]}"


async def test_a_double_click_counts_once(desk: Counter) -> None:
    body = {"deliverer": desk.deliverer(), "due_fen": 12_000, "counted_fen": 12_000}
    headers = desk.manager.headers | once()
    answers = [await desk.client.post("/cash/hand-ins", json=body, headers=headers) for _ in "12"]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    before = await desk.count()
    assert before[0] == 1
    again = await desk.refuse(await desk.hand_in(12_000), "deliverer_holds_less", before)
    assert again["held_fen"] == 0
    async with desk.database.transaction() as session:
        await session.execute(delete(IdempotencyKey))
    late = await desk.client.post("/cash/hand-ins", json=body, headers=headers)
    assert late.json() == answers[0].json()
    assert await desk.count() == before
    async with desk.database.transaction() as session:
        await session.execute(delete(IdempotencyKey))
    other = await desk.client.post(
        "/cash/hand-ins", json=body | {"due_fen": 1, "counted_fen": 1}, headers=headers
    )
    await desk.refuse(other, "idempotency_key_reused", before)
    keyless = await desk.client.post("/cash/hand-ins", json=body, headers=desk.manager.headers)
    await desk.refuse(keyless, "idempotency_key_missing", before)


async def test_more_than_the_books_say(desk: Counter) -> None:
    before = await desk.count()
    above = await desk.refuse(await desk.hand_in(12_001), "deliverer_holds_less", before)
    assert above["held_fen"] == 12_000
    silent = await desk.hand_in(12_000, 12_500)
    await desk.refuse(silent, "difference_reason_missing", before)
    await desk.refuse(await desk.hand_in(0), "nothing_handed_in", before)
    over = await desk.hand_in(12_000, 12_500, reason="多收一户，待查")
    assert (over.status_code, over.json()["difference_fen"]) == (201, 500)
    assert await desk.held() == 0
    safe = f"cash:station:{desk.world.station_id}"
    assert ("cash_surplus", safe, "cash_difference", 500) in await booked(desk.database, HOUSE)


async def test_a_large_difference_waits_for_a_second_person(desk: Counter) -> None:
    waiting = (await desk.hand_in(12_000, 10_999, reason="路上遗失")).json()
    assert (waiting["state"], waiting["booked_date"]) == ("waiting", None)
    assert await desk.held() == 12_000
    before = await desk.count()
    path = f"hand-ins/{waiting['id']}"
    await desk.refuse(await desk.act(f"{path}/approve"), "another_person_needed", before)
    await desk.refuse(await desk.hand_in(100), "hand_in_waits", before)
    unfinished = await desk.refuse(await desk.day("close"), "cash_day_unfinished", before)
    assert (unfinished["waiting"], unfinished["unconfirmed"]) == (1, 0)
    done = await desk.act(f"{path}/approve", by=desk.finance)
    assert (done.status_code, done.json()["state"]) == (200, "booked")
    assert await desk.held() == 0
    before = await desk.count()
    again = await desk.act(f"{path}/approve", by=desk.finance)
    await desk.refuse(again, "move_not_allowed", before)

    limit = await desk.client.put(
        "/cash/difference-limits",
        json={"limit_fen": 0},
        headers=desk.world.staff[Role.MANAGER].headers,
    )
    assert (limit.status_code, limit.json()["items"][0]["limit_fen"]) == (200, 0)
    found = await desk.hand_in(0, 1, reason="捡到一分")
    assert found.json()["state"] == "waiting"
    dropped = await desk.act(f"hand-ins/{found.json()['id']}/cancel", {"reason": "不是奶款"})
    assert (dropped.status_code, dropped.json()["state"]) == (200, "cancelled")


async def test_what_was_counted_wrongly_is_taken_back(desk: Counter) -> None:
    counted = (await desk.hand_in(12_000, 11_000, reason="数错", is_signed=True)).json()
    slip = (await desk.bank(11_000)).json()
    before = await desk.count()
    path = f"hand-ins/{counted['id']}/cancel"
    gone = await desk.act(path, {"reason": "重数"})
    await desk.refuse(gone, "station_holds_less", before)
    undone = await desk.act(f"bank-deposits/{slip['id']}/cancel", {"reason": "单号抄错"})
    assert undone.json()["cancel_reason"] == "单号抄错"
    twice = await desk.act(f"bank-deposits/{slip['id']}/cancel", {"reason": "再来"})
    assert twice.json()["code"] == "bank_deposit_cancelled"
    back = await desk.act(path, {"reason": "重数"})
    assert (back.status_code, back.json()["state"]) == (200, "cancelled")
    assert (await desk.act(path, {"reason": "再来"})).json()["code"] == "move_not_allowed"
    assert await desk.held() == 12_000
    listed = await desk.client.get("/cash-held", headers=desk.finance.headers)
    assert [one["handed_in_fen"] for one in listed.json()["items"]] == [0]
    assert (await desk.hand_in(12_000)).json()["receipt_no"] == "ST01-2026-000002"
    assert (await desk.bank(12_000)).status_code == 201
    day = await desk.get(f"days/{desk.station}/{TODAY}")
    assert (day["figures"]["difference_fen"], day["figures"]["closing_fen"]) == (0, 0)


async def test_a_closed_day_is_reopened_by_finance_alone(desk: Counter, clock: SetClock) -> None:
    early = (await desk.hand_in(9_000, is_signed=True)).json()
    assert (await desk.day("close")).status_code == 200
    before = await desk.count()
    for late in (
        await desk.hand_in(3_000),
        await desk.bank(9_000),
        await desk.act(f"hand-ins/{early['id']}/cancel", {"reason": "晚了"}),
    ):
        await desk.refuse(late, "cash_day_closed", before)
    await desk.refuse(await desk.day("close"), "move_not_allowed", before)
    silent = await desk.day("reopen", by=desk.finance)
    assert silent.status_code == 422
    await desk.refuse(await desk.day("reopen", reason="补交"), "forbidden", before)
    reopened = await desk.day("reopen", by=desk.finance, reason="送奶员下午补交")
    assert (reopened.status_code, reopened.json()["state"]) == (200, "open")
    assert (await desk.hand_in(3_000, is_signed=True)).status_code == 201
    closed = (await desk.day("close")).json()
    assert closed["figures"]["closing_fen"] == 12_000
    assert [
        (move["to_state"], move["reason"], move["figures"]["closing_fen"])
        for move in closed["moves"]
    ] == [
        ("closed", None, 9_000),
        ("open", "送奶员下午补交", 9_000),
        ("closed", None, 12_000),
    ]
    clock.set(MORNING + timedelta(days=1))
    assert (await desk.bank(12_000, "6230-002")).status_code == 201
    tomorrow = TODAY + timedelta(days=1)
    day = await desk.get(f"days/{desk.station}/{tomorrow}")
    assert (day["figures"]["opening_fen"], day["figures"]["closing_fen"]) == (12_000, 0)
    listed = (await desk.get("days"))["items"]
    assert [(one["date"], one["state"]) for one in listed] == [
        (tomorrow.isoformat(), "open"),
        (TODAY.isoformat(), "closed"),
    ]


async def test_another_station_s_cash_is_not_there(desk: Counter) -> None:
    counted = (await desk.hand_in(9_000)).json()
    slip = (await desk.bank(5_000)).json()
    async with desk.database.transaction() as session:
        place = Station(
            id=desk.world.vehicle_id,
            code="ST02",
            name="闵行奶站",
            city_code="310000",
            created_at=MORNING,
        )
        session.add(place)
        await session.flush()
        stranger = await desk.world.add_staff(session, Role.STATION_MANAGER, station_id=place.id)
    before = await desk.count()
    day = f"days/{desk.station}/{TODAY}"
    for path, body in (
        ("hand-ins", {"deliverer": desk.deliverer(), "due_fen": 10, "counted_fen": 10}),
        (f"hand-ins/{counted['id']}/approve", None),
        (f"hand-ins/{counted['id']}/confirm", None),
        (f"hand-ins/{counted['id']}/cancel", {"reason": "x"}),
        (f"bank-deposits/{slip['id']}/cancel", {"reason": "x"}),
        (f"{day}/close", None),
    ):
        answer = await desk.act(path, body, by=stranger)
        assert answer.status_code == 404, path
    assert await desk.count() == before
    for path in ("hand-ins", "bank-deposits", "days", "standing"):
        assert (await desk.get(path, stranger))["items"] == []
        named = {"station": desk.station}
        foreign = await desk.client.get(f"/cash/{path}", headers=stranger.headers, params=named)
        assert foreign.status_code == 404, path
    nameless = await desk.hand_in(10, by=desk.finance)
    await desk.refuse(nameless, "station_missing", before)
    theirs = await desk.hand_in(10, by=desk.finance, station=public_single("stn", place.id))
    await desk.refuse(theirs, "deliverer_not_found", before)
    own = await desk.get("hand-ins", desk.world.deliverer_staff[0])
    assert [one["id"] for one in own["items"]] == [counted["id"]]
    assert (await desk.get("hand-ins", desk.world.deliverer_staff[1]))["items"] == []


async def test_lists_come_in_pages(desk: Counter) -> None:
    async with desk.database.transaction() as session:
        await take_cash(
            session,
            desk.world.household,
            collector_id=desk.world.deliverers[1],
            receipt_no="A-0003",
        )
    for due in (1_000, 2_000, 3_000):
        assert (await desk.hand_in(due)).status_code == 201
        assert (await desk.bank(due, f"B-{due}")).status_code == 201
    for path, query in (
        ("hand-ins", {"state": "booked", "date": TODAY.isoformat()}),
        ("bank-deposits", {}),
        ("standing", {}),
        ("standing", {"by": "customer"}),
    ):
        whole = (await desk.get(path, None, **query))["items"]
        assert len(whole) >= 2
        paged, cursor = [], None
        for _ in range(len(whole) + 1):
            asked = query if cursor is None else query | {"cursor": cursor}
            page = await desk.get(path, None, limit=1, **asked)
            paged += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert paged == whole, path
    bad = {"by": "customer", "cursor": cursor_of("x")}
    answer = await desk.client.get("/cash/standing", headers=desk.finance.headers, params=bad)
    assert answer.json()["code"] == "bad_cursor"


async def test_numbers_begin_anew_with_the_year_in_shanghai(desk: Counter, clock: SetClock) -> None:
    clock.set(local_instant(date(2026, 12, 31), time(23, 59, 59)))
    assert (await desk.hand_in(1_000)).json()["receipt_no"] == "ST01-2026-000001"
    clock.set(local_instant(date(2027, 1, 1), time()))
    first = (await desk.hand_in(2_000)).json()
    assert (first["receipt_no"], first["booked_date"]) == ("ST01-2027-000001", "2027-01-01")


async def test_no_number_is_left_out(desk: Counter) -> None:
    for due in (1_000, 2_000):
        await desk.hand_in(due)
    for attempt in (
        "UPDATE cash_hand_ins SET receipt_no = 4, previous_no = 3 WHERE receipt_no = 2",
        "UPDATE cash_hand_ins SET receipt_no = 4 WHERE receipt_no = 2",
        "DELETE FROM cash_hand_ins WHERE receipt_no = 1",
        "UPDATE cash_hand_ins SET counted_fen = due_fen - 1",
        "UPDATE cash_hand_ins SET approved_by = counted_by, approved_at = counted_at",
    ):
        with pytest.raises(DBAPIError):
            async with desk.database.transaction() as session:
                await session.execute(text(attempt))
    async with desk.database.transaction() as session:
        assert list(
            await session.scalars(select(HandIn.receipt_no).order_by(HandIn.receipt_no))
        ) == [1, 2]
        assert await session.scalar(select(func.count()).select_from(CashDay)) == 1
