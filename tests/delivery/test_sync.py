"""Phones report the morning: late, twice, shuffled, wrong. Each event counts once."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from app.core.ids import new_id, public_pair
from app.delivery.models import DeliveryStatus, RouteSheet, StopState, SyncEvent
from tests.delivery.conftest import AT_THE_DOOR, CountStatements, Round
from tests.factories.delivery import TOMORROW, RunningLine, stop_done

MINUTE = timedelta(minutes=1)


def tap(
    morning: Round, line: RunningLine, at: datetime = AT_THE_DOOR, **more: Any
) -> dict[str, Any]:
    """A tap at a door at a business instant, as the phone writes it down."""
    return stop_done(line, device_at=morning.phone_time(at), **more)


async def kept(morning: Round) -> int:
    async with morning.database.transaction() as session:
        return int(await session.scalar(select(func.count()).select_from(SyncEvent)) or 0)


async def test_a_tap_makes_the_stop_at_the_time_of_the_tap(morning: Round) -> None:
    answers = await morning.send(
        tap(morning, morning.milk, celsius=4.5), tap(morning, morning.neighbour, bulk=True)
    )
    assert [answer["status"] for answer in answers] == ["accepted", "accepted"]
    milk, yogurt = await morning.delivery(morning.milk), await morning.delivery(morning.yogurt)
    assert (milk.status, milk.quantity_delivered) == (DeliveryStatus.DELIVERED, 2)
    assert (yogurt.status, yogurt.quantity_delivered) == (DeliveryStatus.DELIVERED, 1)
    assert milk.done_at == AT_THE_DOOR
    assert milk.recorded_at == morning.clock.now()
    assert (milk.celsius, milk.bulk_marked) == (Decimal("4.5"), False)
    assert str(milk.event_id) == answers[0]["event_id"]
    stop = await morning.stop(morning.milk)
    assert (stop.state, stop.made_at, stop.bulk_marked) == (StopState.MADE, AT_THE_DOOR, False)
    beside = await morning.stop(morning.neighbour)
    assert (beside.state, beside.bulk_marked) == (StopState.MADE, True)
    assert (await morning.stop(morning.foreign)).state is StopState.PLANNED


@pytest.mark.parametrize(
    "wrong_by", [timedelta(hours=-9), timedelta(minutes=3), timedelta(days=400)]
)
async def test_a_phone_s_wrong_clock_is_corrected(morning: Round, wrong_by: timedelta) -> None:
    event = tap(morning, morning.milk)
    event["device_at"] = (datetime.fromisoformat(event["device_at"]) + wrong_by).isoformat()
    answer = await morning.post(event, sent_at=morning.sent_at + wrong_by)
    assert answer.json()["answers"][0]["status"] == "accepted"
    assert abs(answer.json()["clock_offset_ms"] + wrong_by / timedelta(milliseconds=1)) < 60_000
    assert (await morning.delivery(morning.milk)).done_at == AT_THE_DOOR


async def test_a_repeated_batch_gets_the_same_answers_and_changes_nothing(morning: Round) -> None:
    events = [tap(morning, morning.milk), tap(morning, morning.foreign)]
    first = await morning.send(*events)
    before = await morning.delivery(morning.milk)
    morning.clock.set(morning.clock.now() + timedelta(hours=30))
    again = await morning.send(*events, sent_at=morning.sent_at + timedelta(hours=30))
    assert [answer["status"] for answer in first] == ["accepted", "refused"]
    assert [answer["status"] for answer in again] == ["duplicate", "refused"]
    assert [answer["repeated"] for answer in again] == [True, True]
    assert again[1]["code"] == first[1]["code"] == "not_your_route"
    after = await morning.delivery(morning.milk)
    assert (after.done_at, after.recorded_at) == (before.done_at, before.recorded_at)
    assert await kept(morning) == 2


async def test_one_event_twice_in_a_batch_counts_once(morning: Round) -> None:
    event = tap(morning, morning.milk)
    answers = await morning.send(event, event, {**event, "bulk": True})
    assert [answer["status"] for answer in answers] == ["accepted", "duplicate", "refused"]
    assert answers[2]["code"] == "event_id_reused"
    assert await kept(morning) == 1
    later = await morning.send({**event, "outcome": "not_delivered", "reason": "no_box"})
    assert (later[0]["status"], later[0]["code"]) == ("refused", "event_id_reused")
    assert (await morning.delivery(morning.milk)).status is DeliveryStatus.DELIVERED


async def test_each_bad_event_is_refused_by_itself(morning: Round) -> None:
    good = tap(morning, morning.neighbour)
    nobody = public_pair("adr", new_id(), new_id())
    bad: list[tuple[str, Any]] = [
        ("malformed_event", {}),
        ("malformed_event", {"kind": "stop_done", "event_id": "7", "device_at": "today"}),
        ("malformed_event", tap(morning, morning.milk, outcome="eaten")),
        ("malformed_event", tap(morning, morning.milk, surprise=1)),
        ("malformed_event", tap(morning, morning.milk) | {"\x00": 1}),
        ("malformed_event", tap(morning, morning.milk) | {f"f{n}": n for n in range(300)}),
        ("malformed_event", tap(morning, morning.milk, outcome="not_delivered")),
        ("malformed_event", tap(morning, morning.milk, stop="adr_" + "z" * 52)),
        ("malformed_event", tap(morning, morning.milk, stop="adr_" + "a" * 51 + "\ud800")),
        ("malformed_event", tap(morning, morning.milk) | {"kind": "dance"}),
        ("device_time_impossible", tap(morning, morning.milk, at=morning.clock.now() + 2 * MINUTE)),
        (
            "too_old",
            tap(morning, morning.milk, at=morning.clock.now() - timedelta(days=14, minutes=1)),
        ),
        ("unknown_stop", tap(morning, morning.milk, stop=nobody)),
        ("unknown_stop", tap(morning, morning.milk, service_date=TOMORROW - timedelta(days=1))),
        ("unknown_stop", tap(morning, morning.milk, service_date=TOMORROW + timedelta(days=9))),
        ("unknown_stop", tap(morning, morning.milk, service_date=TOMORROW - timedelta(days=900))),
        ("not_due_yet", tap(morning, morning.milk, at=AT_THE_DOOR - timedelta(hours=5))),
        ("not_your_route", tap(morning, morning.foreign)),
        ("bottles_differ", tap(morning, morning.milk, bottles=2)),
        ("reason_missing", tap(morning, morning.milk, deliveries=[brought(morning.milk, 1)])),
        ("too_many_bottles", tap(morning, morning.milk, deliveries=[brought(morning.milk, 3)])),
        (
            "unknown_delivery",
            tap(morning, morning.milk, deliveries=[brought(morning.neighbour, 1)]),
        ),
    ]
    answers = await morning.send(*(event for _, event in bad), good)
    assert [answer["code"] for answer in answers[:-1]] == [code for code, _ in bad]
    assert {answer["status"] for answer in answers[:-1]} == {"refused"}
    assert answers[-1]["status"] == "accepted"
    assert (await morning.delivery(morning.milk)).status is DeliveryStatus.PLANNED
    assert (await morning.delivery(morning.foreign)).status is DeliveryStatus.PLANNED
    assert (await morning.delivery(morning.neighbour)).status is DeliveryStatus.DELIVERED
    assert await kept(morning) == 13


def brought(line: RunningLine, bottles: int) -> dict[str, Any]:
    return {"line": line.public_id, "delivered_quantity": bottles}


@pytest.mark.parametrize(
    "body",
    [
        {"sent_at": "2026-03-15T10:00:00", "events": []},
        {"sent_at": "2026-03-15T10:00:00+08:00", "events": []},
        {"sent_at": "2026-03-15T10:00:00+08:00", "events": [1]},
        {"sent_at": "2026-03-15T10:00:00+08:00", "events": [{}] * 201},
        {"events": [{}]},
    ],
)
async def test_a_batch_that_is_none_is_refused_as_a_whole(
    morning: Round, body: dict[str, Any]
) -> None:
    answer = await morning.client.post(
        "/sync",
        json={"batch_id": str(new_id()), **body},
        headers=morning.world.deliverer_staff[0].headers,
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_short_and_undelivered_lines_keep_their_reason(morning: Round) -> None:
    await morning.send(
        tap(
            morning,
            morning.milk,
            deliveries=[brought(morning.milk, 1), brought(morning.yogurt, 0)],
            reason="milk_short",
        ),
        tap(morning, morning.neighbour, outcome="not_delivered", reason="locked_gate"),
    )
    milk, yogurt = await morning.delivery(morning.milk), await morning.delivery(morning.yogurt)
    assert (milk.status, milk.quantity_delivered, milk.our_fault) == (DeliveryStatus.SHORT, 1, True)
    assert (yogurt.status, yogurt.reason) == (DeliveryStatus.FAILED, "milk_short")
    beside = await morning.delivery(morning.neighbour)
    assert (beside.status, beside.our_fault) == (DeliveryStatus.FAILED, False)
    stop = await morning.stop(morning.milk)
    assert (stop.state, stop.made_at) == (StopState.PARTLY, None)
    assert (await morning.stop(morning.neighbour)).state is StopState.FAILED


async def test_fewer_bottles_of_the_only_line_need_no_list(morning: Round) -> None:
    await morning.send(tap(morning, morning.neighbour, bottles=0, reason="milk_damaged"))
    found = await morning.delivery(morning.neighbour)
    assert (found.status, found.reason) == (DeliveryStatus.FAILED, "milk_damaged")


async def test_the_later_device_time_wins_in_any_order_of_arrival(morning: Round) -> None:
    first = tap(morning, morning.milk, at=AT_THE_DOOR)
    second = tap(
        morning, morning.milk, at=AT_THE_DOOR + MINUTE, outcome="not_delivered", reason="no_box",
        kind="correction", corrects=first["event_id"],
    )  # fmt: skip
    answers = await morning.send(second) + await morning.send(first)
    assert [answer["status"] for answer in answers] == ["accepted", "accepted"]
    found = await morning.delivery(morning.milk)
    assert (found.status, found.done_at) == (DeliveryStatus.FAILED, AT_THE_DOOR + MINUTE)
    assert (await morning.stop(morning.milk)).state is StopState.FAILED
    assert await kept(morning) == 2


outcomes = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["full", "short", "none"]), st.booleans()),
    min_size=1,
    max_size=5,
)


@given(outcomes, st.randoms(use_true_random=False))
async def test_shuffled_repeated_and_split_uploads_end_alike(
    morning: Round, drawn: list[tuple[int, str, bool]], chance: random.Random
) -> None:
    """Whatever the network does to a phone's events, the last one said is what stands."""
    events = []
    for minute, outcome, bulk in drawn:
        facts: dict[str, Any] = {"bulk": bulk}
        if outcome == "short":
            facts |= {"deliveries": [brought(morning.milk, 1)], "reason": "other"}
        elif outcome == "none":
            facts |= {"outcome": "not_delivered", "reason": "other"}
        events.append(tap(morning, morning.milk, at=AT_THE_DOOR + minute * MINUTE, **facts))
    last = max(events, key=lambda event: (event["device_at"], event["event_id"]))
    uploads = events + chance.choices(events, k=2)
    chance.shuffle(uploads)
    async with morning.database.connection() as connection:
        example = await connection.begin_nested()
        try:
            size = chance.randint(1, len(uploads))
            for start in range(0, len(uploads), size):
                await morning.send(*uploads[start : start + size])
            milk, stop = await morning.delivery(morning.milk), await morning.stop(morning.milk)
        finally:
            await example.rollback()
    assert str(milk.event_id) == last["event_id"]
    assert milk.bulk_marked == stop.bulk_marked == last["bulk"]
    if last["outcome"] == "not_delivered":
        assert (milk.status, stop.state) == (DeliveryStatus.FAILED, StopState.FAILED)
    elif last.get("deliveries"):
        assert (milk.status, stop.state) == (DeliveryStatus.SHORT, StopState.PARTLY)
    else:
        assert (milk.status, stop.state) == (DeliveryStatus.DELIVERED, StopState.MADE)


