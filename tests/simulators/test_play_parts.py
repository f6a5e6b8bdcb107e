"""The parts of the player: chance, the agenda's order, patience with the product, which morning."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import httpx
import pytest

from app.core.clock import local_date, local_instant, wall_now
from simulators.city.play.agenda import Agenda
from simulators.city.play.api import Api, GaveUp, Refused
from simulators.city.play.clock import TownClock
from simulators.city.play.player import Cast, Player, Wishes
from simulators.city.play.script import made_id, network_at, write_round

DAY = timedelta(days=1)
ON = date(2026, 3, 16)
Answer = Callable[[httpx.Request], httpx.Response]


def stops(count: int, *, quantity: int = 2) -> list[dict[str, Any]]:
    due = {"line_id": "lin_1", "delivery_no": 0, "quantity": quantity, "status": "planned"}
    return [{"stop": f"adr_{n}", "deliveries": [due]} for n in range(count)]


def test_a_round_is_drawn_the_same_every_time_and_reads_like_one() -> None:
    start = local_instant(ON, time(4, 0))
    taps = write_round(1, ON, "blk_1", stops(2000), not_before=start)
    assert taps == write_round(1, ON, "blk_1", stops(2000), not_before=start)
    assert taps != write_round(2, ON, "blk_1", stops(2000), not_before=start)
    assert [tap.at for tap in taps] == sorted(tap.at for tap in taps)
    assert taps[0].at >= start
    assert {tap.outcome for tap in taps} == {"delivered", "not_delivered"}
    assert all(tap.reason for tap in taps if tap.outcome == "not_delivered")
    assert {tap.short for tap in taps} == {None, ("lin_1", 0, 1)}
    assert any(tap.note is not None for tap in taps)
    ids = [event["event_id"] for tap in taps for event in tap.events(1, ON)]
    assert len(set(ids)) == len(ids) > len(taps)


def test_a_door_that_is_done_or_has_one_bottle_left_is_not_made_short() -> None:
    start = local_instant(ON, time(4, 0))
    taps = write_round(1, ON, "blk_1", stops(2000, quantity=1), not_before=start)
    assert all(tap.short is None for tap in taps)
    done = stops(1)
    done[0]["deliveries"] = [done[0]["deliveries"][0] | {"status": "delivered"}]
    assert write_round(1, ON, "blk_1", done, not_before=start)[0].events(1, ON) == []


def test_ids_are_those_of_a_phone() -> None:
    assert made_id(1, ON, "a") == made_id(1, ON, "a") != made_id(1, ON, "b")
    assert made_id(1, ON, "a").version == 7


def test_half_the_phones_are_offline_when_they_are_to_be() -> None:
    logins = [f"d{n:04}" for n in range(200)]
    offline = [network_at(1, ON, login, phones_offline=True) for login in logins]
    seven = local_instant(ON, time(7, 0))
    assert 60 < sum(at is not None and at > seven for at in offline) < 140
    usual = [network_at(1, ON, login, phones_offline=False) for login in logins]
    assert 5 < sum(at is not None for at in usual) < 40
    assert all(at is None or at < seven for at in usual)


def api(answer: Answer, *, patience: float = 5.0) -> Api:
    http = httpx.AsyncClient(base_url="http://test", transport=httpx.MockTransport(answer))
    return Api(http, {"admin": "secret"}, patience=patience)


async def test_a_product_that_restarts_is_asked_again_with_the_same_key() -> None:
    seen: list[str] = []
    answers: Iterator[httpx.ConnectError | httpx.Response] = iter(
        (
            httpx.ConnectError("gone"),
            httpx.Response(503, json={"code": "unavailable"}),
            httpx.Response(409, json={"code": "still_running"}),
            httpx.Response(429, headers={"Retry-After": "1"}),
            httpx.Response(201, json={"id": 1}),
        )
    )

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Idempotency-Key"])
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    assert await api(answer).post("/x", {}, key="once-only") == {"id": 1}
    assert seen == ["once-only"] * 5


async def test_a_login_that_ran_out_is_renewed_once() -> None:
    logins = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal logins
        if request.url.path == "/auth/login":
            logins += 1
            return httpx.Response(200, json={"access_token": f"t{logins}"})
        fresh = request.headers["Authorization"] == "Bearer t2"
        return httpx.Response(200 if fresh else 401, json={"code": "not_authenticated"})

    await api(answer).get("/x", who="admin")
    assert logins == 2


async def test_a_no_is_a_no_and_silence_ends() -> None:
    with pytest.raises(Refused, match="409 move_not_allowed"):
        await api(lambda _: httpx.Response(409, json={"code": "move_not_allowed"})).post("/x")
    with pytest.raises(Refused, match="429"):
        await api(lambda _: httpx.Response(429, headers={"Retry-After": "600"})).post("/x")
    with pytest.raises(GaveUp):
        await api(lambda _: httpx.Response(502), patience=0).get("/x")


def standing_clock(at: datetime, *, moved_at: datetime | None = None) -> Answer:
    """A product whose clock stands where it is put, and knows nothing else."""
    shown = {"at": at, "moved_at": moved_at}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/auth/login"):
            return httpx.Response(200, json={"access_token": "t"})
        if request.method == "POST":
            said = httpx.Response(200, content=request.content).json()
            shown["at"] = datetime.fromisoformat(said.get("at") or str(shown["at"]))
        moved = shown["moved_at"]
        return httpx.Response(
            200,
            json={
                "at": str(shown["at"]),
                "speed": 0,
                "moved_at": None if moved is None else str(moved),
            },
        )

    return answer


async def test_what_comes_later_in_a_chain_waits_and_an_act_waits_for_all() -> None:
    told: list[str] = []
    start = local_instant(ON, time(4, 0))
    clock = TownClock(api(standing_clock(start)), speed=0, settle_seconds=0)
    await clock.read()
    agenda = Agenda(told.append)

    def step(name: str, *, pauses: int = 0) -> Callable[[], Any]:
        async def work() -> None:
            for _ in range(pauses):
                await asyncio.sleep(0)
            told.append(name)
            if name == "refused":
                raise GaveUp("nobody there")

        return work

    agenda.put(start + timedelta(minutes=2), "late", step("late"), chain="van")
    agenda.put(start + timedelta(minutes=1), "early", step("early", pauses=20), chain="van")
    agenda.put(start + timedelta(minutes=1), "refused", step("refused"))
    agenda.put(start + timedelta(minutes=3), "act", step("act"), is_next_act=True)
    await agenda.run(clock, ends_at=start + timedelta(minutes=30))
    assert told.index("early") < told.index("late") < told.index("act")
    assert agenda.failures == ["refused: nobody there"]
    assert clock.now() >= start + timedelta(minutes=30)


NOON, DAWN, NIGHT = time(12, 0), time(5, 0), time(0, 30)


@pytest.mark.parametrize(
    ("at", "ahead_days", "moved_today", "expected_days"),
    [
        (NOON, 0, None, 1),
        (DAWN, 0, None, 0),
        (NIGHT, 0, None, 0),
        (NOON, 1, True, None),
        (DAWN, 1, True, 0),
        (NOON, 1, False, 1),
        (NOON, 0, True, 1),
    ],
)
async def test_one_morning_a_wall_day(
    at: time, ahead_days: int, moved_today: bool | None, expected_days: int | None
) -> None:
    """A second start goes on with what is unfinished, or leaves the clock alone."""
    wall = wall_now()
    today = local_date(wall) + ahead_days * DAY
    moved_at = None if moved_today is None else wall if moved_today else wall - 2 * DAY
    http = httpx.AsyncClient(
        base_url="http://test",
        transport=httpx.MockTransport(standing_clock(local_instant(today, at), moved_at=moved_at)),
    )
    player = Player(
        product=http,
        channels=http,
        cast=Cast({"admin": "secret"}, (), None),
        wishes=Wishes(once_a_day=True),
    )
    found = player.next_morning(await player.clock.read())
    assert found == (None if expected_days is None else today + expected_days * DAY)