async def test_two_phones_on_one_round(morning: Round) -> None:
    """A stand-in takes over; what was made before keeps who made it, both may report."""
    await morning.send(tap(morning, morning.neighbour))
    async with morning.database.transaction() as session:
        await session.execute(
            update(RouteSheet)
            .where(RouteSheet.block_id == morning.world.blocks[0])
            .values(deliverer_id=morning.world.deliverers[1])
        )
    stand_in = await morning.send(tap(morning, morning.milk, at=AT_THE_DOOR + MINUTE), deliverer=1)
    owner = await morning.send(tap(morning, morning.milk, at=AT_THE_DOOR))
    assert [stand_in[0]["status"], owner[0]["status"]] == ["accepted", "accepted"]
    milk = await morning.delivery(morning.milk)
    assert (milk.done_at, milk.deliverer_id) == (AT_THE_DOOR + MINUTE, morning.world.deliverers[1])
    assert (await morning.stop(morning.milk)).deliverer_id == morning.world.deliverers[1]
    assert (await morning.delivery(morning.neighbour)).deliverer_id == morning.world.deliverers[0]


async def test_a_temperature_note_stays_with_the_deliveries(morning: Round) -> None:
    note = tap(morning, morning.milk) | {"kind": "temperature_note", "celsius": 5.5}
    del note["outcome"]
    assert (await morning.send(note))[0]["status"] == "accepted"
    found = await morning.delivery(morning.yogurt)
    assert (found.celsius, found.status) == (Decimal("5.5"), DeliveryStatus.PLANNED)
    await morning.send(tap(morning, morning.milk))
    assert (await morning.delivery(morning.milk)).celsius == Decimal("5.5")


async def test_a_large_batch_takes_as_many_statements_as_a_small_one(
    morning: Round, count_statements: CountStatements
) -> None:
    def corrections(count: int) -> list[dict[str, Any]]:
        return [
            tap(morning, morning.milk, at=AT_THE_DOOR + MINUTE + number * timedelta(seconds=1))
            for number in range(count)
        ]

    counts = []
    for size in (1, 1, 90):
        with count_statements() as statements:
            await morning.send(*corrections(size), tap(morning, morning.neighbour))
        counts.append(len(statements))
    assert counts[1] == counts[2]


async def test_only_deliverers_may_sync(morning: Round) -> None:
    for caller in (morning.world.household.headers, {}):
        answer = await morning.client.post("/sync", json={}, headers=caller)
        assert answer.status_code in {401, 403}
